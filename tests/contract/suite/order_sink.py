"""What every `OrderSink` promises."""

import threading
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from s2s_pipelines.errors import ContractViolation, OrderRejected, S2SError, TransientError, UncertainOutcomeError
from s2s_pipelines.model.order import Address, Document, DocumentLine, Receipt
from tests.contract.suite import OrderSinkHarness, requires
from tests.contract.suite.source import assert_keeps_secrets, error_texts

PERSONAL = ("nomvula.testbuyer@example.com", "+27 00 000 0000", "Testbuyer", "12 Invented Road")


def document(harness: OrderSinkHarness, reference: str = "SHOP-1042-ERP") -> Document:
    """A document that the target takes: three lines, one of them untaxed, odd cents, a quote in the text."""
    lines = (
        DocumentLine(
            1, "item", harness.skus[0], "", "Tent 'two persons'", 2, Decimal("347.82"), Decimal("52.17"), Decimal(15)
        ),
        DocumentLine(
            2, "item", harness.skus[1], "", "Rope; 10 m -- ✓", 3, Decimal("0.30"), Decimal("0.05"), Decimal(15)
        ),
        DocumentLine(3, "item", harness.skus[2], "", "Seed", 1, Decimal("19.99"), Decimal("0.00"), Decimal(0)),
    )
    return Document(
        reference=reference[: harness.manifest.reference_length],
        kind=harness.manifest.document_kinds[0],
        client="karoo_outdoor",
        channel="shop",
        channel_order_code="1042",
        order_number="1042",
        source="erp",
        source_customer_code=harness.customer_code,
        date_on=date(2026, 11, 21),
        currency="ZAR",
        lines=lines,
        email=PERSONAL[0],
        phone=PERSONAL[1],
        shipping=Address(first_name="Nomvula", last_name=PERSONAL[2], address1=PERSONAL[3]),
    )


def the_only(harness: OrderSinkHarness, reference: str) -> str:
    """The number of the one document under a reference."""
    found = harness.stored(reference)
    assert len(found) == 1, f"{len(found)} documents under {reference}"
    return found[0].number


class OrderSinkContract:
    """One method per promise; each takes the harness and nothing else."""

    def test_unknown_reference_is_certainly_absent(self, harness: OrderSinkHarness) -> None:
        assert harness.sink().find("SHOP-404-ERP") is None

    def test_raised_document_stands_there_once_and_whole(self, harness: OrderSinkHarness) -> None:
        wanted = document(harness)
        receipt = harness.sink().raise_order(wanted)
        assert len(harness.stored(wanted.reference)) == 1
        stored = harness.stored(wanted.reference)[0]
        assert stored.number == receipt.source_order_code
        assert stored.customer_code == wanted.source_customer_code
        assert [(line.sku, line.qty) for line in stored.lines] == [
            (line.sku, Decimal(line.qty)) for line in wanted.lines
        ]
        assert [line.total for line in stored.lines] == [line.total for line in wanted.lines]
        assert harness.written() == (1, 3)

    def test_receipt_says_number_total_and_time(self, harness: OrderSinkHarness) -> None:
        wanted = document(harness)
        receipt = harness.sink().raise_order(wanted)
        assert receipt.reference == wanted.reference
        assert receipt.source_order_code.strip()
        assert receipt.total in (None, wanted.total)
        assert receipt.raised_at.tzinfo is not None
        assert receipt.was_found is False

    def test_second_raise_returns_first_receipt(self, harness: OrderSinkHarness) -> None:
        wanted = document(harness)
        sink = harness.sink()
        receipts = [sink.raise_order(wanted), sink.raise_order(wanted), harness.sink().raise_order(wanted)]
        assert {receipt.source_order_code for receipt in receipts} == {the_only(harness, wanted.reference)}
        assert [receipt.was_found for receipt in receipts] == [False, True, True]
        assert harness.written() == (1, 3)

    def test_find_returns_the_receipt_of_what_was_raised(self, harness: OrderSinkHarness) -> None:
        wanted = document(harness)
        raised = harness.sink().raise_order(wanted)
        found = harness.sink().find(wanted.reference)
        assert found is not None
        assert (found.reference, found.source_order_code) == (raised.reference, raised.source_order_code)
        assert found.total == raised.total
        assert found.raised_at.tzinfo is not None
        assert found.was_found is True

    def test_references_are_told_apart(self, harness: OrderSinkHarness) -> None:
        sink = harness.sink()
        first = sink.raise_order(document(harness, "SHOP-1-ERP"))
        assert sink.find("SHOP-1") is None
        assert sink.find("SHOP-1-ERP2") is None
        assert sink.find("SHOP_1_ERP") is None
        assert sink.find("SHOP%") is None
        second = sink.raise_order(document(harness, "SHOP-11-ERP"))
        assert first.source_order_code != second.source_order_code
        assert harness.written() == (2, 6)

    def test_raising_at_once_from_two_threads_makes_one_document(self, harness: OrderSinkHarness) -> None:
        for attempt in range(3):
            wanted = document(harness, f"SHOP-2{attempt}-ERP")
            barrier = threading.Barrier(2)
            receipts: list[Receipt] = []
            errors: list[BaseException] = []

            def raise_it(wanted: Document = wanted, barrier: threading.Barrier = barrier) -> None:
                sink = harness.sink()
                barrier.wait(30)
                try:
                    receipts.append(sink.raise_order(wanted))  # noqa: B023 - joined before the loop goes on
                except BaseException as error:
                    errors.append(error)  # noqa: B023

            threads = [threading.Thread(target=raise_it) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            # A loser may be told to come back later, but not that it failed or that nobody knows.
            assert all(isinstance(error, TransientError) for error in errors), errors
            assert receipts
            number = the_only(harness, wanted.reference)
            assert {receipt.source_order_code for receipt in receipts} == {number}
            assert harness.sink().raise_order(wanted).source_order_code == number

    def test_refused_document_leaves_nothing_half_written(self, harness: OrderSinkHarness) -> None:
        before = harness.written()
        wanted = harness.refusable(document(harness))
        with pytest.raises(OrderRejected) as caught:
            harness.sink().raise_order(wanted)
        assert caught.value.reason
        assert harness.written() == before
        assert harness.sink().find(wanted.reference) is None

    def test_a_refused_document_does_not_stop_the_next(self, harness: OrderSinkHarness) -> None:
        sink = harness.sink()
        with pytest.raises(OrderRejected):
            sink.raise_order(harness.refusable(document(harness, "SHOP-66-ERP")))
        sink.raise_order(document(harness, "SHOP-67-ERP"))
        assert the_only(harness, "SHOP-67-ERP")

    def test_a_mended_document_is_taken_under_its_old_reference(self, harness: OrderSinkHarness) -> None:
        wanted = document(harness)
        with pytest.raises(OrderRejected):
            harness.sink().raise_order(harness.refusable(wanted))
        assert harness.sink().raise_order(wanted).source_order_code == the_only(harness, wanted.reference)

    def test_refusal_names_the_reference_and_nobody(self, harness: OrderSinkHarness) -> None:
        wanted = harness.refusable(document(harness))
        with pytest.raises(OrderRejected) as caught:
            harness.sink().raise_order(wanted)
        assert caught.value.reference == wanted.reference
        assert caught.value.client
        assert caught.value.connection
        assert_keeps_secrets(caught.value, harness.secrets)
        for text in error_texts(caught.value):
            assert not [person for person in PERSONAL if person in text], "a person shows in an error"

    def test_failed_look_up_is_not_a_miss(self, harness: OrderSinkHarness) -> None:
        with pytest.raises(TransientError) as caught:
            harness.unreachable().find("SHOP-1042-ERP")
        assert_keeps_secrets(caught.value, harness.secrets)

    def test_unreachable_target_is_certainly_not_written(self, harness: OrderSinkHarness) -> None:
        with pytest.raises(TransientError) as caught:
            harness.unreachable().raise_order(document(harness))
        assert_keeps_secrets(caught.value, harness.secrets)
        assert harness.written() == (0, 0)

    @requires("loses_answers")
    def test_lost_answer_is_uncertain_and_find_settles_it(self, harness: OrderSinkHarness) -> None:
        for is_committed, reference in ((True, "SHOP-71-ERP"), (False, "SHOP-72-ERP")):
            wanted = document(harness, reference)
            with pytest.raises(UncertainOutcomeError):
                harness.losing_answer(is_committed=is_committed).raise_order(wanted)
            found = harness.sink().find(reference)
            assert (found is not None) == is_committed
            harness.sink().raise_order(wanted)
            assert the_only(harness, reference)

    @requires("twice")
    def test_two_documents_under_one_reference_are_never_chosen_from(self, harness: OrderSinkHarness) -> None:
        wanted = document(harness)
        harness.plant_twice(wanted)
        for call in (lambda: harness.sink().find(wanted.reference), lambda: harness.sink().raise_order(wanted)):
            with pytest.raises((OrderRejected, ContractViolation)):
                call()
        assert len(harness.stored(wanted.reference)) == 2

    def test_every_claimed_kind_of_document_is_raised(self, harness: OrderSinkHarness) -> None:
        assert harness.manifest.document_kinds
        for number, kind in enumerate(harness.manifest.document_kinds):
            wanted = replace(document(harness, f"SHOP-8{number}-ERP"), kind=kind)
            assert harness.sink().raise_order(wanted).source_order_code == the_only(harness, wanted.reference)

    def test_a_reference_of_full_length_is_kept_whole(self, harness: OrderSinkHarness) -> None:
        assert harness.manifest.reference_length >= 12
        longest = ("SHOP-" + "1234567890" * 26)[: harness.manifest.reference_length]
        other = longest[:-1] + "X"
        receipt = harness.sink().raise_order(document(harness, longest))
        assert the_only(harness, longest) == receipt.source_order_code
        assert harness.sink().find(other) is None

    def test_a_document_that_was_never_raised_is_not_found_through_another(self, harness: OrderSinkHarness) -> None:
        """An error on the way must not leave something behind that a later call takes for its own."""
        sink = harness.sink()
        with pytest.raises(S2SError):
            sink.raise_order(harness.refusable(document(harness, "SHOP-91-ERP")))
        good = sink.raise_order(document(harness, "SHOP-92-ERP"))
        assert sink.find("SHOP-91-ERP") is None
        found = sink.find("SHOP-92-ERP")
        assert found is not None
        assert found.source_order_code == good.source_order_code

"""Order sinks that tell one lie each. ``LIARS`` says which clause must catch which."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from s2s_pipelines.errors import OrderRejected, S2SError, TransientError, UncertainOutcomeError
from s2s_pipelines.model.order import Document, Receipt
from tests.contract.broken.honest_order_sink import WHERE, Header, HonestSink
from tests.contract.broken.honest_source import SECRET
from tests.contract.suite import StoredLine


class InventsReceipts(HonestSink):
    def find(self, reference: str) -> Receipt | None:
        return super().find(reference) or Receipt(reference, "SO000000", None, datetime.now(UTC), True)


class SwallowsALine(HonestSink):
    def lines(self, document: Document) -> list[StoredLine]:
        return super().lines(document)[:-1]


class RoundsAmounts(HonestSink):
    def lines(self, document: Document) -> list[StoredLine]:
        return [replace(line, total=line.total.quantize(Decimal(1))) for line in super().lines(document)]


class WritesNothing(HonestSink):
    def write(self, document: Document) -> Receipt:
        return Receipt(document.reference, self.ledger.next_number(), document.total, datetime.now(UTC))


class AddsUpWrong(HonestSink):
    def receipt(self, header: Header, *, was_found: bool) -> Receipt:
        return replace(super().receipt(header, was_found=was_found), total=Decimal("1.00"))


class TellsNaiveTimes(HonestSink):
    def receipt(self, header: Header, *, was_found: bool) -> Receipt:
        return replace(super().receipt(header, was_found=was_found), raised_at=datetime(2026, 11, 21))  # noqa: DTZ001


class SecondDocument(HonestSink):
    def raise_order(self, document: Document) -> Receipt:
        return self.write(document)


class NewNumberEachTime(HonestSink):
    def receipt(self, header: Header, *, was_found: bool) -> Receipt:
        receipt = super().receipt(header, was_found=was_found)
        return replace(receipt, source_order_code=self.ledger.next_number()) if was_found else receipt


class FindsNothing(HonestSink):
    def find(self, reference: str) -> Receipt | None:
        super().find(reference)
        return None


class MatchesBeginnings(HonestSink):
    def matches(self, reference: str) -> list[Header]:
        return [header for header in self.ledger.headers if header.reference.startswith(reference)]


class LooksThenWrites(HonestSink):
    def raise_order(self, document: Document) -> Receipt:
        standing = self.find(document.reference)
        time.sleep(0.05)
        return standing if standing is not None else self.write(document)


class LeavesTheHeader(HonestSink):
    def write(self, document: Document) -> Receipt:
        try:
            return super().write(document)
        except OrderRejected:
            self.ledger.headers.append(Header(self.ledger.next_number(), document.reference, "WEB001"))
            raise


class SulksAfterRefusal(HonestSink):
    is_sulking = False

    def write(self, document: Document) -> Receipt:
        if self.is_sulking:
            raise TransientError("the transaction is broken", **WHERE)
        try:
            return super().write(document)
        except OrderRejected:
            self.is_sulking = True
            raise


class RemembersRefusals(HonestSink):
    refused: set[str] = set()

    def write(self, document: Document) -> Receipt:
        if document.reference in self.refused:
            raise self.rejected(document.reference, "refused_before")
        try:
            return super().write(document)
        except OrderRejected:
            self.refused.add(document.reference)
            raise


class NamesNobodysReference(HonestSink):
    def rejected(self, reference: str, reason: str) -> OrderRejected:
        return OrderRejected("the target refuses it", reason=reason, **WHERE)


class QuotesTheBuyer(HonestSink):
    def write(self, document: Document) -> Receipt:
        try:
            return super().write(document)
        except OrderRejected as error:
            message = f"row ({document.email}) violates a rule"
            raise OrderRejected(message, reason=error.reason, reference=document.reference, **WHERE) from None


class MissOnFailure(HonestSink):
    def find(self, reference: str) -> Receipt | None:
        return None if self.state == "unreachable" else super().find(reference)


class TellsThePassword(HonestSink):
    def find(self, reference: str) -> Receipt | None:
        try:
            return super().find(reference)
        except TransientError:
            raise TransientError(f"erp:{SECRET}@host is down", **WHERE) from None


class UnsureWhenUnreachable(HonestSink):
    def raise_order(self, document: Document) -> Receipt:
        if self.state == "unreachable":
            raise UncertainOutcomeError("who knows", **WHERE)
        return super().raise_order(document)


class CallsLossTransient(HonestSink):
    def write(self, document: Document) -> Receipt:
        try:
            return super().write(document)
        except UncertainOutcomeError:
            raise TransientError("try again", **WHERE) from None


class CallsLossSuccess(HonestSink):
    def write(self, document: Document) -> Receipt:
        try:
            return super().write(document)
        except UncertainOutcomeError:
            return Receipt(document.reference, "SO999999", document.total, datetime.now(UTC))


class PicksTheFirst(HonestSink):
    def find(self, reference: str) -> Receipt | None:
        found = self.matches(reference)
        return self.receipt(found[0], was_found=True) if len(found) > 1 else super().find(reference)


class KnowsOneKind(HonestSink):
    def write(self, document: Document) -> Receipt:
        if document.kind != "sales_order":
            raise self.rejected(document.reference, "unknown_kind")
        return super().write(document)


class CutsReferences(HonestSink):
    def write(self, document: Document) -> Receipt:
        return super().write(replace(document, reference=document.reference[:30]))

    def matches(self, reference: str) -> list[Header]:
        return super().matches(reference[:30])


class AdoptsLeftovers(HonestSink):
    tried: dict[str, str] = {}

    def raise_order(self, document: Document) -> Receipt:
        try:
            return super().raise_order(document)
        except S2SError:
            self.tried[document.reference] = self.ledger.next_number()
            raise

    def find(self, reference: str) -> Receipt | None:
        if reference in self.tried:
            return Receipt(reference, self.tried[reference], None, datetime.now(UTC), True)
        return super().find(reference)


LIARS: dict[str, list[type[HonestSink]]] = {
    "test_unknown_reference_is_certainly_absent": [InventsReceipts],
    "test_raised_document_stands_there_once_and_whole": [SwallowsALine, RoundsAmounts, WritesNothing],
    "test_receipt_says_number_total_and_time": [AddsUpWrong, TellsNaiveTimes],
    "test_second_raise_returns_first_receipt": [SecondDocument, NewNumberEachTime],
    "test_find_returns_the_receipt_of_what_was_raised": [FindsNothing, NewNumberEachTime],
    "test_references_are_told_apart": [MatchesBeginnings],
    "test_raising_at_once_from_two_threads_makes_one_document": [LooksThenWrites],
    "test_refused_document_leaves_nothing_half_written": [LeavesTheHeader],
    "test_a_refused_document_does_not_stop_the_next": [SulksAfterRefusal],
    "test_a_mended_document_is_taken_under_its_old_reference": [RemembersRefusals],
    "test_refusal_names_the_reference_and_nobody": [NamesNobodysReference, QuotesTheBuyer],
    "test_failed_look_up_is_not_a_miss": [MissOnFailure, TellsThePassword],
    "test_unreachable_target_is_certainly_not_written": [UnsureWhenUnreachable],
    "test_lost_answer_is_uncertain_and_find_settles_it": [CallsLossTransient, CallsLossSuccess],
    "test_two_documents_under_one_reference_are_never_chosen_from": [PicksTheFirst],
    "test_every_claimed_kind_of_document_is_raised": [KnowsOneKind],
    "test_a_reference_of_full_length_is_kept_whole": [CutsReferences],
    "test_a_document_that_was_never_raised_is_not_found_through_another": [AdoptsLeftovers],
}

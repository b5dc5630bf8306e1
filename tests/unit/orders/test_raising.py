"""Raising one document, with every villain a line to an ERP knows. The ledger is the real one."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from s2s_pipelines.errors import (
    AccessError,
    BusyError,
    ContractViolation,
    DataError,
    OrderRejected,
    TransientError,
    UncertainOutcomeError,
)
from s2s_pipelines.model.record import DocumentState, OrderState, Verdict
from s2s_pipelines.orders.raising import back_off, raise_due
from tests.unit.storage.ledger_sample import Desk, document, order, receipt


class ScriptedSink:
    """An ERP that keeps documents by reference and misbehaves as told, once per call."""

    def __init__(self):
        self.documents, self.calls, self.faults = [], [], []

    def find(self, reference):
        self._call("find")
        return next((found for found in self.documents if found.reference == reference), None)

    def raise_order(self, document):
        fault = self._call("raise_order")
        made = receipt_of(document, f"SO{len(self.documents) + 1}")
        if fault != "lost before":
            self.documents.append(replace(made, was_found=True))
        if fault:
            raise UncertainOutcomeError("no answer")
        return made

    def _call(self, name):
        self.calls.append(name)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        return fault


def receipt_of(document, code):
    return receipt(type("Holder", (), {"document": document})(), code, str(document.total))


@pytest.fixture
def desk(tmp_path):
    made = Desk(f"sqlite:///{tmp_path / 'own.db'}")
    yield made
    made.engine.dispose()


@pytest.fixture
def sink():
    return ScriptedSink()


def attempt(desk, sink, order_id=1, position=0):
    document = desk.ledger.read_order(order_id).documents[position]
    with desk.held_lease() as lease:
        return raise_due(document, sink=sink, ledger=desk.ledger, lease=lease)


def state(desk):
    record = desk.ledger.read_order(1)
    return record.state, record.documents[0].state


def test_a_document_is_looked_up_then_written_once(desk, sink):
    desk.planned("erp")
    after = attempt(desk, sink)
    assert sink.calls == ["find", "raise_order"]
    assert (after.state, after.source_order_code, after.was_found, after.raised_at) == (
        "raised",
        "SO1",
        False,
        desk.clock.now(),
    )
    assert state(desk)[0] is OrderState.RAISED


def test_the_intent_stands_before_anything_is_sent(desk, sink):
    desk.planned("erp")
    seen = []
    sink.find = lambda reference: seen.append(state(desk)[1])
    attempt(desk, sink)
    assert seen == [DocumentState.RAISING]


def test_a_document_that_is_there_is_adopted_and_never_written_again(desk, sink):
    record = desk.planned("erp")
    sink.documents.append(receipt(record.documents[0], "SO77", was_found=True))
    after = attempt(desk, sink)
    assert sink.calls == ["find"]
    assert (after.state, after.source_order_code, after.was_found) == ("raised", "SO77", True)


def test_another_document_under_our_reference_holds_the_order(desk, sink):
    record = desk.planned("erp")
    sink.documents.append(receipt(record.documents[0], "SO77", "99.00", was_found=True))
    after = attempt(desk, sink)
    assert sink.calls == ["find"]
    assert (after.state, after.hold.reason) == ("held", "found_document_differs")
    assert "99.00" in after.hold.message
    assert "115.00" in after.hold.message
    assert state(desk)[0] is OrderState.HELD


def test_a_found_document_that_tells_no_total_is_adopted(desk, sink):
    record = desk.planned("erp")
    sink.documents.append(receipt(record.documents[0], "SO77", None, was_found=True))
    assert attempt(desk, sink).state is DocumentState.RAISED


def test_a_document_that_came_out_with_another_total_is_raised_and_flagged(desk, sink):
    record = desk.planned("erp")
    sink.raise_order = lambda document: receipt(record.documents[0], "SO9", "115.01")
    after = attempt(desk, sink)
    assert (after.state, after.raised_total, after.hold.reason) == ("raised", Decimal("115.01"), "raised_total_differs")
    assert desk.ledger.read_order(1).hold.reason == "raised_total_differs"


@pytest.mark.parametrize("error", [TransientError("down"), AccessError("no login"), DataError("odd answer")])
def test_a_look_up_that_fails_is_not_a_miss(desk, sink, error):
    desk.planned("erp")
    sink.faults = [error]
    with pytest.raises(type(error)):
        attempt(desk, sink)
    assert sink.calls == ["find"]
    assert state(desk) == (OrderState.RAISING, DocumentState.PLANNED)


@pytest.mark.parametrize("error", [TransientError("refused the connection"), AccessError("read only")])
def test_a_write_that_certainly_failed_is_tried_again(desk, sink, error):
    desk.planned("erp")
    sink.faults = [None, error]
    with pytest.raises(type(error)):
        attempt(desk, sink)
    assert state(desk)[1] is DocumentState.PLANNED
    assert attempt(desk, sink).state is DocumentState.RAISED
    assert len(sink.documents) == 1


@pytest.mark.parametrize("fault", ["lost before", "lost after"])
def test_after_a_silence_only_a_look_up_follows(desk, sink, fault):
    desk.planned("erp")
    sink.faults = [None, fault]
    assert attempt(desk, sink).state is DocumentState.UNKNOWN
    assert sink.calls == ["find", "raise_order"]
    after = attempt(desk, sink)
    assert after.state is DocumentState.RAISED
    assert after.was_found is (fault == "lost after")
    assert len(sink.documents) == 1


def test_a_silence_followed_by_a_failing_look_up_stays_unknown(desk, sink):
    desk.planned("erp")
    sink.faults = [None, "lost after", TransientError("still down")]
    attempt(desk, sink)
    with pytest.raises(TransientError):
        attempt(desk, sink)
    assert state(desk)[1] is DocumentState.UNKNOWN
    assert attempt(desk, sink).was_found
    assert sink.calls.count("raise_order") == 1


def test_a_crash_between_intent_and_receipt_is_looked_up_by_the_next_worker(desk, sink):
    desk.planned("erp")
    original = sink.raise_order

    def dies_after_writing(document):
        original(document)
        raise KeyboardInterrupt

    sink.raise_order = dies_after_writing
    with pytest.raises(KeyboardInterrupt):
        attempt(desk, sink)
    assert state(desk)[1] is DocumentState.RAISING
    sink.raise_order = original
    assert attempt(desk, sink).was_found
    assert len(sink.documents) == 1


def test_a_refusal_holds_with_the_sources_words_and_wrote_nothing(desk, sink):
    desk.planned("erp")
    sink.faults = [None, OrderRejected("account on hold", reason="account_on_hold", next_step="ask accounts")]
    after = attempt(desk, sink)
    assert (after.state, after.hold.reason, after.hold.remedy) == ("held", "account_on_hold", "ask accounts")
    assert "account on hold" in after.hold.message
    assert sink.documents == []


def test_a_sink_that_breaks_its_promise_is_treated_as_silent(desk, sink):
    desk.planned("erp")
    sink.faults = [None, DataError("what is this")]
    with pytest.raises(DataError):
        attempt(desk, sink)
    assert state(desk)[1] is DocumentState.UNKNOWN


def test_a_receipt_with_another_reference_is_not_ours(desk, sink):
    record = desk.planned("erp")
    sink.raise_order = lambda document: replace(receipt(record.documents[0]), reference="SHOP-1-OTHER")
    with pytest.raises(ContractViolation):
        attempt(desk, sink)
    assert state(desk)[1] is DocumentState.UNKNOWN


def test_a_writer_that_lost_its_lease_during_the_look_up_writes_nothing(desk, sink):
    desk.planned("erp")
    with desk.held_lease() as lease:
        document = desk.ledger.read_order(1).documents[0]
        other = []

        def slow(reference):
            desk.clock.pass_s(61)
            other.append(desk.held_lease())
            other[0].__enter__()

        sink.find = slow
        with pytest.raises(BusyError):
            raise_due(document, sink=sink, ledger=desk.ledger, lease=lease)
    assert sink.documents == []
    other[0].__exit__(None, None, None)
    sink.find = lambda reference: None
    assert attempt(desk, sink).state is DocumentState.RAISED


def test_a_second_raise_finds_nothing_to_do(desk, sink):
    desk.planned("erp", "erp_b")
    attempt(desk, sink)
    with pytest.raises(BusyError, match="raised by now"):
        attempt(desk, sink)
    assert len(sink.documents) == 1


def test_what_is_sent_is_what_the_ledger_has_and_not_what_was_read_before(desk, sink):
    record = desk.planned("erp")
    stale = record.documents[0]
    changed = desk.take(order(notes="two less", modified_at=desk.clock.now() + timedelta(seconds=1)))
    desk.ledger.plan(changed, [document("erp", total="57.50")], {"A": "erp"})
    with desk.held_lease() as lease:
        after = raise_due(stale, sink=sink, ledger=desk.ledger, lease=lease)
    assert (after.state, after.raised_total) == (DocumentState.RAISED, Decimal("57.50"))


def test_an_order_cancelled_since_it_was_read_is_not_sent(desk, sink):
    stale = desk.planned("erp").documents[0]
    gone = order(is_cancelled=True, modified_at=desk.clock.now() + timedelta(seconds=1))
    desk.take(gone, Verdict(OrderState.CANCELLED))
    with desk.held_lease() as lease, pytest.raises(BusyError, match="cancelled"):
        raise_due(stale, sink=sink, ledger=desk.ledger, lease=lease)
    assert sink.calls == []


def test_waiting_doubles_is_bounded_and_heeds_the_far_side():
    waits = [back_off(n).total_seconds() for n in range(40)]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits == sorted(waits)
    assert waits[-1] == 900
    assert back_off(0, 3600).total_seconds() == 3600

"""Stories of the ledger, on SQLite and on PostgreSQL."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from s2s_pipelines.errors import BusyError, ContractViolation, DataError, TransientError
from s2s_pipelines.model.record import DocumentState, Fence, Hold, OrderState, Scope, Verdict
from s2s_pipelines.ports import RawOrder
from s2s_pipelines.storage.schema import inbox, order_event
from tests.unit.storage.ledger_sample import (
    ALL,
    CHANNEL,
    CLIENT,
    DUE,
    NOON,
    Desk,
    document,
    order,
    page,
    receipt,
)

HELD = Verdict(OrderState.HELD, Hold("no_lines", "nothing in it", "look at it"))
STORED = Verdict(OrderState.STORED, Hold("status_not_due", "on-hold", "None needed."))
BEFORE = Verdict(OrderState.STORED, Hold("before_from", "too old", "None needed."))
LATER = NOON + timedelta(minutes=5)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server("postgres"))])
def desk(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Desk(url)
    yield made
    made.engine.dispose()


# --- the inbox


def test_a_page_and_its_cursor_are_stored_together(desk):
    assert desk.ledger.cursor(CLIENT, CHANNEL) is None
    raws = [RawOrder("1", "one", NOON), RawOrder("2", "two", NOON)]
    assert desk.ledger.store_page(CLIENT, CHANNEL, page(*raws, cursor="c7")) == 2
    assert desk.ledger.cursor(CLIENT, CHANNEL) == "c7"
    assert desk.ledger.store_page(CLIENT, CHANNEL, page(*raws, cursor=None)) == 0
    assert desk.ledger.cursor(CLIENT, CHANNEL) == "c7"
    assert [item.body for item in desk.ledger.untaken(CLIENT, limit=10, scope=ALL)] == ["one", "two"]


def test_a_failed_poll_leaves_the_cursor_and_is_counted(desk):
    desk.ledger.store_page(CLIENT, CHANNEL, page(cursor="c1"))
    desk.ledger.poll_failed(CLIENT, CHANNEL, "TransientError: no answer", LATER)
    desk.ledger.poll_failed(CLIENT, CHANNEL, "TransientError: no answer", LATER)
    state = desk.ledger.poll_states()[CLIENT, CHANNEL]
    assert (state.failures, state.retry_at, state.error) == (2, LATER, "TransientError: no answer")
    assert desk.ledger.cursor(CLIENT, CHANNEL) == "c1"
    desk.ledger.store_page(CLIENT, CHANNEL, page(cursor="c2"))
    assert desk.ledger.poll_states()[CLIENT, CHANNEL].failures == 0


def test_bodies_of_other_clients_are_not_ours(desk):
    desk.store("1", "one", client="someone_else")
    assert desk.ledger.untaken(CLIENT, limit=10, scope=ALL) == []
    assert desk.store("1", "one") == 1


def test_the_same_body_again_is_no_news_until_it_comes_back_newer(desk):
    desk.take(order(), body="A")
    assert desk.store("77", "A") == 0
    assert desk.ledger.untaken(CLIENT, limit=10, scope=ALL) == []
    desk.take(order(status="on-hold", modified_at=LATER), STORED, body="B")
    assert desk.store("77", "A", modified_at=LATER + timedelta(minutes=1)) == 0
    assert [item.body for item in desk.ledger.untaken(CLIENT, limit=10, scope=ALL)] == ["A"]


def test_a_named_order_is_taken_up_again_although_its_body_is_known(desk):
    desk.take(order(), STORED, body="A")
    desk.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("77", "A", NOON)], is_forced=True)
    named = Scope(frozenset({(CHANNEL, "77")}))
    assert len(desk.ledger.untaken(CLIENT, limit=10, scope=named)) == 1
    assert desk.ledger.untaken(CLIENT, limit=10, scope=Scope(frozenset({(CHANNEL, "78")}))) == []


def test_a_body_nobody_understands_is_kept_with_its_problem(desk):
    desk.store("77", "{")
    (item,) = desk.ledger.untaken(CLIENT, limit=10, scope=ALL)
    desk.ledger.not_understood(item, "not JSON")
    assert desk.ledger.untaken(CLIENT, limit=10, scope=ALL) == []
    assert desk.ledger.counts(CLIENT)["not_understood"] == 1
    with desk.engine.begin() as connection:
        assert connection.execute(sa.select(inbox.c.body, inbox.c.problem)).one() == ("{", "not JSON")


@pytest.mark.parametrize(
    ("code", "body"), [("77", "a\x00b"), ("77", "a\ud83db"), ("9" * 300, "long"), ("7\x00", "nul")]
)
def test_an_odd_body_keeps_no_other_out(desk, code, body):
    raws = [RawOrder(code, body, NOON), RawOrder("78", "plain", NOON)]
    assert desk.ledger.store_page(CLIENT, CHANNEL, page(*raws)) == 2
    assert desk.ledger.store_page(CLIENT, CHANNEL, page(*raws)) == 0
    assert desk.ledger.untaken(CLIENT, limit=10, scope=ALL)[1].body == "plain"


# --- taking in


def test_an_order_is_kept_exactly(desk):
    placed = order(total=Decimal("115.10"), notes="für Thandi 🔔", meta={"a": "b"})
    record = desk.take(placed)
    assert record.order == placed
    assert (record.state, record.due_at, record.total) == (OrderState.DUE, NOON, Decimal("115.10"))
    assert desk.ledger.read_order(record.id) == record


def test_any_number_of_messages_in_any_order_make_one_row_with_the_newest_state(desk):
    newest = order(status="completed", modified_at=LATER)
    record = desk.take(newest, STORED)
    again = desk.take(order(), DUE)
    assert (again.id, again.state, again.status) == (record.id, OrderState.STORED, "completed")
    assert sum(desk.ledger.counts(CLIENT).values()) == 1
    assert [event.event for event in desk.ledger.history(record.id)] == ["stored", "older_message"]


def test_our_write_back_moves_nothing_but_the_stamp(desk):
    record = desk.take(order())
    before = desk.ledger.history(record.id)
    after = desk.take(order(modified_at=LATER, meta={"raised": "SO1"}))
    assert (after.version, after.state, after.modified_at) == (record.version, record.state, LATER)
    assert desk.ledger.history(record.id) == before


def test_a_change_after_raising_is_noted_and_raises_nothing(desk):
    record = desk.planned("erp")
    with desk.held_lease() as lease:
        desk.ledger.move_document(record.documents[0].id, "begun", lease.fence)
        desk.ledger.move_document(record.documents[0].id, "written", lease.fence, receipt=receipt(record.documents[0]))
    desk.ledger.told(desk.ledger.read_order(record.id))
    cancelled = order(status="cancelled", is_cancelled=True, modified_at=LATER)
    after = desk.take(cancelled, Verdict(OrderState.CANCELLED))
    assert (after.state, after.hold.reason, after.status) == (
        OrderState.COMPLETE,
        "cancelled_after_raising",
        "cancelled",
    )
    assert desk.ledger.claim_due(CLIENT, limit=9, claim_s=1, scope=ALL) == []


def test_a_cancelled_order_takes_its_unsent_documents_with_it(desk):
    record = desk.planned("erp", "erp_b")
    after = desk.take(order(is_cancelled=True, modified_at=LATER), Verdict(OrderState.CANCELLED))
    assert after.state is OrderState.CANCELLED
    assert {d.state for d in after.documents} == {DocumentState.VOID}
    back = desk.take(order(notes="after all", modified_at=LATER + timedelta(minutes=1)))
    planned = desk.ledger.plan(back, [document("erp")], {"A": "erp"})
    assert [(d.source, d.state) for d in planned.documents] == [("erp", "planned"), ("erp_b", "void")]
    assert planned.documents[0].id == record.documents[0].id


@pytest.mark.parametrize(
    "changes",
    [{"number": "9" * 191}, {"status": "x" * 61}, {"currency": "RAND"}, {"number": "a\x00"}, {"number": "\ud83d"}],
)
def test_text_that_no_column_holds_is_refused_and_the_body_stays(desk, changes):
    with pytest.raises((DataError, UnicodeEncodeError)):  # the sweep sets either aside
        desk.take(order(**changes), body="odd")
    assert len(desk.ledger.untaken(CLIENT, limit=10, scope=ALL)) == 1


def test_a_body_of_another_order_is_refused(desk):
    desk.store("78", "odd")
    (item,) = desk.ledger.untaken(CLIENT, limit=10, scope=ALL)
    with pytest.raises(DataError, match="another order"):
        desk.ledger.take_in(item, order("77"), DUE)


# --- claiming and planning


def test_a_claimed_order_is_nobody_elses_until_the_claim_runs_out(desk):
    desk.take(order())
    assert len(desk.ledger.due_orders(CLIENT, 10)) == 1
    assert desk.ledger.work(CLIENT) == (1, 0)
    assert len(desk.ledger.claim_due(CLIENT, limit=10, claim_s=60, scope=ALL)) == 1
    assert desk.ledger.claim_due(CLIENT, limit=10, claim_s=60, scope=ALL) == []
    desk.clock.pass_s(60)
    assert len(desk.ledger.claim_due(CLIENT, limit=10, claim_s=60, scope=ALL)) == 1


def test_claims_go_by_age_limit_and_scope(desk):
    for number in range(1, 6):
        desk.take(order(str(number), ordered_at=NOON + timedelta(days=number)))
        desk.clock.pass_s(1)
    assert [r.channel_order_code for r in desk.ledger.claim_due(CLIENT, limit=2, claim_s=60, scope=ALL)] == ["1", "2"]
    days = Scope(ordered_from=NOON + timedelta(days=3), ordered_before=NOON + timedelta(days=5))
    assert [r.channel_order_code for r in desk.ledger.claim_due(CLIENT, limit=9, claim_s=60, scope=days)] == ["3", "4"]
    named = Scope(frozenset({(CHANNEL, "1"), (CHANNEL, "9")}))  # claimed, but named
    assert [r.channel_order_code for r in desk.ledger.claim_due(CLIENT, limit=9, claim_s=60, scope=named)] == ["1"]


def test_many_sweeps_at_once_never_claim_the_same_order(desk):
    for number in range(40):
        desk.take(order(str(number)))
    claimed, gate = [], threading.Barrier(4)

    def sweep():
        gate.wait()
        while found := desk.ledger.claim_due(CLIENT, limit=3, claim_s=600, scope=ALL):
            claimed.extend(r.id for r in found)

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 40


def test_an_order_that_changed_since_it_was_read_is_not_planned(desk):
    record = desk.take(order())
    desk.take(order(is_cancelled=True, modified_at=LATER), Verdict(OrderState.CANCELLED))
    with pytest.raises(BusyError, match="changed"):
        desk.ledger.plan(record, [document()], {"A": "erp"})
    with pytest.raises(BusyError, match="changed"):
        desk.ledger.hold(record, HELD.hold)


def test_two_orders_never_share_a_reference(desk):
    desk.planned("erp")
    other = desk.take(order("78"))
    with pytest.raises(ContractViolation, match="same reference"):
        desk.ledger.plan(other, [document("erp", "77")], {"A": "erp"})


def test_an_order_raised_elsewhere_is_complete(desk):
    after = desk.ledger.plan(desk.take(order()), [], {"A": "erp"})
    assert (after.state, after.due_at) == (OrderState.COMPLETE, None)


def test_a_document_is_kept_exactly(desk):
    record = desk.planned("erp")
    assert record.documents[0].document == document("erp")


def test_a_postponed_order_waits_and_remembers_why(desk):
    record = desk.take(order())
    desk.ledger.postpone(record.id, NOON + timedelta(minutes=1), "TransientError")
    assert desk.ledger.claim_due(CLIENT, limit=9, claim_s=1, scope=ALL) == []
    desk.clock.pass_s(60)
    (after,) = desk.ledger.claim_due(CLIENT, limit=9, claim_s=1, scope=ALL)
    assert after.attempts == 1
    assert desk.ledger.history(record.id)[-1].details["why"] == "TransientError"
    held = desk.ledger.hold(after, HELD.hold)
    desk.ledger.postpone(held.id, NOON, "TransientError")
    assert desk.ledger.read_order(record.id).due_at is None


# --- documents and fences


def test_the_last_document_moves_the_order(desk):
    record = desk.planned("erp", "erp_b")
    first, second = record.documents
    with desk.held_lease() as lease:
        for item in (first, second):
            assert desk.ledger.read_order(record.id).state is OrderState.RAISING
            desk.ledger.move_document(item.id, "begun", lease.fence)
            desk.ledger.move_document(item.id, "written", lease.fence, receipt=receipt(item))
    raised = desk.ledger.read_order(record.id)
    assert (raised.state, raised.due_at) == (OrderState.RAISED, NOON)
    assert [d.source_order_code for d in raised.documents] == ["SO00001", "SO00001"]
    told = desk.ledger.told(raised)
    assert (told.state, told.due_at, told.documents[0].told_at) == (OrderState.COMPLETE, None, NOON)
    assert desk.ledger.told(raised).version == told.version  # telling twice is no news


def test_a_refused_document_holds_the_order_when_the_others_are_through(desk):
    record = desk.planned("erp", "erp_b")
    first, second = record.documents
    why = Hold("credit_limit", "over the limit", "raise the limit")
    with desk.held_lease() as lease:
        desk.ledger.move_document(first.id, "begun", lease.fence)
        desk.ledger.move_document(first.id, "refused", lease.fence, hold=why)
        assert desk.ledger.read_order(record.id).state is OrderState.RAISING
        desk.ledger.move_document(second.id, "begun", lease.fence)
        desk.ledger.move_document(second.id, "written", lease.fence, receipt=receipt(second))
    held = desk.ledger.read_order(record.id)
    assert (held.state, held.hold, held.due_at) == (OrderState.HELD, why, None)
    assert [r.id for r in desk.ledger.held(CLIENT)] == [record.id]
    resumed = desk.ledger.release(record.id, "test")
    assert (resumed.state, [d.state for d in resumed.documents]) == (OrderState.RAISING, ["planned", "raised"])


def test_an_order_of_which_nothing_was_sent_is_decided_anew_when_released(desk):
    record = desk.planned("erp")
    with desk.held_lease() as lease:
        desk.ledger.move_document(record.documents[0].id, "begun", lease.fence)
        desk.ledger.move_document(record.documents[0].id, "refused", lease.fence, hold=HELD.hold)
    released = desk.ledger.release(record.id, "test")
    assert (released.state, released.hold, released.documents[0].state) == (OrderState.DUE, None, DocumentState.VOID)
    again = desk.ledger.plan(released, [document("erp", total="120.00")], {"A": "erp"})
    assert again.documents[0].document.total == Decimal("120.00")
    assert again.documents[0].document.reference == record.documents[0].document.reference


def test_a_document_that_differed_is_looked_up_after_its_release(desk):
    record = desk.planned("erp")
    found = receipt(record.documents[0], total="99.00", was_found=True)
    with desk.held_lease() as lease:
        desk.ledger.move_document(record.documents[0].id, "begun", lease.fence)
        desk.ledger.move_document(record.documents[0].id, "differs", lease.fence, receipt=found, hold=HELD.hold)
    released = desk.ledger.release(record.id, "test")
    assert (released.state, released.documents[0].state) == (OrderState.RAISING, DocumentState.UNKNOWN)


def test_a_closed_order_stays_closed(desk):
    record = desk.take(order(), HELD)
    closed = desk.ledger.close(record.id, "test", "raised by hand as INV9")
    assert closed.state is OrderState.CLOSED
    assert desk.take(order(notes="new", modified_at=LATER)).state is OrderState.CLOSED
    with pytest.raises(ContractViolation):
        desk.ledger.release(record.id, "test")


def test_a_writer_whose_lease_was_taken_over_is_refused(desk):
    record = desk.planned("erp")
    item = record.documents[0]
    sleeper = desk.held_lease()
    old = sleeper.__enter__()
    desk.ledger.move_document(item.id, "begun", old.fence)
    desk.clock.pass_s(61)
    with desk.held_lease() as lease:
        with pytest.raises(BusyError, match="taken over"):
            desk.ledger.move_document(item.id, "written", old.fence, receipt=receipt(item))
        desk.ledger.move_document(item.id, "taken_up", lease.fence)
    after = desk.ledger.read_order(record.id).documents[0]
    assert (after.state, after.fence, after.source_order_code) == (DocumentState.RAISING, 2, None)
    sleeper.__exit__(None, None, None)


def test_a_fence_nobody_handed_out_is_refused(desk):
    item = desk.planned("erp").documents[0]
    for fence in (Fence("connection/karoo/erp", 1), Fence("connection/karoo/erp", 99)):
        with pytest.raises(BusyError):
            desk.ledger.move_document(item.id, "begun", fence)


def test_moves_the_table_does_not_have_change_nothing(desk):
    record = desk.planned("erp")
    with desk.held_lease() as lease, pytest.raises(ContractViolation):
        desk.ledger.move_document(record.documents[0].id, "written", lease.fence, receipt=receipt(record.documents[0]))
    assert desk.ledger.read_order(record.id) == record


def test_the_history_tells_the_whole_way(desk):
    record = desk.planned("erp")
    with desk.held_lease() as lease:
        desk.ledger.move_document(record.documents[0].id, "begun", lease.fence)
        desk.ledger.move_document(record.documents[0].id, "written", lease.fence, receipt=receipt(record.documents[0]))
    desk.ledger.told(desk.ledger.read_order(record.id))
    told = [(event.event, event.source) for event in desk.ledger.history(record.id)]
    assert told == [
        ("due", None), ("planned", "erp"), ("planned", None), ("begun", "erp"), ("written", "erp"), ("all_raised", None),
        ("told", None),
    ]  # fmt: skip
    with desk.engine.begin() as connection:
        text = str(connection.execute(sa.select(order_event.c.details)).all())
    assert "@" not in text


# --- what others read


def test_open_quantities_are_what_orders_take_and_no_source_may_show_yet(desk):
    desk.take(order("due"))
    desk.take(order("held"), HELD)
    desk.take(order("reserving"), STORED)
    desk.take(order("not_reserving", is_reserving=False), STORED)
    desk.take(order("old"), BEFORE)
    desk.take(order("cancelled", is_cancelled=True), Verdict(OrderState.CANCELLED))
    record = desk.planned("erp", code="raised")
    with desk.held_lease() as lease:
        desk.clock.pass_s(30)
        desk.ledger.move_document(record.documents[0].id, "begun", lease.fence)
        desk.ledger.move_document(record.documents[0].id, "written", lease.fence, receipt=receipt(record.documents[0]))
    elsewhere = desk.ledger.plan(desk.take(order("elsewhere")), [], {"A": "erp"})
    opened = desk.ledger.open_quantities(CLIENT)
    assert {(q.sku, q.qty) for q in opened} == {("A", 2)}
    assert [(q.source, q.raised_at) for q in opened] == [
        (None, None),
        (None, None),
        (None, None),
        ("erp", NOON + timedelta(seconds=30)),
        ("erp", elsewhere.changed_at),
    ]
    assert len(desk.ledger.open_quantities(CLIENT, raised_after=NOON + timedelta(seconds=30))) == 3
    assert desk.ledger.open_quantities("someone_else") == []


def test_counts_name_every_state(desk):
    desk.take(order("1"))
    desk.take(order("2"), HELD)
    counts = desk.ledger.counts(CLIENT)
    assert set(counts) == {*(state.value for state in OrderState), "not_understood"}
    assert (counts["due"], counts["held"], sum(counts.values())) == (1, 1, 2)


def test_orders_are_found_by_code_and_by_number(desk):
    record = desk.take(order("77"))
    assert [r.id for r in desk.ledger.find_orders(CLIENT, "77")] == [record.id]
    assert [r.id for r in desk.ledger.find_orders(CLIENT, "N77")] == [record.id]
    assert desk.ledger.find_orders(CLIENT, "78") == []


def test_a_database_that_is_gone_is_worth_another_try(tmp_path):
    desk = Desk(f"sqlite:///{tmp_path / 'own.db'}")
    desk.engine.dispose()
    (tmp_path / "own.db").unlink()
    (tmp_path / "own.db").mkdir()
    with pytest.raises(TransientError, match="our own database"):
        desk.ledger.cursor(CLIENT, CHANNEL)

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from s2s_pipelines.model.record import DocumentRecord, DocumentState, Hold, OrderRecord, OrderState, Verdict
from s2s_pipelines.orders.intake import absorb, decide, start_of
from tests.unit.orders.order_sample import NOON, channel_policy, line, order

ZONE = ZoneInfo("Africa/Johannesburg")
PLACED = order(line("1", "A", 1, "100.00", "15.00"), total="115.00")
LATER = timedelta(minutes=5)


def verdict(placed, **policy):
    return decide(placed, channel_policy(**policy), currency="ZAR", timezone=ZONE)


def test_an_order_of_a_due_status_is_due():
    assert verdict(PLACED) == Verdict(OrderState.DUE)
    assert verdict(replace(PLACED, status="paid"), statuses=("paid", "processing")).state is OrderState.DUE


def test_any_other_status_is_stored():
    stored = verdict(replace(PLACED, status="on-hold"))
    assert (stored.state, stored.hold.reason) == (OrderState.STORED, "status_not_due")


def test_orders_placed_before_the_first_day_are_stored_whatever_they_say():
    eve = datetime(2026, 2, 28, 21, 59, 59, tzinfo=UTC)  # still the 28th in Johannesburg
    midnight = eve + timedelta(seconds=1)
    policy = {"from": "2026-03-01"}
    assert verdict(replace(PLACED, ordered_at=eve), **policy).hold.reason == "before_from"
    assert verdict(replace(PLACED, ordered_at=midnight), **policy).state is OrderState.DUE
    assert verdict(replace(PLACED, ordered_at=eve, is_cancelled=True), **policy).state is OrderState.STORED


def test_a_cancelled_order_is_never_due():
    assert verdict(replace(PLACED, is_cancelled=True)).state is OrderState.CANCELLED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency": "USD"}, "foreign_currency"),
        ({"total_refunded": Decimal("15.00")}, "refunded_before_raising"),
        ({"lines": ()}, "no_lines"),
        ({"lines": (line("4", "A", -1, "0.00", "0.00"),)}, "invalid_quantity"),
        ({"lines": (line("4", "A", 0, "0.00", "0.00"),)}, "invalid_quantity"),
    ],
)
def test_a_due_order_that_cannot_be_raised_is_held(changes, reason):
    held = verdict(replace(PLACED, **changes))
    assert (held.state, held.hold.reason) == (OrderState.HELD, reason)


def known(state, placed=PLACED, documents=()):
    return OrderRecord(
        1, "c", "shop", "77", "77", state, placed.status, placed, placed.total, 0, 3,
        placed.ordered_at, placed.modified_at, NOON, NOON, documents=documents,
    )  # fmt: skip


def document(state, code=None):
    return DocumentRecord(1, 1, "c", "shop", "77", "erp", state, None, 0, source_order_code=code)


def absorbed(state, incoming, decided=OrderState.DUE, *, documents=(), is_forced=False):
    row = known(state, documents=documents) if state else None
    return absorb(row, incoming, Verdict(decided), known_hash=PLACED.content_hash(), is_forced=is_forced)


CHANGED = replace(PLACED, notes="ring twice", modified_at=NOON + LATER)


def test_a_new_order_is_placed():
    assert (absorbed(None, PLACED).action, absorbed(None, PLACED).state) == ("place", OrderState.DUE)


def test_an_older_message_changes_nothing():
    older = replace(CHANGED, modified_at=NOON - LATER)
    assert absorbed(OrderState.DUE, older).action == "ignore"


def test_our_own_write_back_changes_nothing():
    back = replace(PLACED, modified_at=NOON + LATER, meta={"raised": "SO00001"})
    for state in OrderState:
        assert absorbed(state, back).action == "touch"


def test_a_named_order_is_judged_again_although_nothing_changed():
    assert absorbed(OrderState.HELD, PLACED, is_forced=True).action == "place"
    assert absorbed(OrderState.STORED, PLACED, is_forced=True).action == "place"
    assert absorbed(OrderState.COMPLETE, PLACED, is_forced=True).action == "touch"


@pytest.mark.parametrize("state", ["stored", "due", "held", "cancelled", "raising"])
def test_a_change_before_anything_was_sent_is_judged_anew(state):
    documents = (document(DocumentState.PLANNED),) if state == "raising" else ()
    change = absorbed(OrderState(state), CHANGED, OrderState.CANCELLED, documents=documents)
    assert (change.action, change.state) == ("place", OrderState.CANCELLED)


@pytest.mark.parametrize(
    "documents",
    [
        (document(DocumentState.RAISING),),
        (document(DocumentState.UNKNOWN),),
        (document(DocumentState.PLANNED), document(DocumentState.RAISED, "SO1")),
        (document(DocumentState.HELD, "SO1"),),
    ],
)
def test_a_change_after_something_may_have_been_sent_never_raises_again(documents):
    for state in (OrderState.RAISING, OrderState.HELD):
        change = absorbed(state, replace(CHANGED, is_cancelled=True), OrderState.CANCELLED, documents=documents)
        assert (change.action, change.state, change.hold.reason) == ("annotate", None, "cancelled_after_raising")


def test_a_later_status_is_no_news_for_a_person_but_other_goods_are():
    completed = replace(PLACED, status="completed", modified_at=NOON + LATER)
    assert absorbed(OrderState.COMPLETE, completed, OrderState.STORED).hold is None
    fewer = replace(PLACED, lines=(), total=Decimal("0.00"), modified_at=NOON + LATER)
    change = absorbed(OrderState.COMPLETE, fewer, OrderState.STORED)
    assert isinstance(change.hold, Hold)
    assert change.hold.reason == "changed_after_raising"


def test_a_refused_document_counts_as_never_sent():
    change = absorbed(OrderState.HELD, CHANGED, documents=(document(DocumentState.HELD),))
    assert change.action == "place"


def test_midnight_is_the_clients():
    assert start_of(date(2026, 3, 1), ZONE).astimezone(UTC).isoformat() == "2026-02-28T22:00:00+00:00"

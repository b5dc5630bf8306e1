"""What is wrong now, client by client: each way of going wrong is told once, with what to do; pauses excuse what they stop."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from s2s_pipelines.config.fleet import BrokenClient
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.cycle.cause import KINDS
from s2s_pipelines.cycle.fleet_fact import FailingItems, HeldOrders, WaitingOrders
from s2s_pipelines.model.pause import Pause
from tests.unit.cycle.fleet_sample import (
    NOON,
    SHOP,
    ago,
    client,
    facts,
    plan,
    poll,
    read,
    report_of,
    row_of,
    standing,
)

TRIPPED = {"vanish": {"is_tripped": True, "message": "30 of 100 variants would be taken off; the limit is 20%"}}


def pause(scope, target=None, **values):
    ends = {"until": NOON + timedelta(hours=1), "created_at": ago(hours=1)}
    return Pause(
        **{"id": 1, "client": "acme", "why": "stock take", "by": "ops", **ends, **values}, scope=scope, target=target
    )


def failing(source, feed, error_class, **values):
    failed = {
        "failures": 1,
        "error": "it said no",
        "retry_at": NOON + timedelta(minutes=1),
        "succeeded_at": ago(hours=2),
    }
    return read(source, feed, error_class=error_class, **{**failed, **values})


WRONG = {
    "unreadable_source": {"feeds": failing("erp", "stock", "AccessError")},
    "stale_feed": {
        "snapshots": {"source/erp/stock": standing(read_at=ago(hours=2))},
        "feeds": read("erp", "stock", succeeded_at=ago(hours=2)),
    },
    "overdue_source": {"snapshots": {"source/supplier/products": standing(content_since=ago(days=9))}},
    "late_source": {"snapshots": {"source/supplier/products": standing(content_since=ago(days=7, hours=5))}},
    "stale_catalogue": {"snapshots": {"source/erp/stock": standing(created_at=ago(minutes=31))}
                        | {"catalogue": standing(created_at=ago(hours=2))}},
    "two_owners": {"snapshots": {"catalogue": standing(conflicts=2)}},
    "rejected_rows": {"snapshots": {"source/erp/stock": standing(rejected=3)}},
    "unread_feed": {"snapshots": {"source/supplier/products": None}, "feeds": {("supplier", "products"): None}},
    "breaker": {"plans": {SHOP: plan(verdict="stopped", breakers=TRIPPED, pushed_at=None, outcome=None)}},
    "awaiting_approval": {"plans": {SHOP: plan(verdict="awaiting", pushed_at=None, outcome=None)}},
    "stopped_push": {"plans": {SHOP: plan(pushed_at=None, outcome={"status": "partial", "fault": "it did not answer"})}},
    "unpushed_plan": {"plans": {SHOP: plan(pushed_at=None, outcome=None, created_at=ago(hours=2))}},
    "failed_items": {"items": {SHOP: (FailingItems("refused", 4, 3, "no such tax class", "make the tax class"),)}},
    "unpolled_channel": {"polls": {SHOP: poll(failures=2, error="it did not answer")}},
    "silent_channel": {"polls": {SHOP: poll(newest_order_at=ago(days=3))}},
    "held_orders": {"held": {SHOP: (HeldOrders("unknown_sku", 2, ago(hours=1), "sku 0042 is unknown", "add it"),)}},
    "waiting_orders": {"waiting": {SHOP: WaitingOrders(2, ago(hours=1))}},
    "odd_orders": {"odd": {SHOP: WaitingOrders(1, ago(hours=1))}},
}  # fmt: skip


def test_all_is_well_with_a_client_that_is_read_merged_pushed_and_polled():
    row = row_of(facts())
    assert (row.causes, row.state) == ((), "ok")
    assert row.oldest is not None
    assert row.oldest.age_s == 120
    assert report_of(facts()).is_well


@pytest.mark.parametrize("kind", WRONG)
def test_each_way_of_going_wrong_is_one_cause_with_a_remedy_and_a_page(kind):
    row = row_of(facts(**WRONG[kind]))
    assert [cause.kind for cause in row.causes] == [kind]
    cause = row.causes[0]
    assert cause.key.startswith(f"{kind}/acme")
    assert cause.message
    assert cause.remedy
    assert re.fullmatch(r"/assets/acme/[a-z/]+", cause.path)
    assert row.path == cause.path
    assert row.state == KINDS[kind].severity
    assert report_of(facts(**WRONG[kind])).is_well is (KINDS[kind].severity == "warning")


def test_every_kind_that_a_client_can_cause_is_tried_above():
    elsewhere = {"broken_declaration", "failed_run", "killed_worker", "failed_tick", "failed_receiver"}
    assert set(WRONG) == set(KINDS) - elsewhere


def test_a_source_that_did_not_answer_once_is_given_another_chance():
    once = failing("erp", "stock", "TransientError", succeeded_at=ago(minutes=4))
    assert row_of(facts(feeds=once)).causes == ()
    twice = failing("erp", "stock", "TransientError", failures=2)
    assert [c.kind for c in row_of(facts(feeds=twice)).causes] == ["unreadable_source"]


def test_a_source_that_cannot_be_read_is_told_once_and_not_as_stale_too():
    known = facts(
        snapshots={"source/erp/stock": standing(read_at=ago(hours=2))},
        feeds=failing("erp", "stock", "TransientError", failures=9),
    )
    row = row_of(known)
    assert [cause.kind for cause in row.causes] == ["unreadable_source"]
    assert row.feeds[0].is_stale


@pytest.mark.parametrize(
    ("declared", "minutes", "is_told"),
    [({}, 59, False), ({}, 61, True), ({"stale_after": timedelta(minutes=10)}, 11, True)],
)
def test_a_feed_is_stale_as_declared_else_after_four_reads_and_at_least_an_hour(declared, minutes, is_told):
    at = ago(minutes=minutes)
    known = facts(snapshots={"source/erp/stock": standing(read_at=at)}, feeds=read("erp", "stock", succeeded_at=at))
    assert ("stale_feed" in [c.kind for c in row_of(known, feed=declared).causes]) is is_told


def test_a_read_that_found_nothing_new_keeps_a_feed_fresh():
    known = facts(snapshots={"source/erp/stock": standing(read_at=ago(hours=5))})
    row = row_of(known)
    assert row.causes == ()
    assert row.feeds[0].age_s == 120


@pytest.mark.parametrize(
    ("kind", "paused"),
    [
        ("stale_feed", pause("source", "erp")),
        ("stale_feed", pause("all")),
        ("stale_feed", pause("all", client="*")),
        ("overdue_source", pause("source", "supplier")),
        ("unpushed_plan", pause("pushes")),
        ("stopped_push", pause("channel", "shop")),
        ("silent_channel", pause("orders")),
        ("unpolled_channel", pause("channel", "shop")),
        ("waiting_orders", pause("source", "erp")),
    ],
)
def test_what_a_pause_stops_is_not_told_until_it_has_been_caught_up_with(kind, paused):
    wrong = WRONG[kind]
    row = row_of(facts(**wrong, pauses=(paused,)))
    assert (row.causes, row.state, row.pauses) == ((), "paused", (paused,))
    assert row_of(facts(**wrong, ended_pauses=(paused,))).state == "ok"
    assert row_of(facts(**wrong, pauses=(replace(paused, client="other"),))).state == "error"


def test_a_pause_does_not_hide_what_waits_for_a_person():
    for kind in ("held_orders", "breaker", "awaiting_approval", "unreadable_source", "failed_items"):
        assert [c.kind for c in row_of(facts(**WRONG[kind], pauses=(pause("all"),))).causes] == [kind]


def test_next_due_is_the_next_read_of_any_feed_that_is_not_paused():
    known = facts(feeds=read("erp", "stock", succeeded_at=ago(minutes=2)))
    assert row_of(known).next_due == NOON + timedelta(minutes=1)
    only_supplier = row_of(replace(known, pauses=(pause("source", "erp"),)))
    assert only_supplier.next_due == ago(minutes=2) + timedelta(days=1)
    assert [feed.next_due is None for feed in only_supplier.feeds] == [True, False]
    assert row_of(replace(known, pauses=(pause("all"),))).next_due is None


def test_the_nightly_full_read_is_the_next_one_where_it_comes_first():
    at_night = {"every": timedelta(days=1), "full_at": "16:30"}
    states = read("erp", "stock", succeeded_at=ago(hours=1), full_at=ago(hours=22))
    # 16:30 in Johannesburg is 14:30 UTC.
    assert row_of(facts(feeds=states), feed=at_night).next_due == NOON.replace(hour=14, minute=30) - timedelta(days=1)
    states = read("erp", "stock", succeeded_at=ago(hours=1), full_at=ago(hours=1))
    assert row_of(facts(feeds=states), feed=at_night).next_due == NOON.replace(hour=14, minute=30)


def test_items_that_failed_once_and_may_succeed_are_counted_and_not_told():
    row = row_of(facts(items={SHOP: (FailingItems("unreachable", 5, 0, "no answer", ""),)}))
    assert (row.failed_items, row.causes) == (5, ())


def test_worst_comes_first_and_every_client_is_there():
    clients = [client(name) for name in ("well", "odd", "bad", "worse", "resting")]
    made = [
        facts("well"),
        facts("odd", snapshots={"source/erp/stock": standing(rejected=1)}),
        facts("bad", snapshots={"catalogue": standing(conflicts=2)}),
        facts(
            "worse",
            snapshots={"catalogue": standing(conflicts=2)},
            feeds=failing("erp", "stock", "AccessError"),
        ),
        facts("resting", pauses=(pause("all", client="resting"),)),
    ]
    together = replace(
        made[0],
        standing={k: v for f in made for k, v in f.standing.items()},
        feeds={k: v for f in made for k, v in f.feeds.items()},
        polls={k: v for f in made for k, v in f.polls.items()},
        pauses=made[-1].pauses,
    )
    broken = BrokenClient("broken", (Problem("assets/broken/client.yaml", 3, "label", "this key is missing"),))
    found = report_of(together, clients=clients, broken=[broken])
    assert [row.client for row in found.rows] == ["worse", "bad", "broken", "odd", "resting", "well"]
    assert found.counts == {"error": 3, "warning": 1, "paused": 1, "ok": 1}
    assert "this key is missing" in found.rows[2].causes[0].message
    assert not found.is_well


def test_keys_stay_the_same_while_messages_change():
    few, many = ({"items": {SHOP: (FailingItems("refused", n, n, "x", "y"),)}} for n in (1, 50))
    one, two = row_of(facts(**few)).causes[0], row_of(facts(**many)).causes[0]
    assert one.key == two.key
    assert one.message != two.message


@pytest.mark.parametrize(
    ("looked_at", "kinds"),
    [
        (ago(minutes=1), {"overdue_source"}),
        # Nobody looked since the delivery was due: it may lie there.
        (ago(days=1, hours=2), {"late_source"}),
        (ago(days=4, hours=1), {"stale_feed"}),
    ],
)
def test_a_supplier_is_late_only_as_far_as_somebody_looked(looked_at, kinds):
    delivered = standing(content_since=ago(days=9), read_at=looked_at)
    state = read("supplier", "products", succeeded_at=looked_at)
    row = row_of(facts(snapshots={"source/supplier/products": delivered}, feeds=state))
    assert {cause.kind for cause in row.causes} == kinds


def test_a_supplier_who_cannot_be_read_is_not_called_late():
    delivered = standing(content_since=ago(days=9), read_at=ago(days=3))
    state = failing("supplier", "products", "AccessError", succeeded_at=ago(days=3))
    row = row_of(facts(snapshots={"source/supplier/products": delivered}, feeds=state))
    assert [cause.kind for cause in row.causes] == ["unreadable_source"]

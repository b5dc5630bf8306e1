"""The facts about all clients, on both databases: what stands, fails, waits and is paused, and nothing of the past."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from s2s_pipelines.cycle.port import FeedState
from s2s_pipelines.storage import schema
from s2s_pipelines.storage.fleet_facts import FleetFactsReader
from s2s_pipelines.storage.pause_store import Pauses
from tests.unit.storage.stores import BOTH, NOON, HandClock, engine_of

CHANNELS = [("acme", "shop"), ("acme", "outlet"), ("bolt", "shop")]


@pytest.fixture(params=BOTH)
def engine(request, tmp_path):
    made = engine_of(request, tmp_path)
    yield made
    made.dispose()


def ago(**span):
    return NOON - timedelta(**span)


def read(engine, at=NOON, channels=CHANNELS):
    return FleetFactsReader(engine, HandClock(at)).read(channels)


def put(engine, table, *rows):
    with engine.begin() as connection:
        for row in rows:
            connection.execute(sa.insert(table).values(row))


def snapshot(name, *, client="acme", is_current=True, details=None, **values):
    made = {"read_at": ago(minutes=3), "created_at": ago(minutes=2), "content_since": ago(minutes=4)}
    counts = {"rows_in": 10, "rows_out": 9, "rejected": 1, "fingerprint": "f", "is_complete": True, "path": "p"}
    return {
        "client": client,
        "name": name,
        "is_current": is_current,
        "details": details or {},
        **counts,
        **made,
        **values,
    }


def plan(channel="shop", client="acme", **values):
    made = {"path": "p", "digest": "d", "catalogue_fingerprint": "f", "counts": {"variant_update": 2}, "breakers": {}}
    return {"client": client, "channel": channel, "verdict": "clear", "created_at": NOON, **made, **values}


def item(sku, *, client="acme", channel="shop", **values):
    blank = {"level": "variant", "product_key": sku, "is_listed": True, "is_uncertain": False, "failures": 0}
    said = {"reason": None, "message": None, "remedy": None, "is_retriable": None}
    return {"client": client, "channel": channel, "item_key": sku, **blank, **said, **values}


def order(code, state, *, client="acme", channel="shop", **values):
    made = {"ordered_at": ago(hours=1), "modified_at": NOON, "received_at": NOON, "changed_at": NOON, "due_at": None}
    said = {"reason": None, "message": None, "remedy": None}
    rest = {"number": code, "status": "processing", "order": {}, "content_hash": "h", "currency": "ZAR", **said}
    key = {"client": client, "channel": channel, "channel_order_code": code}
    return {
        **key,
        "state": state,
        "total": Decimal(1),
        "is_reserving": False,
        "attempts": 0,
        "version": 0,
        **rest,
        **made,
        **values,
    }


def body(code, **values):
    key = {"client": "acme", "channel": "shop", "channel_order_code": code, "body_hash": code, "body": "{}"}
    return {**key, "modified_at": NOON, "received_at": NOON, "taken_at": None, "problem": None, **values}


def test_an_empty_database_has_nothing_to_say(engine):
    facts = read(engine)
    assert facts.at == NOON
    assert not any((facts.standing, facts.feeds, facts.plans, facts.items, facts.held, facts.waiting, facts.odd))
    assert not any((facts.polls, facts.claims, facts.pauses, facts.ended_pauses))


def test_what_stands_is_told_and_what_stood_before_is_not(engine):
    put(
        engine,
        schema.snapshot,
        snapshot("source/erp/stock", is_current=False, rejected=7),
        snapshot("source/erp/stock", source_modified_at=ago(hours=1)),
        snapshot("catalogue", details={"conflicts": 3, "recipe": "r"}),
        snapshot("catalogue", client="bolt", details={"recipe": "r"}),
    )
    stands = read(engine).standing
    stock = stands["acme"]["source/erp/stock"]
    assert (stock.rows_in, stock.rows_out, stock.rejected) == (10, 9, 1)
    assert (stock.read_at, stock.created_at, stock.source_modified_at) == (ago(minutes=3), ago(minutes=2), ago(hours=1))
    assert [stands[client]["catalogue"].conflicts for client in ("acme", "bolt")] == [3, 0]


def test_feeds_are_told_by_client_source_and_feed(engine):
    state = {"attempted_at": NOON, "succeeded_at": ago(days=1), "full_at": None, "failures": 3}
    put(
        engine,
        schema.feed_state,
        {"client": "acme", "source": "erp", "feed": "stock", "error_class": "AccessError", "error": "no", **state},
    )
    assert read(engine).feeds == {
        "acme": {("erp", "stock"): FeedState("erp", "stock", NOON, ago(days=1), None, 3, "AccessError", "no", None)}
    }


def test_the_newest_plan_of_each_channel_asked_about_is_told(engine):
    tripped = {"vanish": {"is_tripped": True, "message": "too much"}}
    put(
        engine,
        schema.plan,
        plan(verdict="stopped"),
        plan(verdict="stopped", breakers=tripped, outcome={"status": "partial"}),
        plan("outlet", counts={"variant_update": 0}),
        plan(client="bolt"),
        plan(client="unasked"),
    )
    found = read(engine).plans
    assert set(found) == set(CHANNELS)
    newest = found["acme", "shop"]
    assert (newest.verdict, newest.breakers, newest.outcome) == ("stopped", tripped, {"status": "partial"})
    assert (newest.is_at_rest, found["acme", "outlet"].is_at_rest) == (False, True)


def test_failing_items_are_counted_by_reason_and_those_that_may_pass_apart(engine):
    put(
        engine,
        schema.channel_item,
        item("ok"),
        item("a", failures=1, reason="unreachable", message="no answer", is_retriable=True),
        item("b", failures=1, reason="refused", message="no tax class", remedy="make it", is_retriable=False),
        item("c", failures=4, reason="refused", message="no tax class", remedy="make it", is_retriable=True),
        item("d", client="bolt", failures=2, is_retriable=None),
    )
    found = read(engine).items
    refused, unreachable = found["acme", "shop"]
    assert (refused.reason, refused.count, refused.lasting, refused.sample, refused.remedy) == (
        "refused", 2, 2, "no tax class", "make it",
    )  # fmt: skip
    assert (unreachable.count, unreachable.lasting) == (1, 0)
    assert [(i.reason, i.lasting) for i in found["bolt", "shop"]] == [("unknown", 1)]


def test_held_orders_are_told_by_reason_with_the_oldest(engine):
    put(
        engine,
        schema.sales_order,
        order("1", "held", reason="unknown_sku", message="sku 0042", remedy="add it", changed_at=ago(hours=5)),
        order("2", "held", reason="unknown_sku", message="sku 0042", remedy="add it", changed_at=ago(hours=2)),
        order("3", "held", reason="no_customer", message="none", remedy="name one"),
        order("4", "complete"),
    )
    (customer, sku) = read(engine).held["acme", "shop"]
    assert (customer.reason, customer.count) == ("no_customer", 1)
    assert (sku.count, sku.since, sku.sample, sku.remedy) == (2, ago(hours=5), "sku 0042", "add it")


def test_orders_wait_when_nothing_has_moved_on_them_for_a_quarter_of_an_hour(engine):
    put(
        engine,
        schema.sales_order,
        order("1", "due", due_at=NOON, changed_at=ago(minutes=16)),
        order("2", "raising", due_at=NOON, changed_at=ago(minutes=40)),
        order("3", "raised", due_at=NOON, changed_at=ago(minutes=14)),
        order("4", "held", changed_at=ago(days=2)),
        order("5", "complete", changed_at=ago(days=2)),
    )
    put(engine, schema.inbox, body("6", received_at=ago(minutes=20)), body("7", received_at=ago(minutes=1)))
    waiting = read(engine).waiting
    assert {key: (each.count, each.since) for key, each in waiting.items()} == {("acme", "shop"): (3, ago(minutes=40))}


def test_an_order_that_nobody_understood_is_odd_until_another_body_of_it_is_understood(engine):
    bad = {"problem": "no currency", "taken_at": NOON, "received_at": ago(hours=2)}
    put(engine, schema.inbox, body("1", **bad), body("2", **bad), body("3", taken_at=NOON))
    assert read(engine).odd["acme", "shop"].count == 2
    put(engine, schema.sales_order, order("1", "complete"))
    assert read(engine).odd["acme", "shop"].count == 1


def test_polls_come_with_the_newest_order_of_their_channel(engine):
    state = {"attempted_at": NOON, "succeeded_at": ago(hours=1), "failures": 2, "error": "no answer"}
    put(
        engine,
        schema.poll_state,
        {"client": "acme", "channel": "shop", **state},
        {"client": "acme", "channel": "outlet", **state},
    )
    put(
        engine,
        schema.sales_order,
        order("1", "complete", ordered_at=ago(days=3)),
        order("2", "stored", ordered_at=ago(days=1)),
    )
    polls = read(engine).polls
    assert (polls["acme", "shop"].newest_order_at, polls["acme", "outlet"].newest_order_at) == (ago(days=1), None)
    assert (polls["acme", "shop"].failures, polls["acme", "shop"].error) == (2, "no answer")


def test_claims_are_told(engine):
    put(
        engine,
        schema.cycle_claim,
        {"client": "acme", "token": "t", "claimed_at": NOON, "begun_at": NOON, "seconds": 1.5},
    )
    claim = read(engine).claims["acme"]
    assert (claim.begun_at, claim.done_at, claim.seconds) == (NOON, None, 1.5)


def test_pauses_are_told_while_they_last_and_a_little_longer(engine):
    clock = HandClock(ago(hours=2))
    pauses = Pauses(engine, clock)
    live = pauses.begin("acme", "all", None, until=NOON + timedelta(hours=1), why="stock take", by="ops")
    pauses.begin("bolt", "orders", None, until=ago(minutes=10), why="new ERP", by="ops")
    pauses.begin("bolt", "pushes", None, until=ago(minutes=16), why="new prices", by="ops")
    pauses.begin("bolt", "source", "erp", until=NOON + timedelta(hours=1), why="slow", by="ops")
    clock.at = ago(minutes=5)
    pauses.end("bolt", "source", "erp", by="ops")
    facts = read(engine)
    assert facts.pauses == (live,)
    # Until the end of catching up, a quarter of an hour after each ended.
    assert {p.scope: p.until for p in facts.ended_pauses} == {
        "orders": NOON + timedelta(minutes=5),
        "source": NOON + timedelta(minutes=10),
    }

"""Alerts on both databases: opened once, kept up, closed, and remembered by whom they were told to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from s2s_pipelines.cycle.alerting import Changes, reconcile
from s2s_pipelines.cycle.cause import Cause
from s2s_pipelines.storage.alert_store import Alerts
from tests.unit.storage.stores import BOTH, NOON, HandClock, engine_of

BREAKER = Cause(
    "breaker", ("acme", "shop"), "acme", "a breaker stopped it", "30 of 100", "look", "/assets/acme/plan/shop"
)


@pytest.fixture(params=BOTH)
def desk(request, tmp_path):
    engine = engine_of(request, tmp_path)
    clock = HandClock()
    yield Alerts(engine, clock), clock
    engine.dispose()


def look(store, clock, *causes):
    """One look at what is wrong."""
    alive = [alert for alert in store.current() if alert.closed_at is None]
    store.apply(reconcile(causes, alive, clock.now()))
    return store.current()


def test_a_cause_is_opened_with_all_it_says(desk):
    store, clock = desk
    (alert,) = look(store, clock, BREAKER)
    assert (alert.cause, alert.kind, alert.client) == ("breaker/acme/shop", "breaker", "acme")
    assert (alert.subject, alert.message, alert.remedy, alert.path) == (
        "a breaker stopped it", "30 of 100", "look", "/assets/acme/plan/shop",
    )  # fmt: skip
    assert (alert.opened_at, alert.seen_at, alert.closed_at, alert.told) == (NOON, NOON, None, {})


def test_a_cause_that_lasts_keeps_its_number_and_says_what_is_so_now(desk):
    store, clock = desk
    (first,) = look(store, clock, BREAKER)
    clock.move(minutes=2)
    (later,) = look(store, clock, replace(BREAKER, message="40 of 100"))
    assert (later.id, later.message, later.opened_at) == (first.id, "40 of 100", NOON)
    assert later.seen_at == NOON + timedelta(minutes=2)


def test_two_who_open_the_same_cause_at_once_open_it_once(desk):
    store, clock = desk
    changes = reconcile([BREAKER], [], clock.now())
    store.apply(changes)
    store.apply(changes)
    assert len(store.current()) == 1


def test_a_cause_that_is_gone_closes_and_one_that_comes_back_is_a_new_alert(desk):
    store, clock = desk
    look(store, clock, BREAKER)
    clock.move(minutes=2)
    assert look(store, clock)[0].closed_at is None
    clock.move(minutes=1)
    assert look(store, clock)[0].closed_at == clock.now()
    found = look(store, clock, BREAKER)
    assert [alert.closed_at is None for alert in found] == [False, True]


def test_what_closed_long_ago_is_not_read_any_more(desk):
    store, clock = desk
    look(store, clock, BREAKER)
    clock.move(hours=1)
    look(store, clock)
    clock.move(days=2)
    assert store.current() == []


def test_who_was_told_what_is_remembered_apart(desk):
    store, clock = desk
    (alert,) = look(store, clock, BREAKER)
    store.note_told([alert], "ops", "opened")
    clock.move(hours=1)
    store.note_told([alert], "night", "summary")
    store.note_told([alert], "ops", "digest")
    (found,) = store.current()
    assert found.told_at("ops", "opened") == NOON
    assert found.told_at("ops", "digest") == found.told_at("night", "summary") == NOON + timedelta(hours=1)
    assert found.told_at("night", "opened") is None


def test_an_alert_is_touched_and_closed_by_its_key(desk):
    store, clock = desk
    store.touch(BREAKER)
    clock.move(minutes=5)
    store.touch(BREAKER)
    (alert,) = store.current()
    assert (alert.opened_at, alert.seen_at) == (NOON, clock.now())
    store.close(BREAKER.key)
    store.close("breaker/nobody")
    assert store.current()[0].closed_at == clock.now()


def test_thousands_are_kept_up_without_a_statement_each(desk):
    store, clock = desk
    causes = [replace(BREAKER, names=(f"c{n}", "shop"), client=f"c{n}") for n in range(3000)]
    store.apply(Changes(tuple(causes), (), ()))
    clock.move(minutes=2)
    found = look(store, clock, *causes)
    assert len(found) == 3000
    assert {alert.seen_at for alert in found} == {clock.now()}

from datetime import timedelta

import pytest

from s2s_pipelines.storage.pause_store import Pauses
from tests.unit.storage.ledger_sample import ALL, CLIENT, NOON, Desk

LATER = NOON + timedelta(hours=2)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server("postgres"))])
def desk(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Desk(url)
    yield made
    made.engine.dispose()


@pytest.fixture
def pauses(desk):
    return Pauses(desk.engine, desk.clock)


def test_a_pause_is_live_until_its_moment_and_ends_by_itself(desk, pauses):
    made = pauses.begin("karoo", "source", "erp", until=LATER, why=" stock take ", by="Ops")
    assert (made.client, made.scope, made.target, made.until) == ("karoo", "source", "erp", LATER)
    assert (made.why, made.by, made.created_at) == ("stock take", "Ops", NOON)
    assert pauses.live() == (made,)
    desk.clock.pass_s(7199)
    assert pauses.live() == (made,)
    desk.clock.pass_s(1)
    assert pauses.live() == ()


def test_ending_one_by_hand_leaves_the_others(pauses):
    orders = pauses.begin("karoo", "orders", None, until=LATER, why="count", by="Ops")
    erp = pauses.begin("karoo", "source", "erp", until=LATER, why="count", by="Ops")
    other = pauses.begin("overberg", "source", "erp", until=LATER, why="count", by="Ops")
    assert pauses.end("karoo", "source", "sheet", by="Ops") == ()
    assert pauses.end("karoo", "source", "erp", by="Ops") == (erp,)
    assert pauses.end("karoo", "source", "erp", by="Ops") == ()
    assert set(pauses.live()) == {orders, other}


def test_the_newest_word_on_the_same_thing_counts(pauses):
    pauses.begin("karoo", "pushes", None, until=LATER, why="prices", by="Ops")
    shorter = pauses.begin("karoo", "pushes", None, until=NOON + timedelta(minutes=5), why="sooner", by="Ops")
    assert pauses.live() == (shorter,)


def test_those_that_end_first_come_first(pauses):
    late = pauses.begin("karoo", "all", None, until=LATER, why="move", by="Ops")
    soon = pauses.begin("*", "pushes", None, until=NOON + timedelta(minutes=5), why="move", by="Ops")
    assert pauses.live() == (soon, late)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "source", "target": None},
        {"scope": "orders", "target": "erp"},
        {"scope": "all", "target": None, "until": NOON},
    ],
    ids=["source without a name", "orders of a source", "over before it begins"],
)
def test_what_names_nothing_or_never_begins_is_refused(pauses, wrong):
    with pytest.raises(ValueError):
        pauses.begin("karoo", **{"until": LATER, "why": "count", "by": "Ops", **wrong})
    assert pauses.live() == ()


def claimed(desk):
    return [record.id for record in desk.ledger.claim_due(CLIENT, limit=10, claim_s=60, scope=ALL)]


@pytest.mark.parametrize("client", [CLIENT, "*"])
def test_orders_wait_for_the_end_of_a_pause_and_are_due_at_once_when_it_is_resumed(desk, pauses, client):
    record = desk.planned("erp")
    pause = pauses.begin(client, "source", "erp", until=LATER, why="count", by="Ops")
    other = pauses.begin("overberg", "orders", None, until=LATER, why="count", by="Ops")
    desk.ledger.wait(record.id, pause)
    assert desk.ledger.read_order(record.id).due_at == LATER
    assert desk.ledger.history(record.id)[-1].details["why"] == pause.message
    pauses.end("overberg", "orders", None, by="Ops")
    assert other not in pauses.live()
    assert claimed(desk) == []
    pauses.end(client, "source", "erp", by="Ops")
    assert claimed(desk) == [record.id]


def test_orders_that_wait_for_a_pause_are_due_when_it_ends_by_itself(desk, pauses):
    record = desk.planned("erp")
    desk.ledger.wait(record.id, pauses.begin(CLIENT, "orders", None, until=LATER, why="count", by="Ops"))
    desk.clock.pass_s(7199)
    assert claimed(desk) == []
    desk.clock.pass_s(1)
    assert claimed(desk) == [record.id]


def test_no_order_waits_for_a_pause_that_has_ended(desk, pauses):
    record = desk.planned("erp")
    pause = pauses.begin(CLIENT, "orders", None, until=LATER, why="count", by="Ops")
    pauses.end(CLIENT, "orders", None, by="Ops")
    desk.ledger.wait(record.id, pause)
    assert claimed(desk) == [record.id]

from datetime import UTC, datetime, timedelta

import pytest

from s2s_pipelines.model.pause import SCOPES, Pause, stopping

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORK = {
    "read erp": {"activity": "read", "source": "erp"},
    "read sheet": {"activity": "read", "source": "sheet"},
    "plan shop": {"activity": "plan", "channel": "shop"},
    "push shop": {"activity": "push", "channel": "shop"},
    "push other": {"activity": "push", "channel": "other"},
    "orders": {"activity": "orders"},
    "poll shop": {"activity": "orders", "channel": "shop"},
    "poll other": {"activity": "orders", "channel": "other"},
    "raise in erp": {"activity": "orders", "source": "erp"},
    "raise in depot": {"activity": "orders", "source": "depot"},
}
STOPPED = {
    ("all", None): set(WORK),
    ("source", "erp"): {"read erp", "raise in erp"},
    ("channel", "shop"): {"plan shop", "push shop", "poll shop"},
    ("orders", None): {"orders", "poll shop", "poll other", "raise in erp", "raise in depot"},
    ("pushes", None): {"push shop", "push other"},
}


def pause(scope="all", target=None, *, client="karoo", until=NOON, number=1):
    return Pause(number, client, scope, target, until, "stock take", "Ops", NOON - timedelta(hours=1))


def stopped_by(live, *, client="karoo", now=NOON - timedelta(minutes=1)):
    return {name for name, work in WORK.items() if stopping(live, client=client, now=now, **work)}


@pytest.mark.parametrize("named", STOPPED, ids=str)
def test_a_pause_stops_what_it_names_and_nothing_else(named):
    live = [pause(*named)]
    assert stopped_by(live) == STOPPED[named]
    assert stopped_by(live, client="overberg") == set()
    assert stopped_by([pause(*named, client="*")], client="overberg") == STOPPED[named]


def test_every_scope_is_named_here():
    assert {scope for scope, _ in STOPPED} == set(SCOPES)


def test_a_pause_ends_by_itself_at_its_moment():
    live = [pause()]
    assert stopped_by(live, now=NOON - timedelta(microseconds=1)) == set(WORK)
    assert stopped_by(live, now=NOON) == set()


def test_of_several_pauses_the_one_that_ends_last_is_told():
    early, late = pause(number=1), pause("source", "erp", until=NOON + timedelta(hours=2), number=2)
    now = NOON - timedelta(minutes=1)
    assert stopping([late, early], client="karoo", activity="read", source="erp", now=now) is late
    assert stopping([late, early], client="karoo", activity="push", channel="shop", now=now) is early

from datetime import UTC, datetime, time, timedelta

import pytest

from s2s_pipelines.catalogue.policy import Terms
from s2s_pipelines.cycle.client_plan import ClientPlan, FeedPlan, SourcePlan
from s2s_pipelines.cycle.due import due_feeds
from s2s_pipelines.cycle.port import FeedState

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def plan(full_at=None):
    feed = FeedPlan("products", timedelta(minutes=3), full_at)
    return ClientPlan("acme", "Africa/Johannesburg", Terms(), (SourcePlan("erp", "primary", "incl", (), (feed,)),))


def state(**what):
    return {("erp", "products"): FeedState("erp", "products", **what)}


def test_a_feed_that_was_never_read_is_due():
    [due] = due_feeds(plan(), {}, NOON)
    assert (due.source, due.feed, due.role, due.is_nightly) == ("erp", "products", "primary", False)


@pytest.mark.parametrize(("minutes", "is_due"), [(2, False), (3, True), (90, True)])
def test_a_feed_is_due_when_its_rhythm_has_passed_since_it_was_read(minutes, is_due):
    at = NOON - timedelta(minutes=minutes)
    assert bool(due_feeds(plan(), state(attempted_at=at, succeeded_at=at, full_at=at), NOON)) is is_due


def test_a_feed_that_failed_waits_for_its_time_even_if_its_nightly_read_is_due():
    old = NOON - timedelta(days=3)
    memory = state(attempted_at=old, succeeded_at=old, full_at=old, retry_at=NOON + timedelta(seconds=1))
    assert due_feeds(plan(time(2)), memory, NOON) == []
    assert due_feeds(plan(time(2)), memory, NOON + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("full_at", "is_nightly"),
    [
        (datetime(2026, 2, 28, 23, 59, tzinfo=UTC), True),  # 01:59 at the client, a minute before its nightly read
        (datetime(2026, 3, 1, 0, 0, tzinfo=UTC), False),
        (datetime(2026, 3, 1, 5, 0, tzinfo=UTC), False),
    ],
)
def test_the_nightly_full_read_is_due_once_by_the_clients_own_clock(full_at, is_nightly):
    memory = state(attempted_at=NOON, succeeded_at=NOON, full_at=full_at)
    assert [due.is_nightly for due in due_feeds(plan(time(2)), memory, NOON)] == ([True] if is_nightly else [])

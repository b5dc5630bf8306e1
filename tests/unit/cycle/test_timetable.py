from datetime import UTC, datetime, time, timedelta

import pytest

from s2s_pipelines.catalogue.policy import Rhythm
from s2s_pipelines.cycle.client_plan import FeedPlan
from s2s_pipelines.cycle.port import FeedState
from s2s_pipelines.cycle.timetable import is_due, is_full_due, punctuality

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEED = FeedPlan("stock", timedelta(minutes=3), full_at=time(2))


def state(**values):
    return FeedState("erp", "stock", **values)


@pytest.mark.parametrize(
    "known, expected",
    [
        (None, True),
        (state(), True),
        (state(attempted_at=NOON, succeeded_at=NOON - timedelta(minutes=2)), False),
        (state(attempted_at=NOON, succeeded_at=NOON - timedelta(minutes=3)), True),
        (state(attempted_at=NOON, succeeded_at=NOON - timedelta(days=1), retry_at=NOON + timedelta(seconds=1)), False),
        (state(attempted_at=NOON, retry_at=NOON), True),
        (state(attempted_at=NOON), True),
    ],
)
def test_feed_is_due_when_its_distance_or_its_wait_is_over(known, expected):
    assert is_due(FEED, known, NOON) is expected


@pytest.mark.parametrize(
    "full_at, now, expected",
    [
        (datetime(2026, 3, 1, 0, 30, tzinfo=UTC), NOON, False),  # 02:30 in Johannesburg
        (datetime(2026, 2, 28, 23, 30, tzinfo=UTC), NOON, True),  # 01:30 there
        (datetime(2026, 3, 1, 0, 30, tzinfo=UTC), datetime(2026, 3, 1, 23, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 1, 0, 30, tzinfo=UTC), datetime(2026, 3, 2, 0, 0, tzinfo=UTC), True),
        (None, NOON, True),
    ],
)
def test_full_read_is_due_once_the_time_of_day_has_passed_where_the_client_is(full_at, now, expected):
    assert is_full_due(FEED, state(full_at=full_at), now, "Africa/Johannesburg") is expected


def test_feed_without_a_time_for_it_is_always_read_in_full():
    assert is_full_due(FeedPlan("stock", timedelta(minutes=3)), state(full_at=NOON), NOON, "UTC")


def test_source_that_never_delivered_is_told_as_such():
    assert punctuality(Rhythm(every=timedelta(days=7)), None, NOON) == "never"
    assert punctuality(Rhythm(every=timedelta(days=7)), NOON - timedelta(days=7, seconds=1), NOON) == "overdue"

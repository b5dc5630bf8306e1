from datetime import UTC, datetime, timedelta

import pytest

from s2s_pipelines.config.declaration import ClientDeclaration
from s2s_pipelines.cycle.due import due_feeds
from s2s_pipelines.cycle.port import FeedState

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def declaration(**feed):
    return ClientDeclaration.model_validate(
        {
            "client": "acme",
            "label": "Acme",
            "timezone": "Africa/Johannesburg",
            "sources": {
                "erp": {"role": "primary", "connection": "erp", "basis": "incl", "feeds": {"products": {"every": "PT3M", **feed}}}
            },
        }
    )


def state(**what):
    return {("erp", "products"): FeedState("erp", "products", **what)}


def test_a_feed_that_was_never_read_is_due_in_full():
    [due] = due_feeds(declaration(), {}, NOON)
    assert (due.source, due.feed, due.is_full, due.is_linked) == ("erp", "products", True, False)


@pytest.mark.parametrize(("minutes", "is_due"), [(2, False), (3, True), (90, True)])
def test_a_feed_is_due_when_its_rhythm_has_passed_since_the_last_attempt(minutes, is_due):
    memory = state(attempted_at=NOON - timedelta(minutes=minutes), full_at=NOON - timedelta(days=1))
    assert bool(due_feeds(declaration(), memory, NOON)) is is_due


def test_a_feed_that_failed_waits_for_its_time():
    memory = state(attempted_at=NOON - timedelta(hours=1), full_at=NOON, retry_at=NOON + timedelta(seconds=1))
    assert due_feeds(declaration(), memory, NOON) == []
    assert due_feeds(declaration(), memory, NOON + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("full_at", "is_full"),
    [
        (datetime(2026, 2, 28, 23, 59, tzinfo=UTC), True),  # 01:59 at the client, a minute before its nightly full read
        (datetime(2026, 3, 1, 0, 0, tzinfo=UTC), False),
        (datetime(2026, 3, 1, 5, 0, tzinfo=UTC), False),
    ],
)
def test_the_nightly_full_read_is_due_once_by_the_clients_own_clock(full_at, is_full):
    memory = state(attempted_at=NOON, full_at=full_at)
    assert [due.is_full for due in due_feeds(declaration(full_at="02:00"), memory, NOON)] == ([True] if is_full else [])


def test_a_quick_read_begun_just_after_the_hour_does_not_use_up_the_nightly_one():
    # the hour passed, a quick cycle read something since, but nothing complete stood since
    memory = state(attempted_at=NOON - timedelta(seconds=30), full_at=NOON - timedelta(days=2))
    assert [due.is_full for due in due_feeds(declaration(full_at="02:00"), memory, NOON)] == [True]

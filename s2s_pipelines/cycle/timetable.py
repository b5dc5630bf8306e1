"""When a feed is due, when it must be read in full, and whether a source keeps to its rhythm."""

from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from s2s_pipelines.catalogue.policy import Rhythm
from s2s_pipelines.cycle.client_plan import FeedPlan
from s2s_pipelines.cycle.port import FeedState

Punctuality = Literal["in_time", "late", "overdue", "never"]


def is_due(feed: FeedPlan, state: FeedState | None, now: datetime) -> bool:
    """Whether a feed is to be read: never read, its distance is over, or it failed and its wait is over."""
    if state is None or state.attempted_at is None:
        return True
    if state.retry_at is not None:
        return now >= state.retry_at
    return state.succeeded_at is None or now >= state.succeeded_at + feed.every


def is_full_due(feed: FeedPlan, state: FeedState | None, now: datetime, timezone: str) -> bool:
    """Whether the next read must be a full one: none stands yet, none is ever incremental, or the time of day has passed."""
    if feed.full_at is None or state is None or state.full_at is None:
        return True
    local = now.astimezone(ZoneInfo(timezone))
    # Wall clock arithmetic: a day with a changed clock is as long as it is there.
    today = datetime.combine(local.date(), feed.full_at, tzinfo=local.tzinfo)
    last = today if today <= local else datetime.combine(local.date() - timedelta(days=1), feed.full_at, local.tzinfo)
    return state.full_at < last


def punctuality(rhythm: Rhythm, delivered_at: datetime | None, now: datetime) -> Punctuality:
    """Whether the newest delivery is in time; ``late`` is within the grace, ``overdue`` beyond it.

    >>> from datetime import UTC
    >>> weekly = Rhythm(every=timedelta(days=7), grace=timedelta(days=1))
    >>> monday = datetime(2026, 3, 2, tzinfo=UTC)
    >>> [punctuality(weekly, monday, monday + timedelta(days=d)) for d in (7, 8, 9)]
    ['in_time', 'late', 'overdue']
    """
    if delivered_at is None:
        return "never"
    late = now - delivered_at - rhythm.every
    if late <= timedelta(0):
        return "in_time"
    return "late" if late <= rhythm.grace else "overdue"

"""How old what stands of a feed may be, and when it is next due to be read. Pure; the clock is handed in."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from s2s_pipelines.cycle.client_plan import FeedPlan
from s2s_pipelines.cycle.port import FeedState

_LEAST = timedelta(hours=1)
_READS = 4


def stale_limit(feed: FeedPlan) -> timedelta:
    """The age beyond which what stands of a feed is stale: as declared, else four reads missed and at least an hour.

    >>> minutes = [stale_limit(FeedPlan("stock", timedelta(minutes=m))) // timedelta(minutes=1) for m in (3, 30)]
    >>> minutes, stale_limit(FeedPlan("stock", timedelta(minutes=3), stale_after=timedelta(minutes=10))).seconds
    ([60, 120], 600)
    """
    return feed.stale_after if feed.stale_after is not None else max(_READS * feed.every, _LEAST)


def is_stale(feed: FeedPlan, read_at: datetime | None, now: datetime) -> bool:
    """Whether what stands is older than its limit; what was never read is missing, not stale."""
    return read_at is not None and now - read_at > stale_limit(feed)


def next_read(feed: FeedPlan, state: FeedState | None, now: datetime, timezone: str) -> datetime:
    """When a feed is next due; a moment that has passed means that it is due now.

    The rule is that of ``cycle.timetable``: after its distance, when its wait after a failure is over, or at its time of day.
    """
    if state is None or state.attempted_at is None:
        return now
    if state.retry_at is not None:
        return state.retry_at
    if state.succeeded_at is None:
        return now
    due = state.succeeded_at + feed.every
    if feed.full_at is not None and state.full_at is not None:
        # Wall clock arithmetic, as the timetable's.
        last = state.full_at.astimezone(ZoneInfo(timezone))
        full = datetime.combine(last.date(), feed.full_at, last.tzinfo)
        full = full if full > last else datetime.combine(last.date() + timedelta(days=1), feed.full_at, last.tzinfo)
        due = min(due, full.astimezone(now.tzinfo))
    return due

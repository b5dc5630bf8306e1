"""Who is due: the declared rhythm against what our own database remembers. Pure; the clock is handed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from s2s_pipelines.catalogue.ownership import SourceRole
from s2s_pipelines.cycle.client_plan import ClientPlan
from s2s_pipelines.cycle.port import FeedState
from s2s_pipelines.cycle.timetable import is_due, is_full_due
from s2s_pipelines.model.field import Feed


@dataclass(frozen=True, slots=True)
class DueFeed:
    """One feed that should be read now.

    Attributes:
        is_nightly: its time of day for a full read has passed since the last one.
        attempted_at: the start of the last attempt, however it ended.
    """

    source: str
    role: SourceRole
    feed: Feed
    is_nightly: bool
    attempted_at: datetime | None


def due_feeds(plan: ClientPlan, states: Mapping[tuple[str, str], FeedState], now: datetime) -> list[DueFeed]:
    """The client's feeds that are due, in declared order.

    Args:
        plan: what the client declares.
        states: how reading went lately, by source and feed; a feed that was never tried has none.
        now: aware.
    """
    found = []
    for source in plan.sources:
        for feed in source.feeds:
            state = states.get((source.source, feed.feed))
            nightly = (
                feed.full_at is not None
                and state is not None
                and (state.retry_at is None or state.retry_at <= now)
                and is_full_due(feed, state, now, plan.timezone)
            )
            if nightly or is_due(feed, state, now):
                found.append(
                    DueFeed(source.source, source.role, feed.feed, nightly, state.attempted_at if state else None)
                )
    return found


def has_passed(last: datetime | None, every: timedelta, now: datetime) -> bool:
    """Whether something last done at that moment is due again; never done is due.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> has_passed(None, timedelta(minutes=3), noon), has_passed(noon, timedelta(minutes=3), noon)
    (True, False)
    """
    return last is None or last + every <= now

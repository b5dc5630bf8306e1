"""Who is due: the declared rhythm against what our own database remembers. Pure; the clock is handed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from s2s_pipelines.config.declaration import ClientDeclaration, FeedDeclaration
from s2s_pipelines.cycle.port import FeedState
from s2s_pipelines.model.field import Feed


@dataclass(frozen=True, slots=True)
class DueFeed:
    """One feed that should be read now.

    Attributes:
        is_full: read it whole, because its daily full read is due or it was never read.
        since: the moment it became due.
    """

    source: str
    feed: Feed
    is_linked: bool
    is_full: bool
    since: datetime


def due_feeds(
    declaration: ClientDeclaration, memories: Mapping[tuple[str, str], FeedState], now: datetime
) -> list[DueFeed]:
    """The client's feeds that are due, longest due first.

    Args:
        declaration: what the client declares.
        memories: by source and feed; a feed that was never tried has none.
        now: aware.
    """
    zone = ZoneInfo(declaration.timezone)
    found = []
    for source, declared in declaration.sources.items():
        for feed, rhythm in declared.feeds.items():
            memory = memories.get((source, feed), FeedState(source, feed))
            full_since = _full_due_since(rhythm, memory, now, zone)
            since = _quick_due_since(rhythm, memory, now)
            moments = [moment for moment in (since, full_since) if moment is not None]
            if moments and (memory.retry_at is None or memory.retry_at <= now):
                found.append(DueFeed(source, feed, declared.role == "linked", full_since is not None, min(moments)))
    return sorted(found, key=lambda due: (due.since, due.source, due.feed))


def _quick_due_since(rhythm: FeedDeclaration, memory: FeedState, now: datetime) -> datetime | None:
    if memory.attempted_at is None:
        return now
    due_at = memory.attempted_at + rhythm.every
    return due_at if due_at <= now else None


def _full_due_since(rhythm: FeedDeclaration, memory: FeedState, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The last time of the declared daily full read, if nothing complete was read since."""
    if memory.full_at is None:
        return now if memory.attempted_at is None else None
    if rhythm.full_at is None:
        return None
    local = now.astimezone(zone)
    last = local.replace(hour=rhythm.full_at.hour, minute=rhythm.full_at.minute, second=0, microsecond=0)
    if last > local:
        last -= timedelta(days=1)
    return last if memory.full_at < last else None


def is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    """Whether something last done at that moment is due again; never done is due.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> is_due(None, timedelta(minutes=3), noon), is_due(noon, timedelta(minutes=3), noon)
    (True, False)
    """
    return last is None or last + every <= now

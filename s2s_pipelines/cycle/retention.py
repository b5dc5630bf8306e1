"""What may go, and what must stay whatever its age. Storage asks here before it deletes anything.

Never among what may go: the snapshot that stands, those that the standing catalogue was made from, the last complete one, the
two newest reads (``explain`` tells from them why a sku is missing), reads that a standing value still comes from, the newest plan
of a channel, and every plan that a person decided about.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise

LEAST_AGE = timedelta(days=1)
"""Nothing younger goes, whatever is declared: a refresh or a push that began earlier may still read it."""

_NEWEST_READS = 2


@dataclass(frozen=True, slots=True)
class OldSnapshot:
    """What the rule must know of a snapshot.

    Attributes:
        is_refused: it was unfit and never stood.
        first_read_at: which read it came from, as written in its details; None for a catalogue.
    """

    id: int
    name: str
    is_current: bool
    is_complete: bool
    is_refused: bool
    created_at: datetime
    first_read_at: str | None = None


@dataclass(frozen=True, slots=True)
class OldPlan:
    """What the rule must know of a plan; ``is_decided``: a person approved it or let it through."""

    id: int
    channel: str
    is_decided: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlansToGo:
    """Plans whose row and files may go, and those of which only the files may."""

    whole: tuple[int, ...] = ()
    files_only: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Used:
    """Snapshots that something which stands still needs.

    Attributes:
        ids: those the standing catalogue was made from.
        reads: by name of the feed, the reads that a standing value came from, as ``first_read_at`` writes them.
    """

    ids: Collection[int] = ()
    reads: Mapping[str, Collection[str]] = field(default_factory=dict)


def limit(now: datetime, age: timedelta) -> datetime:
    """The moment before which something must have ended to go."""
    return now - max(age, LEAST_AGE)


def snapshots_to_go(snapshots: Iterable[OldSnapshot], used: Used, before: datetime) -> tuple[int, ...]:
    """Snapshots of one client that may go, the oldest first.

    A snapshot's age counts from the moment another one took its place, for until then it was read from; that of a refused one
    from the moment it was kept.

    Args:
        snapshots: all of the client's.
        used: what stands still needs.
        before: see ``limit``.
    """
    going: list[int] = []
    by_name = sorted(snapshots, key=lambda s: (s.name, s.id))
    for name, group in groupby(by_name, key=lambda s: s.name):
        going += _of_name(list(group), used.ids, used.reads.get(name, ()), before)
    return tuple(sorted(going))


def _of_name(own: Sequence[OldSnapshot], ids: Collection[int], reads: Collection[str], before: datetime) -> list[int]:
    complete = [s.id for s in own if s.is_complete and not s.is_refused]
    staying = {*ids, *complete[-1:], *(s.id for s in own[-_NEWEST_READS:])}
    successor: datetime | None = None
    going = []
    for snapshot in reversed(own):
        ended_at = snapshot.created_at if snapshot.is_refused else successor
        if not snapshot.is_refused:
            successor = snapshot.created_at
        is_needed = snapshot.is_current or snapshot.id in staying or snapshot.first_read_at in reads
        if not is_needed and ended_at is not None and ended_at < before:
            going.append(snapshot.id)
    return going


def plans_to_go(plans: Iterable[OldPlan], before: datetime) -> PlansToGo:
    """Plans of one client that may go: those replaced long enough ago. The newest of each channel stays."""
    whole: list[int] = []
    files_only: list[int] = []
    by_channel = sorted(plans, key=lambda p: (p.channel, p.id))
    for _, group in groupby(by_channel, key=lambda p: p.channel):
        for plan, successor in pairwise(group):
            if successor.created_at < before:
                (files_only if plan.is_decided else whole).append(plan.id)
    return PlansToGo(tuple(whole), tuple(files_only))

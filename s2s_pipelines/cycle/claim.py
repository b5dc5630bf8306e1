"""Who takes up which client's cycle: the rules by which due clients are shared out to runs. Pure.

A client is claimed for a run when that run is asked for, taken up by the process that works on the run, begun and done. It is
asked for again once its claim is done, or as soon as nobody can be working on it any more; a run that was lost loses nothing.
Most clients share a run, for a run costs seconds and an unchanged client a fraction of one. A client that took long lately, or
whose last cycle did not come to its end, gets a run of its own, so that the quick ones keep their rhythm.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

UNTAKEN_FOR = timedelta(minutes=2)
"""A claim whose run nobody took up by then, and which is not waiting for its turn either, counts for nothing."""

SLOW_S = 30.0
"""A cycle that takes longer is slow."""

MOST_CLIENTS = 250
"""Clients that share a run at most: what a lost run has to do again."""
LEAST_CLIENTS = 25
"""Fewer clients than that are not divided: a second run costs more than it saves."""
MOST_RUNS = 4
"""Runs that due clients are divided into while they have room; as many as ``dagster.yaml`` lets run side by side."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of a client's last request for a cycle.

    Attributes:
        token: of the run that was asked for.
        holder: the process that took it up.
        alive_until: that process pushes this on as long as it lives.
        seconds: how long the last cycle took that came to its end, maybe an earlier one.
    """

    client: str
    token: str
    claimed_at: datetime
    begun_at: datetime | None = None
    done_at: datetime | None = None
    seconds: float | None = None
    holder: str | None = None
    alive_until: datetime | None = None


def is_free(claim: Claim | None, now: datetime, *, waiting: Collection[str], is_gone: Callable[[str], bool]) -> bool:
    """Whether a client may be asked for.

    Args:
        claim: its newest one; None: it never had any.
        now: aware.
        waiting: tokens of runs that were asked for and wait for their turn.
        is_gone: whether a process certainly runs no more.
    """
    if claim is None or claim.done_at is not None:
        return True
    if claim.holder is None or claim.alive_until is None:
        return claim.token not in waiting and claim.claimed_at + UNTAKEN_FOR <= now
    return claim.alive_until <= now or is_gone(claim.holder)


def is_slow(claim: Claim | None) -> bool:
    """Whether the client took long lately, or was begun and did not come to its end. Asked only of clients that are free."""
    if claim is None:
        return False
    is_unfinished = claim.begun_at is not None and claim.done_at is None
    return is_unfinished or (claim.seconds or 0.0) > SLOW_S


@dataclass(frozen=True, slots=True)
class Share:
    """Clients for one run."""

    clients: tuple[str, ...]
    is_slow: bool = False


def shares(clients: Iterable[str], claims: Mapping[str, Claim]) -> list[Share]:
    """Due clients, divided into runs; those that are slow alone.

    >>> from datetime import UTC
    >>> long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    >>> slow = Claim("b", "t", long_ago, long_ago, long_ago, seconds=31)
    >>> [(share.clients, share.is_slow) for share in shares(["a", "b", "c"], {"b": slow})]
    [(('a', 'c'), False), (('b',), True)]
    """
    due = list(clients)
    slow = [client for client in due if is_slow(claims.get(client))]
    alone = set(slow)
    quick = [client for client in due if client not in alone]
    return [Share(tuple(part)) for part in _parts(quick)] + [Share((client,), is_slow=True) for client in slow]


def _parts(clients: Sequence[str]) -> Iterable[Sequence[str]]:
    if not clients:
        return
    count = min(MOST_RUNS, -(-len(clients) // LEAST_CLIENTS))
    size = min(MOST_CLIENTS, -(-len(clients) // count))
    for start in range(0, len(clients), size):
        yield clients[start : start + size]

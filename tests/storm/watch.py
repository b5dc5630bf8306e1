"""The oracle of the storm: when each client's due things were really done, and which of them came too late.

Dagster's runs are not asked. What the outside can tell is read there: the suppliers' access log, the shops' own counts of
requests. Of an ERP, a file that nobody logs, the read that succeeded counts as our database has it; of a push, the moment the
newest plan was made or found to be what the channel needs.
"""

import threading
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import sqlalchemy as sa

from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.schema import feed_state, plan
from tests.storm.world import EVERY_S, POLL_S, Merchant

LOOK_S = 1.0

PERIODS: Mapping[str, float] = {"erp": EVERY_S, "supplier": EVERY_S, "push": EVERY_S, "poll": POLL_S}
"""What each client declares to be done how often, in seconds."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time in which something due was not done.

    Attributes:
        periods: its length; up to 2 a due time was missed by at most one period.
    """

    client: str
    what: str
    began_at: float
    periods: float

    @property
    def is_missed(self) -> bool:
        """Whether a due time was missed by more than one period."""
        return self.periods > 2


def gaps(client: str, what: str, moments: Iterable[float], *, start: float, end: float) -> list[Gap]:
    """The stretches between one time it was done and the next, from the last one before ``start`` to ``end``.

    Never done is one gap from the start to the end.
    """
    known = sorted(set(moments))
    first = bisect_right(known, start)
    inside = [at for at in known[max(0, first - 1) :] if at < end]
    edges = [*inside, end] if first else [start, *inside, end]
    period = PERIODS[what]
    return [Gap(client, what, a, (b - a) / period) for a, b in pairwise(edges)]


class Watch:
    """Looks once a second; a context manager.

    Args:
        merchants: whom to watch.
        database_url: our own database.
    """

    def __init__(self, merchants: Sequence[Merchant], database_url: str) -> None:
        self._merchants = merchants
        self._engine = make_engine(database_url)
        self._seen: dict[tuple[str, str], set[float]] = defaultdict(set)
        self._polls: dict[str, int] = defaultdict(int)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.longest_look_s = 0.0

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._engine.dispose()

    def moments(self, client: str, what: str) -> list[float]:
        """When it was done, in seconds since 1970."""
        return sorted(self._seen[client, what])

    def has_begun(self, client: str) -> bool:
        """Whether everything of a client was done at least once."""
        return all(self._seen[client, what] for what in PERIODS)

    def gaps(self, clients: Iterable[str], *, start: float, end: float) -> list[Gap]:
        """Every stretch of every due thing of these clients, the longest first."""
        found = [
            g for c in clients for what in PERIODS for g in gaps(c, what, self._seen[c, what], start=start, end=end)
        ]
        return sorted(found, key=lambda gap: -gap.periods)

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_S):
            began = time.monotonic()
            try:
                self.look()
            except sa.exc.OperationalError:  # no tables yet, or busy: the next look sees the same
                continue
            self.longest_look_s = max(self.longest_look_s, time.monotonic() - began)

    def look(self) -> None:
        """Note what was done since the last look."""
        for merchant in self._merchants:
            self._seen[merchant.name, "supplier"].update(merchant.suppliers.shelves[merchant.name].fetched_at)
            polls = merchant.polls()
            if polls > self._polls[merchant.name]:
                self._polls[merchant.name] = polls
                self._seen[merchant.name, "poll"].add(time.time())
        t, p = feed_state.c, plan.c
        with self._engine.connect() as connection:
            read = connection.execute(sa.select(t.client, t.succeeded_at).where(t.source == "erp")).all()
            looked = sa.func.max(sa.func.coalesce(p.confirmed_at, p.created_at))
            planned = connection.execute(sa.select(p.client, looked).group_by(p.client)).all()
        for what, rows in (("erp", read), ("push", planned)):
            for client, at in rows:
                if at is not None:
                    self._seen[client, what].add(at.timestamp())

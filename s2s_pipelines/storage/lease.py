"""Leases with a fencing token: one writer at a time by name, whatever became of the last one.

A lease ends by itself after its time, by our clock. Whoever takes it next gets a higher token, and a writer that wakes up
late is refused wherever its token is asked for (``storage.ledger``). Workers on several machines need clocks that agree to
well within the time a lease lasts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from s2s_pipelines.errors import BusyError
from s2s_pipelines.model.record import Fence
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.schema import lease as lease_table
from s2s_pipelines.storage.transaction import reading, writing


class HeldLease:
    """A lease while it is held; made by ``Leases.take``."""

    def __init__(self, leases: "Leases", fence: Fence, holder: str, ttl_s: float) -> None:
        self._leases = leases
        self._fence = fence
        self._holder = holder
        self._ttl_s = ttl_s

    @property
    def fence(self) -> Fence:
        """The token to show with every write under this lease."""
        return self._fence

    def renew(self) -> None:
        """Hold the lease for another full time.

        Raises:
            BusyError: it ran out and somebody else took it; nothing may be written any more.
        """
        if not self._leases.extend(self._fence, self._holder, self._ttl_s):
            raise BusyError(
                "the lease was taken over by another writer",
                operation="renew a lease",
                reference=self._fence.name,
                next_step="leave the work to the writer that has it now",
            )


class Leases:
    """Leases kept in our own database."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    @contextmanager
    def take(self, name: str, holder: str, ttl_s: float) -> Iterator[HeldLease]:
        """Hold a lease for the length of a ``with``; let go at its end.

        Args:
            name: what is leased, such as ``connection/<client>/<connection>``.
            holder: who takes it, for people; made unique here, so that nobody shares a lease with himself.
            ttl_s: how long it lasts without ``renew``; longer than the longest call made under it.

        Raises:
            BusyError: somebody else holds it; says for how long at most.
        """
        unique = f"{holder[:80]}#{uuid4().hex[:12]}"
        held = HeldLease(self, self._claim(name, unique, ttl_s), unique, ttl_s)
        try:
            yield held
        finally:
            self.extend(held.fence, unique, 0.0)

    def extend(self, fence: Fence, holder: str, ttl_s: float) -> bool:
        """Let a lease last ``ttl_s`` from now (0 ends it); False when it is no longer this holder's."""
        table = lease_table
        with writing(self._engine, "extend a lease") as connection:
            changed = connection.execute(
                sa.update(table)
                .where(table.c.name == fence.name, table.c.fence == fence.token, table.c.holder == holder)
                .values(expires_at=self._until(ttl_s))
            )
        return changed.rowcount == 1

    def shorten(self, is_gone: Callable[[str], bool], *, within_s: float, at_once: tuple[str, ...] = ()) -> list[str]:
        """Let the leases of holders that are gone end soon; the names of those that would have lasted longer.

        Args:
            is_gone: told the holder as given to ``take``; True only where that is certain.
            within_s: how long they go on: what the dead sent last may still be on its way at the far side.
            at_once: beginnings of names under which nothing is sent; those end now.
        """
        shortened = []
        now = self._clock.now()
        table = lease_table
        with reading(self._engine, "look at leases") as connection:
            running = connection.execute(sa.select(table).where(table.c.expires_at > now)).all()
        for row in running:
            until = self._until(0.0 if row.name.startswith(at_once) else within_s)
            if row.expires_at > until and is_gone(row.holder.rpartition("#")[0]):
                mine = (table.c.name == row.name, table.c.fence == row.fence, table.c.holder == row.holder)
                with writing(self._engine, "shorten a lease") as connection:
                    connection.execute(sa.update(table).where(*mine).values(expires_at=until))
                shortened.append(row.name)
        return shortened

    def _claim(self, name: str, holder: str, ttl_s: float) -> Fence:
        table = lease_table
        try:
            with writing(self._engine, "take a lease") as connection:
                row = connection.execute(sa.select(table).where(table.c.name == name).with_for_update()).first()
                if row is None:
                    connection.execute(
                        sa.insert(table).values(name=name, holder=holder, fence=1, expires_at=self._until(ttl_s))
                    )
                    return Fence(name, 1)
                left_s = (row.expires_at - self._clock.now()).total_seconds()
                if left_s > 0:
                    raise _busy(name, left_s)
                connection.execute(
                    sa.update(table)
                    .where(table.c.name == name)
                    .values(holder=holder, fence=row.fence + 1, expires_at=self._until(ttl_s))
                )
                return Fence(name, row.fence + 1)
        except IntegrityError:
            raise _busy(name, ttl_s) from None  # two took a lease that never was, the other one was first

    def _until(self, ttl_s: float) -> datetime:
        return self._clock.now() + timedelta(seconds=ttl_s)


def _busy(name: str, left_s: float) -> BusyError:
    return BusyError(
        "somebody else holds the lease",
        retry_after_s=left_s,
        operation="take a lease",
        reference=name,
        next_step="try again when it is free; it frees itself when its holder died",
    )

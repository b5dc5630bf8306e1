"""What people stopped for a while. A pause ends by itself; one that was ended by hand says by whom."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s2s_pipelines.model.pause import Pause, Scope
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.ledger_write import wake
from s2s_pipelines.storage.schema import pause as pause_table
from s2s_pipelines.storage.transaction import reading, writing

_BY_LENGTH = 120
_WHY_LENGTH = 500


class Pauses:
    """The pauses kept in our own database."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def live(self) -> tuple[Pause, ...]:
        """Those of all clients that stop something now, the ones that end first before the others."""
        table = pause_table
        now = self._clock.now()
        query = sa.select(table).where(table.c.until > now, table.c.ended_at.is_(None))
        with reading(self._engine, "look up what is paused") as connection:
            rows = connection.execute(query.order_by(table.c.until, table.c.id)).all()
        return tuple(_pause(row) for row in rows)

    def begin(self, client: str, scope: Scope, target: str | None, *, until: datetime, why: str, by: str) -> Pause:
        """Pause something from now on. A pause of the same thing that is live gives way to this one.

        Args:
            client: a client's key, or ``*`` for every client.
            scope: what is stopped.
            target: the source or channel; None for the other scopes.
            until: when it ends by itself; later than now.
            why: the reason.
            by: who pauses it.
        """
        now = self._clock.now()
        if (scope in ("source", "channel")) != (target is not None):
            raise ValueError("a source or channel is named by its target, and nothing else is")
        if until <= now:
            raise ValueError("a pause ends after it begins")
        row = {
            "client": client, "scope": scope, "target": target, "until": until,
            "why": why.strip()[:_WHY_LENGTH], "by": by.strip()[:_BY_LENGTH], "created_at": now,
        }  # fmt: skip
        with writing(self._engine, "pause") as connection:
            _end(connection, client, scope, target, now, by)
            made = connection.execute(sa.insert(pause_table).values(row).returning(pause_table)).one()
        return _pause(made)

    def end(self, client: str, scope: Scope, target: str | None, *, by: str) -> tuple[Pause, ...]:
        """End a pause before its time; returns what was ended, nothing when nothing of that name is paused.

        Orders that wait for its end are due at once.
        """
        with writing(self._engine, "end a pause") as connection:
            return _end(connection, client, scope, target, self._clock.now(), by)


def _end(
    connection: sa.Connection, client: str, scope: Scope, target: str | None, now: datetime, by: str
) -> tuple[Pause, ...]:
    table = pause_table
    where = (
        table.c.client == client,
        table.c.scope == scope,
        table.c.target.is_(None) if target is None else table.c.target == target,
        table.c.until > now,
        table.c.ended_at.is_(None),
    )
    values = {"ended_at": now, "ended_by": by.strip()[:_BY_LENGTH]}
    rows = connection.execute(sa.update(table).where(*where).values(values).returning(table)).all()
    ended = tuple(_pause(row) for row in sorted(rows, key=lambda row: row.id))
    for pause in ended:
        wake(connection, pause, now)
    return ended


def _pause(row: sa.Row[Any]) -> Pause:
    return Pause(row.id, row.client, row.scope, row.target, row.until, row.why, row.by, row.created_at)

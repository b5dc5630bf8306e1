"""The alerts: what was found to be wrong, until when, and what each receiver was told of it.

A message is sent first and noted then: a crash in between sends that one message again, and no other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from s2s_pipelines.cycle.alerting import Alert, Changes
from s2s_pipelines.cycle.cause import Cause
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.schema import alert as alert_table
from s2s_pipelines.storage.transaction import reading, writing

_LATELY = timedelta(days=2)
"""Whoever could not be reached for that long is told no all-clear any more."""

_SEEN_EVERY = timedelta(minutes=1)


class Alerts:
    """The alerts in our database."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def current(self) -> list[Alert]:
        """Those that are open, and those that closed lately, in the order in which they were opened."""
        t = alert_table.c
        query = sa.select(alert_table).where(sa.or_(t.closed_at.is_(None), t.closed_at > self._clock.now() - _LATELY))
        with reading(self._engine, "read alerts") as connection:
            return [_alert(row) for row in connection.execute(query.order_by(t.id))]

    def apply(self, changes: Changes) -> None:
        """Open, keep and close as decided; a cause that is open already is not opened twice."""
        now, t = self._clock.now(), alert_table.c
        with writing(self._engine, "write alerts") as connection:
            known = set(connection.execute(sa.select(t.cause).where(t.closed_at.is_(None))).scalars())
            new = [_row(cause, now) for cause in changes.opened if cause.key not in known]
            if new:
                connection.execute(sa.insert(alert_table), new)
            for alert, cause in changes.seen:
                if _said(cause) != _said(alert):
                    connection.execute(sa.update(alert_table).where(t.id == alert.id).values(**_said(cause)))
            again = [alert.id for alert, _ in changes.seen if now - alert.seen_at >= _SEEN_EVERY]
            connection.execute(sa.update(alert_table).where(t.id.in_(again)).values(seen_at=now))
            closed = [alert.id for alert in changes.closed]
            connection.execute(
                sa.update(alert_table).where(t.id.in_(closed), t.closed_at.is_(None)).values(closed_at=now)
            )

    def note_told(self, alerts: Sequence[Alert], receiver: str, mark: str) -> None:
        """Remember that a receiver was told of these under a word of ``alerting.Told``."""
        now, t = self._clock.now(), alert_table.c
        with writing(self._engine, "note who was told") as connection:
            rows = connection.execute(sa.select(t.id, t.told).where(t.id.in_([alert.id for alert in alerts])))
            for number, told in rows.all():
                mine = {**told.get(receiver, {}), mark: now.isoformat()}
                connection.execute(sa.update(alert_table).where(t.id == number).values(told={**told, receiver: mine}))

    def touch(self, cause: Cause) -> None:
        """Open an alert, or note that it was found to be so once more."""
        now, t = self._clock.now(), alert_table.c
        with writing(self._engine, "write an alert") as connection:
            mine = sa.update(alert_table).where(t.cause == cause.key, t.closed_at.is_(None))
            if connection.execute(mine.values(seen_at=now, **_said(cause))).rowcount == 0:
                connection.execute(sa.insert(alert_table).values(_row(cause, now)))

    def close(self, key: str) -> None:
        """End the alert of a cause, if one is open."""
        t = alert_table.c
        with writing(self._engine, "close an alert") as connection:
            mine = sa.update(alert_table).where(t.cause == key, t.closed_at.is_(None))
            connection.execute(mine.values(closed_at=self._clock.now()))


def _said(found: Cause | Alert) -> dict[str, str]:
    """What may change while the cause stays the same."""
    path = {"link": found.path}
    return {"subject": found.subject, "message": found.message, "remedy": found.remedy, **path}


def _row(cause: Cause, now: datetime) -> dict[str, Any]:
    whose = {"cause": cause.key, "kind": cause.kind, "client": cause.client}
    return {**whose, **_said(cause), "opened_at": now, "seen_at": now, "told": {}}


def _alert(row: sa.Row[Any]) -> Alert:
    said = (row.subject, row.message, row.remedy, row.link or "")
    return Alert(
        row.id, row.cause, row.kind, row.client, *said, row.opened_at, row.seen_at, row.closed_at, row.told or {}
    )

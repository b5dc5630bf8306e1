"""Claims of clients' cycles in our database: who is asked for, taken up, begun and done; the rules are in ``cycle.claim``."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from s2s_pipelines.cycle.claim import Claim
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.schema import cycle_claim
from s2s_pipelines.storage.transaction import reading, writing

ALIVE_S = 120.0
"""A process that did not push its claims on for that long counts as gone; it does so four times as often."""

_T = cycle_claim.c
_AT_ONCE = 1000
"""Clients in one statement: SQLite takes 32,766 parameters."""
_NEW = {"begun_at": None, "done_at": None, "holder": None, "alive_until": None}


class CycleClaims:
    """The table of claims."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def all(self) -> Mapping[str, Claim]:
        """The newest claim of every client that ever had one."""
        with reading(self._engine, "look at claims") as connection:
            rows = connection.execute(sa.select(cycle_claim)).all()
        return {row.client: Claim(**row._mapping) for row in rows}

    def claim(self, clients: Sequence[str], token: str, seen: Mapping[str, Claim]) -> tuple[str, ...]:
        """Claim clients for a run; those whose claim still is the one that was seen, in the order given."""
        now = self._clock.now()
        told = {"token": token, "claimed_at": now, **_NEW}
        known = [(client, seen[client].token) for client in clients if client in seen]
        rows = [{"client": client, **told} for client in clients if client not in seen]
        with writing(self._engine, "claim cycles") as connection:
            if rows:
                is_postgres = connection.dialect.name == "postgresql"
                insert: Callable[..., Any] = postgresql.insert if is_postgres else sqlite.insert
                connection.execute(insert(cycle_claim).on_conflict_do_nothing(), rows)
            for some in _pieces(known):
                connection.execute(sa.update(cycle_claim).where(sa.tuple_(_T.client, _T.token).in_(some)).values(told))
            mine = set(connection.execute(sa.select(_T.client).where(_T.token == token)).scalars())
        return tuple(client for client in clients if client in mine)

    def take_up(self, token: str, holder: str, *, is_gone: Callable[[str], bool]) -> frozenset[str]:
        """Take up the clients of a run that nobody else works on and nobody began; which they are."""
        now = self._clock.now()
        of_run = sa.and_(_T.token == token, _T.done_at.is_(None), _T.begun_at.is_(None))
        with writing(self._engine, "take claims up") as connection:
            holders = connection.execute(
                sa.select(_T.holder).where(of_run, _T.holder.is_not(None)).distinct()
            ).scalars()
            gone = [other for other in holders if is_gone(other)]
            is_loose = sa.or_(_T.holder.is_(None), _T.alive_until <= now, _T.holder.in_(gone))
            taken = sa.update(cycle_claim).where(of_run, is_loose).values(holder=holder, alive_until=_later(now))
            return frozenset(connection.execute(taken.returning(_T.client)).scalars())

    def begin(self, client: str, token: str, holder: str) -> bool:
        """Note that a client's cycle begins now; False when the claim is no longer this process's."""
        return self._note(client, token, holder, {"begun_at": self._clock.now()}) == 1

    def finish(self, client: str, token: str, holder: str, seconds: float) -> None:
        """Note that a client's cycle came to its end, whatever came of it."""
        self._note(client, token, holder, {"done_at": self._clock.now(), "seconds": seconds})

    def push_on(self, token: str, holder: str) -> None:
        """Say that the process still lives."""
        alive = {"alive_until": _later(self._clock.now())}
        with writing(self._engine, "push claims on") as connection:
            connection.execute(sa.update(cycle_claim).where(_of(token, holder)).values(alive))

    def let_go(self, token: str, holder: str) -> None:
        """Give back what was not begun: it is asked for again at the next tick."""
        with writing(self._engine, "give claims back") as connection:
            mine = sa.and_(_of(token, holder), _T.begun_at.is_(None))
            connection.execute(sa.update(cycle_claim).where(mine).values(alive_until=self._clock.now()))

    def _note(self, client: str, token: str, holder: str, values: Mapping[str, Any]) -> int:
        with writing(self._engine, "note on a claim") as connection:
            done = connection.execute(
                sa.update(cycle_claim).where(_of(token, holder), _T.client == client).values(**values)
            )
        return int(done.rowcount)


def _of(token: str, holder: str) -> sa.ColumnElement[bool]:
    return sa.and_(_T.token == token, _T.holder == holder, _T.done_at.is_(None))


def _later(now: datetime) -> datetime:
    return now + timedelta(seconds=ALIVE_S)


def _pieces(pairs: Collection[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    every = list(pairs)
    return (every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE))

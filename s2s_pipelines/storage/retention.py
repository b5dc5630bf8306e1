"""Deletes what nothing depends on any more: old snapshots and plans with their files, raw bodies, files that no row names.

A row goes first, in a transaction of a few hundred; then its files. A crash in between leaves files that nothing refers to, which
go as orphans a day later; it never leaves a row whose files are gone. Receipts, links, orders and their history are in no
statement here.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from s2s_pipelines.catalogue.column import READ_AT
from s2s_pipelines.cycle.port import CATALOGUE
from s2s_pipelines.cycle.retention import OldPlan, OldSnapshot, Used, limit, plans_to_go, snapshots_to_go
from s2s_pipelines.errors import DataError
from s2s_pipelines.model.record import OrderState
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.parquet_file import read_table
from s2s_pipelines.storage.schema import inbox, plan, sales_order, snapshot
from s2s_pipelines.storage.transaction import reading, writing

CATALOGUE_FOLDER, PLAN_FOLDER = "catalogue", "plans"
"""Below ``S2S_HOME``."""

_BATCH = 200
_FINISHED = (OrderState.COMPLETE, OrderState.CANCELLED, OrderState.CLOSED)


@dataclass(frozen=True, slots=True)
class Gone:
    """How many went, and how much room their files took."""

    count: int = 0
    size_b: int = 0

    def __add__(self, other: "Gone") -> "Gone":
        return Gone(self.count + other.count, self.size_b + other.size_b)


class Remains:
    """What clients left behind in our database and below ``S2S_HOME``.

    Args:
        engine: our own database.
        home: ``S2S_HOME``.
        clock: the time.
        is_dry: only count what would go.
    """

    def __init__(self, engine: sa.Engine, home: Path, clock: Clock, *, is_dry: bool = False) -> None:
        self._engine = engine
        self._catalogue, self._plans = home / CATALOGUE_FOLDER, home / PLAN_FOLDER
        self._clock = clock
        self._is_dry = is_dry

    def clients(self) -> list[str]:
        """Every client that has anything kept, declared or not."""
        tables = (snapshot, plan, inbox)
        query = sa.union(*(sa.select(table.c.client).distinct() for table in tables))
        with reading(self._engine, "list clients") as connection:
            found = set(connection.execute(query).scalars())
        for folder in (self._catalogue, self._plans):
            found |= {entry.name for entry in folder.iterdir() if entry.is_dir()} if folder.is_dir() else set()
        return sorted(found)

    def snapshots(self, client: str, before: datetime) -> Gone:
        """Snapshots that stopped standing before a moment and that nothing needs."""
        query = sa.select(snapshot).where(snapshot.c.client == client).order_by(snapshot.c.id)
        with reading(self._engine, "list snapshots") as connection:
            rows = {row.id: row for row in connection.execute(query)}
        known = [_old_snapshot(row) for row in rows.values()]
        inputs = _inputs_of_what_stands(rows.values())
        names = {rows[number].name for number in snapshots_to_go(known, Used(inputs), before)}
        used = Used(inputs, {name: self._reads_of_what_stands(rows.values(), name, inputs) for name in names})
        gone = Gone()
        for batch in _batches(snapshots_to_go(known, used, before)):
            if not self._is_dry:
                still = snapshot.c.is_current.is_(sa.false())
                with writing(self._engine, "forget old snapshots") as connection:
                    connection.execute(sa.delete(snapshot).where(snapshot.c.id.in_(batch), still))
            gone += self._remove([path for number in batch for path in self._files_of(rows[number])], len(batch))
        return gone

    def plans(self, client: str, before: datetime) -> Gone:
        """Plans replaced before a moment. Of those that a person decided about the row stays, for good."""
        query = sa.select(plan).where(plan.c.client == client)
        with reading(self._engine, "list plans") as connection:
            rows = {row.id: row for row in connection.execute(query)}
        going = plans_to_go([_old_plan(row) for row in rows.values()], before)
        gone = Gone()
        for batch in _batches(going.whole):
            if not self._is_dry:
                with writing(self._engine, "forget old plans") as connection:
                    connection.execute(sa.delete(plan).where(plan.c.id.in_(batch)))
            gone += self._remove([self._plans / rows[number].path for number in batch], len(batch))
        files = [self._plans / rows[number].path for number in going.files_only]
        return gone + self._remove([path for path in files if path.exists()])

    def bodies(self, client: str, before: datetime) -> Gone:
        """Raw bodies of orders that were finished before a moment: emptied.

        The row and its hash stay, so that the same body is still known when it comes again.
        """
        finished = sa.exists().where(
            sales_order.c.client == inbox.c.client,
            sales_order.c.channel == inbox.c.channel,
            sales_order.c.channel_order_code == inbox.c.channel_order_code,
            sales_order.c.state.in_(_FINISHED),
            sales_order.c.changed_at < before,
        )
        whole = (inbox.c.client == client, inbox.c.body != "", inbox.c.taken_at < before, inbox.c.received_at < before)
        query = sa.select(inbox.c.id, sa.func.length(inbox.c.body)).where(*whole, finished).order_by(inbox.c.id)
        gone, seen = Gone(), 0
        while True:
            with reading(self._engine, "list raw bodies") as connection:
                rows = connection.execute(query.where(inbox.c.id > seen).limit(_BATCH)).all()
            if not rows:
                return gone
            seen = rows[-1][0]
            if not self._is_dry:
                with writing(self._engine, "empty raw bodies") as connection:
                    mine = inbox.c.id.in_([row[0] for row in rows])
                    connection.execute(sa.update(inbox).where(mine, *whole, finished).values(body=""))
            gone += Gone(len(rows), sum(row[1] for row in rows))

    def orphans(self, client: str) -> Gone:
        """Files and unfinished folders older than a day that no row names: what a crash left."""
        with reading(self._engine, "list files") as connection:
            snapshots = connection.execute(sa.select(snapshot).where(snapshot.c.client == client)).all()
            plans = connection.execute(sa.select(plan.c.path).where(plan.c.client == client)).scalars().all()
        named = {path for row in snapshots for path in self._files_of(row)}
        own = self._catalogue / client
        loose = [path for path in own.rglob("*") if path.is_file() and path not in named] if own.is_dir() else []
        folders = {self._plans / path for path in plans}
        loose += [folder for folder in self._plan_folders(client) if folder not in folders]
        before = limit(self._clock.now(), timedelta(0))
        return self._remove([path for path in loose if _newest_change(path) < before])

    def _plan_folders(self, client: str) -> Iterator[Path]:
        """``plans/<client>/plan/<channel>/<plan>``, finished or not."""
        yield from (self._plans / client).glob("plan/*/*")

    def _files_of(self, row: sa.Row[Any]) -> list[Path]:
        path = self._catalogue / row.path
        return [path, *(path.with_suffix(f".{part}.parquet") for part in row.details.get("parts", ()))]

    def _reads_of_what_stands(self, rows: Iterable[sa.Row[Any]], name: str, inputs: set[int]) -> set[str]:
        """The reads that values of the standing tables of one name came from."""
        found: set[str] = set()
        for row in rows:
            if row.name == name and (row.is_current or row.id in inputs) and name != CATALOGUE:
                try:
                    table = read_table(self._catalogue / row.path, columns=[READ_AT])
                except DataError as error:
                    raise error.located(client=row.client, reference=row.name) from None
                if READ_AT in table.column_names:
                    found |= {moment.isoformat() for moment in set(table[READ_AT].to_pylist()) if moment is not None}
        return found

    def _remove(self, paths: Sequence[Path], count: int | None = None) -> Gone:
        size_b = 0
        for path in paths:
            size_b += _size_b(path)
            if self._is_dry:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return Gone(len(paths) if count is None else count, size_b)


def _old_snapshot(row: sa.Row[Any]) -> OldSnapshot:
    return OldSnapshot(
        row.id,
        row.name,
        bool(row.is_current),
        bool(row.is_complete),
        "refused" in row.details,
        row.created_at,
        row.details.get("first_read_at"),
    )


def _old_plan(row: sa.Row[Any]) -> OldPlan:
    return OldPlan(row.id, row.channel, bool(row.let_through or row.approval), row.created_at)


def _inputs_of_what_stands(rows: Iterable[sa.Row[Any]]) -> set[int]:
    return {
        int(number)
        for row in rows
        if row.name == CATALOGUE and row.is_current
        for number in row.details.get("inputs", {}).values()
    }


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(numbers)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _size_b(path: Path) -> int:
    if path.is_dir():
        return sum(child.stat().st_size for child in path.rglob("*") if child.is_file())
    return path.stat().st_size if path.exists() else 0


def _newest_change(path: Path) -> datetime:
    """When a file, or anything in a folder, was last written."""
    members = [path, *path.rglob("*")] if path.is_dir() else [path]
    return datetime.fromtimestamp(max(member.stat().st_mtime for member in members), UTC)

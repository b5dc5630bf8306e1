"""Moves an installation from SQLite to PostgreSQL: our tables and Dagster's, all of it or nothing.

The old files are only read. Afterwards a note beside them keeps a service that was not told of the new address from working on
the old database: two ledgers would both raise orders.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from s2s_pipelines.errors import ConfigurationError, DataError
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.backup import one_moment
from s2s_pipelines.storage.dagster_copy import DagsterFiles, check_empty, copy_dagster
from s2s_pipelines.storage.migration import migrate
from s2s_pipelines.storage.moved import write_note
from s2s_pipelines.storage.raw_row import continue_ids, insert_rows, read_rows
from s2s_pipelines.storage.restore import check_idle
from s2s_pipelines.storage.schema import lease, metadata


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows were moved, by table."""

    ours: dict[str, int]
    dagsters: dict[str, int]


def move(
    source: sa.Engine, ours: sa.Engine, dagsters: sa.Engine, files: DagsterFiles, home: Path, clock: Clock
) -> Moved:
    """Copy all tables and compare them; both databases are committed only when everything is there.

    Args:
        source: our own SQLite database.
        ours: where our tables go; empty.
        dagsters: where Dagster's go; has its tables already, empty. May be the same database.
        files: Dagster's SQLite files.
        home: ``S2S_HOME``, where the note is left.
        clock: the time.

    Raises:
        ConfigurationError: a target is not empty, or something runs; nothing was changed.
        DataError: what is there afterwards is not what was copied; nothing was changed.
    """
    check_idle(source, clock)
    migrate(ours)
    with ExitStack() as stack:
        to_ours = stack.enter_context(ours.begin())
        to_dagsters = to_ours if ours.url == dagsters.url else stack.enter_context(dagsters.begin())
        _check_ours_empty(to_ours)
        check_empty(to_dagsters)
        told = copy_dagster(files, to_dagsters)
        with one_moment(source) as connection:
            counts = _copy_ours(connection, to_ours)
            _compare(connection, to_ours)
        _end_leases(to_ours, clock.now())
    write_note(home, clock.now())
    return Moved(counts, told)


def _check_ours_empty(target: sa.Connection) -> None:
    for table in metadata.sorted_tables:
        if target.execute(sa.select(table).limit(1)).first() is not None:
            raise ConfigurationError(
                f"our tables there are not empty: {table.name}",
                operation="move our database",
                next_step="name an empty database",
            )


def _copy_ours(source: sa.Connection, target: sa.Connection) -> dict[str, int]:
    counts: dict[str, int] = {}
    for table in metadata.sorted_tables:
        counts[table.name] = 0
        for rows in read_rows(source, table):
            insert_rows(target, table, [column.name for column in table.columns], rows)
            counts[table.name] += len(rows)
    continue_ids(target, metadata.sorted_tables)
    return counts


def _compare(source: sa.Connection, target: sa.Connection) -> None:
    """Row by row: this is the ledger."""
    for table in metadata.sorted_tables:
        pairs = zip(_rows(source, table), _rows(target, table), strict=False)
        same = sum(1 for old, new in pairs if old == new)
        there = target.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        if same != there or same != source.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
            raise DataError(
                f"the rows of {table.name} are not there as they were",
                operation="move our database",
                next_step="nothing was changed; try again into an empty database",
            )


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[list[object]]:
    for rows in read_rows(connection, table):
        yield from rows


def _end_leases(target: sa.Connection, now: datetime) -> None:
    target.execute(sa.update(lease).where(lease.c.expires_at > now).values(expires_at=now))


@contextmanager
def postgres_engine(url: str) -> Iterator[sa.Engine]:
    """An engine on PostgreSQL.

    Raises:
        ConfigurationError: the address is none of PostgreSQL.
    """
    from s2s_pipelines.storage.engine import make_engine

    engine = make_engine(url)
    try:
        if engine.dialect.name != "postgresql":
            raise ConfigurationError(
                "the new database must be PostgreSQL",
                operation="move our database",
                next_step="give postgresql://user:password@host/database",
            )
        yield engine
    finally:
        engine.dispose()

"""Copies Dagster's storage from its SQLite files into its tables on PostgreSQL, as they are.

Knows the tables of Dagster 1.13 (``_core/storage/{runs,event_log,schedules}/schema.py``) and not the library itself. Two things
differ between the storages: SQLite keeps the events of each run in a file of its own, and numbers of events are therefore given
anew, wherever they are written. A table that is not known here is refused rather than left behind.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from s2s_pipelines.errors import ConfigurationError, DataError
from s2s_pipelines.storage.event_order import NewNumbers, number_anew

EVENTS = "event_logs"
_INDEX = "index"
_BATCH = 500

_RUNS = ("snapshots", "runs", "run_tags", "bulk_actions", "backfill_tags", "kvs", "instance_info")
_SCHEDULES = ("jobs", "instigators", "job_ticks", "asset_daemon_asset_evaluations")
_COMMON = (
    "asset_keys",
    "asset_event_tags",
    "dynamic_partitions",
    "concurrency_limits",
    "concurrency_slots",
    "pending_steps",
    "asset_check_executions",
)
_LEFT = frozenset({"secondary_indexes", "alembic_version", "daemon_heartbeats", EVENTS})
"""The first two are the target's own, heartbeats mean nothing there, and events come by another way."""

_MAY_BE_FILLED = frozenset({"secondary_indexes", "alembic_version", "daemon_heartbeats", "instance_info"})
"""Tables that Dagster fills when it makes them."""

_POINTERS = re.compile(
    r'("(?:latest_)?storage_id": |\\"record_id\\": |"dagster/input_event_pointer/[^"\\]*": ")(\d+)(?=[,}"\s])'
)
"""Numbers of events inside texts: what a check looked at, cursors of sensors on states of runs, inputs of an asset."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DagsterFiles:
    """The files of Dagster's SQLite storage below its folder."""

    folder: Path

    @property
    def runs(self) -> Path:
        """Runs, tags, snapshots, backfills, cursors of daemons."""
        return self.folder / "history" / "runs.db"

    @property
    def schedules(self) -> Path:
        """Sensors, schedules and their ticks."""
        return self.folder / "schedules" / "schedules.db"

    @property
    def events(self) -> Path:
        """The folder of one file for each run, one for events without a run (named ``.db``), and a common one."""
        return self.folder / "history" / "runs"

    def databases(self) -> tuple[tuple[Path, tuple[str, ...]], ...]:
        """Each file with the tables that are copied from it as they are."""
        return (self.runs, _RUNS), (self.schedules, _SCHEDULES), (self.events / f"{_INDEX}.db", _COMMON)

    def of_runs(self) -> dict[str, Path]:
        """The files of events by run; "" for those without a run."""
        found = {
            path.name.removesuffix(".db"): path for path in sorted(self.events.iterdir()) if path.name.endswith(".db")
        }
        found.pop(_INDEX, None)
        return found


def check_empty(target: sa.Connection) -> None:
    """Refuse a storage that holds anything of its own.

    Raises:
        ConfigurationError: it does.
    """
    for table in _target_tables(target).values():
        is_full = table.name not in _MAY_BE_FILLED and target.execute(sa.select(table).limit(1)).first() is not None
        if is_full:
            raise ConfigurationError(
                f"Dagster's tables there are not empty: {table.name}",
                operation="move Dagster's storage",
                next_step="name an empty database",
            )


def copy_dagster(files: DagsterFiles, target: sa.Connection) -> dict[str, int]:
    """Copy everything, within the caller's transaction; rows by table, each compared with what is there afterwards.

    Args:
        files: nobody may write to them meanwhile; they are only read.
        target: has Dagster's tables, empty.

    Raises:
        ConfigurationError: a table is not known, or the source was not migrated as the target is.
        DataError: the target does not hold what was copied.
    """
    tables = _target_tables(target)
    numbers = _numbers(files)
    counts: dict[str, int] = {}
    _check_migrated(files, target, tables["secondary_indexes"])
    target.execute(sa.delete(tables["instance_info"]))
    for path, names in files.databases():
        with _opened(path) as source:
            _check_known(source, names)
            for name in names:
                counts[name] = _copy_table(source, name, target, tables[name], numbers)
    _copy_events(files, target, tables[EVENTS], numbers)
    counts[EVENTS] = numbers.count
    _verify(target, tables, counts)
    _continue_numbers(target, [tables[name] for name in counts])
    return counts


def _target_tables(target: sa.Connection) -> dict[str, sa.Table]:
    metadata = sa.MetaData()
    metadata.reflect(target, only=[*_RUNS, *_SCHEDULES, *_COMMON, EVENTS, "secondary_indexes"])
    return dict(metadata.tables)


@contextmanager
def _opened(path: Path) -> Iterator[sa.Connection]:
    """A file that is only read."""
    engine = sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _check_known(source: sa.Connection, names: tuple[str, ...]) -> None:
    """Refuse a table of a Dagster that this module does not know."""
    known = {*names, *_LEFT}
    found = [name for name in sa.inspect(source).get_table_names() if name not in known]
    odd = [name for name in found if source.execute(sa.text(f'SELECT 1 FROM "{name}" LIMIT 1')).first()]  # noqa: S608 # names of tables that are there
    if odd:
        raise ConfigurationError(
            f"Dagster's table {odd[0]} is not known here",
            operation="move Dagster's storage",
            next_step="use the version of Dagster that constraints.txt names",
        )


def _check_migrated(files: DagsterFiles, target: sa.Connection, indexes: sa.Table) -> None:
    """Refuse a storage in which an older Dagster left something undone that the new one takes for done."""
    done: set[str] = set()
    for path, _ in files.databases():
        with _opened(path) as source:
            done |= set(source.execute(sa.text("SELECT name FROM secondary_indexes")).scalars())
    undone = set(target.execute(sa.select(indexes.c.name)).scalars()) - done
    if undone:
        raise ConfigurationError(
            f"Dagster's storage was not migrated: {min(undone)}",
            operation="move Dagster's storage",
            next_step="run `dagster instance migrate`, then try again",
        )


# --- rows ----------------------------------------------------------------------------------------------------------


def _copy_table(source: sa.Connection, name: str, target: sa.Connection, table: sa.Table, numbers: NewNumbers) -> int:
    own = sa.Table(name, sa.MetaData(), autoload_with=source)
    columns = [column for column in own.columns if column.name in table.c]
    count = 0
    for rows in _read(source, sa.select(*columns).order_by(own.c.id)):
        target.execute(sa.insert(table), [_pointed_anew(name, row, numbers) for row in rows])
        count += len(rows)
    return count


def _read(source: sa.Connection, query: sa.Executable) -> Iterator[list[Row]]:
    found = source.execute(query, execution_options={"yield_per": _BATCH})
    for rows in found.partitions():
        yield [dict(row._mapping) for row in rows]


def _pointed_anew(name: str, row: Row, numbers: NewNumbers) -> Row:
    """The row with every number of an event replaced."""
    for column, value in row.items():
        if column in ("event_id", "evaluation_event_storage_id", "materialization_event_storage_id"):
            row[column] = None if value is None else numbers.of(value)
        elif isinstance(value, str):
            row[column] = _text_anew(value, numbers)
    if name == "asset_keys":
        row["cached_status_data"] = None  # worked out anew when it is asked for
    is_cursor = name == "kvs" and str(row["key"]).startswith("EVENT_LOG_CONSUMER_CURSOR")
    is_pointer = name == "asset_event_tags" and str(row["key"]).startswith("dagster/input_event_pointer/")
    if (is_cursor or is_pointer) and str(row["value"]).isdecimal():
        row["value"] = str(numbers.of(int(row["value"])))
    return row


def _text_anew(text: str, numbers: NewNumbers) -> str:
    def anew(found: re.Match[str]) -> str:
        return f"{found[1]}{numbers.of(int(found[2]))}"

    return _POINTERS.sub(anew, text)


# --- events --------------------------------------------------------------------------------------------------------


def _event_table() -> sa.TableClause:
    return sa.table(EVENTS, *(sa.column(name) for name in ("id", "run_id", "event")))


def _numbers(files: DagsterFiles) -> NewNumbers:
    table = _event_table()
    with _opened(files.events / f"{_INDEX}.db") as source:
        query = sa.select(table.c.id, table.c.run_id, table.c.event).order_by(table.c.id)
        common = [(r["id"], r["run_id"] or "", _digest(r["event"])) for rows in _read(source, query) for r in rows]
    runs: dict[str, list[tuple[int, bytes]]] = {}
    for run, path in files.of_runs().items():
        with _opened(path) as source:
            query = sa.select(table.c.id, table.c.event).order_by(table.c.id)
            if sa.inspect(source).has_table(EVENTS):
                runs[run] = [(r["id"], _digest(r["event"])) for rows in _read(source, query) for r in rows]
    return number_anew(common, runs)


def _digest(event: str) -> bytes:
    return hashlib.blake2b(event.encode(errors="surrogatepass"), digest_size=16).digest()


def _copy_events(files: DagsterFiles, target: sa.Connection, table: sa.Table, numbers: NewNumbers) -> None:
    _copy_event_file(files.events / f"{_INDEX}.db", target, table, numbers, numbers.common.get)
    paths = files.of_runs()
    for run, own in numbers.own.items():
        _copy_event_file(paths[run], target, table, numbers, own.get)


def _copy_event_file(
    path: Path, target: sa.Connection, table: sa.Table, numbers: NewNumbers, number_of: Callable[[int], int | None]
) -> None:
    with _opened(path) as source:
        own = sa.Table(EVENTS, sa.MetaData(), autoload_with=source)
        columns = [column for column in own.columns if column.name in table.c]
        for rows in _read(source, sa.select(*columns).order_by(own.c.id)):
            wanted = [
                {**row, "id": number_of(row["id"]), "event": _text_anew(row["event"], numbers)}
                for row in rows
                if number_of(row["id"]) is not None
            ]
            if wanted:
                target.execute(sa.insert(table), wanted)


# --- afterwards ----------------------------------------------------------------------------------------------------


def _verify(target: sa.Connection, tables: Mapping[str, sa.Table], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        there = target.execute(sa.select(sa.func.count()).select_from(tables[name])).scalar_one()
        if there != count:
            raise DataError(
                f"{count} rows of Dagster's table {name} were copied and {there} are there",
                operation="move Dagster's storage",
                next_step="nothing was changed; try again into an empty database",
            )


def _continue_numbers(target: sa.Connection, tables: list[sa.Table]) -> None:
    for table in tables:
        name = sa.func.pg_get_serial_sequence(table.name, "id")
        highest = target.execute(sa.select(sa.func.max(table.c.id))).scalar()
        target.execute(sa.select(sa.func.setval(name, highest or 1, highest is not None)))

"""Brings a backup into an empty database: checked as a whole first, files before rows, all rows in one transaction or none.

A crash in between leaves files that no row names; retention clears those away. The database is then as it was.
"""

import os
import shutil
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.backup import piece_rows
from s2s_pipelines.storage.backup_file import (
    CATALOGUE,
    PLANS,
    TABLE_PIECE_LIMIT_B,
    TABLES,
    Contents,
    checked_contents,
    damaged,
    members,
    told_as_damage,
)
from s2s_pipelines.storage.migration import drop_all, revisions, upgrade
from s2s_pipelines.storage.parquet_file import settle
from s2s_pipelines.storage.raw_row import continue_ids, insert_rows
from s2s_pipelines.storage.retention import CATALOGUE_FOLDER, PLAN_FOLDER
from s2s_pipelines.storage.revision import HEAD
from s2s_pipelines.storage.schema import lease, metadata
from s2s_pipelines.storage.transaction import reading, writing

_PIECE_B = 1024 * 1024


def restore_backup(engine: sa.Engine, home: Path, path: Path, clock: Clock, *, is_replacing: bool = False) -> Contents:
    """Restore a backup, of this or an older revision, made on SQLite or PostgreSQL.

    Args:
        engine: the database to fill, at the newest revision.
        home: ``S2S_HOME`` to put the files below.
        path: the backup.
        clock: the time, to see whether anything runs.
        is_replacing: delete all that our tables hold first.

    Raises:
        DataError: the file is no backup, or is damaged; nothing was changed.
        ConfigurationError: the backup is newer than this program, the database is not empty, or something runs; nothing was
            changed.
    """
    contents = checked_contents(path)
    if contents.revision not in revisions():
        raise ConfigurationError(
            f"the backup has revision {contents.revision}, which this program (up to {HEAD}) does not know",
            operation="restore a backup",
            next_step="restore it with the version of the program that made it, or a newer one",
        )
    _check_room(contents, home)
    check_idle(engine, clock)
    _check_empty(engine, is_replacing=is_replacing)
    _bring_files(path, home)
    with writing(engine, "restore a backup") as connection:
        _fill(connection, path, contents)
        # Who held a lease holds none here; the tokens go on growing.
        now = clock.now()
        connection.execute(sa.update(lease).where(lease.c.expires_at > now).values(expires_at=now))
    return contents


def _check_room(contents: Contents, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    needed = sum(contents.members[name][0] for name in contents.files())
    free = shutil.disk_usage(home).free
    if needed > free:
        raise ConfigurationError(
            f"the files of the backup need {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free",
            operation="restore a backup",
            next_step="make room below S2S_HOME",
        )


def check_idle(engine: sa.Engine, clock: Clock) -> None:
    """Refuse a database that somebody works on.

    Raises:
        ConfigurationError: a lease is held.
    """
    with reading(engine, "look for leases") as connection:
        held = connection.execute(sa.select(lease.c.name).where(lease.c.expires_at > clock.now())).scalars().all()
    if held:
        raise ConfigurationError(
            f"something works on this database: {len(held)} leases are held, {held[0]} among them",
            operation="look for leases",
            next_step="stop the services, then try again; leases of the dead run out by themselves",
        )


def _check_empty(engine: sa.Engine, *, is_replacing: bool) -> None:
    with reading(engine, "look at the database to fill") as connection:
        full = [table.name for table in metadata.sorted_tables if connection.execute(sa.select(table).limit(1)).first()]
    if full and not is_replacing:
        raise ConfigurationError(
            f"the database is not empty: {', '.join(full[:5])}",
            operation="restore a backup",
            next_step="restore into a new database, or say --replace to delete everything that is there",
        )


def _bring_files(path: Path, home: Path) -> None:
    folders = {CATALOGUE: home / CATALOGUE_FOLDER, PLANS: home / PLAN_FOLDER}
    with told_as_damage():
        for info, file in members(path):
            place, _, below = info.name.partition("/")
            if place in folders:
                _write(folders[place] / below, file)


def _write(target: Path, file: IO[bytes]) -> None:
    """The file under its name once all of it is on disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with unfinished.open("wb") as out:
            shutil.copyfileobj(file, out, _PIECE_B)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    settle(target.parent)


def _fill(connection: sa.Connection, path: Path, contents: Contents) -> None:
    """Replace every row of ours by those of the backup; its revision decides which tables they are read into."""
    tables = metadata
    if contents.revision == HEAD:
        for table in reversed(tables.sorted_tables):
            connection.execute(sa.delete(table))
    else:
        drop_all(connection)
        upgrade(connection, contents.revision)
        tables = sa.MetaData()
        tables.reflect(connection, only=list(contents.tables))
    counted = _insert_all(connection, tables, path, contents)
    wrong = [name for name, count in contents.tables.items() if counted[name] != count]
    if wrong:
        raise damaged(f"it has other rows of {wrong[0]} than it says")
    if contents.revision != HEAD:
        upgrade(connection, "head")
    continue_ids(connection, metadata.sorted_tables)


def _insert_all(connection: sa.Connection, tables: sa.MetaData, path: Path, contents: Contents) -> dict[str, int]:
    """Insert every row, in the order of the file: tables stand before those that refer to them, and before all files."""
    odd = set(contents.tables) - set(tables.tables)
    if odd:
        raise damaged(f"it holds a table {min(odd)} that its revision did not have")
    counted = dict.fromkeys(contents.tables, 0)
    with told_as_damage():
        for info, file in members(path):
            place, _, below = info.name.partition("/")
            if place != TABLES:
                break
            table = tables.tables[below.partition("/")[0]]
            rows = piece_rows(file.read(TABLE_PIECE_LIMIT_B))
            insert_rows(connection, table, contents.columns[table.name], rows)
            counted[table.name] += len(rows)
    return counted

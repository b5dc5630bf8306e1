"""Copies our database, as it was at one moment, and the files its rows name, into one file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from s2s_pipelines import __version__
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.storage.backup_file import CATALOGUE, PLANS, TABLES, BackupWriter, Contents
from s2s_pipelines.storage.engine import reading
from s2s_pipelines.storage.plan_store import TABLES as PLAN_TABLES
from s2s_pipelines.storage.raw_row import RawRow, read_rows
from s2s_pipelines.storage.retention import CATALOGUE_FOLDER, PLAN_FOLDER
from s2s_pipelines.storage.revision import HEAD
from s2s_pipelines.storage.schema import metadata

_PIECE_B = 16 * 1024**2


def write_backup(engine: sa.Engine, home: Path, path: Path, now: datetime) -> Contents:
    """Write a backup of our database and of the snapshots and plans below ``S2S_HOME``.

    Everything may go on running meanwhile. The tables are read in one transaction that sees one moment; files never change once
    their row is there.

    Args:
        engine: our own database, at the newest revision.
        home: ``S2S_HOME``.
        path: the file to write; must not exist.
        now: aware.

    Raises:
        ConfigurationError: the file exists, or its folder does not.
    """
    if path.exists() or not path.parent.is_dir():
        raise ConfigurationError(
            "the file exists already" if path.exists() else "there is no such folder",
            operation="write a backup",
            reference=path.name,
            next_step="name a new file in a folder that is there",
        )
    contents = Contents(revision=HEAD, created_at=now.isoformat(), program=__version__)
    with BackupWriter(path, contents) as writer:
        named: list[str] = []
        with one_moment(engine) as connection:
            for table in metadata.sorted_tables:
                named += _add_table(connection, table, writer)
        for name in named:
            folder, _, below = name.partition("/")
            writer.add_file(name, home / {CATALOGUE: CATALOGUE_FOLDER, PLANS: PLAN_FOLDER}[folder] / below)
    return contents


@contextmanager
def one_moment(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction in which every statement sees the same state, and that holds up nobody."""
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            yield connection
        return
    # READ COMMITTED, the default, would see a newer state with every statement (PostgreSQL manual, 13.2).
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def _add_table(connection: sa.Connection, table: sa.Table, writer: BackupWriter) -> list[str]:
    """Add a table in pieces that fit into memory; the files that its rows name."""
    contents, named = writer.contents, []
    contents.tables[table.name], contents.columns[table.name] = 0, [column.name for column in table.columns]
    piece: list[bytes] = []
    size_b, number = 0, 0
    for rows in read_rows(connection, table):
        for row in rows:
            line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
            piece.append(line)
            size_b += len(line)
            named += _files_of(table.name, dict(zip(contents.columns[table.name], row, strict=True)))
        contents.tables[table.name] += len(rows)
        if size_b > _PIECE_B:
            number += 1
            writer.add_bytes(f"{TABLES}/{table.name}/{number:06}.jsonl", b"".join(piece))
            piece, size_b = [], 0
    if piece:
        writer.add_bytes(f"{TABLES}/{table.name}/{number + 1:06}.jsonl", b"".join(piece))
    return named


def _files_of(table: str, row: dict[str, object]) -> list[str]:
    if table == "snapshot":
        path = f"{CATALOGUE}/{row['path']}"
        parts = json.loads(str(row["details"])).get("parts", ())
        return [path, *(f"{path.removesuffix('.parquet')}.{part}.parquet" for part in parts)]
    if table == "plan":
        return [f"{PLANS}/{row['path']}/{name}.parquet" for name in PLAN_TABLES]
    return []


def piece_rows(body: bytes) -> list[RawRow]:
    """The rows of one piece of a table."""
    return [json.loads(line) for line in body.split(b"\n") if line]

"""The one place that opens our own database: SQLite by default, PostgreSQL by address.

Transactions write unless told otherwise. On SQLite a writing transaction takes the write lock when it begins
(``BEGIN IMMEDIATE``): two writers then queue for it instead of one of them failing half way, when a read lock it already holds
can no longer be upgraded (SQLite manual, "Write-Ahead Logging", section on SQLITE_BUSY_SNAPSHOT). Readers use ``reading``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from s2s_pipelines.errors import ConfigurationError

BUSY_TIMEOUT_S = 30
"""How long a writer of a SQLite file waits for another one before it gives up."""

_READS_ONLY = "s2s_reads_only"


def make_engine(url: str) -> sa.Engine:
    """An engine for our own database; nothing is connected before its first use.

    Args:
        url: ``sqlite:///path`` or ``postgresql://…``; the latter is spoken through psycopg2, whatever driver SQLAlchemy would
            pick by itself (since 2.1 that is psycopg 3). The folder of a SQLite file is made when missing.

    Raises:
        ConfigurationError: not a database address, or one of another kind of database.
    """
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise _unusable("it is not a database address") from None  # the text may hold a password
    name = parsed.get_backend_name()
    if name == "sqlite":
        return _sqlite(parsed)
    if name in ("postgresql", "postgres"):
        # Without the mode an upsert of a hundred rows is a hundred questions.
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg2"), pool_pre_ping=True, executemany_mode="values_plus_batch"
        )
    raise _unusable(f"{name} is not offered")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose transaction only reads one consistent state and holds up no writer."""
    with engine.connect() as plain:
        connection = plain.execution_options(**{_READS_ONLY: True})
        with connection.begin():
            yield connection


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the address of our own database cannot be used: {why}",
        operation="open our database",
        next_step="give sqlite:///folder/file.db or postgresql://user:password@host/database",
    )


def _sqlite(url: URL) -> sa.Engine:
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def _prepare(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # we begin transactions ourselves, see below
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")  # a committed receipt survives a power cut
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        only_reads = connection.get_execution_options().get(_READS_ONLY, False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine

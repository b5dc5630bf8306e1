"""Opens databases for reading or for writing, one short connection at a time, and says what went wrong in our words.

Reading is fenced twice: the transaction is declared read-only in the engine's own way, and the login should be one that
cannot write. The fence alone is no proof where an engine has none (SQL Server); the login is.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from s2s_pipelines.connectors.kit import database_odbc
from s2s_pipelines.connectors.kit.database import Place, secrets_in
from s2s_pipelines.connectors.kit.redaction import Redactor
from s2s_pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy as sa

CONNECT_TIMEOUT_S = 15
_TRANSACTION = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class Database:
    """One database under one login.

    Args:
        url: a SQLAlchemy URL or an ODBC connection string; secret.
        client, connection: for error texts.
        read_only: refuse to write.
        timeout_s: how long one statement may take.

    Raises:
        ConfigurationError: the URL cannot be understood, or names a driver that is not installed.
    """

    def __init__(self, url: str, *, client: str, connection: str, read_only: bool, timeout_s: float) -> None:
        self.client, self.connection = client, connection
        self.is_read_only, self.timeout_s = read_only, timeout_s
        self.is_odbc = database_odbc.is_odbc(url)
        self.redactor = Redactor(database_odbc.secrets_in(url) if self.is_odbc else secrets_in(url))
        self.odbc_text = database_odbc.prepared(url, read_only=read_only) if self.is_odbc else ""
        self._url = url
        self._odbc_engine = ""

    @property
    def engine_name(self) -> str:
        """``postgresql``, ``mysql``, ``sqlite``, or another; behind ODBC known after the first connection."""
        if self.is_odbc:
            return self._odbc_engine or _guess(self.odbc_text)
        name = self._engine.dialect.name
        return {"mariadb": "mysql"}.get(name, name)

    @property
    def locks_late(self) -> bool:
        """Whether two writers that look first can both be refused: SQLite's ODBC driver cannot ask for the lock first."""
        return self.is_odbc and self.engine_name == "sqlite"

    @property
    def place(self) -> Place:
        """For errors."""
        return Place(self.client, self.connection, self.engine_name, self.redactor)

    @contextlib.contextmanager
    def opened(self, operation: str) -> Iterator["sa.Connection"]:
        """A connection with its transaction set up; rolled back and closed at the end unless the caller committed.

        Errors of connecting are translated here. Errors inside the block are the caller's, who knows what they mean.
        """
        import sqlalchemy as sa

        try:
            connection = self._engine.connect()
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise self.place.error(error, operation) from None
        try:
            try:
                self._set_up(connection)
            except sa.exc.SQLAlchemyError as error:
                raise self.place.error(error, operation) from None
            yield connection
        finally:
            _close(connection)

    def quoted(self, operation: str) -> Callable[[str], str]:
        """How this engine quotes the name of one column, table or schema; behind ODBC the driver is asked once."""
        self.learn_engine(operation)
        return self._engine.dialect.identifier_preparer.quote_identifier

    def learn_engine(self, operation: str) -> None:
        """Find out what is behind an ODBC driver, once."""
        if self.is_odbc and not self._odbc_engine:
            with self.opened(operation):
                pass

    def session_statements(self) -> Sequence[str]:
        """What fences and limits a reading transaction, sent before anything else in it."""
        milliseconds = int(self.timeout_s * 1000)
        if self.engine_name == "postgresql":
            fence = [_TRANSACTION] if self.is_read_only else []
            return [*fence, f"SET LOCAL statement_timeout = {milliseconds}", "SET LOCAL TimeZone = 'UTC'"]
        if self.engine_name == "mysql":
            fence = ["SET SESSION TRANSACTION READ ONLY"] if self.is_read_only else []
            return [*fence, self._mysql_limit(), f"SET SESSION lock_wait_timeout = {max(1, int(self.timeout_s))}"]
        if self.engine_name == "sqlite":
            return ["PRAGMA query_only = ON"] if self.is_read_only else []
        if self.engine_name == "oracle":
            return ["SET TRANSACTION READ ONLY"] if self.is_read_only else []
        return []

    def _set_up(self, connection: "sa.Connection") -> None:
        raw: Any = connection.connection.dbapi_connection
        if self.is_odbc:
            name = str(getattr(connection.dialect, "dbms_name", "")).lower()
            self._odbc_engine = database_odbc.ENGINES.get(name, name or "odbc")
            with contextlib.suppress(connection.dialect.loaded_dbapi.Error):  # drivers may not know the attribute
                raw.timeout = max(1, int(self.timeout_s))
        elif self.engine_name == "sqlite":
            deadline = time.monotonic() + self.timeout_s
            raw.set_progress_handler(lambda: time.monotonic() > deadline, 20_000)
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        for statement in self.session_statements():
            connection.exec_driver_sql(statement)
        if self.engine_name == "sqlite" and not self.is_read_only and not self.is_odbc:
            # A writer asks for the lock before it looks, so that what it saw is still so when it writes.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _mysql_limit(self) -> str:
        """MariaDB counts seconds, MySQL milliseconds."""
        dialect = self._engine.dialect
        told = str(getattr(dialect, "dbms_name", "")).lower()
        if told == "mariadb" or getattr(dialect, "is_mariadb", False):
            return f"SET SESSION max_statement_time = {self.timeout_s:.3f}"
        return f"SET SESSION max_execution_time = {int(self.timeout_s * 1000)}"

    @cached_property
    def _engine(self) -> "sa.Engine":
        import sqlalchemy as sa

        if self.is_odbc:
            return database_odbc.engine_for(self.odbc_text)
        try:
            url = sa.make_url(self._url)
            return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True, **self._options(url))
        except (sa.exc.NoSuchModuleError, ImportError) as error:
            raise ConfigurationError(
                f"the driver of this database is not installed: {self.redactor.clean(str(error))}",
                client=self.client,
                connection=self.connection,
                next_step="install the driver, or use one of postgresql, mysql+pymysql, sqlite or an ODBC connection string",
            ) from None
        except (sa.exc.ArgumentError, ValueError):  # whose sentence may quote the URL
            raise ConfigurationError(
                "the database URL cannot be read",
                client=self.client,
                connection=self.connection,
                next_step="write dialect+driver://login:password@host/database, special characters percent-encoded",
            ) from None

    def _options(self, url: "sa.URL") -> dict[str, Any]:
        name = url.get_backend_name()
        if name == "sqlite":
            return {"creator": lambda: _open_sqlite(url.database, self.is_read_only, self.timeout_s)}
        if name == "postgresql" and url.get_driver_name() == "psycopg2":
            alive = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
            return {"connect_args": {"connect_timeout": CONNECT_TIMEOUT_S, **alive}}
        if name in ("mysql", "mariadb") and url.get_driver_name() == "pymysql":
            patience = int(self.timeout_s) + CONNECT_TIMEOUT_S
            timeouts = {"connect_timeout": CONNECT_TIMEOUT_S, "read_timeout": patience, "write_timeout": patience}
            return {"connect_args": timeouts}
        return {}


def _open_sqlite(path: str | None, read_only: bool, timeout_s: float) -> Any:
    """A file that must exist: looking for one never makes one."""
    import sqlite3

    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(path or '')}?mode={mode}", uri=True, timeout=min(timeout_s, 30.0), isolation_level=None
    )
    if read_only:
        connection.execute("BEGIN")
    return connection


def _guess(odbc_text: str) -> str:
    """The engine by the driver's name, until a connection tells."""
    text = odbc_text.lower()
    return next(
        (engine for word, engine in (("postgres", "postgresql"), *database_odbc.ENGINES.items()) if word in text),
        "odbc",
    )


def _close(connection: "sa.Connection") -> None:
    """Give the connection back; one that is already dead makes no second error out of the first."""
    import sqlalchemy as sa

    with contextlib.suppress(sa.exc.SQLAlchemyError):
        connection.close()

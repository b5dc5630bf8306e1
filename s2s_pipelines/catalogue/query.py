"""DuckDB over Arrow tables in memory: nothing is read from or written to disk, and nothing is fetched.

A ``Desk`` is a private database that lives as long as one calculation. Values go in as parameters or tables, never as text pasted
into SQL; names of columns are quoted by ``quoted``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def quoted(name: str) -> str:
    """A column's name as SQL spells it.

    >>> quoted('_from.qty')
    '"_from.qty"'
    """
    return '"' + name.replace('"', '""') + '"'


def pointer(field: str) -> str:
    """The JSON pointer of a field of a state, as an SQL literal.

    >>> pointer("meta_a.b")
    "'/meta_a.b'"
    """
    escaped = field.replace("~", "~0").replace("/", "~1").replace("'", "''")
    return f"'/{escaped}'"


class Desk:
    """A private in-memory database with the given Arrow tables on it."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection

    def lay(self, **tables: "pa.Table") -> None:
        """Put Arrow tables on the desk under their names."""
        for name, table in tables.items():
            self._connection.register(name, table)

    def make(self, name: str, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Keep a query's rows under a name, for the queries that follow."""
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS {sql}", list(parameters))

    def show(self, name: str, sql: str) -> None:
        """Give a query a name without keeping its rows: for one that is asked once, or costs nothing."""
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {sql}")

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> "pa.Table":
        """A query's rows as one Arrow table."""
        return self._connection.sql(sql, params=list(parameters)).to_arrow_table()

    def count(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """A query's single number."""
        value = self.ask(sql, parameters).column(0)[0].as_py()
        return 0 if value is None else int(value)


@cache
def _engine() -> "duckdb.DuckDBPyConnection":
    """One engine per process, because opening one takes longer than most of our questions; desks share none of their tables."""
    import duckdb

    closed: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "enable_external_access": "false",
    }
    return duckdb.connect(":memory:", config=closed)


@contextmanager
def desk(**tables: "pa.Table") -> Iterator[Desk]:
    """A desk that is cleared at the end of the block."""
    connection = _engine().cursor()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        made = Desk(connection)
        made.lay(**tables)
        yield made
    finally:
        connection.close()

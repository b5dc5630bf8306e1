"""Anything with an ODBC driver: connection strings, and a dialect for SQLAlchemy that assumes nothing of the engine behind.

Source: Microsoft ODBC reference, SQLDriverConnect (connection strings: values with special characters stand in braces, a
closing brace inside is doubled); read-only options as observed with psqlodbc 13, MariaDB Connector/ODBC 3.1, sqliteodbc 0.99.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from s2s_pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy as sa

_SECRET_KEYS = {"pwd", "password"}
_START = re.compile(r"(?i)^\s*(?:[\w ]+=(?:\{[^}]*\}|[^;]*);)*?\s*(driver|dsn|filedsn)\s*=")
LOGIN_TIMEOUT_S = 15
_OPTIONS: tuple[tuple[str, Mapping[str, str], Mapping[str, str]], ...] = (
    ("sqlite", {"NoCreat": "1", "FKSupport": "1", "Timeout": "30000"}, {}),
    ("postgres", {}, {"UseDeclareFetch": "1", "Fetch": "10000"}),
    ("maria", {}, {"NO_CACHE": "1", "FORWARDONLY": "1"}),
    ("sql server", {}, {"ApplicationIntent": "ReadOnly"}),
)
"""A word in the driver's name, options it always gets, options for reading; what the string says itself stays."""
ENGINES = {"postgresql": "postgresql", "mariadb": "mysql", "mysql": "mysql", "sqlite": "sqlite"}
"""DBMS names as drivers tell them, in lower case -> engine."""


def is_odbc(text: str) -> bool:
    """Whether text is an ODBC connection string rather than a URL.

    >>> is_odbc("Driver={SQLite3};Database=/srv/erp.db"), is_odbc("postgresql://login@host/erp?driver=x")
    (True, False)
    """
    return _START.match(text) is not None


def parse(text: str) -> dict[str, str]:
    """The keys and values of a connection string, braces taken off; keys as they are spelled.

    >>> parse("DSN=erp;PWD={a;b}}c}")
    {'DSN': 'erp', 'PWD': 'a;b}c'}

    Raises:
        ConfigurationError: it is not ``key=value;key=value``.
    """
    found: dict[str, str] = {}
    rest = text.strip().rstrip(";")
    while rest:
        match = re.match(r"\s*([^={};]+?)\s*=\s*(?:\{((?:[^}]|\}\})*)\}\s*|(?!\s*\{)([^;]*))(?:;|$)", rest)
        if match is None:
            raise ConfigurationError(
                f"the ODBC connection string cannot be read after {', '.join(found) or 'its beginning'}",
                next_step="write key=value;key=value, values with ; or { in braces, a } inside doubled",
            )
        key, braced, bare = match.groups()
        found[key] = braced.replace("}}", "}") if braced is not None else bare.strip()
        rest = rest[match.end() :]
    return found


def render(values: Mapping[str, str]) -> str:
    """A connection string of these keys and values; what is special stands in braces.

    >>> render({"DSN": "erp", "PWD": "a;b}c"})
    'DSN=erp;PWD={a;b}}c}'
    """
    return ";".join(f"{key}={_escaped(value)}" for key, value in values.items())


def _escaped(value: str) -> str:
    if re.search(r"[\[\]{}(),;?*=!@]|^\s|\s$", value):
        return "{" + value.replace("}", "}}") + "}"
    return value


def prepared(text: str, *, read_only: bool) -> str:
    """The connection string as we use it: nothing is created by looking, rules of the target are on.

    SQLite's driver makes a missing file and leaves foreign keys unchecked unless told otherwise; those of PostgreSQL and
    MariaDB keep a whole result in memory before they show its first row.
    """
    values = parse(text)
    names = {key.lower() for key in values}
    driver = next((value.lower() for key, value in values.items() if key.lower() == "driver"), "")
    for word, always, reading in _OPTIONS:
        if word in driver:
            options = {**always, **(reading if read_only else {})}
            values.update({key: value for key, value in options.items() if key.lower() not in names})
    return render(values)


def secrets_in(text: str) -> Iterable[str]:
    """What must never be shown of a connection string: its password in every spelling, and the whole."""
    try:
        values = parse(text)
    except ConfigurationError:
        return (text,)
    words = [value for key, value in values.items() if key.lower() in _SECRET_KEYS and value]
    return (*words, *(_escaped(word) for word in words), *(word.replace("}", "}}") for word in words), text)


def engine_for(text: str) -> "sa.Engine":
    """A SQLAlchemy engine on any ODBC driver; nothing is connected yet."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import registry

    registry.register("s2sodbc.pyodbc", "s2s_pipelines.connectors.kit.database_dialect", "AnyOdbc")

    def connect() -> Any:
        import pyodbc

        return pyodbc.connect(text, timeout=LOGIN_TIMEOUT_S)

    return sa.create_engine("s2sodbc+pyodbc://", creator=connect, poolclass=sa.NullPool, hide_parameters=True)

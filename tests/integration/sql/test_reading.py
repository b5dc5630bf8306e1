"""What reading promises beyond the contract: fences against writing, limits of time, and exact text of every type."""

import threading
import time

import pytest
import sqlalchemy as sa

from s2s_pipelines.connectors.kit.database_connection import Database
from s2s_pipelines.errors import AccessError, ConfigurationError, DataError, S2SError, TransientError
from tests.contract.suite.source import ROWS
from tests.fixtures.sources.sql.subject import PASSWORD
from tests.integration.sql.conftest import NAMES, on

SERVERS = tuple(name for name in NAMES if "sqlite" not in name)


def ask(harness, text, **settings):
    """Read the products feed through another query."""
    (harness.folder / "queries" / "erp.products.sql").write_text(text, encoding="utf-8")
    source = harness.source()
    feeds = {"products": {"query": "erp.products.sql"}}
    source.settings = type(source.settings).model_validate({**source.settings.model_dump(), "feeds": feeds, **settings})
    return source.read("products")


@on("postgres", "odbc_postgres")
def test_the_reading_login_cannot_write(harness):
    """Not even where nobody fences it: PostgreSQL itself refuses the login, and the table stays as it was."""
    harness.seed("products", ROWS)
    url = harness.access.text("reader", PASSWORD, harness._port())
    unfenced = Database(url, client="c", connection="erp", read_only=False, timeout_s=30)
    for statement in (
        "DELETE FROM products",
        "INSERT INTO products (code) VALUES ('X')",
        "CREATE TABLE mine (a INTEGER)",
    ):
        with unfenced.opened("try to write") as connection:
            with pytest.raises(sa.exc.DBAPIError) as caught:
                connection.exec_driver_sql(statement)
            assert isinstance(unfenced.place.error(caught.value, "try to write"), AccessError)
    with harness.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM products")) == len(ROWS)


@on(*SERVERS)
def test_a_login_that_may_write_is_fenced_while_it_reads(harness):
    """The second fence: the transaction is read-only, whatever the login may do."""
    harness.seed("products", ROWS)
    admin = harness.access.text("reader", PASSWORD, harness._port()).replace(
        f"reader_{harness.engine.url.database}", harness.engine.url.username
    )
    fenced = Database(admin, client="c", connection="erp", read_only=True, timeout_s=30)
    with fenced.opened("try to write") as connection, pytest.raises(sa.exc.DBAPIError) as caught:
        connection.exec_driver_sql("DELETE FROM products")
    assert isinstance(fenced.place.error(caught.value, "try to write"), ConfigurationError)
    with harness.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM products")) == len(ROWS)


@on("postgres", "odbc_postgres")
def test_a_function_that_writes_is_stopped(harness):
    """A SELECT may call what writes; the fence holds inside it too."""
    harness.seed("products", ROWS)
    with harness.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION wipe() RETURNS INTEGER LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM products RETURNING 1'"
        )
    with pytest.raises(ConfigurationError):
        ask(harness, "SELECT wipe() AS wiped")
    with harness.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM products")) == len(ROWS)


@on("postgres", "odbc_postgres")
def test_a_statement_beyond_its_time_is_ended_by_postgres(harness):
    began = time.monotonic()
    with pytest.raises(TransientError):
        ask(harness, "SELECT pg_sleep(30)::text AS slept", statement_timeout_s=1)
    assert time.monotonic() - began < 15


@on("mariadb", "odbc_mariadb")
def test_a_statement_beyond_its_time_is_ended_by_mariadb(harness):
    began = time.monotonic()
    with pytest.raises(TransientError):
        ask(harness, "SELECT COUNT(*) AS c FROM seq_1_to_1000000 a, seq_1_to_1000000 b", statement_timeout_s=1)
    assert time.monotonic() - began < 15


@on("postgres", "odbc_postgres")
def test_a_line_cut_in_the_middle_is_never_a_short_extract(harness):
    """The server ends the session while rows are on their way."""
    failures = []

    def read():
        try:
            ask(harness, "SELECT i, md5(i::text) AS h, pg_sleep(0.0005)::text AS s FROM generate_series(1, 20000) i")
        except S2SError as error:
            failures.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    user = f"reader_{harness.engine.url.database}"
    deadline = time.monotonic() + 20
    ended = 0
    while not ended and time.monotonic() < deadline:
        time.sleep(1.0)
        with harness.engine.begin() as connection:
            ended = connection.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :u"), {"u": user}
            ).rowcount
    thread.join(60)
    assert ended
    assert [type(error) for error in failures] == [TransientError]


TYPES = {
    "postgres": (
        "SELECT 12345678901234.123456789012::numeric AS n, 0.1::float8 AS f, 1e-7::float8 AS tiny, 1e20::float8 AS huge, "
        "0.1::real AS r, true AS b, 'ab'::char(6) AS c, ''::text AS empty, NULL::text AS nothing, "
        "DATE '2026-11-21' AS d, TIMESTAMP '2026-11-21 12:00:00.5' AS t, decode('00ff', 'hex') AS bin, "
        "9223372036854775807 AS big, 'a,\"b\"' || chr(10) || 'c' AS odd"
    ),
    "mariadb": (
        "SELECT CAST('12345678901234.123456789012' AS DECIMAL(30, 12)) AS n, 1e-1 AS f, 1e-7 AS tiny, 1e20 AS huge, "
        "1e-1 AS r, 1 = 1 AS b, CAST('ab    ' AS CHAR(6)) AS c, '' AS empty, CAST(NULL AS CHAR) AS nothing, "
        "DATE '2026-11-21' AS d, TIMESTAMP '2026-11-21 12:00:00.5' AS t, x'00ff' AS bin, "
        "9223372036854775807 AS big, CONCAT('a,\"b\"', CHAR(10 USING utf8mb4), 'c') AS odd"
    ),
}
WANTED = {
    "n": "12345678901234.123456789012",
    "f": "0.1",
    "tiny": "0.0000001",
    "huge": "100000000000000000000",
    "r": "0.1",
    "c": "ab",
    "empty": "",
    "nothing": None,
    "d": "2026-11-21",
    "big": "9223372036854775807",
    "odd": 'a,"b"\nc',
}


@on(*SERVERS)
def test_every_type_comes_as_exact_text(harness):
    engine = "postgres" if harness.engine.dialect.name == "postgresql" else "mariadb"
    row = ask(harness, TYPES[engine]).table.to_pylist()[0]
    assert {name: row[name] for name in WANTED} == WANTED
    assert row["t"].rstrip("0") == "2026-11-21 12:00:00.5"
    # Drivers differ where SQL types do: MariaDB has no booleans, psqlodbc tells them as 1 and 0.
    assert row["b"] in {"true", "1"}
    assert row["bin"] == "00ff"


@on(*NAMES)
def test_a_long_cell_is_whole(harness):
    long = "é" * 9000
    harness.seed("products", [dict(ROWS[0], title=long)])
    assert harness.source().read("products").table.column("title").to_pylist() == [long]


@on("odbc_postgres")
def test_a_cell_too_long_for_odbc_is_an_error_and_never_cut(harness):
    harness.seed("products", [dict(ROWS[0], title="x" * 200_000)])
    with pytest.raises(DataError, match="a value cannot be read"):
        harness.source().read("products")


@on("postgres")
def test_a_one_column_feed_keeps_its_nulls(harness):
    """A lone null is an empty line in CSV, which readers like to skip."""
    harness.seed("products", [ROWS[1], ROWS[0], ROWS[1]])
    extract = ask(harness, "SELECT note FROM products ORDER BY seq")
    assert extract.table.column("note").to_pylist() == [None, "sale", None]


@on("postgres")
def test_percent_signs_and_colons_in_a_query_are_its_own(harness):
    harness.seed("products", ROWS)
    extract = ask(harness, "SELECT code FROM products WHERE title LIKE '%Rope%' AND '12:30'::time > '00:00' ORDER BY 1")
    assert extract.table.column("code").to_pylist() == ["12E4"]


@on("odbc_sqlite")
def test_bytes_come_in_hex_and_end_nothing(harness):
    """The driver announces 255 bytes and sends two; asked for as it announces, the reader would end the process."""
    extract = ask(harness, "SELECT x'00ff' AS a, CAST(1.5 AS REAL) AS b, 1 AS c")
    assert extract.table.to_pylist() == [{"a": "00ff", "b": "1.5", "c": "1"}]
    with harness.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE pictures (picture BLOB)")
        connection.exec_driver_sql("INSERT INTO pictures VALUES (x'00ff'), (NULL), (x'')")
    cells = ask(harness, "SELECT picture FROM pictures ORDER BY rowid").table.column("picture").to_pylist()
    assert cells[:2] == ["00ff", None]

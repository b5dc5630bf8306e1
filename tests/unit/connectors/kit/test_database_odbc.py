"""ODBC connection strings are read, escaped and completed as the specification says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s_pipelines.connectors.kit.database_odbc import is_odbc, parse, prepared, render, secrets_in
from s2s_pipelines.errors import ConfigurationError


@pytest.mark.parametrize(
    "text",
    [
        "Driver={ODBC Driver 18 for SQL Server};Server=host",
        "DSN=erp;UID=x;PWD=y",
        "UID=x;PWD={a;b};DSN=erp",
        "filedsn=/etc/erp.dsn",
    ],
)
def test_connection_strings_are_told_from_urls(text):
    assert is_odbc(text)


@pytest.mark.parametrize(
    "text", ["sqlite:////srv/erp.db", "mssql+pyodbc://u:p@host/db?driver=ODBC+Driver+18", "postgresql://h/db", "dsnx=1"]
)
def test_urls_are_no_connection_strings(text):
    assert not is_odbc(text)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z_]{0,10}", fullmatch=True),
        st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20).map(str.strip),
        max_size=5,
    )
)
def test_what_is_rendered_is_read_again(values):
    assert parse(render(values)) == values


@pytest.mark.parametrize("text", ["Driver={SQLite3;Database=x", "DSN", "DSN=erp;;=x", "PWD={a}b;DSN=c"])
def test_broken_strings_are_refused_without_quoting_them(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert "Database=x" not in str(caught.value)


def test_sqlite_is_told_to_make_no_file_and_to_check_foreign_keys():
    values = parse(prepared("Driver={SQLite3};Database=/srv/erp.db", read_only=False))
    assert (values["NoCreat"], values["FKSupport"]) == ("1", "1")


def test_what_the_string_says_itself_stays():
    values = parse(prepared("Driver={PostgreSQL Unicode};usedeclarefetch=0", read_only=True))
    assert values["usedeclarefetch"] == "0"
    assert "UseDeclareFetch" not in values


def test_reading_asks_sql_server_for_a_read_only_replica():
    text = "Driver={ODBC Driver 18 for SQL Server};Server=host"
    assert parse(prepared(text, read_only=True))["ApplicationIntent"] == "ReadOnly"
    assert "ApplicationIntent" not in parse(prepared(text, read_only=False))


def test_passwords_are_secret_in_every_spelling():
    assert {"a;b}c", "{a;b}}c}", "a;b}}c"} <= set(secrets_in("DSN=erp;PWD={a;b}}c}"))

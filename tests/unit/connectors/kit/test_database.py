"""The translation table of database errors: a test per row, and what may be told of an error."""

import re
import sqlite3

import pytest

from s2s_pipelines.connectors.kit import database
from s2s_pipelines.connectors.kit.database import TABLE, Fault, Place, Symptom, fault_of, symptom_of
from s2s_pipelines.connectors.kit.redaction import Redactor
from s2s_pipelines.errors import AccessError, ConfigurationError, DataError, OrderRejected, TransientError

T, A, D, U, R, X = (
    Fault.TRANSIENT, Fault.ACCESS, Fault.DECLARATION, Fault.DUPLICATE, Fault.REFUSED, Fault.DATA,
)  # fmt: skip

EXAMPLES = [
    ("postgresql", "", 'FATAL:  password authentication failed for user "erp"', A),
    ("postgresql", "08001", "fe_sendauth: no password supplied", A),
    ("postgresql", "", 'role "nobody" does not exist', A),
    ("postgresql", "28000", "", A),
    ("postgresql", "42501", "permission denied for table item", A),
    ("postgresql", "3D000", "", D),
    ("postgresql", "", 'FATAL:  database "erp2" does not exist', D),
    ("postgresql", "40P01", "deadlock detected", T),
    ("postgresql", "57014", "canceling statement due to statement timeout", T),
    ("postgresql", "53300", "too many connections", T),
    ("postgresql", "25006", "cannot execute INSERT in a read-only transaction", D),
    ("postgresql", "23505", "duplicate key value violates unique constraint", U),
    ("postgresql", "23503", "violates foreign key constraint", R),
    ("postgresql", "P0001", "raised by a trigger", R),
    ("postgresql", "22001", "value too long", X),
    ("postgresql", "42P01", 'relation "itme" does not exist', D),
    ("postgresql", "08006", "connection failure", T),
    ("postgresql", "", "server closed the connection unexpectedly", T),
    ("mysql", "1045", "Access denied for user", A),
    ("mysql", "1146", "Table 'erp.itme' doesn't exist", D),
    ("mysql", "1213", "Deadlock found", T),
    ("mysql", "1969", "Query execution was interrupted (max_statement_time exceeded)", T),
    ("mysql", "2003", "Can't connect", T),
    ("mysql", "1062", "Duplicate entry 'x' for key", U),
    ("mysql", "1452", "a foreign key constraint fails", R),
    ("mysql", "1406", "Data too long", X),
    ("sqlite", "SQLITE_BUSY", "database is locked", T),
    ("sqlite", "SQLITE_CANTOPEN", "unable to open database file", T),
    ("sqlite", "SQLITE_READONLY", "attempt to write a readonly database", A),
    ("sqlite", "SQLITE_NOTADB", "file is not a database", X),
    ("sqlite", "SQLITE_CONSTRAINT_UNIQUE", "UNIQUE constraint failed: t.a", U),
    ("sqlite", "SQLITE_CONSTRAINT_FOREIGNKEY", "FOREIGN KEY constraint failed", R),
    ("sqlite", "HY000", "[SQLite]UNIQUE constraint failed: t.a (19)", U),
    ("sqlite", "HY000", "[SQLite]NOT NULL constraint failed: t.a (19)", R),
    ("sqlite", "SQLITE_ERROR", "no such table: itme", D),
    ("sqlite", "SQLITE_ERROR", 'near "FORM": syntax error', D),
    ("sqlite", "HY000", "[SQLite]database is locked (5)", T),
    ("sqlite", "HY000", "[SQLite]connect failed", T),
    ("sqlite", "HY000", "[SQLite]attempt to write a readonly database (8)", A),
    ("sqlite", "HY000", "[SQLite]file is not a database (26)", X),
    ("odbc", "28000", "Login failed for user 'x'.", A),
    ("odbc", "IM002", "Data source name not found", D),
    ("odbc", "01000", "Can't open lib 'no-such-driver.so'", D),
    ("odbc", "08S01", "Communication link failure", T),
    ("odbc", "HYT00", "Login timeout expired", T),
    ("odbc", "23000", "Cannot insert duplicate key row", U),
    ("odbc", "23000", "conflicted with the FOREIGN KEY constraint", R),
    ("odbc", "22001", "String data, right truncation", X),
    ("odbc", "", "A value (at least one) is too large to be written into the allocated buffer", X),
    ("odbc", "42S02", "Invalid object name 'itme'.", D),
    ("odbc", "HY000", "something nobody knows", T),
]


@pytest.mark.parametrize("engine, code, text, fault", EXAMPLES)
def test_symptom_means_its_fault(engine, code, text, fault):
    assert fault_of(Symptom(engine, code, text)) is fault


def test_every_row_of_the_table_is_tried():
    tried = set()
    for engine, code, text, _ in EXAMPLES:
        for number, row in enumerate(TABLE):
            if row.engine in (engine, "any") and re.fullmatch(row.code, code) and re.search(row.text, text):
                tried.add(number)
                break
    assert [row for number, row in enumerate(TABLE) if number not in tried] == []


@pytest.fixture
def place():
    return Place("karoo_outdoor", "erp", "postgresql", Redactor(["hunter2secret"]))


class _PgError(Exception):
    pgcode = None

    def __init__(self, code, text):
        super().__init__(text)
        self.pgcode = code


@pytest.mark.parametrize(
    "code, kind",
    [("08006", TransientError), ("28P01", AccessError), ("42703", ConfigurationError), ("22P02", DataError)],
)
def test_reading_errors_are_of_our_kinds(place, code, kind):
    error = place.error(_PgError(code, "hunter2secret in a sentence"), "read stock")
    assert type(error) is kind
    assert (error.client, error.connection, error.operation) == ("karoo_outdoor", "erp", "read stock")
    assert error.next_step
    assert "hunter2secret" not in str(error)


@pytest.mark.parametrize(
    "code, reason", [("23505", "duplicate_value"), ("23503", "rule_of_target"), ("22001", "value_not_stored")]
)
def test_writing_errors_become_refusals(place, code, reason):
    error = place.write_error(_PgError(code, "Failing row contains (buyer@example.com)"), "raise a document", "R-1")
    assert isinstance(error, OrderRejected)
    assert (error.reason, error.reference) == (reason, "R-1")
    assert "buyer" not in str(error)


def test_lost_line_while_writing_is_transient(place):
    error = place.write_error(_PgError("57P01", "terminating connection"), "raise a document", "R-1")
    assert isinstance(error, TransientError)
    assert error.reference == "R-1"


def test_constraint_is_named_without_its_values(place):
    error = place.write_error(
        _PgError(
            "23503", 'violates foreign key constraint "line_item_fkey"\nDETAIL: Key (item)=(secret) is not present'
        ),
        "raise a document",
        "R-1",
    )
    assert "line_item_fkey" in str(error)
    assert "secret" not in str(error)


def test_declaration_errors_show_the_drivers_sentence(place):
    error = place.error(_PgError("42703", 'column "qyt" does not exist\nLINE 1: SELECT qyt'), "read stock")
    assert 'column "qyt" does not exist' in str(error)
    assert "LINE 1" not in str(error)


def test_sqlite_errors_are_read_by_name():
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(":memory:").execute("SELECT * FROM nowhere")
    symptom = symptom_of(caught.value, "sqlite")
    assert symptom.code == "SQLITE_ERROR"
    assert fault_of(symptom) is Fault.DECLARATION


@pytest.mark.parametrize(
    "text, engine, code",
    [
        ("State: 42P01, Native error: 7, Message: ERROR", "postgresql", "42P01"),
        ("State: 42S02, Native error: 1146, Message: [ma]", "mysql", "1146"),
        ("[28000] [ma-3.1.15]Access denied (1045) (SQLDriverConnect)", "mysql", "1045"),
    ],
)
def test_odbc_errors_are_read_by_state_or_native_number(text, engine, code):
    assert symptom_of(RuntimeError(text), engine).code == code


def test_passwords_of_urls_are_known_in_every_spelling():
    secrets = set(database.secrets_in("postgresql://erp:p%40ss%2Fword@host/db"))
    assert {"p@ss/word", "p%40ss%2Fword"} <= secrets
    assert list(database.secrets_in("not a url")) == ["not a url"]

"""Foreign errors of databases in our own words: one table, read from above, the first row that fits decides.

The rows know PostgreSQL's five-character codes, which ODBC shares (SQLSTATE), the numbers of MySQL and MariaDB, and SQLite's
names. A driver's own sentence is shown for faults of the declaration only; elsewhere it may quote rows or people.

Sources: PostgreSQL 15 manual, appendix A; MariaDB server error codes; SQLite result codes; Microsoft ODBC appendix A; and the
drivers' behaviour observed with psycopg2 2.9, PyMySQL 1.2, pyodbc 5.5 on psqlodbc 13, MariaDB Connector/ODBC 3.1 and
sqliteodbc 0.99 in this repository's tests.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from s2s_pipelines.connectors.kit.redaction import Redactor
from s2s_pipelines.errors import (
    AccessError,
    ConfigurationError,
    DataError,
    OrderRejected,
    S2SError,
    TransientError,
)


class Fault(StrEnum):
    """What a foreign error means."""

    TRANSIENT = "transient"  # try again later; nothing was written
    ACCESS = "access"  # credentials or rights
    DECLARATION = "declaration"  # what we asked for is not there, or is not SQL
    DUPLICATE = "duplicate"  # a unique value is there already
    REFUSED = "refused"  # a rule of the target speaks against the values
    DATA = "data"  # what is stored cannot be read as it is


@dataclass(frozen=True, slots=True)
class Symptom:
    """What a driver told.

    Attributes:
        engine: ``postgresql``, ``mysql`` (MariaDB too), ``sqlite``, ``odbc`` for any other behind ODBC, or ``any``.
        code: SQLSTATE, number or name, as text; empty when the driver gave none.
        text: the driver's sentence, which stays here.
    """

    engine: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: engine, a pattern the whole code must match, a pattern found in the sentence, the fault."""

    engine: str
    code: str
    text: str
    fault: Fault


_T, _A, _D, _U, _R, _X = (
    Fault.TRANSIENT, Fault.ACCESS, Fault.DECLARATION, Fault.DUPLICATE, Fault.REFUSED, Fault.DATA,
)  # fmt: skip

TABLE: tuple[Row, ...] = (
    # PostgreSQL, natively or through ODBC. A failed log-in has no code, only a sentence.
    Row("postgresql", ".*", r"password authentication failed|no password supplied|no pg_hba\.conf entry", _A),
    Row("postgresql", ".*", r'role "[^"]*" (does not exist|is not permitted to log in)', _A),
    Row("postgresql", "28...|42501", "", _A),
    Row("postgresql", "3D000", "", _D),
    Row("postgresql", ".*", r'database "[^"]*" does not exist', _D),
    Row("postgresql", "57P0[123]|57014|53...|55P03|40...", "", _T),
    Row("postgresql", "25006", "", _D),
    Row("postgresql", "23505|23P01", "", _U),
    Row("postgresql", "23...|44000|P0001", "", _R),
    Row("postgresql", "22...", "", _X),
    Row("postgresql", "42...|3F000|0A000", "", _D),
    # MariaDB and MySQL.
    Row("mysql", "1044|1045|1142|1143|1227|1370|1698|1820", "", _A),
    Row("mysql", "1049|1054|1060|1064|1109|1146|1247|1792|1305", "", _D),
    Row("mysql", "1040|1042|1043|1053|1129|1152|1158|1159|1160|1161|1203|1205|1213|1226|1317|1927|1969|3024", "", _T),
    Row("mysql", "2002|2003|2005|2006|2012|2013|2026|2055|4031", "", _T),
    Row("mysql", "1022|1062|1586", "", _U),
    Row("mysql", "1048|1216|1217|1364|1451|1452|1557|1644|1761|1762|3819|4025", "", _R),
    Row("mysql", "1264|1265|1292|1366|1406|1411|3140", "", _X),
    # SQLite; through ODBC it tells a sentence only.
    Row("sqlite", "SQLITE_(BUSY|LOCKED|INTERRUPT|CANTOPEN|IOERR|FULL|PROTOCOL|SCHEMA).*", "", _T),
    Row("sqlite", "SQLITE_(READONLY|AUTH|PERM).*", "", _A),
    Row("sqlite", "SQLITE_(CORRUPT|NOTADB|TOOBIG|MISMATCH).*", "", _X),
    Row("sqlite", "SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY|ROWID)", "", _U),
    Row("sqlite", "SQLITE_CONSTRAINT.*", "", _R),
    Row("sqlite", ".*", r"UNIQUE constraint failed|is not unique", _U),
    Row("sqlite", ".*", r"constraint failed", _R),
    Row("sqlite", ".*", r"no such (table|column|function)|has no column named|only one SQL statement", _D),
    Row("sqlite", ".*", r"syntax error|incomplete input", _D),
    Row("sqlite", ".*", r"locked|unable to open|interrupt|disk I/O|connect failed", _T),
    Row("sqlite", ".*", r"readonly|not authorized", _A),
    Row("sqlite", ".*", r"not a database|malformed", _X),
    # Whatever else speaks ODBC; and what the driver manager says before any engine does.
    Row("any", "28...", "", _A),
    Row("any", "IM00[2-9]|IM01.|01000", "", _D),
    Row("any", "08...|HYT0.|40...", "", _T),
    Row("any", "23...", r"(?i)duplicate|unique", _U),
    Row("any", "23...|44000", "", _R),
    Row("any", "22...|07006", "", _X),
    Row("any", ".*", r"too large to be written", _X),  # arrow-odbc: a cell longer than its buffer
    Row("any", "42...|37000|S0...|HYC00|07002", "", _D),
)  # fmt: skip

_NEXT_STEP = {
    Fault.TRANSIENT: "it is tried again by itself; if it stays, see whether the database is up and reachable from here",
    Fault.ACCESS: "restore the login's password or rights",
    Fault.DECLARATION: "mend the declaration of this connection, or the query",
    Fault.DUPLICATE: "see which row holds that value",
    Fault.REFUSED: "see which rule of the table refused it",
    Fault.DATA: "see which value the database cannot read or store",
}


def fault_of(symptom: Symptom) -> Fault:
    """What a symptom means; what no row knows is transient, because waiting never makes a wrong conclusion.

    >>> fault_of(Symptom("postgresql", "42P01", 'relation "stok" does not exist')).value
    'declaration'
    >>> fault_of(Symptom("mysql", "1213", "Deadlock found")).value
    'transient'
    """
    for row in TABLE:
        if row.engine not in (symptom.engine, "any"):
            continue
        if re.fullmatch(row.code, symptom.code) and re.search(row.text, symptom.text):
            return row.fault
    return Fault.TRANSIENT


def symptom_of(error: BaseException, engine: str) -> Symptom:
    """Read a driver's error, SQLAlchemy's wrapping taken off."""
    origin = getattr(error, "orig", None) or error
    text = str(origin)
    for attribute in ("pgcode", "sqlite_errorname"):
        code = getattr(origin, attribute, None)
        if isinstance(code, str):
            return Symptom(engine, code, text)
    first = origin.args[0] if origin.args else ""
    if isinstance(first, int):
        return Symptom(engine, str(first), text)
    return Symptom(engine, _odbc_code(str(first), text, engine), text)


def _odbc_code(state: str, text: str, engine: str) -> str:
    """The code in it: pyodbc puts the SQLSTATE first, arrow-odbc writes ``State: 42P01, Native error: 7``."""
    told = re.search(r"State: (\w{5}), Native error: (-?\d+)", text)
    if told:
        state, native = told.groups()
    else:
        found = re.search(r"\((\d+)\) \(SQL", text)
        native = found.group(1) if found else "0"
    if engine == "mysql" and native != "0":
        return native
    return state if re.fullmatch(r"\w{5}", state) else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an error happened, and what must not be told of it.

    Attributes:
        engine: see `Symptom`.
        redactor: knows the connection's secrets.
    """

    client: str
    connection: str
    engine: str
    redactor: Redactor

    def error(self, error: BaseException, operation: str) -> S2SError:
        """Our error for a driver's while reading or looking up."""
        symptom = symptom_of(error, self.engine)
        fault = fault_of(symptom)
        kind: type[S2SError] = {
            Fault.TRANSIENT: TransientError,
            Fault.ACCESS: AccessError,
            Fault.DECLARATION: ConfigurationError,
        }.get(fault, DataError)
        return kind(
            self._sentence(symptom, fault),
            client=self.client,
            connection=self.connection,
            operation=operation,
            next_step=_NEXT_STEP[fault],
        )

    def write_error(self, error: BaseException, operation: str, reference: str) -> S2SError:
        """Our error for a driver's while writing, before anything was committed: all of it is rolled back."""
        symptom = symptom_of(error, self.engine)
        fault = fault_of(symptom)
        if fault not in (Fault.DUPLICATE, Fault.REFUSED, Fault.DATA):
            return self.error(error, operation).located(reference=reference)
        reason = {Fault.DUPLICATE: "duplicate_value", Fault.REFUSED: "rule_of_target"}.get(fault, "value_not_stored")
        return OrderRejected(
            self._sentence(symptom, fault),
            reason=reason,
            client=self.client,
            connection=self.connection,
            operation=operation,
            reference=reference,
            next_step=_NEXT_STEP[fault],
        )

    def configuration(self, message: str, next_step: str) -> ConfigurationError:
        """A fault of the declaration that we found ourselves."""
        return ConfigurationError(
            self.redactor.clean(message), client=self.client, connection=self.connection, next_step=next_step
        )

    def transient(self, message: str, operation: str) -> TransientError:
        """Something that may go better later."""
        return TransientError(
            message,
            client=self.client,
            connection=self.connection,
            operation=operation,
            next_step=_NEXT_STEP[Fault.TRANSIENT],
        )

    def data_error(self, message: str, operation: str, next_step: str) -> DataError:
        """A fault of the data that we found ourselves."""
        return DataError(
            self.redactor.clean(message),
            client=self.client,
            connection=self.connection,
            operation=operation,
            next_step=next_step,
        )

    def _sentence(self, symptom: Symptom, fault: Fault) -> str:
        code = f" (code {symptom.code})" if symptom.code else ""
        if fault is Fault.DECLARATION:
            return f"the database refused the statement{code}: {self.redactor.clean(symptom.text.splitlines()[0], 200)}"
        what = {
            Fault.TRANSIENT: "the database could not be reached or did not answer",
            Fault.ACCESS: "the database refused the login or its rights",
            Fault.DUPLICATE: "a value that must be unique is there already",
            Fault.REFUSED: "a rule of the database refused the row",
            Fault.DATA: "a value cannot be read or stored",
        }[fault]
        return f"{what}{code}{_constraint(symptom)}"


def _constraint(symptom: Symptom) -> str:
    """The name of the constraint or column concerned, where it can be told without quoting a value."""
    patterns = (
        r"constraint \"(?P<name>[\w.]+)\"",
        r"null value in column \"(?P<name>[\w.]+)\"",
        r"constraint failed: (?P<name>[\w.]+)",
        r"CONSTRAINT `(?P<name>[\w.]+)`",
        r"[Cc]olumn '(?P<name>[\w.]+)'",
    )
    for pattern in patterns:
        found = re.search(pattern, symptom.text)
        if found:
            return f" at {found.group('name')}"
    return ""


def secrets_in(url: str) -> Iterable[str]:
    """The parts of a SQLAlchemy URL that must never be shown: its password, as written and as meant."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        password = make_url(url).password
    except ArgumentError:
        return (url,)
    written = re.search(r"://[^/@]*?:([^@]*)@", url)
    return tuple({str(password or ""), written.group(1) if written else "", url} - {""})

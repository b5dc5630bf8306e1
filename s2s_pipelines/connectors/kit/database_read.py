"""Reads the result of one SELECT into a table of exact text, by the quickest way its driver has.

* PostgreSQL through psycopg2: ``COPY ... TO STDOUT (FORMAT csv)`` parsed by Arrow. The server writes the text, so no number
  passes through a float, and quoted empty text stays apart from null.
* ODBC: arrow-odbc in blocks. Everything but dates and times is asked for as text, because a driver's binary forms lose digits
  (psqlodbc shows ``double precision`` as a four-byte float and ``numeric`` with six decimals).
* Any other: the driver's rows, column by column, streamed in batches.

What arrives is at most the row limit and one more, so that the caller can tell a full house from an overfull one.
"""

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from s2s_pipelines.connectors.kit.database_connection import CONNECT_TIMEOUT_S, Database
from s2s_pipelines.connectors.kit.sql_text import bare, has_order
from s2s_pipelines.connectors.kit.text import boolean_text, moment_text, number_text, text_column
from s2s_pipelines.errors import S2SError

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

BATCH_ROWS = 20_000
CELL_LIMIT = 128 * 1024
"""Characters of the longest cell that is read through ODBC; a longer one is an error, never cut."""
_BLOCK_BYTES = 4 * 1024 * 1024
_ODBC_BYTES = 128 * 1024 * 1024
_BOOL, _BYTEA, _FLOATS, _PADDED = 16, 17, (700, 701), 1042  # PostgreSQL's type numbers (pg_type.oid)


def read_text(database: Database, statement: str, *, row_limit: int, operation: str) -> "pa.Table":
    """The rows of a statement as text columns, in the order the database gives them.

    Args:
        database: where to ask.
        statement: one SELECT without a semicolon at its end.
        row_limit: more rows than this are an error.
        operation: for error texts.

    Raises:
        S2SError: see `Place.error`; `DataError` for too many rows or cells that cannot be read.
    """
    if database.is_odbc:
        table = _read_odbc(database, statement, row_limit, operation)
    else:
        with database.opened(operation) as connection:
            if database.engine_name == "postgresql" and connection.dialect.driver == "psycopg2":
                table = _read_postgres(database, connection, statement, row_limit, operation)
            else:
                table = _read_rows(database, connection, statement, row_limit, operation)
    if table.num_rows > row_limit:
        message = f"the database brings more than {row_limit} rows"
        raise database.place.data_error(message, operation, "narrow the query, or raise row_limit of the connection")
    return table


def columns_of(database: Database, connection: "sa.Connection", statement: str, operation: str) -> list[str]:
    """The names of a statement's columns, without reading a row.

    Raises:
        ConfigurationError: the statement does not fit the database, or a column has no name or one twice.
    """
    raw: Any = connection.connection.cursor()
    try:
        raw.execute(_wrapped(statement, "WHERE 1 = 0") if _may_wrap(database, statement) else statement)
        return _checked(database, [entry[0] for entry in raw.description or ()])
    except _errors(connection) as error:
        raise database.place.error(error, operation) from None
    finally:
        raw.close()


def _may_wrap(database: Database, statement: str) -> bool:
    """Whether a query may stand in parentheses: not every engine lets one that is ordered or begins with WITH."""
    if database.engine_name in ("postgresql", "mysql", "sqlite"):
        return True
    return not has_order(statement) and not bare(statement).lstrip().upper().startswith("WITH")


def _wrapped(statement: str, clause: str, columns: str = "*") -> str:
    # The line ends keep a comment at the statement's end from swallowing what follows.
    # Statements come from the operator's declaration and go out under a login that cannot write.
    return f"SELECT {columns} FROM (\n{statement}\n) feed {clause}".rstrip()  # noqa: S608


def _checked(database: Database, names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or "" in names or twice:
        fault = f"the column {twice[0]} comes twice" if twice else "a column has no name"
        raise database.place.configuration(
            f"the query cannot be used: {fault}", "give every column a name of its own (AS)"
        )
    return [str(name) for name in names]


def _errors(connection: "sa.Connection") -> Any:
    return connection.dialect.loaded_dbapi.Error


def _read_rows(
    database: Database, connection: "sa.Connection", statement: str, row_limit: int, operation: str
) -> "pa.Table":
    import pyarrow as pa

    raw: Any = connection.connection
    try:
        cursor = raw.cursor(_streaming_cursor()) if connection.dialect.driver == "pymysql" else raw.cursor()
        cursor.execute(statement)
        names = _checked(database, [entry[0] for entry in cursor.description or ()])
        batches = [[text_column(values) for values in zip(*rows, strict=True)] for rows in _fetched(cursor, row_limit)]
    except (_errors(connection), UnicodeDecodeError) as error:
        connection.invalidate()
        raise _unreadable(database, error, operation) from None
    connection.invalidate()  # an unfinished stream is not worth draining, the connection ends here anyway
    columns = [pa.chunked_array([batch[i] for batch in batches], pa.string()) for i in range(len(names))]
    return pa.table(columns, names=names)


def _streaming_cursor() -> Any:
    from pymysql.cursors import SSCursor

    return SSCursor


def _fetched(cursor: Any, row_limit: int) -> Iterator[list[Any]]:
    left = row_limit + 1
    while left > 0 and (rows := cursor.fetchmany(min(BATCH_ROWS, left))):
        left -= len(rows)
        yield rows


def _unreadable(database: Database, error: BaseException, operation: str) -> S2SError:
    if isinstance(error, UnicodeDecodeError):
        message = "a text of the database is not in the encoding it declares"
        return database.place.data_error(message, operation, "mend the row, or convert the column in the query")
    return database.place.error(error, operation)


def _read_postgres(
    database: Database, connection: "sa.Connection", statement: str, row_limit: int, operation: str
) -> "pa.Table":
    import pyarrow as pa

    raw: Any = connection.connection.dbapi_connection
    try:
        raw.set_client_encoding("UTF8")
        with raw.cursor() as cursor:
            cursor.execute(_wrapped(statement, "LIMIT 0"))
            described = [(entry.name, entry.type_code) for entry in cursor.description]
            names = _checked(database, [name for name, _ in described])
            quoted = database.quoted(operation)
            columns = ", ".join(_as_text(quoted(name), oid) for name, oid in described)
            copy = f"COPY ({_wrapped(statement, f'LIMIT {row_limit + 1}', columns)}) TO STDOUT (FORMAT csv)"
            table = _parsed_while_copied(cursor, copy, names)
    except _errors(connection) as error:
        raise database.place.error(error, operation) from None
    except pa.ArrowInvalid as error:
        message = f"the database's answer cannot be cut into cells ({type(error).__name__})"
        raise database.place.data_error(message, operation, "see whether a cell is larger than 4 MiB") from None
    for i, (name, oid) in enumerate(described):
        if oid in _FLOATS:
            table = table.set_column(i, name, _each_chunk(table.column(i), number_text))
    return table


def _as_text(column: str, oid: int) -> str:
    if oid == _BYTEA:
        return f"encode({column}, 'hex')"
    return f"{column}::text" if oid in (_BOOL, _PADDED) else column


def _each_chunk(column: "pa.ChunkedArray", change: Any) -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([change(chunk) for chunk in column.chunks], pa.string())


def _parsed_while_copied(cursor: Any, copy: str, names: list[str]) -> "pa.Table":
    """Copy into a pipe in a thread while Arrow reads its other end: neither holds the whole text."""
    import pyarrow as pa
    from pyarrow import csv

    ends = os.pipe()
    reading, writing = os.fdopen(ends[0], "rb"), os.fdopen(ends[1], "wb", buffering=_BLOCK_BYTES)
    failure: list[BaseException] = []

    def write() -> None:
        try:
            with writing:
                cursor.copy_expert(copy, writing)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that asked
            failure.append(error)

    thread = threading.Thread(target=write, name="copy-from-postgres")
    thread.start()
    table = None
    try:
        with reading:
            # Block by block as it comes: quicker than all at once, because the server needs the other processor meanwhile.
            batches = csv.open_csv(
                reading,
                read_options=csv.ReadOptions(column_names=names, block_size=_BLOCK_BYTES),
                parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
            table = batches.read_all()
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            thread.join()
            raise
    finally:
        thread.join()
    if failure and not isinstance(failure[0], BrokenPipeError):
        raise failure[0]
    return table if table is not None else pa.table({name: pa.array([], pa.string()) for name in names})


def _read_odbc(database: Database, statement: str, row_limit: int, operation: str) -> "pa.Table":
    import arrow_odbc
    import pyarrow as pa

    inferred: list[pa.Schema] = []

    def wanted(schema: "pa.Schema") -> "pa.Schema":
        inferred.append(schema)
        _checked(database, schema.names)
        return pa.schema([pa.field(entry.name, _asked_of_odbc(entry.type)) for entry in schema])

    database.learn_engine(operation)
    try:
        connection = arrow_odbc.connect(
            database.odbc_text, autocommit=not database.session_statements(), login_timeout_sec=CONNECT_TIMEOUT_S
        )
        for fence in database.session_statements():
            connection.read_arrow_batches(fence)
        reader = connection.read_arrow_batches(
            statement,
            batch_size=BATCH_ROWS,
            max_bytes_per_batch=_ODBC_BYTES,
            max_text_size=CELL_LIMIT,
            max_binary_size=CELL_LIMIT,
            falliable_allocations=True,
            map_schema=wanted,
            query_timeout_sec=max(1, int(database.timeout_s)),
        )
        batches, rows = [], 0
        for batch in reader:
            batches.append(batch)
            rows += batch.num_rows
            if rows > row_limit:
                break
    except arrow_odbc.Error as error:
        raise database.place.error(error, operation) from None
    if not inferred:
        raise database.place.configuration("the statement brings no columns", "write one SELECT")
    table = pa.Table.from_batches(batches, wanted(inferred[0]))
    columns = [
        _each_chunk(column, _reading_of(field.type)) for column, field in zip(table.columns, inferred[0], strict=True)
    ]
    return pa.table(columns, names=table.column_names)


def _asked_of_odbc(type_: "pa.DataType") -> "pa.DataType":
    """The form in which a driver is asked for a column it calls ``type_``."""
    import pyarrow as pa

    if pa.types.is_temporal(type_):
        return type_  # drivers leave too little room for these as text
    # Of fixed size the reader ends the whole process when a value is shorter, so bytes are always asked for as they come.
    is_binary = pa.types.is_binary(type_) or pa.types.is_fixed_size_binary(type_) or pa.types.is_large_binary(type_)
    return pa.binary() if is_binary else pa.string()


def _reading_of(type_: "pa.DataType") -> Any:
    """How the text of a column is put right, by what the driver calls it."""
    import pyarrow as pa

    if pa.types.is_temporal(type_):
        return moment_text
    if _asked_of_odbc(type_) == pa.binary():
        return lambda column: text_column(column.to_pylist())
    if pa.types.is_boolean(type_):
        return boolean_text
    return number_text if pa.types.is_decimal(type_) or pa.types.is_floating(type_) else lambda column: column

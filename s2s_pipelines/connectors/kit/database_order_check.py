"""Finds out, without writing, whether the declared order tables can take documents exactly once."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from s2s_pipelines.connectors.kit.database_connection import Database
from s2s_pipelines.connectors.kit.database_order import OrderTables
from s2s_pipelines.connectors.kit.database_order_map import OrderMap
from s2s_pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy as sa

_CHECK = "check the order tables"


def check_order_tables(database: Database, tables: OrderTables, columns: OrderMap, reference_length: int) -> None:
    """Columns are there, a reference fits and can stand there only once, and a transaction can be undone.

    Raises:
        ConfigurationError: the first thing that is not so, with what to do.
    """
    header = [tables.reference, tables.number, tables.key, *([tables.raised_at] if tables.raised_at else [])]
    wanted = (
        (tables.header, [*header, *columns.header, *tables.header_constants]),
        (tables.line, [tables.parent, *columns.line, *tables.line_constants]),
    )
    with database.opened(_CHECK) as connection:
        for table, names in wanted:
            _check_columns(database, connection, table, list(dict.fromkeys(names)))
        _check_reference(database, connection, tables, reference_length)
        _check_transactions(database, connection, (tables.header, tables.line))


def _check_columns(database: Database, connection: "sa.Connection", table: str, names: Sequence[str]) -> None:
    raw: Any = connection.connection.cursor()
    quoted = database.quoted(_CHECK)
    # Without the table's name before it SQLite takes a quoted column that is not there for a text.
    listed = ", ".join(f"t.{quoted(name)}" for name in names)
    place = ".".join(map(quoted, table.split(".")))
    try:
        raw.execute(f"SELECT {listed} FROM {place} t WHERE 1 = 0")  # noqa: S608 - quoted
    except connection.dialect.loaded_dbapi.Error as error:
        raise database.place.error(error, f"{_CHECK}: {table}") from None
    finally:
        raw.close()


def _check_reference(database: Database, connection: "sa.Connection", tables: OrderTables, length: int) -> None:
    unique, limit = (_told_by_odbc if database.is_odbc else _told_by_catalogue)(connection, tables)
    if [tables.reference.lower()] not in unique:
        raise _fault(
            database,
            f"nothing keeps {tables.header}.{tables.reference} unique, so one order could become two documents",
            f"CREATE UNIQUE INDEX {tables.reference}_once ON {tables.header} ({tables.reference})",
        )
    if limit and limit < length and database.engine_name != "sqlite":
        raise _fault(
            database,
            f"{tables.header}.{tables.reference} holds {limit} characters, our references have up to {length}",
            f"make the column {length} characters long",
        )


def _told_by_catalogue(connection: "sa.Connection", tables: OrderTables) -> tuple[list[list[str]], int]:
    """Columns of each unique key, and the length of the reference column, as the engine's own catalogue tells."""
    import sqlalchemy as sa

    schema, _, table = tables.header.rpartition(".")
    inspector: Any = sa.inspect(connection)
    keys: list[Any] = [inspector.get_pk_constraint(table, schema or None).get("constrained_columns")]
    keys += [entry["column_names"] for entry in inspector.get_unique_constraints(table, schema or None)]
    keys += [entry["column_names"] for entry in inspector.get_indexes(table, schema or None) if _is_whole(entry)]
    lengths = [
        getattr(entry["type"], "length", None)
        for entry in inspector.get_columns(table, schema or None)
        if entry["name"].lower() == tables.reference.lower()
    ]
    return [_lower(key) for key in keys if key], next((int(n) for n in lengths if n), 0)


def _is_whole(index: Any) -> bool:
    """A unique index on plain columns of all rows; a partial one lets the others double."""
    partial = [
        key for key, value in index.get("dialect_options", {}).items() if key.endswith("_where") and value is not None
    ]
    return bool(index.get("unique")) and not partial and None not in index["column_names"]


def _told_by_odbc(connection: "sa.Connection", tables: OrderTables) -> tuple[list[list[str]], int]:
    raw: Any = connection.connection.dbapi_connection
    schema, _, table = tables.header.rpartition(".")
    place = {"schema": schema} if schema else {}
    cursor = raw.cursor()
    keys: dict[str, list[str]] = {}
    for row in cursor.statistics(table, unique=True, **place).fetchall():
        if row[8] and not row[12]:  # column name; filter condition of a partial index
            keys.setdefault(str(row[5]), []).append(str(row[8]))
    for row in cursor.primaryKeys(table, **place).fetchall():
        keys.setdefault("primary key", []).append(str(row[3]))
    sizes = [row[6] for row in cursor.columns(table, column=tables.reference, **place).fetchall()]
    cursor.close()
    return [_lower(key) for key in keys.values()], next((int(size) for size in sizes if size), 0)


def _lower(names: Iterable[str]) -> list[str]:
    return [str(name).lower() for name in names]


def _check_transactions(database: Database, connection: "sa.Connection", names: Iterable[str]) -> None:
    if database.is_odbc and not getattr(connection.dialect, "has_transactions", True):
        raise _fault(
            database,
            "the ODBC driver knows no transactions, so half a document could stay behind",
            "raise orders another way",
        )
    if database.engine_name != "mysql":
        return
    query = (
        "SELECT t.engine FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine "
        "WHERE e.transactions <> 'YES' AND t.table_name = {name} AND t.table_schema = {schema}"
    )
    for name in names:
        schema, _, table = name.rpartition(".")
        found = connection.exec_driver_sql(
            query.format(name=_text(table), schema=_text(schema) if schema else "DATABASE()")
        ).fetchall()
        if found:
            raise _fault(
                database,
                f"the table {name} is of the engine {found[0][0]}, which knows no transactions",
                f"ALTER TABLE {name} ENGINE=InnoDB",
            )


def _text(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "''").replace("%", "%%") + "'"


def _fault(database: Database, message: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(
        message, client=database.client, connection=database.connection, operation=_CHECK, next_step=next_step
    )

"""Rows of our tables in a form that every database takes back as it was: JSON, times and amounts as the text they are kept as."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from s2s_pipelines.storage.schema import Instant, Money

RawRow = list[Any]
"""Values in the order of the table's columns: text, numbers, booleans and nulls."""

_BATCH = 2_000


def read_rows(connection: sa.Connection, table: sa.Table, *, batch: int = _BATCH) -> Iterator[list[RawRow]]:
    """All rows of a table by its primary key, in batches; within the caller's transaction."""
    keys = [_plainly(column, connection.dialect.name) for column in table.primary_key.columns]
    query = sa.select(*(_as_text(column) for column in table.columns)).order_by(*keys)
    with connection.execute(query, execution_options={"yield_per": batch}) as found:
        for rows in found.partitions():
            yield [list(row) for row in rows]


def insert_rows(connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[RawRow]) -> None:
    """Insert rows as ``read_rows`` gave them; a column that is not named takes its default."""
    dialect = connection.dialect.name
    values = {name: _bound(table.c[name], f"v_{name}", dialect) for name in columns}
    given = [{f"v_{name}": value for name, value in zip(columns, row, strict=True)} for row in rows]
    if given:
        connection.execute(sa.insert(table).values(values), given)


def continue_ids(connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
    """Let numbers go on after the highest that was inserted; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        column = table.autoincrement_column
        if column is None:
            continue
        name = sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name)
        highest = connection.execute(sa.select(sa.func.max(column))).scalar()
        # Without any row the first number is still to be given.
        connection.execute(sa.select(sa.func.setval(name, highest or 1, highest is not None)))


def _plainly(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    """Texts by their bytes, as SQLite orders them, whatever language the database speaks."""
    is_text = isinstance(column.type, sa.String)
    return sa.collate(column, "C") if is_text and dialect == "postgresql" else column


def _as_text(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text).label(column.name)
    if isinstance(column.type, Instant | Money):
        return sa.type_coerce(column, sa.String).label(column.name)
    return column


def _bound(column: sa.Column[Any], name: str, dialect: str) -> sa.ColumnElement[Any]:
    if isinstance(column.type, sa.JSON):
        text: sa.ColumnElement[Any] = sa.bindparam(name, type_=sa.Text())
        return sa.cast(text, sa.JSON()) if dialect == "postgresql" else text
    if isinstance(column.type, Instant | Money):
        return sa.bindparam(name, type_=sa.String())
    return sa.bindparam(name, type_=column.type)

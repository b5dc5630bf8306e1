"""Writes documents into two declared tables: looked up first, header and lines in one transaction, once per reference.

The database numbers its documents: the number column is an identity, a sequence, a default, a generated column or a trigger's
work, and is read back in the same transaction. Where an ERP keeps no number of its own, name the reference column as number. We
never make numbers up.

What a failure means, by when it comes:

* before the commit was sent: certainly not written; the open transaction is rolled back by whoever is left.
* a unique reference is there already: somebody was quicker; what stands there is read and returned.
* while the commit was on its way: unknown, unless the database says that it refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from s2s_pipelines.connectors.kit.database import Fault, fault_of, symptom_of
from s2s_pipelines.connectors.kit.database_connection import Database
from s2s_pipelines.connectors.kit.database_order_map import OrderMap
from s2s_pipelines.connectors.kit.text import plain
from s2s_pipelines.errors import OrderRejected, S2SError, UncertainOutcomeError
from s2s_pipelines.model.order import Document, Receipt

if TYPE_CHECKING:
    import sqlalchemy as sa

_LOOK, _RAISE = "look up a document", "raise a document"
_NOT_COMMITTED = ("40001", "40P01", "1205", "1213")
"""Codes with which an engine answers a commit that it undid: serialisation and deadlocks."""


@dataclass(frozen=True, slots=True)
class OrderTables:
    """Where documents go.

    Attributes:
        header, line: tables, ``schema.table`` too.
        reference: the header's unique column of our external reference.
        number: the header's column with the ERP's own number.
        key: the header's column that lines refer to.
        parent: the line's column that refers to it.
        raised_at: the header's column that tells when it was written, if any.
        header_constants, line_constants: columns that get the same text in every document.
    """

    header: str
    reference: str
    number: str
    key: str
    line: str
    parent: str
    raised_at: str | None
    header_constants: Mapping[str, str]
    line_constants: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A header as it stands in the target."""

    reference: str
    key: object
    number: str
    raised_at: datetime | None


class OrderDesk:
    """Finds and raises documents.

    Args:
        reading, writing: the same database under the same login, fenced and not.
        tables, columns: where everything goes.
        timezone: IANA name in which naive times of the database are read.
    """

    def __init__(
        self, reading: Database, writing: Database, tables: OrderTables, columns: OrderMap, timezone: str
    ) -> None:
        self.reading, self.writing = reading, writing
        self.tables, self.columns = tables, columns
        self._zone = ZoneInfo(timezone)

    def find(self, reference: str) -> Receipt | None:
        """See `OrderSink.find`."""
        import sqlalchemy as sa

        with self.reading.opened(_LOOK) as connection:
            try:
                return self._receipt(connection, reference, was_found=True)
            except sa.exc.SQLAlchemyError as error:
                raise self.reading.place.error(error, _LOOK).located(reference=reference) from None

    def raise_order(self, document: Document) -> Receipt:
        """See `OrderSink.raise_order`."""
        import sqlalchemy as sa

        reference = document.reference
        if self.writing.locks_late:
            standing = self.find(reference)
            if standing is not None:
                return standing
        try:
            with self.writing.opened(_RAISE) as connection:
                standing = None if self.writing.locks_late else self._receipt(connection, reference, was_found=True)
                if standing is not None:
                    return standing
                self._write(connection, document)
                receipt = self._written(connection, reference)
                self._commit(connection, reference)
                return receipt
        except sa.exc.SQLAlchemyError as error:
            if self._fault(error) is Fault.DUPLICATE:
                standing = self.find(reference)
                if standing is not None:
                    return standing
            raise self.writing.place.write_error(error, _RAISE, reference) from None
        except S2SError as error:
            raise error.located(operation=_RAISE, reference=reference) from None

    def _fault(self, error: BaseException) -> Fault:
        return fault_of(symptom_of(error, self.writing.engine_name))

    def _write(self, connection: "sa.Connection", document: Document) -> None:
        header = {
            **self.tables.header_constants,
            **self.columns.header_values(document),
            self.tables.reference: document.reference,
        }
        self._insert(connection, self.tables.header, [header])
        standing = self._look(connection, document.reference)
        if len(standing) != 1:
            raise self._rejected(
                document.reference, "reference_not_kept", "the target did not keep our reference as it was sent"
            )
        lines = [
            {
                **self.tables.line_constants,
                **self.columns.line_values(document, line),
                self.tables.parent: standing[0].key,
            }
            for line in document.lines
        ]
        self._insert(connection, self.tables.line, lines)

    def _insert(self, connection: "sa.Connection", table: str, rows: Sequence[Mapping[str, object]]) -> None:
        import sqlalchemy as sa

        binds = [{f"c{i}": self._bindable(v) for i, v in enumerate(row.values())} for row in rows]
        target = _table(table, rows[0])
        values: dict[Any, Any] = {target.c[name]: sa.bindparam(f"c{i}") for i, name in enumerate(rows[0])}
        for row in binds:  # a document has few lines; drivers differ in what many rows at once may hold
            connection.execute(sa.insert(target).values(values), row)

    def _bindable(self, value: object) -> object:
        """SQLite has neither decimals nor dates; plain text keeps every digit there."""
        if self.writing.engine_name == "sqlite" and isinstance(value, Decimal | date):
            return plain(value)
        return value

    def _look(self, connection: "sa.Connection", reference: str) -> list[_Standing]:
        """The headers under exactly this reference; collations that ignore case or blanks show more than that."""
        import sqlalchemy as sa

        tables = self.tables
        names = [tables.reference, tables.key, tables.number, *([tables.raised_at] if tables.raised_at else [])]
        header = _table(tables.header, dict.fromkeys(names))
        columns: list[Any] = [header.c[name] for name in names]
        if len(columns) > 3 and self.reading.engine_name == "postgresql":
            columns[3] = sa.cast(columns[3], sa.Text)  # as text it keeps its zone, which psqlodbc drops
        query = sa.select(*(column.label(f"c{i}") for i, column in enumerate(columns)))
        rows = connection.execute(query.where(header.c[tables.reference] == sa.bindparam("ref")), {"ref": reference})
        return [
            _Standing(reference, row[1], (plain(row[2]) or "").strip(), self._moment(row[3] if len(row) > 3 else None))
            for row in rows.fetchall()
            if (plain(row[0]) or "").rstrip(" ") == reference
        ]

    def _receipt(self, connection: "sa.Connection", reference: str, *, was_found: bool) -> Receipt | None:
        standing = self._look(connection, reference)
        if not standing:
            return None
        if len(standing) > 1:
            raise self._rejected(
                reference,
                "reference_twice",
                f"{len(standing)} documents stand under this reference",
                "see in the ERP which one is right, take our reference off the others, then release the order",
            )
        found = standing[0]
        return Receipt(
            reference=reference,
            source_order_code=found.number,
            total=self._total(connection, found.key),
            raised_at=found.raised_at or datetime.now(UTC),
            was_found=was_found,
        )

    def _written(self, connection: "sa.Connection", reference: str) -> Receipt:
        receipt = self._receipt(connection, reference, was_found=False)
        if receipt is None or not receipt.source_order_code:
            raise self._rejected(
                reference,
                "no_number",
                f"the target gave the document no number in {self.tables.number}",
                "let the database fill that column, or declare the reference column as number",
            )
        return receipt

    def _total(self, connection: "sa.Connection", key: object) -> Decimal | None:
        """The document's total as the target holds it: the header's, else the sum of its lines."""
        header_column = self.columns.column_of(self.columns.header, "total")
        if header_column:
            return self._sum(connection, self.tables.header, self.tables.key, key, [header_column])
        whole = self.columns.column_of(self.columns.line, "line_item.total")
        parts = [self.columns.column_of(self.columns.line, f"line_item.{part}") for part in ("net", "tax")]
        names = [whole] if whole else [part for part in parts if part]
        if not whole and len(names) < 2:
            return None
        return self._sum(connection, self.tables.line, self.tables.parent, key, names)

    def _sum(
        self, connection: "sa.Connection", table: str, key_name: str, key: object, names: Sequence[str]
    ) -> Decimal | None:
        import sqlalchemy as sa

        target = _table(table, dict.fromkeys([*names, key_name]))
        query = sa.select(*(target.c[name].label(f"c{i}") for i, name in enumerate(names)))
        rows = connection.execute(query.where(target.c[key_name] == sa.bindparam("k")), {"k": key}).fetchall()
        try:
            return sum((Decimal(plain(cell) or "") for row in rows for cell in row), Decimal(0))
        except InvalidOperation:
            return None

    def _commit(self, connection: "sa.Connection", reference: str) -> None:
        import sqlalchemy as sa

        try:
            connection.commit()
        except sa.exc.SQLAlchemyError as error:
            symptom = symptom_of(error, self.writing.engine_name)
            if fault_of(symptom) in (Fault.REFUSED, Fault.DUPLICATE, Fault.DATA):
                raise
            if symptom.code in _NOT_COMMITTED or symptom.code.startswith("SQLITE_BUSY"):
                raise self.writing.place.transient("the database undid the document", _RAISE) from None
            raise UncertainOutcomeError(
                "the document was sent, and the answer to the commit never came",
                operation=_RAISE,
                reference=reference,
                next_step="it is looked up by its reference before anything else",
                **self._where(),
            ) from None

    def _where(self) -> dict[str, str]:
        return {"client": self.writing.client, "connection": self.writing.connection}

    def _rejected(self, reference: str, reason: str, message: str, next_step: str | None = None) -> OrderRejected:
        return OrderRejected(
            message,
            reason=reason,
            reference=reference,
            operation=_RAISE,
            next_step=next_step or "see the column's length and rules in the ERP's table",
            **self._where(),
        )

    def _moment(self, value: object) -> datetime | None:
        """The target's own time of writing; naive ones are in the client's zone, dates alone tell too little."""
        moment: Any = value
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value.strip())
            except ValueError:
                return None
        if not isinstance(moment, datetime):
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)


def _table(name: str, columns: Mapping[str, object]) -> "sa.TableClause":
    """A table by its declared name, quoted exactly as declared."""
    import sqlalchemy as sa

    schema, _, table = name.rpartition(".")
    exact = sa.sql.quoted_name
    return sa.table(
        exact(table, True),
        *(sa.column(exact(column, True)) for column in columns),
        schema=exact(schema, True) if schema else None,
    )

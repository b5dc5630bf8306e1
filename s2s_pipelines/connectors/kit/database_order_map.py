"""Which part of a document goes into which column of the declared header and line tables. Pure.

The client's orders field map says it: ``column`` is ``header.<column>`` or ``line.<column>``, ``target`` a name of the order
vocabulary. Fields of the whole order may go to either table, fields of a line to the line table only. Empty codes are written
as null (an empty code would break a foreign key), other empty text as empty text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from operator import attrgetter

from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import FieldRow, Level, ValueType, find_target
from s2s_pipelines.model.money import PRICE_STEP
from s2s_pipelines.model.order import Document, DocumentLine

_ADDRESS = ("first_name", "last_name", "company", "address1", "address2", "city", "province", "country_code", "zip")

_ORDER: Mapping[str, Callable[[Document], object]] = {
    "external_reference": lambda d: d.reference,
    "source_customer_code": lambda d: d.source_customer_code,
    "date": lambda d: d.date_on,
    "document_kind": lambda d: d.kind,
    "channel": lambda d: d.channel,
    "channel_order_code": lambda d: d.channel_order_code,
    "order_number": lambda d: d.order_number,
    "currency": lambda d: d.currency,
    "net_total": lambda d: d.net_total,
    "tax_total": lambda d: d.tax_total,
    "total": lambda d: d.total,
    "notes": lambda d: d.notes,
    "customer.email": lambda d: d.email,
    "customer.phone": lambda d: d.phone,
    **{f"billing.{name}": attrgetter(f"billing.{name}") for name in _ADDRESS},
    **{f"shipping.{name}": attrgetter(f"shipping.{name}") for name in _ADDRESS},
}
_LINE: Mapping[str, Callable[[DocumentLine], object]] = {
    "line_item.number": lambda line: line.number,
    "line_item.kind": lambda line: line.kind,
    "line_item.sku": lambda line: line.sku,
    "line_item.source_variant_code": lambda line: line.source_variant_code,
    "line_item.title": lambda line: line.title,
    "line_item.qty": lambda line: line.qty,
    "line_item.price": lambda line: _unit(line.price_excl, line.net, line.qty),
    "line_item.price_incl": lambda line: _unit(line.price_incl, line.total, line.qty),
    "line_item.net": lambda line: line.net,
    "line_item.tax": lambda line: line.tax,
    "line_item.total": lambda line: line.total,
    "line_item.tax_code": lambda line: line.tax_code,
}


@dataclass(frozen=True, slots=True)
class OrderMap:
    """Columns and the targets that fill them, per table.

    Attributes:
        header: column -> target of the order.
        line: column -> target of the order or of the line.
    """

    header: Mapping[str, str]
    line: Mapping[str, str]

    def header_values(self, document: Document) -> dict[str, object]:
        """One header row."""
        return {column: _value(target, document, None) for column, target in self.header.items()}

    def line_values(self, document: Document, line: DocumentLine) -> dict[str, object]:
        """One line row, without the link to its header."""
        return {column: _value(target, document, line) for column, target in self.line.items()}

    def column_of(self, table: Mapping[str, str], target: str) -> str | None:
        """The column that a target fills, if the map has it."""
        return next((column for column, name in table.items() if name == target), None)


def order_map(rows: Sequence[FieldRow]) -> OrderMap:
    """Read the orders rows of a field map.

    Raises:
        ConfigurationError: a row does not say header or line, or names what cannot be written there.
    """
    tables: dict[str, dict[str, str]] = {"header": {}, "line": {}}
    for row in rows:
        table, _, column = (row.column or "").partition(".")
        if table not in tables or not column or row.constant is not None:
            raise _fault(row, "does not name one column of the ERP", "write header.<column> or line.<column>")
        if row.transform:
            raise _fault(
                row, f"asks for the transform {row.transform}", "an orders row is written as it is; take it out"
            )
        target = find_target(row.target)
        if target is None or (row.target not in _ORDER and row.target not in _LINE):
            raise _fault(row, "is not a field of an order", "use a name of the vocabulary for orders")
        if table == "header" and target.level is Level.LINE:
            raise _fault(row, "belongs to a line", f"write line.{column}")
        tables[table][column] = row.target
    if not tables["header"] or not tables["line"]:
        raise ConfigurationError(
            "the field map says nothing about orders for the header or the line table",
            next_step="add orders rows with header.<column> and line.<column> to the source's field map",
        )
    return OrderMap(tables["header"], tables["line"])


def _fault(row: FieldRow, what: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(f"the orders row {row.target} {what}", next_step=next_step)


def _value(name: str, document: Document, line: DocumentLine | None) -> object:
    value = _LINE[name](line) if line is not None and name in _LINE else _ORDER[name](document)
    if not isinstance(value, str):
        return value
    target = find_target(name)
    if not value and target is not None and target.type is ValueType.CODE:
        return None
    # What no text column of any engine can hold is not worth losing the order for.
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _unit(price: Decimal | None, amount: Decimal, qty: int) -> Decimal:
    if price is not None:
        return price
    return (amount / qty if qty else amount).quantize(PRICE_STEP, rounding=ROUND_HALF_UP)

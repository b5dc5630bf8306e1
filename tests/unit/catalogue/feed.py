"""Small extracts and maps for the tests of this folder."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from s2s_pipelines.catalogue.mapping import Mapped, map_extract
from s2s_pipelines.catalogue.overlay import fold
from s2s_pipelines.catalogue.policy import NumberFormat, Terms
from s2s_pipelines.model.field import FieldRow
from s2s_pipelines.ports import Extract

POINT, INCL = NumberFormat(), Terms()
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 13, tzinfo=UTC)

FULL = {
    "source_product_code": "Prod",
    "source_variant_code": "SKU",
    "variants.sku": "SKU",
    "title": "WebName",
    "product_active": "Web",
    "variants.qty": "qty",
    "variants.retail_price": "price",
    "variants.inventory_management": "=true",
}
"""The trade's minimum map, corrected (domain research, section 16)."""


def field_rows(targets: Mapping[str, str], feed: str = "products") -> list[FieldRow]:
    """Rows of a map from target to ``column``, ``=constant`` or ``column|transform``."""
    rows = []
    for target, source in targets.items():
        column, _, transform = source.partition("|")
        is_constant = column.startswith("=")
        rows.append(
            FieldRow(
                feed, target, None if is_constant else column, column[1:] if is_constant else None, transform or None
            )
        )
    return rows


def extract(columns: Mapping[str, Sequence[str | None]], *, feed: str = "products", rows=None, **more) -> Extract:
    """An extract whose rows are numbered from 2, as a file with a header line has them."""
    table = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    numbers = rows if rows is not None else range(2, table.num_rows + 2)
    more = {"is_complete": True, "fingerprint": "f", "read_at": NOON, **more}
    return Extract(feed, table, pa.array(numbers, pa.int64()), **more)


def goods(*lines: str, columns: str = "Prod,SKU,WebName,Web,qty,price") -> dict[str, list[str]]:
    """Columns from lines of cells divided by bars; outer blanks of a cell are kept out."""
    names = columns.split(",")
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {name: [row[at] for row in cells] for at, name in enumerate(names)}


def mapped(
    columns: Mapping[str, Sequence[str | None]],
    targets: Mapping[str, str] = FULL,
    *,
    feed: str = "products",
    rows=None,
    ignore=(),
    numbers=POINT,
    basis="incl",
    terms=INCL,
    unowned=(),
    **more,
) -> Mapped:
    """``map_extract`` over a few cells, with the sum of its parts checked every time."""
    result = map_extract(
        extract(columns, feed=feed, rows=rows, **more),
        fields=field_rows(targets, feed),
        ignore=ignore,
        numbers=numbers,
        basis=basis,
        terms=terms,
        unowned=unowned,
    )
    assert result.rows_in == result.table.num_rows + result.rejected.num_rows + result.ignored.num_rows
    assert {r.row for r in result.rejects} == set(result.rejected["_row"].to_pylist())
    return result


def reasons(result: Mapped) -> list[tuple[int, str, str]]:
    """Row, field and reason of every reject."""
    return [(r.row, r.field, r.reason) for r in result.rejects]


def snapshot(columns, targets=FULL, *, read_at=NOON, **more) -> pa.Table:
    """A source snapshot made of a few cells, none of which may be rejected."""
    result = mapped(columns, targets, **more)
    assert result.rejects == (), result.rejects
    return fold(None, result.table, read_at=read_at, is_complete=True)

"""Follows a value of the merged catalogue back to the cell it was read from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from s2s_pipelines.catalogue.column import IMAGES, READ_AT, ROW, target_of
from s2s_pipelines.cycle.client_plan import ClientPlan
from s2s_pipelines.cycle.port import CatalogueStore, Snapshot
from s2s_pipelines.errors import DataError
from s2s_pipelines.model.field import FieldRow

if TYPE_CHECKING:
    import pyarrow as pa

_SEARCHED = 200
"""Snapshots of a feed that are searched for the read a row came from."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a value was read.

    Attributes:
        row: the source's own row number; None for a quantity that was zeroed because its row was absent.
        column: the source's column; None where the map gives a constant.
        raw: the cell's text as the source had it; None for a null, a constant, or where it is no longer kept.
        is_kept: whether the read itself is still kept.
    """

    source: str
    feed: str
    row: int | None
    read_at: datetime
    column: str | None
    raw: str | None
    is_kept: bool


def origin(
    plan: ClientPlan,
    store: CatalogueStore,
    inputs: Mapping[str, Snapshot],
    family: Sequence[Mapping[str, Any]],
    sku: str,
    column: str,
) -> list[Cell]:
    """The cells behind one value: one for most fields, several for images.

    Args:
        plan: the client, for its field maps.
        store: where snapshots are kept.
        inputs: the snapshots the catalogue was made from, by ``<source>/<feed>``.
        family: rows of the merged catalogue of one product; its variants share product level values.
        sku: the variant asked about.
        column: the frame's column.
    """
    own = next(row for row in family if row["sku"] == sku)
    label = own.get(f"_from.{column}")
    if label is None or label not in inputs:
        return []
    source, feed = label.split("/", 1)
    row = _speaker(store, inputs[label], family, own, label, column)
    number, read_at = row.get(f"{ROW}.{label}"), row.get(f"{READ_AT}.{label}")
    if read_at is None:
        return []
    raw = _raw_row(store, inputs[label], number, read_at)
    declared = plan.source(source)
    rows = [] if declared is None else [f for f in declared.fields if f.feed == feed and _writes(f, column)]
    found = [f.column for f in rows] or [None]
    texts = {name: None if raw is None or name is None else raw.get(name) for name in found}
    cells = [Cell(source, feed, number, read_at, name, texts[name], raw is not None) for name in found]
    return [c for c in cells if c.raw] or cells[:1]


def _writes(row: FieldRow, column: str) -> bool:
    if row.target == "csv_price_tiers":
        return column.startswith("price_")
    is_image = column == IMAGES and row.target.startswith("image") and row.target.removeprefix("image").isdecimal()
    return is_image or (column != IMAGES and row.target == target_of(column).name)


def _speaker(
    store: CatalogueStore,
    snapshot: Snapshot,
    family: Sequence[Mapping[str, Any]],
    own: Mapping[str, Any],
    label: str,
    column: str,
) -> Mapping[str, Any]:
    """The variant whose row has the value: a product level value may have come by way of a sibling."""
    table = store.read(snapshot, columns=[ROW, READ_AT, column])
    if column not in table.column_names:
        return own
    import pyarrow as pa
    import pyarrow.compute as pc

    candidates = [own, *(row for row in sorted(family, key=lambda r: str(r["sku"])) if row is not own)]
    numbers = [row.get(f"{ROW}.{label}") for row in candidates]
    near = table.filter(pc.is_in(table[ROW], value_set=pa.array([n for n in numbers if n is not None], pa.int64())))
    having = {(r[ROW], r[READ_AT]) for r in near.to_pylist() if r[column] not in (None, [])}
    for row, number in zip(candidates, numbers, strict=True):
        if (number, row.get(f"{READ_AT}.{label}")) in having:
            return row
    return own


def _raw_row(
    store: CatalogueStore, snapshot: Snapshot, number: int | None, read_at: datetime
) -> Mapping[str, str | None] | None:
    """The source's row as it was read, if that read is still kept."""
    import pyarrow.compute as pc

    if number is None:
        return None
    for kept in [snapshot, *store.history(snapshot.client, snapshot.name, _SEARCHED)]:
        if kept.details.get("first_read_at") != read_at.isoformat() or "raw" not in kept.details["parts"]:
            continue
        try:
            raw: pa.Table = store.read(kept, "raw")
        except DataError:
            return None
        rows = raw.filter(pc.equal(raw[ROW], number)).to_pylist()
        return rows[0] if rows else None
    return None

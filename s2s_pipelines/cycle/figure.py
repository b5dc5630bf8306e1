"""Since when the figures of a catalogue can be trusted to know of orders: the moments that ``catalogue.flight`` decides by.

A figure is as new as the read that gave it. Where a later full read found the very same content, it is as new as that one, but
only for rows that were in the content: a row that a source stopped mentioning was not confirmed by anybody.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.flight import Figure
from s2s_pipelines.cycle.catalogue_merge import delivered_at
from s2s_pipelines.cycle.port import CatalogueStore, Snapshot
from s2s_pipelines.ports import OpenQuantity

if TYPE_CHECKING:
    import pyarrow as pa

OpenOrders = Callable[[datetime | None], Sequence[OpenQuantity]]
"""Open quantities of one client; those whose document was raised at or before the given moment may be left out."""

Inputs = Mapping[str, Snapshot]


def inputs_of(store: CatalogueStore, catalogue: Snapshot) -> Inputs:
    """The snapshots a catalogue was made from, by ``<source>/<feed>``, with what was learnt of them since."""
    ids: Mapping[str, int] = catalogue.details["inputs"]
    found = store.find(catalogue.client, list(ids.values()))
    return {label: found[number] for label, number in ids.items() if number in found}


def figures_of(rows: "pa.Table", column: str, inputs: Inputs, skus: Collection[str]) -> Mapping[str, Figure]:
    """The figures of some skus.

    Args:
        rows: the merged catalogue.
        column: its column that holds the quantity, ``qty`` or ``qty_<warehouse>``.
        inputs: see ``inputs_of``.
        skus: skus that are asked for; those without a quantity have no figure.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not skus or f"_from.{column}" not in rows.column_names:
        return {}
    times = [name for name in rows.column_names if name.startswith("_read_at.")]
    asked = rows.filter(pc.is_in(rows["sku"], value_set=pa.array(sorted(skus), pa.string())))
    figures = {}
    for row in asked.select(["sku", "source", f"_from.{column}", *times]).to_pylist():
        label = row[f"_from.{column}"]
        first = row.get(f"_read_at.{label}") if label else None
        if first is not None and label in inputs:
            figures[row["sku"]] = _figure(row["source"], label, first, inputs[label])
    return figures


def _figure(source: str, label: str, first: datetime, snapshot: Snapshot) -> Figure:
    owner = label.split("/", 1)[0]
    # What an incremental read brought was delivered when it was read; a file has a moment of its own.
    delivered = delivered_at(snapshot) if owner != source and snapshot.is_complete else None
    return Figure(source, owner, confirmed_at(first, snapshot), delivered)


def confirmed_at(first: datetime, snapshot: Snapshot) -> datetime:
    """When a row that was read at ``first`` was last read or confirmed."""
    confirmed, made = snapshot.details.get("confirmed_at"), snapshot.details.get("made_at")
    if confirmed is None or made is None or first < datetime.fromisoformat(made):
        return first
    return max(first, datetime.fromisoformat(confirmed))


def known_until(rows: "pa.Table", column: str, inputs: Inputs) -> datetime | None:
    """A moment such that every figure knows of documents raised up to it; None when that cannot be said."""
    import pyarrow.compute as pc

    if f"_from.{column}" not in rows.column_names:
        return None
    bounds = []
    for label in pc.unique(rows[f"_from.{column}"].cast("string")).to_pylist():
        if label is None:
            continue
        own = rows.filter(pc.equal(rows[f"_from.{column}"].cast("string"), label))
        first = pc.min(own[f"_read_at.{label}"]).as_py()
        if first is None or label not in inputs:
            return None
        snapshot = inputs[label]
        bounds.append(confirmed_at(first, snapshot))
        if pc.any(pc.not_equal(own["source"], label.split("/", 1)[0])).as_py():
            bounds.append(delivered_at(snapshot))
    return min(bounds) - timedelta(microseconds=1) if bounds else None

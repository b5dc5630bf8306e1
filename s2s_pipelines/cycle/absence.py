"""Why the catalogue does not know a sku: it was ignored, rejected, or never read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s2s_pipelines.cycle.client_plan import ClientPlan
from s2s_pipelines.cycle.port import CATALOGUE, CatalogueStore, Snapshot, feed_name

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Absence:
    """Why something is not there, and what a person can do."""

    reason: str
    message: str
    remedy: str


def why_unknown(plan: ClientPlan, store: CatalogueStore, sku: str) -> Absence:
    """The one reason why no primary source's products hold a sku."""
    for source, snapshot in _products(plan, store):
        for row in _of(store, snapshot, "rejects", sku):
            where = f"{source}/products row {row['row']}"
            message = f"{where}, field {row['field']}: {row['reason']}: {row['message']} Value: {row['value']!r}"
            return Absence("rejected", message, row["remedy"] or "")
    for source, snapshot in _products(plan, store):
        for row in _of(store, snapshot, "ignored", sku):
            told = f"{source}/products row {row['_row']} says ignore, or nothing"
            return Absence("ignored", told, "set the item's switch to active")
    return Absence("never_read", f"no primary source delivered it{_elsewhere(plan, store, sku)}", _NEVER)


_NEVER = "add the item to a primary source; linked sources never create any"


def _products(plan: ClientPlan, store: CatalogueStore) -> Iterator[tuple[str, Snapshot]]:
    """The newest reads of primary products, those that were refused included."""
    for source in plan.sources:
        if source.role == "primary":
            for snapshot in store.history(plan.client, feed_name(source.source, "products"), 2):
                yield source.source, snapshot


def _of(store: CatalogueStore, snapshot: Snapshot, part: str, sku: str) -> list[dict[str, Any]]:
    if part not in snapshot.details["parts"]:
        return []
    table: pa.Table = store.read(snapshot, part, skus=[sku])
    return list(table.to_pylist())


def _elsewhere(plan: ClientPlan, store: CatalogueStore, sku: str) -> str:
    """Feeds that mention the sku although no product answers to it."""
    import pyarrow.compute as pc

    catalogue = store.current(plan.client, CATALOGUE)
    if catalogue is None:
        return "; there is no catalogue yet"
    unmatched = store.read(catalogue, "unmatched")
    rows = unmatched.filter(pc.equal(unmatched["key"], sku)).to_pylist()
    named = ", ".join(f"{row['source']}/{row['feed']} row {row['_row']}" for row in rows[:5])
    return f"; it is mentioned by {named}" if named else ""

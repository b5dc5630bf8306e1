"""Merges the snapshots of a client's sources into its catalogue, when any of them changed or a source became overdue."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, cast

from s2s_pipelines import __version__
from s2s_pipelines.catalogue.merge import SourceFrames, merge
from s2s_pipelines.cycle.client_plan import ClientPlan, SourcePlan
from s2s_pipelines.cycle.feed_read import Fault, content_fingerprint
from s2s_pipelines.cycle.port import CATALOGUE, CatalogueStore, NewSnapshot, Snapshot, feed_name
from s2s_pipelines.cycle.timetable import Punctuality, punctuality
from s2s_pipelines.errors import S2SError
from s2s_pipelines.model.field import Feed
from s2s_pipelines.ports import Clock

if TYPE_CHECKING:
    import pyarrow as pa

Inputs = Mapping[tuple[str, Feed], Snapshot]


@dataclass(frozen=True, slots=True)
class CatalogueResult:
    """What came of merging.

    Attributes:
        is_new: a new catalogue was kept; False: nothing changed, or it could not be made.
        rows: variants of the catalogue that stands.
        conflicts: skus that more than one primary source offers.
        unmatched: rows of stock, prices and linked feeds that no product answers to.
        fingerprint: of its values; what a plan is made from.
        ages_s: seconds since each feed that went into it was last read or confirmed, by ``<source>/<feed>``.
        punctuality: of each source with a declared rhythm.
        fault: why it could not be made; the last good one stands.
    """

    is_new: bool
    rows: int = 0
    conflicts: int = 0
    unmatched: int = 0
    fingerprint: str | None = None
    snapshot_id: int | None = None
    ages_s: Mapping[str, float] | None = None
    punctuality: Mapping[str, Punctuality] | None = None
    fault: Fault | None = None


def merge_client(plan: ClientPlan, store: CatalogueStore, clock: Clock) -> CatalogueResult:
    """Merge what stands of all sources and keep it as the client's catalogue, unless nothing changed.

    A merge that fails its checks leaves the last good catalogue standing, and the result says so.
    """
    now = clock.now()
    inputs = standing(plan, store)
    kept_rhythm = {s.source: rhythm_of(s, inputs, now) for s in plan.sources if s.rhythm is not None}
    zeroed = {s.source for s in plan.sources if _is_zeroed(s, kept_rhythm.get(s.source))}
    current = store.current(plan.client, CATALOGUE)
    if not inputs:
        return CatalogueResult(is_new=False, punctuality=kept_rhythm)
    try:
        made, is_new = _made(plan, store, inputs, frozenset(zeroed), current)
    except S2SError as error:
        error.located(client=plan.client, operation="merge the catalogue")
        fault = Fault(type(error).__name__, error.message, error.next_step)
        return _told(current, inputs, now, kept_rhythm, is_new=False, fault=fault)
    return _told(made, inputs, now, kept_rhythm, is_new=is_new)


def standing(plan: ClientPlan, store: CatalogueStore) -> Inputs:
    """The snapshots that stand of all feeds a catalogue is made of."""
    found: dict[tuple[str, Feed], Snapshot] = {}
    for source in plan.sources:
        for feed in source.feeds:
            snapshot = store.current(plan.client, feed_name(source.source, feed.feed))
            if snapshot is not None and feed.feed != "customers":
                found[source.source, feed.feed] = snapshot
    return found


class Delivery(Protocol):
    """What is known of the newest content of a feed."""

    @property
    def read_at(self) -> datetime:
        """When it was last read or confirmed."""

    @property
    def source_modified_at(self) -> datetime | None:
        """The source's own stamp of it."""

    @property
    def content_since(self) -> datetime:
        """When it was first read."""


def delivered_at(snapshot: Delivery) -> datetime:
    """When the source made what it says now: its own stamp, else when this content was first read; never after the read."""
    stamp = snapshot.source_modified_at or snapshot.content_since
    return min(stamp, snapshot.read_at)


def rhythm_of(source: SourcePlan, inputs: Mapping[tuple[str, Feed], Delivery], now: datetime) -> Punctuality:
    """Whether a source keeps to its declared rhythm, judged by its newest delivery of quantities, or of anything if of none."""
    if source.rhythm is None:
        return "in_time"
    own = {feed: snapshot for (key, feed), snapshot in inputs.items() if key == source.source}
    with_quantity = [s for feed, s in own.items() if has_quantity(source, feed)]
    deliveries = [delivered_at(s) for s in (with_quantity or own.values())]
    return punctuality(source.rhythm, max(deliveries, default=None), now)


def has_quantity(source: SourcePlan, feed: Feed) -> bool:
    """Whether a feed delivers quantities."""
    return any(row.target == "variants.qty" or row.target.startswith("qty_") for row in source.fields_of(feed))


def _is_zeroed(source: SourcePlan, kept: Punctuality | None) -> bool:
    return source.rhythm is not None and source.rhythm.overdue == "zero" and kept == "overdue"


def _made(
    plan: ClientPlan, store: CatalogueStore, inputs: Inputs, zeroed: frozenset[str], current: Snapshot | None
) -> tuple[Snapshot, bool]:
    """The catalogue of these inputs, and whether it had to be made."""
    ids = {f"{source}/{feed}": snapshot.id for (source, feed), snapshot in inputs.items()}
    read_at = min(snapshot.read_at for snapshot in inputs.values())
    recipe = merge_recipe(plan, ids, zeroed)
    if current is not None and current.details.get("recipe") == recipe:
        told = store.confirm(current, read_at=read_at, cursor=None, source_modified_at=None, details={})
        return told, False
    frames = [_frames(source, store, inputs, zeroed) for source in plan.sources]
    merged = merge(frames)
    parts = {"conflicts": merged.conflicts, "unmatched": merged.unmatched}
    fingerprint = content_fingerprint(merged.table)
    is_known = current is not None and current.fingerprint == fingerprint
    details = {"recipe": recipe, "inputs": ids, "zeroed": sorted(zeroed)}
    counts = {"conflicts": len(set(merged.conflicts["sku"].to_pylist())), "unmatched": merged.unmatched.num_rows}
    new = NewSnapshot(
        name=CATALOGUE,
        table=merged.table,
        rows_in=merged.table.num_rows,
        rejected=0,
        fingerprint=fingerprint,
        read_at=read_at,
        content_since=current.content_since if current is not None and is_known else None,
        is_complete=True,
        details=details | counts,
        parts=parts,
        replaces=None if current is None else current.id,
    )
    return store.keep(plan.client, new), True


def _frames(source: SourcePlan, store: CatalogueStore, inputs: Inputs, zeroed: frozenset[str]) -> SourceFrames:
    feeds = {feed: store.read(snapshot) for (key, feed), snapshot in inputs.items() if key == source.source}
    return SourceFrames(
        source=source.source,
        role=source.role,
        of=source.of,
        precedence=source.precedence,
        match=source.match,
        flags=source.flags,
        feeds=cast("Mapping[Feed, pa.Table]", feeds),
        is_quantity_zeroed=source.source in zeroed,
    )


def merge_recipe(plan: ClientPlan, ids: Mapping[str, int], zeroed: frozenset[str]) -> str:
    """Everything a merge depends on."""
    sources = [(s.source, s.role, s.of, s.precedence, s.match, sorted(s.flags.items())) for s in plan.sources]
    return hashlib.sha256(repr((sorted(ids.items()), sources, sorted(zeroed), __version__)).encode()).hexdigest()


def _told(
    stands: Snapshot | None,
    inputs: Inputs,
    now: datetime,
    kept_rhythm: Mapping[str, Punctuality],
    *,
    is_new: bool,
    fault: Fault | None = None,
) -> CatalogueResult:
    ages_s = {f"{source}/{feed}": (now - s.read_at).total_seconds() for (source, feed), s in inputs.items()}
    if stands is None:
        return CatalogueResult(is_new=False, ages_s=ages_s, punctuality=kept_rhythm, fault=fault)
    return CatalogueResult(
        is_new=is_new,
        rows=stands.rows_out,
        conflicts=stands.details["conflicts"],
        unmatched=stands.details["unmatched"],
        fingerprint=stands.fingerprint,
        snapshot_id=stands.id,
        ages_s=ages_s,
        punctuality=kept_rhythm,
        fault=fault,
    )

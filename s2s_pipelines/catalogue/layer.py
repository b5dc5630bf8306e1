"""The layers of a merge: which feed may speak for which columns of a primary source's rows, and how its rows are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from s2s_pipelines.catalogue.column import READ_AT, ROW, flag_of, is_product_level, key_column
from s2s_pipelines.catalogue.ownership import SourceRole, owns
from s2s_pipelines.catalogue.policy import SourceFlag
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import Feed

if TYPE_CHECKING:
    import pyarrow as pa

IDENTITY = ("sku", "source_product_code", "source_variant_code")
"""Columns that only a primary source's products feed gives."""
_STRENGTH: tuple[Feed, ...] = ("prices", "stock", "products")
_OWN = {ROW, READ_AT}


@dataclass(frozen=True, slots=True)
class SourceFrames:
    """One source with the snapshots of its feeds.

    Attributes:
        source: the source's key.
        of: the primary source it is linked to; None for a primary one.
        precedence: among the linked sources of one primary, the lowest number is the strongest.
        match: how a linked source's rows find theirs: by ``variants.sku``, or product level fields by
            ``source_product_code`` and variant level ones by ``source_variant_code``.
        flags: source flags by field; see ``ownership.owns`` for the defaults.
        feeds: the snapshot of each feed (``overlay.fold``); customers are skipped.
        is_quantity_zeroed: the source is overdue and its quantities are to be 0.
    """

    source: str
    role: SourceRole
    of: str | None
    precedence: int
    match: Literal["sku", "code"]
    flags: Mapping[str, SourceFlag]
    feeds: "Mapping[Feed, pa.Table]"
    is_quantity_zeroed: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """One feed's part in the rows of a primary source.

    Attributes:
        label: ``<source>/<feed>``, the name under which provenance is kept.
        table: the feed's snapshot.
        on: the column by which its rows find those of the primary source.
        columns: the columns it may speak for.
        is_quantity_zeroed: whether its quantities count as 0.
    """

    source: str
    feed: Feed
    table: "pa.Table"
    on: str
    columns: tuple[str, ...]
    is_quantity_zeroed: bool = False

    @property
    def label(self) -> str:
        """The provenance label."""
        return f"{self.source}/{self.feed}"


def layers_of(primary: SourceFrames, linked: Sequence[SourceFrames]) -> list[Layer]:
    """All layers over a primary source's rows, strongest first, the base last.

    Raises:
        ConfigurationError: a linked feed lacks the column it is matched by.
    """
    layers = []
    for source in sorted(linked, key=lambda s: (s.precedence, s.source)):
        for feed in _STRENGTH:
            if feed in source.feeds:
                layers += _linked_layers(source, feed)
    for feed in _STRENGTH:
        if feed in primary.feeds:
            table = primary.feeds[feed]
            on, owned = _primary_key(table), _owned(primary, table)
            layers.append(Layer(primary.source, feed, table, on, owned, primary.is_quantity_zeroed))
    return layers


def _primary_key(table: "pa.Table") -> str:
    return "sku" if "sku" in table.column_names else "source_variant_code"


def _owned(source: SourceFrames, table: "pa.Table") -> tuple[str, ...]:
    columns = [c for c in table.column_names if c not in _OWN and c not in IDENTITY]
    return tuple(c for c in columns if owns(source.flags, role=source.role, target=flag_of(c)))


def _linked_layers(source: SourceFrames, feed: Feed) -> list[Layer]:
    """One layer by sku; by code up to two, because each level has a code of its own."""
    table = source.feeds[feed]
    owned = _owned(source, table)
    zeroed = source.is_quantity_zeroed
    if source.match == "sku":
        _require(source, feed, table, ("sku",))
        return [Layer(source.source, feed, table, "sku", owned, zeroed)]
    codes = ("source_variant_code", "source_product_code")
    _require(source, feed, table, codes)
    has = [code for code in codes if code in table.column_names]
    if has == ["source_variant_code"]:
        return [Layer(source.source, feed, table, has[0], owned, zeroed)]
    shared = tuple(c for c in owned if is_product_level(c))
    layers = [Layer(source.source, feed, table, "source_product_code", shared, zeroed)]
    if "source_variant_code" in has:
        single = tuple(c for c in owned if not is_product_level(c))
        layers.insert(0, Layer(source.source, feed, table, "source_variant_code", single, zeroed))
    return layers


def _require(source: SourceFrames, feed: Feed, table: "pa.Table", codes: tuple[str, ...]) -> None:
    if not set(codes) & set(table.column_names):
        raise ConfigurationError(
            f"source {source.source} is matched by {source.match}, but its {feed} map reaches none of {', '.join(codes)}",
            operation="merge the catalogue",
            next_step="map the code, or change match",
        )


def unmatched_rows(layers: Sequence[Layer], base: "pa.Table") -> "pa.Table":
    """Rows of any layer that found no row of the primary source: ``source, feed, key, _row``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, list[Layer]] = {}
    for layer in layers:
        found.setdefault(layer.label, []).append(layer)
    tables = [_unmatched_schema().empty_table()]
    for group in found.values():
        table, first = group[0].table, group[0]
        is_lost = pa.repeat(pa.scalar(True), table.num_rows)
        for layer in group:
            known = base[layer.on] if layer.on in base.column_names else pa.chunked_array([], pa.string())
            is_lost = pc.and_not(is_lost, pc.is_in(table[layer.on], value_set=known))
        lost = table.filter(is_lost)
        if lost.num_rows:
            names = [pa.repeat(pa.scalar(text), lost.num_rows) for text in (first.source, first.feed)]
            columns = [*names, lost[key_column(table.column_names)], lost[ROW]]
            tables.append(pa.table(columns, schema=_unmatched_schema()))
    return pa.concat_tables(tables).combine_chunks()


def _unmatched_schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([("source", pa.string()), ("feed", pa.string()), ("key", pa.string()), (ROW, pa.int64())])

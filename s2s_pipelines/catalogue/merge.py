"""Merges what all sources of a client say into one catalogue, and keeps for every value where it came from.

Who speaks for a field, strongest first: the linked sources by their precedence, then the primary source; within a
source the prices and stock feeds before the products feed. Only fields that a source's flags give it count, and an
empty cell never overrides a value. Linked sources never create rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.bench import in_one_piece
from s2s_pipelines.catalogue.column import READ_AT, ROW, arrow_type, in_order, is_product_level, is_quantity, key_column
from s2s_pipelines.catalogue.layer import IDENTITY, Layer, SourceFrames, layers_of, unmatched_rows
from s2s_pipelines.catalogue.query import Desk, desk, quoted
from s2s_pipelines.catalogue.variant import repeated
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import TARGETS, minimum_targets

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Merged", "SourceFrames", "merge"]

_ALWAYS = tuple(TARGETS[name].column for name in minimum_targets("products"))
"""Columns every merged catalogue has, filled or not."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged catalogue of a client.

    Attributes:
        table: one row per source and sku, ordered by sku and source: ``source`` (the owning primary), the mapped columns in
            the vocabulary's order, ``product_key``, ``is_conflict``, ``qty_source`` (who supplied ``qty``), then per column
            ``_from.<column>`` (dictionary of ``<source>/<feed>``; null where the value is) and per feed ``_row.<label>`` and
            ``_read_at.<label>`` of the row that matched. Variants of one product agree on every product level field; a
            value that came by way of another variant has its label, while ``_row`` stays that of the row's own match.
        conflicts: the rows whose sku more than one primary source offers: ``sku, source, source_product_code,
            source_variant_code, title``, ordered by sku and source. A row to be deleted offers nothing.
        unmatched: rows of stock, prices and linked feeds that no primary row answers to: ``source, feed, key, _row``.
    """

    table: "pa.Table"
    conflicts: "pa.Table"
    unmatched: "pa.Table"


def merge(sources: Sequence[SourceFrames]) -> Merged:
    """The merged catalogue: primary sources' products with everything that is laid over them.

    A primary source without a products feed yet contributes nothing.

    Raises:
        ConfigurationError: a linked source names no primary one, or its rows cannot be matched.
    """
    import pyarrow as pa

    primaries = sorted((s for s in sources if s.role == "primary"), key=lambda s: s.source)
    _check_links(sources, {p.source for p in primaries})
    labels: list[tuple[str, str]] = []
    unmatched = []
    with desk() as bench:
        parts = []
        for at, primary in enumerate(p for p in primaries if "products" in p.feeds):
            layers = layers_of(primary, [s for s in sources if s.role == "linked" and s.of == primary.source])
            parts.append(_Part(at, primary.source, layers, len(labels)))
            labels += [(layer.source, layer.label) for layer in layers]
            unmatched.append(unmatched_rows(layers, primary.feeds["products"]))
        if not parts:
            return Merged(_finished(None, []), _conflicts(_finished(None, [])), unmatched_rows([], pa.table({})))
        columns = _columns(parts)
        bench.make("staged", " UNION ALL BY NAME ".join(part.select(bench, columns) for part in parts))
        table = _finished(_agreed(bench, columns), labels)
    return Merged(table, _conflicts(table), pa.concat_tables(unmatched).combine_chunks())


def _check_links(sources: Sequence[SourceFrames], primaries: set[str]) -> None:
    for source in sources:
        if source.role == "linked" and source.of not in primaries:
            raise ConfigurationError(
                f"source {source.source} is linked to {source.of}, which is no primary source",
                operation="merge the catalogue",
                next_step="correct `of` in the declaration",
            )


def _columns(parts: "Sequence[_Part]") -> list[str]:
    """Columns that somebody speaks for, in order; two spellings of a meta key are one column."""
    names: dict[str, str] = {}
    for part in parts:
        for layer in reversed(part.layers):
            for name in layer.columns:
                names.setdefault(name.casefold(), name)
    return in_order(names.values())


@dataclass(frozen=True, slots=True)
class _Part:
    """One primary source's rows with the layers over them, strongest first and the base last.

    ``first`` is the number of its first layer; a layer's number is its provenance until the end, the lower the stronger.
    """

    at: int
    source: str
    layers: list[Layer]
    first: int

    def alias(self, place: int) -> str:
        return f"t{self.at}_{place}"

    def select(self, bench: Desk, columns: Sequence[str]) -> str:
        """The query of this part; puts the tables it needs on the desk."""
        base = len(self.layers) - 1
        joins = []
        for place, layer in enumerate(self.layers):
            name = self.alias(place)
            bench.lay(**{f"{name}_all": layer.table})
            if _is_matched_by_own_key(layer):
                bench.show(name, _one_per_key(layer, f"{name}_all"))
            else:
                bench.make(name, _one_per_key(layer, f"{name}_all"))
            if place != base:
                joins.append(f"LEFT JOIN {name} ON {name}.{layer.on} = {self.alias(base)}.{layer.on}")
        has = set(self.layers[base].table.column_names)
        identity = [f"{self.alias(base)}.{c} AS {c}" if c in has else f"NULL::VARCHAR AS {c}" for c in IDENTITY]
        values = [self.value(column) for column in columns]
        rows = self.rows()
        chosen = ", ".join([f"'{self.source}' AS source", *identity, *values, *rows])
        return f"SELECT {chosen} FROM {self.alias(base)} {' '.join(joins)}"  # noqa: S608 - names are quoted or ours

    def value(self, column: str) -> str:
        """The strongest value of a column and the number of the layer it came from."""
        speakers = [p for p, layer in enumerate(self.layers) if column.casefold() in map(str.casefold, layer.columns)]
        cell, origin = quoted(column), quoted(f"_from.{column}")
        if not speakers:
            return f"NULL AS {origin}"
        cells = []
        for place in speakers:
            own = f"{self.alias(place)}.{cell}"
            is_zeroed = self.layers[place].is_quantity_zeroed and is_quantity(column)
            cells.append(f"CASE WHEN {own} IS NOT NULL THEN 0::BIGINT END" if is_zeroed else own)
        whens = " ".join(f"WHEN {self.alias(p)}.{cell} IS NOT NULL THEN {self.first + p}" for p in speakers)
        return f"COALESCE({', '.join(cells)}) AS {cell}, (CASE {whens} END)::SMALLINT AS {origin}"

    def rows(self) -> list[str]:
        """Row number and read time per label; a label with two layers shows the row of the first that matched."""
        places: dict[str, list[int]] = {}
        for place, layer in enumerate(self.layers):
            places.setdefault(layer.label, []).append(place)
        return [
            f"COALESCE({', '.join(f'{self.alias(p)}.{own}' for p in of)}) AS {quoted(f'{own}.{label}')}"
            for label, of in places.items()
            for own in (ROW, READ_AT)
        ]


def _is_matched_by_own_key(layer: Layer) -> bool:
    """Whether its rows are one per value already, so that nothing has to be gathered."""
    return layer.on == key_column(layer.table.column_names)


def _one_per_key(layer: Layer, name: str) -> str:
    """The layer's rows, one per value of the column it is matched by.

    Where several rows share the value, which happens when a feed has a row per variant and is matched by product, each
    column takes its first value in the order of the feed's own key.
    """
    key = key_column(layer.table.column_names)
    columns = [*layer.columns, ROW, READ_AT]
    if _is_matched_by_own_key(layer):
        extra = [c for c in IDENTITY if c in layer.table.column_names and c not in columns]
        return f"SELECT {', '.join(quoted(c) for c in [*extra, *columns])} FROM {name}"  # noqa: S608
    firsts = ", ".join(f"arg_min({quoted(c)}, {key}) AS {quoted(c)}" for c in columns)
    return f"SELECT {layer.on}, {firsts} FROM {name} WHERE {layer.on} IS NOT NULL GROUP BY {layer.on}"  # noqa: S608


_SEVERAL = (
    "SELECT source, source_product_code FROM staged WHERE source_product_code IS NOT NULL "
    "GROUP BY ALL HAVING count(*) > 1"
)


def _agreed(bench: Desk, columns: Sequence[str]) -> "pa.Table":
    """The staged rows, with the variants of each product agreeing on its product level fields.

    The strongest source speaks for the whole product; among its variants that one with the lowest sku that has a value.
    """
    shared = [c for c in columns if is_product_level(c)]
    bench.make("several", _SEVERAL)
    if not shared or bench.ask("SELECT * FROM several LIMIT 1").num_rows == 0:
        return bench.ask("SELECT * FROM staged ORDER BY sku, source")
    going = "product_active IS DISTINCT FROM 'delete'" if "product_active" in columns else "true"
    firsts = ", ".join(_first(c, going) for c in shared)
    variants = "staged SEMI JOIN several USING (source, source_product_code)"
    bench.make("product", f"SELECT source, source_product_code, {firsts} FROM {variants} GROUP BY ALL")  # noqa: S608
    replaced = ", ".join(_replacement(c) for c in shared)
    return bench.ask(
        f"SELECT staged.* REPLACE ({replaced}) FROM staged "  # noqa: S608
        "LEFT JOIN product USING (source, source_product_code) ORDER BY sku, source"
    )


def _first(column: str, going: str) -> str:
    """The value of the strongest source, then of the lowest sku, and who supplied it."""
    cell, origin = quoted(column), quoted(f"_from.{column}")
    best = f"arg_min(struct_pack(v := {cell}, f := {origin}), ({origin}, sku))"
    return f"{best} FILTER (WHERE {cell} IS NOT NULL AND {going}) AS {cell}"


def _replacement(column: str) -> str:
    cell, origin = quoted(column), quoted(f"_from.{column}")
    return (
        f"COALESCE(product.{cell}.v, staged.{cell}) AS {cell}, COALESCE(product.{cell}.f, staged.{origin}) AS {origin}"
    )


def _finished(found: "pa.Table | None", labels: Sequence[tuple[str, str]]) -> "pa.Table":
    """The merged frame in its final shape: types, order, who owns the quantity, which skus are in conflict."""
    import pyarrow as pa
    import pyarrow.compute as pc

    length = 0 if found is None else found.num_rows
    names = [] if found is None else found.column_names
    has = {n for n in names if not n.startswith("_") and n != "source"}
    frame: dict[str, pa.Array] = {"source": _take(found, "source", pa.string(), length)}
    columns = in_order(has | set(_ALWAYS))
    for name in columns:
        frame[name] = _take(found, name, arrow_type(name), length)
    frame["product_key"] = pc.binary_join_element_wise(frame["source"], frame["source_product_code"], ":")
    offered = pc.fill_null(pc.not_equal(frame["product_active"], "delete"), fill_value=True)
    frame["is_conflict"] = repeated(pc.if_else(offered, frame["sku"], pa.scalar(None, pa.string())))
    number = _take(found, "_from.qty", pa.int16(), length)
    frame["qty_source"] = pa.array([source for source, _ in labels], pa.string()).take(number)
    texts = pa.array([label for _, label in labels], pa.string())
    base = _base_numbers(frame["source"], labels)
    for name in columns:
        number = base if name in IDENTITY else _take(found, f"_from.{name}", pa.int16(), length)
        number = pc.if_else(pc.is_valid(frame[name]), number, pa.scalar(None, pa.int16()))
        frame[f"_from.{name}"] = pa.DictionaryArray.from_arrays(number, texts)
    for name in sorted(n for n in names if n.startswith(("_row.", "_read_at."))):
        kind = pa.int64() if name.startswith("_row.") else pa.timestamp("us", "UTC")
        frame[name] = _take(found, name, kind, length)
    return pa.table(frame)


def _take(found: "pa.Table | None", name: str, kind: "pa.DataType", length: int) -> "pa.Array":
    """A column in one piece and of its type; nulls where nobody speaks for it."""
    import pyarrow as pa

    if found is None or name not in found.column_names:
        return pa.nulls(length, kind)
    return in_one_piece(found[name].cast(kind))


def _base_numbers(sources: "pa.Array", labels: Sequence[tuple[str, str]]) -> "pa.Array":
    """Per row the number of its primary source's products feed, which gives the codes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    labelled = pa.array([label for _, label in labels], pa.string())
    wanted = pc.binary_join_element_wise(sources, pa.scalar("products"), "/")
    return pc.index_in(wanted, value_set=labelled).cast(pa.int16())


def _conflicts(table: "pa.Table") -> "pa.Table":
    columns = ["sku", "source", "source_product_code", "source_variant_code", "title"]
    return table.filter(table["is_conflict"]).select(columns).combine_chunks()

"""One extract on the workbench: its texts, and the typed columns that its field map makes of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.binding import Binding, Part
from s2s_pipelines.catalogue.column import IMAGES, arrow_type, key_column
from s2s_pipelines.catalogue.fault import REASONS, Fault, Flaw, remark
from s2s_pipelines.catalogue.number import Reading
from s2s_pipelines.catalogue.reading import READERS, Manner, as_text
from s2s_pipelines.catalogue.tier import read_tiers
from s2s_pipelines.errors import ConfigurationError, ContractViolation
from s2s_pipelines.model.field import Feed, Target, ValueType, flag_name, minimum_targets
from s2s_pipelines.ports import Extract

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class Bench:
    """An extract being read.

    Attributes:
        texts: the source's columns, all plain text.
        rows: the source's row numbers.
        key: the frame's column that tells rows apart.
        unowned: flag names of targets that are mapped and not taken.
        columns: the frame's columns read so far, one value per row.
        faults: cells refused so far.
        notes: sentences for a person.
    """

    feed: Feed
    texts: "pa.Table"
    rows: "pa.Array"
    manner: Manner
    key: str
    is_full: bool
    unowned: frozenset[str]
    columns: "dict[str, pa.Array]" = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Rows on the bench."""
        return int(self.texts.num_rows)

    def owns(self, target: Target) -> bool:
        """Whether the target is taken from this source; what tells rows apart always is."""
        return target.column == self.key or flag_name(target.name) not in self.unowned

    def text(self, name: str) -> "pa.Array":
        """A source's column in one piece."""
        return in_one_piece(self.texts[name])


def in_one_piece(column: "pa.ChunkedArray") -> "pa.Array":
    """A column's values as one array."""
    import pyarrow as pa

    joined = column.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        return pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], column.type)
    return joined


def lay_out(extract: Extract, bindings: Iterable[Binding], manner: Manner, unowned: Iterable[str]) -> Bench:
    """The bench with every target of the map read.

    Raises:
        ContractViolation: the extract is not text, or lacks row numbers.
        ConfigurationError: a constant cannot be read, or a price tier arrives twice.
    """
    bindings = tuple(bindings)
    not_taken = frozenset(unowned)
    reached = {b.target.name for b in bindings if flag_name(b.target.name) not in not_taken}
    bench = Bench(
        extract.feed,
        _text_table(extract),
        _row_numbers(extract),
        manner,
        key_column(b.target.column for b in bindings),
        extract.feed == "products" and reached >= set(minimum_targets("products")),
        not_taken,
    )
    images: dict[int, pa.Array] = {}
    for binding in bindings:
        for name, values in _read(bench, binding).items():
            if name.startswith("image") and name != IMAGES:
                images[int(name.removeprefix("image"))] = values
            elif name in bench.columns:
                raise ConfigurationError(
                    f"{name} is mapped on its own and also named in csv_price_tiers",
                    operation=f"map {bench.feed}",
                    next_step="map one of the two",
                )
            else:
                bench.columns[name] = values
    if images:
        bench.columns[IMAGES] = _listed([images[n] for n in sorted(images)])
    return bench


def _text_table(extract: Extract) -> "pa.Table":
    import pyarrow as pa

    for name, kind in zip(extract.table.column_names, extract.table.schema.types, strict=True):
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
            raise ContractViolation(f"column {name!r} of an extract is {kind}, not text", operation="map an extract")
    schema = pa.schema([(name, pa.string()) for name in extract.table.column_names])
    return extract.table.cast(schema)


def _row_numbers(extract: Extract) -> "pa.Array":
    import pyarrow as pa

    rows = in_one_piece(extract.rows) if isinstance(extract.rows, pa.ChunkedArray) else extract.rows
    if len(rows) != extract.table.num_rows or rows.null_count:
        raise ContractViolation("an extract needs one row number per row", operation="map an extract")
    return rows.cast(pa.int64())


def _read(bench: Bench, binding: Binding) -> "dict[str, pa.Array]":
    """The columns of one target, with its flaws and remarks put on the bench."""
    target, parts = binding.target, binding.parts
    if len(parts) == 1 and parts[0].row.constant is not None:
        return _constant(bench, binding)
    shown = next((bench.text(p.row.column) for p in parts if p.row.column is not None), None)
    texts = [_text_of(bench, part) for part in parts]
    columns, flaws, remarks = _typed(target, parts, texts, bench.manner)
    if bench.owns(target):
        bench.faults += [Fault(target.name, f.reason, f.mask, shown) for f in flaws]
        bench.notes += [remark(target.name, r, bench.rows) for r in remarks]
    else:
        bench.notes += [remark(target.name, Flaw("unread_value", f.mask), bench.rows) for f in flaws]
    return columns


def _text_of(bench: Bench, part: Part) -> "pa.Array":
    import pyarrow as pa

    if part.row.column is not None:
        return bench.text(part.row.column)
    return pa.repeat(pa.scalar(part.row.constant, pa.string()), bench.length)


def _typed(
    target: Target, parts: tuple[Part, ...], texts: "list[pa.Array]", manner: Manner
) -> "tuple[dict[str, pa.Array], tuple[Flaw, ...], tuple[Flaw, ...]]":
    """A target's columns, flaws and remarks from the texts of its parts."""
    made = [_transformed(part, column, manner) for part, column in zip(parts, texts, strict=True)]
    source = made[0] if parts[0].transform is None or parts[0].transform.part is None else _added_up(parts, made)
    basis = parts[0].transform.basis if parts[0].transform else None
    if basis is not None:
        manner = replace(manner, basis=basis)
    if target.type is ValueType.TIERS:
        tiers = read_tiers(as_text(source.values), manner)
        return tiers.columns, (*source.flaws, *tiers.flaws), ()
    reading = READERS[target.type](source.values, manner)
    name = target.name if target.type is ValueType.URL else target.column
    return {name: reading.values}, (*source.flaws, *reading.flaws), reading.remarks


def _transformed(part: Part, texts: "pa.Array", manner: Manner) -> Reading:
    return part.transform.read(texts, manner.spelling) if part.transform else Reading(texts)


def _added_up(parts: tuple[Part, ...], made: list[Reading]) -> Reading:
    """The sum of several columns; where one of them is empty, so is the sum, because empty is not zero."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wide = pa.decimal128(26, 10)
    total = None
    for part, reading in zip(parts, made, strict=True):
        values = pc.cast(reading.values, wide)
        values = pc.negate(values) if part.transform and part.transform.part == "minus" else values
        total = values if total is None else pc.cast(pc.add(total, values), wide)
    return Reading(total, tuple(flaw for reading in made for flaw in reading.flaws))


def _constant(bench: Bench, binding: Binding) -> "dict[str, pa.Array]":
    """A constant is read once and then stands in every row; one that cannot be read is the operator's mistake."""
    import pyarrow as pa

    row = binding.parts[0].row
    columns, flaws, _ = _typed(binding.target, binding.parts, [pa.array([row.constant], pa.string())], bench.manner)
    if flaws:
        reason = REASONS[flaws[0].reason]
        raise ConfigurationError(
            f"the constant {row.constant!r} cannot be taken: {reason.message.format(field=row.target)}",
            operation=f"map {bench.feed}",
            next_step=reason.remedy,
        )
    everywhere = pa.repeat(pa.scalar(0, pa.int64()), bench.length)
    return {name: values.take(everywhere) for name, values in columns.items()}


def _listed(images: "list[pa.Array]") -> "pa.Array":
    """Per row its images in order, each once; null where there is none. No address holds a blank, so a line can join them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing = pa.scalar(None, pa.string())
    once = images[:1]
    for later in images[1:]:
        for earlier in once:
            later = pc.if_else(pc.fill_null(pc.equal(later, earlier), fill_value=False), nothing, later)
        once.append(later)
    # Not null_handling="skip": pyarrow 26 then leaves out rows in which everything is null.
    joined = pc.binary_join_element_wise(*[pc.fill_null(column, "") for column in once], "\n")
    joined = pc.replace_substring_regex(pc.utf8_trim(joined, "\n"), r"\n+", "\n")
    joined = pc.if_else(pc.equal(joined, ""), nothing, joined)
    return pc.cast(pc.split_pattern(joined, "\n"), arrow_type(IMAGES))

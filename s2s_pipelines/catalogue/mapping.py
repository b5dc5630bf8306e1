"""Makes typed rows of a feed's text, and keeps every row it could not take, with the reason.

The order of things: bind the map to the columns, lint it by value, read each target, leave out rows whose switch says
ignore, find what is missing or repeated, and let the judge look at what is left. Each row that came in ends in exactly
one place: the mapped table, the rejected rows or the ignored ones.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.bench import Bench, lay_out
from s2s_pipelines.catalogue.binding import bind
from s2s_pipelines.catalogue.column import ROW, in_order, target_of
from s2s_pipelines.catalogue.fault import Fault, bounded, rejects_of
from s2s_pipelines.catalogue.judgement import Failure, judge
from s2s_pipelines.catalogue.linter import lint_values
from s2s_pipelines.catalogue.number import Spelling
from s2s_pipelines.catalogue.policy import NumberFormat, Terms
from s2s_pipelines.catalogue.reading import Manner
from s2s_pipelines.catalogue.variant import (
    any_of,
    case_twins,
    disagreements,
    duplicates,
    inherited,
    option_faults,
    shared_barcodes,
)
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import FieldRow, ValueType
from s2s_pipelines.model.money import TaxBasis
from s2s_pipelines.model.reject import Reject
from s2s_pipelines.ports import Extract

if TYPE_CHECKING:
    import pyarrow as pa

_EMPTY = {ValueType.QUANTITY: "empty_quantity", ValueType.PRICE: "empty_price"}
_SWITCHES = ("product_active", "customer_active")
_ALWAYS_FILLED = ("variants.qty", "variants.retail_price")
"""Targets that no feed may leave empty, wherever they are mapped and taken: empty is not zero."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of an extract; ``rows_in == table.num_rows + rejected.num_rows + ignored.num_rows``.

    Attributes:
        table: typed rows, columns in the vocabulary's order, ``_row`` last. Prices are in the catalogue's tax basis.
            Rows to be deleted carry what could be read of them.
        rejects: every reason of every rejected row, by row.
        rejected: the rejected rows as the source spells them, and ``_row``; rows the reader could not cut are empty.
        ignored: ``sku`` (as far as it is known) and ``_row`` of rows whose switch says ignore.
        rows_in: rows the source delivered, among them those that the reader could not cut.
        notes: sentences a person should see; ours begin with a stable word and a colon.
        withheld: keys (``column.key_column``) of rejected and ignored rows: they are there, so they are not absent.
    """

    table: "pa.Table"
    rejects: tuple[Reject, ...]
    rejected: "pa.Table"
    ignored: "pa.Table"
    rows_in: int
    notes: tuple[str, ...]
    withheld: "pa.Array"


def map_extract(
    extract: Extract,
    *,
    fields: Sequence[FieldRow],
    ignore: Collection[str],
    numbers: NumberFormat,
    basis: TaxBasis,
    terms: Terms,
    unowned: Collection[str] = (),
) -> Mapped:
    """Typed rows from an extract, with every row accounted for.

    A row to be deleted needs its key only; what else is wrong with it does not keep it from being taken off.

    Args:
        extract: one feed as the source delivered it, text only.
        fields: the effective field map; rows of other feeds are skipped.
        ignore: columns that are known and not wanted.
        numbers: how the source spells numbers.
        basis: the tax basis of the source's prices.
        terms: what prices of the catalogue mean.
        unowned: flag names of targets that are mapped but not taken from this source
            (``ownership.unowned_targets``): they may be empty, and what cannot be read of them is left out.

    Raises:
        ConfigurationError: the map does not fit the columns, a constant cannot be read, or the values show that
            quantity and price are swapped.
        ContractViolation: the reader broke its promise on the shape of an extract.
    """
    bindings = bind(extract.feed, extract.table.column_names, fields=fields, ignore=ignore)
    _refuse_swapped(extract, [row for row in fields if row.feed == extract.feed])
    bench = lay_out(extract, bindings, Manner(Spelling(numbers, terms.currency), basis, terms), unowned)
    is_ignored = _ignored(bench)
    _find_faults(bench, is_ignored)
    return _settled(bench, extract, is_ignored)


def _refuse_swapped(extract: Extract, rows: Sequence[FieldRow]) -> None:
    findings = lint_values(extract.table, rows)
    if findings:
        raise ConfigurationError(
            "; ".join(f.message for f in findings), operation=f"map {extract.feed}", next_step=findings[0].fix
        )


def _switch(bench: Bench) -> "pa.Array | None":
    """The column that says active, delete or ignore, if it is mapped and taken."""
    for name in _SWITCHES:
        if name in bench.columns and bench.owns(target_of(name)):
            return bench.columns[name]
    return None


def _ignored(bench: Bench) -> "pa.Array":
    """Rows that the source does not offer: the switch says ignore or nothing (domain research, section 5.5)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    switch = _switch(bench)
    for name in set(_SWITCHES) & set(bench.columns):
        column = bench.columns[name]
        bench.columns[name] = pc.if_else(pc.equal(column, "ignore"), pa.scalar(None, pa.string()), column)
    if switch is None:
        return pa.repeat(pa.scalar(False), bench.length)
    unread = any_of([f.mask for f in bench.faults if f.field in _SWITCHES], bench.length)
    return pc.and_not(pc.fill_null(pc.equal(switch, "ignore"), fill_value=True), unread)


# --- what is wrong with the rows -------------------------------------------------------------------------------------


def _find_faults(bench: Bench, is_ignored: "pa.Array") -> None:
    """Complete the bench's faults: what is missing, repeated or indistinct among the rows in play."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_live = pc.invert(is_ignored)
    switch = _switch(bench)
    is_going = (
        pa.repeat(pa.scalar(False), bench.length)
        if switch is None
        else pc.and_(is_live, pc.fill_null(pc.equal(switch, "delete"), fill_value=False))
    )
    is_staying = pc.and_not(is_live, is_going)
    _inherit_titles(bench, is_staying)
    _find_missing(bench, is_live)
    keys = _strict_fields(bench)
    bench.faults = [f if f.field in keys else replace(f, mask=pc.and_not(f.mask, is_going)) for f in bench.faults]
    _find_duplicates(bench, is_live)
    if bench.feed == "products":
        # A row without a key is no variant; exports that put further images on rows of their own have such rows.
        is_variant = pc.and_(is_staying, pc.is_valid(bench.columns[bench.key]))
        bench.faults += option_faults(bench.columns, bench.rows, is_variant, is_full=bench.is_full)
        bench.notes += disagreements(bench.columns, is_variant)
        bench.notes += shared_barcodes(bench.columns, is_variant)
    if "sku" in bench.columns:
        bench.notes += case_twins(bench.columns["sku"], is_live)
    bench.faults = [replace(f, mask=pc.and_(f.mask, is_live)) for f in bench.faults]


def _inherit_titles(bench: Bench, is_staying: "pa.Array") -> None:
    columns = bench.columns
    if bench.feed == "products" and columns.keys() >= {"title", "source_product_code"}:
        keys = columns[bench.key]
        columns["title"] = inherited(columns["title"], columns["source_product_code"], keys, is_staying)


def _strict_fields(bench: Bench) -> set[str]:
    """Fields that even a row to be deleted must have."""
    strict = {target_of(bench.key).name, *_SWITCHES}
    return strict | {"source_product_code"} if bench.is_full else strict


def _find_missing(bench: Bench, is_live: "pa.Array") -> None:
    import pyarrow.compute as pc

    for name, values in list(bench.columns.items()):
        target = target_of(name)
        is_key = name == bench.key
        is_required = bench.feed in target.minimum or target.name in _ALWAYS_FILLED
        if name in _SWITCHES or not (is_key or (is_required and bench.owns(target))):
            continue
        told = any_of([f.mask for f in bench.faults if f.field == target.name], bench.length)
        missing = pc.and_(is_live, pc.and_not(pc.is_null(values), told))
        if pc.any(missing).as_py():
            reason = (
                "missing_sku" if name == "sku" else "missing_code" if is_key else _EMPTY.get(target.type, "empty_value")
            )
            bench.faults.append(Fault(target.name, reason, missing))


def _find_duplicates(bench: Bench, is_live: "pa.Array") -> None:
    """Rows that share a key; in a products feed also those that share the ERP's own key of the variant."""
    names = [bench.key]
    if bench.feed == "products" and bench.key == "sku" and "source_variant_code" in bench.columns:
        names.append("source_variant_code")
    for name in names:
        target = target_of(name)
        if not bench.owns(target):
            continue
        reason = "duplicate_sku" if name == "sku" else "duplicate_code"
        found = duplicates(bench.columns[name], bench.rows, is_live, field=target.name, reason=reason)
        if found is not None:
            bench.faults.append(found)


# --- where each row goes ---------------------------------------------------------------------------------------------


def _settled(bench: Bench, extract: Extract, is_ignored: "pa.Array") -> Mapped:
    """Every row in exactly one place."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unread = pa.array(sorted({r.row for r in extract.rejects}), pa.int64())
    is_rejected = pc.or_(any_of([f.mask for f in bench.faults], bench.length), pc.is_in(bench.rows, value_set=unread))
    is_ignored = pc.and_not(is_ignored, is_rejected)
    is_taken = pc.invert(pc.or_(is_rejected, is_ignored))
    whole = pa.table({**{n: bench.columns[n] for n in in_order(bench.columns)}, ROW: bench.rows})
    table = whole.filter(is_taken)
    failed = _judged(bench, table, is_taken)
    if failed is not None:
        is_rejected = pc.or_(is_rejected, failed)
        table = whole.filter(pc.and_not(is_taken, failed))
    extra = unread.filter(pc.invert(pc.is_in(unread, value_set=bench.rows)))
    skus = bench.columns.get("sku")
    rejects = [*extract.rejects, *rejects_of(bench.faults, bench.rows, skus)]
    return Mapped(
        table.combine_chunks(),
        tuple(sorted(rejects, key=lambda r: r.row)),
        _rejected_rows(bench, is_rejected, extra),
        _ignored_rows(bench, is_ignored),
        bench.length + len(extra),
        (*extract.notes, *bench.notes),
        _withheld(bench, pc.or_(is_rejected, is_ignored), extract),
    )


def _judged(bench: Bench, table: "pa.Table", is_taken: "pa.Array") -> "pa.Array | None":
    """Rows of the extract that the judge refuses, put among the faults; None when there are none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    failures = judge(table)
    if not failures:
        return None
    places = pc.indices_nonzero(is_taken)
    everywhere = pa.array(range(bench.length), pa.int64())
    grouped: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        grouped.setdefault((failure.column, failure.check), []).append(failure)
    masks = []
    for (column, check), group in grouped.items():
        mask = pc.is_in(everywhere, value_set=pc.cast(places.take(pa.array([f.at for f in group])), pa.int64()))
        texts = pa.array([bounded(f.value) for f in group], pa.string())
        shown = pc.replace_with_mask(pa.nulls(bench.length, pa.string()), mask, texts)
        bench.faults.append(Fault(target_of(column).name, "failed_check", mask, shown, _should_be(check)))
        masks.append(mask)
    return any_of(masks, bench.length)


def _should_be(check: str) -> Callable[[int], str]:
    return lambda _: f"It should be: {check}."


def _rejected_rows(bench: Bench, is_rejected: "pa.Array", extra: "pa.Array") -> "pa.Table":
    """The rejected rows as they came; a source's own column ``_row`` steps aside."""
    import pyarrow as pa

    names = [name if name != ROW else f"{ROW} (source)" for name in bench.texts.column_names]
    kept = bench.texts.rename_columns(names).append_column(ROW, bench.rows).filter(is_rejected)
    if len(extra) == 0:
        return kept
    uncut = pa.table({ROW: extra})
    return pa.concat_tables([kept, uncut], promote_options="default").combine_chunks()


def _ignored_rows(bench: Bench, is_ignored: "pa.Array") -> "pa.Table":
    import pyarrow as pa

    skus = bench.columns.get("sku", pa.nulls(bench.length, pa.string()))
    return pa.table({"sku": skus, ROW: bench.rows}).filter(is_ignored)


def _withheld(bench: Bench, is_left_out: "pa.Array", extract: Extract) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = bench.columns[bench.key].filter(is_left_out).drop_null()
    unread = [r.sku for r in extract.rejects if r.sku] if bench.key == "sku" else []
    return pc.unique(pa.concat_arrays([keys, pa.array(unread, pa.string())]))

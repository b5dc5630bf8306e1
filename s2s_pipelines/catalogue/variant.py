"""What rows of one feed must be to each other: one row per code, and variants of a product told apart by options.

All functions look at the rows that are in play, that is not ignored; what they find does not depend on row order.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.column import is_product_level
from s2s_pipelines.catalogue.fault import Fault
from s2s_pipelines.model.field import TARGETS

if TYPE_CHECKING:
    import pyarrow as pa

OPTIONS = (1, 2, 3)
_UNIT = "\x1f"


def any_of(masks: "list[pa.Array]", length: int) -> "pa.Array":
    """Where any of the masks holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pa.repeat(pa.scalar(False), length)
    for mask in masks:
        found = pc.or_(found, mask)
    return found


def repeated(keys: "pa.Array") -> "pa.Array":
    """Where a key is not the only one of its kind; null keys are none.

    >>> import pyarrow as pa
    >>> repeated(pa.array(["a", "b", "a", None, None])).to_pylist()
    [True, False, True, False, False]
    """
    import pyarrow.compute as pc

    counts = pc.value_counts(keys)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    return pc.and_(pc.is_in(keys, value_set=twice.drop_null()), pc.is_valid(keys))


def duplicates(keys: "pa.Array", rows: "pa.Array", is_live: "pa.Array", *, field: str, reason: str) -> Fault | None:
    """All rows whose key another live row has too; each names the others. None is picked as the right one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = pc.if_else(is_live, keys, pa.scalar(None, keys.type))
    mask = repeated(keys)
    if not pc.any(mask).as_py():
        return None
    return Fault(field, reason, mask, keys, _others(keys, rows, mask))


def _others(keys: "pa.Array", rows: "pa.Array", mask: "pa.Array") -> Callable[[int], str]:
    """Names the other rows of a row's group; groups are collected once, on first use."""
    groups: dict[str, list[int]] = {}

    def describe(at: int) -> str:
        if not groups:
            for key, row in zip(keys.filter(mask).to_pylist(), rows.filter(mask).to_pylist(), strict=True):
                groups.setdefault(key, []).append(row)
        group = groups[keys[at].as_py()]
        others = [row for row in group[:7] if row != rows[at].as_py()][:5]
        more = ", …" if len(group) - 1 > len(others) else ""
        return f"See also row {', '.join(map(str, others))}{more}." if others else "The row number itself occurs twice."

    return describe


def _joined(columns: "list[pa.Array]") -> "pa.Array":
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*[pc.fill_null(c, "") for c in columns], _UNIT)


def option_faults(
    columns: "Mapping[str, pa.Array]", rows: "pa.Array", is_live: "pa.Array", *, is_full: bool
) -> list[Fault]:
    """Variants that their options do not tell apart.

    All variants of a product carry the same options, no two the same values (domain research, section 4, rule 5), and
    an option has a name.

    Args:
        columns: the mapped columns, ``source_product_code`` among them.
        rows: the source's row numbers.
        is_live: rows that count: neither ignored nor to be deleted.
        is_full: whether the map describes whole products, as a primary source's does; a map that only adds to
            somebody else's products is not asked for options it does not carry.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = [columns[f"option{n}_value"] for n in OPTIONS if f"option{n}_value" in columns]
    codes = columns.get("source_product_code")
    if codes is None or not (values or is_full):
        return []
    codes = pc.if_else(is_live, codes, pa.scalar(None, codes.type))
    is_shared = repeated(codes)
    faults = _unnamed(columns, codes) if is_full else []
    if not pc.any(is_shared).as_py():
        return faults
    codes = pc.if_else(is_shared, codes, pa.scalar(None, codes.type))
    lacking = _lacking(values, codes, is_shared)
    if pc.any(lacking).as_py():
        faults.append(Fault("source_product_code", "missing_options", lacking, codes))
    if values:
        folded = [pc.utf8_lower(v) for v in values]
        keys = pc.if_else(pc.and_not(is_shared, lacking), _joined([codes, *folded]), pa.scalar(None, pa.string()))
        same = repeated(keys)
        if pc.any(same).as_py():
            shown = pc.replace_substring(_joined(values), _UNIT, " / ")
            faults.append(Fault("variants.option1_value", "duplicate_options", same, shown, _others(keys, rows, same)))
    return faults


def _lacking(values: "list[pa.Array]", codes: "pa.Array", is_shared: "pa.Array") -> "pa.Array":
    """Variants that carry no option at all, or not those that their siblings carry."""
    import pyarrow.compute as pc

    if not values:
        return is_shared
    has_none = pc.equal(_joined(values), _UNIT * (len(values) - 1))
    return pc.or_(any_of([_lacks(codes, v) for v in values], len(codes)), pc.and_(is_shared, has_none))


def _lacks(codes: "pa.Array", values: "pa.Array") -> "pa.Array":
    """Rows without a value on an axis on which another variant of their product has one."""
    import pyarrow.compute as pc

    using = codes.filter(pc.is_valid(values)).drop_null()
    return pc.and_(pc.and_(pc.is_null(values), pc.is_valid(codes)), pc.is_in(codes, value_set=using))


def _unnamed(columns: "Mapping[str, pa.Array]", codes: "pa.Array") -> list[Fault]:
    """Rows with an option value whose product has no name for that option."""
    import pyarrow as pa
    import pyarrow.compute as pc

    faults = []
    for n in OPTIONS:
        values, names = columns.get(f"option{n}_value"), columns.get(f"option{n}_name")
        if values is None:
            continue
        named = pa.array([], pa.string()) if names is None else codes.filter(pc.is_valid(names)).drop_null()
        has_value = pc.and_(pc.is_valid(values), pc.is_valid(codes))
        mask = pc.and_not(has_value, pc.is_in(codes, value_set=named))
        if pc.any(mask).as_py():
            faults.append(Fault(f"option{n}_name", "missing_option_name", mask, values))
    return faults


def _first_per_code(codes: "pa.Array", skus: "pa.Array", values: "pa.Array") -> "pa.Array":
    """Per row the value of its product's lowest sku that has one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.table({"code": codes, "sku": skus, "value": values}).filter(
        pc.and_(pc.is_valid(codes), pc.is_valid(values))
    )
    table = table.sort_by([("code", "ascending"), ("sku", "ascending"), ("value", "ascending")]).combine_chunks()
    if table.num_rows == 0:
        return values
    first = pc.index_in(codes, value_set=table["code"])
    return table["value"].combine_chunks().take(first)


def inherited(values: "pa.Array", codes: "pa.Array", skus: "pa.Array", is_live: "pa.Array") -> "pa.Array":
    """A product's text for those of its variants that leave it empty: the one of the lowest sku that has it.

    Exports that fill product fields on the first row of a product only, as Shopify's do, rely on that.

    >>> import pyarrow as pa
    >>> names, codes = pa.array([None, "Shirt", None]), pa.array(["P", "P", "Q"])
    >>> inherited(names, codes, pa.array(["1", "2", "3"]), pa.array([True] * 3)).to_pylist()
    ['Shirt', 'Shirt', None]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.null_count == 0:
        return values
    found = _first_per_code(pc.if_else(is_live, codes, pa.scalar(None, codes.type)), skus, values)
    return pc.coalesce(values, found)


def disagreements(columns: "Mapping[str, pa.Array]", is_live: "pa.Array") -> list[str]:
    """One sentence per product level field on which variants of one product differ.

    Nothing is rewritten here: the merge lets the strongest source speak for the whole product and within it the
    lowest sku, so that neither row order nor the cut of a feed matters.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    codes = columns.get("source_product_code")
    if codes is None:
        return []
    is_shared = repeated(pc.if_else(is_live, codes, pa.scalar(None, codes.type)))
    if not pc.any(is_shared).as_py():
        return []
    names = [n for n, c in columns.items() if pa.types.is_string(c.type) and n in _comparable(columns)]
    shared = pa.table({"code": codes, **{n: columns[n] for n in names}}).filter(is_shared)
    counted = shared.group_by("code").aggregate([(n, "count_distinct", pc.CountOptions("only_valid")) for n in names])
    sentences = []
    for name in names:
        differ = counted.filter(pc.greater(counted[f"{name}_count_distinct"], 1))["code"].to_pylist()
        if differ:
            some = ", ".join(sorted(differ)[:3])
            sentences.append(
                f"disagreement: {name} differs among the variants of {len(differ)} products ({some}); "
                "the lowest sku speaks for the product"
            )
    return sentences


def _comparable(columns: "Mapping[str, pa.Array]") -> set[str]:
    return {n for n in columns if (n in TARGETS or n.startswith("meta_")) and is_product_level(n)}


def case_twins(skus: "pa.Array", is_live: "pa.Array") -> list[str]:
    """A sentence on skus that differ in letter case only; some channels, WooCommerce among them, hold them for one.

    >>> import pyarrow as pa
    >>> case_twins(pa.array(["ab-1", "AB-1", "C"]), pa.array([True] * 3))
    ['case_twins: 2 skus differ in letter case only (AB-1, ab-1); some channels take them for the same']
    """
    import pyarrow.compute as pc

    unique = pc.unique(skus.filter(is_live)).drop_null()
    twins = sorted(unique.filter(repeated(pc.utf8_lower(unique))).to_pylist(), key=lambda s: (s.lower(), s))
    if not twins:
        return []
    some = ", ".join(twins[:6]) + (", …" if len(twins) > 6 else "")
    return [f"case_twins: {len(twins)} skus differ in letter case only ({some}); some channels take them for the same"]


def shared_barcodes(columns: "Mapping[str, pa.Array]", is_live: "pa.Array") -> list[str]:
    """A sentence on barcodes that several skus share; a channel may refuse them (domain research, section 3.3)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    barcodes = columns.get("barcode")
    if barcodes is None:
        return []
    barcodes = pc.if_else(is_live, barcodes, pa.scalar(None, barcodes.type))
    shared = sorted(pc.unique(barcodes.filter(repeated(barcodes))).to_pylist())
    if not shared:
        return []
    some = ", ".join(shared[:3]) + (", …" if len(shared) > 3 else "")
    return [f"shared_barcodes: {len(shared)} barcodes belong to more than one sku ({some})"]

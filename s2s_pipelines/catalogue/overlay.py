"""Lays a mapped extract over what a source's feed said before: the source snapshot.

Absent is not deleted: a row that is not in the extract stays as it was, whether the extract is a difference or a full
read. Only a feed whose owner declared ``absent: zero`` has its quantities set to 0, and only by a full read.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from s2s_pipelines.catalogue.bench import in_one_piece
from s2s_pipelines.catalogue.column import READ_AT, ROW, in_order, is_quantity, key_column
from s2s_pipelines.errors import ContractViolation

if TYPE_CHECKING:
    import pyarrow as pa

_OWN = (ROW, READ_AT)


def fold(
    previous: "pa.Table | None",
    mapped: "pa.Table",
    *,
    read_at: datetime,
    is_complete: bool,
    absent: Literal["keep", "zero"] = "keep",
    withheld: "pa.Array | None" = None,
) -> "pa.Table":
    """The source snapshot after an extract: one row per key, ordered by it, with ``_row`` and ``_read_at``.

    A mapped row replaces the earlier one whole, except that its meta merges by key: a meta value that is not sent, be it
    an empty cell or no column at all, keeps what stood before (domain research, section 5.6). A row set to zero because
    it was absent has no ``_row`` and the time of the read that missed it. Folding the same extract twice changes nothing.

    Args:
        previous: the snapshot so far, or None.
        mapped: ``Mapped.table``.
        read_at: when the read began (aware).
        is_complete: whether the extract was a full read.
        absent: what a full read that lacks a row means for the row's quantities.
        withheld: ``Mapped.withheld``: keys that were there but were rejected or ignored. They are not absent.

    Raises:
        ContractViolation: ``read_at`` is naive.

    >>> import pyarrow as pa
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> first = fold(None, pa.table({"sku": ["B", "A"], "qty": [1, 2], "_row": [2, 3]}), read_at=now, is_complete=True)
    >>> then = pa.table({"sku": ["A"], "qty": [5], "_row": [2]})
    >>> fold(first, then, read_at=now, is_complete=True).to_pydict()["qty"]
    [5, 1]
    >>> fold(first, then, read_at=now, is_complete=True, absent="zero").to_pydict()["qty"]
    [5, 0]
    """
    import pyarrow as pa

    if read_at.tzinfo is None:
        raise ContractViolation("a read has an aware time", operation="fold an extract")
    moment = pa.scalar(read_at.astimezone(UTC), pa.timestamp("us", "UTC"))
    key = key_column(mapped.column_names)
    fresh = mapped.append_column(READ_AT, pa.repeat(moment, mapped.num_rows))
    tables = [fresh]
    # A snapshot under another key, from before the field map changed, cannot be matched and makes way.
    if previous is not None and key in previous.column_names:
        previous = _in_fresh_spelling(previous, fresh.column_names)
        kept = _not_mentioned(previous, fresh, key)
        if is_complete and absent == "zero":
            kept = _without_stock(kept, key, moment, withheld)
        tables = [_with_earlier_meta(fresh, previous, key), kept]
    whole = pa.concat_tables(tables, promote_options="default")
    ordered = [*in_order(set(whole.column_names) - set(_OWN)), *_OWN]
    return whole.select(ordered).sort_by(key).combine_chunks()


def _not_mentioned(previous: "pa.Table", fresh: "pa.Table", key: str) -> "pa.Table":
    import pyarrow.compute as pc

    return previous.filter(pc.invert(pc.is_in(previous[key], value_set=_keys(fresh, key))))


def _in_fresh_spelling(previous: "pa.Table", fresh: list[str]) -> "pa.Table":
    """Earlier meta under the letter case of today's map, for a meta key has none (domain research, section 3.1)."""
    today = {name.casefold(): name for name in fresh}
    return previous.rename_columns([today.get(name.casefold(), name) for name in previous.column_names])


def _keys(table: "pa.Table", key: str) -> "pa.Array":
    return in_one_piece(table[key])


def _with_earlier_meta(fresh: "pa.Table", previous: "pa.Table", key: str) -> "pa.Table":
    """Fresh rows with the meta values that they do not send taken from their earlier rows."""
    import pyarrow.compute as pc

    names = [c for c in previous.column_names if c.startswith("meta_")]
    if not names or fresh.num_rows == 0:
        return fresh
    place = pc.index_in(fresh[key], value_set=_keys(previous, key))
    for name in names:
        earlier = previous[name].take(place)
        if name in fresh.column_names:
            at = fresh.column_names.index(name)
            fresh = fresh.set_column(at, name, pc.coalesce(fresh[name], earlier))
        else:
            fresh = fresh.append_column(name, earlier)
    return fresh


def _without_stock(kept: "pa.Table", key: str, moment: "pa.Scalar", withheld: "pa.Array | None") -> "pa.Table":
    """Absent rows with each of their quantities at 0; a quantity they never had stays missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not any(is_quantity(name) for name in kept.column_names if name not in _OWN):
        return kept
    there = withheld if withheld is not None else pa.array([], pa.string())
    is_gone = pc.invert(pc.is_in(kept[key], value_set=there))
    for at, name in enumerate(kept.column_names):
        if name == ROW:
            changed = pc.if_else(is_gone, pa.scalar(None, pa.int64()), kept[name])
        elif name == READ_AT:
            changed = pc.if_else(is_gone, moment, kept[name])
        elif is_quantity(name):
            changed = pc.if_else(pc.and_(is_gone, pc.is_valid(kept[name])), pa.scalar(0, pa.int64()), kept[name])
        else:
            continue
        kept = kept.set_column(at, name, changed)
    return kept

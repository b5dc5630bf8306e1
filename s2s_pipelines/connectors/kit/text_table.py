"""Tables of text: one order and one fingerprint for the same content, however it arrived."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.digest import digest_of
from s2s_pipelines.connectors.kit.text import trimmed

if TYPE_CHECKING:
    import pyarrow as pa


def tidied(table: "pa.Table") -> "pa.Table":
    """The table with padding off every cell; columns without any are not copied."""
    import pyarrow as pa

    columns = [trimmed(column.cast(pa.string())) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def in_content_order(table: "pa.Table") -> "pa.Table":
    """The rows sorted by their text, first column first, nulls last; a table without rows or columns stays."""
    import pyarrow.compute as pc

    if table.num_rows < 2 or not table.num_columns:
        return table
    keys = [(name, "ascending") for name in table.column_names]
    return table.take(pc.sort_indices(table, sort_keys=keys))


def counted(rows: int) -> "pa.Array":
    """Row numbers 1 to ``rows``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), rows))


def fingerprint(table: "pa.Table", names: Sequence[str] | None = None) -> str:
    """A hash of the cells in their order, with their columns' names; null differs from empty text.

    Args:
        table: text columns.
        names: the columns that count; all by default.
    """
    return digest_of(table, names)

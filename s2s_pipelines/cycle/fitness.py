"""Whether a read is fit to stand. One that lost too much at once is refused, and the last good one stays.

A truncated file or a query that lost its join looks like a merchant who sells everything; only the size of the loss tells. A
person who knows better accepts the read by the name of the check.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.column import READ_AT, ROW, is_quantity, key_column
from s2s_pipelines.catalogue.mapping import Mapped
from s2s_pipelines.cycle.client_plan import FeedPlan

if TYPE_CHECKING:
    import pyarrow as pa

CHECKS = ("empty", "all_rejected", "shrink", "absent")


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a read may not stand; ``check`` is the name by which a person can accept it."""

    check: str
    message: str


def unfit(
    feed: FeedPlan, mapped: Mapped, previous: "pa.Table | None", made_at: datetime | None, *, is_complete: bool
) -> list[Unfit]:
    """Everything that speaks against letting a read stand.

    Args:
        feed: its limits.
        mapped: what the read became.
        previous: the snapshot that stands.
        made_at: when the full read began that the standing snapshot goes back to; rows older than that were absent from it
            already, so nobody misses them now.
        is_complete: whether it was a full read. Others cannot lose anything.
    """
    found = []
    if mapped.rows_in > 0 and mapped.rejected.num_rows == mapped.rows_in:
        found.append(Unfit("all_rejected", f"all {mapped.rows_in} rows were rejected"))
    key = key_column(mapped.table.column_names)
    if not is_complete or previous is None or key not in previous.column_names:
        return found
    seen = _seen(mapped, key)
    present = _present(previous, made_at)
    if mapped.rows_in == 0 and present.num_rows > 0:
        return [*found, Unfit("empty", f"the feed is empty where {present.num_rows} rows were")]
    lost = _missing(present[key], seen)
    if _share(lost, present.num_rows) > feed.shrink_limit:
        found.append(Unfit("shrink", f"{lost} of {present.num_rows} rows are gone; the limit is {feed.shrink_limit:%}"))
    if feed.absent == "zero":
        stocked = _stocked(previous)
        silent = _missing(stocked[key], seen)
        if _share(silent, stocked.num_rows) > feed.absent_limit:
            what = f"{silent} of {stocked.num_rows} rows with stock would be zeroed by silence"
            found.append(Unfit("absent", f"{what}; the limit is {feed.absent_limit:%}"))
    return found


def _seen(mapped: Mapped, key: str) -> "pa.Array":
    import pyarrow as pa

    return pa.concat_arrays([mapped.table[key].combine_chunks(), mapped.withheld.cast(pa.string())])


def _present(previous: "pa.Table", made_at: datetime | None) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    if made_at is None:
        return previous
    is_there = pc.greater_equal(previous[READ_AT], pa.scalar(made_at, pa.timestamp("us", "UTC")))
    return previous.filter(pc.and_(is_there, pc.is_valid(previous[ROW])))  # a row zeroed by absence has no number


def _stocked(previous: "pa.Table") -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    has_stock = pa.repeat(pa.scalar(False), previous.num_rows)
    for name in previous.column_names:
        if not name.startswith("_") and is_quantity(name):
            has_stock = pc.or_(
                has_stock, pc.fill_null(pc.greater(previous[name].combine_chunks(), 0), fill_value=False)
            )
    return previous.filter(has_stock)


def _missing(keys: "pa.ChunkedArray", seen: "pa.Array") -> int:
    import pyarrow.compute as pc

    return len(keys) - int(pc.sum(pc.is_in(keys, value_set=seen)).as_py() or 0)


def _share(part: int, whole: int) -> Decimal:
    return Decimal(part) / Decimal(whole) if whole else Decimal(0)

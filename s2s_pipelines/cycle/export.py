"""Plans and rejects as CSV for people. A spreadsheet must show what is in them, not calculate it."""

import csv
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from s2s_pipelines.catalogue.diff import Plan

if TYPE_CHECKING:
    import pyarrow as pa

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
PLAN_COLUMNS = ("product_key", "sku", "level", "action", "field", "before", "after", "reason")
REJECT_COLUMNS = ("source", "feed", "row", "sku", "field", "reason", "value", "message", "remedy")


def guarded(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what could begin one; plain numbers stay.

    >>> guarded("=1+1"), guarded("-5.50"), guarded("-5+2"), guarded(None), guarded("0042")
    ("'=1+1", '-5.50', "'-5+2", '', '0042')
    """
    text = "" if value is None else str(value)
    is_risky = text.lstrip(" ").startswith(_RISKY) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_risky else text


def plan_csv(plan: Plan) -> Iterator[str]:
    """The whole of a plan, one line per changed field, in pieces of text ready to be written one after the other."""
    return _csv(plan.changes, PLAN_COLUMNS)


def rejects_csv(rejects: "pa.Table") -> Iterator[str]:
    """Rejected rows with reason and remedy, one line per reason.

    Args:
        rejects: the ``rejects`` part of a snapshot, or several of them with columns ``source`` and ``feed`` before theirs.
    """
    return _csv(rejects, tuple(name for name in REJECT_COLUMNS if name in rejects.column_names))


def _csv(table: "pa.Table", columns: tuple[str, ...]) -> Iterator[str]:
    yield _lines([columns])
    for batch in table.select(list(columns)).to_batches(max_chunksize=5_000):
        yield _lines([[guarded(row[name]) for name in columns] for row in batch.to_pylist()])


def _lines(rows: Any) -> str:
    page = io.StringIO()
    csv.writer(page, lineterminator="\r\n").writerows(rows)
    return page.getvalue()

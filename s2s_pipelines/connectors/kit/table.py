"""From a grid of cells to the text table of an extract, within bounds."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s2s_pipelines.connectors.kit.layout import Grid
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.model.reject import Reject

if TYPE_CHECKING:
    import pyarrow as pa

_EXCEL_TEXT = re.compile(r'="([^"]*)"')
NULL_MARK = "\\N"
"""How MySQL and PostgreSQL write null into text files (SELECT INTO OUTFILE and COPY TO, their manuals)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one feed may hold.

    Attributes:
        max_rows: rows of a feed; more refuse the file.
        max_cell: characters of a cell; a row with more is rejected.
    """

    max_rows: int = 2_000_000
    max_cell: int = 1_000_000


def to_table(grid: Grid, bounds: Bounds) -> tuple["pa.Table", "pa.Array"]:
    r"""The grid as columns of text, and the line of every row; rejects are added to the grid.

    ``="0012"``, which spreadsheet programs write to keep a text from becoming a number, counts as the text ``0012``. A cell of
    nothing but ``\N`` is null.

    Raises:
        UnreadableFile: there are more rows than allowed.
    """
    import pyarrow as pa

    if len(grid.rows) > bounds.max_rows:
        raise UnreadableFile(
            "too_many_rows",
            f"more than {bounds.max_rows} rows",
            line=grid.lines[bounds.max_rows],
            remedy="raise max_rows, if there are rightly so many",
        )
    _reject_large_cells(grid, bounds.max_cell)
    columns = [pa.array(c, pa.string()) for c in zip(*grid.rows, strict=True)] or [
        pa.array([], pa.string()) for _ in grid.header
    ]
    table = pa.table({n: _plain(c, grid) for n, c in zip(grid.header, columns, strict=True)})
    return table, pa.array(grid.lines, pa.int64())


def _reject_large_cells(grid: Grid, max_cell: int) -> None:
    large = [i for i, row in enumerate(grid.rows) if sum(map(len, row)) > max_cell and max(map(len, row)) > max_cell]
    for i in large:
        column = max(range(len(grid.header)), key=lambda c: len(grid.rows[i][c]))
        grid.rejects.append(
            Reject(
                grid.lines[i],
                None,
                grid.header[column],
                "cell_too_large",
                grid.rows[i][column][:80],
                f"a cell of more than {max_cell} characters",
                "shorten it, or raise max_cell",
            )
        )
    gone = set(large)
    if gone:
        grid.rows = [r for i, r in enumerate(grid.rows) if i not in gone]
        grid.lines = [n for i, n in enumerate(grid.lines) if i not in gone]


def _plain(column: "pa.Array", grid: Grid) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.starts_with(column, '="')).as_py():
        cells = [m.group(1) if (m := _EXCEL_TEXT.fullmatch(c)) else c for c in column.to_pylist()]
        column = pa.array(cells, pa.string())
        _note(grid, 'cells written as ="text" were taken as that text')
    is_null = pc.equal(column, NULL_MARK)
    if pc.any(is_null).as_py():
        column = pc.if_else(is_null, pa.scalar(None, pa.string()), column)
        _note(grid, "cells of \\N were taken as null")
    return column


def _note(grid: Grid, sentence: str) -> None:
    if sentence not in grid.notes:
        grid.notes.append(sentence)

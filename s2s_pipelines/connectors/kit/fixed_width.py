"""Cuts lines of fixed width by declared columns."""

import re
from collections.abc import Sequence
from decimal import Decimal

from pydantic import Field

from s2s_pipelines.connectors.kit.layout import Grid
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.reject import Reject

_FIGURES = re.compile(r"([-+]?)(\d+)([-+]?)")


class FixedColumn(Declared):
    """One column of a fixed-width file."""

    name: str = Field(min_length=1)
    """Name of the column."""
    start: int = Field(ge=1)
    """Position of its first character, counted from 1."""
    length: int = Field(ge=1)
    """Characters it takes."""
    implied_decimals: int | None = Field(default=None, ge=0, le=9)
    """Decimals of a number written without a mark: with 2, ``0001234`` is 12.34."""


def read_fixed_width(text: str, columns: Sequence[FixedColumn], skip_lines: int) -> Grid:
    """One row a line; cells without the blanks that pad them.

    Args:
        text: the whole file, decoded.
        columns: declared by the operator.
        skip_lines: lines above the first row.

    Raises:
        UnreadableFile: the lines do not fit the columns.
    """
    ends = [c.start - 1 + c.length for c in columns]
    needed, full = max(sorted(ends)[:-1], default=1), max(ends)
    grid = Grid([c.name for c in columns], [], [])
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if number <= skip_lines or not line.strip():
            continue
        if "\t" in line:
            raise UnreadableFile(
                "tab", "a tab stands in a fixed-width line", line=number, remedy="ask for blanks instead of tabs"
            )
        fault = _fault(line, needed, full)
        cells = [] if fault else [_cell(line, c) for c in columns]
        broken = next((c for c, cell in zip(columns, cells, strict=False) if cell is None), None)
        if fault or broken:
            grid.rejects.append(_reject(number, line, fault or "bad_number", broken))
            continue
        grid.rows.append([c or "" for c in cells])
        grid.lines.append(number)
    if len(grid.rejects) * 2 > len(grid.rows):
        raise UnreadableFile(
            "columns_do_not_fit",
            f"{len(grid.rejects)} lines do not fit the declared columns",
            line=grid.rejects[0].row,
            remedy="correct start and length of the columns",
        )
    return grid


def _fault(line: str, needed: int, full: int) -> str:
    """What is wrong with the line's length; trailing blanks of the last column may be missing."""
    if len(line.rstrip()) > full:
        return "long_line"
    return "short_line" if len(line) < needed else ""


def _cell(line: str, column: FixedColumn) -> str | None:
    text = line[column.start - 1 : column.start - 1 + column.length].strip()
    if not column.implied_decimals or not text:
        return text
    found = _FIGURES.fullmatch(text)
    if not found or (found.group(1) and found.group(3)):
        return None
    sign = "-" if "-" in (found.group(1), found.group(3)) else ""
    return f"{sign}{Decimal(found.group(2)).scaleb(-column.implied_decimals):f}"


def _reject(number: int, line: str, reason: str, column: FixedColumn | None) -> Reject:
    message = {
        "long_line": "the line is longer than the declared columns",
        "short_line": "the line ends before its last column",
        "bad_number": "a number without a decimal mark is expected here",
    }[reason]
    return Reject(number, None, column.name if column else "", reason, line[:80], message, "mend this line in the file")

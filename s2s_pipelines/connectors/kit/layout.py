"""Finds the one table among records: what stands before it, its header, its rows, its odd rows and what follows.

It refuses where two readings are left. It rejects single rows, with their line, where the rest is beyond doubt.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from s2s_pipelines.connectors.kit import shape
from s2s_pipelines.connectors.kit.delimited import Records
from s2s_pipelines.connectors.kit.header import check_header, is_rule, joined_header, looks_like_header
from s2s_pipelines.connectors.kit.preamble import check_preamble, is_title
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.model.reject import Reject

COLUMN_LIMIT = 2_000
_TOTALS = frozenset(
    {"total", "totals", "grand total", "subtotal", "sum", "totaal", "summe", "gesamt", "end of file", "eof"}
)
_REMARK = re.compile(r"\s*#(?!\d)")
_DECLARE = "declare header_row (the line of the header), or ask the supplier for a plain table"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator declared about the layout; all None where nothing was.

    Attributes:
        header: names of the columns; the file has no header line unless ``header_row`` names it.
        header_row: the physical line (spreadsheets: row) on which the header begins.
        header_rows: lines the header takes; their cells are joined with a blank.
        table: which of several tables, divided by blank lines, 1 and up.
    """

    header: tuple[str, ...] | None = None
    header_row: int | None = None
    header_rows: int = 1
    table: int | None = None


@dataclass(slots=True)
class Grid:
    """A table: unique names, rows of exactly as many cells, the line of each row, and what was left out."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_preamble: bool = False
    is_ragged: bool = False


@dataclass(frozen=True, slots=True)
class _Start:
    """Where the rows begin and under which header."""

    header: list[str]
    line: int
    body: int
    preamble: int


def common_width(records: Sequence[Sequence[str]]) -> int:
    """The number of cells most records have, leaving single cells aside; 1 when there is nothing else."""
    counts = Counter(len(cells) for cells in records if len(cells) > 1)
    if not counts:
        return 1
    return max(counts, key=lambda width: (counts[width], width))


def find_table(records: Records, wanted: Wanted, *, width: int, delimiter: str = ",", is_padded: bool = False) -> Grid:
    """The table among the records.

    Args:
        records: as cut from the file.
        wanted: what was declared.
        width: cells of an ordinary row.
        delimiter: decides how far a superfluous delimiter at the end of rows is believed.
        is_padded: records come from a spreadsheet, where trailing empty cells are not written.

    Raises:
        UnreadableFile: there is no such table, or more than one reading of it.
    """
    if width > COLUMN_LIMIT:
        raise UnreadableFile(
            "too_many_columns", f"{width} columns", line=records.lines[0], remedy="ask for fewer columns"
        )
    if wanted.table is not None:
        records = _chosen_table(records, wanted.table)
        width = common_width(records.cells)
    if is_padded:
        records = _padded(records)
        width = max((len(c) for c in records.cells), default=1)
    start = (
        _declared_start(records, wanted, width)
        if wanted.header or wanted.header_row
        else _found_start(records, wanted, width, delimiter)
    )
    grid = _rows(records, start, width)
    _name_columns(grid, start.line)
    _refuse_second_table(grid, records, start, wanted)
    grid.has_preamble = start.preamble > 0
    if start.preamble and not grid.rows and wanted.header_row is None:
        raise UnreadableFile("no_header", "nothing follows this line", line=start.line, remedy=_DECLARE)
    if start.preamble:
        grid.notes.append(f"{start.preamble} line(s) above the header in line {start.line} were left out")
    return grid


def _chosen_table(records: Records, number: int) -> Records:
    """The numbered block between blank lines, among blocks of at least two records of two cells."""
    blanks = set(records.blanks)
    blocks: list[list[int]] = [[]]
    for i, line in enumerate(records.lines):
        if i and line - 1 in blanks and blocks[-1]:
            blocks.append([])
        blocks[-1].append(i)
    tables = [b for b in blocks if sum(len(records.cells[i]) > 1 for i in b) >= 2]
    if number > len(tables):
        raise UnreadableFile(
            "no_such_table", f"table {number} is declared, the file has {len(tables)}", remedy="declare another `table`"
        )
    chosen = tables[number - 1]
    return Records(
        cells=[records.cells[i] for i in chosen],
        lines=[records.lines[i] for i in chosen],
        last_lines=[records.last_lines[i] for i in chosen],
    )


def _padded(records: Records) -> Records:
    """Spreadsheet rows without their trailing empty cells, none of them blank."""
    out = Records(blanks=list(records.blanks))
    for cells, line in zip(records.cells, records.lines, strict=True):
        end = max((i + 1 for i, c in enumerate(cells) if c.strip()), default=0)
        if not end:
            out.blanks.append(line)
            continue
        out.cells.append(cells[:end])
        out.lines.append(line)
        out.last_lines.append(line)
    longest = max((len(c) for c in out.cells), default=0)
    out.cells = [cells + [""] * (longest - len(cells)) for cells in out.cells]
    return out


def _declared_start(records: Records, wanted: Wanted, width: int) -> _Start:
    if wanted.header_row is None:
        header = list(wanted.header or ())
        return _Start(header, records.lines[0], 0, 0)
    found = [i for i, line in enumerate(records.lines) if line == wanted.header_row]
    if not found:
        raise UnreadableFile(
            "no_header", "no record begins on the declared header_row", line=wanted.header_row, remedy=_DECLARE
        )
    first = found[0]
    header = (
        list(wanted.header)
        if wanted.header
        else joined_header(records.cells[first : first + wanted.header_rows], width)
    )
    return _Start(header, records.lines[first], first + wanted.header_rows, first)


def _found_start(records: Records, wanted: Wanted, width: int, delimiter: str) -> _Start:
    """The first record of the table's width, if it is a header and all before it is a preamble."""
    index = next(
        (
            i
            for i, cells in enumerate(records.cells)
            if _fits_header(cells, records.cells[i + 1 :], width, delimiter) and not is_title(cells, width)
        ),
        None,
    )
    if index is None:
        raise UnreadableFile(
            "ragged_rows",
            f"the header has not as many cells as the rows ({width})",
            line=records.lines[0],
            remedy="check for delimiters inside cells that are not quoted",
        )
    check_preamble(records, index, width)
    line = records.lines[index]
    last = index + wanted.header_rows
    header = (
        joined_header(records.cells[index:last], width)
        if wanted.header_rows > 1
        else [c.strip() for c in records.cells[index]]
    )
    rows = [c for c in records.cells[last:] if len(c) == width]
    check_header(header, rows, line, has_preamble=index > 0)
    if wanted.header_rows == 1:
        _check_first_row(records, last, rows, width)
    return _Start(header, line, last, index)


def _fits_header(cells: Sequence[str], below: Sequence[Sequence[str]], width: int, delimiter: str) -> bool:
    if len(cells) == width:
        return True
    if len(cells) == width + 1 and not cells[-1].strip():
        return True
    # Rows that end in a delimiter where the header does not: only where a delimiter inside a cell is out of the
    # question, for else the last cell may be empty and all before it shifted.
    rows = [c for c in below if len(c) == width]
    return (
        len(cells) == width - 1 >= 2
        and delimiter not in ",: "
        and len(rows) > 1
        and not any(c[-1].strip() for c in rows)
    )


def _check_first_row(records: Records, first: int, rows: Sequence[Sequence[str]], width: int) -> None:
    if first >= len(records.cells) or len(rows) < 2:
        return
    cells = records.cells[first]
    if is_rule(cells):
        return
    if looks_like_header(cells, shape.column_kinds(rows[1:], width)):
        raise UnreadableFile(
            "several_header_rows",
            "this looks like a second line of the header",
            line=records.lines[first],
            remedy="declare header_row and header_rows",
        )


def _rows(records: Records, start: _Start, common: int) -> Grid:
    """Sort the records below the header into rows and rejects."""
    grid = Grid(_without_overhang(start.header, records.cells[start.body :]), [], [])
    # Where rows end in a delimiter and the header does not, a row of the header's width is a short one.
    width, excess = len(grid.header), int(common == len(start.header) + 1)
    first = start.body + (start.body < len(records.cells) and is_rule(records.cells[start.body]))
    tail = _tail(records, first, width)
    has_remarks = any(c[0].lstrip().startswith("#") for c in records.cells[: start.preamble])
    odd: list[tuple[int, int]] = []
    comments = 0
    for i in range(first, tail):
        cells = records.cells[i]
        if len(cells) == width + excess and not (excess and cells[width].strip()):
            _sort_row(grid, cells[:width] if excess else cells, records.lines[i])
        elif _REMARK.match(cells[0]) and (len(cells) == 1 or has_remarks):
            comments += 1
        else:
            odd.append((i, len(cells)))
    for cells, line in zip(records.cells[tail:], records.lines[tail:], strict=True):
        grid.rejects.append(_reject(line, cells, "footer", "this line stands below the table or sums it up"))
    _sort_odd(grid, records, odd, width)
    if len(grid.rejects) > len(grid.rows):
        raise UnreadableFile(
            "ragged_rows", f"only {len(grid.rows)} rows fit the header", line=start.line, remedy=_DECLARE
        )
    if comments:
        grid.notes.append(f"{comments} line(s) beginning with # were left out as comments")
    return grid


def _without_overhang(header: list[str], below: Sequence[Sequence[str]]) -> list[str]:
    """The header without the empty cell that a delimiter at its end makes, where rows have no such cell."""
    if header[-1].strip():
        return header
    narrow = sum(len(c) == len(header) - 1 for c in below)
    return header[:-1] if narrow * 2 > len(below) else header


def _sort_row(grid: Grid, cells: list[str], line: int) -> None:
    if grid.header[0] in cells[0] and [c.strip() for c in cells] == grid.header:
        grid.rejects.append(_reject(line, cells, "repeated_header", "this line repeats the header"))
        return
    grid.rows.append(cells)
    grid.lines.append(line)


def _tail(records: Records, body: int, width: int) -> int:
    """The index from which only sums and closing remarks follow."""
    tail = len(records.cells)
    while tail > body:
        cells = records.cells[tail - 1]
        filled = [c.strip() for c in cells if c.strip()]
        first = filled[0].lower().rstrip(": ") if filled else ""
        is_remark = len(cells) == 1 < width and (" " in first or first in _TOTALS) and not first.startswith("#")
        is_total = first in _TOTALS or (len(filled) <= 2 and first.split(":")[0] in _TOTALS)
        if not (is_total or is_remark or not filled):
            break
        tail -= 1
    return tail


def _sort_odd(grid: Grid, records: Records, odd: Sequence[tuple[int, int]], width: int) -> None:
    """Reject the rows of another width, unless there are too many of them or they are a table of their own."""
    blanks = set(records.blanks)
    for place, (i, cells) in enumerate(odd):
        line = records.lines[i]
        group = [j for j, other in odd[place:] if other == cells]
        follows = cells > 1 and group[:2] == [i, i + 1]
        if follows and (line - 1 in blanks or group[:3] == [i, i + 1, i + 2]):
            raise UnreadableFile(
                "several_tables",
                f"from here rows have {cells} cells instead of {width}",
                line=line,
                remedy="declare `table`, or ask for one table a file",
            )
    if len(odd) * 2 > len(grid.rows):
        raise UnreadableFile(
            "ragged_rows",
            f"{len(odd)} of {len(odd) + len(grid.rows)} rows have not {width} cells",
            line=records.lines[odd[0][0]],
            remedy="check for delimiters inside cells that are not quoted",
        )
    for i, cells in odd:
        reason = "short_row" if cells < width else "long_row"
        message = f"{cells} cells where the header has {width}"
        grid.rejects.append(_reject(records.lines[i], records.cells[i], reason, message))
    grid.rejects.sort(key=lambda r: r.row)
    grid.is_ragged = bool(odd)


def _reject(line: int, cells: Sequence[str], reason: str, message: str) -> Reject:
    return Reject(line, None, "", reason, " | ".join(cells)[:80], message, "mend this line in the file")


def _name_columns(grid: Grid, line: int) -> None:
    """Drop empty columns without a name at the edges; refuse names that are missing or double."""
    first, last = 0, len(grid.header)
    while last > first and not grid.header[last - 1].strip() and not any(r[last - 1].strip() for r in grid.rows):
        last -= 1
    while first < last and not grid.header[first].strip() and not any(r[first].strip() for r in grid.rows):
        first += 1
    if (first, last) != (0, len(grid.header)):
        grid.header = grid.header[first:last]
        grid.rows = [r[first:last] for r in grid.rows]
    missing = [i for i, name in enumerate(grid.header, 1) if not name.strip()]
    if missing or not grid.header:
        raise UnreadableFile(
            "empty_header_cell",
            f"column {(missing or [1])[0]} has no name",
            line=line,
            remedy="name it in the file, or declare `header` and header_row",
        )
    double = [name for name, count in Counter(grid.header).items() if count > 1]
    if double:
        raise UnreadableFile(
            "duplicate_header",
            f"the header has {double[0][:40]!r} more than once",
            line=line,
            remedy="name columns apart in the file, or declare `header` and header_row",
        )


def _refuse_second_table(grid: Grid, records: Records, start: _Start, wanted: Wanted) -> None:
    """Refuse when a row is another table's header."""
    if not grid.rows or wanted.header_row is not None:
        return
    kinds = shape.column_kinds(grid.rows, len(grid.header))
    typed = [i for i, k in enumerate(kinds) if k in ("number", "date")]
    width = len(grid.header)
    ends = {last for last, cells in zip(records.last_lines, records.cells, strict=True) if len(cells) == width}
    for i, (cells, line) in enumerate(zip(grid.rows, grid.lines, strict=True)):
        # Headers have no figures and no gaps: that is quickly seen, and rules nearly every row out.
        if any(map(shape.has_digit, cells)) or not all(c.strip() for c in cells):
            continue
        words = sum(map(shape.is_header_word, cells)) >= 2
        is_other = len(typed) > 1 and words
        if line - 1 not in ends:
            is_other = words or looks_like_header(cells, shape.column_kinds(grid.rows[:i], width))
        if is_other:
            raise UnreadableFile(
                "several_tables",
                "this looks like the header of another table",
                line=line,
                remedy="declare `table`, or ask for one table a file",
            )

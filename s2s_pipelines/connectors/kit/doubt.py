"""Last doubts about a table that was found: signs that the file meant something else."""

import re
from collections.abc import Sequence
from string import ascii_letters, digits

from s2s_pipelines.connectors.kit import shape
from s2s_pipelines.connectors.kit.delimited import Dialect, Records
from s2s_pipelines.connectors.kit.layout import Grid
from s2s_pipelines.connectors.kit.refusal import UnreadableFile


def refuse_doubtful(text: str, grid: Grid, records: Records, dialect: Dialect, first_line: int) -> None:
    """Refuse a table when quotes, escapes or a lone line leave another reading.

    Args:
        text: what the table was cut from.
        grid: the table.
        records: as cut.
        dialect: under which.
        first_line: the physical line on which the text begins.

    Raises:
        UnreadableFile: there is another reading.
    """
    _refuse_swallowed_rows(text, grid, records, dialect.delimiter, first_line)
    _refuse_unclear_escapes(text, dialect, first_line)
    _refuse_prose(grid, dialect, records.lines[0])
    _refuse_odd_quotes(grid)


def _refuse_swallowed_rows(text: str, grid: Grid, records: Records, delimiter: str, first_line: int) -> None:
    """A quote left open swallows rows until the next one; such a cell holds lines that are rows themselves."""
    long = [(a, b) for a, b in zip(records.lines, records.last_lines, strict=True) if b > a]
    if not long or not delimiter:
        return
    lines = re.split(r"\r\n|\r|\n", text)
    width = len(grid.header)
    kinds = shape.column_kinds(grid.rows, width)
    for first, last in long:
        if any(_resembles_row(line, delimiter, kinds) for line in lines[first - first_line : last + 1 - first_line]):
            raise UnreadableFile(
                "suspicious_quote",
                "a quoted cell holds a line that looks like a row; was a quote left open?",
                line=first,
                remedy="close the quote, or double it inside the cell",
            )


def _resembles_row(line: str, delimiter: str, kinds: Sequence[shape.Kind]) -> bool:
    """Whether the line has as many cells as a row, and numbers where rows have numbers."""
    if line.count(delimiter) != len(kinds) - 1:
        return False
    cells = [c.strip(" \"'") for c in line.split(delimiter)]
    typed = ((c, k) for c, k in zip(cells, kinds, strict=True) if k in ("number", "date", "code", "flag"))
    return all(shape.kind_of(c) in (k, "empty") for c, k in typed)


def _refuse_unclear_escapes(text: str, dialect: Dialect, first_line: int) -> None:
    """Backslashes before letters mean a line break to some writers and nothing to others."""
    if "\\" not in text:
        return
    if dialect.escape:
        letters = ascii_letters + digits
    elif dialect.delimiter == "\t" and dialect.quote is None:
        letters = "bfnrtv\\"
    else:
        return
    found = next((m for m in re.finditer(r"\\(.)", text, re.DOTALL) if m.group(1) in letters), None)
    if found:
        head = text[: found.start()]
        raise UnreadableFile(
            "unclear_escape",
            f"{found.group()} may be an escaped character or just text",
            line=first_line + head.count("\n") + (head.count("\r") - head.count("\r\n")),
            remedy="ask for quoted CSV without backslashes",
        )


def _refuse_prose(grid: Grid, dialect: Dialect, line: int) -> None:
    """A single line may be the header of an empty table, or a sentence saying what went wrong."""
    if grid.rows or grid.rejects:
        return
    words = sum(map(shape.is_header_word, grid.header))
    if words * 2 < len(grid.header) and (len(grid.header) < 3 or dialect.delimiter in ",;: "):
        raise UnreadableFile(
            "no_table",
            "one line that is not surely a header",
            line=line,
            remedy="declare header_row, if this is a header",
        )


def _refuse_odd_quotes(grid: Grid) -> None:
    """Refuse columns wrapped in a quoting sign that we do not read."""
    if len(grid.rows) < 2:
        return
    for i in range(len(grid.header)):
        cells = [r[i].strip() for r in grid.rows[:200] if r[i].strip()]
        for opening, closing in ("``", "´´", "“”", "„“", "«»", "''", "‘’"):
            if len(cells) > 1 and all(len(c) > 1 and c.startswith(opening) and c.endswith(closing) for c in cells):
                raise UnreadableFile(
                    "unknown_quoting",
                    f"every cell of column {i + 1} stands between {opening} and {closing}",
                    line=grid.lines[0],
                    remedy="declare `quote`, or ask for double quotes",
                )

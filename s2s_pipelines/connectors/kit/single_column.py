"""A file without any delimiter: believed only when nothing in it could be one and its header is a known word."""

import re
from collections.abc import Sequence

from s2s_pipelines.connectors.kit import shape
from s2s_pipelines.connectors.kit.delimited import DELIMITERS, Dialect, Records, UncutText, cut
from s2s_pipelines.connectors.kit.layout import Grid, Wanted, find_table
from s2s_pipelines.connectors.kit.refusal import UnreadableFile

_DECLARE = "declare `delimiter` and `quote`, or ask the supplier for a plain CSV file"


def read_single_column(text: str, wanted: Wanted, first_line: int) -> tuple[Records, Grid, Dialect]:
    """The one column.

    Raises:
        UnreadableFile: there is more than one, or no certain header.
    """
    is_quoted = text.lstrip().startswith('"') or re.search(r'[\r\n]"', text) is not None
    dialect = Dialect("", '"' if is_quoted else None)
    try:
        records = cut(text, dialect, first_line=first_line)
    except UncutText as error:
        raise UnreadableFile(error.reason, error.message, line=error.line, remedy=_DECLARE) from None
    if not records.cells:
        raise UnreadableFile("no_table", "there is no table", line=first_line, remedy=_DECLARE)
    cells = [row[0] for row in records.cells]
    _refuse_delimiters(cells, records.lines, is_quoted=is_quoted)
    grid = find_table(records, wanted, width=1)
    _refuse_blanks(cells, records.lines[0])
    if len(grid.rows) < 2 or not (wanted.header or wanted.header_row or shape.is_header_word(grid.header[0])):
        raise UnreadableFile("no_table", "this is no table with a header", line=records.lines[0], remedy=_DECLARE)
    return records, grid, dialect


def _refuse_delimiters(cells: Sequence[str], lines: Sequence[int], *, is_quoted: bool) -> None:
    for delimiter in DELIMITERS:
        counts = [c.count(delimiter) for c in cells]
        is_wrapped = counts[0] > 0 and sum(n == counts[0] for n in counts) * 5 >= len(counts) * 4
        is_text = is_quoted and delimiter in ",;:"
        loose = (i for i, c in enumerate(cells) if delimiter in c and not shape.is_natural(c, delimiter))
        place = 0 if is_wrapped else None if is_text else next(loose, None)
        if place is not None:
            raise UnreadableFile(
                "no_delimiter",
                f"delimiters occur ({Dialect(delimiter)}), but they do not cut the lines alike",
                line=lines[place],
                remedy=_DECLARE,
            )


def _refuse_blanks(cells: Sequence[str], line: int) -> None:
    """Refuse what may be several columns set apart by blanks."""
    words = [len(c.split()) for c in cells]
    is_aligned = sum("  " in c.strip() for c in cells) * 2 >= len(cells)
    is_spaced = words[0] > 1 and sum(n == words[0] for n in words) * 5 >= len(words) * 4
    if is_aligned or (is_spaced and any(map(shape.has_digit, cells[1:]))):
        raise UnreadableFile(
            "fixed_width",
            "columns seem to be set apart by blanks",
            line=line,
            remedy="declare `format: fixed_width` with its columns, or a delimiter",
        )

"""Judges what stands above a header: titles, remarks, words and their values; nothing that could be a row."""

import re
from collections.abc import Sequence

from s2s_pipelines.connectors.kit import shape
from s2s_pipelines.connectors.kit.delimited import Records
from s2s_pipelines.connectors.kit.refusal import UnreadableFile

_KEY = re.compile(r"[^\d:]+:")
_DECLARE = "declare header_row (the line of the header), or ask the supplier for a plain table"


def is_title(cells: Sequence[str], width: int) -> bool:
    """Whether a record of full width holds but a title, or a word and its value, as spreadsheet programs save them."""
    filled = [j for j, c in enumerate(cells) if c.strip()]
    return (filled == [0] and width > 1) or (filled == [0, 1] and width > 3)


def _is_wordy(cells: Sequence[str]) -> bool:
    """Whether a record above the header has several cells, without being a sentence, a remark or a word and its value."""
    first = cells[0].strip()
    if len(cells) < 2 or first.startswith("#") or _KEY.match(first) or not any(c.strip() for c in cells[1:]):
        return False
    return not all(c.startswith(" ") for c in cells[1:] if c)


def _is_rowlike(cells: Sequence[str]) -> bool:
    """Whether a record of several cells could be a row or a header."""
    return any(map(shape.has_digit, cells)) or sum(map(shape.is_header_word, cells)) > 1


def check_preamble(records: Records, index: int, width: int) -> None:
    """Refuse lines above the header that may be a table, a header or rows.

    Args:
        records: as cut.
        index: of the header among them.
        width: cells of an ordinary row.

    Raises:
        UnreadableFile: one of the lines is more than a title, a remark or a word and its value.
    """
    blanks = set(records.blanks)
    if index and records.last_lines[index - 1] + 1 not in blanks and _is_wordy(records.cells[index - 1]):
        raise UnreadableFile(
            "ragged_rows",
            f"{len(records.cells[index - 1])} cells stand above rows of {width}",
            line=records.lines[index - 1],
            remedy="check for delimiters inside cells that are not quoted, or declare header_row",
        )
    wordy = [i for i in range(index) if _is_wordy(records.cells[i])]
    if len(wordy) > 1 or any(_is_rowlike(records.cells[i]) for i in wordy):
        raise UnreadableFile(
            "several_tables",
            "a smaller table seems to stand above the other",
            line=records.lines[wordy[0]],
            remedy="declare `table` or header_row, or ask for one table a file",
        )
    for i in range(index):
        _check_title(records.cells[i], records.lines[i], width)


def _check_title(cells: Sequence[str], line: int, width: int) -> None:
    """Refuse a line above the header that may be more than a title."""
    if any(not shape.is_natural(c, d) for c in cells for d in ",;\t|:^~" if d in c):
        raise UnreadableFile(
            "unclear_header", "other delimiters stand in this line above the table", line=line, remedy=_DECLARE
        )
    filled = [j for j, c in enumerate(cells) if c.strip()]
    if filled in ([], [0]) or cells[0].lstrip().startswith("#"):
        return
    if len(filled) > width // 2 or (len(cells) >= width and filled != [0, 1]):
        raise UnreadableFile(
            "unclear_header", "this line above the table is neither a title nor a header", line=line, remedy=_DECLARE
        )

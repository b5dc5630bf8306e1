"""Cuts delimited text into records under one given dialect, strictly, keeping physical lines."""

import csv
import io
import re
from dataclasses import dataclass, field

DELIMITERS = (
    ",",
    ";",
    "\t",
    "|",
    ":",
    "^",
    "~",
    "\x1f",
    "\x01",
    "\x1e",
    "¦",
    "§",
    "¬",
    "||",
    "|~|",
    "~|~",
    "::",
    ";;",
    "^^",
    "~~",
)
"""What may stand between cells, the usual ones first."""

PRIVATE = tuple(chr(code) for code in range(0xE000, 0xE010))
"""Characters nobody writes, which may stand for a delimiter of several characters or for none."""

CELL_LIMIT = 16 * 1024 * 1024
"""Characters of one cell, above which the text is not cut at all."""

NAMES = {"": "no delimiter", "\t": "tab", " ": "space", "\x1f": "unit separator", "\x01": "control-A"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are written.

    Attributes:
        delimiter: one or more characters; empty for a file of one column.
        quote: the quoting character, written twice inside quotes; None where quotes are ordinary characters.
        escape: the character that takes the meaning from the next one, or None.
        is_spaced: blanks after a delimiter do not count.
    """

    delimiter: str
    quote: str | None = None
    escape: str | None = None
    is_spaced: bool = False

    def __str__(self) -> str:
        return NAMES.get(self.delimiter, repr(self.delimiter))


@dataclass(slots=True)
class Records:
    """Cells of every record that is not blank, and the 1-based physical line on which it begins.

    ``last_lines`` tells where each record ends, ``blanks`` the physical lines without anything on them.
    """

    cells: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    last_lines: list[int] = field(default_factory=list)
    blanks: list[int] = field(default_factory=list)


class UncutText(Exception):
    """The text does not obey the dialect."""

    def __init__(self, reason: str, message: str, line: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.line = line


def cut(text: str, dialect: Dialect, *, first_line: int = 1, is_head: bool = False) -> Records:
    """All records of the text. Lines of nothing but blanks and delimiters are no records.

    Args:
        text: decoded, with its line ends as they are.
        dialect: obeyed strictly.
        first_line: the physical line on which the text begins.
        is_head: the text is the beginning of a longer one, so its last record does not count.

    Raises:
        UncutText: a quote is left open, or something follows a closing quote.
    """
    delimiter = dialect.delimiter
    stand_in = ""
    if len(delimiter) != 1:
        stand_in = next(c for c in PRIVATE if c not in text)
        text = text.replace(delimiter, stand_in) if delimiter else text
    records = Records()
    # The limit belongs to the whole interpreter; it is only ever raised, to one figure.
    csv.field_size_limit(CELL_LIMIT)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=stand_in or delimiter,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape,
        # Without it csv lets pass what follows a closing quote, strict or not.
        doublequote=True,
        skipinitialspace=dialect.is_spaced,
        strict=True,
    )
    start = first_line
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                records.blanks.append(start)
            else:
                records.cells.append(cells)
                records.lines.append(start)
                records.last_lines.append(first_line + reader.line_num - 1)
            start = first_line + reader.line_num
    except csv.Error as error:
        if is_head and "unexpected end of data" in str(error):
            return records
        raise _explained(str(error), text, dialect, start, first_line) from None
    if stand_in and delimiter:
        records.cells = [[c.replace(stand_in, delimiter) for c in cells] for cells in records.cells]
    return records


def _explained(error: str, text: str, dialect: Dialect, start: int, first_line: int) -> UncutText:
    if "unexpected end of data" in error:
        return UncutText(
            "unterminated_quote", "a quote opened here is never closed", _opening(text, dialect, start, first_line)
        )
    if "field larger" in error:
        return UncutText("cell_too_large", f"a cell is longer than {CELL_LIMIT} characters", start)
    return UncutText("stray_quote", "something stands between a closing quote and the next delimiter", start)


def _opening(text: str, dialect: Dialect, start: int, first_line: int) -> int:
    """The line of the quote that was never closed, in the record that begins at line ``start``."""
    lines = re.split(r"\r\n|\r|\n", text)[start - first_line :]
    is_open, opened = False, start
    quote = dialect.quote or ""
    for number, line in enumerate(lines, start):
        for place, character in enumerate(line):
            if character != quote or (place and dialect.escape and line[place - 1] == dialect.escape):
                continue
            if not is_open:
                opened = number
            is_open = not is_open
    return opened

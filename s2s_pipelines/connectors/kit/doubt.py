"""Last doubts about a table that was found: signs that the file meant something else."""

import re
from collections.abc import Sequence
from string import ascii_letters, digits

from s2s_pipelines.connectors.kit import shape
from s2s_pipelines.connectors.kit.delimited import DELIMITERS, Dialect, Records
from s2s_pipelines.connectors.kit.layout import Grid
from s2s_pipelines.connectors.kit.refusal import UnreadableFile


def refuse_doubtful(
    text: str, grid: Grid, records: Records, dialect: Dialect, first_line: int, *, is_declared: bool
) -> None:
    """Refuse a table when quotes, escapes or a lone line leave another reading.

    Args:
        text: what the table was cut from.
        grid: the table.
        records: as cut.
        dialect: under which.
        first_line: the physical line on which the text begins.
        is_declared: an operator declared how cells are quoted.

    Raises:
        UnreadableFile: there is another reading.
    """
    _refuse_swallowed_rows(text, grid, records, dialect.delimiter, first_line)
    _refuse_odd_count(text, records, dialect, first_line)
    _refuse_unclear_escapes(text, dialect, first_line)
    _refuse_prose(text, grid, dialect, records.lines[0])
    _refuse_odd_quotes(grid)
    _refuse_rich_names(grid, dialect, records.lines[0])
    if "'" in text and not is_declared and not _is_quoting(records, dialect):
        _refuse_single_quotes(records)


def _refuse_swallowed_rows(text: str, grid: Grid, records: Records, delimiter: str, first_line: int) -> None:
    """A quote left open swallows rows until the next one; the lines of such a record are rows themselves."""
    long = [i for i, line in enumerate(records.lines) if records.last_lines[i] > line]
    if not long or not delimiter:
        return
    lines = _lines(text)
    kinds = shape.column_kinds(grid.rows, len(grid.header))
    for i in long:
        own = lines[records.lines[i] - first_line : records.last_lines[i] + 1 - first_line]
        if _holds_rows(own, records.cells[i], delimiter, kinds):
            raise UnreadableFile(
                "suspicious_quote",
                "a quoted cell holds a line that looks like a row; was a quote left open?",
                line=records.lines[i],
                remedy="close the quote, or double it inside the cell",
            )


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)


def _refuse_odd_count(text: str, records: Records, dialect: Dialect, first_line: int) -> None:
    """Refuse a line that quotes a delimiter, yet has an odd number of quotes: where one cell ends is anybody's guess."""
    quote, delimiter = dialect.quote, dialect.delimiter
    if not quote or not delimiter or dialect.escape:
        return
    pairs = zip(records.cells, records.lines, records.last_lines, strict=True)
    held = [line for cells, line, last in pairs if line == last and any(delimiter in c for c in cells)]
    lines = _lines(text) if held else []
    odd = next((line for line in held if lines[line - first_line].count(quote) % 2), None)
    if odd is not None:
        raise UnreadableFile(
            "suspicious_quote",
            "an odd number of quotes stands in this line",
            line=odd,
            remedy="close the quote, or double it inside the cell",
        )


def _holds_rows(lines: Sequence[str], cells: Sequence[str], delimiter: str, kinds: Sequence[shape.Kind]) -> bool:
    """Whether a line of a record is a row, other than because the line breaks stand in its first or last cell."""
    if len(cells) == 1:
        return any(_resembles_row(line, delimiter, kinds) for line in lines)
    ends = ("\n" in cells[-1] or "\r" in cells[-1], "\n" in cells[0] or "\r" in cells[0])
    if _resembles_row(lines[0], delimiter, kinds) and not ends[0]:
        return True
    if _resembles_row(lines[-1], delimiter, kinds) and not ends[1]:
        return True
    return any(_resembles_row(line, delimiter, kinds) for line in lines[1:-1])


def _resembles_row(line: str, delimiter: str, kinds: Sequence[shape.Kind]) -> bool:
    """Whether the line has as many cells as a row, and numbers where rows have numbers."""
    cells = [c.strip(" \"'") for c in line.split(delimiter)]
    if len(cells) == len(kinds) + 1 and not cells[-1]:
        cells.pop()
    if len(cells) != len(kinds):
        return False
    typed = ((c, k) for c, k in zip(cells, kinds, strict=True) if k in ("number", "date", "code", "flag"))
    return all(shape.kind_of(c) in (k, "empty") for c, k in typed)


def _refuse_unclear_escapes(text: str, dialect: Dialect, first_line: int) -> None:
    """Backslashes before letters mean a line break to some writers and nothing to others."""
    if "\\" not in text:
        return
    if dialect.escape:
        letters = ascii_letters + digits
    elif dialect.quote and "\\\\" in text:
        letters = "\\"
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


def _refuse_prose(text: str, grid: Grid, dialect: Dialect, line: int) -> None:
    """A single line may be the header of an empty table, or a sentence saying what went wrong."""
    if grid.rows or grid.rejects:
        return
    is_sentence = dialect.delimiter in (",", ";", ":") and dialect.delimiter + " " in text
    if is_sentence or sum(map(shape.is_header_word, grid.header)) * 3 < len(grid.header):
        raise UnreadableFile(
            "no_table",
            "one line that is not surely a header",
            line=line,
            remedy="declare header_row, if this is a header",
        )


def _refuse_rich_names(grid: Grid, dialect: Dialect, line: int) -> None:
    """Refuse names of columns that another delimiter would cut into at least as many."""
    for other in DELIMITERS:
        cuts = [name.count(other) for name in grid.header if not shape.is_natural(name, other)]
        if other not in dialect.delimiter and cuts and sum(cuts) >= len(grid.header) - 1:
            raise UnreadableFile(
                "ambiguous_dialect",
                f"the header may be delimited by {Dialect(other)} as well as by {dialect}",
                line=line,
                remedy="declare `delimiter`",
            )


def _refuse_odd_quotes(grid: Grid) -> None:
    """Refuse columns wrapped in a sign that may be quoting, but is none that we read."""
    for i, name in enumerate(grid.header):
        cells = [r[i].strip() for r in grid.rows[:200] if r[i].strip()]
        cells = [*cells, name] if len(cells) == 1 else cells
        if not cells or min(map(len, cells)) < 2:
            continue
        opening, closing = cells[0][0], cells[0][-1]
        is_pair = opening == closing and not (opening.isalnum() or opening.isspace() or opening == '"')
        is_pair = is_pair or opening + closing in ("“”", "„“", "«»", "»«", "‘’", "‚‘")
        if is_pair and all(c[0] == opening and c[-1] == closing for c in cells):
            raise UnreadableFile(
                "unknown_quoting",
                f"every cell of column {i + 1} stands between {opening} and {closing}",
                line=grid.lines[0],
                remedy="declare `quote`, or ask for double quotes",
            )


def _is_quoting(records: Records, dialect: Dialect) -> bool:
    """Whether the quotes of the dialect hold something together that would fall apart without them."""
    signs = (dialect.delimiter, dialect.quote or "", "\n", "\r")
    return dialect.quote is not None and any(
        any(sign and sign in cell for sign in signs) for cells in records.cells for cell in cells
    )


def _refuse_single_quotes(records: Records) -> None:
    """Refuse text in which single quotes may hold a cell together although they were taken for text.

    One that only begins a word (``'n Tent``) or ends a measure (``6'``) is text; a pair around a cell, around several cells of a
    record, or from the end of one record to the beginning of the next may be quoting.
    """
    is_open = False
    for cells, line in zip(records.cells, records.lines, strict=True):
        if "'" not in "".join(cells):  # most records, so it pays to look before looking closely
            is_open = False
            continue
        places = [(c.lstrip()[:1] == "'", c.rstrip()[-1:] == "'") for c in cells]
        is_wrapped = any(all(p) and len(c.strip()) > 1 for p, c in zip(places, cells, strict=True))
        first = next((i for i, (begins, _) in enumerate(places) if begins), len(places))
        is_split = any(ends for _, ends in places[first + 1 :])
        if is_wrapped or is_split or (is_open and places[0][1]):
            raise UnreadableFile(
                "ambiguous_quoting",
                "single quotes may be quoting or text",
                line=line,
                remedy="declare `quote`, or ask for double quotes",
            )
        is_open = any(begins for begins, _ in places)

"""Finds the dialect of a delimited file without hints, or refuses.

The idea: every delimiter that occurs is tried on the whole file, under every way of quoting whose signs occur. A
*contender* gives most records the same number of cells. A contender is *explained away* by another when its delimiter,
read by the other, stands only where people write that character anyway: in a number, a time, an address, before the
blank of a sentence. One contender must be left, and its table must stand; otherwise the file is refused with the line.
``csv.Sniffer`` and statistical guessers return a best guess; a wrong guess moves prices into other columns.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from s2s_pipelines.connectors.kit import shape
from s2s_pipelines.connectors.kit.delimited import DELIMITERS, Dialect, Records, UncutText, cut
from s2s_pipelines.connectors.kit.doubt import refuse_doubtful
from s2s_pipelines.connectors.kit.header import is_rule
from s2s_pipelines.connectors.kit.layout import Grid, Wanted, common_width, find_table
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.connectors.kit.single_column import read_single_column

HEAD = 1_000_000
"""Characters on which contenders are compared; the winner is then cut from the whole text."""

_DECLARE = "declare `delimiter` and `quote`, or ask the supplier for a plain CSV file"
_EXCEL_HINT = re.compile(r'"?sep=([^\r\n"])"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hints:
    """What an operator declared about the dialect; None where nothing was. ``quote`` empty means: no quoting."""

    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None


@dataclass(slots=True)
class Contender:
    """One delimiter under its best way of quoting, with the table it gives or the reason why there is none."""

    dialect: Dialect
    records: Records
    width: int
    grid: Grid | None = None
    error: UnreadableFile | None = None

    @property
    def is_clean(self) -> bool:
        """Whether every record has its place without an excuse."""
        return self.grid is not None and not self.grid.is_ragged and not self.grid.has_preamble


def read_table(text: str, hints: Hints, wanted: Wanted) -> tuple[Grid, Dialect]:
    """The table in the text and the dialect it is written in.

    Args:
        text: the whole file, decoded.
        hints: the declared parts of the dialect.
        wanted: the declared parts of the layout.

    Raises:
        UnreadableFile: no reading of the text is beyond doubt.
    """
    first_line, hinted = 1, _EXCEL_HINT.match(text)
    if hinted and hints.delimiter in (None, hinted.group(1)):
        hints = replace(hints, delimiter=hinted.group(1))
        text, first_line = text[hinted.end() :], 2
    is_head = len(text) > HEAD * 2
    chosen = _choose(text[:HEAD] if is_head else text, hints, wanted, first_line, is_head)
    if is_head:
        chosen = _whole(text, chosen.dialect, wanted, first_line)
    if chosen.grid is None:
        raise chosen.error or UnreadableFile("no_table", "there is no table", remedy=_DECLARE)
    is_declared = hints.quote is not None
    refuse_doubtful(text, chosen.grid, chosen.records, chosen.dialect, first_line, is_declared=is_declared)
    return chosen.grid, chosen.dialect


def _whole(text: str, dialect: Dialect, wanted: Wanted, first_line: int) -> Contender:
    try:
        records = cut(text, dialect, first_line=first_line)
    except UncutText as error:
        raise UnreadableFile(error.reason, error.message, line=error.line, remedy=_DECLARE) from None
    return _contender(dialect, records, wanted)


def _contender(dialect: Dialect, records: Records, wanted: Wanted) -> Contender:
    width = common_width(records.cells) if dialect.delimiter else 1
    _unpad(records, width)
    found = Contender(dialect, records, width)
    try:
        found.grid = find_table(records, wanted, width=width, delimiter=dialect.delimiter)
    except UnreadableFile as error:
        found.error = error
    return found


def _choose(text: str, hints: Hints, wanted: Wanted, first_line: int, is_head: bool) -> Contender:
    """The one contender that is left.

    Raises:
        UnreadableFile: none is, or several are.
    """
    delimiters = [hints.delimiter] if hints.delimiter else [d for d in DELIMITERS if d in text]
    contenders: list[Contender] = []
    irregular: list[Contender] = []
    failures: list[tuple[str, UncutText]] = []
    for delimiter in delimiters:
        try:
            best = _best_quoting(text, delimiter, hints, wanted, first_line, is_head)
        except UncutText as error:
            failures.append((delimiter, error))
            continue
        (contenders if hints.delimiter or _is_regular(best) else irregular).append(best)
    if hints.delimiter and contenders:
        return contenders[0]
    left = [c for c in contenders if not any(_explains_away(o, c) for o in contenders if o is not c)] or contenders
    if left:
        chosen = _decided(left)
        names = chosen.grid.header if chosen.grid else []
        _raise_first([f for d, f in failures if any(d in name for name in names)])
        _yield_to_rivals(chosen, irregular)
        return chosen
    _raise_first([f for _, f in failures])
    return _without_delimiter(text, irregular, wanted, first_line)


def _yield_to_rivals(chosen: Contender, irregular: Sequence[Contender]) -> None:
    """Refuse a table that needs an excuse when another delimiter cuts more columns, if less regularly."""
    if chosen.is_clean:
        return
    for rival in irregular:
        if rival.width > chosen.width and rival.error and not _is_explained(chosen, rival.dialect.delimiter):
            raise rival.error


def _raise_first(failures: Sequence[UncutText]) -> None:
    if failures:
        worst = max(failures, key=lambda f: f.line)
        raise UnreadableFile(worst.reason, worst.message, line=worst.line, remedy=_DECLARE)


def _without_delimiter(text: str, irregular: Sequence[Contender], wanted: Wanted, first_line: int) -> Contender:
    """A file of one column; when it is none, the refusal tells of the delimiter that came nearest."""
    try:
        records, grid, dialect = read_single_column(text, wanted, first_line)
        return Contender(dialect, records, 1, grid)
    except UnreadableFile as error:
        near = [c.error for c in sorted(irregular, key=_likeness, reverse=True) if c.width > 1 and c.error]
        raise (near[0] if near and error.reason == "no_delimiter" else error) from None


def _likeness(contender: Contender) -> int:
    return sum(len(cells) == contender.width for cells in contender.records.cells)


def _is_regular(contender: Contender) -> bool:
    cells = contender.records.cells
    if contender.grid is not None and contender.width > 1:
        return True
    return contender.width > 1 and _likeness(contender) * 10 >= len(cells) * 6


def _decided(left: Sequence[Contender]) -> Contender:
    good = [c for c in left if c.grid is not None]
    if not good:
        worst = max(left, key=lambda c: (_likeness(c), c.width))
        raise worst.error or UnreadableFile("no_table", "there is no table", remedy=_DECLARE)
    clean = [c for c in good if c.is_clean] or good
    rivals = [c for c in left if c.grid is None and _is_rival(c, clean[0])]
    if len(clean) == 1 and not rivals:
        return clean[0]
    names = " and ".join(str(c.dialect) for c in [*clean, *rivals][:2])
    line = clean[0].records.lines[0]
    raise UnreadableFile("ambiguous_dialect", f"delimited by {names}, both would do", line=line, remedy=_DECLARE)


def _is_rival(refused: Contender, chosen: Contender) -> bool:
    """Whether a delimiter without a table casts doubt on the one with a table: it cuts as many columns, or more from line one."""
    if not chosen.is_clean:
        return refused.width >= chosen.width
    return refused.width > chosen.width and len(refused.records.cells[0]) == refused.width


def _explains_away(reader: Contender, other: Contender) -> bool:
    """Whether the other's delimiter, as ``reader`` reads the file, stands only where people write it anyway."""
    if reader.grid is None:
        return False
    if reader.dialect.delimiter in other.dialect.delimiter:
        return other.grid is None
    if other.dialect.delimiter in reader.dialect.delimiter:
        return other.grid is None or _is_explained(reader, other.dialect.delimiter)
    return _is_explained(reader, other.dialect.delimiter) and not _is_explained(other, reader.dialect.delimiter)


def _is_explained(reader: Contender, delimiter: str) -> bool:
    return all(
        shape.is_natural(cell, delimiter) for cells in reader.records.cells for cell in cells if delimiter in cell
    )


def _best_quoting(text: str, delimiter: str, hints: Hints, wanted: Wanted, first_line: int, is_head: bool) -> Contender:
    """The delimiter under the one way of quoting that leaves no quote unexplained.

    Raises:
        UncutText: under no way of quoting can the text be cut.
    """
    found: list[Contender] = []
    failed: list[UncutText] = []
    for dialect in _quotings(text, delimiter, hints):
        try:
            records = cut(text, dialect, first_line=first_line, is_head=is_head)
        except UncutText as error:
            failed.append(error)
            continue
        loose = _loose_quote(records, dialect)
        if loose:
            failed.append(UncutText("stray_quote", "a quote opens a cell that is not quoted", loose))
        elif records.cells:
            found.append(_contender(dialect, records, wanted))
    if not found:
        raise failed[0] if failed else UncutText("no_table", "there is no table", first_line)
    good = [c for c in found if c.is_clean] or [c for c in found if c.grid is not None] or found[:1]
    best = good[0]
    for other in good[1:]:
        best = _preferred(best, other)
    return best


def _preferred(one: Contender, other: Contender) -> Contender:
    """Of two readings that both give a table, the one; ambiguous when neither is the better."""
    if one.records.cells == other.records.cells or one.grid is None or other.grid is None:
        return one
    if other.dialect.quote == "'" and one.dialect.quote is None and _is_wrapped(one.records, "'"):
        return other
    if one.grid.is_ragged != other.grid.is_ragged:
        return other if one.grid.is_ragged else one
    line = next(
        (n for n, a, b in zip(one.records.lines, one.records.cells, other.records.cells, strict=False) if a != b), 1
    )
    return Contender(
        one.dialect,
        one.records,
        one.width,
        error=UnreadableFile(
            "ambiguous_quoting", "quotes or escapes can be read in two ways", line=line, remedy=_DECLARE
        ),
    )


def _is_wrapped(records: Records, quote: str) -> bool:
    """Whether the quote wraps whole columns, their names included or not, and begins no other cell."""
    width = common_width(records.cells)
    columns = [[c[i].strip() for c in records.cells if len(c) == width and c[i].strip()] for i in range(width)]
    for cells in columns:
        wrapped = sum(len(c) > 1 and c.startswith(quote) and c.endswith(quote) for c in cells)
        if any(c.startswith(quote) for c in cells) and wrapped < max(2, len(cells) - 1):
            return False
    return True


def _quotings(text: str, delimiter: str, hints: Hints) -> Iterator[Dialect]:
    """Ways of quoting whose signs occur in the text, the plainest first."""
    plain = Dialect(delimiter)
    if hints.quote is not None or hints.escape is not None:
        quote = '"' if hints.quote is None else hints.quote or None
        yield Dialect(delimiter, quote, hints.escape)
        return
    start = rf"(?:\A|[\r\n]|{re.escape(delimiter)})"
    is_escaping = "\\" in text and ("\\" + delimiter in text or '\\"' in text or "\\'" in text)
    if re.search(start + r'[ \t]*"', text):
        yield from _with_quote(plain, '"', is_escaping, re.search(re.escape(delimiter) + r' +"', text) is not None)
        return
    yield plain
    if is_escaping and "\\" + delimiter in text:
        yield replace(plain, escape="\\")
    if re.search(start + " *'", text):
        yield from _with_quote(plain, "'", is_escaping, re.search(re.escape(delimiter) + " +'", text) is not None)


def _with_quote(plain: Dialect, quote: str, is_escaping: bool, is_spaced: bool) -> Iterator[Dialect]:
    for spaced in (False, True) if is_spaced else (False,):
        yield replace(plain, quote=quote, is_spaced=spaced)
        if is_escaping:
            yield replace(plain, quote=quote, escape="\\", is_spaced=spaced)


def _loose_quote(records: Records, dialect: Dialect) -> int:
    """The line on which a double quote that opens a cell was taken for an ordinary character; 0 when there is none."""
    if dialect.quote == '"' and dialect.is_spaced:
        return 0
    loose = re.compile(r'[ \t]+".*"\s*' if dialect.quote == '"' else r'[ \t]*".*', re.DOTALL)
    for cells, line in zip(records.cells, records.lines, strict=True):
        if any(cell[:1] in ' \t"' and loose.fullmatch(cell) for cell in cells if '"' in cell):
            return line
    return 0


def _unpad(records: Records, width: int) -> None:
    """Take blanks off that stand around every delimiter of the file, as they belong to the delimiter."""
    if width < 2:
        return
    rows = [c for c in records.cells if len(c) == width]
    if rows and all(all(c.startswith(" ") or not c for c in row[1:]) or is_rule(row) for row in rows):
        records.cells = [[c.lstrip(" ") for c in row] for row in records.cells]
    if rows and all(all(c.endswith(" ") or not c for c in row[:-1]) or is_rule(row) for row in rows):
        records.cells = [[c.rstrip(" ") for c in row] for row in records.cells]

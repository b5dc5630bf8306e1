"""Tells a header from a row: by words of the trade, and by names that do not look like the cells below them."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from s2s_pipelines.connectors.kit import shape
from s2s_pipelines.connectors.kit.refusal import UnreadableFile

_NAME = re.compile(r"[^\W\d_][\w .()/%#&+-]{0,59}")
"""What a name of a column looks like; asked of headers without rows, which are easily confused with a sentence."""


def joined_header(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """One name a column from header lines, where an upper line's cell counts for the empty cells to its right."""
    columns: list[list[str]] = [[] for _ in range(max(width, *(len(r) for r in rows)))]
    for depth, row in enumerate(rows):
        last = ""
        for i, names in enumerate(columns):
            cell = row[i].strip() if i < len(row) else ""
            last = cell or (last if depth < len(rows) - 1 else "")
            if last and last not in names:
                names.append(last)
    return [" ".join(names) for names in columns]


def check_header(header: Sequence[str], rows: Sequence[Sequence[str]], line: int, *, has_preamble: bool) -> None:
    """Refuse a header that may be a row."""
    names = [n for n in header if n]
    if re.match(r"#\s*[^\W\d_]", header[0]):
        raise UnreadableFile(
            "unclear_header",
            "the header begins with #, so it may be a remark",
            line=line,
            remedy="declare header_row and `header` with the names",
        )
    words = sum(map(shape.is_header_word, names))
    alike, apart = _evidence(header, rows)
    is_certain = bool(apart) or words >= 2
    if not any(len(n) > 100 or "</" in n or "://" in n for n in names):
        if rows and not alike and (is_certain or (words * 3 >= len(names) * 2 > 0 and not has_preamble)):
            return
        if apart and words >= 2 and (alike == _sizes(names) or words * 2 >= len(names)):
            return
        if words and not alike and not rows and not has_preamble and all(map(_NAME.fullmatch, names)):
            return
    raise UnreadableFile(
        "no_header",
        "nothing tells this line from a row, so it may not be the header",
        line=line,
        remedy="declare header_row if it is the header, or `header` with the names if the file has none",
    )


def _sizes(names: Sequence[str]) -> int:
    """How many names are whole numbers in rising order, as sizes and years are; 0 when they do not rise."""
    numbers = [int(n) for n in names if n.isascii() and n.isdigit() and len(n) <= 4]
    return len(numbers) if all(a < b for a, b in pairwise(numbers)) else 0


def _evidence(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Columns whose name looks like their cells, and columns whose name certainly does not."""
    kinds = shape.column_kinds(rows, len(header))
    step = max(1, len(rows) // 200)
    numbered = _numbered(header)
    alike = apart = 0
    for i, kind in enumerate(kinds):
        name, cells = header[i], [r[i] for r in rows[::step] if i < len(r) and r[i].strip()]
        own = shape.kind_of(name)
        if own in ("number", "date") or (name and name not in numbered and _is_like(name, cells)):
            alike += 1
        elif name and cells and (_is_unlike(name, cells) or (kind in ("number", "date", "flag") and own != kind)):
            apart += 1
    return alike, apart


def _numbered(header: Sequence[str]) -> set[str]:
    """Names that differ only in the number at their end, such as ``image1`` and ``image2``."""
    stems = {name: re.sub(r"\d+$", "", name) for name in header}
    counts = Counter(stem for name, stem in stems.items() if stem and stem != name)
    return {name for name, stem in stems.items() if stem != name and counts[stem] > 1}


def _is_like(name: str, cells: Sequence[str]) -> bool:
    """Whether the name could be one more cell: built as all of them are, or found among them."""
    if cells and shape.has_digit(name) and all(shape.outline(c) == shape.outline(name) for c in cells):
        return True
    return not shape.is_header_word(name) and any(c.strip() == name for c in cells)


def _is_unlike(name: str, cells: Sequence[str]) -> bool:
    """Whether at least four of five cells hold a figure and the name does not."""
    return not shape.has_digit(name) and sum(map(shape.has_digit, cells)) * 5 >= len(cells) * 4


def looks_like_header(cells: Sequence[str], kinds: Sequence[shape.Kind]) -> bool:
    """A record without a figure, with words where the table has numbers."""
    if any(map(shape.has_digit, cells)):
        return False
    typed = [cells[i] for i, k in enumerate(kinds) if k in ("number", "date") and i < len(cells)]
    return bool(typed) and any(c.strip() for c in typed)


def is_rule(cells: Sequence[str]) -> bool:
    """Whether a record is a drawn line such as ``----+-----``."""
    joined = "".join(cells).strip()
    return len(joined) >= 3 and not joined.strip("-=+:|_ ") and any(c in joined for c in "-=_")

"""What cells look like: enough to tell a header from its rows and a delimiter from a decimal comma. Nothing is read."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

Kind = Literal["empty", "number", "date", "flag", "code", "text"]

_MONEY = r"(?:R|ZAR|USD|EUR|GBP|US\$|\$|€|£)"
_NUMBER = re.compile(
    rf"\(?[-+]?\s?{_MONEY}?\s?[-+]?(?:\d{{1,3}}(?:[ ,.'\u00a0\u202f]\d{{3}})+|\d+)?(?:[.,]\d*)?(?:[eE][-+]?\d+)?"
    rf"\s?(?:%|{_MONEY}|,-)?\)?-?"
)
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[-+]\d\d:?\d\d)?)?"
    r"|\d{1,2}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{2,4}(?: \d{1,2}:\d{2}(?::\d{2})?)?|\d{1,2}:\d{2}(?::\d{2})?"
)
_FLAGS = {"true", "false", "yes", "no", "y", "n", "active", "delete", "ignore", "inactive"}
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W\d_]+")
_HEADER_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
sku skus code codes item items product products variant variants title name names description descriptions price
prices qty quantity stock soh available barcode ean gtin upc mpn brand vendor supplier manufacturer category
categories collection type tags tag image images picture url link weight size colour color option active status
published currency cost retail wholesale trade incl excl vat tax unit units uom id number ref reference date
updated modified warehouse branch location email customer account handle body html note notes group department
range style material gender length width height depth pack discount rrp msrp part artikel artikelnummer nummer
bezeichnung beschreibung preis menge bestand farbe lagerbestand hersteller kode naam beskrywing prys voorraad
hoeveelheid kleur maat grootte codigo nombre precio cantidad descripcion marca nom prix quantite designation
libelle couleur taille stocks first last phone city country
""",
    )
)


def kind_of(cell: str) -> Kind:
    """What one cell looks like.

    >>> kind_of("1.234,50"), kind_of("R 12.00"), kind_of("A-100"), kind_of("12:30"), kind_of("Shirt, blue")
    ('number', 'number', 'code', 'date', 'text')
    """
    text = cell.strip()
    if not text:
        return "empty"
    if len(text) <= 40 and _DIGIT.search(text):
        if _NUMBER.fullmatch(text):
            return "number"
        if _DATE.fullmatch(text):
            return "date"
        if not re.search(r"\s", text):
            return "code"
    return "flag" if text.lower() in _FLAGS else "text"


def outline(cell: str) -> str:
    """Letters and figures of a cell as runs, so that codes of one kind look alike.

    >>> outline("AB-1001"), outline("Shirt")
    ('A-0', 'A')
    """
    return re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "A", cell.strip()))


def has_digit(cell: str) -> bool:
    """Whether a figure stands in the cell."""
    return _DIGIT.search(cell) is not None


def column_kind(cells: Iterable[str]) -> Kind:
    """The kind that at least four of five filled cells of a column share; ``text`` when there is none."""
    kinds = Counter(k for k in map(kind_of, cells) if k != "empty")
    if not kinds:
        return "empty"
    kind, count = kinds.most_common(1)[0]
    return kind if count * 5 >= sum(kinds.values()) * 4 else "text"


def column_kinds(rows: Sequence[Sequence[str]], width: int, *, sample: int = 400) -> list[Kind]:
    """The kind of each column, judged by rows spread over the table."""
    step = max(1, len(rows) // sample)
    chosen = rows[::step]
    return [column_kind(row[i] for row in chosen if i < len(row)) for i in range(width)]


def is_header_word(cell: str) -> bool:
    """Whether a word of the trade's usual headings stands in the cell.

    >>> is_header_word("Retail Price (incl)"), is_header_word("Shirt")
    (True, False)
    """
    if len(cell) > 60:
        return False
    return any(word.lower() in _HEADER_WORDS for word in _WORD.findall(cell))


def is_natural(cell: str, delimiter: str) -> bool:
    """Whether the character stands in this cell as it does in numbers, times, addresses, mark-up and sentences.

    >>> is_natural("1,50", ","), is_natural("red, green", ","), is_natural("https://example.com", ":"), is_natural("a;b", ";")
    (True, True, True, False)
    """
    if kind_of(cell) in ("number", "date"):
        return True
    rest = re.sub(r"<[^<>]*>|&#?\w+;|\w+://[^\s,;|]+", "", cell)
    rest = re.sub(r"(?<=\d)[.,:](?=\d)", "", rest)
    return delimiter not in re.sub(r"[,;:](?=\s)|:$", "", rest)

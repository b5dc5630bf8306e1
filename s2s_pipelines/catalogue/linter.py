"""Catches field maps that take a price for a quantity or a quantity for a price.

The trade's own getting-started template maps ``qty`` to the retail price and ``price`` to the quantity (domain
research, section 16), and whoever copies it sells 12 tents for 349 rand at 12 rand each. Names are asked first; where
they do not tell, the values are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from s2s_pipelines.model.field import FieldRow, ValueType, find_target

if TYPE_CHECKING:
    import pyarrow as pa

Sort = Literal["quantity", "price"]

_QUANTITY = {
    *("qty", "qtys", "quantity", "quantities", "soh", "qoh", "onhand", "instock", "available", "avail", "availability"),
    *("units", "stock", "stk", "atp", "inventory", "voorraad", "hoeveelheid", "aantal", "warehouse", "whse"),
}
_PRICE = {
    *("price", "prices", "pricing", "prc", "cost", "retail", "wholesale", "rrp", "msrp", "srp", "sell", "selling"),
    *("amount", "amt", "incl", "excl", "inclusive", "exclusive", "vat", "nett", "rand", "zar"),
    *("prys", "pryse", "verkoopprys", "kosprys"),
}
_NEITHER = {
    *("code", "codes", "id", "no", "nr", "num", "number", "name", "desc", "description", "group", "type", "category"),
    *("date", "status", "flag", "key", "ref", "reference", "class", "link", "centre", "center", "currency", "rule"),
    *("measure", "uom", "is", "has", "manage", "management", "managed", "tracked", "tracker", "policy", "note"),
}
"""Beside one of these a name speaks of something about a price or a stock, not of the figure."""
_DOUBTFUL = {"item", "items", "unit", "value", "location", "bin", "active", "web"}
"""Beside one of these only the plainest words still count: ``unit price`` is a price, ``stock unit`` no quantity."""
_STRONG = {
    "quantity": {"qty", "qtys", "quantity", "quantities", "soh", "qoh", "onhand", "voorraad", "hoeveelheid", "aantal"},
    "price": {"price", "prices", "prc", "rrp", "msrp", "prys", "pryse", "cost"},
}
_GLUED = (
    ("quantity", re.compile(r"qty|quantity|onhand|instock|stockavail|freestock|qoh|voorraad")),
    ("price", re.compile(r"price|retail|rrp|msrp|prys|(?:unit|list|sales|std|avg|average)cost|costincl|costexcl")),
)
_ORDER_AMOUNTS = {"line_item.number"}
_LEAST_ROWS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspicious row of a map.

    Attributes:
        target: the target's name.
        column: the source's column.
        message: what is wrong.
        fix: what to write instead.
    """

    target: str
    column: str
    message: str
    fix: str


def words_of(name: str) -> list[str]:
    """A column's name in small words: cut at blanks, marks, digits and inner capitals.

    >>> words_of("QtyOnHand"), words_of("SELLINGPRICE1"), words_of("unit_price (excl.)"), words_of("OAvailable")
    (['qty', 'on', 'hand'], ['sellingprice'], ['unit', 'price', 'excl'], ['o', 'available'])
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [w.lower() for w in re.findall(r"[^\W\d_]+", spaced)]


def sort_of(name: str) -> Sort | None:
    """Whether a column's name says quantity or price; None where it says neither, or both.

    >>> sort_of("QTYONHAND"), sort_of("Stock on Hand"), sort_of("SellPrice1"), sort_of("UnitPriceExcl")
    ('quantity', 'quantity', 'price', 'price')
    >>> sort_of("price_qty_break"), sort_of("Stock Code"), sort_of("F7"), sort_of("cost_centre")
    (None, None, None, None)
    """
    words = words_of(name)
    joined = " ".join(words)
    if re.search(r"\bon hand\b|\bin stock\b", joined):
        words.append("onhand")
    glued = [sort for w in words for sort, pattern in _GLUED if w not in _QUANTITY | _PRICE and pattern.search(w)]
    says_quantity = bool(_QUANTITY & set(words)) or "quantity" in glued
    says_price = bool(_PRICE & set(words)) or "price" in glued
    if says_quantity == says_price:
        return None
    said: Sort = "quantity" if says_quantity else "price"
    if _NEITHER & set(words):
        return None
    is_plain = not _DOUBTFUL & set(words) or bool(_STRONG[said] & set(words)) or bool(glued)
    return said if is_plain else None


def _wanted(row: FieldRow) -> Sort | None:
    target = find_target(row.target)
    if target is None or row.column is None or target.name in _ORDER_AMOUNTS:
        return None
    if target.type is ValueType.QUANTITY:
        return "quantity"
    return "price" if target.type in {ValueType.PRICE, ValueType.TIERS} else None


def _own_name(row: FieldRow) -> str:
    """The column without the ``header.`` or ``line.`` of an order map."""
    column = row.column or ""
    return column.split(".", 1)[1] if row.feed == "orders" and "." in column else column


def lint_names(rows: Sequence[FieldRow]) -> list[Finding]:
    """Rows whose column is named like a quantity and feeds a price, or the reverse.

    >>> swapped = [FieldRow("products", "variants.retail_price", "qty"), FieldRow("products", "variants.qty", "price")]
    >>> [(f.column, f.target) for f in lint_names(swapped)]
    [('qty', 'variants.retail_price'), ('price', 'variants.qty')]
    >>> lint_names([FieldRow("products", "variants.qty", "qty")])
    []
    """
    findings = []
    for row in rows:
        wanted, said = _wanted(row), sort_of(_own_name(row))
        if wanted is not None and said is not None and wanted != said:
            findings.append(_finding(row, rows, f"is named like a {said} and feeds a {wanted}"))
    return findings


def _finding(row: FieldRow, rows: Sequence[FieldRow], says: str) -> Finding:
    wanted = _wanted(row)
    swap = next((r for r in rows if r.feed == row.feed and _wanted(r) not in {None, wanted}), None)
    fix = (
        f"map {swap.column!r} to {row.target} and {row.column!r} to {swap.target}"
        if swap
        else f"map the column that holds the {wanted}"
    )
    return Finding(row.target, row.column or "", f"column {row.column!r} {says} ({row.target})", fix)


@dataclass(frozen=True, slots=True)
class _Figures:
    """What a column's numbers look like; shares are of the readable cells."""

    rows: int
    median: float
    zeros: float
    fractions: float
    cents: float


def _figures(texts: "pa.ChunkedArray") -> _Figures | None:
    """None where fewer than five cells, or fewer than nine in ten of those filled, are numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(pc.cast(texts, pa.string()))
    filled = texts.filter(pc.fill_null(pc.not_equal(texts, ""), fill_value=False))
    bare = pc.replace_substring_regex(filled, r"^(?:R|[A-Z]{3})\s*|[\s\x{00A0}\x{202F}']", "")
    shape = r"^-?\d{1,12}(?:[.,]\d{1,6})?$"
    numbers = bare.filter(pc.match_substring_regex(bare, shape))
    if len(numbers) < _LEAST_ROWS or len(numbers) < 0.9 * len(filled):
        return None
    pointed = pc.replace_substring(numbers, ",", ".")
    values = pc.cast(pointed, pa.float64())  # a statistic, never a price

    def share(mask: "pa.ChunkedArray") -> float:
        return float(pc.sum(mask).as_py() or 0) / len(numbers)

    return _Figures(
        len(numbers),
        float(pc.quantile(values, 0.5)[0].as_py()),
        share(pc.equal(values, 0)),
        share(pc.not_equal(pc.floor(values), values)),
        share(pc.match_substring_regex(pointed, r"\.\d\d$")),
    )


def _look_swapped(quantity: _Figures, price: _Figures) -> bool:
    """Whether the presumed quantities look like prices *and* the presumed prices like quantities.

    Either alone is no proof: cloth is sold by the half metre, and some shops price in whole rands. So the presumed
    prices must be whole throughout, and the presumed quantities must carry cents and either be mostly larger or never
    be zero where the others sometimes are.
    """
    is_whole = price.fractions == 0 and price.cents == 0
    carries_cents = quantity.fractions >= 0.2 and quantity.cents >= 0.5
    is_larger = quantity.median > price.median
    if is_whole and carries_cents:
        return is_larger or (price.zeros > 0 and quantity.zeros == 0)
    return is_whole and quantity.cents >= 0.9 and quantity.zeros == 0 and price.zeros >= 0.05 and is_larger


def lint_values(table: "pa.Table", rows: Sequence[FieldRow]) -> list[Finding]:
    """Pairs of a quantity and a price column whose values look as if they were swapped.

    Only pairs whose names do not tell are looked at, and only where at least five rows are filled.

    Args:
        table: the source's columns as text.
        rows: the map's rows of one feed.
    """
    quiet = [r for r in rows if r.column in table.column_names and sort_of(_own_name(r)) is None]
    findings = []
    for price_row in [r for r in quiet if r.target == "variants.retail_price"]:
        for quantity_row in [r for r in quiet if r.target == "variants.qty"]:
            quantity, price = _figures(table[quantity_row.column]), _figures(table[price_row.column])
            if quantity and price and _look_swapped(quantity, price):
                pair = [quantity_row, price_row]
                findings.append(_finding(quantity_row, pair, "holds amounts with cents and feeds a quantity"))
                findings.append(_finding(price_row, pair, "holds whole numbers like stock and feeds a price"))
    return findings

"""Reads numbers as people and programs write them, exactly as declared and never by guess.

Accepted, beside plain digits: the client's currency before or after, groups of three divided by a space (no-break
spaces too) or by the declared thousands mark, the declared decimal mark, and the minus in front, behind (Pastel) or
as parentheses (bookkeeping). A mark that was not declared makes the number ambiguous, and it is refused.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.fault import Flaw
from s2s_pipelines.catalogue.policy import NumberFormat
from s2s_pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE_DIGITS = 12
DECIMALS = 10
SYMBOLS = {
    "ZAR": ("R",),
    "USD": ("US$", "$"),
    "EUR": ("€",),
    "GBP": ("£",),
    "NAD": ("N$",),
    "BWP": ("P",),
    "JPY": ("¥",),
}
_FOREIGN = r"(?:[a-z]{3}|[a-z]{0,2}[$€£¥₹₦₵]|R)"
_SPACES = r"[\x{00A0}\x{2007}\x{2009}\x{202F}]"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a source writes numbers, and which currency it may name beside an amount (ISO 4217)."""

    numbers: NumberFormat = field(default_factory=NumberFormat)
    currency: str = "ZAR"


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a column of cells.

    Attributes:
        values: one per cell; null where the cell was empty or could not be read.
        flaws: cells that could not be read.
        remarks: cells that were read in spite of something worth telling.
    """

    values: "pa.Array"
    flaws: tuple[Flaw, ...] = ()
    remarks: tuple[Flaw, ...] = ()


def _mark(text: str) -> str:
    return re.escape(text)


def _check(numbers: NumberFormat) -> None:
    if numbers.decimal_mark == numbers.thousands_mark:
        raise ConfigurationError(
            f"numbers declares {numbers.decimal_mark!r} both as decimal mark and as thousands mark",
            next_step="declare two different marks",
        )


def _without_currency(texts: "pa.Array", currency: str) -> "pa.Array":
    import pyarrow.compute as pc

    if not currency:
        return texts
    names = "|".join(_mark(s) for s in (currency, *SYMBOLS.get(currency, ())))
    texts = pc.replace_substring_regex(texts, rf"(?i)^([(+-]*)\s*(?:{names})\s*", r"\1")
    return pc.replace_substring_regex(texts, rf"(?i)([\d.,)-])\s*(?:{names})$", r"\1")


def _tidied(texts: "pa.Array", spelling: Spelling) -> "pa.Array":
    """Blanks evened out, currency off, the minus in front."""
    import pyarrow.compute as pc

    texts = pc.replace_substring_regex(texts, _SPACES, " ")
    texts = pc.utf8_trim_whitespace(pc.replace_substring(texts, "\u2212", "-"))
    texts = _without_currency(texts, spelling.currency)
    texts = pc.replace_substring_regex(texts, r"^\(\s*([^()+-]+?)\s*\)$", r"-\1")
    texts = pc.replace_substring_regex(texts, r"^([^()+-]*\d[.,]?)\s*-$", r"-\1")
    return pc.replace_substring_regex(texts, r"^([+-])\s+", r"\1")


def _flaws(texts: "pa.Array", is_bad: "pa.Array", *, is_money: bool) -> tuple[Flaw, ...]:
    import pyarrow as pa
    import pyarrow.compute as pc

    currency = pc.match_substring_regex(texts, rf"(?i)^[+-]?{_FOREIGN}\s*[\d(+-]|\d\s*{_FOREIGN}$")
    marks_only = pc.match_substring_regex(texts, r"^[+-]?[.,' ]*\d[\d.,' ]*$")
    named = pc.and_(pc.and_(is_bad, currency), pa.scalar(is_money))
    unclear = pc.and_(is_bad, marks_only)
    other = pc.and_not(is_bad, pc.or_(named, unclear))
    return (Flaw("other_currency", named), Flaw("ambiguous_number", unclear), Flaw("not_a_number", other))


def _canonical(texts: "pa.Array", numbers: NumberFormat) -> "pa.Array":
    """Well-formed numbers as plain digits with a point, at most ten decimals."""
    import pyarrow.compute as pc

    for mark in {" ", numbers.thousands_mark} - {""}:
        texts = pc.replace_substring(texts, mark, "")
    if numbers.decimal_mark == ",":
        texts = pc.replace_substring(texts, ",", ".")
    texts = pc.replace_substring_regex(texts, r"^\+?(-?)0*(\d|\.)", r"\1\2")
    return pc.replace_substring_regex(texts, rf"(\.\d{{{DECIMALS}}})\d+$", r"\1")


def _read_odd(texts: "pa.Array", spelling: Spelling) -> tuple["pa.Array", tuple[Flaw, ...]]:
    """Decimals of cells that are not plain digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = spelling.numbers
    tidy = _tidied(texts, spelling)
    point = _mark(numbers.decimal_mark)
    groups = "".join(rf"|\d{{1,3}}(?:{_mark(g)}\d{{3}})+" for g in sorted({" ", numbers.thousands_mark} - {""}))
    is_number = pc.match_substring_regex(tidy, rf"^[+-]?(?:(?:\d+{groups})(?:{point}\d*)?|{point}\d+)$")
    is_number = pc.fill_null(is_number, fill_value=True)
    is_blank = pc.fill_null(pc.equal(tidy, ""), fill_value=True)
    is_bad = pc.invert(pc.or_(is_number, is_blank))
    flaws = _flaws(pc.fill_null(tidy, ""), is_bad, is_money=bool(spelling.currency))
    plain = _canonical(pc.if_else(pc.or_(is_bad, is_blank), pa.scalar(None, pa.string()), tidy), numbers)
    is_huge = pc.fill_null(pc.match_substring_regex(plain, rf"^-?\d{{{WHOLE_DIGITS + 1}}}"), fill_value=False)
    plain = pc.if_else(is_huge, pa.scalar(None, pa.string()), plain)
    return pc.cast(plain, decimal_type()), (*flaws, Flaw("too_large", is_huge))


def decimal_type() -> "pa.DataType":
    """The type of a number just read: twelve whole digits, ten decimals."""
    import pyarrow as pa

    return pa.decimal128(WHOLE_DIGITS + DECIMALS, DECIMALS)


def read_decimals(texts: "pa.Array", spelling: Spelling) -> Reading:
    """Numbers from texts, exactly; more than ten decimals are cut off.

    Empty cells give null, unreadable ones a flaw: ``ambiguous_number``, ``not_a_number``, ``other_currency`` or
    ``too_large``.

    Raises:
        ConfigurationError: the declared marks contradict each other.

    >>> import pyarrow as pa
    >>> reading = read_decimals(pa.array(["R 1 234.50", "007", "", "1,234"]), Spelling())
    >>> [str(v) for v in reading.values]
    ['1234.5000000000', '7.0000000000', 'None', 'None']
    >>> [flaw.reason for flaw in reading.flaws]
    ['ambiguous_number']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    _check(spelling.numbers)
    point = _mark(spelling.numbers.decimal_mark)
    is_plain = pc.match_substring_regex(texts, rf"^\d{{1,{WHOLE_DIGITS}}}(?:{point}\d{{1,{DECIMALS}}})?$")
    is_plain = pc.fill_null(is_plain, fill_value=False)
    easy = pc.if_else(is_plain, texts, pa.scalar(None, pa.string()))
    if spelling.numbers.decimal_mark == ",":
        easy = pc.replace_substring(easy, ",", ".")
    values = pc.cast(easy, decimal_type())
    is_odd = pc.and_(pc.invert(is_plain), pc.is_valid(texts))
    odd_at = pc.indices_nonzero(is_odd)
    if len(odd_at) == 0:
        return Reading(values)
    odd, flaws = _read_odd(texts.take(odd_at), spelling)
    values = pc.replace_with_mask(values, is_odd, odd)
    return Reading(values, spread(flaws, is_odd))


def spread(flaws: tuple[Flaw, ...], where: "pa.Array") -> tuple[Flaw, ...]:
    """Flaws of a selection as flaws of the whole column it was selected from; empty ones fall away."""
    import pyarrow as pa
    import pyarrow.compute as pc

    none = pa.repeat(pa.scalar(False), len(where))
    return tuple(
        Flaw(flaw.reason, pc.replace_with_mask(none, where, flaw.mask)) for flaw in flaws if pc.any(flaw.mask).as_py()
    )

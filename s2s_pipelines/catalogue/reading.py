"""Turns columns of text into the types of the vocabulary, cell by cell and without guessing.

One function per ``ValueType``. Each takes a text column (or a decimal column that a transform made) and gives a
``Reading``: values, the cells it refused, and the cells it took in spite of something.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.fault import Flaw
from s2s_pipelines.catalogue.number import WHOLE_DIGITS, Reading, Spelling, read_decimals
from s2s_pipelines.catalogue.policy import Terms
from s2s_pipelines.model.field import ValueType
from s2s_pipelines.model.money import TaxBasis

if TYPE_CHECKING:
    import pyarrow as pa

LIMITS = {
    ValueType.CODE: 140,
    ValueType.TEXT: 4_000,
    ValueType.HTML: 200_000,
    ValueType.TAGS: 4_000,
    ValueType.URL: 2_000,
    ValueType.EMAIL: 254,
}
"""Characters a cell may hold. Codes: a product key with its source's name must fit 190 characters."""

PRICE_LIMIT = 10**WHOLE_DIGITS
QUANTITY_LIMIT = 999_999_999
TAG_LIMIT = 250
ACTIVE = ("active", "a", "true", "t", "yes", "y", "1", "on")
DELETE = ("delete", "deleted", "d", "false", "f", "no", "n", "0", "off")
IGNORE = ("ignore", "ignored", "i")
TRUE = ("true", "t", "yes", "y", "1", "on")
FALSE = ("false", "f", "no", "n", "0", "off")

_UNSEEN = (
    r"[\x{0000}-\x{001F}\x{007F}-\x{009F}\x{00AD}\x{061C}\x{180E}"
    r"\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{FEFF}]"
)
_CONTROL = r"[\x{0000}-\x{0008}\x{000B}\x{000C}\x{000E}-\x{001F}\x{007F}]"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a source's texts are to be read.

    Attributes:
        basis: the tax basis of its prices.
        terms: what prices of the catalogue mean; prices are converted to their basis.
    """

    spelling: Spelling
    basis: TaxBasis
    terms: Terms


def is_text(column: "pa.Array") -> bool:
    """Whether a column still is text, rather than numbers that a transform read."""
    import pyarrow as pa

    return bool(pa.types.is_string(column.type))


def null_text() -> "pa.Scalar":
    """A missing text."""
    import pyarrow as pa

    return pa.scalar(None, pa.string())


def or_null(texts: "pa.Array", keep: "pa.Array") -> "pa.Array":
    """Texts where ``keep`` is true, null elsewhere; empty text is null too."""
    import pyarrow.compute as pc

    return pc.if_else(pc.and_(keep, pc.not_equal(texts, "")), texts, null_text())


def as_text(column: "pa.Array") -> "pa.Array":
    """Decimals as plain digits without needless zeros; text stays.

    >>> import pyarrow as pa
    >>> as_text(pa.array([Decimal("12.50"), Decimal("100.00")])).to_pylist()
    ['12.5', '100']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_text(column):
        return column
    texts = pc.cast(column, pa.string())
    return pc.replace_substring_regex(texts, r"(?:\.0*|(\.\d*[1-9])0+)$", r"\1")


def _as_decimals(column: "pa.Array", spelling: Spelling) -> Reading:
    return read_decimals(column, spelling) if is_text(column) else Reading(column)


def _where(condition: "pa.Array") -> "pa.Array":
    import pyarrow.compute as pc

    return pc.fill_null(condition, fill_value=False)


def flawed(*flaws: Flaw) -> tuple[Flaw, ...]:
    """Those flaws that occur at all."""
    import pyarrow.compute as pc

    return tuple(f for f in flaws if pc.any(f.mask).as_py())


def _bounded(texts: "pa.Array", kind: ValueType) -> tuple["pa.Array", Flaw]:
    """Texts within the limit of their type."""
    import pyarrow.compute as pc

    is_long = _where(pc.greater(pc.utf8_length(texts), LIMITS[kind]))
    return or_null(texts, pc.invert(is_long)), Flaw("too_long", is_long)


def _cleaned(texts: "pa.Array", pattern: str, put: str = "") -> tuple["pa.Array", "pa.Array"]:
    """Texts without the characters of a pattern, and where there were any."""
    import pyarrow.compute as pc

    has_any = _where(pc.match_substring_regex(texts, pattern))
    if not pc.any(has_any).as_py():
        return texts, has_any
    return pc.replace_substring_regex(texts, pattern, put), has_any


def read_code(column: "pa.Array", manner: Manner) -> Reading:
    r"""Codes: outer blanks off, characters nobody sees taken out, leading zeros kept.

    >>> import pyarrow as pa
    >>> manner = Manner(Spelling(), "incl", Terms())
    >>> read_code(pa.array([" 00\u00ad42 ", "\u200b", "A B"]), manner).values.to_pylist()
    ['0042', None, 'A B']
    """
    import pyarrow.compute as pc

    texts, was_cleaned = _cleaned(pc.utf8_trim_whitespace(as_text(column)), _UNSEEN)
    texts, long = _bounded(pc.utf8_trim_whitespace(texts), ValueType.CODE)
    # A code of blanks and unseen characters only is simply missing; there is nothing to tell about it.
    remarked = pc.and_(was_cleaned, pc.is_valid(texts))
    return Reading(texts, flawed(long), flawed(Flaw("removed_characters", remarked)))


def read_text(column: "pa.Array", manner: Manner) -> Reading:
    r"""One line of text: control characters become blanks, outer blanks go.

    >>> import pyarrow as pa
    >>> manner = Manner(Spelling(), "incl", Terms())
    >>> read_text(pa.array([" Tent\tgreen\n", "  "]), manner).values.to_pylist()
    ['Tent green', None]
    """
    import pyarrow.compute as pc

    texts, _ = _cleaned(as_text(column), r"[\x{0000}-\x{001F}\x{007F}]+", " ")
    texts, long = _bounded(pc.utf8_trim_whitespace(texts), ValueType.TEXT)
    return Reading(texts, flawed(long))


def read_html(column: "pa.Array", manner: Manner) -> Reading:
    """Markup as it stands, only control characters and outer blanks go. Making it safe is the channel's part."""
    import pyarrow.compute as pc

    texts, was_cleaned = _cleaned(as_text(column), _CONTROL)
    texts, long = _bounded(pc.utf8_trim_whitespace(texts), ValueType.HTML)
    return Reading(texts, flawed(long), flawed(Flaw("removed_characters", was_cleaned)))


def _spoken(column: "pa.Array", words: dict[str, tuple[str, ...]], reason: str) -> Reading:
    """Each cell's word in the vocabulary of a switch; blank is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(column)))
    spellings = pa.array([s for group in words.values() for s in group])
    meanings = pa.array([meaning for meaning, group in words.items() for _ in group])
    values = meanings.take(pc.index_in(texts, value_set=spellings))
    unknown = _where(pc.and_(pc.is_null(values), pc.not_equal(texts, "")))
    return Reading(values, flawed(Flaw(reason, unknown)))


def read_tristate(column: "pa.Array", manner: Manner) -> Reading:
    """The trade's switch: active, delete or ignore; null where blank (domain research, section 5.5).

    A two-valued switch knows no ignore, so its off means delete.

    >>> import pyarrow as pa
    >>> manner = Manner(Spelling(), "incl", Terms())
    >>> read_tristate(pa.array(["Active", "D", "false", "1", " ", "I"]), manner).values.to_pylist()
    ['active', 'delete', 'delete', 'active', None, 'ignore']
    """
    return _spoken(column, {"active": ACTIVE, "delete": DELETE, "ignore": IGNORE}, "unknown_switch")


def read_bool(column: "pa.Array", manner: Manner) -> Reading:
    """Yes or no; null where blank, refused where it is neither.

    >>> import pyarrow as pa
    >>> manner = Manner(Spelling(), "incl", Terms())
    >>> read_bool(pa.array(["Yes", "0", "", "maybe"]), manner).values.to_pylist()
    [True, False, None, None]
    """
    import pyarrow.compute as pc

    spoken = _spoken(column, {"true": TRUE, "false": FALSE}, "not_yes_or_no")
    return Reading(pc.equal(spoken.values, "true"), spoken.flaws)


def read_price(column: "pa.Array", manner: Manner) -> Reading:
    """Amounts in the catalogue's tax basis, rounded half up to four decimals; a negative one is refused.

    >>> import pyarrow as pa
    >>> manner = Manner(Spelling(), "excl", Terms(basis="incl", tax_rate=Decimal(15)))
    >>> [str(v) for v in read_price(pa.array(["R 100", "0.00005"]), manner).values]
    ['115.0000', '0.0001']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    read = _as_decimals(column, manner.spelling)
    is_negative = _where(pc.less(read.values, 0))
    is_huge = _where(pc.greater_equal(read.values, PRICE_LIMIT))
    is_good = pc.invert(pc.or_(is_negative, is_huge))
    amounts = pc.if_else(is_good, read.values, pa.scalar(None, read.values.type))
    if manner.basis != manner.terms.basis:
        factor = pa.scalar(round(1 + manner.terms.tax_rate / 100, 8), pa.decimal128(12, 8))
        convert = pc.multiply if manner.terms.basis == "incl" else pc.divide
        amounts = convert(pc.cast(amounts, pa.decimal128(22, 10)), factor)
    rounded = pc.cast(pc.round(amounts, 4, "half_towards_infinity"), pa.decimal128(18, 4))
    return Reading(rounded, (*read.flaws, *flawed(Flaw("negative_price", is_negative), Flaw("too_large", is_huge))))


def read_quantity(column: "pa.Array", manner: Manner) -> Reading:
    """Whole units. ``5.000`` is 5, ``2.5`` is refused, and so is more than 999,999,999.

    A negative quantity means that nothing can be sold: it counts as 0 and is remarked upon (the trade stores it as 0
    too: domain research, section 3.1). Refusing it would leave the last good, higher quantity on sale.

    >>> import pyarrow as pa
    >>> manner = Manner(Spelling(), "incl", Terms())
    >>> reading = read_quantity(pa.array(["5.000", "2.5", "-3", ""]), manner)
    >>> reading.values.to_pylist(), reading.flaws[0].reason, reading.remarks[0].reason
    ([5, None, 0, None], 'fractional_quantity', 'negative_quantity')
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    read = _as_decimals(column, Spelling(manner.spelling.numbers, currency=""))
    is_negative = _where(pc.less(read.values, 0))
    values = pc.if_else(is_negative, pa.scalar(Decimal(0), read.values.type), read.values)
    is_fraction = _where(pc.not_equal(pc.floor(values), values))
    is_huge = _where(pc.greater(values, QUANTITY_LIMIT))
    is_good = pc.invert(pc.or_(is_fraction, is_huge))
    units = pc.cast(pc.if_else(is_good, values, pa.scalar(None, values.type)), pa.int64())
    flaws = flawed(Flaw("fractional_quantity", is_fraction), Flaw("too_large", is_huge))
    return Reading(units, (*read.flaws, *flaws), flawed(Flaw("negative_quantity", is_negative)))


def read_weight(column: "pa.Array", manner: Manner) -> Reading:
    """Grams, rounded half up to whole ones; a negative weight is refused."""
    import pyarrow as pa
    import pyarrow.compute as pc

    read = _as_decimals(column, Spelling(manner.spelling.numbers, currency=""))
    is_negative = _where(pc.less(read.values, 0))
    is_huge = _where(pc.greater(read.values, QUANTITY_LIMIT))
    is_good = pc.invert(pc.or_(is_negative, is_huge))
    values = pc.if_else(is_good, read.values, pa.scalar(None, read.values.type))
    grams = pc.cast(pc.round(values, 0, "half_towards_infinity"), pa.int64())
    flaws = flawed(Flaw("negative_weight", is_negative), Flaw("too_large", is_huge))
    return Reading(grams, (*read.flaws, *flaws))


def _list_of_tags(text: str | None) -> list[str] | None:
    tags = {t.strip() for t in (text or "").split(",")} - {""}
    return sorted(tags) or None


def read_tags(column: "pa.Array", manner: Manner) -> Reading:
    """Comma separated tags as a list: trimmed, sorted, each once.

    >>> import pyarrow as pa
    >>> manner = Manner(Spelling(), "incl", Terms())
    >>> read_tags(pa.array(["summer, blue,,summer", ""]), manner).values.to_pylist()
    [['blue', 'summer'], None]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts, _ = _cleaned(as_text(column), r"[\x{0000}-\x{001F}\x{007F}]+", " ")
    texts, long = _bounded(texts, ValueType.TAGS)
    unique = pc.dictionary_encode(texts)
    lists = pa.array([_list_of_tags(t) for t in unique.dictionary.to_pylist()], pa.list_(pa.string()))
    values = lists.take(unique.indices)
    crowded = _where(pc.greater(pc.list_value_length(values), TAG_LIMIT))
    values = pc.if_else(crowded, pa.scalar(None, values.type), values)
    return Reading(values, flawed(long, Flaw("too_many_parts", crowded)))


def _read_shaped(column: "pa.Array", kind: ValueType, pattern: str, reason: str) -> Reading:
    import pyarrow.compute as pc

    texts, long = _bounded(pc.utf8_trim_whitespace(as_text(column)), kind)
    is_shaped = pc.match_substring_regex(texts, pattern)
    return Reading(or_null(texts, is_shaped), flawed(long, Flaw(reason, _where(pc.invert(is_shaped)))))


def read_url(column: "pa.Array", manner: Manner) -> Reading:
    """Web addresses: http and https only, without a login in them.

    >>> import pyarrow as pa
    >>> manner = Manner(Spelling(), "incl", Terms())
    >>> read_url(pa.array(["https://example.com/a.jpg", "file:///etc/passwd", ""]), manner).values.to_pylist()
    ['https://example.com/a.jpg', None, None]
    """
    return _read_shaped(column, ValueType.URL, r"(?i)^https?://[^\s/?#@:]+(?::\d+)?(?:[/?#][^\s]*)?$", "not_a_url")


def read_email(column: "pa.Array", manner: Manner) -> Reading:
    """E-mail addresses, as far as a shape can tell."""
    return _read_shaped(column, ValueType.EMAIL, r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "not_an_email")


READERS: dict[ValueType, Callable[["pa.Array", Manner], Reading]] = {
    ValueType.CODE: read_code,
    ValueType.TEXT: read_text,
    ValueType.HTML: read_html,
    ValueType.BOOL: read_bool,
    ValueType.TRISTATE: read_tristate,
    ValueType.PRICE: read_price,
    ValueType.QUANTITY: read_quantity,
    ValueType.WEIGHT: read_weight,
    ValueType.TAGS: read_tags,
    ValueType.URL: read_url,
    ValueType.EMAIL: read_email,
}
"""How each type is read. Price tiers have a module of their own, since one column of them makes several."""

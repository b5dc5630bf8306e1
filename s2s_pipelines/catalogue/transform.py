"""The named transforms a field map may put between a source's column and a target's own reading.

Each is a small pure function over a whole column of texts. Text transforms hand text on to the target's type;
number transforms hand on decimals. A cell that a transform cannot read is refused with a reason, never guessed.
Field maps name transforms and never spell logic.
"""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from s2s_pipelines.catalogue.number import Reading, Spelling, decimal_type, read_decimals
from s2s_pipelines.catalogue.policy import Terms
from s2s_pipelines.catalogue.reading import Manner, null_text, read_bool, read_tristate
from s2s_pipelines.model.money import TaxBasis

if TYPE_CHECKING:
    import pyarrow as pa

Step = Callable[["pa.Array", Spelling], Reading]


@dataclass(frozen=True, slots=True)
class Transform:
    """A named step of a field map.

    Attributes:
        read: from a column of texts to texts or decimals.
        summary: one line for the documentation and for editors.
        basis: the tax basis that amounts read with it have; None means the source's own.
        part: for targets fed by several columns, whether this one is added or taken away.
    """

    name: str
    read: Step
    summary: str
    basis: TaxBasis | None = None
    part: Literal["plus", "minus"] | None = None


def strip(texts: "pa.Array", spelling: Spelling) -> Reading:
    r"""Blanks of every kind off both ends.

    >>> sample("strip", "  0042\u00a0")
    ['0042']
    """
    import pyarrow.compute as pc

    return Reading(pc.utf8_trim_whitespace(texts))


def squeeze(texts: "pa.Array", spelling: Spelling) -> Reading:
    r"""Blanks off both ends, and every run of blanks inside as one.

    >>> sample("squeeze", " Two  man\ttent ")
    ['Two man tent']
    """
    import pyarrow.compute as pc

    return Reading(pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"[\s\x{00A0}\x{202F}]+", " ")))


def upper(texts: "pa.Array", spelling: Spelling) -> Reading:
    """All letters large.

    >>> sample("upper", "ab-1é")
    ['AB-1É']
    """
    import pyarrow.compute as pc

    return Reading(pc.utf8_upper(texts))


def lower(texts: "pa.Array", spelling: Spelling) -> Reading:
    """All letters small.

    >>> sample("lower", "AB-1")
    ['ab-1']
    """
    import pyarrow.compute as pc

    return Reading(pc.utf8_lower(texts))


def decimal(texts: "pa.Array", spelling: Spelling) -> Reading:
    """A number as the source spells numbers; in a text field it comes out as plain digits.

    >>> sample("decimal", "R 1 234.50", "1,234", "")
    [Decimal('1234.5000000000'), 'refused: ambiguous_number', None]
    """
    return read_decimals(texts, spelling)


def cents(texts: "pa.Array", spelling: Spelling) -> Reading:
    """An amount written in hundredths.

    >>> sample("cents", "19999")
    [Decimal('199.9900000000')]
    """
    return _times(texts, spelling, Decimal("0.01"))


def kilograms_to_grams(texts: "pa.Array", spelling: Spelling) -> Reading:
    """Kilograms as grams.

    >>> sample("kilograms_to_grams", "1.25", "heavy")
    [Decimal('1250.0000000000'), 'refused: not_a_number']
    """
    return _times(texts, Spelling(spelling.numbers, currency=""), Decimal(1000))


def pounds_to_grams(texts: "pa.Array", spelling: Spelling) -> Reading:
    """Pounds (international, 453.59237 g) as grams.

    >>> sample("pounds_to_grams", "2")
    [Decimal('907.1847400000')]
    """
    return _times(texts, Spelling(spelling.numbers, currency=""), Decimal("453.59237"))


def _times(texts: "pa.Array", spelling: Spelling, factor: Decimal) -> Reading:
    import pyarrow as pa
    import pyarrow.compute as pc

    read = read_decimals(texts, spelling)
    product = pc.multiply(read.values, pa.scalar(factor, pa.decimal128(9, 5)))
    rounded = pc.round(product, 10, "half_towards_infinity")
    return Reading(pc.cast(rounded, pa.decimal128(decimal_type().precision + 4, decimal_type().scale)), read.flaws)


def yes_no(texts: "pa.Array", spelling: Spelling) -> Reading:
    """Any spelling of yes and no as ``true`` and ``false``.

    >>> sample("yes_no", "Y", "0", "", "perhaps")
    ['true', 'false', None, 'refused: not_yes_or_no']
    """
    return _spelled_bool(texts, yes="true", no="false")


def no_yes(texts: "pa.Array", spelling: Spelling) -> Reading:
    """The opposite of yes and no, for columns such as ``discontinued``.

    >>> sample("no_yes", "Y", "0")
    ['false', 'true']
    """
    return _spelled_bool(texts, yes="false", no="true")


def _spelled_bool(texts: "pa.Array", *, yes: str, no: str) -> Reading:
    import pyarrow.compute as pc

    read = read_bool(texts, _PLAIN)
    return Reading(pc.if_else(read.values, yes, no), read.flaws)


def tri_state(texts: "pa.Array", spelling: Spelling) -> Reading:
    """Any spelling of the trade's switch as ``active``, ``delete`` or ``ignore``.

    >>> sample("tri_state", "A", "no", "Ignore", "")
    ['active', 'delete', 'ignore', None]
    """
    return read_tristate(texts, _PLAIN)


def empty_is_zero(texts: "pa.Array", spelling: Spelling) -> Reading:
    """Empty cells as ``0``, where the source's owner says so: our own rule is that empty is not zero.

    >>> sample("empty_is_zero", "", None, "5")
    ['0', '0', '5']
    """
    import pyarrow.compute as pc

    texts = pc.fill_null(texts, "")
    return Reading(pc.if_else(pc.equal(pc.utf8_trim_whitespace(texts), ""), "0", texts))


def html_to_text(texts: "pa.Array", spelling: Spelling) -> Reading:
    """Markup as plain text: scripts and styles dropped, tags to blanks, entities to characters.

    >>> sample("html_to_text", "<p>Salt &amp; <b>pepper</b></p><script>x()</script>", "5 < 6")
    ['Salt & pepper', '5 < 6']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for pattern in (r"(?is)<(?:script|style)\b.*?</(?:script|style)\s*>", r"(?s)<!--.*?-->", r"</?[A-Za-z][^<>]*>"):
        texts = pc.replace_substring_regex(texts, pattern, " ")
    has_entity = pc.fill_null(pc.match_substring(texts, "&"), fill_value=False)
    if pc.any(has_entity).as_py():
        plain = [html.unescape(t) for t in texts.filter(has_entity).to_pylist()]
        texts = pc.replace_with_mask(texts, has_entity, pa.array(plain, pa.string()))
    return squeeze(texts, spelling)


def _nth_of_csv(place: int) -> Step:
    def read(texts: "pa.Array", spelling: Spelling) -> Reading:
        import pyarrow.compute as pc

        found = pc.extract_regex(texts, rf"^(?:[^,]*,){{{place}}}(?P<part>[^,]*)")
        part = pc.utf8_trim_whitespace(pc.struct_field(found, "part"))
        return Reading(pc.if_else(pc.equal(part, ""), null_text(), part))

    return read


def last_of_path(texts: "pa.Array", spelling: Spelling) -> Reading:
    """The last step of a path written with ``>`` or ``/``, such as a category.

    >>> sample("last_of_path", "Clothing > Shirts", "Outdoor/Tents", "Tents")
    ['Shirts', 'Tents', 'Tents']
    """
    import pyarrow.compute as pc

    return Reading(pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"(?s)^.*[>/]", "")))


_PLAIN = Manner(Spelling(), "incl", Terms())
_NTH = ("first", "second", "third", "fourth", "fifth")


def _summary(step: Step) -> str:
    return (step.__doc__ or "").strip().splitlines()[0]


def _registry() -> dict[str, Transform]:
    steps: tuple[Step, ...] = (
        strip, squeeze, upper, lower, decimal, cents, kilograms_to_grams, pounds_to_grams, yes_no, no_yes, tri_state,
        empty_is_zero, html_to_text, last_of_path,
    )  # fmt: skip
    plain = [Transform(step.__name__, step, _summary(step)) for step in steps]
    listed = [
        Transform(f"{nth}_of_csv", _nth_of_csv(place), f"The {nth} part of a comma separated list.")
        for place, nth in enumerate(_NTH)
    ]
    numbers = [
        Transform("decimal_excl", decimal, "An amount without tax, whatever the source's basis is.", basis="excl"),
        Transform("decimal_incl", decimal, "An amount with tax, whatever the source's basis is.", basis="incl"),
        Transform("sum", decimal, "One of several columns that add up to the target.", part="plus"),
        Transform("subtract", decimal, "A column that is taken away from the target's sum.", part="minus"),
    ]
    return {t.name: t for t in (*plain, *listed, *numbers)}


TRANSFORMS: Mapping[str, Transform] = MappingProxyType(_registry())
"""Every transform by the name that field maps use."""


def sample(name: str, *texts: str | None, spelling: Spelling | None = None) -> list[object]:
    """What a transform makes of a few texts; a refused one reads ``refused: <reason>``. For trying things out.

    >>> sample("first_of_csv", "a.jpg, b.jpg", ""), sample("second_of_csv", "a.jpg, b.jpg", "a.jpg")
    (['a.jpg', None], ['b.jpg', None])
    """
    import pyarrow as pa

    reading = TRANSFORMS[name].read(pa.array(texts, pa.string()), spelling or Spelling())
    shown: list[object] = reading.values.to_pylist()
    for flaw in reading.flaws:
        for at, is_flawed in enumerate(flaw.mask.to_pylist()):
            if is_flawed:
                shown[at] = f"refused: {flaw.reason}"
    return shown

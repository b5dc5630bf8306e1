"""Why a cell or a row was refused: the reasons, in words for the person who owns the data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s2s_pipelines.model.field import Level, find_target
from s2s_pipelines.model.reject import Reject

if TYPE_CHECKING:
    import pyarrow as pa

VALUE_LIMIT = 80
WITHHELD = "(withheld: personal)"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Cells of one column that share a reason.

    Attributes:
        reason: a key of ``REASONS``; for a remark, a key of ``REMARKS``.
        mask: boolean, one per row; True where it applies, never null.
    """

    reason: str
    mask: "pa.Array"


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows refused for one reason in one field.

    Attributes:
        field: the vocabulary's name, or the source's column where no target applies.
        reason: a key of ``REASONS``.
        mask: boolean per row of the extract, never null.
        values: the offending texts, one per row of the extract; None when there is no text to show.
        describe: what to add to the message for a row of the extract (by position), or None.
    """

    field: str
    reason: str
    mask: "pa.Array"
    values: "pa.Array | None" = None
    describe: Callable[[int], str] | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """What to say about a reason, and what to do about it. ``{field}`` is the vocabulary's name."""

    message: str
    remedy: str


_NUMBER = "write it with the marks declared under numbers, or declare the marks it uses"
REASONS: dict[str, Reason] = {
    "missing_sku": Reason("The row has no sku.", "give the item a sku; none is invented"),
    "missing_code": Reason("The row has no {field}.", "give the item its code"),
    "empty_quantity": Reason("{field} is empty, and empty is not zero.", "write 0 if there is none"),
    "empty_price": Reason("{field} is empty, and empty is not zero.", "give the item its price"),
    "empty_value": Reason("{field} is required and empty.", "fill it in"),
    "duplicate_sku": Reason("The sku occurs more than once in this feed.", "keep one row per sku"),
    "duplicate_code": Reason("The {field} occurs more than once in this feed.", "keep one row per code"),
    "duplicate_options": Reason(
        "Another variant of this product has the same option values.", "give each variant its own values"
    ),
    "missing_options": Reason(
        "Other variants of this product carry an option that this one lacks, or none of them carries any.",
        "give every variant of the product a value for each of its options",
    ),
    "missing_option_name": Reason("An option has values but no name.", "name the option"),
    "ambiguous_number": Reason("{field} can be read as more than one number.", _NUMBER),
    "not_a_number": Reason("{field} is not a number.", "write digits only"),
    "other_currency": Reason("{field} names a currency that is not the client's.", "deliver the client's currency"),
    "too_large": Reason("{field} is larger than any real value.", "correct the number"),
    "negative_price": Reason("{field} is negative.", "correct the price"),
    "negative_weight": Reason("{field} is negative.", "correct the weight"),
    "fractional_quantity": Reason("{field} is not a whole number of units.", "sell and count whole units"),
    "unknown_switch": Reason("{field} is none of the known switch values.", "use active, delete or ignore"),
    "not_yes_or_no": Reason("{field} is neither yes nor no.", "use yes or no"),
    "not_a_url": Reason("{field} is not an http or https address.", "give the image's full public address"),
    "not_an_email": Reason("{field} is not an e-mail address.", "correct the address"),
    "unreadable_tiers": Reason("{field} is not a list of tier:price pairs.", "write tier:price,tier:price"),
    "repeated_tier": Reason("{field} names a price tier twice.", "name each tier once"),
    "too_many_tiers": Reason("{field} names a tier beyond the number that is taken.", "use fewer price tiers"),
    "too_long": Reason("{field} is longer than is taken.", "shorten it"),
    "too_many_parts": Reason("{field} holds more parts than are taken.", "list fewer of them"),
    "failed_check": Reason("{field} failed a check of the finished row.", "correct the value"),
}

REMARKS = {
    "negative_quantity": "a negative quantity counts as 0, nothing can be sold of it",
    "removed_characters": "characters that cannot be seen were taken out",
    "unread_value": "cannot be read, and is not taken from this source anyway",
}


def bounded(value: str | None) -> str:
    r"""The text as a reject may show it: at most 80 characters, on one line.

    >>> bounded("a\nb"), len(bounded("x" * 200)), bounded(None)
    ('a b', 80, '')
    """
    text = "".join(c if c.isprintable() else " " for c in (value or "")[: VALUE_LIMIT + 1])
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"


def _is_personal(field: str) -> bool:
    target = find_target(field)
    return target is not None and target.level is Level.CUSTOMER and target.name != "source_customer_code"


def rejects_of(faults: Sequence[Fault], rows: "pa.Array", skus: "pa.Array | None") -> list[Reject]:
    """One reject per row and fault, by row, then in the order of the faults.

    Args:
        faults: each with one mask entry per row of the extract.
        rows: the source's row numbers, one per row of the extract.
        skus: the skus as far as they are known, or None.
    """
    import pyarrow.compute as pc

    made: list[tuple[int, int, Reject]] = []
    for order, fault in enumerate(faults):
        reason = REASONS[fault.reason]
        message, remedy = reason.message.format(field=fault.field), reason.remedy
        is_personal = _is_personal(fault.field)
        for at in pc.indices_nonzero(fault.mask).to_pylist():
            raw = None if fault.values is None else fault.values[at].as_py()
            value = WITHHELD if is_personal and raw else bounded(raw)
            more = f" {fault.describe(at)}" if fault.describe else ""
            sku = None if skus is None else skus[at].as_py()
            row = rows[at].as_py()
            made.append((row, order, Reject(row, sku, fault.field, fault.reason, value, message + more, remedy)))
    made.sort(key=lambda entry: entry[:2])
    return [reject for _, _, reject in made]


def remark(field: str, flaw: Flaw, rows: "pa.Array") -> str:
    """One sentence on cells that were taken in spite of something, with the first rows concerned."""
    import pyarrow.compute as pc

    found = pc.indices_nonzero(flaw.mask)
    some = ", ".join(str(row) for row in rows.take(found[:5]).to_pylist())
    more = ", …" if len(found) > 5 else ""
    return f"{flaw.reason}: {field}: {REMARKS[flaw.reason]} ({len(found)} rows: {some}{more})"

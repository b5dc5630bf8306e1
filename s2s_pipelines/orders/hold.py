"""Every reason for which an order waits for a person, with what that person can do."""

from decimal import Decimal

from s2s_pipelines.model.record import Hold

REMEDIES: dict[str, str] = {
    "foreign_currency": "Raise it by hand in that currency, then close it here.",
    "invalid_quantity": "Correct the line in the shop, or raise the order by hand and close it here.",
    "no_lines": "Look at the order in the shop; an order without goods is settled by hand and closed here.",
    "refunded_before_raising": (
        "Which lines were paid back is not known: raise the rest by hand and close it here, or cancel it in the shop."
    ),
    "line_without_sku": "Give the product a sku in the shop and edit the order, or raise it by hand and close it here.",
    "unknown_sku": "Add the sku to the ERP or correct it in the shop, refresh the catalogue, then release the order.",
    "conflict_sku": "Take the sku out of all sources but one, refresh the catalogue, then release the order.",
    "source_takes_no_orders": (
        "Raise these lines by hand and close the order, or declare the source `raised_here: not_here` and release it."
    ),
    "no_customer": "Declare a default customer for this source, or add the buyer's account, then release the order.",
    "no_shipping_item": "Declare `orders.shipping_item` for the source, then release the order.",
    "no_fee_item": "Declare `orders.fee_item` for the source, then release the order.",
    "no_tax_code": "Add the rate to `orders.tax_codes` of the source, then release the order.",
    "unknown_tax_rate": "Mend the shop's tax settings or declare the rate in `orders.tax_codes`, then release the order.",
    "totals_do_not_tie": (
        "Compare `orders.basis`, `price_decimals` and `tax_on` with the ERP's arithmetic, or raise it by hand and close it."
    ),
    "negative_total": "A document below zero is a credit: raise it by hand, then close the order here.",
    "reference_too_short": "Ask for a longer reference field in the source's connection; at least 12 characters are needed.",
    "document_kind_not_offered": "Declare a kind of document that the source offers, then release the order.",
    "found_document_differs": (
        "Look at the document with our reference in the source, then mend it there and release, or close the order."
    ),
    "raised_total_differs": "The source wrote another total than was sent: compare the document there with the order.",
    "rejected_by_source": "Mend in the source what it names, then release the order.",
    "cancelled_after_raising": "Cancel or credit the document in the source by hand.",
    "changed_after_raising": "Compare order and document, and mend the source by hand.",
}
"""Reason code -> remedy. A refusal by a source may bring a reason code of its own with it."""


def hold(reason: str, message: str) -> Hold:
    """A hold with the remedy that belongs to its reason.

    >>> hold("no_lines", "the order has no lines").remedy[:24]
    'Look at the order in the'
    """
    return Hold(reason, message, REMEDIES[reason])


def shown(codes: list[str], limit: int = 5) -> str:
    """Codes for a message, the first few of them.

    >>> shown(["A", "B"])
    'A, B'
    >>> shown(["A", "B", "C"], limit=2)
    'A, B and 1 more'
    """
    more = f" and {len(codes) - limit} more" if len(codes) > limit else ""
    return ", ".join(codes[:limit]) + more


def totals_do_not_tie(*, expected: Decimal, reached: Decimal, currency: str) -> Hold:
    """The documents' totals, as their targets would compute them, are not the shop's."""
    return hold(
        "totals_do_not_tie",
        f"the documents would come to {reached} {currency}, the shop says {expected}: a difference of {reached - expected}",
    )

"""Units that were sold and that the quantity's owner does not show yet; they are taken off what a channel is told.

The exact rule, per order and sku (issue: drop shipping; channels research 0, rule 11):

- Only orders whose sku is still owned by the primary source they were routed to count; an order not routed yet counts for
  whoever owns the sku now. When another primary source took the sku over, its figure never contained those goods.
- **The primary source itself owns the quantity**: the order is deducted until the figure was read after the order's document was
  raised. "After" compares two moments of our own clock: when the read of this sku *began*, and when the receipt was in our
  hands. A read that began before the receipt may or may not contain the document, so it does not end the deduction; nor does an
  order without a document.
- **A linked source owns the quantity**: the order is deducted until that source delivered something newer than the order. The
  moment of a delivery is the file's own stamp, or, where it has none, when its present content was first seen; never later than
  the read that saw it. Whether the ERP shows the order does not matter, because the ERP does not know the supplier's stock.
- Equal moments do not end a deduction: selling one unit too few for a while is cheaper than selling one that is not there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from s2s_pipelines.ports import OpenQuantity


@dataclass(frozen=True, slots=True)
class Figure:
    """The present quantity of one sku, and since when it can be trusted to know of orders.

    Attributes:
        source: the primary source that owns the sku.
        owner: the source that owns the quantity, ``source`` itself or one linked to it.
        read_at: when the read began that gave this figure or last confirmed it.
        delivered_at: when a linked owner made what it says now; None where that is no other moment than ``read_at``.
    """

    source: str
    owner: str
    read_at: datetime
    delivered_at: datetime | None = None


def deductions(orders: Sequence[OpenQuantity], figures: Mapping[str, Figure]) -> Mapping[str, int]:
    """Units per sku that the figures do not show yet; skus without any are left out.

    Args:
        orders: open quantities of all channels of the client, since all of them sell the same goods.
        figures: by sku; an order for a sku without a figure deducts from nothing.

    >>> from datetime import UTC
    >>> noon, one = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=UTC)
    >>> sold = OpenQuantity("A", 2, "erp", ordered_at=noon, raised_at=noon)
    >>> dict(deductions([sold], {"A": Figure("erp", "erp", read_at=noon)}))
    {'A': 2}
    >>> dict(deductions([sold], {"A": Figure("erp", "erp", read_at=one)}))
    {}
    """
    units: dict[str, int] = defaultdict(int)
    for order in orders:
        figure = figures.get(order.sku)
        if figure is not None and order.qty > 0 and not is_shown(order, figure):
            units[order.sku] += order.qty
    return dict(units)


def is_shown(order: OpenQuantity, figure: Figure) -> bool:
    """Whether the figure needs no deduction for this order; see the module's rule."""
    if order.source is not None and order.source != figure.source:
        return True
    if figure.owner == figure.source:
        return order.raised_at is not None and figure.read_at > order.raised_at
    newest = figure.read_at if figure.delivered_at is None else min(figure.delivered_at, figure.read_at)
    return newest > order.ordered_at

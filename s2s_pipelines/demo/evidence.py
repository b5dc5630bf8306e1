"""What really stands in the shops and ERPs, read from their own tables and compared; our ledger is not asked."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from s2s_pipelines.demo.erp import DemoErp, ErpDocument
from s2s_pipelines.demo.shopper import Placed

ERPS = {
    "karoo_outdoor": ("karoo_erp",),
    "twin_branches": ("twin_north", "twin_south"),
    "stokvel_direct": ("stokvel_erp",),
}
"""Which ERPs belong to which client."""


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """Orders as the shops have them against documents as the ERPs have them.

    Attributes:
        documents: every document, with the ERP it stands in.
        without: order numbers by client that have no document in an ERP that owns one of their skus.
        doubled: (ERP, order number) that stand more than once.
        wrong_totals: orders whose documents do not add up to the shop's total to the cent.
        strays: documents that belong to no order of the shops.
        waits_s: seconds from placing an order to its last document, by order.
    """

    documents: tuple[tuple[str, ErpDocument], ...]
    without: tuple[tuple[str, str], ...]
    doubled: tuple[tuple[str, str], ...]
    wrong_totals: tuple[str, ...]
    strays: int
    waits_s: tuple[float, ...]

    @property
    def median_wait_s(self) -> float | None:
        """The median of the waits, or None without any."""
        return round(statistics.median(self.waits_s), 1) if self.waits_s else None


def gather(placed: Sequence[Placed], erps: Mapping[str, DemoErp]) -> OrderEvidence:
    """Compare the orders placed with the documents that stand."""
    documents = [(name, document) for name, erp in erps.items() for document in erp.documents()]
    owned = {name: set(erp.available()) for name, erp in erps.items()}
    found: dict[tuple[str, str], list[ErpDocument]] = {}
    for name, document in documents:
        found.setdefault((name, document.web_number), []).append(document)
    without, wrong, waits = [], [], []
    expected: set[tuple[str, str]] = set()
    for order in placed:
        wanted = {name for name in ERPS[order.wish.client] for sku, _ in order.wish.lines if sku in owned[name]}
        expected |= {(name, order.number) for name in wanted}
        mine = [document for name in sorted(wanted) for document in found.get((name, order.number), [])]
        if any((name, order.number) not in found for name in wanted):
            without.append((order.wish.client, order.number))
            continue
        if sum((document.total for document in mine), Decimal(0)) != Decimal(order.total):
            wrong.append(f"{order.wish.client} {order.number}")
        waits.append(max(_seconds(document.created_at) for document in mine) - order.placed_at)
    counted = Counter((name, document.web_number) for name, document in documents)
    return OrderEvidence(
        documents=tuple(documents),
        without=tuple(without),
        doubled=tuple(sorted(key for key, times in counted.items() if times > 1)),
        wrong_totals=tuple(wrong),
        strays=sum(1 for key in counted if key not in expected),
        waits_s=tuple(waits),
    )


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()

"""Buyers: place orders in the sandbox shops over their public API, as a till or an app would."""

import base64
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s2s_pipelines.demo.world import SHOP_KEY, SHOP_SECRET


@dataclass(frozen=True, slots=True)
class Wish:
    """One order to place.

    Attributes:
        client: whose shop.
        lines: (sku, units).
        email: the buyer's address at example.com.
        shipping: what delivery costs without tax, as text; empty for none.
    """

    client: str
    lines: tuple[tuple[str, int], ...]
    email: str
    shipping: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as the shop confirmed it; ``placed_at`` is in seconds since 1970."""

    wish: Wish
    order_id: int
    number: str
    total: str
    placed_at: float


class Shopper:
    """Talks to one shop.

    Args:
        url: the shop's address.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        token = base64.b64encode(f"{SHOP_KEY}:{SHOP_SECRET}".encode()).decode()
        # The shop takes Basic credentials only when it believes itself behind https, as the real one does.
        self._headers = {
            "Authorization": f"Basic {token}",
            "X-Forwarded-Proto": "https",
            "Content-Type": "application/json",
        }

    def find(self, skus: Sequence[str]) -> dict[str, tuple[int, int]]:
        """(product id, variation id or 0) of each sku the shop has."""
        found: dict[str, tuple[int, int]] = {}
        for start in range(0, len(skus), 50):
            chosen = ",".join(skus[start : start + 50])
            for item in self._ask("GET", "products", {"sku": chosen, "per_page": "100"}):
                is_variation = item["type"] == "variation"
                found[item["sku"]] = (item["parent_id"], item["id"]) if is_variation else (item["id"], 0)
        return found

    def add_product(self, sku: str, name: str, price: str) -> None:
        """A product that a shop manager makes by hand, which no ERP knows."""
        self._ask("POST", "products", body={"name": name, "sku": sku, "regular_price": price, "type": "simple"})

    def place(self, wish: Wish) -> Placed:
        """Place and pay one order."""
        ids = self.find([sku for sku, _ in wish.lines])
        lines = []
        for sku, units in wish.lines:
            product, variation = ids[sku]
            line = {"product_id": product, "quantity": units}
            lines.append({**line, "variation_id": variation} if variation else line)
        person = {
            "first_name": wish.email.split("@", 1)[0].title(), "last_name": "Example", "address_1": "1 Example Road",
            "city": "Prince Albert", "postcode": "6930", "country": "ZA", "state": "WC",
        }  # fmt: skip
        body: dict[str, Any] = {
            "status": "processing", "payment_method": "eft", "payment_method_title": "EFT", "set_paid": True,
            "billing": {**person, "email": wish.email}, "shipping": person, "line_items": lines,
        }  # fmt: skip
        if wish.shipping:
            body["shipping_lines"] = [{"method_id": "flat_rate", "method_title": "Courier", "total": wish.shipping}]
        placed = self._ask("POST", "orders", body=body)
        return Placed(wish, placed["id"], placed["number"], placed["total"], time.time())

    def _ask(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> Any:
        suffix = "?" + urllib.parse.urlencode(query) if query else ""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 # always http to this machine
            f"{self._url}/wp-json/wc/v3/{path}{suffix}", data=content, headers=self._headers, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 # as above
            return json.load(answer)

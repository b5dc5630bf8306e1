"""Prices and stock as the shop understands them.

Sources: WooCommerce recordings 24 to 27 (odd values), 13, 19, 29 (price shown), 21 (variable parents).
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from .shop import Shop
from .wire import Json


def parse_price(value: Any) -> str:
    """A price as stored: everything but digits, point and minus is thrown away, the rest kept as typed.

    >>> parse_price("12,50"), parse_price("1e3"), parse_price("R 99.00"), parse_price("abc"), parse_price(None)
    ('1250', '13', '99.00', '', '')
    """
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        value = repr(value)
    kept = re.sub(r"\.(?![^.]+$)|[^0-9.-]", "", str(value).strip())
    return kept if re.search(r"\d", kept) else ""


def amount(price: str) -> Decimal:
    """A stored price as a number, zero when empty."""
    try:
        return Decimal(price)
    except InvalidOperation:
        return Decimal(0)


def is_on_sale(doc: Json, now: int) -> bool:
    """Whether the sale price counts now."""
    if doc["sale_price"] == "" or amount(doc["regular_price"]) <= amount(doc["sale_price"]):
        return False
    if doc["sale_from_s"] is not None and doc["sale_from_s"] > now:
        return False
    return doc["sale_to_s"] is None or doc["sale_to_s"] >= now


def settle_price(doc: Json, now: int) -> None:
    """Drop a sale price that is not below the regular one and derive the active price (recordings 25)."""
    if doc["sale_price"] != "" and amount(doc["sale_price"]) >= amount(doc["regular_price"]):
        doc["sale_price"] = ""
    doc["price"] = doc["sale_price"] if is_on_sale(doc, now) else doc["regular_price"]


def settle_stock(doc: Json) -> None:
    """Derive the stock status where the quantity is managed (recordings 26, 27)."""
    if doc["manage_stock"] is not True:
        doc["stock_quantity"] = None
        doc["backorders"] = "no" if doc["type"] != "variation" else doc["backorders"]
        return
    if doc["stock_quantity"] is None:
        doc["stock_quantity"] = 0
    if doc["stock_quantity"] > 0:
        doc["stock_status"] = "instock"
    else:
        doc["stock_status"] = "outofstock" if doc["backorders"] == "no" else "onbackorder"


def shown_price(shop: Shop, doc: Json, price: str) -> Decimal:
    """A price as the shop front shows it: without tax, the setting of these shops."""
    return shop.net_price(amount(price), doc["tax_class"], doc["tax_status"] == "taxable")


def price_html(shop: Shop, doc: Json, price: str) -> str:
    """The price of a simple product or variation as the shop front prints it."""
    if price == "":
        return ""
    if is_on_sale(doc, shop.clock.now()):
        was, now = shown_price(shop, doc, doc["regular_price"]), shown_price(shop, doc, price)
        return (
            f'<del aria-hidden="true">{shop.price_html(was)}</del>'
            f' <span class="screen-reader-text">Original price was: {shop.price_text(was)}.</span>'
            f'<ins aria-hidden="true">{shop.price_html(now)}</ins>'
            f'<span class="screen-reader-text">Current price is: {shop.price_text(now)}.</span>'
        )
    return shop.price_html(shown_price(shop, doc, price))


def range_html(shop: Shop, parent: Json, children: list[Json]) -> str:
    """The price of a variable product: one price or the range over its variations (recordings 19)."""
    prices = [shown_price(shop, {**child, "tax_class": parent["tax_class"]}, child["price"]) for child in children]
    if not prices:
        return ""
    low, high = min(prices), max(prices)
    if low == high:
        return shop.price_html(low)
    return (
        f'{shop.price_html(low, True)} <span aria-hidden="true">&ndash;</span> {shop.price_html(high, True)}'
        f'<span class="screen-reader-text">Price range: {shop.price_text(low)} through {shop.price_text(high)}</span>'
    )

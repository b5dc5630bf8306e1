"""The shop's own facts: index, status, taxes, currency, shipping, payment, counts.

Sources: WooCommerce recordings 05, 06, 09, 10, 82, 83.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from .html import clean_text, make_slug
from .listing import PAGING, Page, answer_list
from .order_status import STATUSES
from .product_view import self_link
from .schema import FLAG, TEXT, TEXTS, WHOLE, one_of, whole_number
from .shop import CURRENCY_NAMES, VERSION, Shop
from .wire import Answer, ApiError, Ask, Json

WP_VERSION = "6.8.7"
TAX_LIST_ARGS = {**PAGING, "orderby": one_of("id", "order", "priority"), "class": TEXT}
TAX_ARGS = {
    "country": TEXT, "state": TEXT, "postcode": TEXT, "city": TEXT, "rate": TEXT, "name": TEXT, "priority": WHOLE,
    "compound": FLAG, "shipping": FLAG, "order": WHOLE, "class": TEXT, "postcodes": TEXTS, "cities": TEXTS,
}  # fmt: skip


def _show_tax(ask: Ask, held: Json) -> Json:
    address = ask.link("taxes")
    return {**held, "_links": {"self": self_link(f"{address}/{held['id']}"), "collection": [{"href": address}]}}


def list_taxes(shop: Shop, ask: Ask) -> Answer:
    """Tax rates, of one class when asked."""
    rows = [held for held in shop.store.records("tax") if ask.params.get("class") in (None, "", held["class"])]
    page = Page.of(ask)
    return answer_list(
        ask, len(rows), [_show_tax(ask, held) for held in rows[page.offset : page.offset + page.size]], page
    )


def _tax(shop: Shop, ask: Ask) -> Json:
    held = shop.store.record("tax", whole_number(ask.params.get("id")) or 0)
    if held is None:
        raise ApiError("woocommerce_rest_invalid_id", "Invalid resource ID.", 404)
    return held


def read_tax(shop: Shop, ask: Ask) -> Answer:
    """One tax rate."""
    return Answer(_show_tax(ask, _tax(shop, ask)))


def _write_tax(shop: Shop, held: Json, sent: Json) -> Json:
    held = {**held, **{name: sent[name] for name in TAX_ARGS if sent.get(name) is not None}}
    try:
        held["rate"] = f"{Decimal(str(held['rate'])):.4f}"
    except InvalidOperation:
        held["rate"] = "0.0000"
    shop.store.save_record("tax", held)
    return held


def create_tax(shop: Shop, ask: Ask) -> Answer:
    """A new tax rate."""
    blank = {"country": "", "state": "", "postcode": "", "city": "", "rate": "0", "name": "", "priority": 1}
    more = {"compound": False, "shipping": True, "order": 0, "class": "standard", "postcodes": [], "cities": []}
    held = _write_tax(shop, {"id": shop.store.next_id("tax"), **blank, **more}, ask.params)
    return Answer(_show_tax(ask, held), 201, {"Location": ask.link(f"taxes/{held['id']}")})


def update_tax(shop: Shop, ask: Ask) -> Answer:
    """Change a tax rate."""
    return Answer(_show_tax(ask, _write_tax(shop, _tax(shop, ask), ask.params)))


def delete_tax(shop: Shop, ask: Ask) -> Answer:
    """Delete a tax rate; only with ``force``."""
    held = _tax(shop, ask)
    if not ask.params.get("force"):
        raise ApiError("woocommerce_rest_trash_not_supported", "Taxes do not support trashing.", 501)
    shop.store.drop_record("tax", held["id"])
    return Answer(_show_tax(ask, held))


def list_tax_classes(shop: Shop, ask: Ask) -> Answer:
    """Tax classes."""
    links = {"collection": [{"href": ask.link("taxes/classes")}]}
    rows = [{"slug": held["slug"], "name": held["name"], "_links": links} for held in shop.tax_classes()]
    return answer_list(ask, len(rows), rows, Page(1, max(len(rows), 1), 0))


def create_tax_class(shop: Shop, ask: Ask) -> Answer:
    """A new tax class."""
    name = clean_text(str(ask.params.get("name") or ""))
    held = {"id": shop.store.next_id("tax_class", 3), "slug": make_slug(name), "name": name}
    if any(row["slug"] == held["slug"] for row in shop.tax_classes()):
        raise ApiError("woocommerce_rest_tax_class_exists", "Cannot create existing resource.", 400)
    shop.store.save_record("tax_class", held)
    links = {"collection": [{"href": ask.link("taxes/classes")}]}
    return Answer({"slug": held["slug"], "name": name, "_links": links}, 201)


def read_currency(shop: Shop, ask: Ask) -> Answer:
    """The shop's currency."""
    code, address = shop.currency, ask.link("data/currencies")
    links = {"self": self_link(f"{address}/{code}", ["GET"]), "collection": [{"href": address}]}
    return Answer({"code": code, "name": CURRENCY_NAMES.get(code, code), "symbol": shop.symbol(code), "_links": links})


def read_status(shop: Shop, ask: Ask) -> Answer:
    """Versions and settings; no server facts, for this is not PHP."""
    environment = {"home_url": ask.base, "site_url": ask.base, "version": VERSION, "wp_version": WP_VERSION}
    settings = {
        "api_enabled": False, "force_ssl": False, "currency": shop.currency, "currency_symbol": shop.symbol(shop.currency),
        "currency_position": "left", "thousand_separator": ",", "decimal_separator": ".",
        "number_of_decimals": shop.decimals, "HPOS_enabled": True, "HPOS_sync_enabled": False,
    }  # fmt: skip
    plugin = {"plugin": "woocommerce/woocommerce.php", "name": "WooCommerce", "version": VERSION}
    return Answer({"environment": environment, "settings": settings, "active_plugins": [plugin]})


def read_index(shop: Shop, ask: Ask) -> Answer:
    """The site index, with only the namespaces the sandbox serves."""
    now = shop.clock.now()
    offset: Any = shop.clock.offset_s(now) / 3600
    return Answer({
        "name": shop.name, "description": "", "url": ask.base, "home": ask.base,
        "gmt_offset": int(offset) if offset == int(offset) else offset, "timezone_string": str(shop.clock.zone),
        "namespaces": ["wc/v3"],
    })  # fmt: skip


def count_orders(shop: Shop, ask: Ask) -> Answer:
    """Orders per status."""
    counts = dict(shop.store.all("SELECT status, count(*) FROM orders GROUP BY status"))
    return Answer([{"slug": slug, "name": name, "total": counts.get(slug, 0)} for slug, name in STATUSES.items()])


def count_products(shop: Shop, ask: Ask) -> Answer:
    """Products per type, the bin included as the shop counts terms."""
    sql = "SELECT type, count(*) FROM products WHERE status <> 'trash' GROUP BY type"
    counts = dict(shop.store.all(sql))
    names = {"external": "External/Affiliate product", "grouped": "Grouped product", "simple": "Simple product"}
    names["variable"] = "Variable product"
    return Answer([{"slug": slug, "name": name, "total": counts.get(slug, 0)} for slug, name in names.items()])


def list_zones(shop: Shop, ask: Ask) -> Answer:
    """Shipping zones, the rest of the world first."""
    rows = [{"id": 0, "name": "Locations not covered by your other zones", "order": 0}, *shop.store.records("zone")]
    address = ask.link("shipping/zones")
    shown = []
    for row in rows:
        links = {"self": self_link(f"{address}/{row['id']}"), "collection": [{"href": address}]}
        links["describedby"] = [{"href": f"{address}/{row['id']}/locations"}]
        shown.append({**row, "_links": links})
    return answer_list(ask, len(shown), shown, Page(1, len(shown), 0))


def create_zone(shop: Shop, ask: Ask) -> Answer:
    """A new shipping zone; its places and methods are not kept."""
    row = {
        "id": shop.store.next_id("zone"),
        "name": str(ask.params.get("name") or ""),
        "order": ask.params.get("order") or 0,
    }
    shop.store.save_record("zone", row)
    return Answer(row, 201, {"Location": ask.link(f"shipping/zones/{row['id']}")})


_PICKUP = (
    "Allow customers to pick up orders themselves. By default, when using local pickup store base taxes will apply regardless of"
    " customer address."
)
_METHODS = (
    ("flat_rate", "Flat rate", "Lets you charge a fixed rate for shipping."),
    ("free_shipping", "Free shipping",
     "Free shipping is a special method which can be triggered with coupons and minimum spends."),
    ("local_pickup", "Local pickup", _PICKUP),
    ("pickup_location", "Local pickup", "Allow customers to choose a local pickup location during checkout."),
)  # fmt: skip
_GATEWAYS = (("bacs", "Direct bank transfer"), ("cheque", "Check payments"), ("cod", "Cash on delivery"))


def list_methods(shop: Shop, ask: Ask) -> Answer:
    """Kinds of shipping."""
    address = ask.link("shipping_methods")
    rows = []
    for number, title, text in _METHODS:
        links = {"self": self_link(f"{address}/{number}", ["GET"]), "collection": [{"href": address}]}
        rows.append({"id": number, "title": title, "description": text, "_links": links})
    return answer_list(ask, len(rows), rows, Page(1, len(rows), 0))


def list_gateways(shop: Shop, ask: Ask) -> Answer:
    """Ways to pay; bank transfer is the one switched on."""
    address = ask.link("payment_gateways")
    rows = []
    for number, title in _GATEWAYS:
        links = {"self": self_link(f"{address}/{number}"), "collection": [{"href": address}]}
        rows.append({"id": number, "title": title, "enabled": number == "bacs", "method_title": title, "_links": links})
    return answer_list(ask, len(rows), rows, Page(1, len(rows), 0))

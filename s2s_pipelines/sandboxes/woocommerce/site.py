"""The shop's own facts: index, status, settings, taxes, currency, shipping, payment, counts.

Sources: WooCommerce recordings 05 to 10, 62, 82, 83. Settings carry the options a connector reads; the long option lists of
countries and currencies are not reproduced.
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
_READS = ["GET", "POST", "PUT", "PATCH"]

_YES_NO = {"type": "checkbox", "default": "no"}


def _choice(label: str, default: str, options: Json, tip: str = "", kind: str = "select") -> Json:
    return {"label": label, "description": "", "type": kind, "default": default, "options": options, "tip": tip}


_INCL_EXCL = {"incl": "Including tax", "excl": "Excluding tax"}
_CLASSES = {"": "Standard", "reduced-rate": "Reduced rate", "zero-rate": "Zero rate"}
_TAX_BASE = {
    "shipping": "Customer shipping address",
    "billing": "Customer billing address",
    "base": "Shop base address",
}
_TYPED = {"yes": "Yes, I will enter prices inclusive of tax", "no": "No, I will enter prices exclusive of tax"}
_TYPED_TIP = (
    "This option is important as it will affect how you input prices. Changing it will not update existing products."
)
_FREIGHT_TIP = "Optionally control which tax class shipping gets, or leave it so shipping tax is based on the cart items themselves."
_SUFFIX_TIP = (
    'Define text to show after your product prices. This could be, for example, "inc. Vat" to explain your pricing. You can also'
    " have prices substituted here using one of the following: {price_including_tax}, {price_excluding_tax}."
)
_CLASS_TIP = (
    "List additional tax classes you need below (1 per line, e.g. Reduced Rates). These are in addition to"
    ' "Standard rate" which exists by default.'
)
SETTINGS: dict[str, dict[str, Json]] = {
    "tax": {
        "prices_include_tax": _choice("Prices entered with tax", "no", _TYPED, _TYPED_TIP, "radio"),
        "tax_based_on": _choice("Calculate tax based on", "shipping", _TAX_BASE,
                                "This option determines which address is used to calculate tax."),
        "shipping_tax_class": {**_choice("Shipping tax class", "inherit",
                                         {"inherit": "Shipping tax class based on cart items", **_CLASSES}, _FREIGHT_TIP),
                               "description": _FREIGHT_TIP},
        "tax_round_at_subtotal": {"label": "Rounding", **_YES_NO,
                                  "description": "Round tax at subtotal level, instead of rounding per line"},
        "tax_classes": {"label": "Additional tax classes", "description": "", "type": "textarea", "default": "",
                        "tip": _CLASS_TIP},
        "tax_display_shop": _choice("Display prices in the shop", "excl", _INCL_EXCL),
        "tax_display_cart": _choice("Display prices during cart and checkout", "excl", _INCL_EXCL),
        "price_display_suffix": {"label": "Price display suffix", "description": "", "type": "text", "default": "",
                                 "tip": _SUFFIX_TIP},
        "tax_total_display": _choice("Display tax totals", "itemized",
                                     {"single": "As a single total", "itemized": "Itemized"}),
    },
    "general": {
        "currency": {"label": "Currency", "type": "select", "default": "USD", "description":
                     "This controls what currency prices are listed at in the catalog and which currency gateways will take"
                     " payments in."},
        "price_num_decimals": {"label": "Number of decimals", "type": "number", "default": "2",
                               "description": "This sets the number of decimal points shown in displayed prices.",
                               "tip": "This sets the number of decimal points shown in displayed prices."},
        "default_country": {"label": "Country / State", "type": "select", "default": "US:CA", "description":
                            "The country and state or province, if any, in which your business is located."},
    },
    "products": {
        "manage_stock": {"label": "Manage stock", "description": "Enable stock management", "type": "checkbox",
                         "default": "yes"},
        "weight_unit": {"label": "Weight unit", "description": "This controls what unit you will define weights in.",
                        "type": "select", "default": "lbs", "options": {"kg": "kg", "g": "g", "lbs": "lbs", "oz": "oz"},
                        "tip": "This controls what unit you will define weights in."},
        "dimension_unit": {"label": "Dimensions unit", "description": "This controls what unit you will define lengths in.",
                           "type": "select", "default": "in",
                           "options": {"m": "m", "cm": "cm", "mm": "mm", "in": "in", "yd": "yd"},
                           "tip": "This controls what unit you will define lengths in."},
        "hold_stock_minutes": {"label": "Hold stock (minutes)", "type": "number", "default": "60", "description":
                               "Hold stock (for unpaid orders) for x minutes. When this limit is reached, the pending order"
                               " will be cancelled. Leave blank to disable."},
    },
}  # fmt: skip


def _show_setting(shop: Shop, ask: Ask, group: str, name: str, is_single: bool) -> Json:
    option = {key: value for key, value in SETTINGS[group][name].items() if value != "" or key != "tip"}
    address = ask.link(f"settings/{group}")
    number = f"woocommerce_{name}"
    return {
        "id": number, **option, "value": shop.store.settings.get(number, option["default"]),
        **({"group_id": group} if is_single else {}),
        "_links": {"self": self_link(f"{address}/{number}", _READS), "collection": [{"href": address}]},
    }  # fmt: skip


def _setting_name(ask: Ask) -> tuple[str, str]:
    group = str(ask.url["group_id"])
    if group not in SETTINGS:
        raise ApiError("rest_setting_setting_group_invalid", "Invalid setting group.", 404)
    name = str(ask.url.get("id", "")).removeprefix("woocommerce_")
    if "id" in ask.url and name not in SETTINGS[group]:
        raise ApiError("rest_setting_setting_invalid", "Invalid setting.", 404)
    return group, name


def list_settings(shop: Shop, ask: Ask) -> Answer:
    """Settings of a group."""
    group, _ = _setting_name(ask)
    return Answer([_show_setting(shop, ask, group, name, False) for name in SETTINGS[group]])


def read_setting(shop: Shop, ask: Ask) -> Answer:
    """One setting."""
    return Answer(_show_setting(shop, ask, *_setting_name(ask), True))


def update_setting(shop: Shop, ask: Ask) -> Answer:
    """Change one setting.

    Raises:
        ApiError: a value that is not among its options.
    """
    group, name = _setting_name(ask)
    value = ask.params.get("value")
    options = SETTINGS[group][name].get("options")
    if value is None or (options and value not in options):
        raise ApiError("rest_setting_value_invalid", "An invalid setting value was passed.", 400)
    shop.store.set_setting(f"woocommerce_{name}", str(value))
    return Answer(_show_setting(shop, ask, group, name, True))


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


_METHODS = (
    ("flat_rate", "Flat rate", "Lets you charge a fixed rate for shipping."),
    ("free_shipping", "Free shipping",
     "Free shipping is a special method which can be triggered with coupons and minimum spends."),
    ("local_pickup", "Local pickup", "Allow customers to pick up orders themselves. By default, when using local pickup store"
     " base taxes will apply regardless of customer address."),
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

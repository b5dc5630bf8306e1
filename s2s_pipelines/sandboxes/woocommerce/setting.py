"""The shop's settings: those a connector reads, with their options.

Sources: WooCommerce recordings 07, 08, 62. The long option lists of countries and currencies are not reproduced.
"""

from __future__ import annotations

from .product_view import self_link
from .shop import Shop
from .wire import Answer, ApiError, Ask, Json

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
_FREIGHT_TIP = (
    "Optionally control which tax class shipping gets,"
    " or leave it so shipping tax is based on the cart items themselves."
)
_SUFFIX_TIP = (
    'Define text to show after your product prices. This could be, for example, "inc. Vat" to explain your pricing. You can'
    " also have prices substituted here using one of the following: {price_including_tax}, {price_excluding_tax}."
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

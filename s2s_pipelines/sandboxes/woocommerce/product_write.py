"""How a sent product changes a stored one.

Single calls arrive cleaned by :mod:`.schema`, batch items raw; both come through here, as in the plugin.
Sources: WooCommerce recordings 13 to 29, 44 to 52, 90, 92.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .html import clean_text, drop_control, filter_markup, make_slug
from .image import take_image
from .meta import INTERNAL_PRODUCT_KEYS, write_meta
from .price import parse_price
from .schema import whole_number
from .shop import DEFAULT_CATEGORY, Shop
from .store import sku_key
from .term import named_term, option_value, sent_attributes
from .wire import ApiError, FatalError, Json

TEXT_COLUMN_BYTES = 65_535
PRODUCT_TYPES = ("simple", "grouped", "external", "variable")
_STATUSES = ("draft", "pending", "private", "publish", "future", "auto-draft", "trash")


def blank_product(shop: Shop, kind: str, parent_id: int = 0) -> Json:
    """A new product with the shop's defaults, not stored yet."""
    now = shop.clock.now()
    return {
        "id": 0, "parent_id": parent_id, "type": kind, "status": "publish", "name": "", "slug": "", "featured": False,
        "catalog_visibility": "visible", "description": "", "short_description": "", "sku": "", "global_unique_id": "",
        "price": "", "regular_price": "", "sale_price": "", "sale_from_s": None, "sale_to_s": None, "total_sales": 0,
        "virtual": False, "downloadable": False, "downloads": [], "download_limit": -1, "download_expiry": -1,
        "external_url": "", "button_text": "", "tax_status": "taxable", "tax_class": "parent" if parent_id else "",
        "manage_stock": False, "stock_quantity": None, "stock_status": "instock", "backorders": "no",
        "low_stock_amount": None, "sold_individually": False, "weight": "",
        "dimensions": {"length": "", "width": "", "height": ""}, "shipping_class": "", "shipping_class_id": 0,
        "reviews_allowed": True, "upsell_ids": [], "cross_sell_ids": [], "purchase_note": "", "categories": [], "tags": [],
        "images": [], "attributes": [], "attribute_terms": [], "default_attributes": {}, "options": {},
        "grouped_products": [], "menu_order": 0, "post_password": "", "meta": [], "created_s": now, "modified_s": now,
    }  # fmt: skip


def as_flag(value: Any) -> bool:
    """A truth value out of anything a batch may carry."""
    return value.lower() in ("true", "yes", "1") if isinstance(value, str) else bool(value)


def _text(value: Any) -> str:
    return drop_control("" if value is None or isinstance(value, (dict, list)) else str(value))


def _price(value: Any) -> str:
    return parse_price(value)


def _whole(value: Any) -> int:
    return whole_number(value) or 0


def _wholes(value: Any) -> list[int]:
    return [_whole(item) for item in value] if isinstance(value, list) else []


def _markup(value: Any) -> str:
    return filter_markup(_text(value))


def _code(value: Any) -> str:
    return clean_text(_text(value))


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "description": _markup, "short_description": _markup, "purchase_note": _markup, "menu_order": _whole,
    "reviews_allowed": as_flag, "virtual": as_flag, "downloadable": as_flag, "featured": as_flag,
    "sold_individually": as_flag, "catalog_visibility": _text, "external_url": _text, "button_text": _text,
    "parent_id": _whole, "upsell_ids": _wholes, "cross_sell_ids": _wholes, "grouped_products": _wholes,
    "download_limit": _whole, "download_expiry": _whole, "post_password": _text, "shipping_class": _text,
}  # fmt: skip
_VARIATION_FIELDS = {"description", "menu_order", "virtual", "downloadable", "download_limit", "download_expiry"}


def _check_length(*texts: str) -> None:
    if any(len(text.encode()) > TEXT_COLUMN_BYTES for text in texts):
        raise FatalError


def _write_sku(shop: Shop, doc: Json, sent: Json) -> None:
    if sent.get("sku") is not None:
        sku = _code(sent["sku"])
        if sku and sku != doc["sku"]:
            _check_sku(shop, doc["id"], sku)
        doc["sku"] = sku
    if sent.get("global_unique_id") is not None:
        gtin = "".join(letter for letter in _code(sent["global_unique_id"]) if letter.isdigit() or letter == "-")
        if gtin:
            sql = "SELECT id FROM products WHERE gtin = ? AND id <> ? AND status <> 'trash'"
            row = shop.store.one(sql, (gtin, doc["id"]))
            if row is not None:
                text = "Invalid or duplicated GTIN, UPC, EAN or ISBN."
                raise ApiError("product_invalid_global_unique_id", text, 400, {"resource_id": row[0]})
        doc["global_unique_id"] = gtin


def _check_sku(shop: Shop, number: int, sku: str) -> None:
    sql = "SELECT id, status FROM products WHERE sku_key = ? AND id <> ? ORDER BY status = 'trash', id"
    row = shop.store.one(sql, (sku_key(sku), number))
    if row is None:
        return
    if row[1] == "trash":
        if number:
            return
        text = f"The product with SKU ({sku}) you are trying to insert is already present in the lookup table"
        shop.store.next_id("post")
        raise ApiError("woocommerce_rest_product_not_created", text, 400)
    suffix = 1
    while shop.store.one("SELECT 1 FROM products WHERE sku_key = ?", (sku_key(f"{sku}-{suffix}"),)) is not None:
        suffix += 1
    extra = {"resource_id": row[0], "unique_sku": f"{sku}-{suffix}"}
    raise ApiError("product_invalid_sku", "Invalid or duplicated SKU.", 400, extra)


def _write_names(shop: Shop, doc: Json, sent: Json) -> None:
    if sent.get("name") is not None:
        doc["name"] = _markup(sent["name"]).strip()
    if not doc["name"]:
        doc["name"] = "Product"
    if sent.get("slug"):
        doc["slug"] = free_slug(shop, make_slug(_text(sent["slug"]).replace("/", "-")), doc["id"])
    elif not doc["slug"] and doc["status"] not in ("draft", "pending", "auto-draft"):
        doc["slug"] = free_slug(shop, make_slug(doc["name"]), doc["id"])
    _check_length(doc["name"], doc["short_description"])


def free_slug(shop: Shop, slug: str, number: int) -> str:
    """The slug, numbered when another product has it."""
    sql = "SELECT 1 FROM products WHERE slug = ? AND id <> ?"
    if shop.store.one(sql, (slug, number)) is None:
        return slug
    prefix = f"{slug[:190]}-"
    numbered = shop.store.one(
        "SELECT count(*) FROM products WHERE slug >= ? AND slug < ?", (f"{prefix}0", f"{prefix}:")
    )[0]
    suffix = numbered + 2
    while shop.store.one(sql, (f"{prefix}{suffix}", number)) is not None:
        suffix += 1
    return f"{prefix}{suffix}"


def _write_tax(shop: Shop, doc: Json, sent: Json) -> None:
    if sent.get("tax_status") is not None:
        doc["tax_status"] = _text(sent["tax_status"]) or "taxable"
    if sent.get("tax_class") is not None:
        name = _text(sent["tax_class"])
        known = {held["slug"] for held in shop.tax_classes() if held["slug"] != "standard"}
        known |= {"parent"} if doc["type"] == "variation" else set()
        doc["tax_class"] = name if name in known else ""


def _write_sizes(doc: Json, sent: Json) -> None:
    if sent.get("weight") is not None:
        doc["weight"] = parse_price(sent["weight"])
    if isinstance(sent.get("dimensions"), dict):
        for name in doc["dimensions"]:
            if sent["dimensions"].get(name) is not None:
                doc["dimensions"][name] = parse_price(sent["dimensions"][name])
    if doc["virtual"]:
        doc["weight"], doc["dimensions"] = "", dict.fromkeys(doc["dimensions"], "")


def _write_prices(shop: Shop, doc: Json, sent: Json) -> None:
    if doc["type"] in ("variable", "grouped"):
        return
    for name in ("regular_price", "sale_price"):
        if name in sent and (sent[name] is not None or name == "regular_price"):
            doc[name] = _price(sent[name])
    for name, key in (("date_on_sale_from", "sale_from_s"), ("date_on_sale_to", "sale_to_s")):
        for spelled, is_gmt in ((name, False), (f"{name}_gmt", True)):
            if sent.get(spelled) is not None:
                doc[key] = shop.clock.parse(_text(sent[spelled]), is_gmt)


def _write_stock(doc: Json, sent: Json) -> None:
    if sent.get("stock_status") is not None:
        doc["stock_status"] = _text(sent["stock_status"]) or "instock"
    if sent.get("manage_stock") is not None:
        doc["manage_stock"] = as_flag(sent["manage_stock"])
    if sent.get("backorders") is not None:
        doc["backorders"] = _text(sent["backorders"])
    if doc["manage_stock"] is True:
        if "stock_quantity" in sent:
            doc["stock_quantity"] = _whole(sent["stock_quantity"])
        if "low_stock_amount" in sent:
            doc["low_stock_amount"] = whole_number(sent["low_stock_amount"])


def _write_terms(shop: Shop, doc: Json, sent: Json) -> None:
    for field, taxonomy in (("categories", "category"), ("tags", "tag")):
        if not isinstance(sent.get(field), list):
            continue
        found: list[int] = []
        for item in sent[field]:
            number = whole_number(item.get("id")) if isinstance(item, dict) else None
            term = shop.store.record("term", number) if number else None
            if term is not None and term["taxonomy"] == taxonomy:
                found.append(int(term["id"]))
            elif taxonomy == "tag" and isinstance(item, dict) and item.get("name") and not number:
                found.append(named_term(shop, taxonomy, clean_text(str(item["name"]))))
        doc[field] = list(dict.fromkeys(found))
    if not doc["categories"] and doc["type"] != "variation":
        doc["categories"] = [DEFAULT_CATEGORY]


def _write_default_attributes(doc: Json, sent: Json) -> None:
    if not isinstance(sent.get("default_attributes"), list):
        return
    chosen: Json = {}
    for item in sent["default_attributes"]:
        if not isinstance(item, dict):
            continue
        held = next((held for held in doc["attributes"] if _is_meant(held, item) and held["variation"]), None)
        if held is not None and item.get("option"):
            chosen[held["key"]] = clean_text(str(item["option"]))
    doc["default_attributes"] = chosen


def _is_meant(held: Json, item: Json) -> bool:
    number = whole_number(item.get("id")) or 0
    return bool(held["id"] == number if number else held["key"] == make_slug(str(item.get("name") or "")))


def _write_images(shop: Shop, doc: Json, sent: Json) -> None:
    if isinstance(sent.get("images"), list):
        doc["images"] = [take_image(shop, item) for item in sent["images"]]


def _write_kind(doc: Json, sent: Json) -> None:
    if sent.get("type") is not None and doc["type"] != "variation":
        doc["type"] = sent["type"] if sent["type"] in PRODUCT_TYPES else "simple"
    if sent.get("status") is not None:
        doc["status"] = sent["status"] if sent["status"] in _STATUSES else "draft"


def _write_created(shop: Shop, doc: Json, sent: Json) -> None:
    for name, is_gmt in (("date_created", False), ("date_created_gmt", True)):
        if sent.get(name) is not None:
            second = shop.clock.parse(_text(sent[name]), is_gmt)
            doc["created_s"] = doc["created_s"] if second is None else second


_SETTERS = ("sku", "global_unique_id", "regular_price", "sale_price", "weight", "tax_status", "tax_class", "stock_status",
            "manage_stock", "backorders")  # fmt: skip


def _write_meta(shop: Shop, doc: Json, sent: Json) -> None:
    """Free fields; an internal key is not stored but changes the field it names (recordings 49, seen in 87)."""
    write_meta(shop.store, doc["meta"], sent.get("meta_data"), INTERNAL_PRODUCT_KEYS)
    rows = sent.get("meta_data") if isinstance(sent.get("meta_data"), list) else []
    named = {str(item.get("key")).removeprefix("_"): item.get("value") for item in rows or [] if isinstance(item, dict)
             and item.get("key") in INTERNAL_PRODUCT_KEYS}  # fmt: skip
    inner = {name: value for name, value in named.items() if name in _SETTERS and value is not None}
    if inner:
        _write_sku(shop, doc, inner)
        _write_prices(shop, doc, inner)
        _write_sizes(doc, inner)
        _write_tax(shop, doc, inner)
        _write_stock(doc, inner)


def write_product(shop: Shop, doc: Json, sent: Json) -> None:
    """Change ``doc`` in place as the shop would; nothing is stored yet.

    Raises:
        ApiError: duplicate code, refused image and the like.
        FatalError: text longer than the column it goes to.
    """
    _write_kind(doc, sent)
    for name, make in _PLAIN.items():
        if sent.get(name) is not None:
            doc[name] = make(sent[name])
    _write_created(shop, doc, sent)
    _write_names(shop, doc, sent)
    _write_tax(shop, doc, sent)
    _write_sizes(doc, sent)
    _write_sku(shop, doc, sent)
    if isinstance(sent.get("attributes"), list):
        doc["attributes"] = sent_attributes(shop, doc["attributes"], sent["attributes"])
        doc["attribute_terms"] = [number for held in doc["attributes"] for number in held["terms"]]
    _write_prices(shop, doc, sent)
    _write_stock(doc, sent)
    _write_terms(shop, doc, sent)
    _write_default_attributes(doc, sent)
    _write_images(shop, doc, sent)
    _write_meta(shop, doc, sent)


def write_variation(shop: Shop, doc: Json, parent: Json, sent: Json) -> None:
    """Change a variation in place; attributes the parent lacks are dropped, unknown options kept (recordings 18).

    Raises:
        ApiError: duplicate code or refused image.
    """
    if sent.get("status") is not None:
        doc["status"] = sent["status"] if sent["status"] in _STATUSES else "draft"
    for name in _VARIATION_FIELDS:
        if sent.get(name) is not None:
            doc[name] = _PLAIN[name](sent[name])
    _write_sku(shop, doc, sent)
    if sent.get("image") is not None:
        doc["images"] = [take_image(shop, sent["image"])] if sent["image"] else []
    _write_tax(shop, doc, sent)
    _write_sizes(doc, sent)
    _write_prices(shop, doc, sent)
    _write_stock(doc, sent)
    if isinstance(sent.get("attributes"), list):
        doc["options"] = {}
        for item in sent["attributes"]:
            held = next(
                (held for held in parent["attributes"] if isinstance(item, dict) and _is_meant(held, item)), None
            )
            if held is not None and held["variation"]:
                doc["options"][held["key"]] = option_value(shop, held, clean_text(_text(item.get("option"))))
    _write_meta(shop, doc, sent)
    names = "-".join(value for value in doc["options"].values() if value)
    doc["name"] = parent["name"]
    doc["slug"] = doc["slug"] or free_slug(shop, make_slug(f"{parent['slug']}-{names}".strip("-")), doc["id"])

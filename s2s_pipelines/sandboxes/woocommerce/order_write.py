"""How a sent order changes a stored one: addresses, lines, coupons.

Sources: WooCommerce recordings 54 to 61, 74, 75.
"""

from __future__ import annotations

import secrets
import string
from decimal import Decimal
from typing import Any

from .arithmetic import apply_coupons, plain
from .coupon import check_coupon, coupon_by_code
from .html import clean_text
from .meta import stored_value, write_meta
from .price import amount, parse_price
from .product_view import variation_name, variation_options
from .schema import whole_number
from .shop import Shop
from .store import sku_key
from .wire import ApiError, FatalError, Json

GROUPS = ("line_items", "shipping_lines", "fee_lines", "coupon_lines")
_NAMES = {
    "line_items": ("product_id", "quantity"),
    "shipping_lines": ("method_id", "method_title"),
    "fee_lines": ("name",),
}
_ADDRESS = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
    "email",
    "phone",
)
_TEXTS = ("customer_note", "payment_method", "payment_method_title", "transaction_id", "currency")


def blank_order(shop: Shop) -> Json:
    """A new order with the shop's terms, not stored yet."""
    now = shop.clock.now()
    letters = string.ascii_letters + string.digits
    key = "".join(secrets.choice(letters) for _ in range(13))
    return {
        "id": 0, "status": "pending", "currency": shop.currency, "prices_include_tax": shop.is_tax_inclusive,
        "created_s": now, "modified_s": now, "completed_s": None, "paid_s": None, "discount_total": "0", "discount_tax": "0",
        "shipping_total": "0", "shipping_tax": "0", "cart_tax": "0", "total": "0", "customer_id": 0,
        "order_key": f"wc_order_{key}", "billing": {}, "shipping": {}, "payment_method": "", "payment_method_title": "",
        "transaction_id": "", "created_via": "rest-api", "customer_note": "", "meta": [], "line_items": [], "tax_lines": [],
        "shipping_lines": [], "fee_lines": [], "coupon_lines": [], "stock_reduced": False, "sales_recorded": False,
    }  # fmt: skip


def _product_id(shop: Shop, sent: Json, is_new: bool) -> int | None:
    if sent.get("sku") and not sent.get("product_id"):
        sql = "SELECT id FROM products WHERE sku_key = ? AND status <> 'trash' ORDER BY id"
        row = shop.store.one(sql, (sku_key(clean_text(str(sent["sku"]))),))
        return int(row[0]) if row is not None else 0
    for name in ("variation_id", "product_id"):
        if sent.get(name):
            return whole_number(sent[name]) or 0
    if is_new:
        raise ApiError("woocommerce_rest_required_product_reference", "Product ID or SKU is required.", 400)
    return None


def _set_product(shop: Shop, line: Json, product: Json) -> None:
    line["product_id"], line["variation_id"] = product["id"], 0
    line["name"], line["tax_class"], line["tax_status"] = product["name"], product["tax_class"], product["tax_status"]
    if product["type"] != "variation":
        return
    parent = shop.store.product(product["parent_id"])
    line["product_id"], line["variation_id"] = product["parent_id"], product["id"]
    if parent is None:
        return
    line["name"] = variation_name(shop, product, parent)
    if product["tax_class"] == "parent":
        line["tax_class"] = parent["tax_class"]
    for row in variation_options(shop, product, parent):
        entry = {"id": shop.store.next_id("meta"), "key": row["slug"], "value": row["value"], "label": row["name"]}
        line["meta"].append(entry)


def _net_total(shop: Shop, line: Json, product: Json, sent: Json) -> str:
    quantity = whole_number(sent.get("quantity", 1)) or 0
    if not quantity:
        raise FatalError
    price = max(Decimal(0), amount(product["price"])) * max(0, quantity)
    return plain(shop.net_price(price, line["tax_class"], line["tax_status"] == "taxable"))


def _write_line(shop: Shop, line: Json, sent: Json, is_new: bool) -> None:
    number = _product_id(shop, sent, is_new)
    product = shop.store.product(number) if number else None
    if product is not None and product["id"] != (line["variation_id"] or line["product_id"]):
        _set_product(shop, line, product)
        if is_new:
            line["total"] = line["subtotal"] = _net_total(shop, line, product, sent)
    for name in ("name", "tax_class"):
        if sent.get(name) is not None:
            line[name] = str(sent[name])
    if sent.get("quantity") is not None:
        line["quantity"] = whole_number(sent["quantity"]) or 0
    for name in ("subtotal", "total"):
        if sent.get(name) is not None:
            line[name] = parse_price(sent[name]) or "0"


def _write_shipping(shop: Shop, line: Json, sent: Json, is_new: bool) -> None:
    if is_new and not sent.get("method_id"):
        raise ApiError("woocommerce_rest_invalid_shipping_item", "Shipping method ID is required.", 400)
    for name in ("method_id", "method_title", "instance_id"):
        if sent.get(name) is not None:
            line[name] = clean_text(str(sent[name]))
    if sent.get("total") is not None:
        line["total"] = parse_price(sent["total"]) or "0"


def _write_fee(shop: Shop, line: Json, sent: Json, is_new: bool) -> None:
    if is_new and not sent.get("name"):
        raise ApiError("woocommerce_rest_invalid_fee_item", "Fee name is required.", 400)
    for name in ("name", "tax_class", "tax_status"):
        if sent.get(name) is not None:
            line[name] = clean_text(str(sent[name]))
    if sent.get("total") is not None:
        line["total"] = parse_price(sent["total"]) or "0"


_BLANKS: dict[str, Json] = {
    "line_items": {"name": "", "product_id": 0, "variation_id": 0, "quantity": 1, "tax_class": "", "tax_status": "taxable",
                   "subtotal": "0", "subtotal_tax": "0"},
    "shipping_lines": {"method_title": "", "method_id": "", "instance_id": ""},
    "fee_lines": {"name": "", "tax_class": "", "tax_status": "taxable"},
}  # fmt: skip
_WRITERS = {"line_items": _write_line, "shipping_lines": _write_shipping, "fee_lines": _write_fee}


def _is_dropped(group: str, sent: Json) -> bool:
    if any(name in sent and sent[name] is None for name in _NAMES[group]):
        return True
    return group == "line_items" and "quantity" in sent and whole_number(sent["quantity"]) == 0


def _write_group(shop: Shop, order: Json, group: str, rows: list[Any]) -> None:
    for sent in rows:
        if not isinstance(sent, dict):
            raise FatalError
        if not sent.get("id"):
            line = {"id": 0, **_BLANKS[group], "total": "0", "total_tax": "0", "meta": []}
            line["taxes"] = {"total": {}, "subtotal": {}}
            _WRITERS[group](shop, line, sent, True)
            line["id"] = shop.store.next_id("item")
            _write_item_meta(shop, line, sent)
            order[group].append(line)
            continue
        held = next((held for held in order[group] if held["id"] == sent["id"]), None)
        if held is None:
            text = "Order item ID provided is not associated with order."
            raise ApiError("woocommerce_rest_invalid_item_id", text, 400)
        if _is_dropped(group, sent):
            order[group].remove(held)
            order.setdefault("_dropped", []).append(held)
        else:
            _WRITERS[group](shop, held, sent, False)
            _write_item_meta(shop, held, sent)


def _write_item_meta(shop: Shop, line: Json, sent: Json) -> None:
    for item in sent.get("meta_data") or []:
        if isinstance(item, dict) and item.get("key"):
            held = next((entry for entry in line["meta"] if entry["key"] == item["key"]), None)
            if held is not None:
                held["value"] = stored_value(item.get("value"))
                continue
            entry = {
                "id": shop.store.next_id("meta"),
                "key": str(item["key"]),
                "value": stored_value(item.get("value")),
            }
            line["meta"].append(entry)


def write_order(shop: Shop, order: Json, sent: Json) -> None:
    """Change an order in place, without status, coupons and totals.

    Raises:
        ApiError: a line without product, a freight line without method, an unknown customer.
        FatalError: a line with quantity 0 (recordings 61).
    """
    order.update({name: str(sent[name]) for name in _TEXTS if sent.get(name) is not None})
    order["currency"] = order["currency"] or shop.currency
    if sent.get("customer_id") is not None:
        number = whole_number(sent["customer_id"]) or 0
        if number and shop.store.record("customer", number) is None:
            raise ApiError("woocommerce_rest_invalid_customer_id", "Customer ID is invalid.", 400)
        order["customer_id"] = number
    for side in ("billing", "shipping"):
        if isinstance(sent.get(side), dict):
            taken = {name: clean_text(str(sent[side][name])) for name in _ADDRESS if sent[side].get(name) is not None}
            order[side] = {**order[side], **taken}
    for group in ("line_items", "shipping_lines", "fee_lines"):
        if isinstance(sent.get(group), list):
            _write_group(shop, order, group, sent[group])
    write_meta(shop.store, order["meta"], sent.get("meta_data"))


def write_coupons(shop: Shop, order: Json, sent: Json) -> None:
    """Replace the order's coupons by those sent and total up again.

    Raises:
        ApiError: unknown, expired or used-up coupon.
    """
    if not isinstance(sent.get("coupon_lines"), list):
        return
    held = {line["code"] for line in order["coupon_lines"]}
    coupons = []
    for item in sent["coupon_lines"]:
        if item.get("id"):
            raise ApiError("woocommerce_rest_coupon_item_id_readonly", "Coupon item ID is readonly.", 400)
        if not item.get("code"):
            raise ApiError("woocommerce_rest_invalid_coupon", "Coupon code is required.", 400)
        code = clean_text(str(item["code"])).lower()
        coupon = coupon_by_code(shop, code)
        if code not in held:
            check_coupon(shop, coupon, code, order)
        if coupon is not None:
            coupons.append(coupon)
    apply_coupons(shop, order, coupons)

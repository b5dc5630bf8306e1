"""How orders and refunds are printed (WooCommerce recordings 54 to 67, 71, 72, 78)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from .arithmetic import shown
from .image import show_image
from .product_view import self_link
from .shop import VERSION, Shop
from .wire import Ask, Json

EDITABLE = ("pending", "on-hold", "auto-draft")
PAYABLE = ("pending", "failed", "checkout-draft")
_BILLING = (
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
_SHIPPING = tuple(name for name in _BILLING if name != "email")


def json_number(amount: Decimal | float) -> int | float:
    """A number as PHP prints it: whole ones without a point."""
    number = float(amount)
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def _item_meta(entry: Json) -> Json:
    label = entry.get("label") or entry["key"]
    return {"id": entry["id"], "key": entry["key"], "value": entry["value"], "display_key": label,
            "display_value": entry["value"]}  # fmt: skip


def _taxes(line: Json, decimals: int) -> list[Json]:
    rows = []
    for number, total in line["taxes"]["total"].items():
        part = line["taxes"]["subtotal"].get(number)
        rows.append({
            "id": int(number), "total": shown(total, decimals), "subtotal": "" if part is None else shown(part, decimals)
        })  # fmt: skip
    return rows


def _line_image(shop: Shop, ask: Ask, product: Json | None) -> Json:
    if product is None:
        return {"id": 0, "src": ""}
    image = show_image(shop, ask, product["images"][0]) if product["images"] else None
    if image is not None:
        return {"id": image["id"], "src": image["src"]}
    return {"id": 0 if product["type"] == "variation" else "", "src": ""}


def show_line(shop: Shop, ask: Ask, line: Json, decimals: int) -> Json:
    """One line; code, picture and parent name come from the product as it is now."""
    product = shop.store.product(line["variation_id"] or line["product_id"])
    parent = (
        shop.store.product(product["parent_id"]) if product is not None and product["type"] == "variation" else None
    )
    price = float(line["total"]) / line["quantity"] if line["quantity"] else 0
    money = {name: shown(line[name], decimals) for name in ("subtotal", "subtotal_tax", "total", "total_tax")}
    return {
        "id": line["id"], "name": line["name"], "product_id": line["product_id"], "variation_id": line["variation_id"],
        "quantity": line["quantity"], "tax_class": line["tax_class"], **money, "taxes": _taxes(line, decimals),
        "meta_data": [_item_meta(entry) for entry in line["meta"]], "sku": None if product is None else product["sku"],
        "price": json_number(price), "image": _line_image(shop, ask, product),
        "parent_name": None if parent is None else parent["name"],
    }  # fmt: skip


def show_tax_line(row: Json, decimals: int) -> Json:
    """One tax line."""
    return {
        "id": row["id"], "rate_code": row["rate_code"], "rate_id": row["rate_id"], "label": row["label"],
        "compound": row["compound"], "tax_total": shown(row["tax_total"], decimals),
        "shipping_tax_total": shown(row["shipping_tax_total"], decimals), "rate_percent": json_number(Decimal(row["rate"])),
        "meta_data": [],
    }  # fmt: skip


def _show_shipping(line: Json, decimals: int) -> Json:
    return {
        "id": line["id"], "method_title": line["method_title"], "method_id": line["method_id"],
        "instance_id": line["instance_id"], "total": shown(line["total"], decimals),
        "total_tax": shown(line["total_tax"], decimals), "taxes": _taxes(line, decimals), "tax_status": "taxable",
        "meta_data": [_item_meta(entry) for entry in line["meta"]],
    }  # fmt: skip


def _show_fee(fee: Json, decimals: int) -> Json:
    return {
        "id": fee["id"], "name": fee["name"], "tax_class": fee["tax_class"], "tax_status": fee["tax_status"], "amount": "",
        "total": shown(fee["total"], decimals), "total_tax": shown(fee["total_tax"], decimals),
        "taxes": _taxes(fee, decimals), "meta_data": [_item_meta(entry) for entry in fee["meta"]],
    }  # fmt: skip


def _show_coupon(line: Json) -> Json:
    amount = json_number(Decimal(line["nominal_amount"]))
    kind = None if line["discount_type"] == "fixed_cart" else line["discount_type"]
    brief = [line["coupon_id"], line["code"], kind, amount, *([True] if line["free_shipping"] else [])]
    text = json.dumps(brief, separators=(",", ":"))
    entry = {"id": line["meta_id"], "key": "coupon_info", "value": text}
    return {
        "id": line["id"], "code": line["code"], "discount": line["discount"], "discount_tax": line["discount_tax"],
        "meta_data": [_item_meta(entry)], "discount_type": line["discount_type"], "nominal_amount": amount,
        "free_shipping": line["free_shipping"],
    }  # fmt: skip


def needs_work(shop: Shop, order: Json) -> bool:
    """Whether anything in the order must be packed: a product that is not both virtual and downloadable."""
    numbers = [line["variation_id"] or line["product_id"] for line in order["line_items"]]
    products = shop.store.products(numbers)
    return any(not (product["virtual"] and product["downloadable"]) for product in products)


def _dates(shop: Shop, order: Json) -> Json:
    fields = [("date_created", "created_s"), ("date_modified", "modified_s")]
    fields += [("date_completed", "completed_s"), ("date_paid", "paid_s")]
    rows: Json = {}
    for name, key in fields:
        rows[name], rows[f"{name}_gmt"] = shop.clock.local(order[key]), shop.clock.gmt(order[key])
    return rows


def _refunds(shop: Shop, order: Json, decimals: int) -> list[Json]:
    held = sorted(shop.store.records("refund", order["id"]), key=lambda refund: (-refund["created_s"], refund["id"]))
    return [
        {"id": refund["id"], "reason": refund["reason"], "total": f"-{shown(refund['amount'], decimals)}"}
        for refund in held
    ]


def show_order(shop: Shop, ask: Ask, order: Json) -> Json:
    """A whole order."""
    decimals = ask.params["dp"] if ask.has("dp") else shop.decimals
    total_tax = Decimal(order["cart_tax"]) + Decimal(order["shipping_tax"])
    money = ("discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total")
    payable = order["status"] in PAYABLE and Decimal(order["total"]) > 0
    return {
        "id": order["id"], "parent_id": 0, "status": order["status"], "currency": order["currency"], "version": VERSION,
        "prices_include_tax": order["prices_include_tax"], **{name: shown(order[name], decimals) for name in money},
        "total_tax": shown(total_tax, decimals), "customer_id": order["customer_id"], "order_key": order["order_key"],
        "billing": {name: order["billing"].get(name, "") for name in _BILLING},
        "shipping": {name: order["shipping"].get(name, "") for name in _SHIPPING},
        "payment_method": order["payment_method"], "payment_method_title": order["payment_method_title"],
        "transaction_id": order["transaction_id"], "customer_ip_address": "", "customer_user_agent": "",
        "created_via": order["created_via"], "customer_note": order["customer_note"], "cart_hash": "",
        "number": str(order["id"]), "meta_data": [dict(entry) for entry in order["meta"]],
        "line_items": [show_line(shop, ask, line, decimals) for line in order["line_items"]],
        "tax_lines": [show_tax_line(row, decimals) for row in order["tax_lines"]],
        "shipping_lines": [_show_shipping(line, decimals) for line in order["shipping_lines"]],
        "fee_lines": [_show_fee(fee, decimals) for fee in order["fee_lines"]],
        "coupon_lines": [_show_coupon(line) for line in order["coupon_lines"]], "refunds": _refunds(shop, order, decimals),
        "payment_url": f"{ask.base}/checkout/order-pay/{order['id']}/?pay_for_order=true&key={order['order_key']}",
        "is_editable": order["status"] in EDITABLE, "needs_payment": payable, "needs_processing": needs_work(shop, order),
        **_dates(shop, order), "currency_symbol": _symbol(order["currency"]), "_links": _links(ask, order),
    }  # fmt: skip


def _symbol(currency: str) -> str:
    return {"&#82;": "R", "&#36;": "$"}.get(Shop.symbol(currency), Shop.symbol(currency))


def _links(ask: Ask, order: Json) -> Json:
    address = ask.link("orders")
    templates = f"{address}/{order['id']}/actions/email_templates"
    links: dict[str, list[Any]] = {
        "self": self_link(f"{address}/{order['id']}"),
        "collection": [{"href": address}],
        "email_templates": [{"embeddable": True, "href": templates}],
    }
    if order["customer_id"]:
        links["customer"] = [{"href": ask.link(f"customers/{order['customer_id']}")}]
    return links

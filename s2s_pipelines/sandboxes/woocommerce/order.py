"""Routes of orders, their notes and refunds.

Sources: WooCommerce recordings 54 to 82.
"""

from __future__ import annotations

from decimal import Decimal

from .arithmetic import plain, shown, total_up
from .currency import CURRENCIES
from .html import filter_markup
from .listing import DATES, PAGING, Page, Where, add_dates, add_ids, answer_list, order_clause
from .order_status import (
    STATUSES,
    add_note,
    adjust_stock,
    move_stock,
    pay,
    refunded_amount,
    set_status,
    store_refund,
)
from .order_view import show_line, show_order, show_tax_line
from .order_write import GROUPS, blank_order, write_coupons, write_order
from .price import amount, parse_price
from .product_view import self_link
from .schema import ANY, FLAG, META, TEXT, WHOLE, WHOLES, Arg, one_of, record, rows, whole_number
from .shop import Shop
from .wire import Answer, ApiError, Ask, Json

_LISTED = (
    "any", "trash", "auto-draft", "pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed",
    "checkout-draft",
)  # fmt: skip
LIST_ARGS = {
    **PAGING, **DATES, "orderby": one_of("date", "id", "include", "title", "slug", "modified"), "dp": WHOLE,
    "status": Arg("array", items=one_of(*_LISTED)), "customer": WHOLE, "product": WHOLE, "parent": WHOLES,
}  # fmt: skip
_NAMES = dict.fromkeys(
    ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country", "phone"),
    TEXT,
)
WRITE_ARGS = {
    "parent_id": WHOLE, "status": one_of(*_LISTED[2:]), "currency": one_of(*CURRENCIES), "customer_id": WHOLE,
    "customer_note": TEXT, "billing": record(**_NAMES, email=Arg("string", layout="email", nullable=True)),
    "shipping": record(**_NAMES), "payment_method": TEXT, "payment_method_title": TEXT, "transaction_id": TEXT,
    "meta_data": META, "set_paid": FLAG,
    "line_items": rows(variation_id=WHOLE, quantity=WHOLE, tax_class=TEXT, subtotal=TEXT, total=TEXT, meta_data=ANY),
    "shipping_lines": rows(instance_id=TEXT, total=TEXT), "fee_lines": rows(tax_class=TEXT, total=TEXT),
    "coupon_lines": rows(),
}  # fmt: skip
NOTE_ARGS = {"note": Arg("string", required=True), "customer_note": FLAG, "added_by_user": FLAG}
REFUND_ARGS = {"amount": TEXT, "reason": TEXT, "api_refund": FLAG, "api_restock": FLAG, "line_items": Arg("array")}


def _invalid(status: int) -> ApiError:
    return ApiError("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", status)


def _existing(shop: Shop, ask: Ask, status: int) -> Json:
    order = shop.store.order(whole_number(ask.params.get("id")) or 0)
    if order is None:
        raise _invalid(status)
    return order


def save_order(shop: Shop, order: Json) -> None:
    """Move the stamp and store."""
    order["modified_s"] = shop.clock.now()
    shop.store.save_order(order)
    shop.notify("order.updated", order["id"])


def _where(shop: Shop, ask: Ask) -> Where:
    where, wanted = Where(), ask.params
    statuses = wanted.get("status") or ["any"]
    if "any" in statuses:
        where.add("status NOT IN ('trash', 'auto-draft')")
    else:
        where.among("status", statuses)
    if ask.has("customer"):
        where.add("customer_id = ?", wanted["customer"])
    if ask.has("product"):
        where.add("id IN (SELECT order_id FROM order_products WHERE product_id = ?)", wanted["product"])
    if wanted.get("search"):
        text = wanted["search"].casefold()
        where.add("(search LIKE ? OR CAST(id AS TEXT) = ?)", f"%{text}%", text)
    add_ids(where, ask)
    add_dates(where, ask, shop.clock)
    return where


def list_orders(shop: Shop, ask: Ask) -> Answer:
    """Orders; past the last page the counts are 0 here, unlike for products (recordings 70)."""
    where, page = _where(shop, ask), Page.of(ask)
    total = shop.store.one(f"SELECT count(*) FROM orders WHERE {where.text}", where.values)[0]  # noqa: S608 (constants)
    column = {"date": "created_s", "modified": "modified_s"}.get(ask.params.get("orderby") or "date", "id")
    order = order_clause(column, ask, page, total)
    found = shop.store.all(f"SELECT id FROM orders WHERE {where.text} {order}", where.values)  # noqa: S608 (constants)
    orders = [held for row in found if (held := shop.store.order(row[0])) is not None]
    more: Json = {"status": ask.params.get("status") or ["any"]}
    if orders:
        more.update(dp=2, context="view")
    return answer_list(ask, total if orders else 0, [show_order(shop, ask, held) for held in orders], page, more=more)


def read_order(shop: Shop, ask: Ask) -> Answer:
    """One order, also out of the bin."""
    return Answer(show_order(shop, ask, _existing(shop, ask, 404)))


def create_order(shop: Shop, ask: Ask) -> Answer:
    """Place an order.

    The order exists before its coupons are checked, so a refused coupon leaves a draft behind (recordings 61).
    """
    order = blank_order(shop)
    write_order(shop, order, ask.params)
    order["id"] = shop.store.next_id("post")
    total_up(shop, order)
    try:
        write_coupons(shop, order, ask.params)
    except ApiError as error:
        order["status"] = "checkout-draft"
        shop.store.save_order(order)
        error.detail = {**error.detail, "new_draft_order_id": order["id"]}
        raise
    if ask.params.get("status"):
        set_status(shop, order, ask.params["status"])
    if ask.params.get("set_paid") is True:
        pay(shop, order, str(ask.params.get("transaction_id") or ""))
    shop.notify("order.created", order["id"])
    save_order(shop, order)
    return Answer(show_order(shop, ask, order), 201, {"Location": ask.link(f"orders/{order['id']}")})


def update_order(shop: Shop, ask: Ask) -> Answer:
    """Change an order; totals follow only when addresses or lines were sent."""
    order = _existing(shop, ask, 400)
    write_order(shop, order, ask.params)
    for line in order.pop("_dropped", []):
        if order["stock_reduced"] and "product_id" in line:
            move_stock(shop, line, 0)
    if any(ask.params.get(name) is not None for name in ("billing", "shipping", *GROUPS)):
        total_up(shop, order)
    if isinstance(ask.params.get("line_items"), list):
        adjust_stock(shop, order)
    write_coupons(shop, order, ask.params)
    if ask.params.get("status"):
        set_status(shop, order, ask.params["status"])
    if ask.params.get("set_paid") is True and order["status"] in ("pending", "failed") and Decimal(order["total"]) > 0:
        pay(shop, order, str(ask.params.get("transaction_id") or ""))
    save_order(shop, order)
    return Answer(show_order(shop, ask, order))


def delete_order(shop: Shop, ask: Ask) -> Answer:
    """Bin an order, or delete it with ``force``; answers the state before."""
    order = _existing(shop, ask, 404)
    answer = Answer(show_order(shop, ask, order))
    if ask.params.get("force"):
        shop.store.drop_order(order["id"])
    else:
        if order["status"] == "trash":
            raise ApiError("woocommerce_rest_already_trashed", "The order has already been deleted.", 410)
        order["status"] = "trash"
        order["modified_s"] = shop.clock.now()
        shop.store.save_order(order)
    shop.notify("order.deleted", order["id"])
    return answer


def list_statuses(shop: Shop, ask: Ask) -> Answer:
    """Names of the order statuses."""
    return Answer([{"slug": slug, "name": name} for slug, name in STATUSES.items()])


def _ordered(shop: Shop, ask: Ask) -> Json:
    order = shop.store.order(int(ask.url["order_id"]))
    if order is None:
        raise ApiError("woocommerce_rest_order_invalid_id", "Invalid order ID.", 404)
    return order


def _show_note(shop: Shop, ask: Ask, note: Json) -> Json:
    address = ask.link(f"orders/{note['order_id']}")
    created = {
        "date_created": shop.clock.local(note["created_s"]),
        "date_created_gmt": shop.clock.gmt(note["created_s"]),
    }
    links = {
        "self": self_link(f"{address}/notes/{note['id']}", ["GET", "DELETE"]),
        "collection": [{"href": f"{address}/notes"}],
        "up": [{"href": address}],
    }
    shared = {"note": note["note"], "customer_note": note["customer_note"]}
    return {"id": note["id"], "author": note["author"], **created, **shared, "_links": links}


def list_notes(shop: Shop, ask: Ask) -> Answer:
    """Notes of an order, newest second first, never paged."""
    notes = shop.store.records("note", _ordered(shop, ask)["id"])
    kind = ask.params.get("type")
    if kind in ("customer", "internal"):
        notes = [note for note in notes if note["customer_note"] is (kind == "customer")]
    notes = sorted(notes, key=lambda note: (-note["created_s"], note["id"]))
    return Answer([_show_note(shop, ask, note) for note in notes])


def _note(shop: Shop, ask: Ask) -> Json:
    order = _ordered(shop, ask)
    note = shop.store.record("note", whole_number(ask.params.get("id")) or 0)
    if note is None or note["order_id"] != order["id"]:
        raise ApiError("woocommerce_rest_invalid_id", "Invalid resource ID.", 404)
    return note


def read_note(shop: Shop, ask: Ask) -> Answer:
    """One note."""
    return Answer(_show_note(shop, ask, _note(shop, ask)))


def create_note(shop: Shop, ask: Ask) -> Answer:
    """Add a note; the order's stamp stays where it is."""
    order = _ordered(shop, ask)
    author = "admin" if ask.params.get("added_by_user") else "WooCommerce"
    text = filter_markup(str(ask.params["note"])).strip()
    note = add_note(shop, order["id"], text, author, bool(ask.params.get("customer_note")))
    headers = {"Location": ask.link(f"orders/{order['id']}/notes/{note['id']}")}
    return Answer(_show_note(shop, ask, note), 201, headers)


def delete_note(shop: Shop, ask: Ask) -> Answer:
    """Delete a note; without ``force`` the shop speaks of webhooks (recordings 76)."""
    note = _note(shop, ask)
    if not ask.params.get("force"):
        raise ApiError("woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.", 501)
    shop.store.drop_record("note", note["id"])
    return Answer(_show_note(shop, ask, note))


def _show_refund(shop: Shop, ask: Ask, refund: Json, with_parent: bool = False) -> Json:
    address = ask.link(f"orders/{refund['order_id']}")
    clock, decimals = shop.clock, ask.params["dp"] if ask.has("dp") else shop.decimals
    links = {
        "self": self_link(f"{address}/refunds/{refund['id']}", ["GET", "DELETE"]),
        "collection": [{"href": f"{address}/refunds"}],
        "up": [{"href": address}],
    }
    return {
        "id": refund["id"], **({"parent_id": refund["order_id"]} if with_parent else {}),
        "date_created": clock.local(refund["created_s"]), "date_created_gmt": clock.gmt(refund["created_s"]),
        "amount": shown(refund["amount"], decimals), "reason": refund["reason"], "refunded_by": 1, "refunded_payment": False,
        "meta_data": [], "line_items": [show_line(shop, ask, line, decimals) for line in refund["line_items"]],
        "shipping_lines": [], "tax_lines": [show_tax_line(row, decimals) for row in refund["tax_lines"]], "fee_lines": [],
        "_links": links,
    }  # fmt: skip


def list_refunds(shop: Shop, ask: Ask) -> Answer:
    """Refunds of one order, or of all, newest first."""
    number = int(ask.url["order_id"]) if "order_id" in ask.url else None
    if number is not None and shop.store.order(number) is None:
        raise ApiError("woocommerce_rest_invalid_order_id", "Invalid order ID.", 404)
    held = sorted(shop.store.records("refund", number), key=lambda refund: (-refund["created_s"], -refund["id"]))
    page = Page.of(ask)
    shown_rows = [_show_refund(shop, ask, row, number is None) for row in held[page.offset : page.offset + page.size]]
    return answer_list(ask, len(held), shown_rows, page)


def read_refund(shop: Shop, ask: Ask) -> Answer:
    """One refund."""
    refund = shop.store.record("refund", whole_number(ask.params.get("id")) or 0)
    if refund is None or refund["order_id"] != int(ask.url["order_id"]):
        raise ApiError("woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.", 404)
    return Answer(_show_refund(shop, ask, refund))


def _refund_line(shop: Shop, order: Json, sent: Json) -> Json | None:
    line = next((line for line in order["line_items"] if line["id"] == sent.get("id")), None)
    if line is None:
        return None
    total = amount(parse_price(sent.get("refund_total")))
    taxes = {
        str(tax["id"]): plain(-amount(parse_price(tax.get("refund_total")))) for tax in sent.get("refund_tax") or []
    }
    tax_total = plain(sum((Decimal(value) for value in taxes.values()), Decimal(0)))
    meta = [{"id": shop.store.next_id("meta"), "key": "_refunded_item_id", "value": str(line["id"])}]
    return {
        **line, "id": shop.store.next_id("item"), "quantity": -(whole_number(sent.get("quantity")) or 0),
        "subtotal": plain(-total), "total": plain(-total), "subtotal_tax": tax_total, "total_tax": tax_total,
        "taxes": {"total": taxes, "subtotal": taxes}, "meta": meta, "refunds": line["id"],
    }  # fmt: skip


def _refund_taxes(shop: Shop, order: Json, lines: list[Json]) -> list[Json]:
    found = []
    for row in order["tax_lines"]:
        parts = [Decimal(line["taxes"]["total"].get(str(row["rate_id"]), "0")) for line in lines]
        if any(parts):
            total = plain(sum(parts, Decimal(0)))
            found.append({**row, "id": shop.store.next_id("item"), "tax_total": total, "shipping_tax_total": "0"})
    return found


def _restock(shop: Shop, order: Json, lines: list[Json]) -> None:
    for refunded in lines:
        line = next(line for line in order["line_items"] if line["id"] == refunded["refunds"])
        entry = next((entry for entry in line["meta"] if entry["key"] == "_reduced_stock"), None)
        if entry is None:
            continue
        left = max(0, int(entry["value"]) + refunded["quantity"])
        move_stock(shop, line, left)
        if not any(held["key"] == "_reduced_stock" for held in line["meta"]):
            line["meta"].append({**entry, "value": "0"})
        back = {"key": "_restock_refunded_items", "value": str(-refunded["quantity"])}
        line["meta"].append({"id": shop.store.next_id("meta"), **back})


def create_refund(shop: Shop, ask: Ask) -> Answer:
    """Give money back; refusals are status 500 with a bare number as data (recordings 78)."""
    order = shop.store.order(int(ask.url["order_id"]))
    if order is None:
        raise ApiError("woocommerce_rest_invalid_order_id", "Invalid order ID.", 404)
    sent = [item for item in ask.params.get("line_items") or [] if isinstance(item, dict)]
    lines = [line for item in sent if (line := _refund_line(shop, order, item)) is not None]
    listed = sum((-Decimal(line["total"]) - Decimal(line["total_tax"]) for line in lines), Decimal(0))
    value = amount(parse_price(ask.params["amount"])) if ask.params.get("amount") else listed
    code = "woocommerce_rest_cannot_create_order_refund"
    rest = Decimal(order["total"]) - refunded_amount(shop, order)
    if value < 0 or value > rest:
        raise ApiError(code, "Invalid refund amount.", 500, detail=500)
    if ask.params.get("api_refund") is not False:
        raise ApiError(code, "The payment gateway for this order does not support automatic refunds.", 500, detail=500)
    reason = filter_markup(str(ask.params.get("reason") or ""))
    refund = store_refund(shop, order, plain(value), reason, lines, _refund_taxes(shop, order, lines))
    if ask.params.get("api_restock") is not False:
        _restock(shop, order, lines)
    if value and value == rest:
        set_status(shop, order, "refunded")
    save_order(shop, order)
    location = ask.link(f"orders/(?P<order_id>[\\d]+)/refunds/{refund['id']}")
    return Answer(_show_refund(shop, ask, refund), 201, {"Location": location})


def delete_refund(shop: Shop, ask: Ask) -> Answer:
    """Delete a refund; only with ``force``."""
    answer = read_refund(shop, ask)
    if not ask.params.get("force"):
        raise ApiError("woocommerce_rest_trash_not_supported", "Order refunds do not support trashing.", 501)
    shop.store.drop_record("refund", answer.body["id"])
    return answer

"""What a new status does: stamps, stock, notes, the automatic refund.

Sources: WooCommerce recordings 54, 73 to 76, 79, 80.
"""

from __future__ import annotations

from decimal import Decimal

from .order_view import needs_work
from .product import save_product
from .product_view import variation_name
from .shop import Shop
from .wire import Json

STATUSES = {
    "pending": "Pending payment", "processing": "Processing", "on-hold": "On hold", "completed": "Completed",
    "cancelled": "Cancelled", "refunded": "Refunded", "failed": "Failed", "checkout-draft": "Draft",
}  # fmt: skip
TAKES_STOCK = ("on-hold", "processing", "completed")
GIVES_STOCK = ("pending", "cancelled")
_PAYS = ("on-hold", "pending", "failed", "cancelled")


def add_note(shop: Shop, order_id: int, text: str, author: str = "WooCommerce", is_for_customer: bool = False) -> Json:
    """Attach a note to an order; the order's stamp does not move (recordings 76)."""
    note = {
        "id": shop.store.next_id("note"), "order_id": order_id, "author": author, "created_s": shop.clock.now(), "note": text,
        "customer_note": is_for_customer,
    }  # fmt: skip
    shop.store.save_record("note", note, order_id)
    return note


def _stocked(shop: Shop, line: Json) -> tuple[Json, str] | None:
    """The product whose quantity a line moves, with the name notes use; None when nothing is managed."""
    product = shop.store.product(line["variation_id"] or line["product_id"])
    if product is None:
        return None
    label = product["name"]
    if product["type"] == "variation":
        parent = shop.store.product(product["parent_id"])
        if parent is not None:
            label = variation_name(shop, product, parent)
            product = parent if product["manage_stock"] is False else product
    return (
        (product, f"{label} ({product['sku'] or '#' + str(product['id'])})")
        if product["manage_stock"] is True
        else None
    )


def _reduced(line: Json) -> Json | None:
    return next((entry for entry in line["meta"] if entry["key"] == "_reduced_stock"), None)


def move_stock(shop: Shop, line: Json, wanted: int) -> str | None:
    """Bring what a line took from stock to ``wanted`` and describe the move; None when nothing moved."""
    entry = _reduced(line)
    taken = int(entry["value"]) if entry is not None else 0
    found = _stocked(shop, line)
    if found is None or wanted == taken:
        return None
    product, label = found
    before = product["stock_quantity"] or 0
    product["stock_quantity"] = before - (wanted - taken)
    save_product(shop, product)
    if entry is not None and not wanted:
        line["meta"].remove(entry)
    elif entry is not None:
        entry["value"] = str(wanted)
    else:
        line["meta"].append({"id": shop.store.next_id("meta"), "key": "_reduced_stock", "value": str(wanted)})
    return f"{label} {before}&rarr;{product['stock_quantity']}"


def _move_all(shop: Shop, order: Json, is_taken: bool) -> None:
    moves = [move_stock(shop, line, line["quantity"] if is_taken else 0) for line in order["line_items"]]
    texts = [text for text in moves if text]
    order["stock_reduced"] = is_taken
    if texts:
        add_note(shop, order["id"], f"Stock levels {'reduced' if is_taken else 'increased'}: {', '.join(texts)}")


def _count_sales(shop: Shop, order: Json, is_sold: bool) -> None:
    if order["sales_recorded"] == is_sold:
        return
    for line in order["line_items"]:
        product = shop.store.product(line["product_id"])
        if product is not None:
            product["total_sales"] += line["quantity"] if is_sold else -line["quantity"]
            shop.store.save_product(product)
    order["sales_recorded"] = is_sold


def _stamp(shop: Shop, order: Json) -> None:
    now = shop.clock.now()
    paid = "processing" if needs_work(shop, order) else "completed"
    if order["paid_s"] is None and order["status"] in (paid, "completed"):
        order["paid_s"] = now
    if order["status"] == "completed":
        order["completed_s"] = now


def set_status(shop: Shop, order: Json, status: str) -> None:
    """Change the status in place with all that follows; an unknown status becomes pending (recordings 81)."""
    before = order["status"]
    order["status"] = status if status in STATUSES else "pending"
    if order["status"] == before:
        return
    _stamp(shop, order)
    if order["status"] in TAKES_STOCK:
        if not order["stock_reduced"]:
            _move_all(shop, order, True)
        _count_sales(shop, order, True)
    elif order["status"] in GIVES_STOCK and order["stock_reduced"]:
        _move_all(shop, order, False)
    if order["status"] == "cancelled":
        _count_sales(shop, order, False)
    if order["status"] == "refunded":
        refund_rest(shop, order)
    names = (STATUSES.get(before, before), STATUSES[order["status"]])
    add_note(shop, order["id"], f"Order status changed from {names[0]} to {names[1]}.")


def refunded_amount(shop: Shop, order: Json) -> Decimal:
    """What has been given back so far."""
    return sum((Decimal(refund["amount"]) for refund in shop.store.records("refund", order["id"])), Decimal(0))


def refund_rest(shop: Shop, order: Json) -> None:
    """The refund the shop books by itself when an order is set to refunded (recordings 78, last list)."""
    rest = Decimal(order["total"]) - refunded_amount(shop, order)
    if rest > 0:
        store_refund(shop, order, str(rest), "Order fully refunded.", [], [])


def store_refund(shop: Shop, order: Json, amount: str, reason: str, lines: list[Json], taxes: list[Json]) -> Json:
    """Store a refund of an order."""
    refund = {
        "id": shop.store.next_id("post"), "order_id": order["id"], "created_s": shop.clock.now(), "amount": amount,
        "reason": reason, "line_items": lines, "tax_lines": taxes, "meta": [],
    }  # fmt: skip
    shop.store.save_record("refund", refund, order["id"])
    return refund


def pay(shop: Shop, order: Json, transaction_id: str) -> None:
    """Payment complete: paid stamp, and processing or completed (recordings 55, 74)."""
    if order["status"] not in _PAYS:
        return
    if transaction_id:
        order["transaction_id"] = transaction_id
    if order["paid_s"] is None:
        order["paid_s"] = shop.clock.now()
    set_status(shop, order, "processing" if needs_work(shop, order) else "completed")


def adjust_stock(shop: Shop, order: Json) -> None:
    """After lines were edited in an order that took stock, take or give the difference (recordings 75)."""
    if order["stock_reduced"] and order["status"] in TAKES_STOCK:
        texts = [text for line in order["line_items"] if (text := move_stock(shop, line, line["quantity"]))]
        if texts:
            add_note(shop, order["id"], f"Adjusted stock: {', '.join(texts)}")

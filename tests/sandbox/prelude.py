"""What the recorded shop's owner did between the recordings, worked out from what the recordings show afterwards.

Each step runs once, before the named exchange. It uses the sandbox's own interface and tells the player which recorded id the
new thing has.
"""

from collections.abc import Callable
from typing import Any

from .replay import Player

MIDDAY = 1795256100  # 2026-11-21 10:15:00 UTC, a little before the first recorded stamp


def at(player: Player, clock: str) -> None:
    """Set the shop's clock to a time of that day, UTC."""
    hour, minute, second = (int(part) for part in clock.split(":"))
    player.sandbox.clock.freeze(MIDDAY + (hour - 10) * 3600 + (minute - 15) * 60 + second)


def _make(player: Player, recorded: int, path: str, body: dict[str, Any], kind: str = "post") -> dict[str, Any]:
    made: dict[str, Any] = player.call("POST", path, body)
    assert player.ids.learn(kind, recorded, made["id"])
    return made


def _newest(player: Player, recorded: int) -> None:
    rows = player.call("GET", "products", query={"orderby": "id", "per_page": "1"})
    assert player.ids.learn("post", recorded, rows[0]["id"])


def _order(player: Player, recorded: int, lines: dict[int, int], **more: Any) -> dict[str, Any]:
    items = [{"product_id": player.ids.ours("post", number), "quantity": count} for number, count in lines.items()]
    return _make(player, recorded, "orders", {**player.buyer, "line_items": items, **more})


def product_of_a_broken_batch(player: Player) -> None:
    _newest(player, 31)


def seven_page_items(player: Player) -> None:
    for number in range(1, 8):
        at(player, "10:16:08" if number == 7 else "10:16:07")
        _make(
            player,
            31 + number,
            "products",
            {"name": f"Page item {number}", "sku": f"PG-{number}", "regular_price": "10"},
        )


def five_touched(player: Player) -> None:
    for recorded, clock in ((32, "10:16:10"), (33, "10:16:10"), (34, "10:16:10"), (35, "10:16:10"), (36, "10:16:12")):
        at(player, clock)
        player.call("PUT", f"products/{player.ids.ours('post', recorded)}", {})


def product_to_delete(player: Player) -> None:
    _make(player, 50, "products", {"name": "Del", "sku": "DEL-1", "regular_price": "1"})


def variation_to_delete(player: Player) -> None:
    size = {"name": "Size", "variation": True, "options": ["S"]}
    parent = _make(player, 53, "products", {"name": "DV", "type": "variable", "sku": "DV", "attributes": [size]})
    body = {"sku": "DV-S", "regular_price": "1", "attributes": [{"name": "Size", "option": "S"}]}
    _make(player, 54, f"products/{parent['id']}/variations", body)


def goods_for_orders(player: Player) -> None:
    stock = {"manage_stock": True, "stock_quantity": 100}
    for recorded, name, sku, price, more in (
        (72, "Plate", "PLATE-1", "100.00", {}),
        (73, "Bowl", "BOWL-1", "57.50", {}),
        (74, "Book (zero-rated)", "BOOK-1", "90.00", {"tax_class": "zero-rate"}),
        (75, "Free gift", "GIFT-1", "0", {}),
        (76, "Third of a rand", "ODD-1", "33.33", {}),
    ):
        at(player, "10:16:28")
        _make(player, recorded, "products", {"name": name, "sku": sku, "regular_price": price, **stock, **more})


def _set(player: Player, name: str, value: str) -> None:
    player.call("PUT", f"settings/{name}", {"value": value})


def prices_inclusive(player: Player) -> None:
    _set(player, "tax/woocommerce_prices_include_tax", "yes")


def no_decimals(player: Player) -> None:
    _set(player, "general/woocommerce_price_num_decimals", "0")


def two_decimals(player: Player) -> None:
    _set(player, "general/woocommerce_price_num_decimals", "2")


def orders_of_the_shop_front(player: Player) -> None:
    """The two orders of recordings 68 and 69, placed over REST: same goods, stock and status, not the same by-fields."""
    player.call("POST", "shipping/zones", {"name": "ZA"})
    at(player, "10:16:36")
    variation = {"product_id": player.ids.ours("post", 16), "variation_id": player.ids.ours("post", 17), "quantity": 1}
    items = [
        {"product_id": player.ids.ours("post", number), "quantity": count}
        for number, count in ((72, 2), (76, 3), (74, 1))
    ]
    freight = [{"method_id": "flat_rate", "method_title": "Flat rate", "total": "100"}]
    body = {**player.buyer, "status": "on-hold", "line_items": [*items, variation], "shipping_lines": freight}
    _make(player, 97, "orders", {**body, "coupon_lines": [{"code": "ten"}]})
    at(player, "10:16:37")
    _set(player, "tax/woocommerce_prices_include_tax", "no")
    _order(player, 98, {72: 2, 76: 3}, status="on-hold", shipping_lines=freight)
    _set(player, "tax/woocommerce_prices_include_tax", "yes")


def five_equal_orders(player: Player) -> None:
    at(player, "10:16:39")
    for recorded in range(99, 104):
        _order(player, recorded, {73: 1}, status="processing")
    at(player, "10:16:41")
    player.call("PUT", f"orders/{player.ids.ours('post', 99)}", {"customer_note": "touch"})


def order_to_move(player: Player) -> None:
    at(player, "10:16:43")
    _order(player, 104, {72: 5})


def order_to_pay(player: Player) -> None:
    at(player, "10:16:47")
    _order(player, 106, {72: 1})


def order_to_refund(player: Player) -> None:
    at(player, "10:16:57")
    _order(player, 111, {73: 2}, status="processing")


def order_to_cancel(player: Player) -> None:
    at(player, "10:17:03")
    _order(player, 113, {73: 2}, status="processing")


def order_for_webhooks(player: Player) -> None:
    variation = {"product_id": player.ids.ours("post", 16), "variation_id": player.ids.ours("post", 17), "quantity": 1}
    items = [{"product_id": player.ids.ours("post", 72), "quantity": 1}, variation]
    freight = [{"method_id": "flat_rate", "method_title": "Flat rate", "total": "86.96"}]
    body = {**player.buyer, "status": "processing", "line_items": items, "shipping_lines": freight}
    body["customer_note"] = 'Ünïcode / slash "quote" 😀'
    at(player, "10:17:43")
    _make(player, 114, "orders", body)


def order_completed_with_reference(player: Player) -> None:
    at(player, "10:17:47")
    body = {"status": "completed", "meta_data": [{"key": "_erp_ref", "value": "SO9"}]}
    player.call("PUT", f"orders/{player.ids.ours('post', 114)}", body)


def product_changed_and_order_binned(player: Player) -> None:
    at(player, "10:17:49")
    player.call("PUT", f"products/{player.ids.ours('post', 10)}", {"regular_price": "121.00"})
    player.call("DELETE", f"orders/{player.ids.ours('post', 114)}")


def receiver_that_fails(player: Player) -> None:
    at(player, "10:17:52")
    body = {"name": "failing", "topic": "order.updated", "delivery_url": f"{player.receiver.url}/fail", "secret": "x"}
    _make(player, 6, "webhooks", body, "webhook")
    for _ in range(7):
        player.call("PUT", f"orders/{player.ids.ours('post', 106)}", {})
        player.sandbox.settle_webhooks()


STEPS: dict[str, Callable[[Player], None]] = {
    "32[0]": product_of_a_broken_batch,
    "35[0]": seven_page_items,
    "37[0]": five_touched,
    "50[0]": product_to_delete,
    "51[0]": variation_to_delete,
    "54[0]": goods_for_orders,
    "66[0]": prices_inclusive,
    "67[0]": no_decimals,
    "67[1]": two_decimals,
    "68[0]": orders_of_the_shop_front,
    "70[0]": five_equal_orders,
    "73[0]": order_to_move,
    "74[0]": order_to_pay,
    "79[0]": order_to_refund,
    "80[0]": order_to_cancel,
    "85[0]": order_for_webhooks,
    "86[0]": order_completed_with_reference,
    "87[0]": product_changed_and_order_binned,
    "88[0]": receiver_that_fails,
}

#: Lists whose rows share a stamp: their order, and which of them make the page, is not fixed.
TIES = {
    "33[5]", "36[0]", "37[2]", "37[3]", "37[5]", "37[13]", "70[2]", "70[3]", "70[6]", "70[8]", "70[10]", "70[13]", "70[14]",
    "70[15]", "74[4]",
}  # fmt: skip

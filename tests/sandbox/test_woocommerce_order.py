"""What a real shop does to orders, in tests of our own: the facts of WooCommerce recordings 53 to 83."""

from decimal import Decimal
from typing import Any

import pytest

from s2s_pipelines.sandboxes.woocommerce import WooSandbox

from .conftest import Caller

AT_HOME = {"country": "ZA", "first_name": "Test", "email": "buyer@buyer.example"}
ABROAD = {"country": "BW", "first_name": "Test"}


@pytest.fixture
def goods(caller: Caller) -> dict[str, int]:
    """Ids by code: a hundred each of goods at 100.00, 33.33, 57.50, and 90.00 of the zero-rated class."""
    caller.post("taxes", {"country": "ZA", "rate": "0", "name": "Zero", "class": "zero-rate", "shipping": False})
    stock = {"manage_stock": True, "stock_quantity": 100}
    made = {}
    for sku, price, tax_class in (
        ("HUNDRED", "100.00", ""),
        ("THIRD", "33.33", ""),
        ("BOWL", "57.50", ""),
        ("BOOK", "90.00", "zero-rate"),
    ):
        body = {"name": sku.title(), "sku": sku, "regular_price": price, "tax_class": tax_class, **stock}
        made[sku] = caller.post("products", body)["id"]
    caller.post("coupons", {"code": "TEN", "discount_type": "percent", "amount": "10"})
    caller.post("coupons", {"code": "OFF25", "discount_type": "fixed_cart", "amount": "25"})
    return made


def place(caller: Caller, lines: dict[str, int], **more: Any) -> dict[str, Any]:
    items = [{"sku": sku, "quantity": count} for sku, count in lines.items()]
    made: dict[str, Any] = caller.post(
        "orders", {"billing": AT_HOME, "status": "processing", "line_items": items, **more}
    )
    return made


def stock(caller: Caller, number: int) -> Any:
    return caller.get(f"products/{number}")["stock_quantity"]


def exclusive(caller: Caller) -> None:
    caller.put("settings/tax/woocommerce_prices_include_tax", {"value": "no"})


@pytest.mark.usefixtures("goods")
def test_line_totals_are_net_even_where_prices_are_typed_with_tax(caller: Caller) -> None:
    freight = [{"method_id": "flat_rate", "method_title": "Flat", "total": "86.96"}]
    order = place(caller, {"HUNDRED": 2, "BOWL": 3}, shipping_lines=freight)
    assert [(line["total"], line["total_tax"]) for line in order["line_items"]] == [
        ("173.91", "26.09"),
        ("150.00", "22.50"),
    ]
    assert (order["shipping_total"], order["shipping_tax"], order["cart_tax"]) == ("86.96", "13.04", "48.59")
    assert (order["total"], order["total_tax"]) == ("472.50", "61.63")
    assert order["line_items"][0]["price"] == 86.9565215


@pytest.mark.usefixtures("goods")
def test_percent_coupon_leaves_line_sums_a_cent_off_and_the_total_right(caller: Caller) -> None:
    order = place(caller, {"HUNDRED": 1, "THIRD": 3, "BOOK": 1}, coupon_lines=[{"code": "Ten"}])
    assert [(line["total"], line["total_tax"]) for line in order["line_items"]] == [
        ("78.25", "11.74"), ("78.26", "11.74"), ("81.00", "0.00"),
    ]  # fmt: skip
    assert (order["discount_total"], order["discount_tax"]) == ("26.40", "2.61")
    assert (order["coupon_lines"][0]["discount"], order["coupon_lines"][0]["discount_tax"]) == ("26.39", "2.61")
    assert order["total"] == "260.99"


@pytest.mark.usefixtures("goods")
def test_fixed_coupon_spreads_whole_cents_and_the_dearest_line_takes_the_rest(caller: Caller) -> None:
    order = place(caller, {"HUNDRED": 1, "THIRD": 1, "BOWL": 1}, coupon_lines=[{"code": "off25"}])
    assert [line["total"] for line in order["line_items"]] == ["79.70", "21.74", "42.76"]
    assert (order["total"], order["coupon_lines"][0]["discount"]) == ("165.83", "21.73")


@pytest.mark.usefixtures("goods")
def test_exclusive_shop_adds_the_tax(caller: Caller) -> None:
    exclusive(caller)
    order = place(caller, {"HUNDRED": 2, "BOWL": 3})
    assert [(line["total"], line["total_tax"]) for line in order["line_items"]] == [
        ("200.00", "30.00"),
        ("172.50", "25.88"),
    ]
    coupon = place(caller, {"HUNDRED": 1, "THIRD": 3, "BOOK": 1}, coupon_lines=[{"code": "ten"}])
    assert [line["total"] for line in coupon["line_items"]] == ["89.99", "90.00", "81.00"]
    assert (coupon["coupon_lines"][0]["discount"], coupon["total"]) == ("29", "287.99")


@pytest.mark.usefixtures("goods")
def test_foreign_buyer_pays_no_tax_and_in_an_inclusive_shop_gets_it_off(caller: Caller) -> None:
    assert place(caller, {"HUNDRED": 2}, billing=ABROAD)["total"] == "173.91"
    exclusive(caller)
    assert place(caller, {"HUNDRED": 2}, billing=ABROAD)["total"] == "200.00"


def test_sums_of_the_two_orders_placed_through_the_recorded_shop_front(caller: Caller, goods: dict[str, int]) -> None:
    """Recordings 68 and 69, whose lines and totals also come out of the REST interface."""
    size = {"name": "Size", "variation": True, "options": ["S"]}
    parent = caller.post("products", {"name": "Tee", "type": "variable", "attributes": [size]})["id"]
    caller.post(f"products/{parent}/variations", {"sku": "TEE-S", "regular_price": "240.00"})
    freight = [{"method_id": "flat_rate", "method_title": "Flat", "total": "100"}]
    lines = {"HUNDRED": 2, "TEE-S": 1, "THIRD": 3, "BOOK": 1}
    first = place(caller, lines, coupon_lines=[{"code": "ten"}], shipping_lines=freight)
    assert [line["total"] for line in first["line_items"]] == ["156.52", "187.82", "78.26", "81.00"]
    assert (first["total"], first["total_tax"], first["discount_total"], first["discount_tax"]) == (
        "681.99", "78.39", "55.96", "7.04",
    )  # fmt: skip
    exclusive(caller)
    second = place(caller, {"HUNDRED": 2, "THIRD": 3}, shipping_lines=freight)
    assert (second["total"], second["cart_tax"], second["shipping_tax"]) == ("459.99", "45.00", "15.00")


@pytest.mark.usefixtures("goods")
def test_fees_may_be_negative_and_a_line_total_may_be_overridden(caller: Caller, goods: dict[str, int]) -> None:
    lines = [{"product_id": goods["HUNDRED"], "quantity": 1, "subtotal": "100.00", "total": "80.00"}]
    fees = [{"name": "Handling", "total": "10"}, {"name": "Loyalty", "total": "-5"}]
    order = caller.post("orders", {"line_items": lines, "fee_lines": fees})
    assert [fee["total_tax"] for fee in order["fee_lines"]] == ["1.50", "-0.75"]
    assert (order["discount_total"], order["total"]) == ("20.00", "97.75")


def test_unknown_goods_make_an_empty_line_and_a_line_without_goods_is_refused(
    caller: Caller, goods: dict[str, int]
) -> None:
    line = caller.post("orders", {"line_items": [{"sku": "NOPE", "quantity": 1}]})["line_items"][0]
    assert (line["sku"], line["product_id"], line["total"]) == (None, 0, "0.00")
    refused = caller.ask("POST", "orders", {"line_items": [{"name": "By hand", "total": "10"}]})
    assert refused.json()["code"] == "woocommerce_rest_required_product_reference"
    odd = [{"product_id": goods["HUNDRED"], "quantity": count} for count in (0, -1, 0.5)]
    assert [caller.ask("POST", "orders", {"line_items": [line]}).status_code for line in odd] == [500, 201, 400]
    assert caller.ask("POST", "orders", {"customer_id": 999}).json()["code"] == "woocommerce_rest_invalid_customer_id"


@pytest.mark.usefixtures("goods")
def test_refused_coupon_leaves_a_draft_behind(caller: Caller) -> None:
    items = [{"sku": "HUNDRED", "quantity": 1}]
    refused = caller.ask("POST", "orders", {"line_items": items, "coupon_lines": [{"code": "nope"}]}).json()
    draft = caller.get(f"orders/{refused['data']['new_draft_order_id']}")
    assert (draft["status"], draft["total"]) == ("checkout-draft", "100.00")


def test_stock_goes_down_and_up_with_the_status(caller: Caller, goods: dict[str, int]) -> None:
    order = place(caller, {"HUNDRED": 5}, status="pending")
    seen = [stock(caller, goods["HUNDRED"])]
    for status in ("on-hold", "processing", "completed", "pending", "cancelled", "processing", "failed", "refunded"):
        caller.put(f"orders/{order['id']}", {"status": status})
        seen.append(stock(caller, goods["HUNDRED"]))
    assert seen == [100, 95, 95, 95, 100, 100, 95, 95, 95]
    for status in ("wc-processing", "PROCESSING", "nope"):
        assert caller.ask("PUT", f"orders/{order['id']}", {"status": status}).status_code == 400
    assert caller.get(f"orders/{order['id']}/refunds")[0]["reason"] == "Order fully refunded."


@pytest.mark.usefixtures("goods")
def test_unknown_status_in_a_batch_turns_the_order_into_pending(caller: Caller) -> None:
    order = place(caller, {"HUNDRED": 1})
    answer = caller.post("orders/batch", {"update": [{"id": order["id"], "status": "nope"}]})
    assert answer["update"][0]["status"] == "pending"


@pytest.mark.usefixtures("goods")
def test_paid_stamp_stays_for_ever(caller: Caller, sandbox: WooSandbox) -> None:
    order = place(caller, {"HUNDRED": 1})
    assert order["date_paid_gmt"] is not None
    sandbox.clock.advance(100)
    for status in ("pending", "processing"):
        order = caller.put(f"orders/{order['id']}", {"status": status})
    assert order["date_paid_gmt"] < order["date_modified_gmt"]


def test_editing_lines_moves_stock_but_a_quantity_alone_not_the_total(caller: Caller, goods: dict[str, int]) -> None:
    order = place(caller, {"HUNDRED": 1})
    path, line = f"orders/{order['id']}", order["line_items"][0]["id"]
    edited = caller.put(path, {"line_items": [{"id": line, "quantity": 3}]})
    assert (edited["total"], stock(caller, goods["HUNDRED"])) == ("100.00", 97)
    emptied = caller.put(path, {"line_items": [{"id": line, "product_id": None}]})
    assert (emptied["line_items"], emptied["total"], stock(caller, goods["HUNDRED"])) == ([], "0.00", 100)
    added = caller.put(path, {"line_items": [{"sku": "BOWL", "quantity": 1}]})
    assert (len(added["line_items"]), added["total"]) == (1, "57.50")
    assert (
        caller.ask("PUT", path, {"line_items": [{"id": 999_999}]}).json()["code"] == "woocommerce_rest_invalid_item_id"
    )


def test_refunds_keep_the_totals_and_refuse_with_a_bare_number(caller: Caller, goods: dict[str, int]) -> None:
    order = place(caller, {"HUNDRED": 1, "BOWL": 1})
    path, line = f"orders/{order['id']}/refunds", order["line_items"][0]
    caller.post(path, {"amount": "10", "api_refund": False})
    tax = [{"id": line["taxes"][0]["id"], "refund_total": "13.04"}]
    sent = [{"id": line["id"], "quantity": 1, "refund_total": "86.96", "refund_tax": tax}]
    back = caller.post(path, {"api_refund": False, "line_items": sent})
    assert (back["amount"], back["line_items"][0]["total"]) == ("100.00", "-86.96")
    assert stock(caller, goods["HUNDRED"]) == 100
    for body in ({"amount": "9999", "api_refund": False}, {"amount": "1"}):
        refused = caller.ask("POST", path, body)
        assert (refused.status_code, refused.json()["data"]) == (500, 500)
    caller.post(path, {"amount": "0", "api_refund": False})
    after = caller.get(f"orders/{order['id']}")
    assert (after["total"], after["status"]) == ("157.50", "processing")
    assert {refund["total"] for refund in after["refunds"]} == {"-10.00", "-100.00", "-0.00"}
    caller.post(path, {"amount": "47.50", "api_refund": False})
    assert caller.get(f"orders/{order['id']}")["status"] == "refunded"


@pytest.mark.usefixtures("goods")
def test_note_leaves_the_stamp_alone_and_meta_does_not(caller: Caller, sandbox: WooSandbox) -> None:
    order = place(caller, {"HUNDRED": 1})
    path = f"orders/{order['id']}"
    sandbox.clock.advance(30)
    note = caller.post(f"{path}/notes", {"note": "Raised as SO1"})
    assert caller.get(path)["date_modified_gmt"] == order["date_modified_gmt"]
    first = caller.put(path, {"meta_data": [{"key": "_ref", "value": "SO1"}]})
    sandbox.clock.advance(30)
    again = caller.put(path, {"meta_data": [{"key": "_ref", "value": "SO1"}]})
    assert again["date_modified_gmt"] > first["date_modified_gmt"] > order["date_modified_gmt"]
    assert first["meta_data"] == again["meta_data"]
    texts = [row["note"] for row in caller.get(f"{path}/notes")]
    assert texts[0] == "Raised as SO1"
    assert "Stock levels reduced: Hundred (HUNDRED) 100&rarr;99" in texts
    assert caller.ask("DELETE", f"{path}/notes/{note['id']}").status_code == 501
    assert caller.ask("PUT", f"{path}/notes/{note['id']}", {"note": "y"}).status_code == 404
    assert caller.ask("POST", "orders/999/notes", {"note": "x"}).json()["code"] == "woocommerce_rest_order_invalid_id"


@pytest.mark.usefixtures("goods")
def test_lists_filter_by_status_but_ignore_meta(caller: Caller, sandbox: WooSandbox) -> None:
    first, second = place(caller, {"HUNDRED": 1}), place(caller, {"BOWL": 1}, status="completed")
    third = place(caller, {"BOWL": 1}, status="pending")

    def ids(**query: Any) -> set[int]:
        return {row["id"] for row in caller.get("orders", **query)}

    assert ids(status="processing,completed") == {first["id"], second["id"]}
    assert ids(meta_key="_ref", meta_value="x") == {first["id"], second["id"], third["id"]}
    assert ids(search="buyer@buyer") == {first["id"], second["id"], third["id"]}
    assert caller.ask("GET", "orders", status="nope").status_code == 400
    past = caller.ask("GET", "orders", page=9)
    assert (past.json(), past.headers["X-WP-Total"]) == ([], "0")
    caller.delete(f"orders/{third['id']}")
    assert third["id"] not in ids()
    assert caller.get(f"orders/{third['id']}")["status"] == "trash"


@pytest.mark.usefixtures("goods")
def test_more_digits_on_demand_and_fewer_by_setting(caller: Caller) -> None:
    order = place(caller, {"HUNDRED": 2})
    assert caller.get(f"orders/{order['id']}", dp=6)["line_items"][0]["total"] == "173.913043"
    caller.put("settings/general/woocommerce_price_num_decimals", {"value": "0"})
    assert place(caller, {"THIRD": 3})["total"] == "100"


def test_variable_parent_sold_as_itself_costs_its_lowest_variation(caller: Caller) -> None:
    size = {"name": "Size", "variation": True, "options": ["S", "M"]}
    parent = caller.post("products", {"name": "Tee", "type": "variable", "sku": "TEE", "attributes": [size]})["id"]
    for sku, price in (("S", "115"), ("M", "230")):
        body = {"sku": sku, "regular_price": price, "attributes": [{"name": "Size", "option": sku}]}
        caller.post(f"products/{parent}/variations", body)
    order = caller.post("orders", {"line_items": [{"sku": "TEE", "quantity": 1}, {"sku": "M", "quantity": 1}]})
    assert [(line["name"], line["total"], line["parent_name"]) for line in order["line_items"]] == [
        ("Tee", "100.00", None), ("Tee - M", "200.00", "Tee"),
    ]  # fmt: skip


def test_customers_have_one_address_each_and_no_stamp_filter(caller: Caller) -> None:
    made = caller.post("customers", {"email": "A@buyer.example", "first_name": "A"})
    assert (
        caller.ask("POST", "customers", {"email": "a@buyer.example"}).json()["code"]
        == "registration-error-email-exists"
    )
    assert caller.ask("POST", "customers", {"first_name": "x"}).json()["code"] == "rest_missing_callback_param"
    assert [row["id"] for row in caller.get("customers", modified_after="2040-01-01T00:00:00")] == [made["id"]]
    assert [row["id"] for row in caller.get("customers", email="a@BUYER.example")] == [made["id"]]
    assert caller.ask("GET", "customers/999").json()["code"] == "wc_user_invalid_id"


@pytest.mark.usefixtures("goods")
def test_oracle_reads_what_the_shop_holds(caller: Caller, sandbox: WooSandbox) -> None:
    order = place(caller, {"HUNDRED": 2}, meta_data=[{"key": "_ref", "value": "SO1"}])
    held = sandbox.tables.orders()[-1]
    assert (held.id, held.number, held.status, held.total) == (
        order["id"],
        order["number"],
        "processing",
        Decimal("200.00"),
    )
    assert (held.lines[0].sku, held.lines[0].quantity) == ("HUNDRED", 2)
    assert ("_ref", "SO1") in held.meta
    assert held.created_at.strftime("%Y-%m-%dT%H:%M:%S") == order["date_created_gmt"]
    product = sandbox.tables.products()["HUNDRED"]
    assert (product.price, product.stock_quantity) == ("100.00", 98)

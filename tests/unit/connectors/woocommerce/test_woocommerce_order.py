import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from s2s_pipelines.connectors.channels.woocommerce.order import translate_order
from s2s_pipelines.errors import DataError
from s2s_pipelines.ports import RawOrder
from tests.unit.connectors.woocommerce.recording import exchanges, needs_recordings

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

# number: total, tax, is inclusive, then per line kind, sku, quantity, net, tax, rate
GOLDEN = {
    54: (
        "472.50",
        "61.63",
        True,
        ["item PLATE-1 2 173.91 26.09 15", "item BOWL-1 3 150.00 22.50 15", "shipping  1 86.96 13.04 15"],
    ),
    55: (
        "471.00",
        "61.43",
        True,
        ["item TEE-R-S 1 208.70 31.30 15", "item TEE 1 0.87 0.13 15", "item TEE-B-L 1 200.00 30.00 15"],
    ),
    57: (
        "375.99",
        "38.48",
        True,
        [
            "item PLATE-1 1 78.25 11.74 15",
            "item ODD-1 3 78.26 11.74 15",
            "item BOOK-1 1 81.00 0.00 0",
            "shipping  1 100.00 15.00 15",
        ],
    ),
    58: (
        "165.83",
        "21.63",
        True,
        ["item PLATE-1 1 79.70 11.96 15", "item ODD-1 1 21.74 3.26 15", "item BOWL-1 1 42.76 6.41 15"],
    ),
    60: (
        "155.25",
        "20.25",
        True,
        [
            "item GIFT-1 1 0.00 0.00 15",
            "item PLATE-1 1 80.00 12.00 15",
            "item BOWL-1 1 50.00 7.50 15",
            "fee  1 10.00 1.50 15",
            "fee  1 -5.00 -0.75 15",
        ],
    ),
    63: (
        "528.38",
        "68.92",
        False,
        ["item PLATE-1 2 200.00 30.00 15", "item BOWL-1 3 172.50 25.88 15", "shipping  1 86.96 13.04 15"],
    ),
    64: (
        "402.99",
        "42.00",
        False,
        [
            "item PLATE-1 1 89.99 13.50 15",
            "item ODD-1 3 90.00 13.50 15",
            "item BOOK-1 1 81.00 0.00 0",
            "shipping  1 100.00 15.00 15",
        ],
    ),
    65: ("200.00", "0.00", False, ["item PLATE-1 2 200.00 0.00 0"]),
    66: ("173.91", "0.00", True, ["item PLATE-1 2 173.91 0.00 0"]),
    68: (
        "681.99",
        "78.39",
        True,
        [
            "item PLATE-1 2 156.52 23.48 15",
            "item TEE-R-S 1 187.82 28.17 15",
            "item ODD-1 3 78.26 11.74 15",
            "item BOOK-1 1 81.00 0.00 0",
            "shipping  1 100.00 15.00 15",
        ],
    ),
    69: (
        "459.99",
        "60.00",
        False,
        ["item PLATE-1 2 200.00 30.00 15", "item ODD-1 3 99.99 15.00 15", "shipping  1 100.00 15.00 15"],
    ),
}


def raw(body: object) -> RawOrder:
    return RawOrder("1", body if isinstance(body, str) else json.dumps(body), AT)


def spelt(line) -> str:
    return f"{line.kind} {line.sku} {line.qty} {line.net} {line.tax} {line.tax_rate}"


def an_order(**changes: object) -> dict:
    """A body with all that every order has."""
    line = {
        "id": 5,
        "name": "Salt &amp; Pepper",
        "product_id": 72,
        "variation_id": 0,
        "quantity": 2,
        "total": "173.91",
        "total_tax": "26.09",
        "taxes": [{"id": 1, "total": "26.09", "subtotal": "26.09"}],
        "sku": "0042",
        "price": 86.9565215,
    }
    return {
        "id": 77,
        "number": "2026-0077",
        "status": "processing",
        "currency": "ZAR",
        "prices_include_tax": True,
        "date_created_gmt": "2026-11-21T10:16:30",
        "date_modified_gmt": "2026-11-21T11:00:00",
        "date_created": "2026-11-21T12:16:30",
        "total": "200.00",
        "total_tax": "26.09",
        "billing": {"first_name": "Testina", "email": "testina@example.com", "phone": "+27 21 555 0100"},
        "shipping": {"address_1": "7 Dock Rd", "state": "WC", "postcode": "8001", "country": "ZA"},
        "payment_method": "bacs",
        "customer_note": "Ring twice",
        "meta_data": [{"id": 1, "key": "account", "value": " 00123 "}, {"id": 2, "key": "list", "value": [1, 2]}],
        "line_items": [line],
        "tax_lines": [{"rate_id": 1, "rate_percent": 15}],
        "shipping_lines": [],
        "fee_lines": [],
        "refunds": [],
        **changes,
    }


@needs_recordings
@pytest.mark.parametrize("number", GOLDEN)
def test_recorded_orders_are_read_to_the_cent(number: int) -> None:
    total, tax, is_inclusive, lines = GOLDEN[number]
    order = translate_order(raw(exchanges(number)[0]["response"]["body"]))
    assert (str(order.total), str(order.tax_total), order.prices_include_tax) == (total, tax, is_inclusive)
    assert [spelt(line) for line in order.lines] == lines


@needs_recordings
@pytest.mark.parametrize("number", GOLDEN)
def test_recorded_lines_and_order_tax_make_the_total(number: int) -> None:
    order = translate_order(raw(exchanges(number)[0]["response"]["body"]))
    assert sum((line.net for line in order.lines), order.tax_total) == order.total


@needs_recordings
def test_recorded_shop_without_decimals_is_read_as_it_rounds() -> None:
    lines = exchanges(67)[0]["response"]["body"]
    order = translate_order(raw(an_order(**{k: lines[k] for k in ("total", "total_tax", "line_items", "tax_lines")})))
    assert (order.total, [spelt(line) for line in order.lines]) == (Decimal(100), ["item ODD-1 3 87 13 15"])


@needs_recordings
def test_recorded_refunds_are_a_positive_sum_and_leave_the_total() -> None:
    body = next(e["response"]["body"] for e in exchanges(78) if e["scenario"].startswith("order after refunds"))
    order = translate_order(raw(body))
    assert (order.total, order.total_refunded, order.status) == (Decimal("471.00"), Decimal("250.00"), "processing")


@needs_recordings
def test_recorded_lines_of_unknown_products_have_no_sku() -> None:
    body = exchanges(61)[0]["response"]["body"]
    order = translate_order(raw(an_order(line_items=body["line_items"], total="0.00", total_tax="0.00")))
    assert [(line.sku, line.channel_product_code, line.net) for line in order.lines] == [("", "", Decimal("0.00"))]


def test_number_and_id_are_kept_apart() -> None:
    order = translate_order(raw(an_order()))
    assert (order.channel_order_code, order.number) == ("77", "2026-0077")


def test_times_are_those_without_the_zone_of_the_shop() -> None:
    order = translate_order(raw(an_order()))
    assert order.ordered_at == datetime(2026, 11, 21, 10, 16, 30, tzinfo=UTC)
    assert order.modified_at == datetime(2026, 11, 21, 11, 0, tzinfo=UTC)


def test_leading_zeros_entities_and_addresses_survive() -> None:
    order = translate_order(raw(an_order()))
    assert (order.lines[0].sku, order.lines[0].title) == ("0042", "Salt & Pepper")
    assert (order.shipping.address1, order.shipping.province, order.shipping.zip) == ("7 Dock Rd", "WC", "8001")
    assert (order.billing.first_name, order.email, order.notes) == ("Testina", "testina@example.com", "Ring twice")


def test_customer_code_comes_from_the_agreed_meta_only() -> None:
    assert translate_order(raw(an_order())).customer_code == ""
    assert translate_order(raw(an_order()), customer_code_meta_key="account").customer_code == "00123"
    assert translate_order(raw(an_order()), customer_code_meta_key="other").customer_code == ""


def test_simple_product_is_its_own_variant_and_a_variation_is_not() -> None:
    line = an_order()["line_items"][0]
    order = translate_order(raw(an_order(line_items=[line, {**line, "id": 6, "variation_id": 80}])))
    assert [(x.channel_product_code, x.channel_variant_code) for x in order.lines] == [("72", "72"), ("72", "80")]


@pytest.mark.parametrize(
    "status, is_reserving, is_cancelled",
    [
        ("pending", False, False),
        ("on-hold", True, False),
        ("processing", True, False),
        ("completed", False, False),
        ("cancelled", False, True),
        ("refunded", False, True),
        ("failed", False, True),
        ("trash", False, True),
        ("awaiting-pickup", False, False),
    ],
)
def test_statuses_reserve_and_cancel_as_the_shop_does(status: str, is_reserving: bool, is_cancelled: bool) -> None:
    order = translate_order(raw(an_order(status=status)))
    assert (order.status, order.is_reserving, order.is_cancelled) == (status, is_reserving, is_cancelled)


def test_unit_price_with_stray_digits_is_not_read() -> None:
    body = an_order()
    body["line_items"][0]["price"] = 1e300
    assert translate_order(raw(body)).lines[0].net == Decimal("173.91")


def test_two_rates_on_one_line_are_added_and_an_empty_one_is_not() -> None:
    body = an_order(tax_lines=[{"rate_id": n, "rate_percent": p} for n, p in ((1, 5), (2, 9.975), (3, 20))])
    body["line_items"][0]["taxes"] = [{"id": 1, "total": "5"}, {"id": 2, "total": "9.98"}, {"id": 3, "total": ""}]
    assert translate_order(raw(body)).lines[0].tax_rate == Decimal("14.975")


def test_rate_that_the_order_does_not_list_is_unknown_not_zero() -> None:
    assert translate_order(raw(an_order(tax_lines=[]))).lines[0].tax_rate is None


def test_our_own_write_back_leaves_the_content_hash_alone() -> None:
    before = translate_order(raw(an_order()))
    after = an_order(date_modified_gmt="2026-11-21T12:00:00", meta_data=[{"key": "_s2s_erp", "value": "SO1 X"}])
    assert translate_order(raw(after)).content_hash() == before.content_hash()


@pytest.mark.parametrize(
    "change",
    [
        {"total": None},
        {"total": True},
        {"total": "a lot"},
        {"total": "NaN"},
        {"date_created_gmt": None},
        {"date_created_gmt": "yesterday"},
        {"line_items": None},
        {"line_items": ["x"]},
        {"prices_include_tax": "no"},
    ],
)
def test_what_cannot_be_read_is_a_data_error_without_personal_details(change: dict) -> None:
    with pytest.raises(DataError) as caught:
        translate_order(raw(an_order(**change)))
    assert caught.value.reference == "1"
    assert "testina" not in str(caught.value).lower()


def test_part_of_a_unit_is_refused_not_rounded() -> None:
    body = an_order()
    body["line_items"][0]["quantity"] = 0.5
    with pytest.raises(DataError):
        translate_order(raw(body))


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", "<html>", '{"id": 1}'])
def test_other_bodies_are_data_errors(body: str) -> None:
    with pytest.raises(DataError):
        translate_order(raw(body))

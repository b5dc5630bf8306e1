from decimal import Decimal

import pytest

from s2s_pipelines.connectors.channels.woocommerce.item import (
    Unsendable,
    checked_sku,
    echo_problem,
    is_kept_sku,
    joined,
    merged_attributes,
    option_text,
    parent_sku,
    product_fields,
    variant_fields,
    variation_attributes,
    without_empty,
)
from s2s_pipelines.model.change import Action, ProductChange
from tests.unit.connectors.woocommerce.recording import exchanges, needs_recordings


def a_change(**more: object) -> ProductChange:
    values = {"option_names": ("Size",), "option_values": {"Size": ("S", "M")}, **more}
    return ProductChange(Action.CREATE, "erp:1", {}, (), is_simple=False, **values)


@needs_recordings
def test_recorded_skus_are_refused_exactly_when_the_shop_changes_them() -> None:
    seen = 0
    for exchange in exchanges(52):
        sku = (exchange["request"]["body"] or {}).get("sku")
        if sku is None or len(sku) > 190:
            continue
        seen += 1
        assert is_kept_sku(sku) == (exchange["response"]["body"]["sku"] == sku), sku
    assert seen >= 14


@pytest.mark.parametrize("sku", ["", " x", "x ", "a  b", "a\tb", "a\u00a0b", "<b>x</b>", "50%ab", "x" * 191, "a\x00"])
def test_sku_the_shop_would_change_is_refused(sku: str) -> None:
    with pytest.raises(Unsendable) as caught:
        checked_sku(sku)
    assert (caught.value.reason, bool(caught.value.remedy)) == ("unusable_sku", True)


@pytest.mark.parametrize("key", ["erp:A, B", "erp: odd", "erp:" + "x" * 300, "erp:<b>"])
def test_parent_gets_a_sku_that_the_shop_keeps_whatever_its_key(key: str) -> None:
    assert is_kept_sku(parent_sku(key))
    assert "," not in parent_sku(key)
    assert parent_sku(key) != parent_sku(key + "1")


@pytest.mark.parametrize(
    "fields, body",
    [
        ({"price": Decimal("10")}, {"regular_price": "10.00"}),
        ({"price": Decimal("0")}, {"regular_price": "0.00"}),
        ({"price": Decimal("1E+3")}, {"regular_price": "1000.00"}),
        (
            {"price": Decimal("9.90"), "compare_at_price": Decimal("12")},
            {"regular_price": "12.00", "sale_price": "9.90"},
        ),
        ({"price": Decimal("9.90"), "compare_at_price": None}, {"regular_price": "9.90", "sale_price": ""}),
        ({"price": Decimal("9"), "compare_at_price": Decimal("9")}, {"regular_price": "9.00", "sale_price": ""}),
        ({"qty": 0}, {"manage_stock": True, "stock_quantity": 0}),
        ({"qty": None}, {}),
        ({"qty": 3, "inventory_management": False}, {"manage_stock": False, "stock_status": "instock"}),
        ({"qty": None, "inventory_management": True}, {"manage_stock": True}),
        ({"weight_g": None}, {"weight": ""}),
        ({"weight_g": 0}, {"weight": "0"}),
        ({"weight_g": 1500}, {"weight": "1.5"}),
        (
            {"barcode": "6001234567890"},
            {"global_unique_id": "6001234567890", "meta_data": [{"key": "barcode", "value": None}]},
        ),
        ({"barcode": "X-12"}, {"global_unique_id": "", "meta_data": [{"key": "barcode", "value": "X-12"}]}),
    ],
)
def test_fields_of_a_variant_become_the_shops_own(fields: dict, body: dict) -> None:
    assert variant_fields(fields, "kg") == body


@pytest.mark.parametrize(
    "fields, reason",
    [
        ({"price": None}, "no_price"),
        ({"compare_at_price": Decimal("5")}, "no_price"),
        ({"price": Decimal("-1")}, "bad_price"),
        ({"price": Decimal("NaN")}, "bad_price"),
        ({"price": Decimal("1.005")}, "bad_price"),
        ({"price": 10.0}, "bad_price"),
        ({"price": Decimal("1e30")}, "bad_price"),
        ({"qty": 2.5}, "bad_quantity"),
        ({"qty": True}, "bad_quantity"),
        ({"qty": 2**31}, "bad_quantity"),
        ({"weight_g": -1}, "bad_weight"),
        ({"weight_g": "1"}, "bad_weight"),
    ],
)
def test_values_that_a_batch_would_bend_are_never_sent(fields: dict, reason: str) -> None:
    with pytest.raises(Unsendable) as caught:
        variant_fields(fields, "kg")
    assert caught.value.reason == reason


def test_only_given_fields_are_in_the_body() -> None:
    assert product_fields({}, "collection", None) == {}
    assert product_fields({"title": "A"}, "collection", None) == {"name": "A"}


def test_fields_the_shop_has_no_place_for_become_meta_and_empty_ones_are_removed() -> None:
    fields = {"vendor": "V", "product_type": None, "meta_erp_code": "E", "meta_old": None, "collection": "C"}
    assert product_fields(fields, "collection", 7) == {
        "categories": [{"id": 7}],
        "meta_data": [
            {"key": "vendor", "value": "V"},
            {"key": "product_type", "value": None},
            {"key": "erp_code", "value": "E"},
            {"key": "old", "value": None},
        ],
    }


def test_body_of_something_new_clears_nothing_and_keeps_zeros_and_switches() -> None:
    body = {
        "weight": "",
        "tags": [],
        "stock_quantity": 0,
        "manage_stock": False,
        "meta_data": [{"key": "a", "value": None}],
    }
    assert without_empty(body) == {"stock_quantity": 0, "manage_stock": False}


def test_meta_of_product_and_variant_is_put_together() -> None:
    first, second = (
        {"meta_data": [{"key": "a", "value": "1"}]},
        {"meta_data": [{"key": "b", "value": "2"}], "weight": "1"},
    )
    assert joined(first, second) == {"meta_data": [*first["meta_data"], *second["meta_data"]], "weight": "1"}


def test_attributes_of_a_new_parent() -> None:
    assert merged_attributes(a_change(), []) == [
        {"name": "Size", "visible": True, "variation": True, "options": ["S", "M"]}
    ]


def test_attributes_that_list_all_are_not_sent() -> None:
    existing = [{"id": 0, "name": "size", "variation": True, "visible": True, "options": ["M", "S", "L"]}]
    assert merged_attributes(a_change(), existing) is None


def test_global_attribute_stays_global_and_others_stay() -> None:
    existing = [
        {"id": 3, "name": "Size", "variation": True, "visible": False, "options": ["S"], "position": 0},
        {"id": 0, "name": "Material", "variation": False, "visible": True, "options": ["Wool"], "position": 1},
    ]
    assert merged_attributes(a_change(), existing) == [
        {"id": 3, "visible": True, "variation": True, "options": ["S", "M"]},
        {"name": "Material", "position": 1, "visible": True, "variation": False, "options": ["Wool"]},
    ]
    assert variation_attributes(a_change(), ("M",), existing) == [{"id": 3, "option": "M"}]


def test_pipe_in_an_option_is_replaced_on_both_sides_alike() -> None:
    change = a_change(option_values={"Size": ("S|M",)})
    (attribute,) = merged_attributes(change, []) or []
    assert attribute["options"] == [option_text("S|M")] == ["S/M"]
    assert variation_attributes(change, ("S|M",), [])[0]["option"] == "S/M"


@pytest.mark.parametrize("options", [(), ("S", "M"), (" ",)])
def test_variant_that_does_not_choose_is_refused(options: tuple[str, ...]) -> None:
    with pytest.raises(Unsendable):
        variation_attributes(a_change(), options, [])


@pytest.mark.parametrize(
    "body, item, reason",
    [
        ({"regular_price": "10.00"}, {"regular_price": "10"}, None),
        ({"regular_price": "10.00"}, {"regular_price": ""}, "not_stored"),
        ({"regular_price": "10.00"}, {"regular_price": "1000"}, "not_stored"),
        ({"sale_price": ""}, {"sale_price": ""}, None),
        ({"sale_price": "9.00"}, {"sale_price": ""}, "not_stored"),
        ({"manage_stock": True}, {"manage_stock": False}, "not_stored"),
        ({"manage_stock": True}, {"manage_stock": "parent"}, "not_stored"),
        ({"manage_stock": True}, {"manage_stock": True}, None),
        ({}, {"status": "trash"}, "in_bin"),
    ],
)
def test_answer_that_shows_another_value_is_a_problem(body: dict, item: dict, reason: str | None) -> None:
    problem = echo_problem(body, item)
    assert (problem and problem[0]) == reason

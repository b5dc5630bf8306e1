import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.linter import lint_names, lint_values, sort_of
from s2s_pipelines.model.field import FieldRow
from tests.unit.catalogue.feed import FULL, field_rows

TEMPLATE = {**FULL, "variants.retail_price": "qty", "variants.qty": "price"}
"""The trade's template as it is printed (domain research, section 16)."""


def test_template_as_printed_is_refused_by_names():
    findings = lint_names(field_rows(TEMPLATE))
    assert {(f.target, f.column): f.message for f in findings} == {
        ("variants.qty", "price"): "column 'price' is named like a price and feeds a quantity (variants.qty)",
        (
            "variants.retail_price",
            "qty",
        ): "column 'qty' is named like a quantity and feeds a price (variants.retail_price)",
    }
    assert {f.fix for f in findings} == {
        "map 'price' to variants.retail_price and 'qty' to variants.qty",
        "map 'qty' to variants.qty and 'price' to variants.retail_price",
    }


def test_template_corrected_passes():
    assert lint_names(field_rows(FULL)) == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "qty",
            "Quantity",
            "SOH",
            "onhand",
            "on_hand",
            "On Hand",
            "stock",
            "available",
            "units",
            "QtyOnHand",
            "QTYONHAND",
        ),
        *(
            "OAvailable",
            "FreeStock",
            "stockonhand",
            "whqty",
            "JHB_Stock",
            "Stock Level",
            "units_in_stock",
            "Variant Inventory Qty",
        ),
        *("item_qty", "voorraad", "qty_unit"),
    ],
)
def test_names_of_quantities_are_known(name):
    assert sort_of(name) == "quantity"
    assert lint_names([FieldRow("products", "price_trade", name)]) != []
    assert lint_names([FieldRow("products", "qty_cpt", name)]) == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "price",
            "Cost",
            "retail",
            "selling",
            "amount",
            "incl",
            "Excl",
            "sellprice1",
            "SELLINGPRICE1",
            "UnitPriceExcl",
        ),
        *("unit_price", "fInclPrice", "RRP", "Regular price", "Price1", "AveCost", "trade_price", "prys"),
    ],
)
def test_names_of_prices_are_known(name):
    assert sort_of(name) == "price"
    assert lint_names([FieldRow("stock", "variants.qty", name)]) != []
    assert lint_names([FieldRow("prices", "variants.retail_price", name)]) == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "price_qty_break",
            "qty_price",
            "Stock Code",
            "StockCode",
            "stockcode",
            "stock_id",
            "StockLink",
            "cost_centre",
        ),
        *(
            "unit",
            "price_code",
            "price_list_name",
            "stock_item",
            "F6",
            "COL1",
            "sku",
            "title",
            "manage_stock",
            "is_in_stock",
        ),
        *("units_of_measure", "stock_value", "in_stock_date", "warehouse_name"),
    ],
)
def test_names_that_say_neither_or_both_give_no_finding(name):
    assert sort_of(name) is None
    for target in ("variants.qty", "variants.retail_price"):
        assert lint_names([FieldRow("products", target, name)]) == []


def test_fields_that_are_neither_are_not_linted():
    assert lint_names(field_rows({"title": "price", "meta_qty": "qty", "variants.qty": "=5", "vendor": "stock"})) == []


def test_price_tiers_and_order_lines_are_linted_too():
    assert len(lint_names(field_rows({"csv_price_tiers": "qty"}))) == 1
    orders = {
        "line_item.qty": "line.fUnitPriceExcl",
        "line_item.price": "line.fQuantity",
        "line_item.number": "line.stock",
    }
    assert [f.target for f in lint_names(field_rows(orders, "orders"))] == ["line_item.qty", "line_item.price"]


def columns(**cells):
    return pa.table({name: pa.array([str(c) for c in values]) for name, values in cells.items()})


PRICES = ["199.90", "349.00", "12.50", "1 299.99", "R 89.95", "45.00"]
STOCK = ["0", "12", "7", "0", "140", "3"]
RIGHT = [FieldRow("products", "variants.qty", "F6"), FieldRow("products", "variants.retail_price", "F7")]
SWAPPED = [FieldRow("products", "variants.qty", "F7"), FieldRow("products", "variants.retail_price", "F6")]


def test_swap_under_names_that_do_not_tell_is_seen_in_the_values():
    table = columns(F6=STOCK, F7=PRICES)
    assert lint_values(table, RIGHT) == []
    assert [(f.target, f.column) for f in lint_values(table, SWAPPED)] == [
        ("variants.qty", "F7"),
        ("variants.retail_price", "F6"),
    ]


def test_swap_is_seen_under_a_decimal_comma_and_for_prices_that_end_on_nothing():
    commas = [p.replace(".", ",") for p in PRICES]
    assert len(lint_values(columns(F6=STOCK, F7=commas), SWAPPED)) == 2
    round_prices = ["199.00", "349.00", "120.00", "1299.00", "89.00", "45.00"]
    assert len(lint_values(columns(F6=STOCK, F7=round_prices), SWAPPED)) == 2


@pytest.mark.parametrize(
    "quantities, prices",
    [
        (["2.5", "3.25", "0", "1.75", "10", "4"], ["120", "80", "95", "60", "150", "200"]),  # cloth by the metre
        (["5.00", "12.00", "7.00", "140.00", "3.00", "8.00"], ["120", "80", "95", "60", "150", "200"]),
        (STOCK, ["120", "80", "95", "60", "150", "200"]),  # whole rands
        (["120.5", "80.5", "95.5", "60.5", "0.5", "99.5"], ["10", "20", "30", "40", "50", "60"]),  # half metres
        (["120.25", "80.75", "95.50", "60.25", "9.75", "99.50"], ["10.99", "20.99", "30.99", "40.99", "50", "60"]),
        (["200", "300", "150", "900", "120", "700"], ["0.50", "0.75", "0.10", "1.20", "0.05", "0.30"]),  # bolts
        (["", "", "", "", "", "5"], ["", "1.99", "", "", "", ""]),
        (["many", "few", "POA", "7.99", "8.99", "9.99"], ["1", "2", "0", "4", "5", "6"]),
    ],
)
def test_ordinary_catalogues_are_not_suspected(quantities, prices):
    assert lint_values(columns(F6=quantities, F7=prices), RIGHT) == []


def test_values_are_not_asked_where_a_name_tells_or_rows_are_few():
    swapped = [FieldRow("products", "variants.qty", "available"), FieldRow("products", "variants.retail_price", "F6")]
    assert lint_values(columns(F6=STOCK, available=PRICES), swapped) == []
    assert lint_values(columns(F6=STOCK[:4], F7=PRICES[:4]), SWAPPED) == []

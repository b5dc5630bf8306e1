"""What of a document goes into which column."""

from datetime import date
from decimal import Decimal

import pytest

from s2s_pipelines.connectors.kit.database_order_map import order_map
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import TARGETS, FieldRow, Level
from s2s_pipelines.model.order import Address, Document, DocumentLine

LINE = DocumentLine(1, "item", "0007", "", "Tent\x00", 3, Decimal("10.00"), Decimal("1.50"), Decimal(15), "01")
DOCUMENT = Document(
    "SHOP-1-ERP", "sales_order", "karoo_outdoor", "shop", "1", "1001", "erp", "WEB001", date(2026, 11, 21), "ZAR", (LINE,),
    email="buyer@example.com", shipping=Address(city="Prieska"),
)  # fmt: skip


def rows(**targets):
    found = {"header.ref": "external_reference", "line.item": "line_item.sku", **targets}
    return tuple(FieldRow("orders", target, column) for column, target in found.items())


def test_every_order_target_of_the_vocabulary_can_be_written():
    targets = [target for target in TARGETS.values() if "orders" in target.feeds]
    for target in targets:
        table = "line" if target.level is Level.LINE else "header"
        found = order_map(rows(**{f"{table}.x": target.name}))
        values = found.line_values(DOCUMENT, LINE) if table == "line" else found.header_values(DOCUMENT)
        assert "x" in values


def test_values_come_from_the_document():
    found = order_map(
        rows(
            **{
                "header.city": "shipping.city",
                "header.total": "total",
                "header.on": "date",
                "line.price": "line_item.price",
                "line.price_incl": "line_item.price_incl",
                "line.title": "line_item.title",
                "line.ref": "external_reference",
            }
        )
    )
    assert found.header_values(DOCUMENT) == {
        "ref": "SHOP-1-ERP", "city": "Prieska", "total": Decimal("11.50"), "on": date(2026, 11, 21),
    }  # fmt: skip
    assert found.line_values(DOCUMENT, LINE) == {
        "item": "0007", "price": Decimal("3.3333"), "price_incl": Decimal("3.8333"), "title": "Tent", "ref": "SHOP-1-ERP",
    }  # fmt: skip


def test_empty_codes_are_null_and_empty_text_is_empty():
    found = order_map(rows(**{"line.variant": "line_item.source_variant_code", "header.note": "notes"}))
    assert found.line_values(DOCUMENT, LINE)["variant"] is None
    assert found.header_values(DOCUMENT)["note"] == ""


@pytest.mark.parametrize(
    "row, words",
    [
        (FieldRow("orders", "total", "total"), "write header.<column> or line.<column>"),
        (FieldRow("orders", "total", "footer.total"), "write header.<column> or line.<column>"),
        (FieldRow("orders", "line_item.qty", "header.qty"), "write line.qty"),
        (FieldRow("orders", "total", "header.total", transform="strip"), "take it out"),
        (FieldRow("orders", "title", "header.title"), "use a name of the vocabulary"),
        (FieldRow("orders", "total", None, constant="1"), "write header.<column> or line.<column>"),
    ],
)
def test_rows_that_cannot_be_written_are_refused(row, words):
    with pytest.raises(ConfigurationError) as caught:
        order_map((*rows(), row))
    assert words in str(caught.value)


def test_a_map_without_lines_is_refused():
    with pytest.raises(ConfigurationError, match="says nothing about orders"):
        order_map((FieldRow("orders", "total", "header.total"),))

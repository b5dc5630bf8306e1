from decimal import Decimal

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.merge import SourceFrames, merge
from s2s_pipelines.errors import ConfigurationError
from tests.unit.catalogue.feed import FULL, LATER, NOON, goods, snapshot

WIDE = {**FULL, "meta_brand": "brand", "image1": "img"}


def catalogue(*lines):
    """A products snapshot; cells: product, sku, title, switch, qty, price, brand, image."""
    return snapshot(goods(*lines, columns="Prod,SKU,WebName,Web,qty,price,brand,img"), WIDE)


BASE = catalogue(
    "T | 01 | Tent | A | 5 | 100 | Acme | https://example.com/t.jpg",
    "S | 02 | Stove | A | 7 | 50 | | ",
    "G | 03 | Gone | D | 1 | 1 | | ",
)


def primary(products=BASE, source="erp", flags=None, **feeds):
    frames = {**({} if products is None else {"products": products}), **feeds}
    return SourceFrames(source, "primary", None, 0, "sku", flags or {}, frames)


def linked(source, frames, flags, *, precedence=1, match="sku", of="erp", zeroed=False):
    return SourceFrames(source, "linked", of, precedence, match, flags, frames, is_quantity_zeroed=zeroed)


def stock(*lines, key="variants.sku", read_at=LATER):
    cells = goods(*lines, columns="code,qty")
    return {"stock": snapshot(cells, {key: "code", "variants.qty": "qty"}, feed="stock", read_at=read_at)}


def sheet(targets, *lines, columns):
    return {"products": snapshot(goods(*lines, columns=columns), targets, read_at=LATER)}


QTY = {"variants.qty": "source"}


def cells(table, name):
    return dict(zip(table["sku"].to_pylist(), table[name].to_pylist(), strict=True))


def test_primary_alone_is_its_products_with_where_they_came_from():
    table = merge([primary()]).table
    assert table.num_rows == 3
    assert table.to_pylist()[0] == {
        "source": "erp",
        "source_product_code": "T",
        "source_variant_code": "01",
        "title": "Tent",
        "sku": "01",
        "product_active": "active",
        "qty": 5,
        "retail_price": Decimal("100.0000"),
        "inventory_management": True,
        "meta_brand": "Acme",
        "images": ["https://example.com/t.jpg"],
        "product_key": "erp:T",
        "is_conflict": False,
        "qty_source": "erp",
        **{
            f"_from.{name}": "erp/products"
            for name in (
                *(
                    "source_product_code",
                    "source_variant_code",
                    "title",
                    "product_active",
                    "sku",
                    "qty",
                    "retail_price",
                ),
                *("inventory_management", "meta_brand", "images"),
            )
        },
        "_row.erp/products": 2,
        "_read_at.erp/products": NOON,
    }
    assert table.schema.field("_from.qty").type.value_type == pa.string()


def test_missing_value_has_no_origin():
    table = merge([primary()]).table
    assert cells(table, "_from.meta_brand") == {"01": "erp/products", "02": None, "03": None}
    assert cells(table, "_from.images")["02"] is None


def test_row_to_be_deleted_stays_in_the_frame():
    assert cells(merge([primary()]).table, "product_active")["03"] == "delete"


def test_stock_and_prices_feeds_lie_over_the_products_feed():
    prices = {
        "prices": snapshot(
            {"c": ["01"], "p": ["90"]}, {"variants.sku": "c", "variants.retail_price": "p"}, feed="prices"
        )
    }
    result = merge([primary(**stock("01 | 9", "99 | 1"), **prices)])
    assert cells(result.table, "qty") == {"01": 9, "02": 7, "03": 1}
    assert cells(result.table, "_from.qty")["01"] == "erp/stock"
    assert cells(result.table, "_read_at.erp/stock")["01"] == LATER
    assert cells(result.table, "retail_price")["01"] == Decimal("90.0000")
    assert cells(result.table, "qty_source")["01"] == "erp"
    assert result.unmatched.to_pylist() == [{"source": "erp", "feed": "stock", "key": "99", "_row": 3}]


def test_feed_without_skus_finds_its_rows_by_variant_code():
    products = snapshot({**goods("T | 01 | Tent | A | 5 | 100"), "id": ["7"]}, {**FULL, "source_variant_code": "id"})
    assert cells(merge([primary(products, **stock("7 | 9", key="source_variant_code"))]).table, "qty") == {"01": 9}


def test_linked_source_owns_nothing_until_a_flag_says_so():
    link = linked("sup", stock("01 | 9"), {})
    assert cells(merge([primary(), link]).table, "qty")["01"] == 5
    assert cells(merge([primary(), linked("sup", stock("01 | 9"), QTY)]).table, "qty")["01"] == 9


def test_linked_source_never_creates_rows_and_what_it_could_not_place_is_told():
    result = merge([primary(), linked("sup", stock("01 | 9", "X | 4"), QTY)])
    assert result.table["sku"].to_pylist() == ["01", "02", "03"]
    assert result.unmatched.to_pylist() == [{"source": "sup", "feed": "stock", "key": "X", "_row": 3}]


def test_linked_beats_primary_and_the_lowest_precedence_number_beats_the_others():
    one = linked("one", stock("01 | 11"), QTY, precedence=1)
    two = linked("two", stock("01 | 22", "02 | 22"), QTY, precedence=2)
    for order in ([primary(), one, two], [two, one, primary()]):
        table = merge(order).table
        assert cells(table, "qty") == {"01": 11, "02": 22, "03": 1}
        assert cells(table, "qty_source") == {"01": "one", "02": "two", "03": "erp"}


def test_empty_cell_never_overrides_a_value():
    targets = {"variants.sku": "sku", "meta_brand": "brand"}
    link = linked("sup", sheet(targets, "01 | ", "02 | Cadac", columns="sku,brand"), {"meta_brand": "source"})
    assert cells(merge([primary(), link]).table, "meta_brand") == {"01": "Acme", "02": "Cadac", "03": None}


def test_field_that_the_primary_gave_away_is_not_taken_from_it():
    table = merge([primary(flags={"title": "system", "images": "system", "meta_brand": "system"})]).table
    assert set(cells(table, "title").values()) == {None}
    assert "images" not in table.column_names
    assert "meta_brand" not in table.column_names


def test_default_flag_gives_or_takes_everything_else():
    targets = {"variants.sku": "sku", "title": "name", "meta_brand": "brand"}
    frames = sheet(targets, "01 | Palace | Best", columns="sku,name,brand")
    table = merge([primary(), linked("sup", frames, {"*": "source", "title": "system"})]).table
    assert (cells(table, "title")["01"], cells(table, "meta_brand")["01"]) == ("Tent", "Best")


def test_images_come_whole_from_whoever_wins():
    targets = {"variants.sku": "sku", "image1": "a", "image2": "b"}
    link = linked(
        "sup",
        sheet(targets, "01 | https://example.com/1 | https://example.com/2", columns="sku,a,b"),
        {"images": "source"},
    )
    table = merge([primary(), link]).table
    assert cells(table, "images")["01"] == ["https://example.com/1", "https://example.com/2"]
    assert cells(table, "_from.images")["01"] == "sup/products"


def test_meta_keys_of_different_sources_stand_side_by_side():
    targets = {"variants.sku": "sku", "meta_colour": "c"}
    link = linked("sup", sheet(targets, "01 | green", columns="sku,c"), {"meta_colour": "source"})
    row = merge([primary(), link]).table.to_pylist()[0]
    assert (row["meta_brand"], row["meta_colour"]) == ("Acme", "green")


def test_meta_key_is_one_whatever_its_letter_case():
    targets = {"variants.sku": "sku", "meta_BRAND": "c"}
    link = linked("sup", sheet(targets, "01 | Best", columns="sku,c"), {"meta_BRAND": "source"})
    table = merge([primary(), link]).table
    assert [n for n in table.column_names if n.casefold() == "meta_brand"] == ["meta_brand"]
    assert cells(table, "meta_brand")["01"] == "Best"


VARIABLE = snapshot(
    {**goods("SH | S1 | Shirt | A | 1 | 10", "SH | S2 | Shirt | A | 2 | 10"), "id": ["71", "72"], "size": ["S", "M"]},
    {**FULL, "source_variant_code": "id", "option1_name": "=Size", "variants.option1_value": "size"},
)


def test_match_by_code_finds_products_and_variants_each_by_their_own():
    targets = {"source_product_code": "p", "source_variant_code": "v", "title": "name", "variants.barcode": "ean"}
    frames = sheet(targets, "SH | 72 | Blouse | 600", "XX | 99 | Hat | 601", columns="p,v,name,ean")
    flags = {"title": "source", "variants.barcode": "source"}
    result = merge([primary(VARIABLE), linked("sup", frames, flags, match="code")])
    assert cells(result.table, "title") == {"S1": "Blouse", "S2": "Blouse"}
    assert cells(result.table, "barcode") == {"S1": None, "S2": "600"}
    assert cells(result.table, "_row.sup/products") == {"S1": 2, "S2": 2}
    assert result.unmatched.to_pylist() == [{"source": "sup", "feed": "products", "key": "99", "_row": 3}]


def test_match_by_code_with_a_product_sheet_only():
    frames = sheet({"source_product_code": "p", "title": "name"}, "SH | Blouse", columns="p,name")
    table = merge([primary(VARIABLE), linked("sup", frames, {"title": "source"}, match="code")]).table
    assert cells(table, "title") == {"S1": "Blouse", "S2": "Blouse"}


def test_product_has_one_title_that_of_the_strongest_source_then_of_the_lowest_sku():
    mixed = snapshot(
        {
            **goods("SH | S2 | Second | A | 1 | 10", "SH | S1 | First | A | 2 | 10", "SH | S0 | Away | D | 2 | 10"),
            "size": ["S", "M", "L"],
        },
        {**FULL, "option1_name": "=Size", "variants.option1_value": "size"},
    )
    assert cells(merge([primary(mixed)]).table, "title") == {"S0": "First", "S1": "First", "S2": "First"}
    frames = sheet({"variants.sku": "s", "title": "name"}, "S2 | Better", columns="s,name")
    table = merge([primary(mixed), linked("sup", frames, {"title": "source"})]).table
    assert cells(table, "title") == {"S0": "Better", "S1": "Better", "S2": "Better"}
    assert set(cells(table, "_from.title").values()) == {"sup/products"}
    assert cells(table, "option1_value") == {"S0": "L", "S1": "M", "S2": "S"}


def test_overdue_source_gives_zero_for_the_quantities_it_owns_and_nothing_else():
    targets = {"variants.sku": "c", "variants.qty": "q", "qty_cpt": "w"}
    feed = {"stock": snapshot({"c": ["01"], "q": ["9"], "w": [None]}, targets, feed="stock")}
    link = linked("sup", feed, {"variants.qty": "source", "qty_cpt": "source"}, zeroed=True)
    table = merge([primary(), link]).table
    assert cells(table, "qty") == {"01": 0, "02": 7, "03": 1}
    assert cells(table, "qty_cpt") == {"01": None, "02": None, "03": None}
    assert cells(table, "qty_source")["01"] == "sup"


def test_stronger_source_stands_over_an_overdue_one():
    late = linked("late", stock("01 | 9"), QTY, precedence=2, zeroed=True)
    assert cells(merge([primary(), linked("one", stock("01 | 4"), QTY), late]).table, "qty")["01"] == 4


OTHER = catalogue(
    "B | 02 | Burner | A | 3 | 60 | | ", "D | 03 | Dish | A | 3 | 60 | | ", "N | 04 | New | A | 1 | 1 | | "
)


def test_sku_of_two_primary_sources_is_a_conflict_of_that_sku_alone():
    result = merge([primary(), primary(OTHER, "branch")])
    assert [(r["sku"], r["source"], r["is_conflict"]) for r in result.table.to_pylist()] == [
        ("01", "erp", False),
        ("02", "branch", True),
        ("02", "erp", True),
        ("03", "branch", False),  # the other source says delete, so it no longer offers it
        ("03", "erp", False),
        ("04", "branch", False),
    ]
    assert [(r["sku"], r["source"], r["title"]) for r in result.conflicts.to_pylist()] == [
        ("02", "branch", "Burner"),
        ("02", "erp", "Stove"),
    ]


def test_linked_source_serves_its_own_primary_only():
    table = merge([primary(), primary(OTHER, "branch"), linked("sup", stock("02 | 99"), QTY, of="branch")]).table
    quantities = {(r["source"], r["sku"]): r["qty"] for r in table.to_pylist()}
    assert (quantities["branch", "02"], quantities["erp", "02"]) == (99, 7)
    assert table["_row.sup/stock"].null_count == 5


@pytest.mark.parametrize("sources", [[], [primary(None)], [primary(BASE.slice(0, 0))]])
def test_nothing_read_yet_gives_an_empty_frame_of_the_usual_shape(sources):
    result = merge(sources)
    assert result.table.num_rows == result.conflicts.num_rows == result.unmatched.num_rows == 0
    usual = {"source", "sku", "qty", "retail_price", "title", "product_key", "is_conflict", "qty_source", "_from.qty"}
    assert usual <= set(result.table.column_names)


def test_primary_without_stock_still_has_the_column():
    bare = snapshot({"c": ["1"], "n": ["T"]}, {"source_product_code": "c", "variants.sku": "c", "title": "n"})
    row = merge([primary(bare)]).table.to_pylist()[0]
    assert (row["qty"], row["qty_source"], row["_from.qty"], row["product_active"]) == (None, None, None, None)


@pytest.mark.parametrize(
    "link, says",
    [
        (linked("sup", stock("01 | 1"), QTY, of="nobody"), "linked to nobody"),
        (linked("sup", stock("01 | 1", key="source_variant_code"), QTY), "is matched by sku"),
        (linked("sup", stock("01 | 1"), QTY, match="code"), "is matched by code"),
    ],
)
def test_linked_source_that_cannot_be_matched_is_a_mistake_of_the_declaration(link, says):
    with pytest.raises(ConfigurationError, match=says):
        merge([primary(), link])

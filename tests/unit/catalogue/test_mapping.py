from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.mapping import map_extract
from s2s_pipelines.catalogue.policy import NumberFormat, Terms
from s2s_pipelines.errors import ConfigurationError, ContractViolation
from s2s_pipelines.model.reject import Reject
from tests.unit.catalogue.feed import FULL, extract, field_rows, goods, mapped, reasons

TENT = "T1 | 0042 | Tent | Active | 5 | 199.90"
STOVE = "S1 | 0043 | Stove | Active | 7 | 99"


def column(result, name):
    return result.table[name].to_pylist()


def with_cell(name, *cells, target, **more):
    """Rows that are sound but for one more column."""
    base = goods(*(f"P{n} | K{n} | Title {n} | A | 1 | 10" for n in range(len(cells))))
    return mapped({**base, name: list(cells)}, {**FULL, target: name}, **more)


def test_minimum_map_makes_typed_rows_in_the_order_of_the_vocabulary():
    result = mapped(goods(TENT, STOVE))
    assert result.table.schema.names == [
        *("source_product_code", "source_variant_code", "title", "product_active", "sku", "qty", "retail_price"),
        *("inventory_management", "_row"),
    ]
    assert result.table.schema.field("retail_price").type == pa.decimal128(18, 4)
    assert result.table.to_pylist()[0] == {
        "source_product_code": "T1",
        "source_variant_code": "0042",
        "title": "Tent",
        "product_active": "active",
        "sku": "0042",
        "qty": 5,
        "retail_price": Decimal("199.9000"),
        "inventory_management": True,
        "_row": 2,
    }
    assert (result.rejects, result.notes, result.rows_in) == ((), (), 2)


def test_map_order_does_not_move_columns():
    turned = dict(reversed(FULL.items()))
    assert mapped(goods(TENT), turned).table.equals(mapped(goods(TENT)).table)


# --- strict both ways ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns, targets, ignore, says",
    [
        ({"note": ["x"]}, {}, (), "column 'note' is neither mapped nor ignored"),
        ({"INTERNAL_NOTE": ["x"]}, {}, ("INTERNAL_NOTES",), "(declared is 'INTERNAL_NOTES')"),
        ({}, {"vendor": "Brand"}, (), "mapped column 'Brand' is missing"),
        ({"brand": ["x"]}, {"vendor": "Brand"}, (), "mapped column 'Brand' is missing (there is 'brand')"),
        ({}, {"variant.barcode": "SKU"}, (), "target 'variant.barcode' is unknown (there is 'variants.barcode')"),
        ({}, {"email": "SKU"}, (), "target 'email' does not belong to feed products"),
        ({}, {"vendor": "SKU|uper"}, (), "transform 'uper' is unknown (there is 'upper')"),
        ({}, {"vendor": "SKU|sum"}, (), "target 'vendor' is no number that columns could add up to"),
        ({}, {"meta_a": "SKU", "meta_A": "SKU"}, (), "mapped 2 times"),
    ],
)
def test_map_that_does_not_fit_stops_the_feed_with_the_near_miss(columns, targets, ignore, says):
    with pytest.raises(ConfigurationError) as error:
        mapped({**goods(TENT), **columns}, {**FULL, **targets}, ignore=ignore)
    assert says in error.value.message


def test_flood_of_strange_columns_is_told_in_a_few():
    with pytest.raises(ConfigurationError, match="and 1990 more"):
        mapped({**goods(TENT), **{f"x{n}": ["1"] for n in range(2000)}})


def test_all_misfits_are_named_at_once():
    with pytest.raises(ConfigurationError) as error:
        mapped({**goods(TENT), "a": ["1"], "b": ["2"]}, {**FULL, "vendor": "c"})
    assert all(f"'{name}'" in error.value.message for name in "abc")


def test_ignored_column_and_rows_of_other_feeds_are_passed_over():
    assert mapped({**goods(TENT), "note": ["x"]}, ignore=["note", "gone"]).table.num_rows == 1


def test_map_without_a_key_is_refused():
    with pytest.raises(ConfigurationError, match="no target tells the rows apart"):
        mapped({"qty": ["1"]}, {"variants.qty": "qty"}, feed="stock")


def test_constant_that_cannot_be_read_is_the_operators_mistake():
    with pytest.raises(ConfigurationError, match="the constant 'perhaps' cannot be taken"):
        mapped(goods(TENT), {**FULL, "variants.inventory_management": "=perhaps"})


def test_one_column_feeds_several_targets_and_a_constant_stands_in_every_row():
    result = mapped(goods(TENT, STOVE), {**FULL, "tags": "=new, sale", "image1": "=https://example.com/a.jpg"})
    assert column(result, "sku") == column(result, "source_variant_code") == ["0042", "0043"]
    assert column(result, "tags") == [["new", "sale"]] * 2
    assert column(result, "images") == [["https://example.com/a.jpg"]] * 2


def test_extract_that_is_not_text_breaks_the_readers_promise():
    bad = extract(goods(TENT))
    typed = pa.table({**{n: bad.table[n] for n in bad.table.column_names}, "qty": pa.array([5])})
    with pytest.raises(ContractViolation, match="not text"):
        mapped_of(typed, bad.rows)
    with pytest.raises(ContractViolation, match="one row number per row"):
        mapped_of(bad.table, pa.array([], pa.int64()))


def mapped_of(table, rows):
    made = replace(extract(goods(TENT)), table=table, rows=rows)
    return map_extract(made, fields=field_rows(FULL), ignore=(), numbers=NumberFormat(), basis="incl", terms=Terms())


def test_large_and_chunked_text_is_read_like_any():
    bad = extract(goods(TENT, STOVE))
    large = bad.table.cast(pa.schema([(n, pa.large_string()) for n in bad.table.column_names]))
    chunked = pa.concat_tables([large.slice(0, 1), large.slice(1, 1)])
    assert mapped_of(chunked, bad.rows).table.equals(mapped(goods(TENT, STOVE)).table)


def test_empty_extract_gives_an_empty_typed_frame():
    result = mapped(goods(columns="Prod,SKU,WebName,Web,qty,price"))
    assert result.table.num_rows == result.rows_in == 0
    assert result.table.schema == mapped(goods(TENT)).table.schema


# --- cells -----------------------------------------------------------------------------------------------------------


def test_codes_keep_leading_zeros_and_lose_what_nobody_sees():
    result = mapped(goods("T1 | \u00a0 00\u00ad42\u200b\x00 | Tent | A | 1 | 1"))
    assert column(result, "sku") == ["0042"]
    assert [note.split(" (")[0] for note in result.notes] == [
        f"removed_characters: {target}: characters that cannot be seen were taken out"
        for target in ("source_variant_code", "variants.sku")
    ]


@pytest.mark.parametrize(
    "word, state",
    [
        *((w, "active") for w in ("Active", "A", "true", "YES", "y", "1", " on ")),
        *((w, "delete") for w in ("Delete", "D", "false", "no", "0", "off")),
        *((w, "ignore") for w in ("Ignore", "I", "", "  ")),
    ],
)
def test_switch_has_three_states_and_blank_is_ignore(word, state):
    result = mapped(goods(f"T1 | 0042 | Tent | {word} | 5 | 1"))
    if state == "ignore":
        assert result.ignored.to_pylist() == [{"sku": "0042", "_row": 2}]
    else:
        assert column(result, "product_active") == [state]


def test_switch_that_says_something_else_is_rejected_not_guessed():
    assert reasons(mapped(goods("T1 | 1 | Tent | maybe | 5 | 1"))) == [(2, "product_active", "unknown_switch")]


@pytest.mark.parametrize("text, units", [("5", 5), ("5.000", 5), ("1 234", 1234), ("-3", 0), ("-2.5", 0), ("0", 0)])
def test_quantity_is_whole_units_and_never_below_zero(text, units):
    assert column(mapped(goods(f"T1 | 1 | Tent | A | {text} | 1")), "qty") == [units]


def test_negative_quantity_is_told():
    (note,) = mapped(goods("T1 | 1 | Tent | A | -3 | 1")).notes
    assert note.startswith("negative_quantity: variants.qty:")
    assert "(1 rows: 2)" in note


@pytest.mark.parametrize(
    "qty, price, field, reason",
    [
        ("2.5", "1", "variants.qty", "fractional_quantity"),
        ("", "1", "variants.qty", "empty_quantity"),
        (" ", "1", "variants.qty", "empty_quantity"),
        ("1000000000", "1", "variants.qty", "too_large"),
        ("1,234", "1", "variants.qty", "ambiguous_number"),
        ("R 5", "1", "variants.qty", "not_a_number"),
        ("1", "", "variants.retail_price", "empty_price"),
        ("1", "R", "variants.retail_price", "empty_price"),
        ("1", "-0.01", "variants.retail_price", "negative_price"),
        ("1", "1,50", "variants.retail_price", "ambiguous_number"),
        ("1", "POA", "variants.retail_price", "not_a_number"),
        ("1", "$5", "variants.retail_price", "other_currency"),
    ],
)
def test_figure_that_cannot_stand_rejects_its_row(qty, price, field, reason):
    result = mapped(goods(TENT, f"S1 | 0043 | Stove | A | {qty} | {price}"))
    assert reasons(result) == [(3, field, reason)]
    assert column(result, "sku") == ["0042"]


@pytest.mark.parametrize(
    "have, want, text, amount",
    [
        ("incl", "incl", "115", "115.0000"),
        ("excl", "incl", "100", "115.0000"),
        ("incl", "excl", "200", "173.9130"),
        ("excl", "excl", "0.00005", "0.0001"),
    ],
)
def test_prices_are_converted_to_the_basis_of_the_catalogue(have, want, text, amount):
    result = mapped(goods(f"T1 | 1 | Tent | A | 1 | {text}"), basis=have, terms=Terms(basis=want))
    assert [str(v) for v in column(result, "retail_price")] == [amount]


def test_transform_may_say_which_basis_a_single_price_list_has():
    lists = {"price_trade": "trade|decimal_excl", "price_club": "trade|decimal_incl"}
    result = mapped({**goods(TENT), "trade": ["100"]}, {**FULL, **lists})
    assert [str(column(result, name)[0]) for name in lists] == ["115.0000", "100.0000"]


def test_missing_price_of_a_tier_or_quantity_of_a_warehouse_is_no_fault():
    columns = {**goods(TENT), "trade": [""], "shop": ["5"]}
    result = mapped(columns, {**FULL, "price_trade": "trade"}, ignore=["shop"])
    assert column(result, "price_trade") == [None]
    stock = {"variants.sku": "SKU", "variants.qty": "qty", "qty_cpt": "cpt"}
    result = mapped({"SKU": ["1"], "qty": ["5"], "cpt": [None]}, stock, feed="stock")
    assert column(result, "qty_cpt") == [None]


@pytest.mark.parametrize(
    "feed, target, reason",
    [("stock", "variants.qty", "empty_quantity"), ("prices", "variants.retail_price", "empty_price")],
)
def test_empty_figure_is_not_zero_in_the_other_feeds_either(feed, target, reason):
    result = mapped({"c": ["1", "2"], "f": ["0", ""]}, {"variants.sku": "c", target: "f"}, feed=feed)
    assert reasons(result) == [(3, target, reason)]
    assert result.table["sku"].to_pylist() == ["1"]


def test_columns_add_up_and_take_away():
    pieces = {**goods(TENT, STOVE), "jhb": ["5", "5"], "sold": ["2", ""]}
    targets = {k: v for k, v in FULL.items() if k != "variants.qty"}
    rows = [
        *field_rows(targets),
        *field_rows({"variants.qty": "qty|sum"}),
        *field_rows({"variants.qty": "jhb|sum"}),
        *field_rows({"variants.qty": "sold|subtract"}),
    ]
    result = map_extract(extract(pieces), fields=rows, ignore=(), numbers=NumberFormat(), basis="incl", terms=Terms())
    assert column(result, "qty") == [8]
    assert reasons(result) == [(3, "variants.qty", "empty_quantity")]


def test_price_tiers_of_one_column_become_columns_of_their_own():
    result = with_cell("lists", "Retail:100,Trade 2:80.50", "retail:90", "", target="csv_price_tiers")
    assert [str(v) for v in column(result, "price_retail")] == ["100.0000", "90.0000", "None"]
    assert [str(v) for v in column(result, "price_trade_2")] == ["80.5000", "None", "None"]


@pytest.mark.parametrize(
    "cell, reason",
    [
        ("retail", "unreadable_tiers"),
        ("retail:", "unreadable_tiers"),
        ("retail:1,RETAIL:2", "repeated_tier"),
        ("retail:POA", "not_a_number"),
        ("retail:-1", "negative_price"),
    ],
)
def test_price_tiers_that_cannot_be_read_reject_their_row(cell, reason):
    assert reasons(with_cell("lists", "retail:5", cell, target="csv_price_tiers")) == [(3, "csv_price_tiers", reason)]


def test_tiers_with_decimal_comma_are_cut_at_names_only():
    numbers = NumberFormat(decimal_mark=",")
    result = with_cell("lists", "retail:100,50,trade:80", target="csv_price_tiers", numbers=numbers)
    assert [str(column(result, f"price_{t}")[0]) for t in ("retail", "trade")] == ["100.5000", "80.0000"]


def test_flood_of_tier_names_rejects_rows_and_not_the_feed():
    cells = ["retail:1", *(f"x{n}:1" for n in range(60)), "retail:2"]
    result = with_cell("lists", *cells, target="csv_price_tiers")
    assert sum(name.startswith("price_") for name in result.table.column_names) == 50
    assert {reason for _, _, reason in reasons(result)} == {"too_many_tiers"}
    assert len(result.rejects) == 11


def test_tier_named_twice_over_is_a_mistake_of_the_map():
    columns = {**goods(TENT), "lists": ["retail:1"], "r": ["2"]}
    with pytest.raises(ConfigurationError, match="price_retail is mapped on its own"):
        mapped(columns, {**FULL, "csv_price_tiers": "lists", "price_retail": "r"})


def test_images_are_listed_in_order_once_each():
    urls = [f"https://example.com/{n}.jpg" for n in "abc"]
    columns = {**goods(TENT, STOVE), "x": [urls[1], None], "y": [urls[0], ""], "z": [urls[1], None]}
    result = mapped(columns, {**FULL, "image10": "z", "image2": "y", "image1": "x"})
    assert column(result, "images") == [[urls[1], urls[0]], None]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:alert(1)", "a.jpg", "https://u:p@example.com/a", "https://a b/c", "//x/y"]
)
def test_image_that_is_no_public_address_rejects_its_row(url):
    assert reasons(with_cell("img", "https://example.com/a", url, target="image1")) == [(3, "image1", "not_a_url")]


def test_tags_are_trimmed_sorted_and_unique():
    result = with_cell("labels", " b, a ,,b", " , ", target="tags")
    assert column(result, "tags") == [["a", "b"], None]


def test_weights_become_whole_grams():
    result = with_cell("kg", "1.2345", "", "0,5", target="variants.weight")
    assert reasons(result) == [(4, "variants.weight", "ambiguous_number")]
    base = {**goods(TENT, STOVE), "kg": ["1.2345", ""]}
    assert column(mapped(base, {**FULL, "variants.weight": "kg|kilograms_to_grams"}), "weight_g") == [1235, None]


@pytest.mark.parametrize("length, is_taken", [(140, True), (141, False)])
def test_cells_are_bounded(length, is_taken):
    result = mapped(goods(f"T1 | {'x' * length} | Tent | A | 1 | 1"))
    assert (result.table.num_rows == 1) is is_taken
    assert {reason for _, _, reason in reasons(result)} <= {"too_long"}


def test_reject_shows_row_value_message_and_remedy_but_never_more_than_80_characters():
    (reject,) = mapped(goods(f"T1 | 1 | Tent | A | 1 | {'9' * 500}")).rejects
    assert (reject.row, reject.sku, reject.field, reject.reason) == (2, "1", "variants.retail_price", "too_large")
    assert len(reject.value) == 80
    assert reject.message
    assert reject.remedy


def test_row_with_several_faults_is_counted_once_and_shows_them_all():
    result = mapped(goods("T1 |  | | A | x | "))
    assert {(field, reason) for _, field, reason in reasons(result)} == {
        ("variants.sku", "missing_sku"),
        ("source_variant_code", "empty_value"),
        ("title", "empty_value"),
        ("variants.qty", "not_a_number"),
        ("variants.retail_price", "empty_price"),
    }
    assert len(result.rejects) == 5
    assert result.rejected.to_pylist() == [
        {"Prod": "T1", "SKU": "", "WebName": "", "Web": "A", "qty": "x", "price": "", "_row": 2}
    ]


# --- rows among each other -------------------------------------------------------------------------------------------


def test_row_without_a_sku_is_rejected_and_none_is_invented():
    result = mapped({**goods(TENT), "code": ["C"]}, {**FULL, "source_variant_code": "code"})
    assert result.table.num_rows == 1
    blank = mapped({**goods("T1 | | Tent | A | 1 | 1"), "code": ["C"]}, {**FULL, "source_variant_code": "code"})
    assert reasons(blank) == [(2, "variants.sku", "missing_sku")]


def test_sku_twice_rejects_all_its_rows_and_each_names_the_others():
    again = TENT.replace("199.90", "249")
    result = mapped(goods(TENT, STOVE, again, again))
    assert column(result, "sku") == ["0043"]
    found = [r for r in result.rejects if r.reason == "duplicate_sku"]
    assert [(r.row, r.message.split(" See ")[1]) for r in found] == [
        (2, "also row 4, 5."),
        (4, "also row 2, 5."),
        (5, "also row 2, 4."),
    ]


def test_sku_twice_is_rejected_even_where_one_of_the_rows_fails_otherwise():
    result = mapped(goods(TENT, TENT.replace("199.90", "POA")))
    assert result.table.num_rows == 0
    assert {row for row, _, reason in reasons(result) if reason == "duplicate_sku"} == {2, 3}


def test_ignored_row_does_not_make_a_duplicate():
    result = mapped(goods(TENT, TENT.replace("Active", "Ignore")))
    assert (result.table.num_rows, result.ignored.num_rows, result.rejects) == (1, 1, ())


@pytest.mark.parametrize("feed", ["stock", "prices"])
@pytest.mark.parametrize("key, reason", [("variants.sku", "duplicate_sku"), ("source_variant_code", "duplicate_code")])
def test_key_twice_is_rejected_in_the_other_feeds_too(feed, key, reason):
    figure = {"stock": "variants.qty", "prices": "variants.retail_price"}[feed]
    cells = {"code": ["1", "2", "1"], "figure": ["5", "6", "7"]}
    result = mapped(cells, {key: "code", figure: "figure"}, feed=feed)
    assert reasons(result) == [(2, key, reason), (4, key, reason)]


def test_two_skus_under_one_variant_code_are_rejected():
    result = mapped({**goods(TENT, STOVE), "code": ["7", "7"]}, {**FULL, "source_variant_code": "code"})
    assert [(f, r) for _, f, r in reasons(result)] == [("source_variant_code", "duplicate_code")] * 2


def test_skus_that_differ_by_letter_case_are_taken_and_told():
    result = mapped(goods("A | ab | T | A | 1 | 1", "B | AB | T | A | 1 | 1"))
    assert result.table.num_rows == 2
    assert result.notes == (
        "case_twins: 2 skus differ in letter case only (AB, ab); some channels take them for the same",
    )


OPTIONS = {**FULL, "option1_name": "=Size", "variants.option1_value": "size", "option2_name": "=Colour"} | {
    "variants.option2_value": "colour"
}


def shirts(*rows):
    """Variants of one shirt from size and colour."""
    base = goods(*(f"SH | S{n} | Shirt | A | 1 | 1" for n in range(len(rows))))
    return mapped({**base, "size": [r[0] for r in rows], "colour": [r[1] for r in rows]}, OPTIONS)


def test_variants_with_the_same_options_are_rejected_together():
    result = shirts(("S", "red"), ("M", "red"), ("s", "RED"))
    assert reasons(result) == [(row, "variants.option1_value", "duplicate_options") for row in (2, 4)]
    assert "See also row 4." in result.rejects[0].message


def test_variant_that_lacks_an_option_of_its_siblings_is_rejected_alone():
    result = shirts(("S", "red"), ("M", ""), ("", ""))
    assert reasons(result) == [
        (3, "source_product_code", "missing_options"),
        (4, "source_product_code", "missing_options"),
    ]
    assert column(result, "sku") == ["S0"]


def test_several_variants_without_any_options_cannot_be_told_apart():
    rows = goods("P | 1 | T | A | 1 | 1", "P | 2 | T | A | 1 | 1", "Q | 3 | T | A | 1 | 1")
    assert [(row, reason) for row, _, reason in reasons(mapped(rows))] == [
        (2, "missing_options"),
        (3, "missing_options"),
    ]


def test_single_variant_needs_no_options_and_a_deleted_sibling_does_not_count():
    rows = goods("P | 1 | T | A | 1 | 1", "P | 2 | T | D | 1 | 1")
    assert mapped(rows).rejects == ()


def test_option_without_a_name_is_rejected():
    base = {**goods(TENT), "size": ["S"]}
    assert reasons(mapped(base, {**FULL, "variants.option1_value": "size"})) == [
        (2, "option1_name", "missing_option_name")
    ]


def test_map_that_only_adds_to_products_is_not_asked_for_options():
    cells = {"p": ["P", "P"], "sku": ["1", "2"], "name": ["T", "T"]}
    targets = {"source_product_code": "p", "variants.sku": "sku", "title": "name"}
    assert mapped(cells, targets).table.num_rows == 2


def test_title_is_inherited_within_its_product():
    lines = [
        "SH | S1 | | A | 1 | 1",
        "SH | S0 | Shirt | A | 1 | 1",
        "SH | S2 | Blouse | A | 1 | 1",
        "X | X | | A | 1 | 1",
    ]
    cells = {**goods(*lines), "size": ["S", "M", "L", ""], "colour": ["", "", "", ""]}
    result = mapped(cells, OPTIONS)
    assert column(result, "title") == ["Shirt", "Shirt", "Blouse"]
    assert reasons(result) == [(5, "title", "empty_value")]
    assert result.notes == (
        "disagreement: title differs among the variants of 1 products (SH); the lowest sku speaks for the product",
    )


def test_row_order_decides_nothing():
    lines = [TENT, STOVE, TENT.replace("Tent", "Other"), "SH | S1 | | A | 1 | 1", "SH | S0 | Shirt | A | 1 | 1"]
    numbers = list(range(2, 7))
    there = mapped(goods(*lines), rows=numbers)
    back = mapped(goods(*reversed(lines)), rows=numbers[::-1])
    assert there.table.sort_by("_row").equals(back.table.sort_by("_row"))
    assert {(r.row, r.reason) for r in there.rejects} == {(r.row, r.reason) for r in back.rejects}


def test_shared_barcode_is_told():
    result = with_cell("ean", "600", "600", "", "", target="variants.barcode")
    assert result.notes == ("shared_barcodes: 1 barcodes belong to more than one sku (600)",)


# --- deleted, ignored, not owned -------------------------------------------------------------------------------------


def test_row_to_be_deleted_needs_its_key_only():
    result = mapped(goods("T1 | 0042 | | Delete | x | "))
    assert result.rejects == ()
    row = result.table.to_pylist()[0]
    assert (row["sku"], row["product_active"], row["qty"], row["retail_price"]) == ("0042", "delete", None, None)
    assert reasons(mapped(goods(" | | Tent | D | 1 | 1")))[-1] == (2, "variants.sku", "missing_sku")


def test_ignored_row_is_not_looked_at_any_further():
    result = mapped(goods(" | | | Ignore | x | y"))
    assert (result.rejects, result.ignored.to_pylist()) == ((), [{"sku": None, "_row": 2}])


def test_field_that_is_not_taken_may_be_empty_or_unreadable():
    lines = goods("T1 | 0042 |  | Active | lots | ")
    unowned = ("variants.qty", "variants.retail_price", "title")
    result = mapped(lines, unowned=unowned)
    assert result.rejects == ()
    assert column(result, "qty") == [None]
    assert result.notes == (
        "unread_value: variants.qty: cannot be read, and is not taken from this source anyway (1 rows: 2)",
    )


def test_switch_that_is_not_taken_ignores_nothing():
    result = mapped(goods("T1 | 1 | Tent | | 5 | 1", "T2 | 2 | Tent | I | 5 | 1"), unowned=("product_active",))
    assert (result.table.num_rows, result.ignored.num_rows) == (2, 0)


def test_key_is_needed_even_where_no_flag_takes_it():
    cells = {"code": ["1", ""], "stock": ["5", "6"]}
    result = mapped(cells, {"variants.sku": "code", "variants.qty": "stock"}, feed="stock", unowned=("variants.sku",))
    assert reasons(result) == [(3, "variants.sku", "missing_sku")]


def test_key_is_unique_even_where_no_flag_takes_it():
    cells = {"code": ["1", "1", "2"], "stock": ["5", "6", "7"]}
    result = mapped(cells, {"variants.sku": "code", "variants.qty": "stock"}, feed="stock", unowned=("variants.sku",))
    assert reasons(result) == [(row, "variants.sku", "duplicate_sku") for row in (2, 3)]


def test_keys_of_rows_left_out_are_kept_because_they_are_not_absent():
    result = mapped(goods(TENT, STOVE.replace("99", "POA"), "X | 9 | T | Ignore | 1 | 1", "X | | T | A | 1 | 1"))
    assert sorted(result.withheld.to_pylist()) == ["0043", "9"]


# --- what the reader left out, and customers -------------------------------------------------------------------------


def test_rows_the_reader_could_not_cut_are_counted_and_passed_on():
    torn = [
        Reject(9, "0099", "line", "ragged_row", "a;b", "The row has 2 cells.", "repair it"),
        Reject(9, None, *"abcde"),
    ]
    result = mapped(goods(TENT), rejects=tuple(torn), notes=("encoding: guessed cp1252",))
    assert (result.rows_in, result.rejects) == (2, tuple(torn))
    assert result.rejected.to_pylist()[0]["_row"] == 9
    assert result.rejected.column_names == ["Prod", "SKU", "WebName", "Web", "qty", "price", "_row"]
    assert result.notes == ("encoding: guessed cp1252",)
    assert result.withheld.to_pylist() == ["0099"]


CUSTOMERS = {
    "customer_active": "=true",
    "source_customer_code": "acc",
    "first_name": "first",
    "last_name": "last",
    "email": "mail",
    "price_tier": "tier",
}


def test_customers_are_mapped_and_their_details_stay_out_of_rejects():
    cells = {
        "acc": ["0007", "0008", "0009", "0009"],
        "first": ["Ann", "", "Cy", "Di"],
        "last": ["One", "Two", "Three", "Four"],
        "mail": ["ann@example.com", "not-an-address", "cy@example.com", "di@example.com"],
        "tier": ["trade", None, None, None],
    }
    result = mapped(cells, CUSTOMERS, feed="customers")
    assert column(result, "source_customer_code") == ["0007"]
    assert column(result, "price_tier") == ["trade"]
    assert [(r.row, r.field, r.reason, r.value) for r in result.rejects] == [
        (3, "email", "not_an_email", "(withheld: personal)"),
        (3, "first_name", "empty_value", ""),
        (4, "source_customer_code", "duplicate_code", "0009"),
        (5, "source_customer_code", "duplicate_code", "0009"),
    ]


def test_column_named_like_our_row_number_steps_aside():
    result = mapped({**goods("T | | t | A | 1 | 1"), "_row": ["x"]}, ignore=["_row"])
    assert result.rejected.column_names[-2:] == ["_row (source)", "_row"]


def test_values_that_look_swapped_stop_the_feed():
    lines = goods(
        *(f"P{n} | K{n} | T | A | {n * 13}.99 | {n % 3}" for n in range(1, 9)), columns="Prod,SKU,WebName,Web,F6,F7"
    )
    with pytest.raises(ConfigurationError, match="holds amounts with cents and feeds a quantity") as error:
        mapped(lines, {**FULL, "variants.qty": "F6", "variants.retail_price": "F7"})
    assert error.value.next_step == "map 'F7' to variants.qty and 'F6' to variants.retail_price"
    assert mapped(lines, {**FULL, "variants.qty": "F7", "variants.retail_price": "F6"}).table.num_rows == 8

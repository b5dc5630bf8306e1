import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s_pipelines.catalogue.desired import desired
from s2s_pipelines.catalogue.policy import ChannelPolicy, Condition, Quantity, Rules, Terms
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.money import to_basis, to_cents
from tests.unit.catalogue.merged_frame import held, left_out, merged, product, variant, want


def test_simple_product_carries_all_that_is_ours():
    result = want({"sku": "0042", "vendor": "Acme", "tags": ["a", "b"], "images": ["u1"], "meta_colour": "red"})
    assert json.loads(product(result, "0042")["state"]) == {
        "title": "T 0042",
        "tags": ["a", "b"],
        "vendor": "Acme",
        "images": ["u1"],
        "meta_colour": "red",
        "option_names": [],
        "is_simple": "true",
    }
    assert json.loads(variant(result, "0042")["state"]) == {
        "price": "115.00",
        "qty": "5",
        "barcode": None,
        "weight_g": None,
        "inventory_management": "true",
        "options": [],
    }
    assert product(result, "0042")["all_skus"] == ["0042"]
    assert result.left_out.num_rows == 0


def test_variants_share_a_product_and_list_their_options():
    sizes = [
        {"sku": f"S{i}", "code": "S", "option1_name": "Size", "option1_value": v, "images": [f"u{i}", "u0"]}
        for i, v in ((2, "L"), (1, "M"))
    ]
    result = want(*sizes)
    parent = product(result, "S")
    assert (parent["is_simple"], parent["option_names"], parent["all_skus"]) == (False, ["Size"], ["S1", "S2"])
    assert parent["images"] == ["u1", "u0", "u2"]
    assert [v["options"] for v in result.variants.to_pylist()] == [["M"], ["L"]]


def test_single_variant_with_an_option_is_no_simple_product():
    result = want({"sku": "A", "option2_name": "Colour", "option2_value": "Red"})
    assert product(result, "A")["is_simple"] is False
    assert variant(result, "A")["options"] == ["Red"]


def test_product_value_is_that_of_the_smallest_sku_that_has_one():
    rows = [
        {"sku": "B", "code": "P", "title": "from B", "vendor": "vB", "option1_name": "S", "option1_value": "2"},
        {"sku": "A", "code": "P", "title": "from A", "vendor": None, "option1_name": "S", "option1_value": "1"},
        {"sku": "0", "code": "P", "title": "gone", "product_active": "delete"},
    ]
    assert want(*rows).products.equals(want(*reversed(rows)).products)
    assert (product(want(*rows), "P")["title"], product(want(*rows), "P")["vendor"]) == ("from A", "vB")


def test_channel_owned_fields_are_never_in_the_state():
    flags = {"title": "channel", "images": "channel", "variants.qty": "channel", "variants.barcode": "channel"}
    result = want({"sku": "A", "barcode": "600", "images": ["u"], "qty": None, "title": None}, flags=flags)
    assert set(json.loads(product(result, "A")["state"])).isdisjoint({"title", "images"})
    assert set(json.loads(variant(result, "A")["state"])).isdisjoint({"qty", "barcode"})


def test_star_flag_leaves_only_what_is_named():
    result = want({"sku": "A"}, flags={"*": "channel", "variants.qty": "system"})
    assert json.loads(variant(result, "A")["state"]) == {"qty": "5"}


def test_default_price_flag_covers_the_tier_that_is_used():
    result = want({"sku": "A"}, price_tier="web", flags={"variants.retail_price": "channel"})
    assert "price" not in json.loads(variant(result, "A")["state"])


@pytest.mark.parametrize(
    "policy, part, hint",
    [
        ({"flags": {"tittle": "channel"}}, "tittle is not a field", "did you mean title?"),
        ({"flags": {"email": "channel"}}, "email is not a field", "fields:"),
        ({"price_tier": "webb"}, "no source delivers price_webb", "did you mean price_web?"),
        ({"compare_at_tier": "zzz"}, "no source delivers price_zzz", "map price_zzz"),
        ({"quantity": Quantity(warehouse="cpd")}, "no source delivers qty_cpd", "did you mean qty_cpt?"),
    ],
)
def test_names_that_no_source_delivers_are_refused(policy, part, hint):
    with pytest.raises(ConfigurationError) as caught:
        want({"sku": "A"}, **policy)
    assert part in caught.value.message
    assert hint in caught.value.next_step


def test_missing_tier_or_warehouse_leaves_a_variant_out_and_zero_does_not():
    rows = [
        {"sku": "A", "price_web": Decimal("10"), "qty_cpt": 0},
        {"sku": "B", "price_web": None, "qty_cpt": 3},
        {"sku": "C", "price_web": Decimal("0"), "qty_cpt": None},
        {"sku": "D", "price_web": Decimal("0"), "qty_cpt": None, "inventory_management": False},
    ]
    result = want(*rows, price_tier="web", quantity=Quantity(warehouse="cpt"))
    assert left_out(result) == {"B": "no_price", "C": "no_quantity"}
    assert (variant(result, "A")["qty"], variant(result, "D")["price"]) == (0, Decimal("0.00"))
    assert json.loads(variant(result, "D")["state"])["qty"] is None
    assert not any(row["is_frozen"] for row in result.left_out.to_pylist())


@given(
    price=st.decimals(min_value=0, max_value=10**9, places=4),
    rate=st.sampled_from(["0", "14", "15", "15.5", "20"]),
    have=st.sampled_from(["incl", "excl"]),
    basis=st.sampled_from(["incl", "excl"]),
)
@settings(max_examples=60, deadline=None)
def test_price_is_converted_exactly_and_rounded_half_up(price, rate, have, basis):
    terms = Terms(basis=have, tax_rate=Decimal(rate))
    result = want({"sku": "A", "retail_price": price}, terms=terms, basis=basis)
    expected = to_cents(to_basis(price, have=have, want=basis, tax_rate=Decimal(rate)))
    assert variant(result, "A")["price"] == expected
    assert json.loads(variant(result, "A")["state"])["price"] == f"{expected:.2f}"


def test_compare_at_price_is_only_there_when_it_is_higher():
    rows = [{"sku": s, "price_rrp": p} for s, p in (("A", Decimal(200)), ("B", Decimal("115")), ("C", None))]
    found = [v["compare_at_price"] for v in want(*rows, compare_at_tier="rrp").variants.to_pylist()]
    assert found == [Decimal("200.00"), None, None]


@pytest.mark.parametrize(
    "qty, sold, buffer, cap, expected",
    [
        (10, 0, 0, None, 10),
        (10, 3, 2, None, 5),
        (4, 3, 2, None, 0),
        (-7, 0, 0, None, 0),
        (90, 1, 2, 50, 50),
        (51, 1, 1, 50, 49),
    ],
)
def test_quantity_loses_orders_and_buffer_then_is_clamped_then_capped(qty, sold, buffer, cap, expected):
    result = want({"sku": "A", "qty": qty}, deductions={"A": sold}, quantity=Quantity(buffer=buffer, cap=cap))
    assert variant(result, "A")["qty"] == expected


def test_untracked_variant_has_no_quantity():
    assert variant(want({"sku": "A", "inventory_management": False}), "A")["qty"] is None


def test_rules_read_product_values_not_single_rows():
    rows = [
        {"sku": "A", "code": "P", "vendor": "Acme", "option1_name": "S", "option1_value": "1"},
        {"sku": "B", "code": "P", "vendor": None, "option1_name": "S", "option1_value": "2"},
        {"sku": "C", "vendor": "Zulu"},
    ]
    result = want(*rows, rules=Rules(include=(Condition(field="vendor", op="equals", value="acme"),)))
    assert left_out(result) == {"C": "rule"}
    assert result.left_out["message"].to_pylist() == ["not included by the rule: vendor equals acme"]


def test_conflicts_and_errors_freeze_and_deletes_do_not():
    rows = [
        {"sku": "A", "is_conflict": True},
        {"sku": "A", "is_conflict": True, "product_key": "branch:A", "source": "branch"},
        {"sku": "B", "product_active": "delete"},
        {"sku": "C", "title": " "},
        {"sku": "D1", "code": "D"},
        {"sku": "D2", "code": "D"},
        {"sku": "E1", "code": "E", "option1_name": "S", "option1_value": "x"},
        {"sku": "E2", "code": "E", "option1_name": "S", "option1_value": "X"},
        {"sku": "E3", "code": "E", "option1_name": "S", "option1_value": "y"},
        {"sku": "E4", "code": "E", "option1_name": "S", "option1_value": None},
    ]
    result = want(*rows)
    assert left_out(result) == {
        "A": "conflict",
        "B": "deleted",
        "C": "no_title",
        "D1": "missing_options",
        "D2": "missing_options",
        "E1": "duplicate_options",
        "E2": "duplicate_options",
        "E4": "missing_options",
    }
    assert [r["sku"] for r in result.left_out.to_pylist() if not r["is_frozen"]] == ["B"]
    assert result.variants["sku"].to_pylist() == ["E3"]
    assert all(result.left_out["message"].to_pylist())


def test_regrouping_waits_until_the_old_product_is_gone():
    result = want({"sku": "A", "code": "NEW"}, {"sku": "B"}, held=held(("A", "erp:OLD", True), ("B", "erp:B", True)))
    assert left_out(result) == {"A": "regrouped"}


def test_simple_product_stays_simple_until_it_is_deleted():
    rows = [{"sku": s, "code": "P", "option1_name": "S", "option1_value": s} for s in ("A", "B")]
    result = want(*rows, held=held(("A", "erp:P", True)))
    assert left_out(result) == {"B": "shape_changed"}
    assert (product(result, "P")["is_simple"], variant(result, "A")["options"]) == (True, [])


def test_variable_product_stays_variable_with_one_variant():
    rows = [{"sku": "A", "code": "P"}]
    assert product(want(*rows, held=held(("A", "erp:P", False))), "P")["is_simple"] is False


def test_state_and_hash_follow_the_values_and_nothing_else():
    rows = [{"sku": "A", "meta_colour": 'é "quoted"\n'}, {"sku": "B", "qty": 4}]
    first, again = want(*rows), want(*reversed(rows))
    assert first.products.equals(again.products)
    assert first.variants.equals(again.variants)
    changed = want(rows[0], {"sku": "B", "qty": 3})
    hashes = [{v["sku"]: v["content_hash"] for v in r.variants.to_pylist()} for r in (first, changed)]
    assert hashes[0]["A"] == hashes[1]["A"]
    assert hashes[0]["B"] != hashes[1]["B"]
    assert json.loads(product(first, "A")["state"])["meta_colour"] == 'é "quoted"\n'


def test_empty_catalogue_gives_empty_tables_of_the_same_shape():
    empty = desired(merged({"sku": "A"}).slice(0, 0), ChannelPolicy(), Terms(), {})
    full = want({"sku": "A"})
    for name in ("products", "variants", "left_out"):
        assert getattr(empty, name).num_rows == 0
        assert getattr(empty, name).column_names == getattr(full, name).column_names

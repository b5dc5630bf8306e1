import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s_pipelines.catalogue.diff import product_changes
from s2s_pipelines.catalogue.held import shown
from s2s_pipelines.catalogue.policy import Condition, Rules
from s2s_pipelines.model.change import Action
from tests.unit.catalogue.merged_frame import want
from tests.unit.catalogue.shop_model import Records, ShopModel, push


@pytest.fixture
def shop():
    return ShopModel()


@pytest.fixture
def records():
    return Records()


def publish(shop, records, *rows, delist="delete", **policy):
    """One whole cycle; returns the plan and its changes."""
    wanted = want(*rows, held=shown(records.held()), **policy)
    plan = records.plan(wanted, delist)
    changes = list(product_changes(plan))
    push(plan, shop, records, changes)
    return plan, changes


def flat(plan):
    return [
        (r["sku"] or r["product_key"], r["action"], r["field"], r["before"], r["after"])
        for r in plan.changes.to_pylist()
    ]


SIZES = [{"sku": f"S{v}", "code": "S", "option1_name": "Size", "option1_value": v} for v in "LM"]


def test_first_plan_creates_products_with_everything_that_is_ours(shop, records):
    plan, changes = publish(shop, records, {"sku": "A", "vendor": "Acme", "images": ["u"]}, *SIZES)
    simple, parent = changes
    assert (simple.key, simple.action, simple.is_simple, simple.all_skus) == ("erp:A", Action.CREATE, True, ("A",))
    assert simple.fields == {"title": "T A", "vendor": "Acme", "images": ("u",)}
    assert simple.variants[0].fields == {"price": Decimal("115.00"), "qty": 5, "inventory_management": True}
    assert (parent.is_simple, parent.option_names, parent.all_skus) == (False, ("Size",), ("SL", "SM"))
    assert parent.option_values == {"Size": ("L", "M")}
    assert [v.fields["options"] for v in parent.variants] == [("L",), ("M",)]
    assert plan.counts["products_create"] == 2
    assert plan.counts["variants_create"] == 3


def test_unchanged_catalogue_gives_an_empty_plan(shop, records):
    publish(shop, records, {"sku": "A"}, *SIZES)
    plan, changes = publish(shop, records, {"sku": "A"}, *SIZES)
    assert (plan.is_empty, changes, plan.items.num_rows) == (True, [], 0)


def test_only_what_differs_is_sent(shop, records):
    publish(shop, records, {"sku": "A", "vendor": "Acme"}, {"sku": "B"}, *SIZES)
    plan, changes = publish(
        shop,
        records,
        {"sku": "A", "vendor": "Zulu"},
        {"sku": "B", "qty": 0},
        SIZES[0],
        {**SIZES[1], "retail_price": Decimal(230)},
    )
    assert flat(plan) == [
        ("erp:A", "update", "vendor", "Acme", "Zulu"),
        ("B", "update", "qty", "5", "0"),
        ("SM", "update", "price", "115.00", "230.00"),
    ]
    product, variant, sized = changes
    assert (product.action, product.fields, product.variants) == (Action.UPDATE, {"vendor": "Zulu"}, ())
    assert (variant.action, variant.fields) == (Action.NONE, {})
    assert [(v.action, v.sku, v.fields) for v in variant.variants] == [(Action.UPDATE, "B", {"qty": 0})]
    assert (sized.channel_product_code, sized.option_values, sized.all_skus) == (
        "p5",
        {"Size": ("L", "M")},
        ("SL", "SM"),
    )


def test_emptied_values_are_cleared_and_unsaid_quantities_are_not(shop, records):
    publish(shop, records, {"sku": "A", "vendor": "Acme", "tags": ["x"], "barcode": "600"})
    plan, (change,) = publish(shop, records, {"sku": "A", "tags": [], "inventory_management": False, "qty": None})
    assert change.fields == {"vendor": None, "tags": ()}
    assert change.variants[0].fields == {"barcode": None, "inventory_management": False}
    assert plan.counts["quantity_changes"] == 0


def test_field_given_to_the_channel_is_forgotten_not_cleared(shop, records):
    publish(shop, records, {"sku": "A", "vendor": "Acme"})
    plan, changes = publish(shop, records, {"sku": "A", "vendor": "Acme"}, flags={"vendor": "channel"})
    assert (changes, plan.items["action"].to_pylist()) == ([], ["settle"])
    plan, _ = publish(shop, records, {"sku": "A", "vendor": "Acme"}, flags={"vendor": "channel"})
    assert plan.items.num_rows == 0
    plan, _ = publish(shop, records, {"sku": "A", "vendor": "Acme"})
    assert flat(plan) == [("erp:A", "update", "vendor", None, "Acme")], "the channel may have changed it meanwhile"


def test_deleted_variant_leaves_and_with_the_last_one_its_product(shop, records):
    publish(shop, records, *SIZES)
    plan, (change,) = publish(shop, records, SIZES[0], {**SIZES[1], "product_active": "delete"})
    assert (change.action, [(v.action, v.sku) for v in change.variants]) == (Action.NONE, [(Action.DELIST, "SM")])
    assert (change.all_skus, change.option_values) == (("SL",), {"Size": ("L",)})
    assert flat(plan) == [("SM", "delist", None, None, None)]
    plan, (change,) = publish(shop, records, *({**row, "product_active": "delete"} for row in SIZES))
    assert (change.action, [v.sku for v in change.variants]) == (Action.DELIST, ["SL"])
    assert plan.changes["reason"].to_pylist() == ["deleted", "deleted"]
    plan, _ = publish(shop, records, *({**row, "product_active": "delete"} for row in SIZES))
    assert plan.is_empty


def test_what_left_can_come_back(shop, records):
    for state in ("active", "delete", "active"):
        _, (change,) = publish(shop, records, {"sku": "A", "product_active": state})
    assert (change.action, change.channel_product_code, change.variants[0].action) == (
        Action.CREATE,
        None,
        Action.CREATE,
    )
    assert change.fields["title"] == "T A"


def test_hidden_product_comes_back_under_its_own_id(records):
    shop = ShopModel()
    publish(shop, records, {"sku": "A"})
    records.rows["product", "erp:A"] |= {"is_listed": False, "acknowledged_hash": None}
    records.rows["variant", "A"] |= {"is_listed": False, "acknowledged_hash": None}
    plan, (change,) = publish(shop, records, {"sku": "A"})
    assert (change.action, change.channel_product_code, change.variants[0].channel_variant_code) == (
        Action.CREATE,
        "p1",
        "v2",
    )
    assert set(plan.changes["reason"].to_pylist()) == {"relisted"}


def test_rule_takes_off_and_says_so(shop, records):
    publish(shop, records, {"sku": "A"}, {"sku": "B", "vendor": "Zulu"})
    rules = Rules(exclude=(Condition(field="vendor", op="equals", value="zulu"),))
    plan, _ = publish(shop, records, {"sku": "A"}, {"sku": "B", "vendor": "Zulu"}, rules=rules)
    assert [(r["sku"], r["reason"]) for r in plan.changes.to_pylist()] == [(None, "rule"), ("B", "rule")]
    assert set(shop.seen()) == {"A"}


def test_absent_and_frozen_items_stay_and_leave_takes_nothing_off(shop, records):
    publish(shop, records, {"sku": "A"}, {"sku": "B"}, {"sku": "C"}, *SIZES)
    plan, _ = publish(
        shop, records, {"sku": "B", "is_conflict": True, "qty": 1}, {**SIZES[0], "is_conflict": True}, SIZES[1]
    )
    assert plan.is_empty
    plan, _ = publish(shop, records, {"sku": "C", "product_active": "delete"}, delist="leave")
    assert plan.is_empty
    assert set(shop.seen()) == {"A", "B", "C", "SL", "SM"}


def test_sku_moves_to_another_source_by_leaving_the_first_one(shop, records):
    mine = {"sku": "A", "product_key": "branch:A", "source": "branch"}
    publish(shop, records, mine)
    plan, _ = publish(shop, records, {"sku": "A"}, mine | {"is_conflict": True})
    assert plan.is_empty
    publish(shop, records, {"sku": "A"}, mine | {"product_active": "delete"})
    assert shop.seen() == {}
    _, (change,) = publish(shop, records, {"sku": "A"}, mine | {"product_active": "delete"})
    assert (change.key, change.action) == ("erp:A", Action.CREATE)


def test_another_source_cannot_take_off_what_is_not_its_own(shop, records):
    publish(shop, records, {"sku": "A"})
    branch = {"sku": "A", "product_key": "branch:A", "source": "branch", "product_active": "delete"}
    assert publish(shop, records, branch)[0].is_empty
    assert publish(shop, records, {"sku": "A"}, branch)[0].is_empty


def test_frozen_sibling_keeps_its_place_among_options_and_keeps_the_product(shop, records):
    publish(shop, records, *SIZES)
    frozen = {**SIZES[0], "is_conflict": True}
    _, (change,) = publish(shop, records, frozen, {**SIZES[1], "qty": 2})
    assert (change.all_skus, change.option_values) == (("SL", "SM"), {"Size": ("L", "M")})
    _, (change,) = publish(shop, records, frozen, {**SIZES[1], "product_active": "delete"})
    assert (change.action, change.is_simple, change.option_names) == (Action.NONE, False, ("Size",))
    assert (change.all_skus, change.option_values) == (("SL",), {"Size": ("L",)})


def test_new_variant_joins_its_product(shop, records):
    publish(shop, records, SIZES[0])
    _, (change,) = publish(shop, records, *SIZES)
    assert (change.action, change.channel_product_code) == (Action.NONE, "p1")
    assert [(v.action, v.sku) for v in change.variants] == [(Action.CREATE, "SM")]
    assert change.option_values == {"Size": ("L", "M")}


def test_new_option_travels_with_the_product(shop, records):
    publish(shop, records, *SIZES)
    coloured = [{**row, "option2_name": "Colour", "option2_value": "red"} for row in SIZES]
    _, (change,) = publish(shop, records, *coloured)
    assert (change.action, change.fields, change.option_names) == (Action.UPDATE, {}, ("Size", "Colour"))
    assert [v.fields for v in change.variants] == [{"options": ("L", "red")}, {"options": ("M", "red")}]


def test_failed_item_is_tried_again_from_the_current_state(shop, records):
    publish(shop, records, {"sku": "A"}, {"sku": "B"})
    plan = records.plan(want({"sku": "A", "qty": 3}, {"sku": "B"}))
    records.fail(next(i for i in plan.items.to_pylist() if i["sku"] == "A"))
    plan, _ = publish(shop, records, {"sku": "A", "qty": 2}, {"sku": "B"})
    assert flat(plan) == [("A", "update", "qty", "5", "2")]
    assert plan.changes["reason"].to_pylist() == ["again"]


def test_waiting_item_is_left_in_peace_until_it_changes_and_holds_up_nobody(shop, records):
    publish(shop, records, {"sku": "A"}, {"sku": "B"})
    plan = records.plan(want({"sku": "A", "qty": 3}, {"sku": "B"}))
    records.fail(next(i for i in plan.items.to_pylist() if i["sku"] == "A"), is_waiting=True)
    plan = records.plan(want({"sku": "A", "qty": 3}, {"sku": "B", "qty": 9}))
    assert flat(plan) == [("B", "update", "qty", "5", "9")]
    assert plan.counts["waiting"] == 1
    plan = records.plan(want({"sku": "A", "qty": 4}, {"sku": "B"}))
    assert flat(plan) == [("A", "update", "qty", "5", "4")]


def test_variants_wait_with_a_product_that_cannot_be_created(shop, records):
    plan = records.plan(want({"sku": "A"}, {"sku": "B"}))
    for item in plan.items.to_pylist():
        if item["product_key"] == "erp:A":
            records.fail(item, is_waiting=item["level"] == "product")
    plan = records.plan(want({"sku": "A", "qty": 1}, {"sku": "B"}))
    assert {change.key for change in product_changes(plan)} == {"erp:B"}
    plan = records.plan(want({"sku": "A", "title": "better"}, {"sku": "B"}))
    assert [v.sku for change in product_changes(plan) for v in change.variants] == ["A", "B"]


def test_product_that_waits_on_the_channel_holds_up_none_of_its_variants(shop, records):
    """The shop made the product and could not fetch its picture: its stock must still follow."""
    publish(shop, records, {"sku": "A", "images": ["u"]})
    records.rows["product", "erp:A"] |= {"is_listed": False, "is_waiting": True, "acknowledged_hash": None}
    wanted = want({"sku": "A", "images": ["u"], "qty": 1})
    records.rows["product", "erp:A"] |= {"attempted_hash": wanted.products["content_hash"][0].as_py()}
    (change,) = product_changes(records.plan(wanted))
    assert (change.action, change.channel_product_code) == (Action.NONE, "p1")
    assert [(v.action, v.fields) for v in change.variants] == [(Action.UPDATE, {"qty": 1})]


def test_unheard_push_is_never_taken_for_the_last_confirmed_state(shop, records):
    """5 was confirmed, 3 was sent and perhaps arrived, and now it is 5 again: it must be sent."""
    publish(shop, records, {"sku": "A"})
    plan = records.plan(want({"sku": "A", "qty": 3}))
    records.fail(plan.items.filter(plan.items["level"].is_valid()).to_pylist()[-1], is_uncertain=True)
    plan, (change,) = publish(shop, records, {"sku": "A"})
    assert change.variants[0].fields == {"price": Decimal("115.00"), "qty": 5, "inventory_management": True}
    assert set(plan.changes["reason"].to_pylist()) == {"uncertain"}


def test_unheard_delist_is_undone_by_creating(shop, records):
    publish(shop, records, {"sku": "A"})
    plan = records.plan(want({"sku": "A", "product_active": "delete"}))
    for item in plan.items.to_pylist():
        records.fail(item, is_uncertain=True)
    (change,) = product_changes(records.plan(want({"sku": "A"})))
    assert (change.action, change.channel_product_code, change.variants[0].action) == (
        Action.CREATE,
        "p1",
        Action.CREATE,
    )


def test_digest_tells_plans_apart_by_what_they_change(records):
    first = records.plan(want({"sku": "A"}, {"sku": "B"}))
    assert first.digest == records.plan(want({"sku": "B"}, {"sku": "A"})).digest
    assert first.digest != records.plan(want({"sku": "A"}, {"sku": "B", "qty": 6})).digest
    assert first.digest != records.plan(want({"sku": "A"}, {"sku": "B"}), "hide").digest
    assert len(first.digest) == 64


def test_left_out_skus_travel_with_the_plan(records):
    plan = records.plan(want({"sku": "A"}, {"sku": "B", "title": None}))
    assert plan.left_out["sku"].to_pylist() == ["B"]
    assert plan.counts["left_out"] == 1


ROW = st.fixed_dictionaries(
    {
        "qty": st.integers(-2, 4),
        "vendor": st.sampled_from([None, "Acme", 'Zulu\'s "best"']),
        "tags": st.sampled_from([None, [], ["a"], ["a", "b"]]),
        "retail_price": st.sampled_from([None, Decimal(10), Decimal("10.01")]),
        "product_active": st.sampled_from(["active", "active", "delete"]),
        "is_conflict": st.sampled_from([False, False, False, True]),
        "inventory_management": st.booleans(),
    }
)
CATALOGUE = st.fixed_dictionaries({}, optional=dict.fromkeys(("A", "B1", "B2", "B3"), ROW))


def rows_of(catalogue):
    shared = {"code": "B", "option1_name": "N"}
    return [{"sku": s, **r, **({**shared, "option1_value": s[1]} if s[0] == "B" else {})} for s, r in catalogue.items()]


@given(st.lists(CATALOGUE, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_after_each_push_the_shop_shows_what_is_desired_and_nothing_is_left_to_do(catalogues):
    shop, records = ShopModel(), Records()
    for catalogue in catalogues:
        before = shop.seen()
        rows = rows_of(catalogue)
        publish(shop, records, *rows)
        wanted = want(*rows, held=shown(records.held()))
        frozen = {r["sku"] for r in wanted.left_out.to_pylist() if r["is_frozen"]}
        gone = {r["sku"] for r in wanted.left_out.to_pylist() if not r["is_frozen"]}
        assert {s for s in before if s in frozen} <= set(shop.seen())
        assert not gone & set(shop.seen())
        for row in wanted.variants.to_pylist():
            seen = shop.seen()[row["sku"]]
            assert seen["price"] == row["price"]
            assert seen["inventory_management"] == row["inventory_management"]
            assert row["qty"] is None or seen["qty"] == row["qty"]
        for row in wanted.products.to_pylist():
            for sku in set(row["all_skus"]) & set(shop.seen()):
                state = json.loads(row["state"])
                assert shop.seen()[sku].get("vendor") == state["vendor"]
                assert shop.seen()[sku].get("tags", ()) == tuple(state["tags"])
        assert records.plan(wanted).items.num_rows == 0

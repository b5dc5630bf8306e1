"""Pushing into the sandbox."""

from dataclasses import replace
from decimal import Decimal

import pytest

from s2s_pipelines.errors import AccessError, TransientError
from s2s_pipelines.model.change import Action, Outcome, ProductChange, VariantChange
from tests.integration.woocommerce.conftest import READER, READER_SECRET, Shop, simple, variable


def failures(outcomes: list[Outcome]) -> dict[tuple[str, str | None], str]:
    return {(o.key, o.sku): o.reason for o in outcomes if not o.is_ok}


def with_ids(change: ProductChange, outcomes: list[Outcome]) -> ProductChange:
    told = {(o.key, o.sku): o for o in outcomes}
    variants = tuple(
        replace(v, channel_variant_code=told[change.key, v.sku].channel_variant_code) for v in change.variants
    )
    return replace(change, variants=variants, channel_product_code=told[change.key, None].channel_product_code)


# -- what arrives


def test_every_field_of_a_simple_product_arrives(shop: Shop) -> None:
    product = {
        "title": "Mug 5 < 6 & more",
        "body_html": "<p>Enamel<script>alert(1)</script> mug</p>",
        "collection": "Kitchen & Home > Mugs",
        "product_type": "Crockery",
        "vendor": "Karoo Enamel",
        "tags": ("blue", "enamel"),
        "meta_erp_code": "E-1",
    }
    fields = {"barcode": "6001234567890", "weight_g": 350, "compare_at_price": Decimal("249.00")}
    assert failures(shop.channel().push([simple("0042", product=product, **fields)])) == {}
    item = shop.item("0042")
    assert (item["name"], item["description"]) == ("Mug 5 &lt; 6 &amp; more", "<p>Enamel mug</p>")
    assert (item["regular_price"], item["sale_price"], item["price"]) == ("249.00", "199.90", "199.90")
    assert (item["manage_stock"], item["stock_quantity"], item["status"]) == (True, 5, "publish")
    assert item["weight"] == "0.7716"  # 350 g in pounds, the unit of a fresh shop
    assert item["global_unique_id"] == "6001234567890"
    assert sorted(tag["name"] for tag in item["tags"]) == ["blue", "enamel"]
    assert [c["name"] for c in item["categories"]] == ["Mugs"]
    parent = shop.ask("GET", f"products/categories/{item['categories'][0]['id']}")["parent"]
    assert shop.ask("GET", f"products/categories/{parent}")["name"] == "Kitchen &amp; Home"
    meta = {m["key"]: m["value"] for m in item["meta_data"]}
    assert (meta["erp_code"], meta["vendor"], meta["product_type"]) == ("E-1", "Karoo Enamel", "Crockery")


def test_a_variable_product_lists_all_options_and_its_variations_choose(shop: Shop) -> None:
    change = ProductChange(
        Action.CREATE,
        "erp:TEE",
        {"title": "Tee"},
        tuple(
            VariantChange(Action.CREATE, f"TEE-{c}-{s}", {"price": Decimal("50.00"), "qty": 1, "options": (c, s)})
            for c, s in (("Red", "S"), ("Blue", "L"))
        ),
        is_simple=False,
        option_names=("Colour", "Size"),
        option_values={"Colour": ("Red", "Blue"), "Size": ("S", "L")},
    )
    outcomes = shop.channel().push([change])
    assert failures(outcomes) == {}
    parent = shop.ask("GET", f"products/{outcomes[0].channel_product_code}")
    assert (parent["type"], parent["sku"]) == ("variable", "erp:TEE")
    assert [(a["name"], a["variation"], a["options"]) for a in parent["attributes"]] == [
        ("Colour", True, ["Red", "Blue"]),
        ("Size", True, ["S", "L"]),
    ]
    chosen = {a["name"]: a["option"] for a in shop.item("TEE-Blue-L")["attributes"]}
    assert chosen == {"Colour": "Blue", "Size": "L"}


def test_more_than_a_hundred_variations_go_in_several_batches(shop: Shop) -> None:
    sizes = {f"V{n:03}": f"S{n}" for n in range(130)}
    with shop.counting() as writes:
        outcomes = shop.channel().push([variable("BIG", sizes)])
    assert failures(outcomes) == {}
    assert len({o.channel_variant_code for o in outcomes if o.sku}) == 130
    assert writes == [3]  # the parent, then 100 and 30


def test_existing_category_is_found_by_its_path_and_not_made_again(shop: Shop) -> None:
    home = shop.ask("POST", "products/categories", {"name": "Home"})["id"]
    mugs = shop.ask("POST", "products/categories", {"name": "Mugs", "parent": home})["id"]
    shop.ask("POST", "products/categories", {"name": "Mugs"})
    with shop.counting() as writes:
        shop.channel().push([simple("A1", product={"collection": "home > Mugs"})])
    assert [c["id"] for c in shop.item("A1")["categories"]] == [mugs]
    assert writes == [1]


def test_unmanaged_item_is_in_stock_whatever_it_had(shop: Shop) -> None:
    shop.channel().push([simple("A1", qty=0)])
    change = simple("A1", Action.UPDATE, inventory_management=False)
    assert failures(shop.channel().push([change])) == {}
    assert (shop.item("A1")["manage_stock"], shop.item("A1")["stock_status"]) == (False, "instock")


def test_price_without_struck_through_one_clears_it_only_when_asked(shop: Shop) -> None:
    first = shop.channel().push([simple("A1", compare_at_price=Decimal("300.00"))])
    cleared = with_ids(simple("A1", Action.UPDATE, price=Decimal("150.00"), compare_at_price=None), first)
    assert failures(shop.channel().push([cleared])) == {}
    assert (shop.item("A1")["regular_price"], shop.item("A1")["sale_price"]) == ("150.00", "")


def test_struck_through_price_below_the_price_is_not_sent(shop: Shop) -> None:
    assert failures(shop.channel().push([simple("A1", compare_at_price=Decimal("100.00"))])) == {}
    assert (shop.item("A1")["regular_price"], shop.item("A1")["sale_price"]) == ("199.90", "")


# -- how little is written


def test_nothing_to_change_writes_nothing(shop: Shop) -> None:
    changes = [simple("A1"), variable("B", {"B1": "S"})]
    outcomes = shop.channel().push(changes)
    idle = [replace(with_ids(c, outcomes), action=Action.NONE, fields={}, variants=()) for c in changes]
    with shop.counting() as writes:
        assert failures(shop.channel().push(idle)) == {}
    assert writes == [0]


def test_stock_of_many_simple_products_goes_in_batches_without_a_look_up(shop: Shop) -> None:
    created = shop.channel().push([simple(f"M{n:03}") for n in range(130)])
    updates = [with_ids(simple(f"M{n:03}", Action.UPDATE, qty=n), created) for n in range(130)]
    before = dict(shop.sandbox.site.reads)
    with shop.counting() as writes:
        assert failures(shop.channel().push(updates)) == {}
    assert writes == [2]
    assert dict(shop.sandbox.site.reads) == before
    assert shop.item("M117")["stock_quantity"] == 117


def test_quantity_update_leaves_all_else_alone(shop: Shop) -> None:
    created = shop.channel().push([simple("A1", product={"body_html": "<p>x</p>"})])
    number = created[0].channel_product_code
    shop.ask("PUT", f"products/{number}", {"name": "By hand", "regular_price": "1.00", "status": "private"})
    shop.channel().push([with_ids(simple("A1", Action.UPDATE, qty=9), created)])
    item = shop.item("A1")
    assert (item["name"], item["regular_price"], item["status"]) == ("By hand", "1.00", "private")
    assert item["stock_quantity"] == 9


# -- first contact and lost contact


def test_sku_with_a_comma_is_linked_not_doubled(shop: Shop) -> None:
    first = shop.channel().push([simple("A,B"), simple("C")])
    again = shop.channel().push([simple("A,B"), simple("C")])
    assert failures(first) == failures(again) == {}
    assert [o.channel_product_code for o in first] == [o.channel_product_code for o in again]


def test_simple_change_updates_the_variation_that_the_shop_has_instead(shop: Shop) -> None:
    parent = shop.ask(
        "POST",
        "products",
        {"name": "Tee", "type": "variable", "attributes": [{"name": "Size", "variation": True, "options": ["S"]}]},
    )["id"]
    body = {"sku": "TEE-S", "regular_price": "1", "attributes": [{"name": "Size", "option": "S"}]}
    variation = shop.ask("POST", f"products/{parent}/variations", body)["id"]
    outcomes = shop.channel().push([simple("TEE-S")])
    assert failures(outcomes) == {("erp:TEE-S", None): "shape_differs"}
    assert outcomes[1].channel_variant_code == str(variation)
    assert shop.item("TEE-S")["regular_price"] == "199.90"
    assert shop.ask("GET", f"products/{parent}")["name"] == "Tee"


def test_parent_is_found_through_its_variations_and_keeps_what_others_added(shop: Shop) -> None:
    attributes = [
        {"name": "Material", "visible": True, "options": ["Leather"]},
        {"name": "Size", "visible": True, "variation": True, "options": ["S"]},
    ]
    parent = shop.ask("POST", "products", {"name": "By hand", "type": "variable", "attributes": attributes})["id"]
    body = {"sku": "B1", "regular_price": "1", "attributes": [{"name": "Size", "option": "S"}]}
    shop.ask("POST", f"products/{parent}/variations", body)
    outcomes = shop.channel().push([variable("B", {"B1": "S", "B2": "M"})])
    assert failures(outcomes) == {}
    assert {o.channel_product_code for o in outcomes} == {str(parent)}
    listed = {a["name"]: a["options"] for a in shop.ask("GET", f"products/{parent}")["attributes"]}
    assert listed == {"Material": ["Leather"], "Size": ["S", "M"]}
    assert shop.item("B2")["parent_id"] == parent


def test_new_variation_of_a_known_parent_needs_no_other_field(shop: Shop) -> None:
    created = shop.channel().push([variable("B", {"B1": "S"})])
    more = replace(
        variable("B", {"B2": "M"}, Action.NONE),
        channel_product_code=created[0].channel_product_code,
        option_values={"Size": ("S", "M")},
    )
    assert failures(shop.channel().push([more])) == {}
    parent = shop.ask("GET", f"products/{created[0].channel_product_code}")
    assert parent["attributes"][0]["options"] == ["S", "M"]
    assert len(parent["variations"]) == 2


def test_item_that_is_gone_is_found_again_by_sku(shop: Shop) -> None:
    created = shop.channel().push([simple("A1")])
    shop.ask("DELETE", f"products/{created[0].channel_product_code}", force="true")
    number = shop.ask("POST", "products", {"name": "Again", "sku": "A1", "regular_price": "1"})["id"]
    outcomes = shop.channel().push([with_ids(simple("A1", Action.UPDATE, qty=3), created)])
    assert failures(outcomes) == {}
    assert {o.channel_product_code for o in outcomes} == {str(number)}
    assert shop.item("A1")["stock_quantity"] == 3


def test_item_that_is_gone_is_made_again_from_a_whole_change_only(shop: Shop) -> None:
    created = shop.channel().push([simple("A1")])
    shop.ask("DELETE", f"products/{created[0].channel_product_code}", force="true")
    part = shop.channel().push([with_ids(simple("A1", Action.UPDATE, qty=3), created)])
    assert failures(part) == {("erp:A1", None): "gone", ("erp:A1", "A1"): "gone"}
    assert [o.channel_product_code for o in part] == [None, None]
    assert all(o.is_retriable for o in part)
    whole = shop.channel().push([with_ids(simple("A1"), created)])
    assert failures(whole) == {}
    assert shop.item("A1")["id"] == int(str(whole[0].channel_product_code))


def test_variation_that_is_gone_is_made_again_below_its_parent(shop: Shop) -> None:
    change = variable("B", {"B1": "S", "B2": "M"})
    created = shop.channel().push([change])
    parent = created[0].channel_product_code
    shop.ask("DELETE", f"products/{parent}/variations/{created[1].channel_variant_code}", force="true")
    outcomes = shop.channel().push([with_ids(change, created)])
    assert failures(outcomes) == {}
    assert shop.item("B1")["parent_id"] == int(str(parent))


# -- one bad item


def test_bad_items_fail_alone_and_say_why(shop: Shop) -> None:
    shop.ask("POST", "products", {"name": "Upper", "sku": "CASE"})
    binned = shop.ask("POST", "products", {"name": "Binned", "sku": "BIN"})["id"]
    shop.ask("DELETE", f"products/{binned}")
    changes = [
        simple("GOOD1"),
        simple("NEG", price=Decimal("-1.00")),
        simple("CENTS", price=Decimal("1.005")),
        simple("TWO  BLANKS"),
        simple("case"),
        simple("BIN"),
        simple("HUGE", qty=2**31),
        simple("GOOD2"),
    ]
    outcomes = shop.channel().push(changes)
    reasons = {key: reason for (key, sku), reason in failures(outcomes).items() if sku is None}
    assert reasons == {
        "erp:NEG": "bad_price",
        "erp:CENTS": "bad_price",
        "erp:TWO  BLANKS": "unusable_sku",
        "erp:case": "duplicate_sku",
        "erp:BIN": "sku_in_bin",
        "erp:HUGE": "bad_quantity",
    }
    assert all(o.remedy and o.message for o in outcomes if not o.is_ok)
    assert shop.item("GOOD1")["stock_quantity"] == shop.item("GOOD2")["stock_quantity"] == 5
    assert shop.item("CASE")["name"] == "Upper"


def test_variant_without_its_options_fails_alone(shop: Shop) -> None:
    change = variable("B", {"B1": "S", "B2": "M"})
    bare = VariantChange(Action.CREATE, "B3", {"price": Decimal("1.00"), "qty": 1})
    outcomes = shop.channel().push([replace(change, variants=(*change.variants, bare))])
    assert failures(outcomes) == {("erp:B", "B3"): "missing_options"}


def test_barcode_that_another_item_has_keeps_neither_price_nor_stock_back(shop: Shop) -> None:
    outcomes = shop.channel().push([simple("A1", barcode="6001234567890"), simple("A2", barcode="6001234567890")])
    assert failures(outcomes) == {("erp:A2", "A2"): "duplicate_barcode"}
    assert (shop.item("A2")["regular_price"], shop.item("A2")["stock_quantity"]) == ("199.90", 5)


def test_updating_what_lies_in_the_bin_is_not_called_success(shop: Shop) -> None:
    created = shop.channel().push([simple("A1")])
    shop.ask("DELETE", f"products/{created[0].channel_product_code}")
    outcomes = shop.channel().push([with_ids(simple("A1", Action.UPDATE, qty=3), created)])
    assert set(failures(outcomes).values()) == {"in_bin"}


def test_item_the_shop_keeps_no_stock_for_is_not_called_success(shop: Shop) -> None:
    created = shop.channel().push([variable("B", {"B1": "S"})])
    parent = int(str(created[0].channel_product_code))
    wrong = ProductChange(
        Action.NONE,
        "erp:X",
        {},
        (VariantChange(Action.UPDATE, "X", {"price": Decimal("9.00")}, str(parent)),),
        is_simple=True,
        channel_product_code=str(parent),
    )
    assert failures(shop.channel().push([wrong])) == {("erp:X", None): "not_stored", ("erp:X", "X"): "not_stored"}


# -- images


IMAGES = ("http://images.example/front.png", "http://images.example/back.png")


def test_images_are_sent_once_and_named_by_id_after(shop: Shop) -> None:
    first = shop.channel().push([simple("A1", product={"images": IMAGES})])
    assert failures(first) == {}
    assert list(first[0].images) == list(IMAGES)
    turned = replace(
        with_ids(simple("A1", Action.UPDATE, {"images": IMAGES[::-1]}), first), known_images=first[0].images
    )
    again = shop.channel().push([turned])
    assert again[0].images == {IMAGES[1]: first[0].images[IMAGES[1]], IMAGES[0]: first[0].images[IMAGES[0]]}
    assert [str(i["id"]) for i in shop.item("A1")["images"]] == list(again[0].images.values())


def test_bad_image_is_missing_alone_and_price_and_stock_stand(shop: Shop) -> None:
    wanted = (IMAGES[0], "http://images.example/missing.png", "ftp://images.example/x.png", IMAGES[1])
    outcomes = shop.channel().push([simple("A1", product={"images": wanted})])
    assert failures(outcomes) == {("erp:A1", None): "image_failed"}
    assert "missing.png" in outcomes[0].message
    assert list(outcomes[0].images) == list(IMAGES)
    assert len(shop.item("A1")["images"]) == 2
    assert shop.item("A1")["stock_quantity"] == 5


def test_image_id_that_is_gone_is_sent_by_address_again(shop: Shop) -> None:
    first = shop.channel().push([simple("A1", product={"images": IMAGES[:1]})])
    lost = replace(
        with_ids(simple("A1", Action.UPDATE, {"images": IMAGES}), first),
        known_images={**first[0].images, IMAGES[1]: "999999"},
    )
    again = shop.channel().push([lost])
    assert failures(again) == {}
    assert again[0].images[IMAGES[0]] == first[0].images[IMAGES[0]]
    assert again[0].images[IMAGES[1]] != "999999"


def test_no_images_takes_them_off(shop: Shop) -> None:
    first = shop.channel().push([simple("A1", product={"images": IMAGES})])
    assert failures(shop.channel().push([with_ids(simple("A1", Action.UPDATE, {"images": ()}), first)])) == {}
    assert shop.item("A1")["images"] == []


# -- taking off and bringing back


@pytest.mark.parametrize("mode", ["hide", "delete"])
def test_variation_is_taken_off_and_its_siblings_stay(shop: Shop, mode: str) -> None:
    change = variable("B", {"B1": "S", "B2": "M"})
    created = shop.channel().push([change])
    off = with_ids(replace(change, action=Action.NONE, fields={}, delist_mode=mode), created)
    off = replace(off, variants=(replace(off.variants[0], action=Action.DELIST, fields={}),))
    assert failures(shop.channel().push([off])) == {}
    parent = created[0].channel_product_code
    shown = {v["sku"]: v["status"] for v in shop.ask("GET", f"products/{parent}/variations", status="any")}
    assert shown == ({"B1": "private", "B2": "publish"} if mode == "hide" else {"B2": "publish"})


def test_hidden_product_comes_back_under_its_id(shop: Shop) -> None:
    created = shop.channel().push([simple("A1")])
    shop.channel().push([with_ids(simple("A1", Action.DELIST), created)])
    assert shop.item("A1")["status"] == "draft"
    back = shop.channel().push([with_ids(simple("A1"), created)])
    assert failures(back) == {}
    assert (shop.item("A1")["status"], back[0].channel_product_code) == ("publish", created[0].channel_product_code)


def test_taking_off_a_variable_product_takes_it_all_off(shop: Shop) -> None:
    change = variable("B", {"B1": "S", "B2": "M"})
    created = shop.channel().push([change])
    variants = tuple(replace(v, action=Action.DELIST, fields={}) for v in change.variants)
    off = with_ids(replace(change, action=Action.DELIST, fields={}, variants=variants, delist_mode="delete"), created)
    before = shop.sandbox.tables.product_count()
    assert failures(shop.channel().push([off])) == {}
    assert before - shop.sandbox.tables.product_count() == 3


def test_taking_off_what_was_never_there_is_done(shop: Shop) -> None:
    assert failures(shop.channel().push([simple("NEVER", Action.DELIST)])) == {}


# -- when the shop stumbles


CHANGES = [simple("A1"), variable("B", {"B1": "S", "B2": "M"}), simple("A2")]
SKUS = ("A1", "A2", "B1", "B2", "erp:B")


def stands_once(shop: Shop) -> None:
    for sku in SKUS:
        assert len(shop.ask("GET", "products", sku=sku, status="any")) == 1


@pytest.mark.parametrize("kind", ["rate_limit", "maintenance"])
def test_shop_that_is_busy_from_the_start_is_transient_with_its_time(shop: Shop, kind: str) -> None:
    shop.sandbox.arm(kind, times=1, method="write", retry_after_s=77)
    with pytest.raises(TransientError) as caught:
        shop.channel().push(CHANGES)
    assert caught.value.retry_after_s == 77
    assert shop.sandbox.tables.product_count() == 0
    assert failures(shop.channel().push(CHANGES)) == {}


def test_shop_that_forbids_writing_is_an_access_error(shop: Shop) -> None:
    shop.sandbox.arm("forbidden", times=1, method="write")
    with pytest.raises(AccessError):
        shop.channel().push(CHANGES)


def test_read_only_key_is_an_access_error(shop: Shop) -> None:
    with pytest.raises(AccessError, match="write permissions"):
        shop.channel(keys=(READER, READER_SECRET)).push(CHANGES)


def test_shop_that_gets_busy_half_way_leaves_the_rest_for_later(shop: Shop) -> None:
    shop.sandbox.arm("rate_limit", times=None, skip=1, method="write", retry_after_s=77)
    outcomes = shop.channel().push(CHANGES)
    assert failures(outcomes) == {("erp:B", "B1"): "unreachable", ("erp:B", "B2"): "unreachable"}
    assert all(o.is_retriable and not o.is_uncertain for o in outcomes if not o.is_ok)
    shop.sandbox.site.faults.clear()
    assert failures(shop.channel().push(CHANGES)) == {}
    stands_once(shop)


@pytest.mark.parametrize("kind", ["error_json", "error_html", "database_down"])
@pytest.mark.parametrize("skip", [0, 1])
def test_failing_batch_is_halved_and_nothing_is_made_twice(shop: Shop, kind: str, skip: int) -> None:
    shop.sandbox.arm(kind, times=1, skip=skip, method="write")
    assert failures(shop.channel().push(CHANGES)) == {}
    stands_once(shop)


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after", "reset_before", "reset_after", "truncated"])
@pytest.mark.parametrize("skip", [0, 1])
def test_lost_answer_is_never_called_success_and_makes_nothing_twice(shop: Shop, kind: str, skip: int) -> None:
    shop.sandbox.arm(kind, times=1, skip=skip, method="write", stall_s=2.5, cuts_connection=True)
    outcomes = shop.channel(timeout_s=1).push(CHANGES)
    for outcome in outcomes:
        assert outcome.is_ok or (outcome.is_uncertain and outcome.is_retriable)
        assert not outcome.is_ok or outcome.channel_product_code
    if kind.endswith("before"):
        assert any(o.is_uncertain for o in outcomes)
    assert failures(shop.channel().push(CHANGES)) == {}
    stands_once(shop)
    assert shop.item("B2")["stock_quantity"] == 4


def test_lost_answer_to_an_update_is_uncertain(shop: Shop) -> None:
    created = shop.channel().push([simple("A1")])
    shop.sandbox.arm("reset_after", times=1, method="write")
    outcomes = shop.channel().push([with_ids(simple("A1", Action.UPDATE, qty=9), created)])
    assert [(o.is_ok, o.is_uncertain, o.is_retriable) for o in outcomes] == [(False, True, True)] * 2


def test_shop_that_stays_silent_is_left_alone_after_two_batches(shop: Shop) -> None:
    shop.sandbox.arm("timeout_before", times=None, method="write", stall_s=1.0)
    outcomes = shop.channel(timeout_s=0.4, batch_size=1).push([simple(f"S{n}") for n in range(6)])
    assert [o.reason for o in outcomes if o.sku] == ["unknown_outcome"] * 2 + ["unreachable"] * 4


def test_polluted_answers_are_understood(shop: Shop) -> None:
    shop.sandbox.arm("polluted", times=None)
    assert failures(shop.channel().push(CHANGES)) == {}
    shop.sandbox.site.faults.clear()
    stands_once(shop)


@pytest.mark.parametrize("kind", ["truncated", "error_html", "reset_after"])
def test_reading_that_stumbles_once_is_tried_again(shop: Shop, kind: str) -> None:
    shop.sandbox.arm(kind, times=1, method="GET", cuts_connection=True)
    assert failures(shop.channel().push(CHANGES)) == {}


def test_smaller_limit_of_the_shop_is_found_out(shop: Shop) -> None:
    from s2s_pipelines.sandboxes.woocommerce import batch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "LONGEST", 7)
        assert failures(shop.channel().push([simple(f"L{n:02}") for n in range(20)])) == {}
    assert shop.sandbox.tables.product_count() == 20

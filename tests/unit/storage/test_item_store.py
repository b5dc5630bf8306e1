import json
from datetime import timedelta

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.breaker import Listed
from s2s_pipelines.catalogue.held import DELIST_HASH, held_schema
from s2s_pipelines.cycle.port import Attempt, ItemResult
from s2s_pipelines.storage.item_store import Items
from tests.unit.storage.stores import BOTH, NOON, engine_of

SHOP = ("karoo", "shop")


@pytest.fixture(params=BOTH)
def items(request, tmp_path):
    engine = engine_of(request, tmp_path)
    yield Items(engine)
    engine.dispose()


def confirmed(sku, qty="5", **values):
    state = json.dumps({"qty": qty, "price": "1.00"})
    return ItemResult(
        **{
            "level": "variant",
            "item_key": sku,
            "product_key": f"erp:{sku}",
            "is_ok": True,
            "state": state,
            "content_hash": f"h{qty}",
            "channel_product_code": f"p{sku}",
            "channel_variant_code": f"v{sku}",
            **values,
        }
    )


def failed(sku, **values):
    return confirmed(sku, is_ok=False, channel_product_code=None, channel_variant_code=None, **values)


def attempt(sku, basis=None, is_listed=False):
    return Attempt("variant", sku, f"erp:{sku}", "target", basis, is_listed)


def row(items, sku, now=NOON):
    return next(r for r in items.held(*SHOP, now).to_pylist() if r["item_key"] == sku)


def found(items, sku):
    return items.find(*SHOP, [("variant", sku)])[0]


def test_confirmed_item_is_listed_with_its_ids_and_state(items):
    items.record(*SHOP, [confirmed("0042")], NOON)
    known = row(items, "0042")
    assert (known["channel_product_code"], known["channel_variant_code"], known["acknowledged_hash"]) == (
        "p0042",
        "v0042",
        "h5",
    )
    assert (known["is_listed"], known["is_uncertain"], known["is_waiting"], known["attempted_hash"]) == (
        True,
        False,
        False,
        None,
    )
    assert found(items, "0042").acknowledged == {"qty": "5", "price": "1.00"}


def test_held_has_its_schema_even_without_items(items):
    assert items.held(*SHOP, NOON).schema == held_schema()
    items.record(*SHOP, [confirmed("A")], NOON)
    assert items.held(*SHOP, NOON).schema == held_schema()
    assert items.held("karoo", "other", NOON).num_rows == 0


def test_channel_is_new_until_something_is_about_to_be_sent_to_it(items):
    assert not items.was_written(*SHOP)
    items.record("karoo", "other", [confirmed("A")], NOON)
    assert not items.was_written(*SHOP)
    items.begin(*SHOP, [attempt("A")], NOON)
    assert items.was_written(*SHOP)


def test_product_shape_is_read_from_its_state(items):
    for code, simple in (("A", "true"), ("B", "false")):
        state = json.dumps({"is_simple": simple})
        items.record(*SHOP, [confirmed(code, level="product", item_key=f"erp:{code}", state=state)], NOON)
    assert [row(items, f"erp:{code}")["is_simple"] for code in "AB"] == [True, False]


def test_begun_item_is_uncertain_until_told_otherwise(items):
    items.record(*SHOP, [confirmed("A")], NOON)
    assert items.begin(*SHOP, [attempt("A", "h5", is_listed=True), attempt("B")], NOON) == frozenset()
    assert [(row(items, s)["is_uncertain"], row(items, s)["is_listed"]) for s in "AB"] == [(True, True), (True, False)]
    items.record(*SHOP, [confirmed("A", "3"), failed("B", reason="duplicate_sku", message="no")], NOON)
    assert [(row(items, s)["is_uncertain"], row(items, s)["is_listed"]) for s in "AB"] == [
        (False, True),
        (False, False),
    ]


@pytest.mark.parametrize("basis, is_listed", [(None, False), ("h4", True), ("h5", False)])
def test_item_that_changed_since_the_plan_is_not_begun(items, basis, is_listed):
    items.record(*SHOP, [confirmed("A")], NOON)
    assert items.begin(*SHOP, [attempt("A", basis, is_listed), attempt("B")], NOON) == {"erp:A"}
    assert (row(items, "A")["is_uncertain"], row(items, "B")["is_uncertain"]) == (False, True)


def test_product_of_which_one_item_changed_is_not_begun_at_all(items):
    items.record(*SHOP, [confirmed("A")], NOON)
    sibling = Attempt("variant", "B", "erp:A", "target", None, False)
    assert items.begin(*SHOP, [attempt("A"), sibling], NOON) == {"erp:A"}
    assert [r["item_key"] for r in items.held(*SHOP, NOON).to_pylist()] == ["A"]


def test_item_believed_to_be_there_and_unknown_is_not_begun(items):
    assert items.begin(*SHOP, [attempt("A", "h5", is_listed=True)], NOON) == {"erp:A"}


def test_refusal_keeps_the_acknowledged_state_and_says_why(items):
    items.record(*SHOP, [confirmed("A")], NOON)
    items.record(*SHOP, [failed("A", qty="9", reason="x" * 99, message="the shop's words", remedy="do this")], NOON)
    known = found(items, "A")
    assert known.acknowledged["qty"] == "5"
    assert (known.failures, known.reason, known.message, known.remedy) == (1, "x" * 60, "the shop's words", "do this")
    assert (known.channel_variant_code, row(items, "A")["attempted_hash"]) == ("vA", "h9")
    items.record(*SHOP, [confirmed("A", "9")], NOON)
    assert (found(items, "A").failures, found(items, "A").reason, row(items, "A")["attempted_hash"]) == (0, None, None)


def test_second_refusal_waits_and_then_is_due_again(items):
    for n in (1, 2):
        items.record(*SHOP, [failed("A"), failed("B", is_retriable=True)], NOON)
        assert (row(items, "A")["is_waiting"], row(items, "B")["is_waiting"]) == (n == 2, False)
    assert row(items, "A", NOON + timedelta(minutes=5))["is_waiting"] is False


def test_delisted_item_is_gone_and_a_deleted_one_loses_its_ids(items):
    items.record(*SHOP, [confirmed("A"), confirmed("B")], NOON)
    gone = {"state": None, "content_hash": None, "is_delist": True}
    items.record(*SHOP, [confirmed("A", **gone), confirmed("B", **gone, forgets_ids=True)], NOON)
    assert [(row(items, s)["is_listed"], row(items, s)["channel_product_code"]) for s in "AB"] == [
        (False, "pA"),
        (False, None),
    ]
    assert items.listed(*SHOP) == Listed(0, 0)


def test_item_the_channel_lost_is_made_again_from_nothing(items):
    items.record(*SHOP, [confirmed("A")], NOON)
    items.record(*SHOP, [failed("A", reason="gone", forgets_ids=True)], NOON)
    known = row(items, "A")
    assert (known["is_listed"], known["channel_product_code"], known["acknowledged_hash"]) == (False, None, None)
    assert found(items, "A").acknowledged == {}


def test_failed_delist_is_remembered_as_one(items):
    items.record(*SHOP, [confirmed("A")], NOON)
    items.record(*SHOP, [failed("A", state=None, content_hash=None, is_delist=True, is_uncertain=True)], NOON)
    assert (row(items, "A")["attempted_hash"], row(items, "A")["is_uncertain"]) == (DELIST_HASH, True)


def test_telling_ids_alone_leaves_the_state(items):
    items.record(*SHOP, [confirmed("A")], NOON)
    told = confirmed("A", state=None, content_hash=None, channel_product_code="p9", images={"u": "7"})
    items.record(*SHOP, [told], NOON)
    known = found(items, "A")
    assert (known.channel_product_code, known.acknowledged["qty"], known.is_listed) == ("p9", "5", True)
    keys = pa.table({"level": ["variant"], "item_key": ["A"]})
    assert json.loads(items.states(*SHOP, keys)["images"][0].as_py()) == {"u": "7"}


def test_listed_counts_variants_and_those_with_stock(items):
    parent = confirmed("P", level="product", item_key="erp:P")
    items.record(*SHOP, [confirmed("A"), confirmed("B", "0"), confirmed("C", None), parent], NOON)
    assert items.listed(*SHOP) == Listed(variants=3, with_stock=1)


def test_states_of_many_keys_are_found_whatever_their_number(items):
    items.record(*SHOP, [confirmed(f"S{i}", str(i)) for i in range(1200)], NOON)
    for wanted in (3, 700, 11_000):
        keys = pa.table({"level": ["variant"] * wanted, "item_key": [f"S{i}" for i in range(wanted)]})
        states = items.states(*SHOP, keys)
        assert states.num_rows == min(wanted, 1200)
        assert json.loads(states["acknowledged"][0].as_py())["price"] == "1.00"


def test_settling_writes_the_state_anew_where_it_is_still_what_was_compared(items):
    items.record(*SHOP, [confirmed("A"), confirmed("B")], NOON)
    rows = [
        {"level": "variant", "item_key": s, "state": '{"qty": "5"}', "content_hash": "h2", "basis_hash": b}
        for s, b in (("A", "h5"), ("B", "other"))
    ]
    items.settle(*SHOP, pa.Table.from_pylist(rows), NOON)
    assert [row(items, s)["acknowledged_hash"] for s in "AB"] == ["h2", "h5"]
    assert found(items, "A").acknowledged == {"qty": "5"}

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.breaker import BreakerVerdict
from s2s_pipelines.catalogue.diff import Plan, changes_schema, items_schema, product_changes
from s2s_pipelines.cycle.port import Approval, LetThrough
from s2s_pipelines.errors import BusyError, DataError
from s2s_pipelines.storage.plan_store import Plans
from tests.unit.storage.stores import BOTH, NOON, engine_of

SHOP = ("karoo", "shop")


@pytest.fixture(params=BOTH)
def plans(request, tmp_path):
    engine = engine_of(request, tmp_path)
    yield Plans(engine, tmp_path / "catalogue")
    engine.dispose()


def plan_of(*skus, digest="d" * 64):
    item = {
        "level": "product",
        "action": "create",
        "state": '{"title":"é"}',
        "content_hash": "h",
        "fields": ["title"],
        "is_simple": False,
        "option_names": ["Size"],
        "option_values": [["S", "M"]],
        "all_skus": ["A"],
    }
    full = dict.fromkeys(items_schema().names)
    items = pa.Table.from_pylist([{**full, **item, "product_key": f"erp:{s}"} for s in skus], items_schema())
    change = {"level": "product", "action": "create", "field": "title", "after": "é"}
    blank = dict.fromkeys(changes_schema().names)
    changes = pa.Table.from_pylist([{**blank, **change, "product_key": f"erp:{s}"} for s in skus], changes_schema())
    left = pa.table(
        {"sku": ["Z"], "product_key": ["erp:Z"], "reason": ["rule"], "message": ["m"], "is_frozen": [False]}
    )
    return Plan(changes, items, left, "hide", digest, {"products_create": len(skus)})


def verdict(is_tripped):
    return {"vanish": BreakerVerdict("vanish", 9, 10, Decimal("0.9"), Decimal("0.2"), is_tripped, "9 of 10")}


def keep(plans, plan, is_tripped=False, fingerprint="f1"):
    return plans.keep(*SHOP, plan, catalogue_fingerprint=fingerprint, breakers=verdict(is_tripped), at=NOON)


def test_plan_that_says_the_same_again_tells_when_it_was_last_looked_at(plans):
    first = keep(plans, plan_of("A"))
    again = plans.keep(
        *SHOP,
        plan_of("A"),
        catalogue_fingerprint="f2",
        breakers=verdict(False),
        at=NOON + timedelta(minutes=9),
        recipe="r",
    )
    assert (first.looked_at, first.recipe) == (NOON, None)
    assert (again.id, again.created_at, again.looked_at) == (first.id, NOON, NOON + timedelta(minutes=9))
    assert plans.newest(*SHOP).recipe == "r"


def test_plan_reads_back_exactly_as_it_was_kept(plans):
    plan = plan_of("A", "B")
    stored = keep(plans, plan)
    found = plans.read(plans.newest(*SHOP))
    assert found.changes.equals(plan.changes)
    assert list(product_changes(found)) == list(product_changes(plan))
    assert (found.delist, found.digest, found.left_out["sku"].to_pylist()) == ("hide", plan.digest, ["Z"])
    assert (stored.verdict, stored.counts, stored.catalogue_fingerprint) == ("clear", {"products_create": 2}, "f1")
    assert plans.find("karoo", stored.id) == plans.newest(*SHOP)
    assert plans.find("other", stored.id) is None


def test_tripped_breaker_stops_the_plan(plans):
    stored = keep(plans, plan_of("A"), is_tripped=True)
    assert (stored.verdict, stored.tripped) == ("stopped", ("vanish",))
    assert stored.breakers["vanish"]["measured"] == "0.9"


def test_letting_through_is_for_one_plan_and_once(plans):
    stored = keep(plans, plan_of("A"), is_tripped=True)
    word = LetThrough(("vanish",), "ops", "season is over", NOON)
    let = plans.let_through(stored, word)
    assert (let.verdict, let.let_through) == ("let_through", word)
    with pytest.raises(BusyError):
        plans.let_through(stored, word)
    other = keep(plans, plan_of("A", "B", digest="e" * 64), is_tripped=True)
    assert other.verdict == "stopped"


def test_same_plan_is_not_piled_up_while_it_waits(plans):
    first = keep(plans, plan_of("A"), is_tripped=True)
    again = keep(plans, plan_of("A"), is_tripped=True, fingerprint="f2")
    assert (again.id, again.catalogue_fingerprint) == (first.id, "f2")
    assert keep(plans, plan_of("A", digest="e" * 64)).id != first.id


def test_pushed_plan_is_made_anew_unless_it_sends_nothing(plans):
    full, empty = plan_of("A"), plan_of(digest="0" * 64)
    first = plans.pushed(keep(plans, full), {"sent": 1}, NOON)
    assert (first.pushed_at, first.outcome) == (NOON, {"sent": 1})
    assert keep(plans, full).id != first.id
    rest = plans.pushed(keep(plans, empty), {}, NOON)
    assert keep(plans, empty).id == rest.id
    assert keep(plans, replace(empty, left_out=empty.left_out.slice(0, 0))).id != rest.id


def test_exchanged_files_are_noticed(plans, tmp_path):
    first, second = keep(plans, plan_of("A")), keep(plans, plan_of("B", digest="e" * 64))
    folder = tmp_path / "catalogue"
    (folder / first.path / "items.parquet").replace(folder / second.path / "items.parquet")
    with pytest.raises(DataError):
        plans.read(second)
    with pytest.raises(DataError):
        plans.read(first)


def first(plans, *skus, digest="d" * 64, is_tripped=False):
    plan = plan_of(*skus, digest=digest)
    at = {"catalogue_fingerprint": "f1", "breakers": verdict(is_tripped), "at": NOON}
    return plans.keep(*SHOP, plan, **at, needs_approval=True)


def test_first_plan_awaits_approval_which_binds_its_digest(plans):
    plan = first(plans, "A")
    assert (plan.verdict, plan.approval, plans.approved(*SHOP), plans.decisions(*SHOP)) == ("awaiting", None, None, [])
    word = Approval("ops", "looked at it", NOON, plan.digest)
    said = plans.approve(plan, word)
    assert (said.verdict, said.approval) == ("clear", word)
    assert plans.newest(*SHOP) == plans.approved(*SHOP) == said
    with pytest.raises(BusyError):
        plans.approve(plan, word)  # as it was looked at, it still awaited it
    assert first(plans, "A").verdict == "clear"
    other = first(plans, "A", "B", digest="e" * 64)
    assert (other.verdict, other.approval) == ("awaiting", None)
    with pytest.raises(BusyError):
        plans.approve(other, word)
    assert (plans.newest(*SHOP).verdict, plans.approved(*SHOP).id) == ("awaiting", plan.id)
    again = first(plans, "A")
    assert (again.id == plan.id, again.verdict, again.approval) == (False, "clear", word)
    assert [p.id for p in plans.decisions(*SHOP)] == [again.id, plan.id]


def test_plan_that_sends_nothing_awaits_nobody(plans):
    assert first(plans).verdict == "clear"


def test_stopped_first_plan_needs_both_words(plans):
    plan = first(plans, "A", is_tripped=True)
    assert plan.verdict == "stopped"
    through = plans.let_through(plan, LetThrough(("vanish",), "ops", "r", NOON), needs_approval=True)
    assert through.verdict == "awaiting"
    assert plans.approve(through, Approval("ops", "r", NOON, plan.digest)).verdict == "let_through"
    assert plans.decisions("karoo", "other") == []


def test_waiting_plan_is_judged_anew_when_the_channel_is_declared_free(plans):
    plan = first(plans, "A")
    again = keep(plans, plan_of("A"))
    assert (again.id, again.verdict) == (plan.id, "clear")

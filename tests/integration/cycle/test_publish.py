from dataclasses import replace
from datetime import timedelta

import pytest

from s2s_pipelines.catalogue.policy import Breakers, Condition, Quantity, Rules
from s2s_pipelines.cycle.publish import let_through
from s2s_pipelines.errors import (
    AccessError,
    BusyError,
    ConfigurationError,
    DataError,
    RejectedError,
    TransientError,
    UncertainOutcomeError,
)
from s2s_pipelines.model.change import Action
from s2s_pipelines.ports import OpenQuantity
from tests.integration.cycle.world import field_rows


def many(count, **values):
    return [{"SKU": f"S{i:03d}", **values} for i in range(count)]


def test_cycle_at_rest_sends_nothing(world):
    world.erp(*many(5), {"SKU": "G", "WEB": "ignore"})
    first = world.cycle()
    assert (first.sent, first.acknowledged, len(world.shop.skus)) == (10, 10, 5)
    plan = world.make_plan()
    assert plan.plan.is_empty
    assert world.cycle().sent == 0
    assert len(world.shop.pushes) == 1


def test_only_the_changed_field_is_sent(world):
    world.erp(*many(5))
    world.cycle()
    world.erp(*many(4), {"SKU": "S004", "ONHAND": "0"})
    assert world.cycle().sent == 1
    (change,) = world.shop.pushes[-1]
    assert (change.action, change.variants[0].fields) == (Action.NONE, {"qty": 0})
    assert world.qty("S004") == 0


def test_planning_writes_nothing_to_the_channel(world):
    world.erp(*many(3))
    world.refresh_all()
    plan = world.make_plan()
    assert (world.shop.pushes, plan.stored.verdict, plan.stored.counts["variants_create"]) == ([], "clear", 3)


def test_without_a_catalogue_there_is_no_plan(world):
    with pytest.raises(DataError, match="no catalogue yet"):
        world.make_plan()
    with pytest.raises(ConfigurationError, match="no plan 7"):
        world.push(7)


def test_push_sends_its_plan_and_not_a_newer_catalogue(world):
    world.erp(*many(2))
    world.refresh_all()
    plan = world.make_plan()
    world.erp(*many(2, ONHAND="1"))
    world.refresh_all()
    result = world.push(plan.stored.id)
    assert (result.status, world.shop.pushes) == ("stale", [])
    assert world.publish().status == "pushed"
    assert world.qty("S000") == 1


def test_plan_older_than_the_newest_is_stale_and_a_pushed_one_is_not_repeated(world):
    world.erp(*many(2))
    world.refresh_all()
    old = world.make_plan().stored
    world.orders = [OpenQuantity("S000", 2, "erp", world.clock.now(), None)]
    new = world.make_plan().stored
    assert new.id != old.id
    assert world.push(old.id).status == "stale"
    assert world.push(new.id).status == "pushed"
    assert world.push(new.id).status == "already_pushed"
    assert (world.qty("S000"), len(world.shop.pushes)) == (3, 1)


def test_breaker_stops_every_push_until_it_is_let_through_by_name(world):
    world.erp(*many(20))
    world.cycle()
    world.erp(*many(20, ONHAND="0"))
    world.refresh_all()
    plan = world.make_plan().stored
    assert (plan.verdict, plan.tripped) == ("stopped", ("to_zero",))
    assert world.push(plan.id).status == "stopped"
    assert world.make_plan().stored.id == plan.id, "planning again does not pile up plans"
    assert world.publish().status == "stopped"
    assert (world.qty("S000"), len(world.shop.pushes)) == (5, 1)
    kept = {"plans": world.stores.plans, "clock": world.clock}
    with pytest.raises(RejectedError, match="also stopped by to_zero"):
        let_through(plan, names=["vanish"], by="ops", reason="r", **kept)
    with pytest.raises(ConfigurationError, match="did you mean to_zero"):
        let_through(plan, names=["tozero"], by="ops", reason="r", **kept)
    with pytest.raises(ConfigurationError, match="for a reason"):
        let_through(plan, names=["to_zero"], by="ops", reason=" ", **kept)
    let = let_through(plan, names=["to_zero"], by="ops", reason="season is over", **kept)
    assert (let.verdict, let.let_through.by, let.let_through.reason) == ("let_through", "ops", "season is over")
    assert world.push(plan.id).status == "pushed"
    assert world.qty("S000") == 0


def test_word_for_one_plan_does_not_hold_for_the_next(world):
    world.erp(*many(20))
    world.cycle()
    world.erp(*many(20, ONHAND="0"))
    world.refresh_all()
    plan = world.make_plan().stored
    let_through(plan, world.stores.plans, names=["to_zero"], by="ops", reason="r", clock=world.clock)
    world.erp(*many(19, ONHAND="0"), {"SKU": "S019", "ONHAND": "0", "PRICE": "1.00"})
    world.refresh_all()
    assert world.make_plan().stored.verdict == "stopped"
    assert world.publish().status == "stopped"
    assert world.push(plan.id).status == "stale"


def test_clear_plan_needs_no_word(world):
    world.erp(*many(2))
    world.refresh_all()
    plan = world.make_plan().stored
    assert let_through(plan, world.stores.plans, names=["vanish"], by="a", reason="b", clock=world.clock) == plan


def test_refused_item_holds_up_nobody_and_is_tried_again_from_the_current_state(world):
    world.erp(*many(3))
    world.refresh_all()
    world.shop.refuse["S001"] = ("duplicate_sku", False)
    result = world.publish()
    assert (result.status, result.sent, result.acknowledged, result.failed) == ("pushed", 6, 5, 1)
    assert [(f.sku, f.reason) for f in result.failures] == [("S001", "duplicate_sku")]
    assert world.shop.skus == ["S000", "S002"]
    assert world.publish().failed == 1, "a first failure is tried again at once"
    assert world.publish().sent == 0, "after a second one it waits"
    world.erp(*many(3, ONHAND="2"))
    world.shop.refuse.clear()
    assert world.cycle().failed == 0
    assert world.qty("S001") == 2


def test_waiting_item_is_due_again_after_its_time(world):
    world.erp(*many(1))
    world.refresh_all()
    world.shop.refuse["S000"] = ("duplicate_sku", False)
    assert [world.publish().sent for _ in range(3)] == [2, 1, 0]
    world.clock.move(minutes=5)
    world.shop.refuse.clear()
    assert world.publish().acknowledged == 1


def test_retriable_failure_never_waits(world):
    world.erp(*many(1))
    world.refresh_all()
    world.shop.refuse["S000"] = ("image_unreachable", True)
    assert [world.publish().failed for _ in range(4)] == [1, 1, 1, 1]


@pytest.mark.parametrize("error", [TransientError("no route"), AccessError("key revoked")])
def test_channel_lost_half_way_leaves_the_rest_for_next_time(world, error):
    world.erp(*many(10))
    world.refresh_all()
    world.shop.error_after = (2, error)
    result = world.publish(batch_items=4)
    assert (result.status, result.acknowledged, result.failed, result.remaining) == ("partial", 8, 4, 8)
    assert result.fault.error_class == type(error).__name__
    assert len(world.shop.pushes) == 3, "nothing more is tried"
    stored = world.stores.plans.newest("karoo", "shop")
    assert (stored.pushed_at, stored.outcome["remaining"]) == (None, 8)
    world.shop.error_after = None
    assert world.publish().acknowledged == 12
    assert len(world.shop.skus) == 10


def test_same_plan_can_be_taken_up_again_without_doubling(world):
    world.erp(*many(10))
    world.refresh_all()
    plan = world.make_plan().stored
    world.shop.error_after = (2, TransientError("no route"))
    world.push(plan.id, batch_items=4)
    world.shop.error_after = None
    sent_before = sum(len(batch) for batch in world.shop.pushes)
    result = world.push(plan.id, batch_items=4)
    assert (result.status, result.acknowledged, result.superseded) == ("pushed", 12, 8)
    assert len(world.shop.skus) == 10
    assert sum(len(batch) for batch in world.shop.pushes) - sent_before == 6


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_crash_in_the_middle_loses_nothing_and_doubles_nothing(world, batch):
    world.erp(*many(6))
    world.refresh_all()
    world.shop.dies_at = batch
    with pytest.raises(KeyboardInterrupt):
        world.publish(batch_items=4)
    world.shop.dies_at = None
    assert world.publish().status == "pushed"
    assert (len(world.shop.skus), len(world.shop.products)) == (6, 6)
    assert world.make_plan().plan.is_empty


def test_sent_and_never_recorded_is_put_right_even_when_the_value_returns(world):
    """5 is confirmed, 3 arrives and the process dies, then it is 5 again: the shop must not keep 3."""
    world.erp({"SKU": "A"})
    world.cycle()
    world.erp({"SKU": "A", "ONHAND": "3"})
    world.refresh_all()
    world.shop.dies_at = 2
    with pytest.raises(KeyboardInterrupt):
        world.publish()
    world.shop.dies_at = None
    assert world.qty("A") == 3
    world.erp({"SKU": "A"})
    world.cycle()
    assert world.qty("A") == 5


def test_push_never_heard_of_is_put_right_as_well(world):
    world.erp({"SKU": "A"})
    world.cycle()
    world.erp({"SKU": "A", "ONHAND": "3"})
    world.refresh_all()
    world.shop.error_after = (1, UncertainOutcomeError("timed out"))
    assert world.publish().status == "partial"
    world.shop.error_after = None
    world.erp({"SKU": "A"})
    world.refresh_all()
    assert world.publish().acknowledged == 1
    assert world.shop.pushes[-1][0].variants[0].fields["qty"] == 5


def test_missing_outcome_is_a_broken_promise_on_that_item_only(world):
    world.erp(*many(3))
    world.refresh_all()
    world.shop.lost = {"S001"}
    result = world.publish()
    assert result.broken_promises == ["0 outcomes for S001 instead of one"]
    assert (result.acknowledged, [(f.sku, f.reason) for f in result.failures]) == (5, [("S001", "unknown_outcome")])
    world.shop.lost = set()
    assert world.publish().acknowledged == 1
    assert world.shop.skus == ["S000", "S001", "S002"]


def test_invented_and_doubled_outcomes_are_noticed(world, monkeypatch):
    world.erp(*many(2))
    world.refresh_all()
    honest = world.shop.push

    def lying(changes):
        told = honest(changes)
        return [*told, told[-1], replace(told[0], key="erp:nobody")]

    monkeypatch.setattr(world.shop, "push", lying)
    result = world.publish()
    assert result.broken_promises == [
        "2 outcomes for S001 instead of one",
        "an outcome for erp:nobody that was not asked for",
    ]
    assert (result.acknowledged, result.failed) == (3, 1)


def test_item_the_shop_lost_is_made_again(world):
    world.erp(*many(2))
    world.cycle()
    world.shop.products.clear()
    world.shop.variants.clear()
    world.erp(*many(2, ONHAND="1"))
    world.refresh_all()
    assert [f.reason for f in world.publish().failures] == ["gone"] * 4
    assert world.publish().acknowledged == 4
    assert (world.shop.skus, world.qty("S000")) == (["S000", "S001"], 1)


def test_one_push_per_channel_at_a_time(world):
    world.erp(*many(1))
    world.refresh_all()
    plan = world.make_plan().stored
    with world.leases.take("push/karoo/shop", "somebody", 60.0), pytest.raises(BusyError):
        world.push(plan.id)
    assert world.push(plan.id).status == "pushed"


def test_push_that_lost_its_lease_writes_nothing_more(world):
    world.erp(*many(4))
    world.refresh_all()
    plan = world.make_plan().stored
    honest = world.shop.push

    def slow(changes):
        world.clock.move(hours=1)
        with world.leases.take("push/karoo/shop", "the next one", 900.0):
            pass
        return honest(changes)

    world.shop.push = slow
    result = world.push(plan.id, batch_items=2)
    assert (result.status, result.fault.error_class, len(world.shop.pushes)) == ("partial", "BusyError", 1)


def test_conflict_freezes_its_sku_and_nobody_else(world):
    world.erp(*many(3))
    world.cycle()
    branch = world.add("branch", "products", {}, role="primary")
    world.declared[1] = replace(world.declared[0], source="branch")
    rows = world.sources["erp"].feeds["products"].to_pylist()
    branch.tell("products", [rows[0] | {"ONHAND": "1"}])
    world.erp(*many(3, ONHAND="2"))
    result = world.cycle()
    assert (result.sent, [world.qty(f"S00{i}") for i in range(3)]) == (2, [5, 2, 2])
    branch.tell("products", [rows[0] | {"WEB": "delete"}])
    world.cycle()
    assert [world.qty(f"S00{i}") for i in range(3)] == [2, 2, 2]


def test_rule_delist_and_return(world):
    world.erp({"SKU": "A", "BRAND": "Acme"}, {"SKU": "B", "BRAND": "Zulu"})
    world.cycle()
    world.declare_policy(rules=Rules(include=(Condition(field="vendor", op="equals", value="acme"),)))
    assert world.publish().acknowledged == 2
    assert world.shop.skus == ["A"]
    world.declare_policy(rules=Rules())
    assert world.publish().acknowledged == 2
    assert world.shop.skus == ["A", "B"]


# --- quantities in flight ----------------------------------------------------------------------------------------------


def order(world, sku, qty, *, raised=None, source="erp"):
    return OpenQuantity(sku, qty, source, world.clock.now(), raised)


def test_order_is_deducted_until_the_erp_was_read_after_the_document(world):
    world.declare_policy(quantity=Quantity(buffer=1))
    world.erp({"SKU": "A"})
    world.cycle()
    world.orders = [order(world, "A", 2)]
    world.publish()
    assert world.qty("A") == 2
    world.cycle()
    assert world.qty("A") == 2, "without a document no read shows the order"
    world.orders = [order(world, "A", 2, raised=world.clock.now())]
    assert world.publish().sent == 0
    world.erp({"SKU": "A", "ONHAND": "3"})
    assert world.cycle().sent == 0, "the ERP shows it now, so the channel's figure stays"
    assert world.qty("A") == 2


def test_unchanged_read_after_the_document_ends_the_deduction(world):
    """The document did not lower the figure, as a quotation would not: the ERP was asked, and says so."""
    world.erp({"SKU": "A"})
    world.cycle()
    world.orders = [order(world, "A", 2, raised=world.clock.now())]
    world.publish()
    assert world.qty("A") == 3
    world.cycle()
    assert world.qty("A") == 5


def test_newer_snapshot_that_is_not_merged_yet_ends_no_deduction(world):
    world.erp({"SKU": "A"})
    world.cycle()
    world.orders = [order(world, "A", 2, raised=world.clock.now())]
    world.clock.move(minutes=5)
    world.erp({"SKU": "A", "ONHAND": "3"})
    from s2s_pipelines.cycle.refresh import refresh_source

    plan = world.plan
    refresh_source(plan, plan.sources[0], lambda: world.sources["erp"], world.stores.catalogue, world.clock)
    assert world.make_plan().deducted == {"A": 2}


def drop_shipping(world):
    fields = {"variants.sku": "sku", "variants.qty": "stock"}
    sheet = world.add("sheet", "stock", {}, flags={"variants.qty": "source"})
    world.declare("sheet", fields=field_rows("stock", fields))
    sheet.tell("stock", [{"sku": "A", "stock": "9"}])
    world.erp({"SKU": "A", "ONHAND": "0"})
    return sheet


def test_drop_shipped_order_is_deducted_until_the_supplier_delivers_a_newer_file(world):
    sheet = drop_shipping(world)
    world.cycle()
    assert world.qty("A") == 9
    world.orders = [order(world, "A", 2, raised=world.clock.now())]
    world.cycle()
    world.cycle()
    assert world.qty("A") == 7, "the ERP shows it and the supplier's file is the old one"
    sheet.tell("stock", [{"sku": "A", "stock": "7"}])
    world.cycle()
    assert world.qty("A") == 7


def test_stamp_of_the_file_decides_where_there_is_one(world):
    sheet = drop_shipping(world)
    sheet.modified_at = world.clock.now() - timedelta(days=1)
    world.cycle()
    world.orders = [order(world, "A", 2)]
    sheet.tell("stock", [{"sku": "A", "stock": "8"}])
    world.cycle()
    assert world.qty("A") == 6, "new content under an old stamp was made before the order"
    world.clock.move(minutes=1)
    sheet.modified_at = world.clock.now()
    world.cycle()
    assert world.qty("A") == 8, "the same content delivered anew knows of the order"


def test_orders_before_everything_is_known_need_not_be_read(world):
    asked = []
    world.erp({"SKU": "A"})
    world.cycle()
    from s2s_pipelines.cycle.publish import make_plan

    make_plan(world.plan, world.channel, world.stores, lambda until: asked.append(until) or [], world.clock)
    assert asked == [world.clock.now() - timedelta(microseconds=1)]


def test_settling_needs_no_push(world):
    world.erp({"SKU": "A", "BRAND": "Acme"})
    world.cycle()
    world.declare_policy(flags={"vendor": "channel"})
    result = world.publish()
    assert (result.sent, result.settled, len(world.shop.pushes)) == (0, 1, 1)
    assert world.make_plan().plan.items.num_rows == 0


def test_limits_are_the_clients_own(world):
    world.declare_policy(breakers=Breakers(vanish="0.05", at_least=1))
    world.erp(*many(10))
    world.cycle()
    world.erp(*many(9), {"SKU": "S009", "WEB": "delete"})
    world.refresh_all()
    assert world.make_plan().stored.tripped == ("vanish",)

"""A channel is left at rest only where a new plan would say the same; whatever happens to it in between."""

import itertools
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from s2s_pipelines.catalogue.policy import Condition, Quantity, Rules, Terms
from s2s_pipelines.cycle.client_plan import FeedPlan
from s2s_pipelines.cycle.publish import resting_plan
from s2s_pipelines.errors import TransientError
from s2s_pipelines.ports import OpenQuantity
from tests.integration.cycle.test_publish import many

DAY = FeedPlan("stock", timedelta(days=1))


class Orders:
    """Open quantities, and when the last of them moved."""

    def __init__(self, world):
        self.world, self.moved_at = world, None

    def take(self, *orders):
        self.world.orders, self.moved_at = list(orders), self.world.clock.now()

    def has_moved(self, since):
        return self.moved_at is not None and self.moved_at >= since


@pytest.fixture
def orders(world):
    return Orders(world)


def resting(world, orders):
    return resting_plan(world.plan, world.channel, world.stores, orders.has_moved, world.clock)


def settle(world, orders):
    """Cycles until the channel is at rest, as ``cycle_client`` goes through them."""
    for _ in range(4):
        world.refresh_all()
        if resting(world, orders) is not None:
            return
        world.publish()
    raise AssertionError("the channel does not come to rest")


@pytest.fixture
def settled(world, orders):
    world.erp(*many(8))
    settle(world, orders)
    return world


def test_channel_at_rest_stays_at_rest_while_time_passes_and_sources_say_the_same(settled, orders):
    before = settled.make_plan().stored
    for _ in range(3):
        settled.refresh_all()
        found = resting(settled, orders)
        assert (found.id, found.looked_at) == (before.id, settled.clock.now())
    assert settled.make_plan().stored.id == before.id


def test_first_plan_and_plan_that_is_not_pushed_are_no_rest(world, orders):
    world.erp(*many(3))
    world.refresh_all()
    assert resting(world, orders) is None
    world.make_plan()
    assert resting(world, orders) is None
    world.publish()
    assert resting(world, orders) is None, "what was sent is known by then, and has to be compared once"
    world.publish()
    assert resting(world, orders) is not None


def sku(world, n=0):
    return f"S{n:03d}"


_PRICES = itertools.count(90)


def _price(world, orders):
    world.erp(*many(8, PRICE=f"{next(_PRICES)}.00"))
    world.refresh_all()


def _sku_is_taken_off(world, orders):
    world.erp({"SKU": sku(world), "WEB": "delete"}, *many(8)[1:])
    world.refresh_all()


def _doubt(world, orders):
    world.stores.items.doubt("karoo", "shop", [sku(world)])


def _order(world, orders):
    orders.take(OpenQuantity(sku(world), 2, "erp", world.clock.now(), None))


def _policy(world, orders):
    world.declare_policy(quantity=Quantity(buffer=1))


def _rule(world, orders):
    world.declare_policy(rules=Rules(exclude=(Condition(field="variants.sku", op="equals", value="S001"),)))


def _gone_at_the_shop(world, orders):
    _price(world, orders)
    world.shop.refuse = {sku(world): ("refused", False)}
    world.publish()
    world.shop.refuse = {}


def _shop_breaks_off(world, orders):
    _price(world, orders)
    world.shop.error_after = (len(world.shop.pushes), TransientError("the shop is away"))
    world.publish()
    world.shop.error_after = None


def _killed_in_the_middle(world, orders):
    _price(world, orders)
    world.shop.dies_at = len(world.shop.pushes) + 1
    with pytest.raises(KeyboardInterrupt):
        world.publish()
    world.shop.dies_at = None


def _linked_source(world, orders):
    if "house" not in world.sources:
        world.add(
            "house",
            "stock",
            {"variants.sku": "SKU", "variants.qty": "UNITS"},
            feed_plan=DAY,
            flags={"variants.qty": "source"},
        )
        world.sources["house"].tell("stock", [{"SKU": sku(world), "UNITS": "3"}])
    world.refresh_all()


CHANGES = (
    _price, _sku_is_taken_off, _doubt, _order, _policy, _rule, _gone_at_the_shop, _shop_breaks_off, _killed_in_the_middle,
    _linked_source,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_every_change_ends_the_rest_until_it_is_sent(settled, orders, change):
    change(settled, orders)
    assert resting(settled, orders) is None
    assert not settled.make_plan().plan.is_empty


def test_order_that_is_deducted_ends_the_rest_until_its_figure_knows_it(settled, orders):
    sold = OpenQuantity(sku(settled), 2, "erp", settled.clock.now(), None)
    orders.take(sold)
    settled.publish()
    assert settled.qty(sku(settled)) == 3
    settled.clock.move(hours=3)
    assert resting(settled, orders) is None, "the plan depends on an order, and orders are not part of the recipe"
    settled.clock.move(minutes=1)
    orders.take(replace(sold, raised_at=settled.clock.now()))
    settled.erp({"SKU": sku(settled), "ONHAND": "3"}, *many(8)[1:])
    settled.refresh_all()
    settled.publish()
    settled.clock.move(hours=1)
    settle(settled, orders)
    assert settled.qty(sku(settled)) == 3


def test_order_noted_a_moment_before_the_plan_counts_though_it_was_seen_after_it(settled, orders):
    """Its transaction was under way while the plan was made."""
    orders.moved_at = settled.clock.now() - timedelta(minutes=4)
    assert resting(settled, orders) is None
    orders.moved_at = settled.clock.now() - timedelta(minutes=6)
    assert resting(settled, orders) is not None


def test_owner_that_changes_without_a_change_of_values_ends_the_rest(settled, orders):
    house = settled.add(
        "house",
        "stock",
        {"variants.sku": "SKU", "variants.qty": "UNITS"},
        feed_plan=DAY,
        flags={"variants.qty": "source"},
    )
    house.tell("stock", [{"SKU": sku(settled), "UNITS": "5"}])
    settled.refresh_all()
    assert resting(settled, orders) is None
    assert settled.make_plan().plan.is_empty


def test_file_with_another_stamp_ends_the_rest(settled, orders):
    settled.sources["erp"].modified_at = settled.clock.now() - timedelta(days=1)
    settled.refresh_all()
    assert resting(settled, orders) is None


def test_other_terms_end_the_rest(settled, orders):
    plan = replace(settled.plan, terms=Terms(tax_rate="14"))
    found = resting_plan(plan, settled.channel, settled.stores, orders.has_moved, settled.clock)
    assert found is None


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_a_channel_left_at_rest_needs_nothing(settled, orders, seed):
    chance = random.Random(seed)
    for _ in range(9):
        if chance.random() < 0.35:
            chance.choice(CHANGES)(settled, orders)
        if chance.random() < 0.2:
            orders.take()
        settled.clock.move(minutes=chance.choice((0, 1, 20)))
        settled.refresh_all()
        found = resting(settled, orders)
        if found is not None:
            plan = settled.make_plan()
            assert (plan.plan.is_empty, plan.stored.id, dict(plan.deducted)) == (True, found.id, {})
        else:
            settled.publish()
    orders.take()
    settled.clock.move(hours=1)
    settle(settled, orders)
    assert settled.make_plan().plan.is_empty

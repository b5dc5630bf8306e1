"""The first push of a channel waits for a person, who approves the very plan that is then pushed."""

from dataclasses import replace

import pytest

from s2s_pipelines.cycle.approval import approve
from s2s_pipelines.cycle.publish import let_through, needs_approval
from s2s_pipelines.errors import BusyError, ConfigurationError, RejectedError, TransientError
from s2s_pipelines.storage.schema import plan as plan_table
from tests.integration.cycle.test_publish import many


@pytest.fixture
def world(world):
    world.channel = replace(world.channel, is_first_approved=True)
    return world


def is_first(world):
    return needs_approval("karoo", world.channel, world.stores.items)


def say_yes(world, stored, **values):
    word = {"by": "Ops", "reason": "looked at every product", **values}
    return approve(stored, world.stores.plans, clock=world.clock, is_first=is_first(world), **word)


def planned(world, *rows):
    world.erp(*rows)
    world.refresh_all()
    return world.make_plan().stored


def trip(world):
    """A breaker stops the newest plan: none of ours does on a channel that shows nothing yet."""
    tripped = {"vanish": {"is_tripped": True, "message": "3 of 3"}}
    with world.engine.begin() as connection:
        connection.execute(plan_table.update().values(verdict="stopped", breakers=tripped))
    return world.stores.plans.newest("karoo", "shop")


def test_the_first_push_waits_until_its_plan_is_approved_and_later_ones_do_not(world):
    plan = planned(world, *many(3))
    assert (plan.verdict, plan.approval) == ("awaiting", None)
    told = world.push(plan.id)
    assert (told.status, told.sent, world.shop.pushes) == ("awaiting", 0, [])
    assert told.why.startswith(f"plan {plan.id} is the first push of shop, and nobody approved it yet; look at it")
    assert world.publish().status == "awaiting"
    assert world.make_plan().stored.id == plan.id, "planning again does not pile up plans"

    said = say_yes(world, plan)
    assert (said.verdict, said.approval.by, said.approval.digest) == ("clear", "Ops", plan.digest)
    assert world.publish().status == "pushed"
    assert world.shop.skus == ["S000", "S001", "S002"]

    assert planned(world, *many(4)).verdict == "clear"
    assert world.publish().status == "pushed"
    assert len(world.shop.skus) == 4


def test_a_push_that_no_longer_matches_its_approved_plan_stops_and_says_so(world):
    plan = planned(world, *many(3))
    say_yes(world, plan)
    other = planned(world, *many(3, ONHAND="1"))
    assert (other.id == plan.id, other.verdict) == (False, "awaiting")
    told = world.push(other.id)
    assert told.status == "awaiting"
    assert told.why.startswith(f"plan {other.id} differs from plan {plan.id}, which Ops approved on 2026-")
    assert world.push(plan.id).status == "stale", "the approved one is old"
    assert world.shop.pushes == []

    same = planned(world, *many(3))
    assert (same.id == plan.id, same.digest, same.verdict) == (False, plan.digest, "clear")
    assert world.push(same.id).status == "pushed"


def test_a_plan_whose_changes_are_not_those_that_were_approved_is_not_pushed(world):
    plan = say_yes(world, planned(world, *many(3)))
    forged = replace(plan, approval=replace(plan.approval, digest="0" * 64))
    found = world.stores.plans.find
    world.stores.plans.find = lambda *key: forged if key[1] == plan.id else found(*key)
    assert world.push(plan.id).status == "awaiting"
    assert world.shop.pushes == []


def test_what_was_begun_after_approval_goes_on_without_another_one(world):
    plan = planned(world, *many(6))
    say_yes(world, plan)
    world.shop.error_after = (1, TransientError("down"))
    assert world.push(plan.id, batch_items=4).status == "partial"
    world.shop.error_after = None
    world.erp(*many(6, ONHAND="1"))
    world.refresh_all()
    rest = world.make_plan().stored
    assert (rest.digest == plan.digest, rest.verdict) == (False, "clear")
    assert world.push(rest.id).status == "pushed"
    assert len(world.shop.skus) == 6


def test_a_plan_that_sends_nothing_needs_no_approval_and_makes_no_channel_old(world):
    empty = planned(world, {"SKU": "S1", "WEB": "ignore"})
    assert empty.verdict == "clear"
    assert world.push(empty.id).status == "pushed"
    assert planned(world, *many(2)).verdict == "awaiting"


def test_an_approval_names_a_person_a_reason_and_the_plan_that_was_looked_at(world):
    plan = planned(world, *many(3))
    for odd in ({"by": " "}, {"reason": ""}):
        with pytest.raises(ConfigurationError, match="by a person and for a reason"):
            say_yes(world, plan, **odd)
    with pytest.raises(RejectedError, match=f"plan {plan.id + 1} is not the newest any more, plan {plan.id} is"):
        say_yes(world, plan, looked_at=plan.id + 1)
    assert world.publish().status == "awaiting"
    assert say_yes(world, plan, looked_at=plan.id).verdict == "clear"
    with pytest.raises(BusyError, match="the plan changed meanwhile"):
        say_yes(world, plan)


def test_breakers_and_approval_are_two_words(world):
    plan = planned(world, *many(3))
    plans = world.stores.plans
    stopped = trip(world)
    assert say_yes(world, stopped).verdict == "stopped", "approved, and still stopped"
    assert world.push(plan.id).status == "stopped"
    stopped = plans.newest("karoo", "shop")
    word = {"names": ["vanish"], "by": "Ops", "reason": "new season", "clock": world.clock}
    assert let_through(stopped, plans, is_first=True, **word).verdict == "let_through"
    assert world.push(plan.id).status == "pushed"


def test_a_first_plan_that_is_let_through_still_waits_for_approval(world):
    plan = planned(world, *many(3))
    plans, stopped = world.stores.plans, trip(world)
    word = {"names": ["vanish"], "by": "Ops", "reason": "new season", "clock": world.clock}
    through = let_through(stopped, plans, is_first=is_first(world), **word)
    assert (through.verdict, world.push(plan.id).status) == ("awaiting", "awaiting")
    assert say_yes(world, through).verdict == "let_through"
    assert world.push(plan.id).status == "pushed"


def test_a_channel_declared_free_meanwhile_needs_no_approval_any_more(world):
    plan = planned(world, *many(3))
    world.channel = replace(world.channel, is_first_approved=False)
    again = world.make_plan().stored
    assert (again.id, again.verdict) == (plan.id, "clear")
    assert world.push(again.id).status == "pushed"


def test_decisions_stay_in_the_history(world):
    plan = say_yes(world, planned(world, *many(3)))
    world.publish()
    planned(world, *many(4))
    world.publish()
    (kept,) = world.stores.plans.decisions("karoo", "shop")
    assert (kept.id, kept.approval) == (plan.id, plan.approval)
    assert kept.approval.reason == "looked at every product"

"""Sweeps while a person has stopped some of the work: what is named waits, everything else goes on, and nothing is done twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from s2s_pipelines.cycle.sweep import sweep_client
from s2s_pipelines.errors import TransientError
from s2s_pipelines.model.pause import stopping
from s2s_pipelines.model.record import OrderState
from s2s_pipelines.storage.pause_store import Pauses
from tests.kills.world import CHANNEL, CLIENT
from tests.unit.cycle.test_sweep import BOTH, ONE, Failing, World


class PausedWorld(World):
    """The same world, with pauses that the desk looks up before each step."""

    @property
    def pauses(self):
        return Pauses(self.engine, self.desk.clock)

    def _stopping(self, activity, **where):
        return stopping(self.pauses.live(), client=CLIENT, activity=activity, now=self.desk.clock.now(), **where)

    def sweep(self, **values):
        return sweep_client(replace(self.desk, pause_of=self._stopping), **values)

    def pause(self, scope, target=None, *, minutes=60, client=CLIENT):
        until = self.desk.clock.now() + timedelta(minutes=minutes)
        return self.pauses.begin(client, scope, target, until=until, why="stock take", by="Ops")

    def events(self, code):
        (record,) = self.desk.ledger.find_orders(CLIENT, code)
        return [(e.event, e.details.get("why")) for e in self.desk.ledger.history(record.id)]


@pytest.fixture
def world(tmp_path):
    made = PausedWorld(tmp_path)
    yield made
    made.engine.dispose()


def raised(world, code):
    return {erp: [no for no, _ in found].count(code) for erp, found in world.documents().items()}


NEITHER, FIRST, BOTH_ERPS = {"erp_a": 0, "erp_b": 0}, {"erp_a": 1, "erp_b": 0}, {"erp_a": 1, "erp_b": 1}


def by_resuming(world, pause):
    assert world.pauses.end(pause.client, pause.scope, pause.target, by="Ops") == (pause,)


def by_itself(world, pause):
    world.later((pause.until - world.desk.clock.now()).total_seconds() + 1)


ENDS = pytest.mark.parametrize("end", [by_resuming, by_itself])


@ENDS
@pytest.mark.parametrize("scope", ["all", "orders"])
def test_while_orders_are_paused_nothing_is_asked_and_nothing_raised_then_each_is_raised_once(world, scope, end):
    known = world.shop.place(ONE)
    world.with_sink("erp_a", Failing(world.erps["erp_a"], raise_order=TransientError("down")))
    world.sweep()
    world.with_sink("erp_a", world.erps["erp_a"])
    world.later(600)
    pause = world.pause(scope)
    new = world.shop.place(BOTH)
    port = Failing(world.shop)
    world.with_port(port)

    for result in (world.sweep(), world.sweep(only_orders=[known]), world.sweep(only_orders=[new])):
        assert result.paused == (pause,)
        assert (result.bodies, result.worked, result.raised, result.errors) == (0, 0, (), ())
    assert port.calls == []
    assert raised(world, known) == raised(world, new) == NEITHER

    end(world, pause)
    result = world.sweep()
    assert result.paused == ()
    assert (raised(world, known), raised(world, new)) == (FIRST, BOTH_ERPS)
    world.later(3600)
    world.sweep()
    assert (raised(world, known), raised(world, new)) == (FIRST, BOTH_ERPS)


@ENDS
def test_documents_of_a_paused_source_wait_and_are_not_held_the_other_is_raised(world, end):
    code = world.shop.place(BOTH)
    other = world.shop.place(ONE)
    pause = world.pause("source", "erp_b")
    sink = Failing(world.erps["erp_b"])
    world.with_sink("erp_b", sink)

    result = world.sweep()

    assert (result.paused, result.held, result.errors, result.postponed) == ((pause,), (), (), 1)
    assert sink.calls == []
    assert (raised(world, code), raised(world, other)) == (FIRST, FIRST)
    assert (world.state(code), world.state(other)) == (OrderState.RAISING, OrderState.COMPLETE)
    assert ("postponed", pause.message) in world.events(code)
    assert world.sweep().worked == 0, "it is not looked at again before the pause ends"
    named = world.sweep(only_orders=[code])
    assert (named.worked, named.raised, sink.calls) == (1, (), [])

    end(world, pause)
    assert [d.source for d in world.sweep().raised] == ["erp_b"]
    assert raised(world, code) == BOTH_ERPS
    assert world.state(code) is OrderState.COMPLETE
    world.later(3600)
    world.sweep()
    assert raised(world, code) == BOTH_ERPS


def test_a_failure_elsewhere_does_not_wait_for_the_pause(world):
    code = world.shop.place(BOTH)
    world.pause("source", "erp_b")
    world.with_sink("erp_a", Failing(world.erps["erp_a"], raise_order=TransientError("down")))
    assert world.sweep().postponed == 1
    world.with_sink("erp_a", world.erps["erp_a"])
    world.later(60)
    world.sweep()
    assert raised(world, code) == FIRST


@ENDS
def test_a_paused_channel_is_neither_asked_nor_told_but_what_it_sold_is_raised(world, end):
    world.with_port(Failing(world.shop, acknowledge=TransientError("down")))
    code = world.shop.place(ONE)
    world.sweep()
    assert (raised(world, code), world.state(code)) == (FIRST, OrderState.RAISED)
    world.with_sink("erp_b", Failing(world.erps["erp_b"], raise_order=TransientError("down")))
    both = world.shop.place(BOTH)
    world.sweep()
    world.later(600)
    world.with_sink("erp_b", world.erps["erp_b"])
    pause = world.pause("channel", CHANNEL)
    new = world.shop.place(ONE)
    port = Failing(world.shop)
    world.with_port(port)

    result = world.sweep()

    assert set(port.calls) == set(), "the shop was not called"
    assert result.paused == (pause,)
    assert raised(world, both) == BOTH_ERPS, "what was sold before is raised"
    assert world.state(code) is world.state(both) is OrderState.RAISED
    assert world.shop.notes(code) == world.shop.notes(both) == []
    named = world.sweep(only_orders=[new], poll=False)
    assert [(e.error, e.message.startswith(pause.message)) for e in named.errors] == [("PausedError", True)]
    days = (world.desk.clock.now().date() - timedelta(days=1), world.desk.clock.now().date())
    assert world.sweep(days=days, poll=False).bodies == 0
    assert set(port.calls) == set()

    end(world, pause)
    world.sweep()
    assert raised(world, new) == FIRST
    assert [len(world.shop.notes(c)) for c in (code, both, new)] == [1, 2, 1]


def test_pauses_of_another_client_and_of_pushes_stop_no_orders(world):
    world.pause("all", client="overberg")
    world.pause("pushes")
    code = world.shop.place(BOTH)
    assert world.sweep().paused == ()
    assert raised(world, code) == BOTH_ERPS


def test_a_pause_that_begins_while_documents_are_raised_stops_the_next_one(world):
    first, second = world.shop.place(ONE), world.shop.place(ONE)

    def meanwhile(document):
        world.pause("orders")

    world.with_sink("erp_a", Failing(world.erps["erp_a"], raise_order=meanwhile))
    result = world.sweep()
    assert [d.channel_order_code for d in result.raised] == [first]
    world.with_sink("erp_a", world.erps["erp_a"])
    assert raised(world, second) == NEITHER
    by_resuming(world, world.pauses.live()[0])
    world.later(5)
    world.sweep()
    assert (raised(world, first), raised(world, second)) == (FIRST, FIRST)


def test_an_order_that_is_about_to_wait_for_a_pause_just_ended_does_not_wait(world):
    """The sweep looked the pause up; before it wrote so down, a person resumed."""
    code = world.shop.place(ONE)
    pause = world.pause("source", "erp_a", minutes=60 * 24)
    looked = []

    def stale(activity, **where):
        found = world._stopping(activity, **where)
        looked.append(found)
        if looked.count(pause) == 2:  # the sweep says what is paused, and later lets the order wait
            world.pauses.end(pause.client, pause.scope, pause.target, by="Ops")
        return found

    sweep_client(replace(world.desk, pause_of=stale))
    assert raised(world, code) == NEITHER
    world.sweep()
    assert raised(world, code) == FIRST

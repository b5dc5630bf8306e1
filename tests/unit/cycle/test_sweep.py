"""Whole sweeps over a shop and two ERPs in SQLite files, with villains."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from s2s_pipelines.cycle.sweep import sweep_client
from s2s_pipelines.errors import AccessError, OrderRejected, TransientError, UncertainOutcomeError
from s2s_pipelines.model.record import OrderState
from s2s_pipelines.orders.policy import ChannelOrders, SourceOrders
from tests.kills.world import CHANNEL, CLIENT, SOURCES, FileErp, FileShop, build_desk, create_world


class World:
    def __init__(self, folder):
        self.folder = folder
        create_world(folder)
        self.shop = FileShop(folder / "shop.db")
        self.erps = {key: FileErp(folder / f"{key}.db") for key in SOURCES}
        self.desk, self.engine = build_desk(folder)
        self.ahead_s = 0.0

    def later(self, seconds):
        self.ahead_s += seconds
        desk, engine = build_desk(self.folder, ahead_s=self.ahead_s)
        self.engine.dispose()
        self.engine = engine
        self.desk = replace(desk, sources=self.desk.sources, channels=self.desk.channels)

    def sweep(self, **values):
        return sweep_client(self.desk, **values)

    def with_sink(self, source, sink):
        broken = replace(self.desk.sources[source], sink=sink)
        self.desk = replace(self.desk, sources={**self.desk.sources, source: broken})

    def with_source(self, source, **values):
        changed = replace(self.desk.sources[source], **values)
        self.desk = replace(self.desk, sources={**self.desk.sources, source: changed})

    def with_channel(self, **values):
        policy = ChannelOrders.model_validate(
            {"from": date(2020, 1, 1), "default_customers": dict.fromkeys(SOURCES, "W"), **values}
        )
        self.desk = replace(self.desk, channels={CHANNEL: replace(self.desk.channels[CHANNEL], policy=policy)})

    def with_port(self, port, name=CHANNEL):
        channel = replace(self.desk.channels[CHANNEL], channel=name, port=port)
        self.desk = replace(self.desk, channels={**self.desk.channels, name: channel})

    def documents(self):
        """Order number and total of every document, by ERP."""
        return {key: [(no, total) for no, total, _ in erp.documents()] for key, erp in self.erps.items()}

    def state(self, code):
        (record,) = self.desk.ledger.find_orders(CLIENT, code)
        return record.state


class Failing:
    """A port that passes everything on, except the calls it fails."""

    def __init__(self, port, **faults):
        self._port, self._faults = port, faults
        self.calls = []

    def __getattr__(self, name):
        def call(*args, **kwargs):
            self.calls.append(name)
            fault = self._faults.get(name)
            error = fault(*args, **kwargs) if callable(fault) else fault
            if error:
                raise error
            return getattr(self._port, name)(*args, **kwargs)

        return call


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.engine.dispose()


ONE = [("A1", 1, "100.00")]
BOTH = [("A1", 1, "100.00"), ("B1", 1, "200.00")]


def test_an_order_goes_from_the_shop_into_its_erps_and_back(world):
    code = world.shop.place(BOTH, shipping="86.96")
    result = world.sweep()
    assert world.documents() == {"erp_a": [(code, Decimal("115.00"))], "erp_b": [(code, Decimal("330.00"))]}
    assert world.shop.notes(code) == ["erp_a: SO00001", "erp_b: SO00001"]
    assert (result.bodies, result.taken, result.worked, result.completed) == (1, 1, 1, 1)
    assert [(d.source, d.source_order_code, d.was_found) for d in result.raised] == [
        ("erp_a", "SO00001", False),
        ("erp_b", "SO00001", False),
    ]
    assert world.state(code) is OrderState.COMPLETE


def test_sweeping_again_does_nothing_although_our_note_came_back(world):
    code = world.shop.place(ONE)
    world.sweep()
    history = world.desk.ledger.history(1)
    for _ in range(3):
        result = world.sweep()
        assert (result.worked, result.raised, result.errors) == (0, (), ())
    assert world.desk.ledger.history(1) == history
    assert len(world.documents()["erp_a"]) == 1
    assert world.shop.notes(code) == ["erp_a: SO00001"]


def test_a_bad_order_stops_no_other(world):
    unknown = world.shop.place([("X9", 1, "10.00")])
    garbled = world.shop.place(ONE)
    world.shop.edit(garbled, lines='[{"kind": "item"}]')
    world.shop.place([("A\x00\ud83d", 1, "1.00")])
    gap = world.shop.place(ONE)
    world.shop.edit(gap, total="105.00")
    good = world.shop.place(ONE)
    result = world.sweep()
    assert [d.channel_order_code for d in result.raised] == [good]
    assert {h.channel_order_code: h.hold.reason for h in result.held} == {
        unknown: "unknown_sku",
        gap: "totals_do_not_tie",
    }
    assert result.not_understood == 2
    assert "KeyError" in result.errors[0].message
    assert world.desk.ledger.counts(CLIENT)["not_understood"] == 2


def test_a_dead_channel_stops_neither_the_others_nor_the_work_at_hand(world):
    world.shop.place(ONE)
    dead = Failing(world.shop, start_cursor=TransientError("no answer", retry_after_s=120))
    world.with_port(dead, "dead")
    result = world.sweep()
    assert len(result.raised) == 1
    assert [(e.subject, e.key, e.error) for e in result.errors] == [("channel", "dead", "TransientError")]
    state = world.desk.ledger.poll_states()[CLIENT, "dead"]
    assert state.failures == 1
    assert state.retry_at - state.attempted_at >= timedelta(seconds=119)


def test_a_dead_erp_stops_not_the_other_and_is_not_hammered(world):
    codes = [world.shop.place(BOTH) for _ in range(5)]
    dead = Failing(world.erps["erp_a"], find=TransientError("down"))
    world.with_sink("erp_a", dead)
    result = world.sweep()
    assert len(world.documents()["erp_b"]) == 5
    assert dead.calls == ["find", "find"]
    assert result.completed == 0
    assert result.postponed == 5
    world.with_sink("erp_a", world.erps["erp_a"])
    assert world.sweep().worked == 0  # not before its time
    world.later(60)
    assert world.sweep().completed == 5
    assert sorted(no for no, _ in world.documents()["erp_a"]) == codes
    assert len(world.documents()["erp_b"]) == 5  # finished, not repeated


def test_a_login_that_is_refused_stops_the_connection_at_once(world):
    for _ in range(3):
        world.shop.place(ONE)
    refusing = Failing(world.erps["erp_a"], find=AccessError("login refused"))
    world.with_sink("erp_a", refusing)
    result = world.sweep()
    assert refusing.calls == ["find"]
    assert result.postponed == 3
    assert world.desk.ledger.counts(CLIENT)["held"] == 0


def test_a_refused_order_is_held_and_raised_after_its_release(world):
    code = world.shop.place(BOTH)
    world.with_sink(
        "erp_a", Failing(world.erps["erp_a"], raise_order=OrderRejected("no credit", reason="credit_limit"))
    )
    result = world.sweep()
    assert [(h.channel_order_code, h.hold.reason) for h in result.held] == [(code, "credit_limit")]
    assert len(world.documents()["erp_b"]) == 1
    world.with_sink("erp_a", world.erps["erp_a"])
    assert world.sweep().worked == 0
    named = world.sweep(only_orders=[code])
    assert named.completed == 1
    assert {key: len(found) for key, found in world.documents().items()} == {"erp_a": 1, "erp_b": 1}


def test_an_erp_that_wrote_and_never_answered_is_asked_later_and_found(world):
    code = world.shop.place(ONE)
    erp = world.erps["erp_a"]

    def silent(document):
        erp.raise_order(document)
        return UncertainOutcomeError("no answer")

    world.with_sink("erp_a", Failing(erp, raise_order=silent))
    assert world.sweep().postponed == 1
    world.with_sink("erp_a", erp)
    assert world.sweep().worked == 0  # it may still be writing
    world.later(31)
    result = world.sweep()
    assert [(d.channel_order_code, d.was_found) for d in result.raised] == [(code, True)]
    assert len(erp.documents()) == 1


def test_a_connection_somebody_else_writes_to_is_left_alone(world):
    world.shop.place(BOTH)
    with world.desk.leases.take(f"connection/{CLIENT}/erp_a_connection", "somebody else", 60):
        result = world.sweep()
    assert world.documents()["erp_a"] == []
    assert len(world.documents()["erp_b"]) == 1
    assert [(e.subject, e.error) for e in result.errors] == [("connection", "BusyError")]
    world.later(5)
    assert world.sweep().completed == 1
    (record,) = world.desk.ledger.find_orders(CLIENT, "1")
    assert record.attempts == 0  # it was never its turn


def test_a_channel_that_cannot_be_told_is_told_later(world):
    code = world.shop.place(ONE)
    world.with_port(Failing(world.shop, acknowledge=TransientError("busy")))
    assert world.sweep().completed == 0
    assert world.state(code) is OrderState.RAISED
    world.with_port(world.shop)
    world.later(60)
    assert world.sweep().completed == 1
    assert world.shop.notes(code) == ["erp_a: SO00001"]
    assert len(world.documents()["erp_a"]) == 1


def test_an_order_that_is_not_due_is_stored_until_it_is(world):
    code = world.shop.place(ONE, status="on-hold")
    assert world.sweep().worked == 0
    assert world.state(code) is OrderState.STORED
    assert [(q.sku, q.raised_at) for q in world.desk.ledger.open_quantities(CLIENT)] == [("A1", None)]
    world.shop.edit(code, status="processing")
    assert len(world.sweep().raised) == 1


def test_an_order_cancelled_while_its_erp_was_away_is_never_raised(world):
    code = world.shop.place(ONE)
    world.with_sink("erp_a", Failing(world.erps["erp_a"], find=TransientError("down")))
    world.sweep()
    world.shop.edit(code, status="cancelled")
    world.with_sink("erp_a", world.erps["erp_a"])
    world.later(60)
    world.sweep()
    assert world.documents()["erp_a"] == []
    assert world.state(code) is OrderState.CANCELLED


def test_a_change_after_raising_raises_nothing(world):
    code = world.shop.place(ONE)
    world.sweep()
    world.shop.edit(code, total="230.00", lines='[{"kind":"item","sku":"A1","qty":2,"net":"200.00","tax":"30.00"}]')
    world.sweep()
    assert len(world.documents()["erp_a"]) == 1
    (record,) = world.desk.ledger.find_orders(CLIENT, code)
    assert (record.state, record.hold.reason) == (OrderState.COMPLETE, "changed_after_raising")


def test_a_backfill_by_days_raises_what_is_missing_and_nothing_twice(world):
    first = world.shop.place(ONE)
    world.sweep()
    second = world.shop.place(ONE)
    today = datetime.now(UTC).astimezone(world.desk.zone).date()
    nothing = world.sweep(poll=False, days=(today - timedelta(days=9), today - timedelta(days=2)))
    assert (nothing.bodies, nothing.worked) == (0, 0)
    result = world.sweep(poll=False, days=(today - timedelta(days=1), today))
    assert [d.channel_order_code for d in result.raised] == [second]
    assert [no for no, _ in world.documents()["erp_a"]] == [first, second]
    assert world.sweep(poll=False, days=(today, today)).raised == ()


def test_a_backfill_never_crosses_the_first_day(world):
    world.shop.place(ONE)
    today = datetime.now(UTC).astimezone(world.desk.zone).date()
    world.with_channel(**{"from": today + timedelta(days=1)})
    result = world.sweep(days=(today - timedelta(days=5), today + timedelta(days=5)))
    assert result.raised == ()
    assert world.documents()["erp_a"] == []
    assert world.desk.ledger.open_quantities(CLIENT) == []


def test_a_first_day_moved_later_stops_orders_that_were_waiting(world):
    code = world.shop.place(ONE)
    directory = world.desk.directory
    world.desk = replace(world.desk, directory=Failing(directory, sku_owners=TransientError("no catalogue")))
    world.sweep()
    tomorrow = datetime.now(UTC).astimezone(world.desk.zone).date() + timedelta(days=1)
    world.with_channel(**{"from": tomorrow})
    world.desk = replace(world.desk, directory=directory)
    world.later(60)
    assert world.sweep().raised == ()
    assert world.state(code) is OrderState.STORED
    assert world.documents()["erp_a"] == []


def test_a_backfill_judges_stored_orders_by_todays_policy(world):
    world.with_channel(statuses=["paid"])
    code = world.shop.place(ONE)
    world.sweep()
    assert world.state(code) is OrderState.STORED
    world.with_channel()
    assert world.sweep().worked == 0
    today = datetime.now(UTC).astimezone(world.desk.zone).date()
    assert len(world.sweep(poll=False, days=(today, today)).raised) == 1


def test_only_the_named_orders_are_worked_on(world):
    codes = [world.shop.place(ONE) for _ in range(3)]
    result = world.sweep(poll=False, only_orders=[codes[1], f"{CHANNEL}:{codes[2]}", "4711"])
    assert [d.channel_order_code for d in result.raised] == codes[1:]
    assert [(e.subject, e.key) for e in result.errors] == [("order", "4711")]
    assert [no for no, _ in world.documents()["erp_a"]] == codes[1:]


def test_naming_an_order_that_stands_raises_nothing(world):
    code = world.shop.place(ONE)
    world.sweep()
    result = world.sweep(only_orders=[code])
    assert result.raised == ()
    assert len(world.documents()["erp_a"]) == 1


def test_naming_a_held_order_does_not_make_its_defect_go_away(world):
    code = world.shop.place([("A1", -1, "-100.00")])
    world.sweep()
    result = world.sweep(only_orders=[code])
    assert [h.hold.reason for h in result.held] == ["invalid_quantity"]
    assert world.documents()["erp_a"] == []


def test_an_unknown_sku_is_raised_once_the_catalogue_knows_it_and_somebody_says_so(world):
    code = world.shop.place([("X1", 1, "10.00")])
    world.sweep()

    class Wider(type(world.desk.directory)):
        def sku_owners(self, client, skus):
            return {s: replace(super(Wider, self).sku_owners(client, ["A1"])["A1"], sku=s) for s in skus}

    world.desk = replace(world.desk, directory=Wider())
    assert world.sweep().worked == 0
    assert len(world.sweep(only_orders=[code]).raised) == 1


def test_a_catalogue_that_cannot_be_read_makes_orders_wait_not_held(world):
    world.shop.place(ONE)
    world.desk = replace(world.desk, directory=Failing(world.desk.directory, sku_owners=TransientError("no catalogue")))
    result = world.sweep()
    assert (result.postponed, result.held, result.errors[0].subject) == (1, (), "directory")


def test_lines_raised_elsewhere_need_no_erp_that_takes_orders(world):
    elsewhere = SourceOrders(raised_here="not_here")
    world.with_source("erp_b", sink=None, policy=elsewhere)
    code = world.shop.place(BOTH)
    result = world.sweep()
    assert world.documents() == {"erp_a": [(code, Decimal("115.00"))], "erp_b": []}
    assert result.completed == 1
    only_b = world.shop.place([("B1", 1, "10.00")])
    world.sweep()
    assert world.state(only_b) is OrderState.COMPLETE


def test_a_buyers_account_is_found_by_address_per_source(world):
    class Known(type(world.desk.directory)):
        def customer_codes(self, client, source, emails):
            return {"buyer@example.com": "C042"} if source == "erp_b" else {}

    world.desk = replace(world.desk, directory=Known())
    code = world.shop.place(BOTH)
    world.sweep()
    (record,) = world.desk.ledger.find_orders(CLIENT, code)
    assert {d.source: d.document.source_customer_code for d in record.documents} == {"erp_a": "WEB001", "erp_b": "C042"}


def test_nothing_a_sweep_reports_names_a_person(world):
    world.shop.place(BOTH)
    world.shop.place([("X1", 1, "10.00")])
    world.with_sink("erp_a", Failing(world.erps["erp_a"], raise_order=OrderRejected("no", reason="no")))
    assert "@" not in repr(world.sweep())

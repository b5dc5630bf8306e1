"""Pauses as operators meet them: what is named stands still and says why, the rest goes on, what waited is done after, once."""

from datetime import timedelta

import dagster as dg
import pytest

from s2s_pipelines.orchestration.keys import catalogue_key, orders_key, push_key, source_key
from tests.e2e.floor import workshop_of
from tests.e2e.test_in_process import documents_of, in_stock, place, rows_of, take_up

CLIENT, ERP = "stokvel_direct", "stokvel_erp"
TWIN = "twin_branches"


@pytest.fixture
def paused(floor):
    """Pauses something until the test is over."""
    made = []

    def begin(scope, target=None, client=CLIENT, minutes=60):
        until = floor.workshop.clock.now() + timedelta(minutes=minutes)
        made.append(floor.workshop.pauses.begin(client, scope, target, until=until, why="stock take", by="Ops"))
        return made[-1]

    yield begin
    for pause in made:
        floor.workshop.pauses.end(pause.client, pause.scope, pause.target, by="Ops")


def resume(floor, pause):
    assert floor.workshop.pauses.end(pause.client, pause.scope, pause.target, by="Ops") == (pause,)


def quantity(floor, sku):
    return floor.stage.shops[TWIN].tables.products()[sku].stock_quantity


def sell_in_the_shop(floor, sku):
    """Somebody buys over the counter: the ERP has one less."""
    floor.stage.world.erps["twin_north"].execute(
        "UPDATE stock SET on_hand = on_hand - 1 WHERE stock_id = (SELECT stock_id FROM item WHERE code = ?)", (sku,)
    )


@pytest.mark.parametrize("scope", [("pushes", None), ("channel", "shop"), ("all", None)], ids=lambda s: s[0])
def test_stock_that_changed_while_pushes_were_paused_is_pushed_once_after(floor, paused, scope):
    floor.materialise(floor.keys_of(TWIN))
    available = floor.stage.world.erps["twin_north"].available()
    sku = next(s for s in in_stock(floor, TWIN, of="twin_north") if available[s] == quantity(floor, s))
    before = quantity(floor, sku)
    pause = paused(*scope, client=TWIN)
    sell_in_the_shop(floor, sku)
    marks = floor.marks()

    seen = floor.materialise(floor.keys_of(TWIN))
    alone = floor.materialise([push_key(TWIN, "shop")], has_checks=False)

    assert seen.is_ok, seen.failures
    assert alone.is_ok, alone.failures
    assert f"{TWIN}/push/shop" not in seen.pages.keys() | alone.pages.keys()
    assert (f"{TWIN}/plan/shop" in seen.pages) == (scope[0] == "pushes"), "plans are still made"
    assert (f"{TWIN}/source/north/products" in seen.pages) == (scope[0] != "all")
    told = seen.checks[f"{TWIN}/push/shop:allowed"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told.description == f"{pause.message}; nothing is sent; {pause.remedy}"
    assert floor.writes(marks) == 0

    resume(floor, pause)
    after = floor.materialise(floor.keys_of(TWIN))
    assert after.checks[f"{TWIN}/push/shop:allowed"].passed
    assert quantity(floor, sku) == before - 1
    marks = floor.marks()
    assert floor.materialise(floor.keys_of(TWIN)).is_ok
    assert floor.writes(marks) == 0


def test_a_paused_source_is_not_read_by_hand_either_and_its_page_says_so(floor, paused):
    key = source_key(CLIENT, "erp", "products")
    pause = paused("source", "erp")
    seen = floor.materialise([key, catalogue_key(CLIENT)])
    assert seen.is_ok, seen.failures
    assert "/".join(key.path) not in seen.pages
    told = seen.checks[f"{CLIENT}/source/erp/products:read"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told.description == f"products: {pause.message}; {pause.remedy}" or told.description.startswith(
        pause.message
    )
    alone = floor.evaluate(dg.AssetCheckKey(key, "read"))
    assert (alone.passed, alone.description.startswith(pause.message)) == (False, True)
    linked = floor.materialise([dg.AssetKey([CLIENT, "linked", "garden"])])
    assert f"{CLIENT}/linked/garden" in linked.pages, "the others are read"
    resume(floor, pause)
    assert floor.evaluate(dg.AssetCheckKey(key, "read")).passed


@pytest.mark.parametrize("scope", [("orders", None), ("source", "erp"), ("channel", "shop")], ids=lambda s: s[0])
def test_an_order_placed_during_a_pause_is_raised_exactly_once_after_it(floor, paused, scope):
    take_up(floor)
    pause = paused(*scope)
    order = place(floor, CLIENT, in_stock(floor, CLIENT)[0])

    for config in (
        {},
        {"clients": [CLIENT]},
        {"clients": [CLIENT], "first_day": floor.workshop.today(CLIENT).isoformat()},
    ):
        seen = take_up(floor, **config)
        assert seen.is_ok, seen.failures
        assert pause.message in seen.op_page["paused"]
        held = rows_of(seen.op_page["held_table"]) if "held_table" in seen.op_page else []
        assert (seen.op_page["documents"], order.number in {row["order"] for row in held}) == (0, False)
    assert documents_of(floor, ERP, order.number) == []
    today = floor.workshop.today(CLIENT).isoformat()
    day = floor.materialise([orders_key(CLIENT)], partition_key=today)
    assert day.failed_checks == {f"{CLIENT}/orders:taken_up": f"{pause.message}; {pause.remedy}"}
    elsewhere = place(floor, TWIN, in_stock(floor, TWIN, of="twin_south")[0])
    take_up(floor)
    assert len(documents_of(floor, "twin_south", elsewhere.number)) == 1, "another client's orders are raised"

    resume(floor, pause)
    assert take_up(floor).op_page["documents"] == 1
    assert take_up(floor).op_page["documents"] == 0
    assert len(documents_of(floor, ERP, order.number)) == 1
    assert floor.materialise([orders_key(CLIENT)], partition_key=today).checks[f"{CLIENT}/orders:taken_up"].passed


def test_a_cycle_by_hand_obeys_and_says_what_is_paused(floor, paused):
    source, pushes = paused("source", "erp"), paused("pushes")
    marks = floor.marks()
    seen = floor.launch("cycle", {"ops": {"cycle_clients": {"config": {"clients": [CLIENT], "sources": ["erp"]}}}})
    assert seen.is_ok, seen.failures
    (line,) = rows_of(seen.op_page["clients_table"])
    assert line["what"] == f"{source.message}; {source.remedy}; {pushes.message}; {pushes.remedy}"
    assert floor.writes(marks) == 0


def test_shared_sensors_leave_out_what_is_paused_and_nothing_else(floor, paused):
    with workshop_of(floor.stage.environment, ahead=timedelta(minutes=30)) as later:

        def due():
            return {work.client: work for work in later.cycles_due()}

        before = due()
        paused("source", "north", client=TWIN)
        paused("all", client="karoo_outdoor")
        paused("pushes")
        assert due().keys() == before.keys() - {"karoo_outdoor"}
        assert {feed.source for feed in due()[TWIN].feeds} == {"south"}
        assert due()[CLIENT].feeds == before[CLIENT].feeds
        assert due()[CLIENT].channels == ("shop",)
        paused("channel", "shop")
        assert due()[CLIENT].channels == ()


def test_a_plan_kept_back_by_a_pause_is_due_as_soon_as_it_is_resumed(floor, paused):
    north = floor.stage.world.erps["twin_north"]
    sku = in_stock(floor, TWIN, of="twin_north")[1]
    floor.materialise(floor.keys_of(TWIN))
    pause = paused("pushes", client=TWIN)
    north.execute("UPDATE item SET price_incl = printf('%.2f', price_incl + 1) WHERE code = ?", (sku,))
    floor.materialise(floor.keys_of(TWIN))
    with workshop_of(floor.stage.environment, ahead=timedelta(seconds=61)) as later:
        assert TWIN not in {work.client for work in later.cycles_due()}, "its rhythm is three minutes"
        resume(floor, pause)
        (work,) = [work for work in later.cycles_due() if work.client == TWIN]
        assert (work.feeds, work.channels) == ((), ("shop",))
    pushed = floor.workshop.cycle_client(TWIN, channels=work.channels).channels[0].push
    assert (pushed.status, pushed.sent) == ("pushed", 1)
    with workshop_of(floor.stage.environment, ahead=timedelta(seconds=61)) as later:
        assert TWIN not in {work.client for work in later.cycles_due()}


def test_paused_channels_are_not_polled_and_paused_orders_start_no_run(floor, paused):
    take_up(floor)
    pause = paused("orders")
    place(floor, CLIENT, in_stock(floor, CLIENT)[0])
    with workshop_of(floor.stage.environment, ahead=timedelta(minutes=30)) as later:
        assert later.poll_due(budget_s=20).channels == 2
    resume(floor, pause)
    assert take_up(floor, clients=[CLIENT]).op_page["documents"] == 1


def test_assets_show_a_pause_when_it_begins_and_what_stands_when_it_ends(floor, paused):
    def tick(cursor):
        seen = floor.tick("pauses", cursor=cursor)
        told = {f"{'/'.join(e.asset_key.path)}:{e.check_name}": e for e in seen.asset_events}
        return told, seen.cursor

    quiet, cursor = tick(None)
    assert quiet == {}
    source = paused("source", "erp")
    everything = paused("pushes", client="*")
    begun, cursor = tick(cursor)
    assert {key: (e.passed, e.description) for key, e in begun.items()} == {
        f"{CLIENT}/source/erp/customers:read": (False, f"{source.message}; {source.remedy}"),
        f"{CLIENT}/source/erp/products:read": (False, f"{source.message}; {source.remedy}"),
        **{
            f"{client}/push/shop:allowed": (False, f"{everything.message}; {everything.remedy}")
            for client in ("karoo_outdoor", "twin_branches", CLIENT)
        },
    }
    assert tick(cursor)[0] == {}, "once"
    resume(floor, source)
    ended, cursor = tick(cursor)
    assert {key: (e.passed, e.description) for key, e in ended.items()} == {
        f"{CLIENT}/source/erp/customers:read": (True, "as it should be"),
        f"{CLIENT}/source/erp/products:read": (True, "as it should be"),
    }
    resume(floor, everything)
    assert len(tick(cursor)[0]) == 3

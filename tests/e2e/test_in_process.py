"""The three demo clients end to end, executed by Dagster in this process; the oracle is what the shops and ERPs have."""

import json
import socket
import threading
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import dagster as dg
import pytest

from s2s_pipelines.demo.evidence import gather
from s2s_pipelines.demo.shopper import Wish
from s2s_pipelines.demo.stage import CLIENTS
from s2s_pipelines.demo.wish import UNKNOWN_SKU, choose_wishes
from s2s_pipelines.orchestration.keys import catalogue_key, orders_key, plan_key, push_key, source_key
from tests.servers import free_port

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def rows_of(table):
    return [record.data for record in table.records]


def scalar(erp, statement, *values):
    import sqlite3

    with closing(sqlite3.connect(erp.path)) as db:
        return db.execute(statement, values).fetchone()[0]


def in_stock(floor, client, *, of=None, at_least=8):
    """Skus that the shop shows with that many units, and that this ERP owns."""
    products = floor.stage.shops[client].tables.products()
    owned = floor.stage.world.erps[of].available() if of else products
    return sorted(
        sku
        for sku, p in products.items()
        if p.status == "publish" and p.type != "variable" and (p.stock_quantity or 0) >= at_least and sku in owned
    )


def place(floor, client, sku, *, units=1, email="buyer1@example.com"):
    return floor.stage.shoppers[client].place(Wish(client, ((sku, units),), email))


def documents_of(floor, erp, number):
    return [d for d in floor.stage.world.erps[erp].documents() if d.web_number == number]


def take_up(floor, **config):
    return floor.launch("orders", {"ops": {"take_up_orders": {"config": config}}})


def publish_config(client, **config):
    return {f"{client}__publish__shop": {"config": config}}


# -- the cycle ------------------------------------------------------------------------------------------------------


def test_first_cycle_brings_every_source_to_the_shop(floor, first_cycle):
    for client in CLIENTS:
        seen = first_cycle[client]
        assert seen.is_ok, seen.failures
        assert set(seen.pages) == {"/".join(key.path) for key in floor.keys_of(client)}
        push = seen.pages[f"{client}/push/shop"]
        assert (push["status"], push["failed"], push["remaining"]) == ("pushed", 0, 0)
        assert push["sent"] == push["acknowledged"] > 0
        assert seen.pages[f"{client}/plan/shop"]["changes_plot"].startswith(
            "![Changes by field](data:image/png;base64,"
        )


@pytest.mark.parametrize("branch", ["north", "south"])
def test_shop_shows_the_prices_and_quantities_of_the_erp_that_owns_the_goods(floor, first_cycle, branch):
    erp = floor.stage.world.erps[f"twin_{branch}"]
    products = floor.stage.shops["twin_branches"].tables.products()
    available = erp.available()
    assert len(available) == 150
    for sku in available:
        price = scalar(erp, "SELECT price_incl FROM item WHERE code = ?", sku)
        assert Decimal(products[sku].regular_price) == Decimal(price), sku


def test_rejected_rows_are_kept_with_row_field_reason_and_remedy(floor, first_cycle):
    page = first_cycle["karoo_outdoor"].pages["karoo_outdoor/source/erp/products"]
    shown = rows_of(page["rejects_table"])
    assert page["rows_in"] == page["dagster/row_count"] + page["rejected"] + page["ignored"]
    assert len({row["row"] for row in shown}) == page["rejected"] == 19
    assert all(row["row"] and row["field"] and row["reason"] and row["remedy"] for row in shown)
    assert len({row["reason"] for row in shown}) >= 5
    verdict = first_cycle["karoo_outdoor"].checks["karoo_outdoor/source/erp/products:rows"]
    assert (verdict.passed, verdict.severity) == (False, dg.AssetCheckSeverity.WARN)
    products = floor.stage.shops["karoo_outdoor"].tables.products()
    assert not {row["sku"] for row in shown if row["sku"]} & set(products)


def test_orders_are_raised_settling_follows_and_a_second_cycle_writes_nothing(floor):
    floor.stage.shoppers["karoo_outdoor"].add_product(UNKNOWN_SKU, "Gift wrap", "25.00")
    show = {client: in_stock(floor, client) for client in CLIENTS}
    show |= {branch: in_stock(floor, "twin_branches", of=f"twin_{branch}") for branch in ("north", "south")}
    placed = [floor.stage.shoppers[wish.client].place(wish) for wish in choose_wishes(show)]

    swept = take_up(floor)

    assert swept.is_ok, swept.failures
    mine = {(order.wish.client, order.number) for order in placed}
    held = {(row["client"], row["order"]): row for row in rows_of(swept.op_page["held_table"])}
    assert {row["reason"] for key, row in held.items() if key in mine} == {"unknown_sku", "no_customer"}
    assert all(row["remedy"] for row in held.values())
    evidence = gather(placed, floor.stage.world.erps)
    assert set(evidence.without) == {key for key in held if key in mine}
    assert (evidence.doubled, evidence.wrong_totals) == ((), ())
    assert len(swept.op_page["documents_table"].records) <= 30 < swept.op_page["documents"] == 34 + 3

    marks = floor.marks()
    for client in CLIENTS:
        assert floor.materialise(floor.keys_of(client)).is_ok
    assert floor.writes(marks) >= 1
    marks = floor.marks()
    again = {client: floor.materialise(floor.keys_of(client)) for client in CLIENTS}
    assert floor.writes(marks) == 0
    assert all(seen.is_ok and seen.pages[f"{client}/push/shop"]["sent"] == 0 for client, seen in again.items())
    assert take_up(floor).op_page["documents"] == 0


def test_named_skus_are_sent_again_though_nothing_changed(floor):
    sku = in_stock(floor, "stokvel_direct")[0]
    marks = floor.marks()
    config = {"client": "stokvel_direct", "skus": [sku]}
    seen = floor.launch("resync_skus", {"ops": {"send_again": {"config": config}}})
    assert seen.is_ok, seen.failures
    assert rows_of(seen.op_page["result_table"])[0]["status"] == "pushed"
    assert floor.writes(marks) == floor.writes(marks, ["stokvel_direct"]) > 0


# -- breakers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def tripped(floor):
    """The northern branch doubles all its prices; they are as before when the test is over."""
    client, north = "twin_branches", floor.stage.world.erps["twin_north"]
    keys = [source_key(client, "north", "products"), catalogue_key(client), plan_key(client, "shop")]

    def reprice(factor):
        north.execute("UPDATE item SET price_incl = printf('%.2f', price_incl * ?)", (factor,))
        return floor.materialise([*keys, push_key(client, "shop")])

    yield reprice
    for sku in north.available():
        price = scalar(north, "SELECT price_trade / 0.8 FROM item WHERE code = ?", sku)
        north.execute("UPDATE item SET price_incl = printf('%.2f', ?) WHERE code = ?", (price, sku))
    floor.materialise(keys)
    if floor.workshop.newest_plan(client, "shop").tripped:
        word = publish_config(client, let_through=["price_change"], by="test", reason="back to what it was")
        floor.materialise([push_key(client, "shop")], config=word)
    newest = floor.workshop.newest_plan(client, "shop")
    if newest.pushed_at is None:
        floor.materialise([push_key(client, "shop")])


def test_stopped_plan_is_not_pushed_however_the_run_is_launched(floor, tripped):
    client = "twin_branches"
    marks = floor.marks()
    seen = tripped(2)

    assert seen.failed_checks[f"{client}/plan/shop:price_change"].startswith("150 of 300 ")
    assert "the limit is 30%" in seen.failed_checks[f"{client}/plan/shop:price_change"]
    assert "the plan is stopped by price_change; nothing was sent" in seen.failed_checks[f"{client}/push/shop:allowed"]
    assert f"{client}/plan/shop" in seen.pages
    assert f"{client}/push/shop" not in seen.pages

    both, alone = [plan_key(client, "shop"), push_key(client, "shop")], [push_key(client, "shop")]
    for keys, has_checks in ((both, False), (alone, True), (alone, False)):
        later = floor.materialise(keys, has_checks=has_checks)
        assert bool(later.checks) == has_checks
        assert f"{client}/push/shop" not in later.pages
    assert floor.writes(marks) == 0


def test_letting_through_needs_a_name_and_a_reason_and_counts_for_one_plan(floor, tripped):
    client = "twin_branches"
    alone = [push_key(client, "shop")]
    tripped(2)
    marks = floor.marks()
    for config in (
        {"let_through": ["price_change"]},
        {"let_through": ["price_change"], "by": "ops"},
        {"let_through": ["prize_change"], "by": "ops", "reason": "new price list"},
    ):
        refused = floor.materialise(alone, config=publish_config(client, **config))
        assert not refused.is_ok
        assert refused.failures
    assert floor.writes(marks) == 0

    word = publish_config(client, let_through=["price_change"], by="ops", reason="new price list")
    through = floor.materialise(alone, config=word)
    assert through.pages[f"{client}/push/shop"]["acknowledged"] == 150
    north = floor.stage.world.erps["twin_north"]
    sku = next(iter(north.available()))
    shown = floor.stage.shops[client].tables.products()[sku]
    assert Decimal(shown.regular_price) == Decimal(scalar(north, "SELECT price_incl FROM item WHERE code = ?", sku))
    plan = dg.AssetCheckKey(plan_key(client, "shop"), "price_change")
    told = floor.evaluate(plan)
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told.description.endswith("Let through by ops: new price list")

    marks = floor.marks()
    next_plan = tripped(2)
    assert f"{client}/push/shop:allowed" in next_plan.failed_checks
    assert floor.writes(marks) == 0


# -- sources that cannot be reached ---------------------------------------------------------------------------------


def test_unreachable_linked_source_keeps_its_last_good_file_and_holds_up_nothing(floor, astray):
    client = "karoo_outdoor"
    erp = floor.stage.world.erps["karoo_erp"]
    sku = in_stock(floor, client, of="karoo_erp")[-1]
    brands = {sku: row for sku, row in _column(floor, client, "vendor").items() if row}
    erp.execute("UPDATE item SET price_incl = '77.50' WHERE code = ?", (sku,))

    with astray("DEMO_SUPPLIER_CSV", f"http://127.0.0.1:{free_port()}/voorraad.csv", client):
        seen = floor.materialise(floor.keys_of(client))
        after = {sku: row for sku, row in _column(floor, client, "vendor").items() if row}

    assert seen.is_ok
    read = seen.failed_checks[f"{client}/linked/supplier:read"]
    assert read.startswith("products: ")
    assert "minutes old and stands" in read
    assert f"{client}/linked/supplier" not in seen.pages
    assert {f"{client}/linked/texts", f"{client}/source/erp/products", f"{client}/catalogue"} <= set(seen.pages)
    assert {name for name in seen.failed_checks if name.endswith(":read")} == {f"{client}/linked/supplier:read"}
    assert floor.stage.shops[client].tables.products()[sku].regular_price == "77.50"
    assert len(brands) > 300
    assert after == brands


def test_unreachable_erp_empties_no_shop(floor, astray):
    client = "stokvel_direct"
    before = _column(floor, client, "title")
    marks = floor.marks()

    with astray("DEMO_STOKVEL_ERP_URL", "sqlite:////nowhere/stokvel.db", client):
        seen = floor.materialise(floor.keys_of(client))

    assert "minutes old and stands" in seen.failed_checks[f"{client}/source/erp/products:read"]
    assert not {f"{client}/source/erp/products", f"{client}/source/erp/customers"} & set(seen.pages)
    assert seen.checks[f"{client}/linked/garden:read"].passed
    assert _column(floor, client, "title") == before
    assert floor.writes(marks) == 0


def test_check_executed_alone_tells_how_the_newest_read_went(floor, astray):
    client = "stokvel_direct"
    key = source_key(client, "erp", "products")
    with astray("DEMO_STOKVEL_ERP_URL", "sqlite:////nowhere/stokvel.db", client):
        floor.materialise([key])
        alone = floor.evaluate(dg.AssetCheckKey(key, "read"))
        assert not alone.passed
        assert "minutes old and stands" in alone.description
    assert floor.evaluate(dg.AssetCheckKey(key, "read")).passed
    rows = floor.evaluate(dg.AssetCheckKey(source_key("karoo_outdoor", "erp", "products"), "rows"))
    assert (rows.passed, rows.description[:21]) == (False, "19 rows were rejected")


def _column(floor, client, column):
    snapshot = floor.workshop.catalogues.current(client, "catalogue")
    table = floor.workshop.catalogues.read(snapshot, columns=["sku", column])
    return dict(zip(table["sku"].to_pylist(), table[column].to_pylist(), strict=True))


# -- orders by name and by day --------------------------------------------------------------------------------------


def test_range_of_days_is_one_run_that_raises_what_is_missing_and_nothing_twice(floor):
    client = "twin_branches"
    sku = in_stock(floor, client, of="twin_south")[0]
    order = place(floor, client, sku)
    assert documents_of(floor, "twin_south", order.number) == []
    days = dict(zip(RANGE, ("2026-01-01", floor.workshop.today(client).isoformat()), strict=True))

    seen = floor.materialise([orders_key(client)], tags=days)

    assert seen.is_ok, seen.failures
    assert seen.pages[f"{client}/orders"]["documents"] == 1
    assert rows_of(seen.pages[f"{client}/orders"]["documents_table"])[0]["order"] == order.number
    assert len(documents_of(floor, "twin_south", order.number)) == 1
    again = floor.materialise([orders_key(client)], tags=days)
    day = floor.materialise([orders_key(client)], partition_key=days[RANGE[1]])
    polled = take_up(floor, clients=[client])
    assert again.pages[f"{client}/orders"]["documents"] == day.pages[f"{client}/orders"]["documents"] == 0
    assert polled.op_page["documents"] == 0
    assert len(documents_of(floor, "twin_south", order.number)) == 1


@pytest.mark.parametrize("first_in", [0, 2])
def test_day_that_has_not_begun_is_refused(floor, first_in):
    client = "twin_branches"
    first, last = (floor.workshop.today(client) + timedelta(days=days) for days in (first_in, 3))
    days = dict(zip(RANGE, (first.isoformat(), last.isoformat()), strict=True))
    seen = floor.materialise([orders_key(client)], tags=days)
    assert not seen.is_ok
    assert seen.failures == f"{last} has not begun yet"
    assert seen.pages == {}


def test_named_held_order_is_raised_once_its_cause_is_mended(floor):
    client = "stokvel_direct"
    erp = floor.stage.world.erps["stokvel_erp"]
    order = place(floor, client, in_stock(floor, client)[0], email="newcomer@example.com")
    held = rows_of(take_up(floor, clients=[client]).op_page["held_table"])
    assert [(row["order"], row["reason"]) for row in held if row["order"] == order.number] == [
        (order.number, "no_customer")
    ]
    assert "newcomer" not in json.dumps(held)
    erp.add_debtors([("C777", "New", "Comer", "newcomer@example.com", "A")])
    assert floor.materialise([source_key(client, "erp", "customers")]).is_ok

    seen = take_up(floor, clients=[client], orders=[order.number], poll=False)

    assert seen.is_ok, seen.failures
    assert [row["order"] for row in rows_of(seen.op_page["documents_table"])] == [order.number]
    assert [(d.account, d.total) for d in documents_of(floor, "stokvel_erp", order.number)] == [
        ("C777", Decimal(order.total))
    ]
    assert take_up(floor, clients=[client], orders=[order.number]).op_page["documents"] == 0
    assert len(documents_of(floor, "stokvel_erp", order.number)) == 1


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"orders": ["1"]}, "name the one client"),
        ({"first_day": "21/11/2026"}, "YYYY-MM-DD"),
        ({"first_day": "2026-03-02", "last_day": "2026-03-01"}, "last_day is before first_day"),
        ({"clients": ["nobody"]}, "no such client is declared"),
        ({"clients": ["twin_branches"], "orders": ["987654"]}, "knows this order"),
    ],
)
def test_odd_run_config_is_refused_with_the_reason(floor, config, said):
    seen = take_up(floor, **config)
    assert not seen.is_ok
    problems = [m.value for e in seen.result.all_events if e.is_step_failure for m in _failure_metadata(e).values()]
    assert said in seen.failures + "\n".join(map(str, problems))


def _failure_metadata(event):
    said = event.step_failure_data.user_failure_data
    return said.metadata if said else {}


def test_no_name_outside_this_machine_is_looked_up(floor, monkeypatch):
    asked = set()
    look_up = socket.getaddrinfo

    def recorded(host, *rest, **more):
        asked.add(host)
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", recorded)
    before = set(threading.enumerate())
    assert floor.materialise([dg.AssetKey(["stokvel_direct", "linked", "garden"])]).is_ok
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
    assert asked <= {"127.0.0.1", "localhost"}

"""What operators do, done in the real UI by clicking and typing; the oracle is what shops, ERPs and our database have."""

import csv
import re
from collections.abc import Iterator

import pytest

from tests.e2e.browser import SCREEN, WAIT_MS, Console, chromium, wait_until
from tests.e2e.console_stage import STOKVEL, TWIN, ConsoleStage, console_stage

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

DEARER = "UPDATE item SET price_incl = printf('%.2f', price_incl + 1) WHERE code = ?"
STAMPED = "UPDATE item SET price_incl = printf('%.2f', price_incl + 1), changed_at = ? WHERE code = ?"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[ConsoleStage]:
    with console_stage(tmp_path_factory.mktemp("actions")) as made:
        yield made


@pytest.fixture(scope="module")
def browser(chromium_path):
    with chromium(chromium_path) as made:
        yield made


@pytest.fixture
def ui(browser, world, request) -> Iterator[Console]:
    page = browser.new_page(**SCREEN)
    page.set_default_timeout(WAIT_MS)
    made = Console(page, world.stage.dagster)
    yield made
    made.shot(f"end-{request.node.name}")
    page.close()
    for pause in world.workshop.pauses.live():  # of a test that failed
        world.workshop.pauses.end(pause.client, pause.scope, pause.target, by="test")


# -- materialising --------------------------------------------------------------------------------------------------


def test_a_whole_client_is_brought_up_to_date(ui, world):
    skus = [world.skus(TWIN, "twin_north")[0], world.skus(TWIN, "twin_south")[0]]
    before = [world.price(TWIN, sku) for sku in skus]
    for sku, erp in zip(skus, ("twin_north", "twin_south"), strict=True):
        world.erp(erp).execute(DEARER, (sku,))

    run = ui.materialise_group(TWIN)

    assert run.status == "SUCCESS"
    assert [world.price(TWIN, sku) for sku in skus] == [price + 1 for price in before]


def test_one_source_is_read_and_nothing_else(ui, world):
    world.erp("twin_north").execute(DEARER, (world.skus(TWIN, "twin_north")[0],))
    world.erp("twin_south").execute(DEARER, (world.skus(TWIN, "twin_south")[0],))
    before, mark = world.snapshots(TWIN), world.shop(TWIN).mark()

    run = ui.materialise_group(TWIN, f'key:"{TWIN}/source/north/*"', nodes=2)

    assert run.status == "SUCCESS"
    after = world.snapshots(TWIN)
    assert after["source/north/products"].id != before["source/north/products"].id
    assert after["source/south/products"] == before["source/south/products"]
    assert after["source/north/customers"].read_at > before["source/north/customers"].read_at
    assert world.shop(TWIN).write_count(mark) == 0


def test_one_channel_is_planned_and_pushed_and_no_other(ui, world):
    sku = world.skus(STOKVEL, "stokvel_erp")[0]
    before = world.price(STOKVEL, sku)
    world.erp("stokvel_erp").execute(STAMPED, ("2026-02-01 00:00:00", sku))
    world.workshop.refresh(STOKVEL, asked={"erp": ["products"]}, is_full=False)

    run = ui.materialise_group(STOKVEL, f'key:"{STOKVEL}/*/shop"', nodes=2)

    assert run.status == "SUCCESS"
    assert world.price(STOKVEL, sku) == before + 1
    assert world.outlet.tables.product_count() == 0
    ui.open(f"assets/{STOKVEL}/push/shop")
    ui.page.get_by_text("acknowledged").first.wait_for()


def test_a_source_is_read_whole_though_its_cursor_would_leave_a_row_out(ui, world):
    sku = world.skus(STOKVEL, "stokvel_erp")[-1]
    key = f"{STOKVEL}/source/erp/products"
    world.erp("stokvel_erp").execute(DEARER, (sku,))  # a clerk with too many rights: the row's stamp stays
    wanted = world.erp_price("stokvel_erp", sku)
    known = world.read_price(STOKVEL, "source/erp/products", sku)
    assert known == wanted - 1

    assert ui.materialise_group(STOKVEL, f'key:"{key}"', nodes=1).status == "SUCCESS"
    assert world.read_price(STOKVEL, "source/erp/products", sku) == known
    assert world.snapshots(STOKVEL)["source/erp/products"].is_complete is False

    ui.open(f"assets/{key}")
    ui.page.get_by_role("button", name=re.compile("Materialize")).first.click(modifiers=["Shift"])
    dialog = ui.page.get_by_role("dialog")
    dialog.get_by_text("full: false").wait_for()
    assert "accept: []" in ui.written
    ui.fill(full="true")
    dialog.get_by_text("Read every selected feed whole, ignoring its cursor.").wait_for()
    button = dialog.get_by_role("button", name=re.compile("Materialize")).last
    wait_until(button.is_enabled, "the run config is taken as valid")
    ui.shot("full-read")
    assert ui.launched(button.click).status == "SUCCESS"

    assert world.read_price(STOKVEL, "source/erp/products", sku) == wanted
    assert world.snapshots(STOKVEL)["source/erp/products"].is_complete is True


# -- sending and fetching again -------------------------------------------------------------------------------------


def test_named_skus_are_sent_again_though_nothing_changed(ui, world):
    world.settle(TWIN)
    named = world.skus(TWIN, "twin_south")[3:5]
    mark, before = world.shop(TWIN).mark(), world.shop(TWIN).products()

    run = ui.launch(
        "resync_skus", client=TWIN, channel="shop", skus=f"['{named[0]}', '{named[1]}']", shot="resync-skus"
    )

    assert run.status == "SUCCESS"
    assert world.shop(TWIN).write_count(mark) > 0
    after = world.shop(TWIN).products()
    assert {sku for sku in after if after[sku].modified_at > before[sku].modified_at} == set(named)
    assert [after[sku].regular_price for sku in named] == [before[sku].regular_price for sku in named]
    ui.page.get_by_text("acknowledged").first.wait_for()


def test_a_range_of_days_of_many_clients_is_fetched_again_and_raised_once(ui, world):
    placed = [world.place(TWIN, "twin_south"), world.place(STOKVEL, "stokvel_erp")]
    assert [world.documents(*order) for order in placed] == [[], []]
    day = world.workshop.today(TWIN).isoformat()
    asked = {"clients": f"[{TWIN}, {STOKVEL}]", "first_day": f"'{day}'", "last_day": f"'{day}'", "poll": "false"}

    for _ in range(2):
        assert ui.launch("orders", **asked).status == "SUCCESS"
        assert [len(world.documents(*order)) for order in placed] == [1, 1]


def test_a_backfill_over_the_days_of_many_clients_raises_what_is_missing(ui, world):
    placed = [world.place(TWIN, "twin_south"), world.place(STOKVEL, "stokvel_erp")]
    ui.open("asset-groups")
    ui.page.get_by_role("button", name=re.compile("Materialize")).first.wait_for()
    ui.select('key:"*/orders"')
    ui.page.get_by_role("button", name=re.compile("Materialize all")).click()
    ui.page.get_by_role("button", name="All", exact=True).click()
    launch = ui.page.get_by_role("button", name="Launch backfill", exact=True)
    wait_until(launch.is_enabled, "days are chosen")
    ui.shot("backfill-clients")

    run = ui.launched(launch.click)

    assert run.status == "SUCCESS"
    assert run.tags["dagster/asset_partition_range_start"] < run.tags["dagster/asset_partition_range_end"]
    wait_until(lambda: all(world.documents(*order) for order in placed), "both clients' days are read")
    assert [len(world.documents(*order)) for order in placed] == [1, 1]


# -- plans ----------------------------------------------------------------------------------------------------------


def test_a_first_plan_is_looked_at_and_approved_by_name_and_another_one_waits_again(ui, world, tmp_path):
    assert ui.materialise_group(STOKVEL, f'key:"{STOKVEL}/*/outlet"', nodes=2).status == "SUCCESS"
    assert world.outlet.tables.product_count() == 0
    first = world.workshop.newest_plan(STOKVEL, "outlet")
    ui.open(f"assets/{STOKVEL}/plan/outlet")
    ui.page.get_by_text(f"s2s plan {STOKVEL} outlet --csv").first.wait_for()
    ui.page.get_by_text("changes_table").first.wait_for()
    ui.shot("plan-page")
    ui.open(f"assets/{STOKVEL}/push/outlet?view=checks")
    ui.page.get_by_text("allowed", exact=True).first.click()
    ui.page.get_by_text(re.compile("nobody approved it yet")).first.wait_for()

    assert ui.launch("show_plan", client=STOKVEL, channel="outlet", csv="true").status == "SUCCESS"
    changes = world.workshop.stores.plans.read(first).changes.num_rows
    shown = ui.output()
    for words in ("nobody approved it yet", str(changes), "Show schema"):
        shown.get_by_text(words).first.wait_for()
    ui.shot("plan")
    text = ui.output_file("look_at_plan", tmp_path)
    assert len(list(csv.DictReader(text[text.index("product_key,") :].splitlines()))) == changes

    word = {"client": STOKVEL, "channel": "outlet", "by": "Ops", "reason": "looked at fifty rows"}
    assert ui.launch("approve_plan", **word, plan=str(first.id), push="false").status == "SUCCESS"
    said = world.workshop.newest_plan(STOKVEL, "outlet").approval
    assert (said.by, said.reason) == ("Ops", "looked at fifty rows")
    world.erp("stokvel_erp").execute(STAMPED, ("2026-03-01 00:00:00", world.skus(STOKVEL, "stokvel_erp")[0]))
    assert ui.materialise_group(STOKVEL).status == "SUCCESS"
    second = world.workshop.newest_plan(STOKVEL, "outlet")
    assert (second.id > first.id, second.verdict) == (True, "awaiting")
    assert world.outlet.tables.product_count() == 0, "it is another plan than the one that was approved"

    run = ui.launch("approve_plan", **word, plan=str(second.id), push="true", shot="approve")
    assert run.status == "SUCCESS"
    shop = world.shop(STOKVEL).products()
    outlet = world.outlet.tables.products()
    assert {sku: p.regular_price for sku, p in outlet.items()} == {sku: p.regular_price for sku, p in shop.items()}
    assert world.workshop.newest_plan(STOKVEL, "outlet").pushed_at is not None


def test_a_breaker_is_let_through_once_by_name_and_the_next_plan_stops_again(ui, world):
    north, sku = world.erp("twin_north"), world.skus(TWIN, "twin_north")[0]
    world.settle(TWIN)
    before, mark = world.price(TWIN, sku), world.shop(TWIN).mark()
    double = "UPDATE item SET price_incl = printf('%.2f', price_incl * 2)"

    north.execute(double)
    ui.materialise_group(TWIN)
    assert world.workshop.newest_plan(TWIN, "shop").tripped == ("price_change",)
    assert world.shop(TWIN).write_count(mark) == 0
    ui.open(f"assets/{TWIN}/plan/shop?view=checks")
    ui.page.get_by_text("price_change", exact=True).first.click()
    ui.page.get_by_text(re.compile(r"150 of \d+ .*the limit is 30%")).first.wait_for()
    ui.shot("breaker")

    word = {"client": TWIN, "channel": "shop", "breakers": "[price_change]", "by": "Ops", "reason": "new price list"}
    assert ui.launch("let_through", **word, shot="let-through").status == "SUCCESS"
    assert world.price(TWIN, sku) == before * 2
    said = world.workshop.newest_plan(TWIN, "shop").let_through
    assert (said.by, said.reason, said.breakers) == ("Ops", "new price list", ("price_change",))

    north.execute(double)
    ui.materialise_group(TWIN)
    assert world.workshop.newest_plan(TWIN, "shop").tripped == ("price_change",)
    assert world.price(TWIN, sku) == before * 2
    north.execute("UPDATE item SET price_incl = printf('%.2f', price_incl / 2)")
    world.settle(TWIN)


# -- pauses ---------------------------------------------------------------------------------------------------------


def test_a_channel_is_paused_and_what_waited_is_pushed_once_after(ui, world):
    sku = world.skus(TWIN, "twin_north")[0]
    world.settle(TWIN)
    before, mark = world.price(TWIN, sku), world.shop(TWIN).mark()
    asked = {"client": TWIN, "scope": "channel", "target": "shop"}
    told = {"until": "2h", "why": "the shop moves", "by": "Ops"}
    assert ui.launch("pause", **asked, **told, shot="pause").status == "SUCCESS"
    (pause,) = world.workshop.pauses.live()
    assert (pause.client, pause.scope, pause.target, pause.why) == (TWIN, "channel", "shop", "the shop moves")

    world.erp("twin_north").execute(DEARER, (sku,))
    assert ui.materialise_group(TWIN).status == "SUCCESS"
    assert (world.price(TWIN, sku), world.shop(TWIN).write_count(mark)) == (before, 0)
    ui.open(f"assets/{TWIN}/push/shop?view=checks")
    ui.page.get_by_text("allowed", exact=True).first.click()
    ui.page.get_by_text(re.compile("the shop moves")).first.wait_for()
    ui.shot("paused-check")
    ui.materialise_group("fleet")
    ui.open("assets/fleet")
    worst = ui.page.locator("table", has_text="what is wrong").last
    worst.get_by_text(re.compile(r"channel shop.* until \d\d-\d\d \d\d:\d\d")).first.wait_for()
    ui.shot("fleet-paused", of=worst)

    assert ui.launch("resume", client=TWIN, by="Ops").status == "SUCCESS"
    assert world.workshop.pauses.live() == ()
    assert ui.materialise_group(TWIN).status == "SUCCESS"
    assert world.price(TWIN, sku) == before + 1
    mark = world.shop(TWIN).mark()
    world.settle(TWIN)
    assert world.shop(TWIN).write_count(mark) == 0


def test_orders_are_paused_and_what_waited_is_raised_once_after(ui, world):
    word = {"why": "stock take", "by": "Ops"}
    assert ui.launch("pause", client=STOKVEL, scope="orders", **word).status == "SUCCESS"
    order = world.place(STOKVEL, "stokvel_erp")
    assert ui.launch("orders", clients=f"[{STOKVEL}]").status == "SUCCESS"
    ui.page.get_by_text(re.compile("stock take")).first.wait_for()
    assert world.documents(*order) == []
    ui.open(f"assets/{STOKVEL}/orders?view=checks")
    ui.page.get_by_text("taken_up", exact=True).first.click()
    ui.page.get_by_text(re.compile("stock take")).first.wait_for()

    assert ui.launch("resume", client=STOKVEL, scope="orders", by="Ops").status == "SUCCESS"
    for _ in range(2):
        assert ui.launch("orders", clients=f"[{STOKVEL}]").status == "SUCCESS"
        assert len(world.documents(*order)) == 1


def test_one_source_is_paused_and_the_others_are_read(ui, world):
    told = {"client": TWIN, "scope": "source", "target": "north", "why": "they move their server", "by": "Ops"}
    assert ui.launch("pause", **told).status == "SUCCESS"
    before = world.snapshots(TWIN)
    for erp in ("twin_north", "twin_south"):
        world.erp(erp).execute(DEARER, (world.skus(TWIN, erp)[0],))
    assert ui.materialise_group(TWIN).status == "SUCCESS"
    after = world.snapshots(TWIN)
    assert after["source/north/products"] == before["source/north/products"]
    assert after["source/south/products"].id != before["source/south/products"].id
    ui.open(f"assets/{TWIN}/source/north/products?view=checks")
    ui.page.get_by_text("read", exact=True).first.click()
    ui.page.get_by_text(re.compile("they move their server")).first.wait_for()

    assert ui.launch("resume", client=TWIN, scope="source", target="north", by="Ops").status == "SUCCESS"
    assert ui.materialise_group(TWIN).status == "SUCCESS"
    assert world.snapshots(TWIN)["source/north/products"].id != before["source/north/products"].id


def test_pushes_are_paused_while_everything_is_read_and_planned(ui, world):
    sku = world.skus(TWIN, "twin_north")[0]
    world.settle(TWIN)
    before, mark = world.price(TWIN, sku), world.shop(TWIN).mark()
    read = world.read_price(TWIN, "source/north/products", sku)
    assert ui.launch("pause", client=TWIN, scope="pushes", why="prices are checked", by="Ops").status == "SUCCESS"
    world.erp("twin_north").execute(DEARER, (sku,))
    assert ui.materialise_group(TWIN).status == "SUCCESS"
    assert world.read_price(TWIN, "source/north/products", sku) == read + 1
    assert (world.price(TWIN, sku), world.shop(TWIN).write_count(mark)) == (before, 0)

    assert ui.launch("resume", client=TWIN, scope="pushes", by="Ops").status == "SUCCESS"
    assert ui.materialise_group(TWIN).status == "SUCCESS"
    assert world.price(TWIN, sku) == before + 1


def test_a_whole_client_is_paused_and_stands_still_however_it_is_launched(ui, world):
    word = {"why": "they close for a day", "by": "Ops"}
    assert ui.launch("pause", client=TWIN, scope="all", **word).status == "SUCCESS"
    before, mark = world.snapshots(TWIN), world.shop(TWIN).mark()
    world.erp("twin_north").execute(DEARER, (world.skus(TWIN, "twin_north")[0],))
    assert ui.launch("cycle", clients=f"[{TWIN}]", sources="[north]").status == "SUCCESS"
    assert ui.materialise_group(TWIN).status == "SUCCESS"
    assert world.snapshots(TWIN) == before
    assert world.shop(TWIN).write_count(mark) == 0
    assert ui.launch("resume", client=TWIN, by="Ops").status == "SUCCESS"
    assert ui.launch("cycle", clients=f"[{TWIN}]", sources="[north]").status == "SUCCESS"
    assert world.snapshots(TWIN)["source/north/products"].id != before["source/north/products"].id
    assert world.shop(TWIN).write_count(mark) > 0


# -- explaining -----------------------------------------------------------------------------------------------------


def test_a_sku_is_explained_back_to_the_cell(ui, world):
    world.settle(TWIN)
    sku = world.skus(TWIN, "twin_north")[0]
    assert ui.launch("explain", client=TWIN, sku=f"'{sku}'", field="price").status == "SUCCESS"
    dialog = ui.output()
    for words in ("chain_table", "column price_incl", world.shop(TWIN).products()[sku].regular_price):
        dialog.get_by_text(words).first.wait_for()
    ui.shot("explain-sku")


def test_an_order_is_explained_without_its_buyer(ui, world):
    order = world.place(STOKVEL, "stokvel_erp")
    assert ui.launch("orders", clients=f"[{STOKVEL}]").status == "SUCCESS"
    (document,) = world.documents(*order)
    assert ui.launch("explain", client=STOKVEL, order=f"'{order[1].number}'").status == "SUCCESS"
    dialog = ui.output()
    for words in ("documents_table", document.number, "history_table"):
        dialog.get_by_text(words).first.wait_for()
    assert "example.com" not in dialog.inner_text()
    ui.shot("explain-order")


def test_rejected_rows_are_shown_by_reason(ui, world, tmp_path):
    assert ui.launch("show_rejects", client=TWIN, source="south", csv="true").status == "SUCCESS"
    dialog = ui.output()
    kept = world.workshop.rejects_by_reason(TWIN, source="south").to_pylist()
    assert len(kept) == 3
    for row in kept:
        dialog.get_by_text(row["reason"], exact=True).first.wait_for()
        dialog.get_by_text(row["remedy"]).first.wait_for()
    ui.shot("rejects")
    text = ui.output_file("look_at_rejects", tmp_path)
    lines = list(csv.DictReader(text[text.index("source,feed,") :].splitlines()))
    assert [line["reason"] for line in lines] == [row["reason"] for row in kept]


# -- wrong input ----------------------------------------------------------------------------------------------------


def test_launchpads_explain_themselves_and_wrong_input_is_refused_with_the_near_miss(ui, world):
    ui.open_launchpad("pause")
    for line in ("client: ''", "scope: pushes", "target: ''", "until: 1h", "why: ''", "by: ''"):
        assert f"      {line}\n" in ui.written
    ui.fill(client="twin_branchs", why="stock take", by="Ops")
    ui.page.get_by_text("When it ends by itself").first.wait_for()
    ui.page.get_by_text("shown on the assets, in fleet and in the history").first.wait_for()
    button = ui.page.get_by_role("button", name="Launch Run")
    wait_until(button.is_enabled, "the run config is taken as valid")
    ui.overwrite("scope", "scop: orders")
    ui.page.get_by_text('Received unexpected config entry "scop"').wait_for()
    wait_until(button.is_disabled, "nothing can be launched")
    ui.shot("wrong-field")
    ui.overwrite("scop", "scope: orders")
    wait_until(button.is_enabled, "the run config is taken as valid")

    run = ui.launched(button.click, "pause")

    assert run.status == "FAILURE"
    ui.open(f"runs/{run.run_id}")
    ui.page.get_by_text(re.compile("did you mean twin_branches")).first.wait_for()
    ui.shot("near-miss")
    assert world.workshop.pauses.live() == ()

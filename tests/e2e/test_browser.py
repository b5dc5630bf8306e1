"""The real webserver and daemon, operated in headless Chromium as an operator would; screenshots land in build/screenshots."""

import re
import time
from pathlib import Path

import pytest

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.demo.shopper import Wish
from s2s_pipelines.demo.stage import CLIENTS, Stage
from tests.e2e.browser import SCREEN, SHOTS, WAIT_MS, chromium, start_sensor, stop_sensor, wait_until
from tests.e2e.floor import ROOT

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

CLIENT = "stokvel_direct"
STRANGER = "stranger@example.com"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(ROOT, tmp_path_factory.mktemp("browser"), print) as made:
        yield made


@pytest.fixture(scope="module")
def workshop(stage):
    made = Workshop(Environment.from_mapping(stage.environment))
    yield made
    made.close()


@pytest.fixture(scope="module")
def published(stage, workshop):
    """Every shop is filled by the daemon's own sensor."""

    def is_published(client):
        plan = workshop.newest_plan(client, "shop")
        return plan is not None and plan.pushed_at is not None

    wait_until(lambda: all(is_published(client) for client in CLIENTS), "the shops are filled", 480)
    return stage


@pytest.fixture(scope="module")
def browser(chromium_path):
    with chromium(chromium_path) as made:
        yield made


@pytest.fixture
def page(browser, published):
    made = browser.new_page(**SCREEN)
    made.set_default_timeout(WAIT_MS)
    yield made
    made.close()


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def lineage(stage, client):
    return f"{stage.dagster.url}/locations/__repository__@s2s/asset-groups/{client}/lineage"


def rows(path: Path, statement: str, *values):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement, values).fetchall()


def test_operator_sees_the_graph_and_launches_a_materialisation_by_clicking(page, stage):
    page.goto(lineage(stage, "karoo_outdoor"))
    for words in ("catalogue", "Materialize all"):
        page.get_by_text(words, exact=False).first.wait_for()
    wait_until(lambda: "Loading" not in page.inner_text("body"), "the graph is drawn")
    page.wait_for_load_state("networkidle")
    shot(page, "asset-graph")
    begun = time.time()
    page.goto(lineage(stage, "twin_branches"))
    button = page.get_by_text("Materialize all", exact=False).first
    button.wait_for()
    button.click()

    def launched():
        found = [run for run in stage.dagster.runs(created_after=begun - 1) if "s2s/cycle" not in run.tags]
        return [run for run in found if run.job == "__ASSET_JOB"]

    wait_until(launched, "the click launches a run")
    done = stage.dagster.wait_for([launched()[0].run_id], timeout_s=240)
    assert done[0].status == "SUCCESS"
    page.goto(f"{stage.dagster.url}/runs/{done[0].run_id}")
    page.get_by_text("Success", exact=False).first.wait_for()
    shot(page, "run")


def test_operator_sees_a_failed_check_and_its_reason(page, stage):
    page.goto(f"{stage.dagster.url}/assets/karoo_outdoor/source/erp/products?view=checks")
    page.get_by_text("rows", exact=True).first.wait_for()
    page.get_by_text("rows", exact=True).first.click()
    page.get_by_text(re.compile("19 rows were rejected")).first.wait_for()
    shot(page, "failed-check")


def test_operator_resyncs_one_held_order_from_the_launchpad_and_sees_it_raised(page, stage, workshop):
    erp = stage.world.erps["stokvel_erp"]
    products = stage.shops[CLIENT].tables.products()
    sku = next(s for s, p in sorted(products.items()) if p.status == "publish" and (p.stock_quantity or 0) >= 8)
    order = stage.shoppers[CLIENT].place(Wish(CLIENT, ((sku, 2),), STRANGER))
    wait_until(lambda: [o for o in workshop.ledger.held(CLIENT) if o.number == order.number], "the order is held")
    in_erp = "SELECT doc_no, account, total FROM sales_order WHERE web_number = ?"
    assert rows(erp.path, in_erp, order.number) == []
    erp.add_debtors([("C900", "Stranger", "Example", STRANGER, "A")])
    refreshed = stage.dagster.launch_assets([(CLIENT, "source", "erp", "customers")])
    assert stage.dagster.wait_for([refreshed], timeout_s=240)[0].status == "SUCCESS"

    page.goto(f"{stage.dagster.url}/locations/s2s/jobs/orders/playground")
    editor = page.locator(".CodeMirror").first
    editor.wait_for()
    page.get_by_text("Launch run", exact=False).first.wait_for()
    named = f"{{clients: [{CLIENT}], orders: ['{order.number}'], poll: false}}"
    config = f"ops:\n  take_up_orders:\n    config: {named}\n"
    editor.evaluate("(node, text) => node.CodeMirror.setValue(text)", config)
    button = page.get_by_role("button", name=re.compile("Launch run", re.I)).first
    wait_until(button.is_enabled, "the run config is taken as valid")
    shot(page, "launchpad")
    begun = time.time()
    button.click()

    def launched():
        found = stage.dagster.runs(created_after=begun - 1)
        return [run for run in found if run.job == "orders" and "s2s/orders" not in run.tags]

    wait_until(launched, "the launchpad launches a run")
    run = stage.dagster.wait_for([launched()[0].run_id], timeout_s=240)[0]
    assert run.status == "SUCCESS"
    documents = rows(erp.path, in_erp, order.number)
    assert [(account, total) for _, account, total in documents] == [("C900", order.total)]
    page.goto(f"{stage.dagster.url}/runs/{run.run_id}")
    page.get_by_text("documents_table", exact=False).first.wait_for()
    shot(page, "orders-run")
    page.get_by_text(documents[0][0], exact=False).first.wait_for()


@pytest.fixture
def deaf(stage):
    """The order sensor switched off, as an operator may have done by mistake; on again at the end."""
    stop_sensor(stage.dagster, "orders_due")
    yield
    start_sensor(stage.dagster, "orders_due")


def test_operator_backfills_days_and_what_was_missing_is_raised_once(page, stage, deaf):
    client, erp = "twin_branches", stage.world.erps["twin_north"]
    owned, products = erp.available(), stage.shops[client].tables.products()
    sku = next(s for s in sorted(owned) if s in products and (products[s].stock_quantity or 0) >= 8)
    order = stage.shoppers[client].place(Wish(client, ((sku, 1),), "buyer1@example.com"))
    in_erp = "SELECT doc_no, total FROM sales_order WHERE web_number = ?"

    for _ in range(2):
        begun = time.time()
        page.goto(f"{stage.dagster.url}/assets/{client}/orders")
        page.get_by_role("button", name=re.compile("Materialize", re.I)).first.click()
        page.get_by_role("button", name="All", exact=True).click()
        page.get_by_text("Backfills all partitions in a single run").wait_for()
        shot(page, "backfill")
        page.get_by_role("button", name="Launch backfill", exact=True).click()

        def launched(begun=begun):
            found = stage.dagster.runs(created_after=begun - 1)
            return [run for run in found if "dagster/backfill" in run.tags]

        wait_until(launched, "the backfill daemon launches a run", 180)
        (run,) = stage.dagster.wait_for([r.run_id for r in launched()], timeout_s=240)
        assert run.status == "SUCCESS"
        assert run.tags["dagster/asset_partition_range_start"] < run.tags["dagster/asset_partition_range_end"]
        assert [total for _, total in rows(erp.path, in_erp, order.number)] == [order.total]

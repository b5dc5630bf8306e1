"""What each asset's page shows beside its counts: samples, why something is missing, the past, and the system's own pages."""

import csv
import io

import dagster as dg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from s2s_pipelines.cli import main
from s2s_pipelines.model.record import OrderState
from s2s_pipelines.orchestration.keys import catalogue_key, orders_key, plan_key, push_key, source_key
from s2s_pipelines.storage.schema import channel_item, feed_state

KAROO = "karoo_outdoor"


def rows_of(table):
    return [record.data for record in table.records]


@pytest.fixture
def failing(floor):
    """One item that the shop does not take, for as long as the test lasts."""
    mine = sa.and_(
        channel_item.c.client == KAROO, channel_item.c.item_key == "K00007", channel_item.c.level == "variant"
    )
    said = {"failures": 3, "reason": "refused", "message": "no tax class", "remedy": "make it", "is_retriable": False}
    calm = {"failures": 0, "reason": None, "message": None, "remedy": None, "is_retriable": None}
    with floor.workshop.engine.begin() as connection:
        assert connection.execute(sa.update(channel_item).where(mine).values(said)).rowcount == 1
    yield floor
    with floor.workshop.engine.begin() as connection:
        connection.execute(sa.update(channel_item).where(mine).values(calm))


def test_a_source_shows_what_came_in_what_was_rejected_by_reason_and_where_the_rest_is(first_cycle):
    page = first_cycle[KAROO].pages[f"{KAROO}/source/erp/products"]
    came_in = rows_of(page["came_in"])
    assert len(came_in) == 20
    assert came_in[0]["code"] == "K00001"
    # Declared as unwanted, for it holds notes about people.
    assert "buyer_note" not in came_in[0]
    reasons = {row["reason"]: int(row["count"]) for row in rows_of(page["rejected_by_reason"])}
    assert sum(reasons.values()) >= page["rejected"] == 19
    assert len(reasons) >= 5
    assert page["all_rejects"] == f"s2s rejects {KAROO} --csv"


def test_customers_are_neither_sampled_nor_quoted(first_cycle):
    page = first_cycle[KAROO].pages[f"{KAROO}/source/erp/customers"]
    assert "came_in" not in page
    assert page["rejected"] == 1
    assert "value" not in rows_of(page["rejects_table"])[0]
    assert "@" not in str(page)


def test_a_sheet_and_a_shop_are_linked_to(floor, first_cycle):
    pages = first_cycle[KAROO].pages
    assert pages[f"{KAROO}/linked/sheet"]["own_page"].startswith("https://docs.google.com/spreadsheets/d/")
    assert "own_page" not in pages[f"{KAROO}/source/erp/products"]
    shop = f"{floor.stage.shops[KAROO].url}/wp-admin/edit.php?post_type=product"
    assert pages[f"{KAROO}/plan/shop"]["shop"] == pages[f"{KAROO}/push/shop"]["shop"] == shop


def test_the_catalogue_shows_rows_that_no_product_answers_to(first_cycle):
    page = first_cycle[KAROO].pages[f"{KAROO}/catalogue"]
    unmatched = rows_of(page["unmatched_table"])
    assert len(unmatched) == page["unmatched_rows"] == 8
    assert {"source": "sheet", "feed": "products", "key": "UNKNOWN-TO-THE-ERP", "row": "122"} in unmatched


def test_a_plan_shows_what_is_left_out_and_why(first_cycle):
    page = first_cycle[KAROO].pages[f"{KAROO}/plan/shop"]
    reasons = {row["reason"]: int(row["count"]) for row in rows_of(page["left_out_by_reason"])}
    assert sum(reasons.values()) == page["count_left_out"] == len(rows_of(page["left_out_table"]))


def test_the_past_is_drawn_once_there_are_two_runs_that_changed_something(floor, first_cycle):
    client = "stokvel_direct"
    for _ in range(2):
        seen = floor.materialise([catalogue_key(client), plan_key(client, "shop"), push_key(client, "shop")])
        assert seen.is_ok, seen.failures
    trend = seen.pages[f"{client}/plan/shop"]["trend"]
    assert trend.startswith("items to send: 0 now, 0 to ")
    assert "![items to send](data:image/png;base64," in trend
    assert len(trend) < 50_000


def test_the_sweep_of_a_day_shows_the_last_days_and_leads_to_the_shops_orders(floor):
    client = "stokvel_direct"
    today = str(floor.workshop.today(client))
    seen = floor.materialise([orders_key(client)], partition_key=today)
    assert seen.is_ok, seen.failures
    page = seen.pages[f"{client}/orders"]
    shop = f"{floor.stage.shops[client].url}/wp-admin/edit.php?post_type=shop_order"
    assert page["orders_in_shop"] == shop
    placed = sum(count for count, _ in floor.workshop.orders_by_day(client))
    assert placed == sum(floor.workshop.ledger.counts(client)[state] for state in OrderState)
    assert "in the last 30 days" in page["trend"]


def test_what_the_shop_does_not_take_stands_on_the_push_and_comes_whole_from_the_shell(failing):
    floor = failing
    page = floor.materialise([push_key(KAROO, "shop")]).pages[f"{KAROO}/push/shop"]
    assert page["not_taken"] == 1
    (row,) = rows_of(page["not_taken_table"])
    assert (row["sku"], row["reason"], row["remedy"], row["times"]) == ("K00007", "refused", "make it", "3")
    command = page["all_not_taken"].removeprefix("s2s ").split()
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    (told,) = csv.DictReader(io.StringIO(result.output))
    assert (told["sku"], told["message"], told["times"]) == ("K00007", "no tax class", "3")
    assert told["page"].startswith(f"{floor.stage.shops[KAROO].url}/wp-admin/post.php?post=")
    shown = CliRunner().invoke(main, command[:-1])
    assert "1 shop: refused" in shown.output
    assert "1 in all" in shown.output


def test_the_fleet_is_materialised_by_hand_and_names_the_worst_first(floor, first_cycle):
    mine = sa.and_(
        feed_state.c.client == "twin_branches", feed_state.c.source == "north", feed_state.c.feed == "products"
    )
    wrong = {"failures": 1, "error_class": "AccessError", "error": "the server refused the login"}
    with floor.workshop.engine.begin() as connection:
        assert connection.execute(sa.update(feed_state).where(mine).values(wrong)).rowcount == 1
    try:
        seen = floor.materialise([dg.AssetKey("fleet")])
    finally:
        calm = {"failures": 0, "error_class": None, "error": None}
        with floor.workshop.engine.begin() as connection:
            connection.execute(sa.update(feed_state).where(mine).values(calm))
    assert seen.is_ok, seen.failures
    page = seen.pages["fleet"]
    worst = page["worst"].splitlines()[2:]
    ranks = [["error", "warning", "paused", "ok"].index(line.split(" | ")[0].strip("| ")) for line in worst]
    assert (page["clients"], page["clients_error"]) == (3, ranks.count(0))
    assert ranks == sorted(ranks)
    link = "[twin_branches](http://127.0.0.1:3000/assets/twin_branches/source/north/products)"
    assert any(line.startswith(f"| error | {link} |") for line in worst)
    told = seen.failed_checks["fleet:all_well"]
    assert told.startswith("these need somebody: ")
    assert "twin_branches" in told


def test_pages_stay_small(first_cycle):
    for client, seen in first_cycle.items():
        for name, page in seen.pages.items():
            assert len(str(page)) < 100_000, (client, name)


def test_read_of_a_source_without_a_page_links_nowhere(floor):
    seen = floor.materialise([source_key("twin_branches", "north", "products")])
    assert "own_page" not in seen.pages["twin_branches/source/north/products"]

"""The asset and the sensor ``fleet``: what changed is told, once, and what did not change leaves no event."""

from dataclasses import replace
from datetime import timedelta

import dagster as dg

from s2s_pipelines.config.operations import Operations
from s2s_pipelines.cycle.fleet_report import FleetReport, FleetRow
from s2s_pipelines.cycle.place import asset_page, source_page
from s2s_pipelines.orchestration import fleet as module
from s2s_pipelines.orchestration import keys
from s2s_pipelines.orchestration.fleet import fleet, fleet_page, fleet_sensor
from tests.unit.cycle.fleet_sample import NOON, ago, client, facts, read, report_of, standing
from tests.unit.cycle.test_fleet_report import WRONG, pause


class Room:
    """A workshop that knows one report."""

    def __init__(self, report):
        self.report = report
        self.operations = Operations(ui_url="https://dagster.example.com")

    def fleet_report(self):
        return self.report


def later(report, **span):
    return FleetReport(report.at + timedelta(**span), report.rows)


def tick(report, cursor=None):
    with dg.build_sensor_context(resources={"workshop": Room(report)}, cursor=cursor) as context:
        return fleet_sensor.evaluate_tick(context)


def verdicts(result):
    found = [e for e in result.asset_events if isinstance(e, dg.AssetCheckEvaluation) and e.check_name == "in_time"]
    return {"/".join(e.asset_key.path): (e.passed, e.description) for e in found}


def pictures(result):
    return [e for e in result.asset_events if isinstance(e, dg.AssetMaterialization)]


WELL = report_of(facts())
ILL = report_of(facts(**WRONG["held_orders"]))
STALE = report_of(facts(**WRONG["stale_feed"]))


def test_the_first_look_is_shown_and_the_same_look_again_is_not():
    first = tick(WELL)
    assert [e.asset_key.path for e in pictures(first)] == [["fleet"]]
    again = tick(later(WELL, minutes=5), first.cursor)
    assert (again.asset_events, again.skip_message) == ([], "nothing changed since the last look")
    assert again.cursor == first.cursor


def test_what_changed_is_shown_at_the_next_look_but_not_twice_within_moments():
    first = tick(WELL)
    soon = tick(later(ILL, minutes=1), first.cursor)
    assert pictures(soon) == []
    shown = tick(later(ILL, minutes=2), soon.cursor)
    (check,) = [e for e in shown.asset_events if isinstance(e, dg.AssetCheckEvaluation)]
    assert (check.check_name, check.passed, check.description) == ("all_well", False, "these need somebody: acme")
    assert pictures(tick(later(ILL, minutes=30), shown.cursor)) == []


def test_a_page_is_never_older_than_an_hour():
    first = tick(WELL)
    assert pictures(tick(later(WELL, minutes=59), first.cursor)) == []
    assert len(pictures(tick(later(WELL, minutes=60), first.cursor))) == 1


def test_a_source_that_becomes_stale_is_shown_on_its_asset_once_and_once_more_when_it_is_fresh():
    first = tick(WELL)
    assert verdicts(first) == {}
    stale = tick(later(STALE, minutes=3), first.cursor)
    (told,) = verdicts(stale).items()
    assert told[0] == "acme/source/erp/stock"
    assert told[1] == (False, "stock is stale: the last good read is of 2026-03-01 10:00 UTC, declared is at most 1 h")
    assert verdicts(tick(later(STALE, minutes=9), stale.cursor)) == {}
    fresh = tick(later(WELL, minutes=12), stale.cursor)
    assert verdicts(fresh) == {"acme/source/erp/stock": (True, "as it should be")}
    assert verdicts(tick(later(WELL, minutes=15), fresh.cursor)) == {}


def test_a_late_and_then_overdue_supplier_is_shown_on_its_asset():
    late = tick(report_of(facts(**WRONG["late_source"])))
    assert verdicts(late) == {"acme/linked/supplier": (False, "the next delivery is late")}
    overdue = tick(report_of(facts(**WRONG["overdue_source"])), late.cursor)
    assert verdicts(overdue) == {"acme/linked/supplier": (False, "the next delivery is overdue")}


def test_a_paused_source_is_not_shown_as_stale():
    assert verdicts(tick(report_of(facts(**WRONG["stale_feed"], pauses=(pause("source", "erp"),))))) == {}


def test_a_source_that_is_not_declared_any_more_is_forgotten():
    stale = tick(STALE)
    gone = tick(FleetReport(NOON, ()), stale.cursor)
    assert verdicts(gone) == {}
    assert verdicts(tick(STALE, gone.cursor)) != {}


def test_many_verdicts_are_told_over_several_ticks(monkeypatch):
    monkeypatch.setattr(module, "MOST_EVENTS", 2)
    at = ago(hours=2)
    names = ["a", "b", "c"]
    wrong = {"snapshots": {"source/erp/stock": standing(read_at=at)}, "feeds": read("erp", "stock", succeeded_at=at)}
    made = [facts(name, **wrong) for name in names]
    standings = {k: v for known in made for k, v in known.standing.items()}
    together = replace(made[0], standing=standings, feeds={k: v for known in made for k, v in known.feeds.items()})
    report = report_of(together, clients=[client(name) for name in names])
    first = tick(report)
    second = tick(report, first.cursor)
    assert (len(verdicts(first)), len(verdicts(second))) == (2, 1)
    assert set(verdicts(first)) | set(verdicts(second)) == {f"{n}/source/erp/stock" for n in names}


def test_the_page_links_each_of_the_worst_fifty_and_names_the_command_for_the_rest():
    rows = tuple(FleetRow(f"c{n:03}", "C", (), path=f"/assets/c{n:03}/catalogue") for n in range(60))
    page = fleet_page(FleetReport(NOON, rows), "https://dagster.example.com/")
    table = page["worst"].value.splitlines()
    assert len(table) == 2 + 50
    assert "[c000](https://dagster.example.com/assets/c000/catalogue)" in table[2]
    assert (page["clients"], page["clients_ok"], page["clients_error"]) == (60, 60, 0)
    assert "s2s status shows all 60 clients" in page["whole"]
    assert len("".join(table)) < 20_000


def test_a_message_cannot_break_out_of_its_cell():
    report = report_of(facts(**WRONG["held_orders"]))
    row = report.rows[0]
    evil = FleetRow("acme", "A", tuple(replace(cause, subject="a|b `c` [x](y)") for cause in row.causes))
    line = fleet_page(FleetReport(NOON, (evil,)), "https://dagster.example.com")["worst"].value.splitlines()[2]
    assert line.count("|") - line.count("\\|") == 9
    assert "`" not in line
    assert "[x]" not in line


def test_it_is_materialised_by_hand_with_its_check():
    result = dg.materialize([fleet], resources={"workshop": Room(ILL)})
    (made,) = result.get_asset_materialization_events()
    assert made.materialization.metadata["clients_error"].value == 1
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("all_well", False)


def test_pages_are_those_of_the_assets():
    def path(key):
        return "/assets/" + "/".join(key.path)

    assert source_page("acme", "primary", "erp", "stock") == path(keys.source_key("acme", "erp", "stock"))
    assert source_page("acme", "linked", "supplier", "stock") == path(keys.linked_key("acme", "supplier"))
    assert asset_page("acme", "catalogue") == path(keys.catalogue_key("acme"))
    assert asset_page("acme", "plan", "shop") == path(keys.plan_key("acme", "shop"))
    assert asset_page("acme", "push", "shop") == path(keys.push_key("acme", "shop"))
    assert asset_page("acme", "orders") == path(keys.orders_key("acme"))
    assert asset_page("acme", "declaration") == path(keys.declaration_key("acme"))

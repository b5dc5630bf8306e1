"""Keys, metadata, run requests and verdicts: what Dagster is shown, without running anything."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import pytest

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.catalogue.breaker import BREAKERS as JUDGED
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.cycle.feed_read import Fault, FeedResult
from s2s_pipelines.orchestration import keys
from s2s_pipelines.orchestration.metadata import TABLE_ROWS, bars, fenced, table
from s2s_pipelines.orchestration.verdict import plan_checks, push_checks, source_checks

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def test_keys_read_as_a_path():
    made = [
        keys.source_key("c", "erp", "stock"), keys.linked_key("c", "sheet"), keys.catalogue_key("c"), keys.plan_key("c", "shop"),
        keys.push_key("c", "shop"), keys.orders_key("c"), keys.declaration_key("c"),
    ]  # fmt: skip
    told = [
        "c/source/erp/stock",
        "c/linked/sheet",
        "c/catalogue",
        "c/plan/shop",
        "c/push/shop",
        "c/orders",
        "c/declaration",
    ]
    assert ["/".join(key.path) for key in made] == told
    assert keys.orders_group("c") != "c"


def test_checks_of_a_plan_are_named_as_its_breakers():
    assert keys.BREAKERS == JUDGED


@pytest.mark.parametrize("text", ["plain", "a `b` c", "```\nx\n```", "````", "*stars*\n# no heading"])
def test_fenced_text_ends_where_it_should(text):
    lines = fenced(text).value.split("\n")
    assert "\n".join(lines[1:-1]) == text
    assert lines[0] == lines[-1] == "`" * len(lines[0])
    assert lines[0] not in text


def test_table_keeps_leading_zeros_and_stops_in_time():
    rows = ({"sku": f"{n:04}", "note": None} for n in range(10_000))
    shown = table(rows, ("sku", "note"))
    assert [record.data for record in shown.records[:2]] == [{"sku": "0000", "note": ""}, {"sku": "0001", "note": ""}]
    assert len(shown.records) == TABLE_ROWS
    assert next(rows)["sku"] == f"{TABLE_ROWS + 1:04}", "the rest is not read"


def test_plot_is_small_and_absent_when_there_is_nothing_to_show():
    assert bars({"price": 0}, "Changes") is None
    shown = bars({f"field {n}": n * 1000 for n in range(1, 13)}, "Changes").value
    assert shown.startswith("![Changes](data:image/png;base64,")
    assert len(shown) < 50_000
    assert bars({f"field {n}": n for n in range(1, 200)}, "Changes") is None, "too large for a page of events"


def test_run_key_of_orders_left_over_is_new_within_a_minute_and_stable_until_then(tmp_path):
    clock = SimpleNamespace(at=datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))
    clock.now = lambda: clock.at
    workshop = Workshop(Environment.from_mapping({"S2S_ROOT": str(tmp_path)}), clock=clock)
    orders = [SimpleNamespace(id=7, version=1)]
    workshop.__dict__["ledger"] = SimpleNamespace(
        work=lambda name: (1, 0), due_orders=lambda name, limit: orders, clients_with_work=lambda: {"c"}
    )
    workshop.__dict__["pauses"] = SimpleNamespace(live=tuple)
    workshop.clients_with_orders = lambda: ["c"]

    def token():
        return workshop.order_work()[0].token

    first = token()
    clock.at += timedelta(seconds=40)
    assert token() == first
    clock.at += timedelta(seconds=20)
    left_over = token()
    assert left_over != first
    orders[0] = SimpleNamespace(id=7, version=2)
    assert token() != left_over


def judged(checks, name, seen):
    (check,) = [check for check in checks if check.spec.name == name]
    verdict = check.judge(seen)
    return verdict.passed, verdict.severity, verdict.description


FEED = FeedResult("erp", "products", "kept", rows_in=10, rows_out=10)


def refreshed(feed, punctuality=None):
    return SimpleNamespace(sources={"erp": SimpleNamespace(feeds=(feed,), punctuality=punctuality)})


def test_verdict_on_a_source_names_fault_age_and_rejects():
    checks = source_checks(keys.source_key("c", "erp", "products"))
    assert judged(checks, "read", refreshed(FEED)) == (True, ERROR, "as it should be")
    fault = replace(FEED, outcome="failed", fault=Fault("TransientError", "no answer"), age_s=600.0)
    told = (False, ERROR, "products: no answer (the last good one is 10 minutes old and stands)")
    assert judged(checks, "read", refreshed(fault)) == told
    paused = replace(FEED, outcome="paused", notes=("source erp of c paused until noon by Ops: stock take",))
    assert judged(checks, "read", refreshed(paused)) == (False, WARN, paused.notes[0])
    rejected = judged(checks, "rows", refreshed(replace(FEED, rows_out=8, rejected=2)))
    assert rejected == (False, WARN, "2 rows were rejected; each is kept with its reason")
    lost = judged(checks, "rows", refreshed(replace(FEED, rows_out=8)))
    assert lost[:2] == (False, ERROR)
    assert judged(checks, "in_time", refreshed(FEED, "overdue")) == (False, WARN, "the next delivery is overdue")


def stored(*, is_tripped, word=None):
    breaker = {"is_tripped": is_tripped, "message": "9 of 9 variants would be taken off; the limit is 20%"}
    verdict = "clear" if not is_tripped else "let_through" if word else "stopped"
    plan = SimpleNamespace(id=7, verdict=verdict, breakers={"vanish": breaker}, let_through=word, tripped=("vanish",))
    return {"stored": plan}


def test_verdict_on_a_plan_is_the_stored_one():
    checks = plan_checks(keys.plan_key("c", "shop"), ("vanish",))
    assert judged(checks, "vanish", {"stored": None}) == (False, WARN, "there is no plan yet")
    assert judged(checks, "vanish", stored(is_tripped=False))[0]
    assert judged(checks, "vanish", stored(is_tripped=True))[:2] == (False, ERROR)
    word = SimpleNamespace(breakers=("vanish",), by="ops", reason="season is over")
    passed, severity, text = judged(checks, "vanish", stored(is_tripped=True, word=word))
    assert (passed, severity) == (False, WARN)
    assert text.endswith("Let through by ops: season is over")
    other = SimpleNamespace(breakers=("to_zero",), by="ops", reason="season is over")
    assert judged(checks, "vanish", stored(is_tripped=True, word=other))[:2] == (False, ERROR)


def test_verdict_on_a_push_says_what_stopped_it():
    checks = push_checks(keys.push_key("c", "shop"))
    stopped = {**stored(is_tripped=True), "push": SimpleNamespace(status="stopped", why="")}
    for seen in (stopped, stored(is_tripped=True)):
        assert judged(checks, "allowed", seen)[2].startswith("the plan is stopped by vanish; nothing was sent")
    stale = {**stored(is_tripped=False), "push": SimpleNamespace(status="stale", why="")}
    assert judged(checks, "allowed", stale)[:2] == (False, WARN)
    first = SimpleNamespace(status="awaiting", why="plan 7 is the first push of shop, and nobody approved it yet")
    assert judged(checks, "allowed", {"push": first}) == (False, WARN, first.why)
    waiting = {"stored": SimpleNamespace(id=7, verdict="awaiting")}
    told = judged(checks, "allowed", waiting)
    assert told[:2] == (False, WARN)
    assert told[2].startswith("plan 7 waits for approval; nothing was sent")
    pause = SimpleNamespace(message="pushes paused until noon by Ops: stock take", remedy="resume it")
    paused = judged(checks, "allowed", {"pause": pause, "push": first})
    assert paused == (False, WARN, f"{pause.message}; nothing is sent; resume it")
    assert judged(checks, "allowed", stored(is_tripped=False)) == (True, ERROR, "as it should be")
    partly = SimpleNamespace(status="pushed", failed=2, fault=None, broken_promises=[])
    assert judged(checks, "delivered", {"push": partly})[:2] == (False, WARN)

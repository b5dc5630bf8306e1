"""The twins of the operators' jobs in `s2s`, on the demo clients; the oracle is what the shops and our database have."""

import csv
import io
import shutil
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from s2s_pipelines.cli import main
from tests.e2e.floor import ROOT
from tests.e2e.test_in_process import documents_of, in_stock, place, take_up, tripped  # noqa: F401
from tests.e2e.test_operator import STOKVEL, TWIN, new_channel  # noqa: F401


@pytest.fixture
def s2s(floor):
    def call(*arguments, code=0):
        done = CliRunner().invoke(main, list(arguments))
        assert code is None or done.exit_code == code, done.output
        return done.output

    return call


def test_a_pause_is_begun_shown_and_ended(floor, s2s):
    word = ("--until", "2h", "--why", "stock take", "--by", "Ops")
    said = s2s("pause", TWIN, "--source", "north", *word)
    assert said.startswith(f"source north of {TWIN} paused until ")
    s2s("pause", "*", "--pushes", *word)
    assert s2s("pauses") == "".join(f"{pause.message}\n" for pause in floor.workshop.pauses.live())
    assert s2s("pauses", STOKVEL).startswith("pushes of every client paused until ")
    assert s2s("resume", TWIN, "--by", "Ops") == f"resumed: source north of {TWIN}\n"
    assert s2s("resume", "*", "--pushes", "--by", "Ops") == "resumed: pushes of every client\n"
    assert s2s("pauses") == "nothing is paused\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["pause", TWIN, "--until", "2h", "--why", "w", "--by", "b"], 2, "say what: --all, --source"),
        (["pause", TWIN, "--orders", "--pushes", "--until", "2h", "--why", "w", "--by", "b"], 2, "and not several"),
        (["pause", TWIN, "--source", "nort", "--until", "2h", "--why", "w", "--by", "b"], 1, "did you mean north?"),
        (["pause", "twin_branchs", "--all", "--until", "2h", "--why", "w", "--by", "b"], 1, "did you mean twin_branches?"),
        (["pause", TWIN, "--all", "--until", "soon", "--why", "w", "--by", "b"], 1, "is no moment"),
        (["pause", TWIN, "--all", "--until", "2h", "--why", "w"], 2, "--by"),
        (["resume", TWIN, "--orders", "--by", "b"], 1, "nothing of that name is paused"),
        (["approve", TWIN, "shpo", "--by", "b", "--reason", "r"], 1, "did you mean shop?"),
        (["approve", TWIN, "shop", "--by", "b", "--reason", "r"], 1, "waits for nobody's approval"),
        (["let-through", TWIN, "shop", "vanish", "--by", "b", "--reason", "r"], 1, "no breaker stops plan"),
        (["let-through", TWIN, "shop", "--by", "b", "--reason", "r"], 2, "BREAKERS"),
        (["cycle", TWIN, "--source", "nort"], 1, "did you mean north?"),
        (["cycle", TWIN, "--channel", "shpo"], 1, "did you mean shop?"),
        (["rejects", TWIN, "--source", "nort"], 1, "did you mean north?"),
        (["plan", TWIN, "shpo"], 1, "did you mean shop?"),
        (["explain", TWIN, "1", "--channel", "shpo"], 1, "did you mean shop?"),
    ],
)  # fmt: skip
def test_wrong_words_are_refused_with_the_near_miss_or_the_next_step(s2s, arguments, code, said):
    assert said in s2s(*arguments, code=code)


@pytest.fixture
def declared_anew(new_channel, monkeypatch, tmp_path):  # noqa: F811
    """The declarations of a client that says nothing of its first push."""
    for folder in ("assets", "resources"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    page = tmp_path / "assets" / new_channel / "client.yaml"
    free = "    first_push: free\n"
    assert page.read_text().count(free) == 1
    page.write_text(page.read_text().replace(free, ""))
    monkeypatch.setenv("S2S_ROOT", str(tmp_path))
    return new_channel


def test_the_first_push_waits_for_an_approval_by_name(floor, s2s, declared_anew):
    marks = floor.marks()
    stopped = s2s("cycle", declared_anew, code=1)
    assert "awaiting; 0 sent" in stopped
    assert "approve it by name: job approve_plan, or s2s approve" in stopped
    shown = s2s("plan", declared_anew, "shop")
    number = shown.split(":")[0].removeprefix("plan ")
    assert shown.startswith(f"plan {number}: awaiting\n")
    assert f"waits: plan {number} " in shown
    assert floor.writes(marks) == 0
    word = ("--by", "Ops", "--reason", "looked at it")
    refused = s2s("approve", declared_anew, "shop", *word, "--plan", str(int(number) + 1), code=1)
    assert "is not the newest any more" in refused
    assert (
        s2s("approve", declared_anew, "shop", *word, "--plan", number, "--no-push")
        == f"plan {number} approved: clear\n"
    )
    assert floor.writes(marks) == 0
    pushed = s2s("cycle", declared_anew)
    assert f"shop: plan {number}: pushed; " in pushed
    assert floor.writes(marks) == floor.writes(marks, [declared_anew]) > 0
    assert f"decided: plan {number} approved by Ops at " in s2s("plan", declared_anew, "shop")


def test_a_breaker_is_let_through_once(floor, s2s, tripped):  # noqa: F811
    tripped(2)
    assert "waits: stopped by price_change: 150 of 300" in s2s("plan", TWIN, "shop")
    word = ("--by", "Ops", "--reason", "new price list")
    assert "let through: price_change" in s2s("let-through", TWIN, "shop", "price_change", *word)
    assert "no breaker stops plan" in s2s("let-through", TWIN, "shop", "price_change", *word, code=1)
    assert "let through: price_change by Ops at " in s2s("plan", TWIN, "shop")


def test_a_cycle_runs_from_a_shell_and_obeys_pauses(floor, s2s):
    north = floor.stage.world.erps["twin_north"]
    sku = in_stock(floor, TWIN, of="twin_north")[0]
    with closing(sqlite3.connect(north.path)) as db:
        before = db.execute("SELECT price_incl FROM item WHERE code = ?", (sku,)).fetchone()[0]
    north.execute("UPDATE item SET price_incl = '123.45' WHERE code = ?", (sku,))
    shop = floor.stage.shops[TWIN].tables
    try:
        s2s("pause", TWIN, "--source", "north", "--until", "1h", "--why", "w", "--by", "b")
        assert "north/products: paused; source north of twin_branches paused until" in s2s(
            "cycle", TWIN, "--source", "north"
        )
        s2s("resume", TWIN, "--by", "b")
        s2s("pause", TWIN, "--pushes", "--until", "1h", "--why", "w", "--by", "b")
        marks = floor.marks()
        held_back = s2s("cycle", TWIN, "--source", "north")
        assert "shop: plan " in held_back
        assert ": paused; 0 sent" in held_back
        assert floor.writes(marks) == 0
        assert "reason: paused: pushes of twin_branches paused until" in s2s("explain", TWIN, sku, "price")
        s2s("resume", TWIN, "--by", "b")
        told = s2s("cycle", TWIN, "--channel", "shop")
        assert ": pushed; 1 sent, 1 acknowledged, 0 failed" in told
        assert shop.products()[sku].regular_price == "123.45"
    finally:
        north.execute("UPDATE item SET price_incl = ? WHERE code = ?", (before, sku))
        s2s("cycle", TWIN, "--source", "north", "--full")


def test_named_skus_are_sent_again_though_nothing_changed(floor, s2s):
    skus = in_stock(floor, STOKVEL)[:2]
    s2s("cycle", STOKVEL)
    marks = floor.marks()
    told = s2s("resync-skus", STOKVEL, *skus)
    assert ": pushed; " in told
    assert floor.writes(marks) == floor.writes(marks, [STOKVEL]) > 0
    assert "there is no channel shpo" in s2s("resync-skus", STOKVEL, *skus, "--channel", "shpo", code=1)


def test_named_orders_and_days_are_raised_once(floor, s2s):
    named = place(floor, STOKVEL, in_stock(floor, STOKVEL)[0])
    of_the_day = place(floor, STOKVEL, in_stock(floor, STOKVEL)[1])
    today = floor.workshop.today(STOKVEL).isoformat()
    assert "1 documents, 1 told" in s2s("resync-orders", STOKVEL, named.number)
    # Other orders of the day may be held, which the exit code tells.
    assert "1 documents, 1 told" in s2s("resync-orders", STOKVEL, "--first-day", today, code=None)
    again = ("resync-orders", STOKVEL, named.number, "--first-day", "2026-01-01", "--last-day", today)
    assert "0 documents" in s2s(*again, code=None)
    for order in (named, of_the_day):
        assert len(documents_of(floor, "stokvel_erp", order.number)) == 1
    assert "name orders, or the first day" in s2s("resync-orders", STOKVEL, code=2)
    assert "has not begun yet" in s2s("resync-orders", STOKVEL, "--first-day", "2999-01-01", code=2)


def test_orders_are_explained_without_their_buyer(floor, s2s):
    order = place(floor, STOKVEL, in_stock(floor, STOKVEL)[0], email="another.new@example.com")
    take_up(floor)
    told = s2s("explain", STOKVEL, order.number)
    assert told.startswith(f"{STOKVEL} / shop / order ")
    assert ": held\n" in told
    assert "reason: no_customer: " in told
    assert "remedy: " in told
    assert "history\n" in told
    assert "another" not in told
    assert "never_read" not in told, "it is no sku"
    assert documents_of(floor, "stokvel_erp", order.number) == []
    assert "reason: never_read" in s2s("explain", STOKVEL, "no such thing")


def test_an_order_that_waits_for_a_pause_says_so(floor, s2s):
    take_up(floor)
    s2s("pause", STOKVEL, "--source", "erp", "--until", "1h", "--why", "stock take", "--by", "Ops")
    try:
        order = place(floor, STOKVEL, in_stock(floor, STOKVEL)[0])
        take_up(floor)
        told = s2s("explain", STOKVEL, order.number)
        assert "reason: paused: source erp of stokvel_direct paused until" in told
        assert "sales_order in erp: planned" in told
    finally:
        s2s("resume", STOKVEL, "--by", "Ops")
    take_up(floor)
    assert "sales_order in erp: raised as SO" in s2s("explain", STOKVEL, order.number)


def test_rejects_are_sorted_by_reason_and_no_cell_is_a_formula(floor, s2s):
    erp = floor.stage.world.erps["karoo_erp"]
    with closing(sqlite3.connect(erp.path)) as db:
        before = db.execute("SELECT price_incl FROM item WHERE code = ?", (code := _a_code(db),)).fetchone()[0]
    erp.execute("UPDATE item SET price_incl = '=cmd()' WHERE code = ?", (code,))
    try:
        s2s("cycle", "karoo_outdoor", "--source", "erp", "--channel", "shop")
        rows = list(csv.DictReader(io.StringIO(s2s("rejects", "karoo_outdoor", "--csv"))))
    finally:
        erp.execute("UPDATE item SET price_incl = ? WHERE code = ?", (before, code))
        s2s("cycle", "karoo_outdoor", "--source", "erp")
    reasons = [row["reason"] for row in rows]
    assert reasons == sorted(reasons)
    assert len(set(reasons)) >= 5
    assert "'=cmd()" in {row["value"] for row in rows}
    assert not any(cell.startswith(("=", "@", "+")) for row in rows for cell in row.values())
    assert all(row["remedy"] for row in rows)


def _a_code(db):
    return db.execute(
        "SELECT code FROM item WHERE price_incl NOT LIKE '%x%' ORDER BY stock_id LIMIT 1 OFFSET 60"
    ).fetchone()[0]

"""The short form of the kill rig, and a look at whether its oracle can see."""

import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.kills import rig
from tests.kills.rig import Progress, Report, count
from tests.kills.subject import Standing

ROOT = Path(__file__).parents[2]


def run_rig(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tests.kills", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_held(ran, kills):
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(ran.stdout.splitlines()[-1])
    assert list(report)[:6] == ["kills", "fired", "steps", "lost", "doubled", "control_doubled"]
    assert report["kills"] == report["fired"] == report["steps"] == kills
    assert [report[name] for name in ("lost", "doubled", "wrong", "untold", "told_twice")] == [0] * 5
    assert report["control_doubled"] >= 1


def test_workers_killed_on_the_way_lose_and_double_nothing():
    assert_held(run_rig("--short"), 10)


def test_workers_killed_between_the_sandbox_shop_and_the_demo_erps_lose_and_double_nothing():
    arguments = ("--most", "7", "--repeats", "1", "--lanes", "1", "--control-kills", "2", "--run-worker-kills", "0")
    assert_held(run_rig(*arguments), 7)


@pytest.mark.server("postgres")
def test_workers_killed_on_the_way_lose_and_double_nothing_on_postgresql(postgres_server):
    urls = [postgres_server.url(postgres_server.new_database()) for _ in range(2)]
    assert_held(run_rig("--short", "--database", urls[0], "--control-database", urls[1]), 10)


def test_a_point_that_no_worker_reaches_counts_as_a_kill_that_did_not_fire(tmp_path):
    from tests.kills.subject import make_subject

    said = []
    (tmp_path / "lane").mkdir()
    lane = rig.Lane(make_subject(tmp_path / "lane"))
    reached = lane.prepare()
    progress = Progress(2, said.append)
    rig._kill_all(lane, [("ledger.plan", "before", 7), reached[0]], 1, progress)
    assert (progress.kills, progress.fired.total()) == (2, 1)
    assert said[0] == "did not fire: ('ledger.plan', 'before', 7)"
    report = Report(kills=2, fired=1, steps=2, control_doubled=1)
    assert "1 of 2 kills did not fire" in report.problems(least_per_step=0)


def test_the_rig_exits_with_an_error_when_its_control_proves_nothing():
    ran = run_rig("--most", "1", "--repeats", "1", "--subject", "tests.kills.subject", "--control-kills", "0",
                  "--lanes", "1", "--run-worker-kills", "0")  # fmt: skip
    assert ran.returncode == 1
    assert "NOT HELD: the control without look-up did not double" in ran.stdout


class Told:
    """Tables that say what the test wants them to say."""

    def __init__(self, documents, told=()):
        self._documents, self._told = documents, told

    def totals(self):
        return {"1": Decimal("12.00")}

    def expected(self):
        return [
            Standing("1", "a", Decimal("5.004"), (("A1", 1),)),
            Standing("1", "b", Decimal("6.996"), (("B1", 2),)),
        ]

    def documents(self):
        return self._documents

    def told(self):
        return Counter(self._told)


A = Standing("1", "a", Decimal("5.00"), (("A1", 1),))
B = Standing("1", "b", Decimal("7.00"), (("B1", 2),))


@pytest.mark.parametrize(
    ("documents", "seen"),
    [
        ([A, B], (0, 0, 0)),
        ([A], (1, 0, 0)),
        ([A, B, B], (0, 1, 0)),
        ([A, Standing("1", "b", Decimal("7.01"), B.goods)], (0, 0, 2)),
        ([A, Standing("1", "b", Decimal("6.99"), B.goods)], (0, 0, 1)),
        ([A, Standing("1", "b", B.total, ())], (0, 0, 1)),
        ([A, Standing("2", "b", B.total, B.goods)], (1, 1, 1)),
    ],
)
def test_the_oracle_sees_what_is_lost_doubled_and_wrong(documents, seen):
    found = count(Told(documents, [("1", "a")]))
    assert (found.lost, found.doubled, found.wrong) == seen
    assert (found.untold, found.told_twice) == (1, 0)


def test_the_oracle_sees_what_was_told_twice():
    found = count(Told([A, B], [("1", "a"), ("1", "b"), ("1", "b")]))
    assert (found.untold, found.told_twice) == (0, 1)


def test_a_report_has_no_problems_only_when_every_promise_held():
    good = {"kills": 15, "fired": 15, "steps": 2, "control_doubled": 1, "fewest_per_step": 5, "run_worker_kills": 5}
    demands = {"least_run_worker_kills": 5, "least_per_step": 5}
    assert Report(**good).problems(**demands) == []
    for bad in (
        {"fired": 14}, {"lost": 1}, {"doubled": 1}, {"wrong": 1}, {"untold": 1}, {"told_twice": 1}, {"control_doubled": 0},
        {"fewest_per_step": 4}, {"run_worker_kills": 4},
    ):  # fmt: skip
        assert len(Report(**{**good, **bad}).problems(**demands)) == 1
    assert Report().problems()

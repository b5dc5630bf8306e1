"""The short form of the kill rig, and a look at whether its oracle can see."""

import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.kills.rig import Report, count

ROOT = Path(__file__).parents[2]


def short_form(*arguments):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.kills", "--short", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def assert_held(report):
    assert report["kills"] == report["fired"] >= 12
    assert (report["lost"], report["doubled"], report["wrong_totals"], report["untold"]) == (0, 0, 0, 0)
    assert report["control_doubled"] >= 1


def test_workers_killed_on_the_way_lose_and_double_nothing():
    assert_held(short_form())


@pytest.mark.server("postgres")
def test_workers_killed_on_the_way_lose_and_double_nothing_on_postgresql(postgres_server):
    urls = [postgres_server.url(postgres_server.new_database()) for _ in range(2)]
    assert_held(short_form("--database", urls[0], "--control-database", urls[1]))


class Tables:
    """A subject whose tables say what the test wants them to say."""

    def __init__(self, documents, told=()):
        self._documents, self._told = documents, told

    def expected(self):
        return {("1", "a"): Decimal("5.00"), ("1", "b"): Decimal("7.00")}

    def documents(self):
        return self._documents

    def told(self):
        return Counter(self._told)


@pytest.mark.parametrize(
    ("documents", "seen"),
    [
        ([("1", "a", Decimal("5.00")), ("1", "b", Decimal("7.00"))], (0, 0, 0)),
        ([("1", "a", Decimal("5.00"))], (1, 0, 0)),
        ([("1", "a", Decimal("5.00")), ("1", "b", Decimal("7.00")), ("1", "b", Decimal("7.00"))], (0, 1, 0)),
        ([("1", "a", Decimal("5.00")), ("1", "b", Decimal("7.01"))], (0, 0, 1)),
        ([("1", "a", Decimal("5.00")), ("2", "b", Decimal("7.00"))], (1, 1, 1)),
    ],
)
def test_the_oracle_sees_what_is_lost_doubled_and_wrong(documents, seen):
    found = count(Tables(documents, [("1", "a")]))
    assert (found.lost, found.doubled, found.wrong_totals) == seen
    assert found.untold == 1


def test_a_report_is_good_only_when_every_kill_fired_and_the_control_doubled():
    good = {"kills": 3, "fired": 3, "steps": 3, "control_doubled": 1}
    assert Report(**good).is_good()
    for bad in ({"fired": 2}, {"lost": 1}, {"doubled": 1}, {"wrong_totals": 1}, {"untold": 1}, {"control_doubled": 0}):
        assert not Report(**{**good, **bad}).is_good()
    assert not Report().is_good()

"""The short form of the storm, and looks at whether its oracle can see."""

from dataclasses import replace

import pytest

from tests.storm.breakage import BREAKAGES, Breakage
from tests.storm.ear import Telling
from tests.storm.rig import Plan, Storm
from tests.storm.verdict import Report, count_tellings
from tests.storm.watch import PERIODS, gaps

RECEIVERS = ("hook", "mail")


def periods(moments, *, start, end):
    step = PERIODS["erp"]
    found = gaps("a", "erp", [at * step for at in moments], start=start * step, end=end * step)
    return [round(gap.periods, 1) for gap in found], sum(gap.is_missed for gap in found)


@pytest.mark.parametrize(
    ("moments", "seen"),
    [
        ([10, 11, 12, 13], ([1, 1, 1, 1], 0)),
        ([10, 11.9, 13.8], ([1.9, 1.9, 0.2], 0)),
        ([10, 12.1, 13], ([2.1, 0.9, 1], 1)),
        # Before the storm only the last time counts, after its end nothing does.
        ([4, 5, 9.5, 11, 13, 15], ([1.5, 2, 1], 0)),
        ([9, 11.5], ([2.5, 2.5], 2)),
        # Never again is a gap to the end, and so is never at all.
        ([10], ([4], 1)),
        ([], ([4], 1)),
        ([12], ([2, 2], 0)),
    ],
)
def test_the_oracle_sees_what_was_not_done_for_more_than_two_periods(moments, seen):
    assert periods(moments, start=10, end=14) == seen


def way(**known):
    return Breakage(**{"name": "w", "at": 1, "until": None, "kinds": ("breaker",), "begin": print, **known})


BROKEN = {"a": way(), "b": way(kinds=("killed_worker",), is_shared=True)}


def tell(client="a", kind="breaker", *, is_opening=True, receivers=RECEIVERS):
    return [Telling(1.0, receiver, kind, client, "", is_opening) for receiver in receivers]


def counted(tellings, *, mended=()):
    report = Report()
    count_tellings(report, tellings, BROKEN, receivers=RECEIVERS, mended=mended)
    return report.told, report.told_twice, report.strays, report.all_clear


BOTH = [*tell(), *tell(None, "killed_worker")]


@pytest.mark.parametrize(
    ("tellings", "seen"),
    [
        (BOTH, (2, 0, 0, 0)),
        ([], (0, 0, 0, 0)),
        # One receiver alone is not everybody.
        (tell(receivers=["hook"]), (0, 0, 0, 0)),
        ([*BOTH, *tell(receivers=["mail"])], (2, 1, 0, 0)),
        # A second thing told of one breakage is told twice, whatever it is called; it alone does not tell what is broken.
        ([*BOTH, *tell(kind="failed_run")], (2, 2, 0, 0)),
        (tell(kind="failed_run"), (0, 0, 0, 0)),
        # Nothing is broken at c, and a failed tick is nobody's.
        ([*BOTH, *tell("c")], (2, 0, 2, 0)),
        ([*BOTH, *tell(None, "failed_tick", receivers=["hook"])], (2, 0, 1, 0)),
        ([*BOTH, *tell(is_opening=False)], (2, 0, 0, 1)),
        ([*BOTH, *tell(is_opening=False, receivers=["hook"])], (2, 0, 0, 0)),
        ([*BOTH, *tell(is_opening=False), *tell(is_opening=False)], (2, 2, 0, 1)),
    ],
)
def test_the_oracle_sees_what_was_told_twice_or_not_at_all(tellings, seen):
    assert counted(tellings, mended=["a"]) == seen


def test_a_report_has_no_problems_only_when_every_promise_held():
    good = {"clients": 50, "broken": 10, "told": 10, "mended": 3, "all_clear": 3, "done": {"erp": 400}}
    assert Report(**good).problems() == []
    for bad in (
        {"missed": 1}, {"told": 9}, {"told_twice": 1}, {"strays": 1}, {"all_clear": 2}, {"wrong_orders": 1}, {"done": {}},
        {"done": {"erp": 0}},
    ):  # fmt: skip
        assert len(Report(**{**good, **bad}).problems()) == 1
    assert Report().problems()


def test_there_are_ten_ways_to_break_and_what_is_mended_has_time_to_be_told():
    from s2s_pipelines.cycle.cause import KINDS

    assert len({way.name for way in BREAKAGES}) == 10
    assert {kind for way in BREAKAGES for kind in way.kinds} <= set(KINDS)
    assert [way.at for way in BREAKAGES] == sorted(way.at for way in BREAKAGES)
    assert all((way.until is None) == (way.end is None) for way in BREAKAGES)
    assert all(way.until is None or way.at + 5 <= way.until <= 25 for way in BREAKAGES)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_short_storm_holds_every_promise(tmp_path):
    """A minute of real time, with a real Dagster; ``make storm`` is the long one."""
    known = {way.name: way for way in BREAKAGES}
    said = []
    with Storm(
        Plan(clients=3, minutes=3, ways=(replace(known["order_of_unknown_sku"], at=0.3),)), tmp_path, said.append
    ) as storm:
        report = storm.run()
    assert report.problems() == [], "\n".join(said)
    assert (report.clients, report.broken, report.told) == (3, 1, 1)

"""The rule by which a run is known to have nobody working on it."""

from dataclasses import dataclass, field

import pytest

from s2s_pipelines.cycle.dead_run import Launch, Worker, why_dead


@dataclass
class Machine:
    """A host whose processes are numbers with the moment they began."""

    host: str = "north"
    there: dict[int, float] = field(default_factory=dict)
    is_blind: bool = False

    def is_there(self, pid):
        return pid in self.there

    def began(self, pid):
        return None if self.is_blind or pid not in self.there else f"tick {self.there[pid]}"

    def began_at(self, pid):
        return None if self.is_blind else self.there.get(pid)


MINE = Worker("north", 41, "tick 100")
STARTED = Launch(41, 102.0, is_here=True)


def test_worker_that_runs_is_left_alone():
    assert why_dead(MINE, STARTED, Machine(there={41: 100})) is None


def test_worker_that_is_gone_is_dead():
    assert why_dead(MINE, STARTED, Machine()) == "its worker, process 41 of north, is gone"


def test_number_that_another_process_has_by_now_is_no_worker():
    assert "another one" in why_dead(MINE, None, Machine(there={41: 900}))
    assert "another one" in why_dead(None, STARTED, Machine(there={41: 900}))


def test_worker_of_another_host_is_nobodys_to_judge_here():
    elsewhere = Worker("south", 41, "tick 100")
    assert why_dead(elsewhere, STARTED, Machine()) is None, (
        "the launch on this host is older than the worker's own word"
    )
    assert why_dead(None, Launch(41, 102.0, is_here=False), Machine()) is None


def test_run_that_no_process_is_known_of_is_left_to_dagster():
    assert why_dead(None, None, Machine()) is None


@pytest.mark.parametrize("began", [99.0, 102.0, 103.9])
def test_process_that_began_before_its_launch_was_told_is_the_worker(began):
    assert why_dead(None, STARTED, Machine(there={41: began})) is None


def test_where_nothing_but_the_number_can_be_told_a_process_of_that_number_is_the_worker():
    assert why_dead(MINE, STARTED, Machine(there={41: 900}, is_blind=True)) is None
    assert why_dead(None, STARTED, Machine(there={41: 900}, is_blind=True)) is None
    assert why_dead(MINE, STARTED, Machine(is_blind=True)) is not None

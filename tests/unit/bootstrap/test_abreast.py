import threading
import time

import pytest

from s2s_pipelines.bootstrap import abreast as module
from s2s_pipelines.bootstrap.abreast import abreast


def test_every_outcome_comes_once_and_errors_are_handed_on():
    def work(name):
        if name == "b":
            raise ValueError("no")
        if name == "c":
            raise SystemExit(1)
        return name.upper()

    found = {outcome.name: outcome for outcome in abreast(work, list("abcde"), count=2, patience_s=9)}
    assert {name: outcome.value for name, outcome in found.items()} == {
        "a": "A",
        "b": None,
        "c": None,
        "d": "D",
        "e": "E",
    }
    assert isinstance(found["b"].error, ValueError)
    assert isinstance(found["c"].error, SystemExit)
    assert list(abreast(work, [], count=2, patience_s=9)) == []


def test_no_more_than_asked_for_go_on_side_by_side():
    lock, going, most = threading.Lock(), [], []

    def work(name):
        with lock:
            going.append(name)
            most.append(len(going))
        time.sleep(0.01)
        with lock:
            going.remove(name)

    assert len(list(abreast(work, [str(n) for n in range(20)], count=3, patience_s=9))) == 20
    assert max(most) == 3


def test_what_hangs_gives_its_place_to_the_next_after_a_while(monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0.02)
    released = threading.Event()

    def work(name):
        if name.startswith("hangs"):
            released.wait(30)

    ended = []
    for outcome in abreast(work, ["hangs1", "hangs2", "a", "b", "c"], count=2, patience_s=0.1):
        ended.append(outcome.name)
        if len(ended) == 3:
            released.set()
    assert ended[:3] == ["a", "b", "c"]
    assert set(ended[3:]) == {"hangs1", "hangs2"}


def test_who_leaves_what_hangs_is_told_so_once_and_does_not_wait_for_it(monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0.02)
    released = threading.Event()

    def work(name):
        if name.startswith("hangs"):
            released.wait(30)
        if name == "slow":
            time.sleep(0.4)

    names = ["hangs1", "slow", "hangs2", "a", "b"]
    ended = list(abreast(work, names, count=2, patience_s=0.1, is_leaving=True))
    released.set()
    assert len(ended) == 5
    assert {o.name for o in ended if isinstance(o.error, TimeoutError)} == {"hangs1", "hangs2", "slow"}
    assert {o.name for o in ended if o.error is None} == {"a", "b"}


def test_hanging_things_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 4)
    released, begun = threading.Event(), []

    def work(name):
        begun.append(name)
        released.wait(30)

    going = abreast(work, [str(n) for n in range(9)], count=2, patience_s=0.0)
    threading.Timer(0.4, released.set).start()
    first = next(going)
    assert first.error is None
    assert len(begun) == 4
    assert len(list(going)) == 8


def test_who_stops_listening_stops_the_rest_from_being_begun():
    begun = []
    going = abreast(begun.append, [str(n) for n in range(50)], count=1, patience_s=9)
    next(going)
    going.close()
    assert len(begun) <= 2


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("abreast ") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)

import threading
import time
from datetime import UTC, datetime

import pytest

from s2s_pipelines.bootstrap import Workshop, order_work
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.errors import TransientError

SLOW = [f"slow{n}" for n in range(20)]


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """Channels are asked by hand: those whose name says so hang until they are released, one breaks off."""
    made = Workshop(Environment.from_mapping({"S2S_ROOT": str(tmp_path)}))
    made.names, made.asked, made.released = ["a", "b", "broken"], [], threading.Event()

    def poll(name, channel):
        made.asked.append(name)
        if name == "broken":
            raise TransientError("it does not answer")
        if name in SLOW:
            made.released.wait(30)

    monkeypatch.setattr(order_work, "POLL_PATIENCE_S", 0.1)
    monkeypatch.setattr(made, "_poll", poll)
    monkeypatch.setattr(made, "_polls_due", lambda: [(datetime(2026, 1, 1, tzinfo=UTC), n, "shop") for n in made.names])
    yield made
    made.released.set()
    while made._being_asked:
        time.sleep(0.01)


def test_channel_that_fails_is_told_of_and_stops_no_other(workshop):
    polled = workshop.poll_due(budget_s=9)
    assert sorted(workshop.asked) == ["a", "b", "broken"]
    assert polled.channels == 3
    assert polled.problems == {"broken": "it does not answer"}


def test_channels_that_hang_are_waited_for_once_and_not_asked_again_meanwhile(workshop):
    workshop.names = [*SLOW, "zebra"]
    began = time.monotonic()
    first = workshop.poll_due(budget_s=20)
    assert time.monotonic() - began < 10
    assert sorted(workshop.asked) == sorted([*SLOW, "zebra"])
    assert set(first.problems) == set(SLOW)

    second = workshop.poll_due(budget_s=20)
    assert (second.channels, second.problems) == (1, {})
    assert sorted(workshop.asked) == sorted([*SLOW, "zebra", "zebra"])

    workshop.released.set()
    while workshop._being_asked:
        time.sleep(0.01)
    assert workshop.poll_due(budget_s=20).channels == 21


def test_no_channel_is_begun_after_the_time_is_over(workshop):
    workshop.names = SLOW
    assert workshop.poll_due(budget_s=0).channels == 20
    assert len(workshop.asked) == order_work._POLLS_ABREAST

"""The plug is pulled in the middle of each write of our storage; whoever comes next finds the last good state and goes on."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path

import pytest

from tests.plug.act import ACTS
from tests.plug.worker import KILLED, must, run

ROOT = Path(__file__).parents[2]


def copied(source, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


def chosen(points):
    """Of many points of one kind in a row, the first, one in the middle and the last."""
    runs = [list(group) for _, group in groupby(enumerate(points, 1), key=lambda entry: entry[1].split()[0])]
    return [entry for own in runs for entry in (own if len(own) < 4 else (own[0], own[len(own) // 2], own[-1]))]


@pytest.fixture(params=list(ACTS))
def act(request, tmp_path):
    """An act, the folder before it, what is found before and after it, and the points it passes."""
    name, before = request.param, tmp_path / "before"
    before.mkdir()
    must("prepare", name, before)
    old = must("look", name, copied(before, tmp_path / "old"))
    whole = copied(before, tmp_path / "whole")
    points = must("write", name, whole)
    return name, before, old, must("look", name, whole), points


def test_plug_pulled_at_any_point_leaves_the_state_before_or_the_state_after(act, tmp_path):
    name, before, old, new, points = act
    assert len(points) >= 3, points
    assert (old != new) == ACTS[name].is_seen, "an act that changes nothing proves nothing"
    seen = set()
    for at, point in chosen(points):
        folder = copied(before, tmp_path / "trial")
        assert run("write", name, folder, at=at) == KILLED, point
        found, again, loose, standing = must("go on", name, folder)
        assert found in (old, new), f"killed at {at}, {point}"
        assert again == new, f"done again after {at}, {point}"
        assert loose == [], f"cleared after {at}, {point}"
        assert standing == new["standing"], f"cleared after {at}, {point}"
        seen.add(found == new)
    if ACTS[name].is_seen:
        assert seen == {False, True}, "one of the points is the commit"


WRITING = """
import itertools, sys
from datetime import timedelta
from pathlib import Path
from tests.plug.act import Items, NOON, PRODUCTS, SHOP, confirmed, plan_of, world_in
world = world_in(Path(sys.argv[1]))
print("writes", flush=True)
for number in itertools.count():
    world.keep(PRODUCTS)
    world.plan("123456789"[number % 9])
    Items(world.engine).record(*SHOP, [confirmed(str(n), qty=str(number)) for n in range(50)], NOON)
"""


def test_process_killed_at_any_moment_leaves_nothing_half_written(tmp_path):
    """Between the points as well: inside the libraries, at a moment that nobody chose."""
    folder = tmp_path / "home"
    folder.mkdir()
    chance = random.Random(4)
    kept, patience_s = [], 0.9
    while len(kept) < 8 or kept[0] == kept[-1]:
        assert len(kept) < 40, "nothing is ever written"
        command = [sys.executable, "-c", WRITING, str(folder)]
        writer = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert writer.stdout.readline() == b"writes\n"
        time.sleep(chance.uniform(0.05, patience_s))
        assert writer.poll() is None
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        found = must("look", "snapshot", folder)
        quantities = {json.loads(json.loads(item)["acknowledged_hash"][1:]) for item in found["items"]}
        assert len(quantities) <= 1, "a batch of items is recorded as a whole or not at all"
        kept.append(len(list((folder / "catalogue").rglob("*.parquet"))))
        if kept[-1] == 0:
            patience_s *= 1.3  # a busy machine has not come to its first write
    assert kept == sorted(kept)
    assert kept[0] < kept[-1], "it went on after each kill"

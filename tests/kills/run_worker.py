"""Kills workers of Dagster's own runs in the middle of an order, and looks whether daemon, sensor and ledger finish the work.

Everything is as shipped: ``dagster.yaml``, the definitions, the sensor that polls the shops and launches the runs, claims and
leases of 60 s, the real clock. Each kill hits a client of its own, so that the waiting for claims of the dead overlaps.
"""

import re
import shutil
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from s2s_pipelines.demo.dagster_client import DagsterServer, RunSeen, free_port
from tests.kills.branch import ROOT, Branch, environment_of, open_all
from tests.kills.location import ARMED
from tests.kills.rig import Report, Say, count
from tests.kills.tripwire import Point, as_text

LIMIT_S = 480
"""For everything from the first order placed to the last document standing."""

QUIET_S = 12
"""How long nothing more may come once everything stands: two ticks of the sensor and the runs they launch."""

POINTS: tuple[Point, ...] = (
    ("sink_north.raise_order", "after", 1),
    ("sink_south.raise_order/commit", "before", 1),
    ("sink_north.raise_order", "before", 1),
    ("ledger.claim_due", "after", 1),
    ("ledger.plan/commit", "before", 1),
    ("ledger.move_document", "after", 2),
    ("lease.take", "after", 2),
    ("channel_shop.acknowledge/POST", "after", 1),
    ("channel_shop.acknowledge/PUT", "after", 1),
    ("sink_south.find", "before", 1),
    ("lease.end", "before", 1),
    ("ledger.told", "after", 1),
)
_WORKSPACE = "load_from:\n  - python_module: {module_name: tests.kills.location, location_name: s2s}\n"
_EVENTS = """
query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { ... on MessageEvent { message } } } } }
"""


def kill_run_workers(folder: Path, kills: int, say: Say) -> Report:
    """So many kills, each in a client of its own; what the tables say when all is done."""
    points = [POINTS[number % len(POINTS)] for number in range(kills)]
    root, armed = folder / "root", folder / "armed"
    armed.mkdir(parents=True)
    with ExitStack() as stack:
        branches = [Branch(root, folder / f"outside{n}", f"run{n:02}") for n in range(kills)]
        for branch in branches:
            stack.enter_context(branch)
            branch.create()
        environment = environment_of(root, folder / "home", branches)
        open_all(environment, branches)
        _write_instance(root)
        environment |= {ARMED: str(armed), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        dagster = DagsterServer(root, environment, port=free_port(), log=folder / "dagster.log")
        dagster.start()
        stack.callback(dagster.stop)
        say(f"Dagster runs with {kills} clients, each with a fuse for one run worker")
        for number, (branch, point) in enumerate(zip(branches, points, strict=True)):
            (armed / f"{branch.client}.armed").write_text(as_text(point))
            branch.place(number)
        _wait(branches, armed, say)
        return _report(branches, armed, dagster, say)


def _write_instance(root: Path) -> None:
    shutil.copy(ROOT / "dagster.yaml", root)
    (root / "workspace.yaml").write_text(_WORKSPACE)


def _wait(branches: list[Branch], armed: Path, say: Say) -> None:
    """Until every fuse is gone, everything stands and nothing more came for a while; or until time is up."""
    began = quiet_since = said = time.monotonic()
    before: list[object] = []
    while time.monotonic() - began < LIMIT_S:
        time.sleep(1)
        counts = [count(branch) for branch in branches]
        open_now = sum(bool(seen.lost or seen.untold) for seen in counts)
        left = len(list(armed.glob("*.armed")))
        now = [left, counts]
        if now != before or left or open_now:
            before, quiet_since = now, time.monotonic()
        if time.monotonic() - quiet_since > QUIET_S:
            return
        if time.monotonic() - said > 15:
            said = time.monotonic()
            say(
                f"run workers: {len(branches) - left} of {len(branches)} killed, {open_now} clients wait for a living one,"
                f" {said - began:.0f} s"
            )


def _report(branches: list[Branch], armed: Path, dagster: DagsterServer, say: Say) -> Report:
    """A kill counts where the process that died was the worker of a run that Dagster saw fail."""
    runs = dagster.runs()
    workers = {pid: run for run in runs for pid in _pids(dagster, run)}
    killed = {client: int(pid) for client, pid in (path.name.split(".")[:2] for path in armed.glob("*.fired"))}
    report = Report(kills=len(branches))
    for branch in branches:
        run = workers.get(killed.get(branch.client, 0))
        if run is not None and run.status == "FAILURE":
            report.fired += 1
        else:
            say(f"did not fire in the worker of a run: {branch.client}, {run.status if run else 'no run'}")
        report.count(branch)
    report.run_worker_kills = report.fired
    retried = sum("dagster/parent_run_id" in run.tags for run in runs)
    say(
        f"run workers: {report.fired} of {report.kills} killed; {len(runs)} runs, {dict(Counter(r.status for r in runs))},"
        f" {retried} of them launched again by Dagster; {report.text()}"
    )
    return report


def _pids(dagster: DagsterServer, run: RunSeen) -> list[int]:
    events = dagster.ask(_EVENTS, {"run": run.run_id})["logsForRun"].get("events", [])
    found = [re.search(r"\(pid: (\d+)\)", event.get("message") or "") for event in events]
    return [int(match.group(1)) for match in found if match]

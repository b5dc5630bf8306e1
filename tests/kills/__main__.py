"""``python -m tests.kills``: the kill rig. The last line is JSON; the exit code is 0 when every promise held."""

import argparse
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests.kills import beside, rig, worker

RUN_WORKER_KILLS = 10


def main(arguments: list[str] | None = None) -> int:
    """Run the rig as the command line says."""
    given = _parse(arguments)
    signal.signal(signal.SIGTERM, beside.unwind)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="s2s-kills-") as temporary, ExitStack() as stack:
        folder = given.folder or Path(temporary)
        on_runs = None
        if given.run_worker_kills:
            on_runs = beside.RunWorkerKills(folder / "dagster", given.run_worker_kills)
            stack.callback(on_runs.stop)
        report = rig.run(
            importlib.import_module(given.subject).make_subject,
            folder,
            database=given.database,
            control_database=given.control_database,
            repeats=given.repeats,
            most=given.most,
            control_kills=given.control_kills,
            lanes=given.lanes,
            say=rig.to_stdout,
        )
        if on_runs:
            _add(report, on_runs.report())
    problems = report.problems(least_run_worker_kills=given.run_worker_kills, least_per_step=given.repeats)
    for problem in problems:
        rig.to_stdout(f"NOT HELD: {problem}")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    measured = {
        "subject": given.subject,
        "seconds": round(time.monotonic() - began),
        "cpu_s": round(sum(u.ru_utime + u.ru_stime for u in used) + worker.cpu_s()),
    }
    rig.to_stdout(json.dumps(asdict(report) | measured))
    return 1 if problems else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--subject", default="tests.kills.shop", help="module with make_subject(folder, database)")
    parser.add_argument("--repeats", type=int, default=5, help="kills per point")
    parser.add_argument("--most", type=int, help="so many points, spread over the way; default: every point")
    parser.add_argument("--lanes", type=int, default=min(2, os.cpu_count() or 1), help="worlds side by side")
    parser.add_argument("--run-worker-kills", type=int, default=RUN_WORKER_KILLS, help="kills of Dagster's run workers")
    parser.add_argument("--short", action="store_true", help="a few points of the small subject once: seconds")
    parser.add_argument("--control-kills", type=int, default=6)
    parser.add_argument("--folder", type=Path, help="where the worlds are made and left; default: a temporary folder")
    parser.add_argument("--database", help="our own database, empty, for one lane; default: a SQLite file each")
    parser.add_argument("--control-database", help="another one, for the control")
    given = parser.parse_args(arguments)
    if given.short:
        given.subject, given.repeats, given.most, given.control_kills = "tests.kills.subject", 1, 10, 2
        given.lanes, given.run_worker_kills = 1, 0
    if given.database:
        given.lanes = 1
    return given


def _add(report: rig.Report, other: rig.Report) -> None:
    """Count the kills of run workers in; the steps are those of the whole way, which they are a part of."""
    for name in ("kills", "fired", "lost", "doubled", "wrong", "untold", "told_twice", "run_worker_kills"):
        setattr(report, name, getattr(report, name) + getattr(other, name))


if __name__ == "__main__":
    sys.exit(main())

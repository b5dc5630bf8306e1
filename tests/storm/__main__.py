"""``python -m tests.storm``: the storm. The last line is JSON; the exit code is 0 when every promise held."""

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.storm.breakage import BREAKAGES
from tests.storm.rig import Plan, Storm


def main(arguments: list[str] | None = None) -> int:
    """Run the storm as the command line says."""
    given = _parse(arguments)
    signal.signal(signal.SIGTERM, _unwind)
    began = time.monotonic()
    known = {way.name: way for way in BREAKAGES}
    ways = tuple(known[name] for name in given.ways) if given.ways else BREAKAGES
    plan = Plan(given.clients, given.minutes, ways)
    with ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="s2s-storm-")))
        report = stack.enter_context(Storm(plan, folder, _say)).run()
    for problem in report.problems():
        _say(f"NOT HELD: {problem}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured = {
        "minutes": given.minutes,
        "seconds": round(time.monotonic() - began),
        "cpu_s": round(time.process_time() + used.ru_utime + used.ru_stime),
        "load": round(os.getloadavg()[1], 1),
    }
    _say(json.dumps(report.told_of() | measured))
    return 1 if report.problems() else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=30, help="of compressed time; three of them take one")
    parser.add_argument("--ways", nargs="*", choices=[way.name for way in BREAKAGES], help="default: all ten")
    parser.add_argument("--folder", type=Path, help="where the world is made and left; default: a temporary folder")
    return parser.parse_args(arguments)


def _unwind(*_: object) -> None:
    """Leave through every context, so that nothing is left running."""
    raise SystemExit(143)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

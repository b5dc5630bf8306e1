"""``python -m tests.kills``: the kill rig. The last line is JSON; the exit code is 0 when everything held."""

import argparse
import importlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.kills import rig

ALSO = "another subject, killed once at so many points spread over the way; its counts are added, it has no control"


def main(arguments: list[str] | None = None) -> int:
    """Run the rig as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--subject", default="tests.kills.subject", help="module with make_subject(folder, database)")
    parser.add_argument("--repeats", type=int, default=5, help="kills per point")
    parser.add_argument("--also", action="append", default=[], metavar="MODULE=POINTS", help=ALSO)
    parser.add_argument("--short", action="store_true", help="sixteen points once: seconds instead of minutes")
    parser.add_argument("--control-kills", type=int, default=6)
    parser.add_argument("--folder", type=Path, help="where the world is made and left; default: a temporary folder")
    parser.add_argument("--database", help="our own database, empty, for the first subject; default: a SQLite file")
    parser.add_argument("--control-database", help="another one, for the control")
    given = parser.parse_args(arguments)
    if given.short:
        given.repeats, given.control_kills = 1, 2
    report = rig.Report()
    with tempfile.TemporaryDirectory(prefix="s2s-kills-") as temporary:
        folder = given.folder or Path(temporary)
        most = 16 if given.short else None
        report.add(_run(given, given.subject, folder / "0", given.repeats, most, given.control_kills))
        for number, also in enumerate(given.also, start=1):
            module, _, points = also.partition("=")
            report.add(_run(given, module, folder / str(number), 1, int(points or 6), 0))
    rig.to_stdout(json.dumps(asdict(report)))
    return 0 if report.is_good() else 1


def _run(
    given: argparse.Namespace, module: str, folder: Path, repeats: int, most: int | None, control_kills: int
) -> rig.Report:
    rig.to_stdout(f"subject {module}")
    return rig.run(
        importlib.import_module(module).make_subject,
        folder,
        database=given.database if control_kills else None,
        control_database=given.control_database,
        repeats=repeats,
        most=most,
        control_kills=control_kills,
        say=rig.to_stdout,
    )


if __name__ == "__main__":
    sys.exit(main())

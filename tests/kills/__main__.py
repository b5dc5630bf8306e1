"""``python -m tests.kills``: the kill rig. The last line is JSON; the exit code is 0 when everything held."""

import argparse
import importlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.kills import rig


def main(arguments: list[str] | None = None) -> int:
    """Run the rig as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--subject", default="tests.kills.subject", help="module with make_subject(folder, database)")
    parser.add_argument("--repeats", type=int, default=5, help="kills per point")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th point only")
    parser.add_argument("--short", action="store_true", help="every fourth point once: seconds instead of minutes")
    parser.add_argument("--control-kills", type=int, default=6)
    parser.add_argument("--folder", type=Path, help="where the world is made and left; default: a temporary folder")
    parser.add_argument("--database", help="our own database, empty; default: a SQLite file")
    parser.add_argument("--control-database", help="another one, for the control")
    given = parser.parse_args(arguments)
    if given.short:
        given.repeats, given.stride, given.control_kills = 1, 4, 2
    make_subject = importlib.import_module(given.subject).make_subject
    with tempfile.TemporaryDirectory(prefix="s2s-kills-") as temporary:
        report = rig.run(
            make_subject,
            given.folder or Path(temporary),
            database=given.database,
            control_database=given.control_database,
            repeats=given.repeats,
            stride=given.stride,
            control_kills=given.control_kills,
            say=rig.to_stdout,
        )
    rig.to_stdout(json.dumps(asdict(report)))
    return 0 if report.is_good() else 1


if __name__ == "__main__":
    sys.exit(main())

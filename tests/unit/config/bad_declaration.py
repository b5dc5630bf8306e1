"""Lays a case of the bad declarations over the small good client and tells what loading makes of it."""

import shutil
from pathlib import Path

from s2s_pipelines.config.fleet import BrokenClient, Fleet
from s2s_pipelines.config.loader import load_fleet
from tests.unit.config.fake_kind import KINDS

FIXTURES = Path(__file__).parents[2] / "fixtures"
GOOD = FIXTURES / "declarations_good"
BAD = FIXTURES / "declarations_bad"
PLACES = {
    "client.yaml": "assets/small/client.yaml",
    "resources.yaml": "resources/small.yaml",
    "fields.csv": "assets/small/fields/erp.csv",
}


def lay_out(case: Path, root: Path) -> None:
    """Copy the good client, put the case's files in place of its own, and take away what ``absent.txt`` lists."""
    shutil.copytree(GOOD / "small", root, dirs_exist_ok=True)
    for name, place in PLACES.items():
        if (case / name).exists():
            shutil.copy(case / name, root / place)
    if (case / "tree").is_dir():
        shutil.copytree(case / "tree", root, dirs_exist_ok=True)
    if (case / "absent.txt").exists():
        for name in (case / "absent.txt").read_text().split():
            (root / PLACES[name]).unlink()


def told(fleet: Fleet) -> str:
    """Everything an operator would read, of broken clients and of warnings."""
    texts = [client.text() for client in fleet.broken]
    texts += [problem.text() for client in fleet.clients for problem in client.warnings]
    return "\n".join(texts) + "\n"


def load_case(case: Path, root: Path) -> tuple[Fleet, str]:
    lay_out(case, root)
    fleet = load_fleet(root, KINDS)
    assert all(isinstance(client, BrokenClient) for client in fleet.broken)
    return fleet, told(fleet)

"""The code location of the rig: the shipped definitions on a workshop whose sweeps may be armed from outside.

Only ``Workshop.sweep`` is armed, which Dagster's runs call and its sensors do not. A client's fuse is a file; whoever dies
of it takes it away first, so that no second worker dies of the same.
"""

import os
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from s2s_pipelines.orchestration.factory import build_definitions
from tests.kills.tripwire import Fuse, from_text, wired_libraries
from tests.kills.workshop import WiredWorkshop

ARMED = "KILLS_ARMED"
"""The variable that names the folder of fuses."""


class ArmedWorkshop(WiredWorkshop):
    """Dies in a sweep of a client that has a fuse."""

    def sweep(self, name: str, *, only_orders: Sequence[str] | None, days: tuple[date, date] | None, poll: bool) -> Any:
        fuse_file = Path(os.environ[ARMED]) / f"{name}.armed"
        if not fuse_file.exists():
            return super().sweep(name, only_orders=only_orders, days=days, poll=poll)
        self.fuse = Fuse(from_text(fuse_file.read_text()), may_fire=partial(_take, fuse_file))
        try:
            with wired_libraries(self.fuse):
                return super().sweep(name, only_orders=only_orders, days=days, poll=poll)
        finally:
            self.fuse = Fuse()


def _take(fuse_file: Path) -> bool:
    """Take the fuse away and leave who died of it; False when somebody else was quicker."""
    mine = fuse_file.with_suffix(f".{os.getpid()}")
    try:
        fuse_file.rename(mine)
    except FileNotFoundError:
        return False
    mine.rename(mine.with_name(mine.name + ".fired"))
    return True


if ARMED in os.environ:
    defs = build_definitions(ArmedWorkshop.from_environment())

"""One contender in a process of its own: how long it took, and the most memory it ever held."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class ContenderError(RuntimeError):
    """A contender did not come to its end."""


def peak_mb() -> float:
    """The most memory this process ever held, from its own counter: ``ru_maxrss`` would tell its parent's as well."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that the work took, and what it gave."""
    began = time.perf_counter()
    given = work()
    return time.perf_counter() - began, given


def tell(**found: Any) -> None:
    """What a contender says at its end."""
    print(json.dumps({**found, "peak_mb": round(peak_mb(), 1)}), flush=True)


def alone(module: str, words: list[str], environment: Mapping[str, str], *, timeout_s: float = 600) -> dict[str, Any]:
    """Run ``python -m module words`` and hand on what it tells in its last line.

    Raises:
        ContenderError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise ContenderError(f"{module} {' '.join(words)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))

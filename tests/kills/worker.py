"""A worker: a process of its own that sweeps one client's orders with wires around its ports, and may die on the way.

Workers are forked by a small server that has everything imported and no threads, so that a kill costs a fork and not an import,
and no worker inherits half a lock of the rig, in whose process the shop runs.
"""

import json
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import connection, forkserver
from pathlib import Path
from threading import Lock
from typing import cast

from tests.kills.tripwire import Fuse, Point, wired_libraries

LIMIT_S = 60

Sweep = Callable[[Fuse, "Errand"], None]
"""Sweeps as often as the errand says, past the fuse."""


@dataclass(frozen=True)
class Errand:
    """What one worker is to do.

    Attributes:
        sweep: a function of a module, or a ``functools.partial`` of one.
        point: where it dies; None to live.
        ahead_s: by how much its clock differs from the real time.
        is_blind: whether its sinks find nothing, which is the control.
        sweeps: how often it sweeps.
        trace: where it writes down the steps it passed.
        environment: variables on top of the rig's own.
    """

    sweep: Sweep
    point: Point | None = None
    ahead_s: float = 0.0
    is_blind: bool = False
    sweeps: int = 1
    trace: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)


def run_worker(errand: Errand) -> int:
    """Run a worker to its end; its exit code, or minus the signal that ended it.

    Raises:
        TimeoutError: it neither ended nor died in time.
    """
    worker = _CONTEXT.Process(target=_work, args=(errand,), daemon=True)
    with _COUNTING:
        worker.start()
    has_ended = bool(connection.wait([worker.sentinel], LIMIT_S))
    with _COUNTING:
        if not has_ended:
            worker.terminate()
        worker.join()
    if not has_ended:
        raise TimeoutError(f"a worker took longer than {LIMIT_S} s")
    return cast("int", worker.exitcode)


def cpu_s() -> float:
    """Seconds of processor time that the workers so far have used; their parent is the server that forks them."""
    pid = forkserver._forkserver._forkserver_pid
    if pid is None:
        return 0.0
    # proc(5): the 14th to 17th field are its own and its children's times, in ticks; the name before them may hold blanks.
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def trace_worker(errand: Errand) -> list[Point]:
    """Run a worker that writes a trace, and read it."""
    code = run_worker(errand)
    if code != 0 or errand.trace is None:
        raise RuntimeError(f"the worker to be traced ended with {code}")
    return [(step, side, call) for step, side, call in json.loads(errand.trace.read_text())]


def _work(errand: Errand) -> None:
    os.environ.update(errand.environment)
    fuse = Fuse(errand.point)
    try:
        with wired_libraries(fuse):
            errand.sweep(fuse, errand)
        if errand.trace:
            errand.trace.write_text(json.dumps(fuse.trace))
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


_COUNTING = Lock()
"""Starting a process asks after all others, and an exit code can be read only once: two threads at it, and one of them reads
255 (``multiprocessing.popen_forkserver``)."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["__main__", "tests.kills.warm"])

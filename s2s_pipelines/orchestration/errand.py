"""What the process that loads the definitions was started for.

Dagster starts a worker for each run, and each loads all definitions anew: of a thousand clients that is ten seconds, for a run
that needs one of them, or none. Whatever launcher started it, a worker loads them from within the function
``dagster._grpc.impl.core_execute_run`` (read in Dagster 1.13), where the run is at hand. That is no public interface: where it is
not found everything is built, and that only takes longer.
"""

import sys
from collections.abc import Iterator
from types import FrameType

from dagster import DagsterRun
from dagster._core.definitions.assets.job.asset_job import is_reserved_asset_job_name

_WORKER = ("dagster._grpc.impl", "core_execute_run")


def clients_of_this_process() -> frozenset[str] | None:
    """Clients whose assets this process may be asked for; None: any, for it is no worker, or does not say of what run."""
    run = next((run for frame in _callers() if (run := _run_of(frame)) is not None), None)
    return None if run is None else _clients_of(run)


def _callers() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _run_of(frame: FrameType) -> DagsterRun | None:
    if (frame.f_globals.get("__name__"), frame.f_code.co_name) != _WORKER:
        return None
    return next((value for value in frame.f_locals.values() if isinstance(value, DagsterRun)), None)


def _clients_of(run: DagsterRun) -> frozenset[str] | None:
    if not is_reserved_asset_job_name(run.job_name):
        return frozenset()  # jobs of ops need no assets at all
    keys = {*(run.asset_selection or ()), *(check.asset_key for check in run.asset_check_selection or ())}
    # A key begins with its client; an asset that is nobody's, such as ``fleet``, begins with no client's name.
    return frozenset(key.path[0] for key in keys) or None

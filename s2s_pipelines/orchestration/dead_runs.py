"""Finds runs that only seem to run and reports them as failed, so that their places and slots are free again."""

import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.bootstrap.process import LocalProcesses
from s2s_pipelines.config.share import Share
from s2s_pipelines.cycle.dead_run import Launch, Processes, Worker, why_dead
from s2s_pipelines.orchestration.instance import opened_instance
from s2s_pipelines.orchestration.worker import BEGAN_KEY, HOST_KEY, PID_KEY

_SEEMING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_MOST_RUNS = 5000
_THIS_HOST = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 # compared with, not listened on

SETTLE_S = 2.0
"""A worker that just ended has written how; one that was killed is reported by its code server within half a second."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A run that was reported as ended."""

    run_id: str
    job: str
    why: str


def sweep_dead_runs(
    instance: dg.DagsterInstance,
    processes: Processes | None = None,
    *,
    is_only_code_server: bool = True,
    settle_s: float = SETTLE_S,
) -> list[Swept]:
    """Report every run as failed whose worker was a process of this host and is gone; a cancelled one as cancelled.

    Runs of other hosts are left to who watches there, and runs of which nobody knows the process to Dagster's own time-outs. A
    live worker is never touched: its number, its host and the moment it began must all be those it wrote down.

    Args:
        instance: where the runs are.
        processes: of this host.
        is_only_code_server: every run that was launched through a code server on ``localhost`` is one of this host; with
            several code servers only a worker's own word counts.
        settle_s: how long to wait before a run that seems dead is looked at once more.
    """
    found = processes or LocalProcesses()
    suspects = {
        run.run_id: why for run in _seeming(instance) if (why := _why(instance, run, found, is_only_code_server))
    }
    if not suspects:
        return []
    time.sleep(settle_s)
    swept = []
    # Whoever is gone has written its last word before: read anew, a status that still says "runs" is not going to change.
    for run in _seeming(instance, list(suspects)):
        _report(instance, run, suspects[run.run_id])
        swept.append(Swept(run.run_id, run.job_name, suspects[run.run_id]))
    return swept


def _seeming(instance: dg.DagsterInstance, run_ids: list[str] | None = None) -> list[dg.DagsterRun]:
    wanted = dg.RunsFilter(run_ids=run_ids, statuses=_SEEMING)
    return [record.dagster_run for record in instance.get_run_records(wanted, limit=_MOST_RUNS)]


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun, processes: Processes, is_only: bool) -> str | None:
    worker, launch = _told(instance, run, is_only)
    return why_dead(worker, launch, processes)


def _told(instance: dg.DagsterInstance, run: dg.DagsterRun, is_only: bool) -> tuple[Worker | None, Launch | None]:
    """The newest process that wrote itself down, and the newest that a code server started."""
    worker, launch = None, None
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    for record in records:
        event = record.event_log_entry.dagster_event
        said: dict[str, Any] = {k: v.value for k, v in event.engine_event_data.metadata.items()} if event else {}
        pid = str(said.get(PID_KEY, ""))
        if not pid.isdecimal():
            continue
        if HOST_KEY in said:
            worker = Worker(str(said[HOST_KEY]), int(pid), str(said.get(BEGAN_KEY, "")))
        else:
            launch = Launch(int(pid), record.event_log_entry.timestamp, _is_here(run, is_only))
    return worker, launch


def _is_here(run: dg.DagsterRun, is_only_code_server: bool) -> bool:
    """Whether the code server that started the run's process is one of this host."""
    try:
        told = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    except ValueError:
        return False
    if told.get("socket"):
        return Path(told["socket"]).exists()  # its name is random: whoever has the file made it
    host = told.get("host")
    return host == socket.gethostname() or (is_only_code_server and host in _THIS_HOST)


def _report(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    message = f"This run only seemed to run: {why}. What it left is taken up again by itself."
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, message)
    else:
        instance.report_run_failed(run, message)
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits:
        storage.free_concurrency_slots_for_run(run.run_id)


def sweep_here() -> list[Swept]:
    """The same for the instance and the share of clients that the environment describes."""
    is_only = Share.from_mapping(os.environ).is_all
    with opened_instance() as instance:
        return sweep_dead_runs(instance, is_only_code_server=is_only)


def told(swept: Sequence[Swept], leases: Sequence[str]) -> list[str]:
    """What was done, a line each."""
    lines = [f"run {run.run_id} of {run.job} is reported as ended: {run.why}" for run in swept]
    return lines + [f"the lease {name} of a process that is gone ends soon" for name in leases]


@dg.sensor(
    name="dead_runs",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports runs as failed whose worker is gone, so that their places are free again. Launches nothing.",
)
def dead_runs(context: dg.SensorEvaluationContext, workshop: dg.ResourceParam[Workshop]) -> dg.SkipReason:
    """Look after the workers of this host."""
    swept = sweep_dead_runs(context.instance, is_only_code_server=workshop.share.is_all)
    lines = told(swept, workshop.shorten_leases_of_the_dead())
    for line in lines:
        context.log.warning(line)
    return dg.SkipReason("\n".join(lines) or "every run that seems to run has its worker")

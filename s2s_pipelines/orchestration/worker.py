"""The worker of a run: writes down which process it is, so that a later look can tell whether it still lives.

Dagster's own events name a process number and no host; with several code servers, or in containers, that is not enough to fail
a run by.
"""

import os
from collections.abc import Iterator
from typing import Any, cast

import dagster as dg
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.executor.in_process import InProcessExecutor

from s2s_pipelines.bootstrap.process import LocalProcesses

PID_KEY, HOST_KEY, BEGAN_KEY = "pid", "s2s_host", "s2s_began"
"""Metadata of the event; Dagster's own events have ``pid`` alone."""


class WorkerExecutor(InProcessExecutor):
    """Dagster's own in-process executor, after one event that says which process it is."""

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[DagsterEvent]:
        """Say who works, then work."""
        processes, pid = LocalProcesses(), os.getpid()
        who = {PID_KEY: str(pid), HOST_KEY: processes.host, BEGAN_KEY: processes.began(pid) or ""}
        yield DagsterEvent.engine_event(
            plan_context, f"Process {pid} of {processes.host} works on this run.", EngineEventData(metadata=who)
        )
        yield from super().execute(plan_context, execution_plan)


@dg.executor(name="in_process", config_schema=cast("Any", dg.in_process_executor.config_schema))
def run_executor(init_context: dg.InitExecutorContext) -> WorkerExecutor:
    """Steps one after the other in the run's own process, which writes itself down first."""
    create = cast("Any", dg.in_process_executor.executor_creation_fn)
    stock: InProcessExecutor = create(init_context)
    return WorkerExecutor(stock.retries, stock.step_dependency_config)

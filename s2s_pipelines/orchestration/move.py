"""Moves an installation from SQLite to PostgreSQL: looks that nothing runs, lets Dagster make its tables, and has all copied."""

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import is_postgres, with_driver
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.orchestration.dead_runs import sweep_dead_runs
from s2s_pipelines.orchestration.instance import opened_instance

if TYPE_CHECKING:
    from s2s_pipelines.storage.move import Moved

HEARTBEAT_S = 45.0
"""A daemon gives a sign of life every 30 s (Dagster 1.13.27, ``_daemon/daemon.py``); without one for so long it is stopped."""

_RECENT_S = 120.0
_OPERATION = "move to PostgreSQL"


def move_here(workshop: Workshop, variable: str, dagster_variable: str | None, say: Callable[[str], None]) -> "Moved":
    """Move this environment's installation to the databases whose addresses two variables hold.

    Args:
        workshop: of this environment, on SQLite.
        variable: the name of the variable that holds the address for our tables.
        dagster_variable: the same for Dagster's; None: the same database.
        say: shows progress.

    Raises:
        ConfigurationError: a variable is not set, this environment is on PostgreSQL already, something runs, or a target is not
            empty. Nothing was changed.
    """
    ours = _address(variable, os.environ)
    dagsters = _address(dagster_variable, os.environ) if dagster_variable else ours
    environment = workshop.environment
    if is_postgres(environment.database_url) or environment.dagster_database_url:
        raise ConfigurationError(
            "this environment is on PostgreSQL already",
            operation=_OPERATION,
            next_step="unset S2S_DATABASE_URL and S2S_DAGSTER_DATABASE_URL for this command, to name what is moved",
        )
    with opened_instance() as instance:
        say("looking whether anything runs")
        check_stopped(instance)
    workshop.shorten_leases_of_the_dead()
    _make_tables(dagsters)
    say("copying; the old files are only read")
    return workshop.move(ours, dagsters)


def _address(variable: str, environ: Mapping[str, str]) -> str:
    found = environ.get(variable, "")
    if not is_postgres(found):
        raise ConfigurationError(
            f"the variable {variable} holds no address of a PostgreSQL database",
            operation=_OPERATION,
            next_step=f"export {variable}=postgresql://user:password@host/database, and name the variable here",
        )
    return with_driver(found)


def check_stopped(instance: dg.DagsterInstance, *, wait_s: float = HEARTBEAT_S) -> None:
    """Refuse to go on while a daemon, a run or a backfill is under way. Runs of the dead are swept first.

    Raises:
        ConfigurationError: one is.
    """
    sweep_dead_runs(instance)
    going = instance.get_runs(
        dg.RunsFilter(statuses=[*IN_PROGRESS_RUN_STATUSES, dg.DagsterRunStatus.CANCELING]), limit=5
    )
    if going:
        raise _runs(f"run {going[0].run_id} of {going[0].job_name}", "wait until it has ended, or cancel it in the UI")
    going_on = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
    backfills = instance.get_backfills(filters=BulkActionsFilter(statuses=going_on), limit=1)
    if backfills:
        raise _runs(f"backfill {backfills[0].backfill_id}", "wait until it has ended, or cancel it in the UI")
    if is_daemon_alive(instance, wait_s=wait_s):
        raise _runs("a Dagster daemon", "stop daemon, webserver and code server")


def is_daemon_alive(instance: dg.DagsterInstance, *, wait_s: float) -> bool:
    """Whether a daemon gives a sign of life; waits for one if there was one lately."""
    last = _newest_heartbeat(instance)
    if time.time() - last > _RECENT_S:
        return False
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if _newest_heartbeat(instance) != last:
            return True
        time.sleep(0.5)
    return False


def _newest_heartbeat(instance: dg.DagsterInstance) -> float:
    return max((beat.timestamp for beat in instance.get_daemon_heartbeats().values()), default=0.0)


def _runs(what: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(f"something runs: {what}", operation=_OPERATION, next_step=next_step)


def _make_tables(url: str) -> None:
    """Dagster's own code makes its tables, at its own revision, where there are none."""
    from dagster_postgres.storage import DagsterPostgresStorage

    storage = DagsterPostgresStorage(url)
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        part.dispose()

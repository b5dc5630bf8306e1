"""Deletes ended runs and old ticks from Dagster's storage, with the files they leave behind.

Runs in progress are never touched. What an asset and its checks said last survives the run that said it; its history and the
status of its days do not (observed on Dagster 1.13.27), which is why the ledger, and not Dagster, knows which orders are due.
"""

import re
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick, TickStatus
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

_BATCH = 100
_TICKS = 1000
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SQLITE_FILES = ("", "-wal", "-shm")
_ENDED = [TickStatus.SKIPPED, TickStatus.SUCCESS, TickStatus.FAILURE]


def delete_old_runs(
    instance: dg.DagsterInstance, before: datetime, *, budget_s: float, is_dry: bool = False
) -> tuple[int, bool]:
    """Delete runs that ended before a moment, the oldest first, with their events, logs and files.

    Args:
        instance: where the runs are.
        before: aware.
        budget_s: seconds after which the rest is left to the next time.
        is_dry: only count.

    Returns:
        How many, and whether any were left.
    """
    deadline = time.monotonic() + budget_s
    old = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_before=before)
    if is_dry:
        return instance.get_runs_count(old), False
    count = 0
    while batch := instance.get_run_records(old, limit=_BATCH, order_by="update_timestamp", ascending=True):
        for record in batch:
            if time.monotonic() > deadline:
                return count, True
            delete_run(instance, record.dagster_run.run_id)
            count += 1
    return count, False


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete one ended run. Its row goes after its events, so that a crash in between leaves a run that is found again."""
    instance.event_log_storage.delete_events(run_id)
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    _delete_files(instance, run_id)


def delete_run_files_of_nobody(instance: dg.DagsterInstance, before: datetime, *, is_dry: bool = False) -> int:
    """Delete files and folders of runs that are not in the storage any more; how many runs those are."""
    named = {
        run_id
        for run_id, newest in _runs_with_files(instance)
        if newest < before.timestamp() and _RUN_ID.fullmatch(run_id)
    }
    gone = 0
    for start in range(0, len(ids := sorted(named)), _BATCH):
        batch = ids[start : start + _BATCH]
        known = {run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=batch))}
        for run_id in set(batch) - known:
            gone += 1
            if not is_dry:
                _delete_files(instance, run_id)
    return gone


def purge_old_ticks(instance: dg.DagsterInstance, before: datetime, *, is_dry: bool = False) -> int:
    """Delete ended ticks of sensors and schedules from before a moment, with what they logged; how many."""
    count = 0
    for state in instance.all_instigator_state():
        for tick in _old_ticks(instance, state, before.timestamp()):
            count += 1
            if tick.log_key and not is_dry:
                instance.compute_log_manager.delete_logs(log_key=tick.log_key)
        if not is_dry:
            instance.purge_ticks(state.instigator_origin_id, state.selector_id, before.timestamp(), _ENDED)
    return count


def _old_ticks(instance: dg.DagsterInstance, state: InstigatorState, before: float) -> Iterator[InstigatorTick]:
    while page := instance.get_ticks(
        state.instigator_origin_id, state.selector_id, before=before, limit=_TICKS, statuses=_ENDED
    ):
        yield from page
        before = page[-1].timestamp


def _runs_with_files(instance: dg.DagsterInstance) -> Iterator[tuple[str, float]]:
    folders = [_artifacts(instance)]
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        folders.append(Path(storage.path_for_shard("any")).parent)
    for folder in folders:
        for entry in folder.iterdir() if folder.is_dir() else ():
            yield entry.name.removesuffix(".db"), entry.stat().st_mtime


def _artifacts(instance: dg.DagsterInstance) -> Path:
    return Path(instance.storage_directory())


def _delete_files(instance: dg.DagsterInstance, run_id: str) -> None:
    shutil.rmtree(_artifacts(instance) / run_id, ignore_errors=True)
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        for ending in _SQLITE_FILES:
            Path(storage.path_for_shard(run_id) + ending).unlink(missing_ok=True)

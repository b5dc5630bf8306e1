"""Reads what failed from Dagster: runs that ended, the newest tick of each sensor and schedule. What it means is in ``cycle``."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, TickStatus

from s2s_pipelines import errors
from s2s_pipelines.cycle.cause import Cause, shortened
from s2s_pipelines.cycle.incident import LAPSE, EndedRun, FailedStep

MOST_RUNS = 300
"""Runs looked at in one tick; those that ended later are looked at in the next one."""

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_TICK_ENDED = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
_OVERLAP = timedelta(seconds=1)
"""Two runs may carry the same stamp; looking at one twice changes nothing."""

_LATE_STAMP = timedelta(minutes=10)

_PUBLIC = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.S2SError)}
"""Errors whose texts are for everybody; of any other one the class alone is told."""

_PROBLEM = re.compile(r"^([a-z][a-z0-9_]*): (.+)$")


class ErrorInfo(Protocol):
    """An error as Dagster keeps it."""

    @property
    def message(self) -> str:
        """Class and text."""

    @property
    def cls_name(self) -> str | None:
        """The class."""

    @property
    def cause(self) -> "ErrorInfo | None":
        """The error behind it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Runs that ended, the oldest first, and where to go on looking."""

    runs: tuple[EndedRun, ...]
    until: datetime


def ended_runs(instance: dg.DagsterInstance, since: datetime, clients: Collection[str]) -> Ended:
    """Runs that ended since a moment.

    Args:
        instance: where the runs are.
        since: Dagster's stamp up to which runs were looked at.
        clients: keys of all clients, by which the problems that a run lists are told apart.
    """
    wanted = dg.RunsFilter(statuses=_ENDED, updated_after=since - _OVERLAP)
    records = instance.get_run_records(wanted, limit=MOST_RUNS, order_by="update_timestamp", ascending=True)
    until = max((_aware(record.update_timestamp) for record in records), default=since)
    # Tags that a run gets later stamp it anew; what ended long before was looked at then.
    new = [record for record in records if _end(record) > since - _LATE_STAMP]
    return Ended(tuple(_ended(instance, record.dagster_run, _end(record), clients) for record in new), until)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _end(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else _aware(record.update_timestamp)


def failed_at(instance: dg.DagsterInstance, path: str) -> datetime | None:
    """When the run of that page ended; None when it was deleted since."""
    record = instance.get_run_record_by_id(path.rpartition("/")[2])
    return None if record is None else _end(record)


def _ended(instance: dg.DagsterInstance, run: dg.DagsterRun, at: datetime, clients: Collection[str]) -> EndedRun:
    is_failed = run.status == dg.DagsterRunStatus.FAILURE
    failed = tuple(_failed_steps(instance, run, clients)) if is_failed else ()
    return EndedRun(
        run_id=run.run_id,
        job=run.job_name,
        label="a run" if run.job_name.startswith("__") else f"the job {run.job_name}",
        at=at,
        is_failed=is_failed,
        clients=_clients(run),
        failed=failed,
        done=tuple(_steps(instance, run, dg.DagsterEventType.STEP_SUCCESS)),
        why=_last_word(instance, run) if is_failed and not failed else "",
    )


def _events(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType) -> Iterator[dg.DagsterEvent]:
    for record in instance.get_records_for_run(run.run_id, of_type=kind, limit=100).records:
        event = record.event_log_entry.dagster_event
        if event is not None:
            yield event


def _steps(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType) -> Iterator[str]:
    return (event.step_key for event in _events(instance, run, kind) if event.step_key)


def _clients(run: dg.DagsterRun) -> tuple[str, ...]:
    """The clients a run was for: by its assets, else by the configuration of its op."""
    if run.asset_selection:
        return tuple(sorted({key.path[0] for key in run.asset_selection}))
    named: set[str] = set()
    written: Any = run.run_config
    for op in (written.get("ops") or {}).values():
        config = (op or {}).get("config") or {}
        named.update(config.get("clients") or ())
        named.update([config["client"]] if config.get("client") else ())
    return tuple(sorted(named))


def _failed_steps(instance: dg.DagsterInstance, run: dg.DagsterRun, clients: Collection[str]) -> Iterator[FailedStep]:
    for event in _events(instance, run, dg.DagsterEventType.STEP_FAILURE):
        failure = event.step_failure_data
        said = failure.user_failure_data
        if said is not None:
            text = said.description or "it failed"
            yield FailedStep(event.step_key or "", text, _by_client(said.metadata, clients))
        else:
            yield FailedStep(event.step_key or "", public_text(failure.error))


def _by_client(metadata: Mapping[str, Any], clients: Collection[str]) -> dict[str, str]:
    """What a run says of each client that failed in it: a line each under ``problems``."""
    found: dict[str, list[str]] = {}
    problems = str(getattr(metadata.get("problems"), "value", ""))
    for line in problems.splitlines():
        match = _PROBLEM.match(line)
        if match and match[1] in clients:
            found.setdefault(match[1], []).append(match[2])
    return {client: "; ".join(texts) for client, texts in found.items()}


def public_text(error: ErrorInfo | None) -> str:
    """What may be told of an error: the text of one of ours, of any other one its class."""
    innermost, link = error, error
    while link is not None:
        name = (link.cls_name or "").rpartition(".")[2]
        if name in _PUBLIC:
            return link.message.strip().partition(": ")[2] or link.message.strip()
        innermost, link = link, link.cause
    kind = innermost.cls_name if innermost is not None else None
    return f"an unexpected error ({kind or 'unknown'}); its page tells more"


def _last_word(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What Dagster said of a run that failed without a failed step."""
    for event in _events(instance, run, dg.DagsterEventType.RUN_FAILURE):
        failure = event.event_specific_data
        error = getattr(failure, "error", None)
        return public_text(error) if error is not None else shortened(event.message or "", 400)
    return ""


def tick_causes(instance: dg.DagsterInstance, now: datetime) -> list[Cause]:
    """Sensors and schedules whose newest tick failed, unless that was long ago."""
    states = [state for state in instance.all_instigator_state() if state.is_running]
    return [cause for state in states if (cause := _tick_cause(instance, state, now)) is not None]


def _tick_cause(instance: dg.DagsterInstance, state: InstigatorState, now: datetime) -> Cause | None:
    ticks: Sequence[Any] = instance.get_ticks(
        state.instigator_origin_id, state.selector_id, limit=1, statuses=_TICK_ENDED
    )
    if not ticks or ticks[0].status != TickStatus.FAILURE:
        return None
    at = datetime.fromtimestamp(ticks[0].timestamp, UTC)
    if now - at >= LAPSE:
        return None
    is_sensor = state.instigator_type == InstigatorType.SENSOR
    word = "sensor" if is_sensor else "schedule"
    location = quote(state.origin.repository_origin.code_location_origin.location_name, safe="")
    return Cause(
        "failed_tick",
        (state.instigator_name,),
        None,
        f"the {word} {state.instigator_name} failed",
        f"{public_text(ticks[0].error)} (tick of {at:%Y-%m-%d %H:%M} UTC)",
        f"look at the {word}'s ticks; it is tried again at its next one",
        f"/locations/{location}/{word}s/{quote(state.instigator_name, safe='')}",
        at,
    )

"""The sensor ``alerts``: tells the declared receivers what became wrong, once, and when it is over."""

import json
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.cycle.incident import KINDS_OF_RUNS, passing_causes, run_causes, without_echoes
from s2s_pipelines.errors import BusyError
from s2s_pipelines.orchestration.incident import ended_runs, failed_at, tick_causes

_STANDSTILL = timedelta(minutes=5)
"""Nothing was looked at for that long: the machine stood still, or nobody was declared to be told."""

_SETTLING = timedelta(minutes=15)
"""For that long after a standstill what was missed is being caught up with."""


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the receivers of operations.yaml what became wrong, once for each cause, and when it is over.",
)
def alerts(context: dg.SensorEvaluationContext, workshop: dg.ResourceParam[Workshop]) -> dg.SensorResult:
    """Collect everything that is wrong, and tell what was not told yet."""
    if not workshop.operations.alerts.receivers:
        return dg.SensorResult(skip_reason="nobody is declared to be told; add alerts.receivers to operations.yaml")
    now = workshop.clock.now()
    said = json.loads(context.cursor) if context.cursor else {}
    settled_at, runs_since = _moments(said, now)
    names = {client.name for client in workshop.declared.clients}
    ended = ended_runs(context.instance, runs_since, names)
    known = [a for a in workshop.alerts.current() if a.closed_at is None and a.kind in KINDS_OF_RUNS]
    over = {alert.cause for alert in known} & set(said.get("over", ()))
    lasting = [alert for alert in known if alert.cause not in over]
    runs = run_causes(lasting, ended.runs, now, lambda alert: failed_at(context.instance, alert.path))
    failed = [run for run in ended.runs if run.is_failed]
    passing = passing_causes(runs, known, [run for run in failed if run.run_id not in said.get("failed", ())])
    over = (over | {cause.key for cause in passing}) - {cause.key for cause in runs}
    causes = without_echoes([*runs, *passing, *tick_causes(context.instance, now), *workshop.fleet_report().causes])
    try:
        told = workshop.tell(causes, is_settling=now < settled_at)
    except BusyError as busy:
        # Somebody who tells, or died telling and holds the lease a little longer.
        return dg.SensorResult(skip_reason=str(busy), cursor=context.cursor)
    for name, problem in told.problems.items():
        context.log.warning(f"{name}: {problem}")
    moments = {"at": now, "settled_at": settled_at, "runs_until": ended.until}
    cursor = {key: moment.isoformat() for key, moment in moments.items()} | {
        "over": sorted(over),
        "failed": sorted(run.run_id for run in failed),
    }
    count = sum(told.sent.values())
    text = f"{len(causes)} causes stand; {count} messages were sent"
    left = f"; not reached: {', '.join([*told.problems, *told.waiting])}" if told.problems or told.waiting else ""
    return dg.SensorResult(skip_reason=text + left, cursor=json.dumps(cursor))


def _moments(said: dict[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """From when on age alone is a cause, and up to when ended runs were looked at."""
    last = datetime.fromisoformat(said["at"]) if "at" in said else None
    runs_since = datetime.fromisoformat(said["runs_until"]) if "runs_until" in said else now
    if last is None or now - last > _STANDSTILL:
        return now + _SETTLING, runs_since
    return datetime.fromisoformat(said["settled_at"]), runs_since

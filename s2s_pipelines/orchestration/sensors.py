"""Shared sensors: each asks our own database what is due, and launches as little as possible."""

import json
import time

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.cycle_job import cycle_job
from s2s_pipelines.orchestration.cycle_request import cycle_requests
from s2s_pipelines.orchestration.keys import declaration_key
from s2s_pipelines.orchestration.order_job import clients_awaited, orders_job

CLIENTS_PER_RUN = 20
"""Clients whose orders share one run; a run costs seconds, a client without work milliseconds."""

LISTEN_S = 3.5
"""A tick goes on asking for that long while nothing is due: the daemon begins ticks 5 s apart, and a buyer's order should
not wait for the next one."""

_PAUSE_S = 1.1


@dg.sensor(
    name="orders_due",
    job=orders_job,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Polls the channels that are due and raises what is due. The ledger decides; the run key only saves work.",
)
def orders_due(context: dg.SensorEvaluationContext, workshop: dg.ResourceParam[Workshop]) -> dg.SensorResult:
    """Poll, then one run for each batch of clients with work."""
    listened_until = time.monotonic() + LISTEN_S
    channels, is_second_look = 0, False
    while True:
        polled = workshop.poll_due(budget_s=40)
        channels = max(channels, polled.channels)
        for client, problem in polled.problems.items():
            context.log.warning(f"{client}: {problem}")
        awaited = clients_awaited(context.instance)
        work = [entry for entry in workshop.order_work() if entry.client not in awaited]
        # Orders come in bursts: what came in first waits a moment for the rest, and one run takes them all.
        if is_second_look or time.monotonic() + _PAUSE_S > listened_until:
            break
        is_second_look = bool(work)
        time.sleep(_PAUSE_S)
    requests = []
    for start in range(0, len(work), CLIENTS_PER_RUN):
        batch = work[start : start + CLIENTS_PER_RUN]
        clients = [entry.client for entry in batch]
        requests.append(
            dg.RunRequest(
                run_key="orders:" + ",".join(entry.token for entry in batch),
                run_config={"ops": {"take_up_orders": {"config": {"clients": clients, "poll": False}}}},
                tags={
                    "dagster/priority": "10",
                    "s2s/orders": str(sum(entry.due for entry in batch)),
                    "s2s/clients": ",".join(clients)[:200],
                },
            )
        )
    reason = None if requests else f"nothing is due; {channels} channels were asked"
    return dg.SensorResult(run_requests=requests, skip_reason=reason)


@dg.sensor(
    name="cycle_due",
    job=cycle_job,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Quick cycles and nightly full reads: the declared rhythm and our own database say which client is due.",
)
def cycle_due(context: dg.SensorEvaluationContext, workshop: dg.ResourceParam[Workshop]) -> dg.SensorResult:
    """A few runs for all clients that are due; one that takes long has a run of its own."""
    due = [work.client for work in workshop.cycles_due()]
    requests = cycle_requests(context.instance, workshop, due, "quick")
    skip = "every client that is due is in hand already" if due else "no client is due"
    return dg.SensorResult(run_requests=requests, skip_reason=None if requests else skip)


def make_declaration_sensor(broken: dict[str, str]) -> dg.SensorDefinition:
    """The sensor that shows broken declarations as failed checks, once for each message."""

    @dg.sensor(
        name="declarations",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows a client whose declarations do not load as a failed check with the message of `s2s check`.",
    )
    def declarations(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """Report what changed since the cursor; not at load, for every worker loads this module."""
        told: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        events = [
            dg.AssetCheckEvaluation(
                asset_key=declaration_key(client),
                check_name="loads",
                passed=False,
                severity=dg.AssetCheckSeverity.ERROR,
                description=message,
                metadata={},
            )
            for client, message in broken.items()
            if told.get(client) != message
        ]
        skip = None if events else "every declaration loads, or is reported already"
        return dg.SensorResult(asset_events=events, cursor=json.dumps(broken), skip_reason=skip)

    return declarations


@dg.run_failure_sensor(
    name="failures",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Logs every failed run by step and client.",
)
def failures(context: dg.RunFailureSensorContext) -> None:
    """One line a failed step; a run whose worker was killed has none and gets one for the run."""
    run = context.dagster_run
    steps = context.get_step_failure_events()
    for event in steps:
        step = event.step_key or ""
        client = step.split("__", 1)[0] if "__" in step else run.tags.get("s2s/client", run.tags.get("s2s/clients", ""))
        failure = event.step_failure_data
        said = failure.user_failure_data.description if failure.user_failure_data else None
        text = said or (failure.error.message.strip() if failure.error else "no reason given")
        context.log.error(f"run {run.run_id} step {step} client {client or 'unknown'}: {text[:1000]}")
    if not steps:
        client = run.tags.get("s2s/client", run.tags.get("s2s/clients", "unknown"))
        context.log.error(f"run {run.run_id} of {run.job_name} client {client}: {context.failure_event.message}")

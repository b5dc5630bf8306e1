"""The job that sends named skus again although nothing changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.configuration import ResyncConfig
from s2s_pipelines.orchestration.metadata import table
from s2s_pipelines.orchestration.operator_job import refusing
from s2s_pipelines.orchestration.worker import run_executor

if TYPE_CHECKING:
    from s2s_pipelines.cycle.push import PushResult

_COLUMNS = ("client", "channel", "sent", "acknowledged", "failed", "status")


@dg.op(description="Sends the named skus in full from their current state, as if the channel had never confirmed them.")
def send_again(context: dg.OpExecutionContext, config: ResyncConfig, workshop: dg.ResourceParam[Workshop]) -> None:
    """Doubt what the channel shows of these skus, plan, push."""
    if not config.skus:
        raise dg.Failure("no sku is named", allow_retries=False)
    rows, stopped = [], []
    for channel, push in _send(config, workshop):
        rows.append(
            {
                "client": config.client, "channel": channel, "sent": push.sent, "acknowledged": push.acknowledged,
                "failed": push.failed, "status": push.status,
            }
        )  # fmt: skip
        if push.status != "pushed" or push.failed:
            stopped.append(f"{channel}: {push.status}, {push.failed} items failed {push.why}".strip())
    context.add_output_metadata({"skus": len(config.skus), "result_table": table(rows, _COLUMNS)})
    if stopped:
        raise dg.Failure("not everything was sent: " + "; ".join(stopped), allow_retries=False)


def _send(config: ResyncConfig, workshop: Workshop) -> "Iterator[tuple[str, PushResult]]":
    with refusing():
        declared = list(workshop.client(config.client).declaration.channels)
        workshop.demand_named(config.client, channels=[config.channel] if config.channel else [])
        if config.read_sources:
            workshop.refresh(config.client, asked=None, is_full=True)
        workshop.demand_skus(config.client, config.skus)
        for channel in [config.channel] if config.channel else declared:
            workshop.plan(config.client, channel, skus=config.skus)
            yield channel, workshop.push(config.client, channel)


@dg.job(
    name="resync_skus",
    description="Send named skus of a client again, even if nothing changed since the channel last acknowledged them.",
    executor_def=run_executor,
)
def resync_job() -> None:
    """Launched by operators."""
    send_again()

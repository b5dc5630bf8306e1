"""The job that sends named skus again although nothing changed."""

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.configuration import ResyncConfig
from s2s_pipelines.orchestration.metadata import table
from s2s_pipelines.orchestration.worker import run_executor

_COLUMNS = ("client", "channel", "sent", "acknowledged", "failed", "status")


@dg.op(description="Sends the named skus in full from their current state, as if the channel had never confirmed them.")
def send_again(context: dg.OpExecutionContext, config: ResyncConfig, workshop: dg.ResourceParam[Workshop]) -> None:
    """Doubt what the channel shows of these skus, plan, push."""
    channels = [config.channel] if config.channel else list(workshop.client(config.client).declaration.channels)
    if config.read_sources:
        workshop.refresh(config.client, asked=None, is_full=True)
    rows, stopped = [], []
    for channel in channels:
        workshop.plan(config.client, channel, skus=config.skus)
        push = workshop.push(config.client, channel)
        rows.append(
            {
                "client": config.client, "channel": channel, "sent": push.sent, "acknowledged": push.acknowledged,
                "failed": push.failed, "status": push.status,
            }
        )  # fmt: skip
        if push.status != "pushed" or push.failed:
            stopped.append(f"{channel}: {push.status}, {push.failed} items failed")
    context.add_output_metadata({"skus": len(config.skus), "result_table": table(rows, _COLUMNS)})
    if stopped:
        raise dg.Failure("not everything was sent: " + "; ".join(stopped), allow_retries=False)


@dg.job(
    name="resync_skus",
    description="Send named skus of a client again, even if nothing changed since the channel last acknowledged them.",
    executor_def=run_executor,
)
def resync_job() -> None:
    """Launched by operators."""
    send_again()

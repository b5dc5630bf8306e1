"""The shared schedule."""

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.cycle_job import cycle_job
from s2s_pipelines.orchestration.cycle_request import cycle_requests


@dg.schedule(
    name="full_reads",
    cron_schedule="*/15 * * * *",
    job=cycle_job,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Full compares: clients whose `full_at` has passed, in their own time zone, since the last one.",
)
def full_reads(
    context: dg.ScheduleEvaluationContext, workshop: dg.ResourceParam[Workshop]
) -> list[dg.RunRequest] | dg.SkipReason:
    """A few runs for all clients whose nightly read is due, should the sensor be switched off."""
    due = [work.client for work in workshop.cycles_due() if work.is_nightly]
    return cycle_requests(context.instance, workshop, due, "full") or dg.SkipReason("no full read is due")

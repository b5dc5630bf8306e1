"""The shared schedule."""

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.cycle_request import clients_under_way, cycle_request


def make_nightly(assets: list[dg.AssetsDefinition]) -> dg.ScheduleDefinition:
    """Every quarter of an hour: clients whose daily full read is due by their own clock."""

    @dg.schedule(
        name="full_reads",
        cron_schedule="*/15 * * * *",
        target=dg.AssetSelection.assets(*(key for made in assets for key in made.keys)),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Full compares: clients whose `full_at` has passed, in their own time zone, since the last one.",
    )
    def full_reads(
        context: dg.ScheduleEvaluationContext, workshop: dg.ResourceParam[Workshop]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        """One run for each client whose nightly read is due."""
        going = clients_under_way(context.instance)
        requests = [
            cycle_request(work, "full")
            for work in workshop.cycles_due()
            if work.client not in going and any(feed.is_nightly for feed in work.feeds)
        ]
        return requests or dg.SkipReason("no full read is due")

    return full_reads

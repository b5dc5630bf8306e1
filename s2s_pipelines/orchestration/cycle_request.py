"""A run for one client that is due: which assets, under which key."""

from typing import TYPE_CHECKING

import dagster as dg

from s2s_pipelines.orchestration.keys import catalogue_key, linked_key, plan_key, push_key, source_key

if TYPE_CHECKING:
    from s2s_pipelines.bootstrap import CycleWork

CLIENT_TAG = "s2s/client"
CYCLE_TAG = "s2s/cycle"
MAX_RUNTIME_S = 3600
"""A run that has not ended by then is failed by Dagster's monitoring."""


def cycle_request(work: "CycleWork", why: str) -> dg.RunRequest:
    """Read what is due, merge, plan and push."""
    client = work.client
    feeds = {
        linked_key(client, due.source) if due.role == "linked" else source_key(client, due.source, due.feed)
        for due in work.feeds
    }
    keys = [*sorted(feeds, key=str), catalogue_key(client)]
    for channel in work.channels:
        keys += [plan_key(client, channel), push_key(client, channel)]
    tags = {CLIENT_TAG: client, CYCLE_TAG: why, "dagster/max_runtime": str(MAX_RUNTIME_S)}
    return dg.RunRequest(run_key=f"cycle:{work.token}", asset_selection=keys, tags=tags)


def clients_under_way(instance: dg.DagsterInstance) -> set[str]:
    """Clients with a cycle queued or running, who need no second one beside it.

    This only saves work: what is due is decided by our own database, two refreshes of a client exclude each other by our
    lease, and a run that only seems to run is failed by its ``dagster/max_runtime``.
    """
    going = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.QUEUED,
            dg.DagsterRunStatus.NOT_STARTED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
        ]
    )
    records = instance.get_run_records(going, limit=5000)
    return {r.dagster_run.tags[CLIENT_TAG] for r in records if CYCLE_TAG in r.dagster_run.tags}

"""A run for one client that is due: which assets, under which key."""

from typing import TYPE_CHECKING

import dagster as dg

from s2s_pipelines.orchestration.keys import catalogue_key, linked_key, plan_key, push_key, source_key

if TYPE_CHECKING:
    from s2s_pipelines.bootstrap import CycleWork


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
    return dg.RunRequest(
        run_key=f"cycle:{work.token}", asset_selection=keys, tags={"s2s/client": client, "s2s/cycle": why}
    )

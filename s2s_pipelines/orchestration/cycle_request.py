"""Runs for clients that are due: few, each for many clients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from s2s_pipelines.orchestration.cycle_job import cycle_clients, cycle_job

if TYPE_CHECKING:
    from s2s_pipelines.bootstrap import CycleShare, Workshop

CLIENT_TAG = "s2s/client"
CLIENTS_TAG = "s2s/clients"
CYCLE_TAG = "s2s/cycle"
MAX_RUNTIME_S = 3600
"""A run that has not ended by then is failed by Dagster's monitoring."""

_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


def cycle_requests(
    instance: dg.DagsterInstance, workshop: "Workshop", clients: Sequence[str], why: str
) -> list[dg.RunRequest]:
    """Claim the clients that nobody has in hand, and ask for as few runs as their number and their haste allow."""
    shares = workshop.claim_cycles(clients, waiting=waiting_tokens(instance)) if clients else []
    return [_request(share, why) for share in shares]


def _request(share: "CycleShare", why: str) -> dg.RunRequest:
    config = {"clients": list(share.clients), "token": share.token}
    tags = {CYCLE_TAG: "slow" if share.is_slow else why, "dagster/max_runtime": str(MAX_RUNTIME_S)}
    if len(share.clients) == 1:
        tags[CLIENT_TAG] = share.clients[0]
    tags[CLIENTS_TAG] = ",".join(share.clients)[:200]
    return dg.RunRequest(
        run_key=f"cycle:{share.token}",
        job_name=cycle_job.name,
        run_config={"ops": {cycle_clients.name: {"config": config}}},
        tags=tags,
    )


def waiting_tokens(instance: dg.DagsterInstance) -> frozenset[str]:
    """Tokens of runs that were asked for and have not begun.

    This only saves work: a claim of a run that is gone is free again after a while, by our own database.
    """
    waiting = dg.RunsFilter(job_name=cycle_job.name, statuses=_WAITING)
    found = set()
    for record in instance.get_run_records(waiting, limit=1000):
        written: Any = record.dagster_run.run_config
        found.add(written.get("ops", {}).get(cycle_clients.name, {}).get("config", {}).get("token", ""))
    return frozenset(found)

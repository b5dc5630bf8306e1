"""The shared cycle: one run refreshes, plans and pushes many clients, and tells Dagster of those that changed."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.model.field import near_miss
from s2s_pipelines.orchestration.configuration import CycleConfig
from s2s_pipelines.orchestration.cycle_page import SUMMARY_COLUMNS, client_events, summary, worst_first
from s2s_pipelines.orchestration.metadata import fenced, table
from s2s_pipelines.orchestration.worker import run_executor


@dg.op(
    out=dg.Out(dg.Nothing),
    description="Reads what is due of each client, merges its catalogue, plans its channels and pushes what changed.",
)
def cycle_clients(
    context: dg.OpExecutionContext, config: CycleConfig, workshop: dg.ResourceParam[Workshop]
) -> Iterator[Any]:
    """Many clients, a few side by side; a client that breaks off or hangs stops no other."""
    clients = _chosen(config.clients, workshop)
    lines: list[dict[str, Any]] = []
    cycles = workshop.cycle_clients(
        clients,
        token=config.token,
        sources=config.sources or None,
        channels=config.channels or None,
        is_full=config.full,
        count=config.threads,
    )
    for cycle in cycles:
        yield from client_events(context.instance, workshop, cycle)
        lines.append(summary(cycle))
    yield dg.Output(None, metadata=_metadata(lines, len(clients) - len(lines)))
    problems = [f"{line['client']}: {line['what']}" for line in lines if line["outcome"] == "failed"]
    if problems:
        raise dg.Failure(
            description=f"{len(problems)} of {len(lines)} clients could not be done; the others are. First: {problems[0]}",
            metadata={"problems": fenced("\n".join(problems[:50]))},
            allow_retries=False,
        )


def _chosen(named: list[str], workshop: Workshop) -> list[str]:
    """The clients named, or all of them.

    Raises:
        dagster.Failure: there is no such client.
    """
    known = [client.name for client in workshop.fleet.clients]
    broken = {client.name for client in workshop.fleet.broken}
    for name in named:
        if name not in known and name not in broken:
            close = near_miss(name, known)
            raise dg.Failure(
                f"there is no client {name}" + (f"; did you mean {close}?" if close else ""), allow_retries=False
            )
    return list(dict.fromkeys(named)) or known


def _metadata(lines: list[dict[str, Any]], left: int) -> dict[str, Any]:
    counts = Counter(line["outcome"] for line in lines)
    page: dict[str, Any] = {
        "clients": len(lines),
        **{outcome.replace(" ", "_"): count for outcome, count in sorted(counts.items())},
        "items_sent": sum(line["sent"] for line in lines),
        "items_failed": sum(line["failed"] for line in lines),
    }
    if left:
        page["left_to_other_runs"] = left
    if lines:
        page["clients_table"] = table(worst_first(lines), SUMMARY_COLUMNS, most=len(lines))
    return page


@dg.job(
    name="cycle",
    description="Refresh, plan and push clients together. The sensor cycle_due launches it for those that are due; to do it "
    "now, name clients in the launchpad.",
    executor_def=run_executor,
)
def cycle_job() -> None:
    """Launched by the sensor and the nightly schedule for the clients they claimed, and by operators."""
    cycle_clients()

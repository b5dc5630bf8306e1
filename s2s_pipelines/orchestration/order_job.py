"""Orders: the shared job that takes them up, and each client's sweep by day."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.errors import S2SError
from s2s_pipelines.orchestration.configuration import OrdersConfig
from s2s_pipelines.orchestration.keys import orders_group, orders_key, sweep_op
from s2s_pipelines.orchestration.metadata import fenced, table
from s2s_pipelines.orchestration.pattern import client_of, pattern
from s2s_pipelines.orchestration.trend import trend
from s2s_pipelines.orchestration.verdict import order_checks
from s2s_pipelines.orchestration.worker import run_executor

if TYPE_CHECKING:
    from s2s_pipelines.config.fleet import Client
    from s2s_pipelines.cycle.order_desk import SweepResult

ORDER_COLUMNS = ("client", "channel", "order", "source", "document", "total", "found")
HELD_COLUMNS = ("client", "channel", "order", "reason", "message", "remedy")
ERROR_COLUMNS = ("client", "where", "which", "error", "message")


def sweep_metadata(results: dict[str, "SweepResult"]) -> dict[str, Any]:
    """Counts, and what was raised, held and failed, as tables."""
    raised = [
        {
            "client": client, "channel": d.channel, "order": d.channel_order_code, "source": d.source,
            "document": d.source_order_code, "total": d.total, "found": "yes" if d.was_found else "",
        }
        for client, result in results.items() for d in result.raised
    ]  # fmt: skip
    held = [
        {
            "client": client, "channel": h.channel, "order": h.channel_order_code, "reason": h.hold.reason,
            "message": h.hold.message, "remedy": h.hold.remedy,
        }
        for client, result in results.items() for h in result.held
    ]  # fmt: skip
    errors = [
        {"client": client, "where": e.subject, "which": e.key, "error": e.error, "message": e.message}
        for client, result in results.items() for e in result.errors
    ]  # fmt: skip
    shown: dict[str, Any] = {
        "bodies_new": sum(r.bodies for r in results.values()),
        "orders_taken_up": sum(r.worked for r in results.values()),
        "documents": len(raised),
        "completed": sum(r.completed for r in results.values()),
        "postponed": sum(r.postponed for r in results.values()),
        "held": len(held),
        "errors": len(errors),
    }
    paused = {p.id: p for r in results.values() for p in r.paused}
    if paused:
        shown["paused"] = "\n".join(f"{p.message}; {p.remedy}" for p in paused.values())
    for name, rows, columns in (
        ("documents_table", raised, ORDER_COLUMNS),
        ("held_table", held, HELD_COLUMNS),
        ("errors_table", errors, ERROR_COLUMNS),
    ):
        if rows:
            shown[name] = table(rows, columns)
    return shown


def _orders_page(workshop: Workshop, client: str, result: "SweepResult") -> dict[str, Any]:
    """What one sweep did, all that is held, the last days, and where each shop's orders are looked at."""
    page = sweep_metadata({client: result})
    held = workshop.ledger.counts(client)["held"]
    if held:
        page["held_in_all"] = held
        page["all_held"] = f"s2s orders {client}"
    past = trend(workshop.orders_by_day(client), "orders placed", "held", "days")
    if past is not None:
        page["trend"] = past
    for key, channel in workshop.client(client).declaration.channels.items():
        address = workshop.own_page(client, channel.connection, "orders") if channel.orders else None
        if address:
            page[f"orders_in_{key}"] = dg.MetadataValue.url(address)
    return page


def _fail_if_needed(results: dict[str, "SweepResult"], broken: dict[str, str]) -> None:
    problems = [f"{client}: {text}" for client, text in broken.items()]
    problems += [f"{client}: {e.subject} {e.key}: {e.message}" for client, r in results.items() for e in r.errors]
    if problems:
        raise dg.Failure(
            description="Some orders could not be worked on; the others were. They are due again by themselves.",
            metadata={"problems": fenced("\n".join(problems[:50]))},
            allow_retries=False,
        )


@dg.op(description="Takes in what the channels have and raises every order that is due, each exactly once.")
def take_up_orders(context: dg.OpExecutionContext, config: OrdersConfig, workshop: dg.ResourceParam[Workshop]) -> None:
    """One client after the other; a client that fails stops no other."""
    clients = config.clients or workshop.clients_with_orders()
    if config.orders and len(clients) != 1:
        raise dg.Failure("orders are named: name the one client they belong to in `clients`", allow_retries=False)
    days = _days(config)
    results: dict[str, SweepResult] = {}
    broken: dict[str, str] = {}
    for client in clients:
        try:
            results[client] = workshop.sweep(client, only_orders=config.orders or None, days=days, poll=config.poll)
        except S2SError as error:
            broken[client] = str(error)
    context.add_output_metadata(sweep_metadata(results))
    _fail_if_needed(results, broken)


def _days(config: OrdersConfig) -> tuple[date, date] | None:
    if not config.first_day:
        return None
    try:
        first = date.fromisoformat(config.first_day)
        last = date.fromisoformat(config.last_day) if config.last_day else first
    except ValueError:
        raise dg.Failure("a day is written YYYY-MM-DD, such as 2026-11-21", allow_retries=False) from None
    if last < first:
        raise dg.Failure("last_day is before first_day", allow_retries=False)
    return first, last


@dg.job(
    name="orders",
    description="Raise due orders. To re-sync, name one client and its orders, or a range of days, in the launchpad.",
    executor_def=run_executor,
)
def orders_job() -> None:
    """The job the order sensor launches, and operators for a re-sync."""
    take_up_orders()


def clients_awaited(instance: dg.DagsterInstance) -> set[str]:
    """Clients whose orders a run that has not begun yet will take up: it will find everything that is due by then.

    Runs that have begun do not count. They may have claimed their orders already, and one that only seems to run would
    keep its clients waiting.
    """
    waiting = dg.RunsFilter(
        job_name=orders_job.name,
        statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING],
    )
    found: set[str] = set()
    for record in instance.get_run_records(waiting, limit=1000):
        written: Any = record.dagster_run.run_config
        config = written.get("ops", {}).get(take_up_orders.name, {}).get("config", {})
        # A run for named orders or days leaves the others alone.
        if not config.get("orders") and not config.get("first_day"):
            found.update(config.get("clients", ()))
    return found


def order_days(clients: "Iterable[Client]") -> dg.DailyPartitionsDefinition | None:
    """The days of all clients' orders, from the first that anybody raises orders of; None where nobody does.

    One definition for all: a backfill over several assets refuses those whose partitions differ ("All the assets at the root of
    the backfill must have the same PartitionsDefinition", seen with Dagster 1.13). Its days begin where they begin first; each
    is read in the client's own time zone. One that has not begun there is refused, one before ``orders.from`` raises nothing.
    """
    declared = [
        (channel.orders.from_on, client.declaration.timezone)
        for client in clients
        for channel in client.declaration.channels.values()
        if channel.orders
    ]
    if not declared:
        return None
    start = min(day for day, _ in declared)
    noon = datetime.combine(start, time(12))
    zone = max({timezone for _, timezone in declared}, key=lambda timezone: (_ahead(timezone, noon), timezone))
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_offset=1, timezone=zone)


def _ahead(timezone: str, at: datetime) -> timedelta:
    return at.replace(tzinfo=ZoneInfo(timezone)).utcoffset() or timedelta()


def sweep_asset(client: "Client", days: dg.DailyPartitionsDefinition | None) -> dg.AssetsDefinition | None:
    """The order sweep of one client by day, so that a Dagster backfill over days re-reads them; None without orders."""
    name = client.name
    if days is None or not any(channel.orders for channel in client.declaration.channels.values()):
        return None
    checks = [check.spec for check in order_checks(orders_key(name))]
    spec = dg.AssetSpec(
        orders_key(name),
        group_name=orders_group(name),
        description="Orders by the day they were placed. A backfill reads its days again from the channels and "
        "raises what is missing; nothing is raised twice.",
        kinds={"orders"},
        tags={"client": name},
        owners=[f"team:{owner}" for owner in client.declaration.owners],
        partitions_def=days,
    )

    def make() -> dg.AssetsDefinition:
        policy = dg.BackfillPolicy.single_run()
        return dg.multi_asset(name=sweep_op(name), specs=[spec], check_specs=checks, backfill_policy=policy)(
            _sweep_work
        )

    return pattern(("orders",), make).of(name, sweep_op(name), [spec], checks)


def _sweep_work(
    context: dg.AssetExecutionContext, workshop: dg.ResourceParam[Workshop]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    name, asked = client_of(context), context.partition_key_range
    first, last = date.fromisoformat(asked.start), date.fromisoformat(asked.end)
    # Dagster accepts any range, and would note a materialisation for each of its days.
    if last > workshop.today(name):
        raise dg.Failure(f"{last} has not begun yet", allow_retries=False)
    result = workshop.sweep(name, only_orders=None, days=(first, last), poll=False)
    yield dg.MaterializeResult(orders_key(name), metadata=_orders_page(workshop, name, result))
    checks = order_checks(orders_key(name))
    yield from (check.judge(result) for check in checks if check.spec.key in context.selected_asset_check_keys)
    _fail_if_needed({name: result}, {})

"""``s2s resync-skus`` and ``s2s resync-orders``: send or fetch again what is named, although nothing changed."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from s2s_pipelines.command.catalogue import workshop
from s2s_pipelines.command.operate import push_line

if TYPE_CHECKING:
    from s2s_pipelines.cycle.order_desk import SweepResult

_day = click.DateTime(formats=["%Y-%m-%d"])


@click.command(name="resync-skus")
@click.argument("client")
@click.argument("skus", nargs=-1, required=True)
@click.option("--channel", default="", help="One channel; without it all of the client's.")
@click.pass_context
def resync_skus(ctx: click.Context, client: str, skus: tuple[str, ...], channel: str) -> None:
    """Send the SKUS of CLIENT in full, even if nothing changed since a channel last acknowledged them.

    Exits with 1 when not all of it was sent and taken.
    """
    is_well = True
    with workshop() as opened:
        opened.demand_named(client, channels=[channel] if channel else [])
        opened.demand_skus(client, skus)
        for key in [channel] if channel else list(opened.client(client).declaration.channels):
            opened.plan(client, key, skus=skus)
            result = opened.push(client, key)
            click.echo(f"{client} {key}: {push_line(result)}")
            is_well = is_well and result.status == "pushed" and not result.failed
        ctx.exit(0 if is_well else 1)


@click.command(name="resync-orders")
@click.argument("client")
@click.argument("orders", nargs=-1)
@click.option(
    "--first-day", type=_day, help="Read the orders of these days again, such as 2026-11-21 (the client's days)."
)
@click.option("--last-day", type=_day, help="The last of them, included; without it the first day alone.")
@click.pass_context
def resync_orders(
    ctx: click.Context, client: str, orders: tuple[str, ...], first_day: datetime | None, last_day: datetime | None
) -> None:
    """Fetch the named ORDERS of CLIENT, or those of a range of days, and raise what is missing. Nothing is raised twice.

    A held order that is named is released. Exits with 1 when something went wrong, is held or is paused.
    """
    if not orders and first_day is None:
        raise click.UsageError("name orders, or the first day of a range")
    if last_day is not None and (first_day is None or last_day < first_day):
        raise click.UsageError("the last day comes with a first day, and not before it")
    days = None if first_day is None else (first_day.date(), (last_day or first_day).date())
    with workshop() as opened:
        if days is not None and days[1] > opened.today(client):
            raise click.UsageError(f"{days[1]} has not begun yet")
        result = opened.sweep(client, only_orders=orders or None, days=days, poll=False)
        for line in sweep_lines(result):
            click.echo(line)
        ctx.exit(1 if result.errors or result.held or result.paused else 0)


def sweep_lines(result: "SweepResult") -> list[str]:
    """What a sweep did, for a screen."""
    lines = [
        f"{result.taken} taken in, {result.worked} worked on, {len(result.raised)} documents, {result.completed} told"
    ]
    lines += [f"  {d.channel}:{d.channel_order_code} is {d.source_order_code} in {d.source}" for d in result.raised]
    for held in result.held:
        lines.append(f"  {held.channel}:{held.channel_order_code} held, {held.hold.reason}: {held.hold.message}")
        lines.append(f"    remedy: {held.hold.remedy}")
    lines += [f"  {error.subject} {error.key}: {error.message}" for error in result.errors]
    return [*lines, *(f"  {pause.message}; {pause.remedy}" for pause in result.paused)]

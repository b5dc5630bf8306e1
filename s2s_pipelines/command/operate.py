"""``s2s pause``, ``resume``, ``pauses``, ``approve``, ``let-through``, ``cycle``: what operators do in the UI, from a shell."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from s2s_pipelines.command.catalogue import workshop

if TYPE_CHECKING:
    from s2s_pipelines.bootstrap import Workshop
    from s2s_pipelines.cycle.client_cycle import ClientCycle
    from s2s_pipelines.cycle.push import PushResult

_by = click.option("--by", required=True, help="Who decides; kept for the history.")
_reason = click.option("--reason", required=True, help="Why it is right; kept for the history.")
Command = Callable[..., Any]


def _what(command: Command) -> Command:
    """The options that say what of a client is meant."""
    for option in (
        click.option("--pushes", is_flag=True, help="Its pushes; plans are still made."),
        click.option("--orders", is_flag=True, help="Asking for its orders and raising them."),
        click.option("--channel", default="", help="This channel: planning, pushing, asking it for orders."),
        click.option("--source", default="", help="This source: reading it, and raising documents in it."),
        click.option("--all", "everything", is_flag=True, help="Everything of the client."),
    ):
        command = option(command)
    return command


def _scope(*, everything: bool, source: str, channel: str, orders: bool, pushes: bool) -> tuple[str, str]:
    """Scope and target; two empty texts where nothing is said."""
    said = [
        *([("all", "")] if everything else []),
        *([("source", source)] if source else []),
        *([("channel", channel)] if channel else []),
        *([("orders", "")] if orders else []),
        *([("pushes", "")] if pushes else []),
    ]
    if len(said) > 1:
        raise click.UsageError("say one of --all, --source, --channel, --orders, --pushes, and not several")
    return said[0] if said else ("", "")


@click.command()
@click.argument("client")
@_what
@click.option(
    "--until",
    required=True,
    help="When it ends by itself: 30m, 2h, 3d, 18:00 or '2026-11-21 18:00' (the client's time).",
)
@click.option("--why", required=True, help="The reason.")
@_by
def pause(client: str, until: str, why: str, by: str, **what: Any) -> None:
    """Stop some work of CLIENT ('*' for every client) for a while. It ends by itself; what waited is done after, once."""
    scope, target = _scope(**what)
    if not scope:
        raise click.UsageError("say what: --all, --source, --channel, --orders or --pushes")
    with workshop() as opened:
        click.echo(opened.pause(client, scope, target, until=until, why=why, by=by).message)


@click.command()
@click.argument("client")
@_what
@_by
def resume(client: str, by: str, **what: Any) -> None:
    """End pauses of CLIENT before their time, all of them unless one is named. What waited is due at once."""
    scope, target = _scope(**what)
    with workshop() as opened:
        for ended in opened.resume(client, scope, target, by=by):
            click.echo(f"resumed: {ended.what}")


@click.command()
@click.argument("client", required=False)
def pauses(client: str | None) -> None:
    """Show what is paused now, of CLIENT or of all clients, until when, by whom and why."""
    from s2s_pipelines.model.pause import concerning

    with workshop() as opened:
        live = opened.pauses.live()
        if client is not None:
            live = concerning(live, opened.client(client).name)
        for found in live:
            click.echo(found.message)
        if not live:
            click.echo("nothing is paused")


@click.command()
@click.argument("client")
@click.argument("channel")
@_by
@_reason
@click.option("--plan", "number", type=int, help="The number of the plan you looked at; another one is refused.")
@click.option("--push/--no-push", "is_pushed", default=True, help="Push it at once.", show_default=True)
@click.pass_context
def approve(
    ctx: click.Context, client: str, channel: str, by: str, reason: str, number: int | None, is_pushed: bool
) -> None:
    """Approve the newest plan of CLIENT's new CHANNEL, so that its first push may go, and push it.

    Look at it before with `s2s plan`. Exits with 1 when nothing was sent, or not all of it arrived.
    """
    with workshop() as opened:
        said = opened.approve(client, channel, by=by, reason=reason, looked_at=number)
        click.echo(f"plan {said.id} approved: {said.verdict}")
        if is_pushed:
            _push(ctx, opened, client, channel)


@click.command(name="let-through")
@click.argument("client")
@click.argument("channel")
@click.argument("breakers", nargs=-1, required=True)
@_by
@_reason
@click.pass_context
def let_through(ctx: click.Context, client: str, channel: str, breakers: tuple[str, ...], by: str, reason: str) -> None:
    """Let the BREAKERS (vanish, to_zero, price_change) that stop CHANNEL's newest plan through, once, and push it.

    Exits with 1 when nothing was sent, or not all of it arrived.
    """
    with workshop() as opened:
        said = opened.let_through(client, channel, breakers, by=by, reason=reason)
        click.echo(f"plan {said.id} let through: {', '.join(breakers)}")
        _push(ctx, opened, client, channel)


def _push(ctx: click.Context, opened: "Workshop", client: str, channel: str) -> None:
    result = opened.push(client, channel)
    click.echo(f"{client} {channel}: {push_line(result)}")
    ctx.exit(0 if result.status == "pushed" and not result.failed else 1)


def push_line(result: "PushResult") -> str:
    """A push in a line."""
    counts = f"{result.sent} sent, {result.acknowledged} acknowledged, {result.failed} failed"
    why = result.why or ("" if result.fault is None else result.fault.message)
    return f"plan {result.plan_id}: {result.status}; {counts}" + (f"; {why}" if why else "")


@click.command()
@click.argument("client")
@click.option("--source", "sources", multiple=True, help="Read this source, due or not; may be said several times.")
@click.option(
    "--channel", "channels", multiple=True, help="Plan and push this channel only; may be said several times."
)
@click.option("--full", "is_full", is_flag=True, help="Read whole, ignoring cursors. Absent is not deleted.")
@click.pass_context
def cycle(ctx: click.Context, client: str, sources: tuple[str, ...], channels: tuple[str, ...], is_full: bool) -> None:
    """Run one cycle of CLIENT here and now, without Dagster: read what is due, merge, plan, push.

    Pauses, breakers and approvals are obeyed as in any other run. Exits with 1 when some of it did not succeed.
    """
    with workshop() as opened:
        opened.demand_named(client, sources=sources, channels=channels)
        found = opened.cycle_client(client, sources=sources or None, channels=channels or None, is_full=is_full)
        for line in cycle_lines(found):
            click.echo(line)
        ctx.exit(1 if found.faults or found.is_busy or found.troubled_feeds or _is_stopped(found) else 0)


def _is_stopped(found: "ClientCycle") -> bool:
    return any(c.push is not None and c.push.status != "pushed" and c.pause is None for c in found.channels)


def cycle_lines(found: "ClientCycle") -> list[str]:
    """What came of a cycle, for a screen."""
    lines = []
    sources = found.refreshed.sources.values() if found.refreshed is not None else ()
    for feed in (feed for source in sources for feed in source.feeds):
        told = f"{feed.rows_in} rows, {feed.rejected} rejected" if feed.outcome in ("kept", "unchanged") else ""
        why = "; ".join([*feed.notes, *(u.message for u in feed.unfit), *([feed.fault.message] if feed.fault else [])])
        lines.append(f"{feed.source}/{feed.feed}: {'; '.join(part for part in (feed.outcome, told, why) if part)}")
    if found.refreshed is not None:
        merged = found.refreshed.catalogue
        lines.append(f"catalogue: {merged.fault.message if merged.fault else f'{merged.rows} rows'}")
    for channel in found.channels:
        if channel.push is not None:
            lines.append(f"{channel.channel}: {push_line(channel.push)}")
        elif channel.pause is not None:
            lines.append(f"{channel.channel}: {channel.pause.message}")
    lines += [f"{fault.message}" + (f" Next: {fault.next_step}" if fault.next_step else "") for fault in found.faults]
    if found.is_busy:
        lines.append(f"somebody else has {found.client} in hand at this moment; try again when it is done")
    return lines

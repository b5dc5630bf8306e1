"""``s2s plan``, ``s2s explain`` and ``s2s rejects``: what would be sent, why a value is what it is, and what was left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from s2s_pipelines.errors import S2SError

if TYPE_CHECKING:
    from s2s_pipelines.bootstrap import Workshop


@contextmanager
def workshop() -> "Iterator[Workshop]":
    """The workshop of this environment; our errors end the command with their text."""
    from s2s_pipelines.bootstrap import Workshop

    opened = Workshop.from_environment()
    try:
        yield opened
    except S2SError as error:
        raise click.ClickException(str(error)) from None
    finally:
        opened.close()


@click.command()
@click.argument("client")
@click.argument("channel")
@click.option("--csv", "as_csv", is_flag=True, help="The whole plan as CSV, one line per changed field.")
def plan(client: str, channel: str, as_csv: bool) -> None:
    """Show what CHANNEL of CLIENT would be sent from the catalogue that stands. Nothing is sent, no source is read.

    While planning is paused it is the newest plan, as it was made.
    """
    from s2s_pipelines.cycle.export import plan_csv

    with workshop() as opened:
        view = opened.look_at_plan(client, channel)
        if as_csv:
            for piece in plan_csv(view.plan):
                click.echo(piece, nl=False)
            return
        click.echo(f"plan {view.stored.id}: {view.stored.verdict}")
        for name, count in view.stored.counts.items():
            click.echo(f"  {name}: {count}")
        for row in view.plan.changes.slice(0, 20).to_pylist():
            click.echo(
                f"  {row['action']} {row['sku'] or row['product_key']} {row['field'] or ''}: {row['before']} -> {row['after']}"
            )
        if view.plan.changes.num_rows > 20:
            click.echo(f"  and {view.plan.changes.num_rows - 20} more; --csv writes every one")
        if view.why:
            click.echo(f"waits: {view.why}")
        for line in view.decided:
            click.echo(f"decided: {line}")


@click.command()
@click.argument("client")
@click.argument("what", metavar="SKU|ORDER")
@click.argument("field", required=False)
@click.option("--channel", default="", help="One channel; without it all of the client's.")
def explain(client: str, what: str, field: str | None, channel: str) -> None:
    """Show where the values of a SKU come from, from the channel back to the cell, or why it is not in the shop.

    Of an ORDER (its code or number in the shop) show where it stands, why, its documents and its history. What is both is
    explained as both.
    """
    with workshop() as opened:
        stories = [] if field or channel else opened.explain_order(client, what)
        for story in stories:
            click.echo(story.text())
        found = opened.explain_sku(client, what, channel=channel, field=field or "")
        for told in found:
            if not stories or told.reason != "never_read":
                click.echo(told.text())


@click.command()
@click.argument("client")
@click.option("--source", default="", help="One source; without it all of the client's.")
@click.option("--csv", "as_csv", is_flag=True, help="All of them as CSV, by reason, ready for the owner of the data.")
def rejects(client: str, source: str, as_csv: bool) -> None:
    """Show the rows of CLIENT that were rejected at the newest reads, by reason."""
    from collections import Counter

    from s2s_pipelines.cycle.export import rejects_csv

    with workshop() as opened:
        table = opened.rejects_by_reason(client, source=source)
        if as_csv:
            for piece in rejects_csv(table):
                click.echo(piece, nl=False)
            return
        rows = table.to_pylist()
        for (feed, reason), count in Counter((r["feed"], r["reason"]) for r in rows).most_common():
            click.echo(f"{count:6} {feed}: {reason}")
        for row in rows[:20]:
            click.echo(
                f"  {row['source']}/{row['feed']} row {row['row']} {row['sku'] or ''}: {row['message']} {row['remedy']}"
            )
        click.echo(f"{len(rows)} reasons in all; --csv writes every one")

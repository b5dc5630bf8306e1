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
    """Show what CHANNEL of CLIENT would be sent from the catalogue that stands. Nothing is sent, no source is read."""
    from s2s_pipelines.cycle.export import plan_csv

    with workshop() as opened:
        result = opened.plan(client, channel)
        if as_csv:
            for piece in plan_csv(result.plan):
                click.echo(piece, nl=False)
            return
        click.echo(f"plan {result.stored.id}: {result.stored.verdict}")
        for name, count in result.stored.counts.items():
            click.echo(f"  {name}: {count}")
        for name in result.stored.tripped:
            click.echo(f"  stopped by {name}: {result.stored.breakers[name]['message']}")
        for row in result.plan.changes.slice(0, 20).to_pylist():
            click.echo(
                f"  {row['action']} {row['sku'] or row['product_key']} {row['field'] or ''}: {row['before']} -> {row['after']}"
            )


@click.command()
@click.argument("client")
@click.argument("sku")
@click.argument("field", required=False)
@click.option("--channel", help="One channel; without it all of the client's.")
def explain(client: str, sku: str, field: str | None, channel: str | None) -> None:
    """Show where the values of SKU come from, from the channel back to the cell, or why it is not in the shop."""
    with workshop() as opened:
        channels = [channel] if channel else list(opened.client(client).declaration.channels)
        for key in channels:
            click.echo(opened.explain(client, key, sku, field).text())


@click.command()
@click.argument("client")
@click.option("--csv", "as_csv", is_flag=True, help="All of them as CSV, ready for the owner of the data.")
def rejects(client: str, as_csv: bool) -> None:
    """Show the rows of CLIENT that were rejected at the newest reads, by reason."""
    from collections import Counter

    from s2s_pipelines.cycle.export import rejects_csv

    with workshop() as opened:
        table = opened.rejects_table(client)
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

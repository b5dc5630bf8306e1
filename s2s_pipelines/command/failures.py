"""``s2s failures``: the items that a channel did not take, with reason, remedy and the item's own page in the shop."""

import csv
import sys
from collections import Counter

import click

from s2s_pipelines.command.catalogue import workshop

_SHOWN = 20
_ALL = 10_000_000
_COLUMNS = ("channel", "sku", "product_key", "reason", "message", "remedy", "times", "attempted_at", "page")


@click.command()
@click.argument("client")
@click.argument("channel", required=False)
@click.option("--csv", "as_csv", is_flag=True, help="All of them as CSV.")
def failures(client: str, channel: str | None, as_csv: bool) -> None:
    """Show the items that CHANNEL of CLIENT did not take, by reason; without CHANNEL those of all its channels.

    Each is tried again from the then current state; one that a channel refuses over and over waits longer each time.
    """
    from s2s_pipelines.bootstrap import channel_plan
    from s2s_pipelines.cycle.export import guarded

    with workshop() as opened:
        declared = opened.client(client)
        rows: list[dict[str, object]] = []
        for name in [channel] if channel else list(declared.declaration.channels):
            channel_plan(declared, name)  # a channel that nobody declares is an error of its own
            connection = declared.declaration.channels[name].connection
            for item in opened.failing_items(client, name, limit=_ALL)[1]:
                page = opened.own_page(client, connection, "product", item.channel_product_code)
                said = (item.reason, item.message, item.remedy, item.failures, item.attempted_at, page)
                rows.append(dict(zip(_COLUMNS, (name, item.item_key, item.product_key, *said), strict=True)))
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\r\n")
        writer.writerows([_COLUMNS, *([guarded(row[column]) for column in _COLUMNS] for row in rows)])
        return
    for (where, reason), count in Counter((row["channel"], row["reason"]) for row in rows).most_common():
        click.echo(f"{count:6} {where}: {reason}")
    for row in rows[:_SHOWN]:
        click.echo(f"  {row['channel']} {row['sku']} ({row['times']} times): {row['message']} {row['remedy']}")
    click.echo(f"{len(rows)} in all; --csv writes every one")

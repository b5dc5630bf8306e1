"""``s2s status``: what is wrong now, with every client, worst first."""

import json

import click

from s2s_pipelines.command.catalogue import workshop


@click.command()
@click.argument("client", required=False)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON, for programs.")
@click.pass_context
def status(ctx: click.Context, client: str | None, as_json: bool) -> None:
    """Show every client, worst first, or all that is known of CLIENT: ages, next due, what is wrong and what to do.

    Our database alone is asked, no source and no shop. Exits with 1 when anything is an error, with 0 when all is well or there
    are only warnings.
    """
    from dataclasses import replace

    from s2s_pipelines.cycle import fleet_text

    with workshop() as opened:
        if client is not None and all(client != broken.name for broken in opened.fleet.broken):
            opened.client(client)  # a name that nobody has is an error of its own
        report, ui_url = opened.fleet_report(), opened.operations.ui_url
        if client is not None:
            report = replace(report, rows=tuple(row for row in report.rows if row.client == client))
        if as_json:
            click.echo(json.dumps(fleet_text.report_json(report, ui_url), indent=2))
        elif client is not None:
            for line in fleet_text.detail_lines(report.rows[0], report.at, ui_url):
                click.echo(line)
        else:
            click.echo(f"{fleet_text.headline(report)}; pages are below {ui_url}")
            for line in fleet_text.table_lines([fleet_text.cells(row, report.at) for row in report.rows]):
                click.echo(line)
        ctx.exit(0 if report.is_well else 1)

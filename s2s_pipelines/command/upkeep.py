"""``s2s sweep-runs`` and ``s2s housekeeping``: what keeps an installation in order, from the command line."""

import click

from s2s_pipelines.command.catalogue import workshop


@click.command()
def sweep_runs() -> None:
    """Report every run as failed whose worker was a process of this machine and is gone.

    Call it on the code server's machine before its services start; while they run, the sensor `dead_runs` does the same. A live
    worker is never touched, and neither is a run of another machine.
    """
    from s2s_pipelines.orchestration.dead_runs import sweep_here, told

    with workshop() as opened:
        lines = told(sweep_here(), opened.shorten_leases_of_the_dead())
        for line in lines or ["every run that seems to run has its worker"]:
            click.echo(line)


@click.command()
@click.option("--dry-run", "is_dry", is_flag=True, help="Only count what would be deleted.")
@click.pass_context
def housekeeping(ctx: click.Context, is_dry: bool) -> None:
    """Delete what is kept no longer, by the ages that `operations.yaml` declares: what the nightly job `housekeeping` does.

    Orders, documents, receipts, the history of orders, links to channels' items, decisions of people, what stands, and what
    `s2s explain` needs are never among it. Exits with 1 when some of it could not be deleted.
    """
    from s2s_pipelines.orchestration.housekeeping import keep_house_here

    with workshop() as opened:
        report = keep_house_here(opened, is_dry=is_dry)
        for line in report.lines(is_dry=is_dry):
            click.echo(line)
        ctx.exit(1 if report.problems else 0)

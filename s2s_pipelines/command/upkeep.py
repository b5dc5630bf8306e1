"""``s2s sweep-runs``: what keeps an installation in order, from the command line."""

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

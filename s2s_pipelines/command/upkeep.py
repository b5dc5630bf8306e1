"""``s2s sweep-runs``, ``housekeeping``, ``backup``, ``restore`` and ``move``: what keeps an installation in order."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from s2s_pipelines.command.catalogue import workshop

if TYPE_CHECKING:
    from s2s_pipelines.storage.backup_file import Contents


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


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Write our database and the snapshots and plans that its rows name to FILE, a tar in zstd that must not exist.

    Everything may go on running: the tables are read as they were at one moment. FILE holds orders with names and addresses; it
    is readable by its owner only. Dagster's own storage is not in it: no order depends on it.
    """
    with workshop() as opened:
        contents = opened.back_up(file)
    click.echo(_told(contents))
    if contents.missing:
        click.echo(
            f"{len(contents.missing)} files of old plans and snapshots were gone before, {contents.missing[0]} among them"
        )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", "is_replacing", is_flag=True, help="First delete everything that our tables hold.")
def restore(file: Path, is_replacing: bool) -> None:
    """Fill this environment's database, SQLite or PostgreSQL, and S2S_HOME from FILE. Stop the services first.

    FILE is compared with its checksums as a whole before anything is changed. The database must be empty.
    """
    with workshop() as opened:
        contents = opened.restore(file, is_replacing=is_replacing)
    click.echo(_told(contents))


def _told(contents: "Contents") -> str:
    rows, files = sum(contents.tables.values()), contents.files()
    size_b = sum(contents.members[name][0] for name in files)
    what = f"{rows} rows of {len(contents.tables)} tables and {len(files)} files ({size_b / 1e6:.1f} MB)"
    return f"{what}, as of {contents.created_at}"


@click.command()
@click.argument("variable")
@click.option("--dagster", "dagster_variable", metavar="VARIABLE", help="Another database for Dagster's own tables.")
def move(variable: str, dagster_variable: str | None) -> None:
    """Move this installation from SQLite to PostgreSQL: our tables and all of Dagster's runs, events, ticks and cursors.

    VARIABLE is the name of an environment variable that holds the address of an empty database, such as
    postgresql://user:password@host/database. Stop the services first. The SQLite files are only read; nothing is there unless
    everything is, compared row by row.
    """
    from s2s_pipelines.orchestration.move import move_here

    with workshop() as opened:
        moved = move_here(opened, variable, dagster_variable, click.echo)
    click.echo(f"{sum(moved.ours.values())} rows of ours: {_counted(moved.ours)}")
    click.echo(f"{sum(moved.dagsters.values())} rows of Dagster's: {_counted(moved.dagsters)}")
    click.echo("Set these for every service, then start them; the folder S2S_HOME stays where it is:")
    click.echo(f"  S2S_DATABASE_URL          the value of {variable}")
    if dagster_variable:
        click.echo(f"  S2S_DAGSTER_DATABASE_URL  the value of {dagster_variable}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"

"""``s2s demo``: three invented clients with their ERPs, suppliers and shops, driven through the Dagster daemon."""

from pathlib import Path

import click


@click.command()
@click.option("--once", is_flag=True, help="Settle, run a second cycle that must find nothing to do, and exit.")
@click.option("--port", type=int, default=0, show_default="any free port", help="Where Dagster's UI answers.")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Everything is written below this folder, which is emptied first.",
)
@click.pass_context
def demo(ctx: click.Context, once: bool, port: int, home: Path) -> None:
    """Show one full cycle, from ERPs and suppliers to shops and back, on this machine alone."""
    from s2s_pipelines.demo.drive import run_demo

    root = Path.cwd()
    if not (root / "dagster.yaml").exists():
        raise click.ClickException("there is no dagster.yaml here; run it in the project's own folder")
    ctx.exit(run_demo(root, home.resolve(), once=once, port=port))

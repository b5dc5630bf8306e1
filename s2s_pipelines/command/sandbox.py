"""``s2s sandbox``: local shops that behave as recorded, for trials without a shop of one's own."""

from pathlib import Path

import click


@click.group()
def sandbox() -> None:
    """Run a local shop that behaves as the recordings of a real one show."""


@sandbox.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=8085, show_default=True, help="Port to listen on.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("var/sandbox/woocommerce.db"),
    show_default=True,
    help="The shop's file; the same file is the same shop.",
)
@click.option("--key", default="ck_sandbox", show_default=True, help="Consumer key that has read and write rights.")
@click.option(
    "--secret", default="cs_sandbox", show_default=True, help="Its secret; it opens nothing but this sandbox."
)
@click.option(
    "--prices", type=click.Choice(["incl", "excl"]), default="incl", show_default=True, help="For a new shop."
)
def woocommerce(host: str, port: int, path: Path, key: str, secret: str, prices: str) -> None:
    """Serve a WooCommerce shop until Ctrl-C. Faults, counters and the clock are under /sandbox/."""
    from s2s_pipelines.sandboxes.woocommerce import serve

    path.parent.mkdir(parents=True, exist_ok=True)
    click.echo(f"a WooCommerce shop answers at http://{host}:{port}/wp-json/wc/v3/ (Ctrl-C stops it)")
    try:
        serve(host, port, path, consumer_key=key, consumer_secret=secret, prices_include_tax=prices == "incl")
    except KeyboardInterrupt:
        click.echo("stopped")

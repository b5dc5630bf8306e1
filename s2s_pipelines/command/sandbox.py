"""``s2s sandbox``: local shops that behave as recorded, for trials without a shop of one's own."""

from pathlib import Path

import click


@click.group()
def sandbox() -> None:
    """Run a local shop that behaves as the recordings of a real one show."""

"""``s2s schema``: JSON Schema of the declarations for editors, and the reference page."""

import json
from pathlib import Path

import click

from s2s_pipelines.config.editor_schema import client_schema, operations_schema, resources_schema
from s2s_pipelines.config.reference_page import reference_page


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/schema"),
    show_default=True,
    help="The folder to write client.schema.json, resources.schema.json and operations.schema.json to.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the reference of all keys as Markdown to this file instead.",
)
def schema(out: Path, page: Path | None) -> None:
    """Write JSON Schema of client.yaml, of resources/*.yaml with the keys of every installed kind, and of operations.yaml."""
    from s2s_pipelines.command.kind import all_kinds

    kinds = all_kinds()
    if page is not None:
        page.write_text(reference_page(kinds), encoding="utf-8")
        click.echo(f"wrote {page}")
        return
    out.mkdir(parents=True, exist_ok=True)
    written = (("client", client_schema()), ("resources", resources_schema(kinds)), ("operations", operations_schema()))
    for name, content in written:
        file = out / f"{name}.schema.json"
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        click.echo(f"wrote {file}")

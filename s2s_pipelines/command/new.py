"""``s2s new``: the beginning of a client, a source or a channel. Nothing that is there is ever written over."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template

import click

from s2s_pipelines.config.explanation import KEY_RULE
from s2s_pipelines.config.field_map import COLUMNS
from s2s_pipelines.config.skeleton import connection_skeleton
from s2s_pipelines.config.value_check import MARK
from s2s_pipelines.model.field import minimum_targets, near_miss
from s2s_pipelines.model.identifier import is_key
from s2s_pipelines.ports import Connector, Role

_root = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    show_default="this folder",
    help="The project's folder.",
)


@click.group()
def new() -> None:
    """Begin a client, a source or a channel."""


@new.command()
@click.argument("name")
@click.option("--source", default="sql", show_default=True, help="Kind of the ERP's connection.")
@click.option("--channel", default="woocommerce", show_default=True, help="Kind of the shop's connection.")
@_root
def client(name: str, source: str, channel: str, root: Path) -> None:
    """Write the declarations of client NAME with marked places to fill in."""
    from s2s_pipelines.command.kind import all_kinds

    kinds = all_kinds()
    _demand_key(name)
    erp = _kind_of(kinds, source, "source")
    shop = _kind_of(kinds, channel, "channel")
    _write(root, client_files(name, erp, shop))
    click.echo(f"Fill in what is marked {MARK} …>, then run: s2s check {name}")


@new.command()
@click.argument("kind")
@_root
def source(kind: str, root: Path) -> None:
    """Write a connector module and a test subject for a source of KIND; both fail until they are filled."""
    _write_connector(root, kind, "sources")


@new.command()
@click.argument("kind")
@_root
def channel(kind: str, root: Path) -> None:
    """Write a connector module and a test subject for a channel of KIND; both fail until they are filled."""
    _write_connector(root, kind, "channels")


def client_files(name: str, erp: Connector, shop: Connector) -> Mapping[str, str]:
    """A client's declarations by path, complete but for the marked places.

    Args:
        name: the client's key.
        erp: the connector of its source.
        shop: the connector of its channel.
    """
    upper = name.upper()
    connections = "".join(
        f"  {key}:\n" + connection_skeleton(kind.settings, kind.manifest.kind, f"{upper}_{key.upper()}")
        for key, kind in (("erp", erp), ("shop", shop))
    )
    given = {row.target for row in erp.fields.get("products", ())}
    rows = [_field_row(target) for target in minimum_targets("products") if target not in given]
    return {
        f"assets/{name}/client.yaml": _template("client.yaml").substitute(client=name),
        f"assets/{name}/fields/erp.csv": "\n".join([",".join(COLUMNS), *rows]) + "\n",
        f"resources/{name}.yaml": "# What this client is connected to. Secrets are named here, never written.\n"
        f"connections:\n{connections}",
    }


def _field_row(target: str) -> str:
    if target == "variants.inventory_management":
        return f"products,{target},,true,,"
    return f"products,{target},{MARK}: the source's column for {target}>,,,"


def connector_files(kind: str, room: str) -> Mapping[str, str]:
    """A connector module and its test subject by path.

    Args:
        kind: the word that ``kind:`` will say.
        room: ``sources`` or ``channels``.
    """
    role = room.removesuffix("s")
    words = {
        "kind": kind,
        "room": room,
        "port": role,
        "harness": f"{role.capitalize()}Harness",
        "label": kind.replace("_", " ").title(),
        "class_name": "".join(part.capitalize() for part in kind.split("_")),
    }
    return {
        f"s2s_pipelines/connectors/{room}/{kind}.py": _template(f"{role}.py").substitute(words),
        f"tests/fixtures/{room}/{kind}/subject.py": _template("subject.py").substitute(words),
    }


def _write_connector(root: Path, kind: str, room: str) -> None:
    _demand_key(kind)
    if not (root / "s2s_pipelines" / "connectors" / room).is_dir():
        raise click.ClickException(f"there is no s2s_pipelines/connectors/{room} here; name the project with --root")
    _write(root, connector_files(kind, room))
    click.echo(f"Fill both in until this passes: make test-contract k={kind}")


def _template(name: str) -> Template:
    place = resources.files("s2s_pipelines.command") / "template" / f"{name}.tmpl"
    return Template(place.read_text(encoding="utf-8"))


def _demand_key(name: str) -> None:
    if not is_key(name):
        raise click.UsageError(f"{name} cannot be a name: {KEY_RULE}")


def _kind_of(kinds: Mapping[str, Connector], word: str, role: Role) -> Connector:
    fitting = [kind for kind, connector in kinds.items() if connector.manifest.role == role]
    if word not in fitting:
        near = near_miss(word, fitting)
        hint = f" Did you mean {near}?" if near else ""
        raise click.UsageError(f"no {role} is of kind {word}.{hint} There are: {', '.join(fitting)}")
    return kinds[word]


def _write(root: Path, files: Mapping[str, str]) -> None:
    """Write all files or none."""
    there = [name for name in files if (root / name).exists()]
    if there:
        raise click.ClickException(f"{there[0]} is there already, and nothing is written over")
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
        click.echo(f"wrote {name}")

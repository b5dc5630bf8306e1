"""``s2s check``: what is wrong with the declarations, without a network; with ``--connect`` also with what they name."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from s2s_pipelines.config.fleet import BrokenClient, Client
from s2s_pipelines.config.loader import load_client, load_fleet
from s2s_pipelines.config.operations import FILE, load_operations
from s2s_pipelines.config.problem import Problem, has_error
from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.errors import ConfigurationError, S2SError
from s2s_pipelines.model.declared import Declared

Tell = Callable[[str], None]
_MESSAGE_LENGTH = 600


@click.command()
@click.argument("client", required=False)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="this folder",
    help="The folder that holds assets/ and resources/.",
)
@click.option("--connect", "is_connecting", is_flag=True, help="Also ask every connection whether it answers.")
@click.pass_context
def check(ctx: click.Context, client: str | None, root: Path, is_connecting: bool) -> None:
    """Say what is wrong with the declarations of CLIENT, or of all clients and of operations.yaml.

    Exits with 1 when anything is wrong, with 0 when all is well or there are only warnings.
    """
    from s2s_pipelines.command.kind import all_kinds

    kinds = all_kinds()
    try:
        if client is None:
            fleet = load_fleet(root, kinds)
            found: list[Client | BrokenClient] = sorted((*fleet.clients, *fleet.broken), key=lambda c: c.name)
        else:
            found = [load_client(root, client, kinds)]
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    is_well = report(found, click.echo)
    if client is None:
        is_well = _judge_operations(root, click.echo) and is_well
    if is_connecting:
        ready = [c for c in found if isinstance(c, Client)]
        answers = [ask(c, click.echo) for c in ready]
        is_well = all(answers) and is_well
    ctx.exit(0 if is_well else 1)


def report(clients: Sequence[Client | BrokenClient], tell: Tell) -> bool:
    """Tell every problem, then one line per client; whether all of them are ready."""
    for client in clients:
        for problem in _problems(client):
            tell(problem.text())
            tell("")
    for client in clients:
        tell(_verdict(client))
    if not clients:
        tell("no clients are declared")
    return not any(has_error(_problems(client)) for client in clients)


def _judge_operations(root: Path, tell: Tell) -> bool:
    """Tell what is wrong with ``operations.yaml``; whether it is as it should be, or not there."""
    if not (root / FILE).is_file():
        return True
    try:
        load_operations(root)
    except ConfigurationError as error:
        tell("")
        tell(error.message)
        tell("")
        tell(f"{FILE}: broken")
        return False
    tell(f"{FILE}: ready")
    return True


def _problems(client: Client | BrokenClient) -> tuple[Problem, ...]:
    return client.warnings if isinstance(client, Client) else client.problems


def _verdict(client: Client | BrokenClient) -> str:
    problems = _problems(client)
    errors = sum(p.severity == "error" for p in problems)
    counts = [_count(errors, "error"), _count(len(problems) - errors, "warning")]
    said = ", ".join(c for c in counts if c)
    state = "ready" if isinstance(client, Client) else "broken"
    return f"{client.name}: {state}" + (f" ({said})" if said else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number != 1 else ''}" if number else ""


def ask(client: Client, tell: Tell) -> bool:
    """Call ``check`` of every connection a client uses, one line each; whether all of them answered."""
    is_well = True
    for connection, source, use in _uses(client):
        settings = client.connections[connection]
        fault = _try(client, connection, source, settings)
        tell(f"{client.name}: {connection} ({use}): {fault or 'answers'}")
        is_well = is_well and fault is None
    return is_well


def _uses(client: Client) -> Iterator[tuple[str, str | None, str]]:
    """Connection, source whose field maps its port needs, and the use in words."""
    for key, source in client.declaration.sources.items():
        yield source.connection, key, f"source {key}"
    for key, channel in client.declaration.channels.items():
        yield channel.connection, None, f"channel {key}"


def _try(client: Client, connection: str, source: str | None, settings: Declared) -> str | None:
    """What went wrong, on one line and without secrets, or None."""
    try:
        port = client.kinds[connection].build(settings, client.context_of(connection, source))
        probe = getattr(port, "check", None)
        if probe is None:
            return "its connector has no check"
        probe()
    except S2SError as error:
        return redacted(f"{type(error).__name__}: {error}", settings)
    return None


def redacted(text: str, settings: Declared) -> str:
    """The text on one line, with every secret of the settings masked, the longest first."""
    from s2s_pipelines.connectors.kit.redaction import Redactor

    return Redactor(_secrets(settings)).clean(text, _MESSAGE_LENGTH)


def _secrets(value: object) -> Iterator[str]:
    """Every secret below a value that can be read now."""
    if isinstance(value, SecretRef):
        if value.is_present():
            yield from _spellings(value.reveal())
        return
    children: Iterable[object] = ()
    if isinstance(value, Declared):
        children = dict(value).values()
    elif isinstance(value, Mapping):
        children = value.values()
    elif isinstance(value, tuple | list):
        children = value
    for child in children:
        yield from _secrets(child)


def _spellings(secret: str) -> Iterator[str]:
    """The secret, and the password inside it when it is an address."""
    from urllib.parse import unquote, urlsplit

    yield secret
    try:
        password = urlsplit(secret).password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))

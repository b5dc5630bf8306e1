"""``s2s``: one table of commands, each imported only when it is called.

To add a command, write a click command in a module of ``s2s_pipelines/command/`` and name it in ``COMMANDS``.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is found: ``package.module:name``, and the line that ``s2s --help`` shows of it."""

    place: str
    summary: str


COMMANDS: Mapping[str, Entry] = {
    "approve": Entry(
        "s2s_pipelines.command.operate:approve", "Approve the first plan of a new channel by name, and push it."
    ),
    "backup": Entry("s2s_pipelines.command.upkeep:backup", "Write our database and its files to one file."),
    "alerts": Entry(
        "s2s_pipelines.command.alerts:alerts", "List what people are being told of, or try every receiver."
    ),
    "channels": Entry(
        "s2s_pipelines.command.connector:channels", "List the kinds of channels and what each was verified against."
    ),
    "check": Entry("s2s_pipelines.command.check:check", "Say what is wrong with the declarations, and how to mend it."),
    "cycle": Entry("s2s_pipelines.command.operate:cycle", "Run one client's cycle here and now, without Dagster."),
    "demo": Entry("s2s_pipelines.command.demo:demo", "Show one full cycle on this machine alone."),
    "explain": Entry(
        "s2s_pipelines.command.catalogue:explain", "Explain a sku, from the shop back to the cell, or an order."
    ),
    "failures": Entry(
        "s2s_pipelines.command.failures:failures", "Show the items that a channel did not take, and why."
    ),
    "housekeeping": Entry(
        "s2s_pipelines.command.upkeep:housekeeping", "Delete what is kept no longer, by the ages of operations.yaml."
    ),
    "let-through": Entry(
        "s2s_pipelines.command.operate:let_through", "Let a plan that breakers stopped through, once, and push it."
    ),
    "move": Entry("s2s_pipelines.command.upkeep:move", "Move this installation from SQLite to PostgreSQL."),
    "new": Entry("s2s_pipelines.command.new:new", "Begin a client, a source or a channel."),
    "orders": Entry("s2s_pipelines.command.orders:orders", "Count orders by state and show those that are held."),
    "pause": Entry("s2s_pipelines.command.operate:pause", "Stop some work of a client for a while."),
    "pauses": Entry("s2s_pipelines.command.operate:pauses", "Show what is paused, until when, by whom and why."),
    "plan": Entry("s2s_pipelines.command.catalogue:plan", "Show what a channel would be sent; nothing is sent."),
    "rejects": Entry("s2s_pipelines.command.catalogue:rejects", "Show rejected rows, with reason and remedy."),
    "resume": Entry("s2s_pipelines.command.operate:resume", "End pauses before their time."),
    "resync-orders": Entry(
        "s2s_pipelines.command.resync:resync_orders", "Fetch named orders or days again, and raise what is missing."
    ),
    "resync-skus": Entry("s2s_pipelines.command.resync:resync_skus", "Send named skus again although nothing changed."),
    "restore": Entry("s2s_pipelines.command.upkeep:restore", "Fill an empty database from a backup."),
    "sandbox": Entry(
        "s2s_pipelines.command.sandbox:sandbox", "Run a local shop that behaves as a real one was recorded."
    ),
    "sweep-runs": Entry(
        "s2s_pipelines.command.upkeep:sweep_runs", "Report runs as failed that only seem to run; before Dagster starts."
    ),
    "sources": Entry(
        "s2s_pipelines.command.connector:sources", "List the kinds of sources and what each was verified against."
    ),
    "schema": Entry("s2s_pipelines.command.schema:schema", "Write JSON Schema of the declarations for editors."),
    "status": Entry("s2s_pipelines.command.status:status", "Show what is wrong now with every client, worst first."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.place.partition(":")
        found = getattr(importlib.import_module(module), name)
        if not isinstance(found, click.Command):
            raise TypeError(f"{entry.place} is not a command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command asked for; a mistyped name is answered with the near miss."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from s2s_pipelines.model.field import near_miss

            near = near_miss(args[0], sorted(COMMANDS))
            ctx.fail(f"no such command: {args[0]}." + (f" Did you mean {near}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in sorted(COMMANDS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="s2s-pipelines", prog_name="s2s")
def main() -> None:
    """Products, prices and stock from ERPs to sales channels, and each order back as one document."""
    from s2s_pipelines.collector import collect_seldom

    collect_seldom()


if __name__ == "__main__":
    main()

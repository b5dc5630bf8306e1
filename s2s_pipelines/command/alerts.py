"""``s2s alerts``: what people are being told of, and a trial message to everybody who is declared."""

import json
from typing import TYPE_CHECKING

import click

from s2s_pipelines.command.catalogue import workshop

if TYPE_CHECKING:
    from s2s_pipelines.cycle.alerting import Alert


@click.command()
@click.option(
    "--test", "is_trial", is_flag=True, help="Send a trial message to every receiver of operations.yaml instead."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.pass_context
def alerts(ctx: click.Context, is_trial: bool, as_json: bool) -> None:
    """List the alerts that are open: what is wrong, since when, what to do, and who was told.

    With --test a message goes to every receiver, and the exit code is 1 when one of them did not take it.
    """
    with workshop() as opened:
        receivers = opened.operations.alerts.receivers
        if is_trial:
            if not receivers:
                raise click.ClickException("nobody is declared to be told; add alerts.receivers to operations.yaml")
            is_well = opened.try_receivers(
                lambda name, problem: click.echo(f"{name}: {problem or 'took the trial message'}")
            )
            ctx.exit(0 if is_well else 1)
        found = [alert for alert in opened.alerts.current() if alert.closed_at is None]
        if as_json:
            click.echo(json.dumps([_as_json(alert) for alert in found], indent=2))
            return
        for alert in found:
            whose = f"{alert.client}: " if alert.client else ""
            click.echo(f"{alert.opened_at:%Y-%m-%d %H:%M} UTC {whose}{alert.subject} [{alert.cause}]")
            click.echo(f"  {alert.message}")
            click.echo(f"  next: {alert.remedy}")
            told = [name for name in receivers if alert.told_at(name, "opened", "summary", "digest") is not None]
            click.echo(f"  told: {', '.join(told) or 'nobody yet'}")
        click.echo(f"{len(found)} open, {len(receivers)} receivers")


def _as_json(alert: "Alert") -> dict[str, object]:
    return {
        "cause": alert.cause,
        "kind": alert.kind,
        "client": alert.client,
        "subject": alert.subject,
        "message": alert.message,
        "remedy": alert.remedy,
        "path": alert.path,
        "opened_at": alert.opened_at.isoformat(),
        "seen_at": alert.seen_at.isoformat(),
        "told": alert.told,
    }

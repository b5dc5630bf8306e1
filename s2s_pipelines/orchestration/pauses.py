"""Shows on the assets what people paused, by hand or from a shell, and when it ended, by hand or by itself."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.model.pause import EVERYONE, concerning, stopping
from s2s_pipelines.orchestration.keys import linked_key, orders_key, push_key, source_key
from s2s_pipelines.orchestration.verdict import OK, Judged, plan_allows

if TYPE_CHECKING:
    from s2s_pipelines.config.fleet import Client
    from s2s_pipelines.model.pause import Pause

EVENTS_PER_TICK = 300
"""A tick stores its events one after the other; a pause of every client is shown over several ticks."""

_ERROR, _WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN

Shown = tuple[str, str, str, "Pause | None"]
"""Asset path, check, what it is about (``source/`` or ``source/feed``, a channel, nothing), and what stops that now."""


@dg.sensor(
    name="pauses",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Shows what is paused on the checks of the assets that stand still, and what the checks say once it has ended.",
)
def pauses(context: dg.SensorEvaluationContext, workshop: dg.ResourceParam[Workshop]) -> dg.SensorResult:
    """What changed since the cursor: by check, the number of the pause that is shown there."""
    told: dict[str, int] = json.loads(context.cursor) if context.cursor else {}
    events: list[dg.AssetCheckEvaluation] = []
    for client in _concerned(workshop, told):
        for path, check, about, pause in _stopped(workshop, client):
            key = f"{path}:{check}"
            if told.get(key) == (pause.id if pause else None):
                continue
            if len(events) == EVENTS_PER_TICK:
                return dg.SensorResult(asset_events=events, cursor=json.dumps(told))
            if pause is not None:
                events.append(_event(path, check, (False, _WARN, f"{pause.message}; {pause.remedy}")))
                told[key] = pause.id
            else:
                events.append(_event(path, check, _now(workshop, client.name, check, about)))
                del told[key]
    skip = None if events else "nothing was paused or resumed since the last tick"
    return dg.SensorResult(asset_events=events, cursor=json.dumps(told), skip_reason=skip)


def _concerned(workshop: Workshop, told: dict[str, int]) -> "Iterator[Client]":
    """Clients of whom something is paused, or shown as paused."""
    live = workshop.pauses.live()
    named = {pause.client for pause in live} | {key.partition("/")[0] for key in told}
    return (client for client in workshop.fleet.clients if EVERYONE in named or client.name in named)


def _stopped(workshop: Workshop, client: "Client") -> Iterator[Shown]:
    """Every check of a client that shows pauses, with the pause that stops it now."""
    name, now = client.name, workshop.clock.now()
    live = concerning(workshop.pauses.live(), name)
    for source, declared in client.declaration.sources.items():
        pause = stopping(live, client=name, activity="read", source=source, now=now)
        if declared.role == "linked":
            yield "/".join(linked_key(name, source).path), "read", f"{source}/", pause
            continue
        for feed in declared.feeds:
            yield "/".join(source_key(name, source, feed).path), "read", f"{source}/{feed}", pause
    for channel in client.declaration.channels:
        pause = stopping(live, client=name, activity="push", channel=channel, now=now)
        yield "/".join(push_key(name, channel).path), "allowed", channel, pause
    if any(channel.orders for channel in client.declaration.channels.values()):
        pause = stopping(live, client=name, activity="orders", now=now)
        yield "/".join(orders_key(name).path), "taken_up", "", pause


def _now(workshop: Workshop, client: str, check: str, about: str) -> Judged:
    """What a check says once nothing is paused any more, from our database."""
    if check == "allowed":
        return plan_allows(workshop.newest_plan(client, about))
    if check == "read":
        states = workshop.catalogues.feed_states(client).items()
        wrong = [f"{k[1]}: {state.error}" for k, state in states if state.failures and "/".join(k).startswith(about)]
        return not wrong, _ERROR, "\n".join(wrong) or OK
    return True, _ERROR, OK


def _event(path: str, check: str, verdict: Judged) -> dg.AssetCheckEvaluation:
    passed, severity, text = verdict
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(path.split("/")),
        check_name=check,
        passed=passed,
        severity=severity,
        description=text[:4000],
        metadata={},
    )

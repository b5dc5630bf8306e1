"""What a shared run tells Dagster of one client: only what changed, so that a thousand unchanged clients leave no event.

An asset is materialised where it brought something new. A check is told where its asset is, and where its verdict is another one
than the newest that Dagster has, whoever told that: pages stay true beside runs that people launch.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.assets import source_feeds
from s2s_pipelines.orchestration.keys import BREAKERS, catalogue_key, plan_key, push_key
from s2s_pipelines.orchestration.page import catalogue_page, plan_page, push_page, source_page
from s2s_pipelines.orchestration.standing import with_what_stands
from s2s_pipelines.orchestration.verdict import Check, catalogue_checks, plan_checks, push_checks, source_checks

if TYPE_CHECKING:
    from s2s_pipelines.cycle.client_cycle import ChannelCycle, ClientCycle

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation
Judged = tuple[Check, Any, bool]
"""A check, what it judges, and whether it is told even if the verdict is the same."""

_READ = ("kept", "unchanged", "failed", "refused")
_NUMBER = re.compile(r"\d+([.,]\d+)?")


def client_events(instance: dg.DagsterInstance, workshop: Workshop, cycle: "ClientCycle") -> Iterator[Event]:
    """Materialisations and verdicts of one client's cycle that Dagster does not have yet."""
    judged: list[Judged] = []
    if cycle.refreshed is not None:
        yield from _refreshed(workshop, cycle, judged)
    for channel in cycle.channels:
        yield from _published(workshop, cycle.client, channel, judged)
    yield from _verdicts(instance, judged)


def _refreshed(workshop: Workshop, cycle: "ClientCycle", judged: list[Judged]) -> Iterator[Event]:
    result = cycle.refreshed
    if result is None:
        return
    # What was not read is looked up only where a verdict needs it.
    whole: list[Any] = []
    for key, (source, feeds) in source_feeds(workshop.client(cycle.client)).items():
        seen = [feed for feed in result.sources[source].feeds if feed.feed in feeds]
        is_new = any(feed.outcome == "kept" for feed in seen)
        if is_new:
            page = source_page(workshop, cycle.client, source, seen)
            yield dg.AssetMaterialization(key, metadata=page)
        if not any(feed.outcome in _READ for feed in seen):
            judged += [(check, result, False) for check in source_checks(key) if check.spec.name == "in_time"]
            continue
        if not all(feed.outcome in _READ for feed in seen) and not whole:
            whole.append(with_what_stands(workshop, result))
        judged += [(check, whole[0] if whole else result, is_new) for check in source_checks(key)]
    key = catalogue_key(cycle.client)
    if result.catalogue.is_new:
        yield dg.AssetMaterialization(key, metadata=catalogue_page(result, workshop))
    judged += [(check, result, result.catalogue.is_new) for check in catalogue_checks(key)]


def _published(workshop: Workshop, client: str, channel: "ChannelCycle", judged: list[Judged]) -> Iterator[Event]:
    planned, pushed = plan_key(client, channel.channel), push_key(client, channel.channel)
    push = channel.push
    is_sent = push is not None and not push.is_refused and (channel.is_new or push.sent > 0 or push.fault is not None)
    if channel.is_new and channel.plan is not None:
        yield dg.AssetMaterialization(planned, metadata=plan_page(channel.plan, workshop))
    if is_sent and push is not None:
        page = push_page(push, workshop, client, channel.channel)
        yield dg.AssetMaterialization(pushed, metadata=page)
    if channel.fault is not None and channel.stored is None:
        return
    seen: dict[str, Any] = {"stored": channel.stored, "pause": channel.pause, "push": push}
    judged += [(check, seen, channel.is_new) for check in plan_checks(planned, BREAKERS)]
    judged += [(check, seen, is_sent) for check in push_checks(pushed)]


def _verdicts(instance: dg.DagsterInstance, judged: Sequence[Judged]) -> Iterator[dg.AssetCheckEvaluation]:
    keys = [check.spec.key for check, _, _ in judged]
    known = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    for check, seen, is_told in judged:
        found = check.judge(seen)
        if is_told or _is_other(found, known.get(check.spec.key)):
            yield dg.AssetCheckEvaluation(
                asset_key=check.spec.asset_key,
                check_name=check.spec.name,
                passed=found.passed,
                severity=found.severity,
                description=found.description,
                metadata={},
            )


def _is_other(found: dg.AssetCheckResult, known: AssetCheckExecutionRecord | None) -> bool:
    """Whether a verdict is news. Ages and counts in its text are none: they grow with every cycle."""
    told = known.event.dagster_event if known is not None and known.event is not None else None
    if told is None or told.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return True
    before = told.asset_check_evaluation_data
    if (before.passed, before.severity) != (found.passed, found.severity) and not (before.passed and found.passed):
        return True
    return _NUMBER.sub("#", before.description or "") != _NUMBER.sub("#", found.description or "")


SUMMARY_COLUMNS = ("client", "outcome", "seconds", "new", "sent", "failed", "what")
_WORST = 50


def summary(cycle: "ClientCycle") -> dict[str, Any]:
    """One line of the run's table."""
    faults = [fault.message for fault in cycle.faults]
    troubled = [f"could not be read: {', '.join(cycle.troubled_feeds)}"] if cycle.troubled_feeds else []
    outcome = "failed" if faults else "busy" if cycle.is_busy else "source trouble" if troubled else "unchanged"
    return {
        "client": cycle.client,
        "outcome": "changed" if outcome == "unchanged" and cycle.is_changed else outcome,
        "seconds": f"{cycle.seconds:.1f}",
        "new": ", ".join(cycle.new_feeds),
        "sent": cycle.sent,
        "failed": cycle.failed,
        "what": "; ".join([*faults, *troubled, *cycle.waiting]),
    }


_RANK = ("failed", "source trouble", "busy", "changed", "unchanged")


def worst_first(lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines to be shown: those with faults first, then the slowest."""
    ranked = sorted(lines, key=lambda line: (_RANK.index(line["outcome"]), -float(line["seconds"]), line["client"]))
    return ranked[:_WORST]

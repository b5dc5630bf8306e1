"""The asset ``fleet``: every client, worst first. Looked at by a sensor, without a run, and materialised by hand at any time.

The sensor also shows what is stale or late on the source's own asset, when that changes: time passes without a run.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.cycle.place import FLEET, link
from s2s_pipelines.orchestration.keys import linked_key, source_key
from s2s_pipelines.orchestration.verdict import IN_TIME, OK, stale_text

if TYPE_CHECKING:
    from s2s_pipelines.cycle.fleet_report import FleetReport, FleetRow

WORST = 50
"""Rows that the page shows; ``s2s status`` shows all of them."""

MOST_EVENTS = 200
"""Verdicts that one tick tells; a tick is cut off after a minute (dagster notes 2)."""

_SOONEST = timedelta(minutes=2)
_LATEST = timedelta(hours=1)
_SPEC = dg.AssetSpec(
    FLEET,
    group_name=FLEET,
    kinds={"report"},
    description="What is wrong now: every client, worst first, with ages, next due, rejected rows, failed items, held orders and "
    "pauses. The sensor `fleet` keeps it up to date; materialise it to look at this moment.",
)
_CHECK = dg.AssetCheckSpec("all_well", asset=FLEET, description="No client needs anybody.")
_COLUMNS = ("state", "client", "what is wrong", "oldest read", "next due", "rejected", "failed", "held")


@dg.multi_asset(name="fleet_report", specs=[_SPEC], check_specs=[_CHECK], can_subset=True)
def fleet(
    context: dg.AssetExecutionContext, workshop: dg.ResourceParam[Workshop]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Look at every client now."""
    report = workshop.fleet_report()
    if _SPEC.key in context.selected_asset_keys:
        yield dg.MaterializeResult(_SPEC.key, metadata=fleet_page(report, workshop.operations.ui_url))
    if _CHECK.key in context.selected_asset_check_keys:
        passed, severity, text = _verdict(report)
        yield dg.AssetCheckResult(
            passed=passed, asset_key=_SPEC.key, check_name=_CHECK.name, severity=severity, description=text
        )


def fleet_page(report: "FleetReport", ui_url: str) -> dict[str, Any]:
    """Counts, and the worst rows with a link to the place of each."""
    from s2s_pipelines.cycle.fleet_text import cells

    rows = [{**cells(row, report.at), "link": link(ui_url, row.path)} for row in report.rows[:WORST]]
    lines = [f"| {' | '.join(_COLUMNS)} |", "|" + " --- |" * len(_COLUMNS)]
    lines += [f"| {' | '.join(_cell(row, name) for name in _COLUMNS)} |" for row in rows]
    return {
        "clients": len(report.rows),
        **{f"clients_{state}": count for state, count in report.counts.items()},
        "as_of": report.at.isoformat(timespec="seconds"),
        "worst": dg.MetadataValue.md("\n".join(lines)),
        "whole": f"s2s status shows all {len(report.rows):,} clients; s2s status <client> says what to do",
    }


def _cell(row: dict[str, str], name: str) -> str:
    text = row[name].replace("|", "\\|").replace("`", "'").replace("[", "(").replace("]", ")")
    return f"[{text}]({row['link']})" if name == "client" else text


def _verdict(report: "FleetReport") -> tuple[bool, dg.AssetCheckSeverity, str]:
    bad = [row.client for row in report.rows if row.state == "error"]
    shown = ", ".join(bad[:20]) + (f" and {len(bad) - 20} more" if len(bad) > 20 else "")
    return not bad, dg.AssetCheckSeverity.ERROR, f"these need somebody: {shown}" if bad else OK


@dataclass(slots=True)
class _Told:
    """What the sensor showed last.

    Attributes:
        picture: a digest of what the page of ``fleet`` said.
        at: when.
        untimely: source assets that are shown as stale or late, with a digest of the reason.
    """

    picture: str = ""
    at: str = ""
    untimely: dict[str, str] = field(default_factory=dict)

    def is_due(self, picture: str, now: datetime) -> bool:
        """Whether the page is told anew: it changed, and not again within moments; or it is an hour old."""
        if not self.at:
            return True
        age = now - datetime.fromisoformat(self.at)
        return age >= (_SOONEST if picture != self.picture else _LATEST)


@dg.sensor(
    name=FLEET,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at every client, shows on the asset `fleet` what changed, and on each source what became stale or late.",
)
def fleet_sensor(context: dg.SensorEvaluationContext, workshop: dg.ResourceParam[Workshop]) -> dg.SensorResult:
    """What changed since the cursor, told without a run."""
    told = _Told(**json.loads(context.cursor)) if context.cursor else _Told()
    report = workshop.fleet_report()
    events: list[dg.AssetMaterialization | dg.AssetCheckEvaluation] = []
    picture = _digest([(row.client, row.state, [c.key for c in row.causes], row.pauses) for row in report.rows])
    if told.is_due(picture, report.at):
        events.append(dg.AssetMaterialization(_SPEC.key, metadata=fleet_page(report, workshop.operations.ui_url)))
        events.append(_evaluation(_SPEC.key, _CHECK.name, *_verdict(report)))
        told.picture, told.at = picture, report.at.isoformat()
    events += _timeliness(report, told)
    skip = None if events else "nothing changed since the last look"
    return dg.SensorResult(asset_events=events, cursor=json.dumps(asdict(told)), skip_reason=skip)


def _timeliness(report: "FleetReport", told: _Told) -> Iterator[dg.AssetCheckEvaluation]:
    """Verdicts of sources that became stale or late, or are in time again; ``told`` is kept up with what is yielded."""
    lines = {path: text for row in report.rows for path, text in _untimely(row).items()}
    found = {path: text for path, text in lines.items() if text}
    changed = [path for path, text in found.items() if told.untimely.get(path) != _digest(_without_numbers(text))]
    changed += [path for path in told.untimely if path not in found]
    for path in changed[:MOST_EVENTS]:
        key, text = dg.AssetKey(path.split("/")), found.get(path)
        if text is not None:
            told.untimely[path] = _digest(_without_numbers(text))
        else:
            del told.untimely[path]
        if path in lines:  # else it is not declared any more
            yield _evaluation(key, IN_TIME, text is None, dg.AssetCheckSeverity.WARN, text or OK)


def _untimely(row: "FleetRow") -> dict[str, str]:
    """By the path of each source asset what is stale or late, in the words of ``verdict``; nothing while it is paused."""
    lines: dict[str, list[str]] = {}
    for feed in row.feeds:
        is_linked = feed.role == "linked"
        key = linked_key(row.client, feed.source) if is_linked else source_key(row.client, feed.source, feed.feed)
        told = lines.setdefault("/".join(key.path), [])
        if feed.is_stale and feed.next_due is not None:
            told.append(stale_text(feed.feed, feed.read_at, feed.limit_s))
        for kind, word in (("late_source", "late"), ("overdue_source", "overdue")):
            text = f"the next delivery is {word}"
            if feed.source in row.named(kind) and text not in told:
                told.append(text)
    return {path: "\n".join(text) for path, text in lines.items()}


def _evaluation(
    key: dg.AssetKey, check: str, passed: bool, severity: dg.AssetCheckSeverity, text: str
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key, check_name=check, passed=passed, severity=severity, description=text[:4000], metadata={}
    )


def _without_numbers(text: str) -> str:
    return "".join("#" if letter.isdigit() else letter for letter in text)


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]

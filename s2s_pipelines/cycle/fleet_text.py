"""The report on all clients as cells of a table, as lines of a terminal and as JSON. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from s2s_pipelines.cycle.fleet_report import FeedAge, FleetReport, FleetRow
from s2s_pipelines.cycle.look import counted, spell
from s2s_pipelines.cycle.place import link
from s2s_pipelines.model.pause import Pause

COLUMNS = ("state", "client", "oldest read", "next due", "rejected", "failed", "held", "what is wrong", "page")
_WIDEST = {"client": 40, "what is wrong": 90, "page": 130}
_NUMBERS = ("rejected", "failed", "held")


def cells(row: FleetRow, now: datetime) -> dict[str, str]:
    """One row of the table by the names of ``COLUMNS``."""
    oldest = row.oldest
    return {
        "state": row.state,
        "client": row.client,
        "oldest read": "never" if oldest is None else f"{_age(oldest)} {oldest.source}/{oldest.feed}",
        "next due": _due(row.next_due, now),
        "rejected": _number(row.rejected),
        "failed": _number(row.failed_items),
        "held": _number(row.held),
        "what is wrong": summary(row),
        "page": row.path,
    }


def summary(row: FleetRow) -> str:
    """What is wrong with a client, and what is paused, in one line."""
    words = [cause.subject for cause in row.causes[:1]]
    if len(row.causes) > 1:
        words.append(f"and {len(row.causes) - 1} more")
    if row.pauses:
        words.append(", ".join(sorted({f"{_paused(pause)} until {pause.until:%m-%d %H:%M}" for pause in row.pauses})))
    return "; ".join(words)


def _paused(pause: Pause) -> str:
    named = f"{pause.scope} {pause.target}" if pause.target else {"all": "everything"}.get(pause.scope, pause.scope)
    return f"{named} paused"


def _age(feed: FeedAge) -> str:
    return spell(timedelta(seconds=feed.age_s or 0.0)) + (" (stale)" if feed.is_stale else "")


def _due(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    return "now" if moment <= now else f"in {spell(moment - now)}"


def _number(count: int) -> str:
    return f"{count:,}" if count else ""


def headline(report: FleetReport) -> str:
    """How many clients are in which state."""
    told = ", ".join(f"{count:,} {state}" for state, count in report.counts.items())
    return f"{counted(len(report.rows), 'client')}: {told} (as of {report.at:%Y-%m-%d %H:%M:%S} UTC)"


def table_lines(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """The table as lines of a terminal."""
    widths = {name: min(_WIDEST.get(name, 30), max([len(name), *(len(row[name]) for row in rows)])) for name in COLUMNS}
    for row in ({name: name.upper() for name in COLUMNS}, *rows):
        yield "  ".join(_fitted(name, row[name], widths[name]) for name in COLUMNS).rstrip()


def _fitted(name: str, text: str, width: int) -> str:
    cut = text if len(text) <= width else text[: width - 1] + "…"
    return cut.rjust(width) if name in _NUMBERS else cut.ljust(width)


def detail_lines(row: FleetRow, now: datetime, ui_url: str) -> Iterator[str]:
    """Everything about one client: what is wrong with what to do, what is paused, and the age of each feed."""
    yield f"{row.client} ({row.label}): {row.state}"
    for cause in row.causes:
        yield f"  {cause.severity}: {cause.subject}"
        yield f"    {cause.message}"
        yield f"    next: {cause.remedy}"
        yield f"    {link(ui_url, cause.path)}"
    for pause in row.pauses:
        yield f"  {pause.message}"
    for feed in row.feeds:
        age = "never read" if feed.age_s is None else f"read {_age(feed)} ago"
        rest = (
            f", {feed.rows:,} rows, {feed.rejected:,} rejected, next {_due(feed.next_due, now) or 'not while paused'}"
        )
        yield f"  {feed.source}/{feed.feed}: {age}{rest}"


def report_json(report: FleetReport, ui_url: str) -> dict[str, Any]:
    """The whole report for programs; times are ISO 8601 in UTC, ages in seconds."""
    return {
        "at": _iso(report.at),
        "is_well": report.is_well,
        "counts": report.counts,
        "clients": [_row_json(row, ui_url) for row in report.rows],
    }


def _row_json(row: FleetRow, ui_url: str) -> dict[str, Any]:
    return {
        "client": row.client,
        "label": row.label,
        "state": row.state,
        "link": link(ui_url, row.path),
        "next_due": _iso(row.next_due),
        "catalogue_at": _iso(row.catalogue_at),
        "rejected": row.rejected,
        "failed_items": row.failed_items,
        "held": row.held,
        "breakers": row.named("breaker"),
        "awaiting_approval": row.named("awaiting_approval"),
        "overdue": row.named("overdue_source"),
        "stale": [f"{feed.source}/{feed.feed}" for feed in row.feeds if feed.is_stale],
        "silent": row.named("silent_channel"),
        "causes": [
            {
                "cause": cause.key,
                "kind": cause.kind,
                "severity": cause.severity,
                "subject": cause.subject,
                "message": cause.message,
                "remedy": cause.remedy,
                "link": link(ui_url, cause.path),
                "since": _iso(cause.since),
            }
            for cause in row.causes
        ],
        "pauses": [
            {"what": p.what, "until": _iso(p.until), "why": p.why, "by": p.by, "since": _iso(p.created_at)}
            for p in row.pauses
        ],
        "feeds": [
            {
                "source": feed.source,
                "feed": feed.feed,
                "read_at": _iso(feed.read_at),
                "age_s": None if feed.age_s is None else round(feed.age_s, 1),
                "stale_after_s": feed.limit_s,
                "is_stale": feed.is_stale,
                "next_due": _iso(feed.next_due),
                "rows": feed.rows,
                "rejected": feed.rejected,
                "failures": feed.failures,
            }
            for feed in row.feeds
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

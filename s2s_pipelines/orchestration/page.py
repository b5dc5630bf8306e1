"""What each asset's page shows of one run: counts, short tables, ages, and where to find the rest."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.metadata import TABLE_ROWS, bars, table

if TYPE_CHECKING:
    from s2s_pipelines.cycle.feed_read import FeedResult
    from s2s_pipelines.cycle.publish import PlanResult
    from s2s_pipelines.cycle.push import PushResult
    from s2s_pipelines.cycle.refresh import ClientResult

_REJECT = ("row", "sku", "field", "reason", "value", "message", "remedy")
_CHANGE = ("product_key", "sku", "action", "field", "before", "after", "reason")
_FAILURE = ("product_key", "sku", "reason", "message", "remedy")


def source_page(workshop: Workshop, client: str, source: str, feeds: "Sequence[FeedResult]") -> dict[str, Any]:
    """Rows in, out, rejected and ignored; read time; rejected rows."""
    page: dict[str, Any] = {
        "dagster/row_count": sum(f.rows_out for f in feeds),
        "rows_in": sum(f.rows_in for f in feeds),
        "rejected": sum(f.rejected for f in feeds),
        "ignored": sum(f.ignored for f in feeds),
        "outcome": ", ".join(f"{f.feed}: {f.outcome}" for f in feeds),
    }
    read = [f.stands_since for f in feeds if f.stands_since is not None]
    if read:
        page["read_at"] = min(read).isoformat(timespec="seconds")
    notes = [f"{f.feed}: {note}" for f in feeds for note in f.notes]
    if notes:
        page["notes"] = "\n".join(notes[:TABLE_ROWS])
    rejects = workshop.rejects(client, source, [f.feed for f in feeds], limit=TABLE_ROWS)
    if rejects:
        page["rejects_table"] = table(rejects, _REJECT)
    return page


def catalogue_page(result: "ClientResult") -> dict[str, Any]:
    """Rows, conflicts, unmatched rows and how old each input is."""
    merged = result.catalogue
    ages = [{"feed": feed, "minutes": f"{age / 60:.1f}"} for feed, age in sorted((merged.ages_s or {}).items())]
    page: dict[str, Any] = {
        "dagster/row_count": merged.rows,
        "changed": "yes" if merged.is_new else "no",
        "conflicts": merged.conflicts,
        "unmatched_rows": merged.unmatched,
        "ages_table": table(ages, ("feed", "minutes")),
    }
    warnings = [f"{key}: {text}" for key, source in result.sources.items() for text in source.warnings]
    if warnings:
        page["warnings"] = "\n".join(warnings[:TABLE_ROWS])
    return page


def plan_page(result: "PlanResult") -> dict[str, Any]:
    """Counts by action and field, samples as a table, and where the whole is."""
    stored, plan = result.stored, result.plan
    counts = dict(stored.counts)
    page: dict[str, Any] = {
        "plan": stored.id,
        "verdict": stored.verdict,
        "changes": plan.changes.num_rows,
        "units_deducted_for_open_orders": sum(result.deducted.values()),
        "whole_plan": f"s2s plan {stored.client} {stored.channel} --csv",
        **{f"count_{name}": count for name, count in counts.items()},
    }
    if plan.changes.num_rows:
        page["changes_table"] = table(plan.changes.slice(0, TABLE_ROWS).to_pylist(), _CHANGE)
        fields = plan.changes.group_by("field").aggregate([("field", "count")]).to_pylist()
        plot = bars(
            {row["field"] or row.get("action", "delist") or "delist": row["field_count"] for row in fields},
            "Changes by field",
        )
        if plot is not None:
            page["changes_plot"] = plot
    return page


def push_page(result: "PushResult") -> dict[str, Any]:
    """What was sent and what came of it, failures as a table."""
    page: dict[str, Any] = {
        "status": result.status,
        "plan": result.plan_id,
        "sent": result.sent,
        "acknowledged": result.acknowledged,
        "failed": result.failed,
        "remaining": result.remaining,
        "superseded": result.superseded,
    }
    if result.failures:
        page["failures_table"] = table(
            [
                {
                    "product_key": f.product_key,
                    "sku": f.sku,
                    "reason": f.reason,
                    "message": f.message,
                    "remedy": f.remedy,
                }
                for f in result.failures
            ],
            _FAILURE,
        )
    return page

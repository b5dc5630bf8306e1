"""What each asset's page shows of one run: what came in, went out and was left out, the last runs, and where the rest is."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.cycle.port import CATALOGUE, feed_name
from s2s_pipelines.orchestration.metadata import TABLE_ROWS, bars, table
from s2s_pipelines.orchestration.trend import trend

if TYPE_CHECKING:
    from s2s_pipelines.cycle.feed_read import FeedResult
    from s2s_pipelines.cycle.port import HeldItem, StoredPlan
    from s2s_pipelines.cycle.publish import PlanResult
    from s2s_pipelines.cycle.push import PushResult
    from s2s_pipelines.cycle.refresh import ClientResult

_REJECT = ("row", "sku", "field", "reason", "value", "message", "remedy")
_CHANGE = ("product_key", "sku", "action", "field", "before", "after", "reason")
_FAILURE = ("product_key", "sku", "reason", "message", "remedy")
_LEFT_OUT = ("product_key", "sku", "reason", "message")
_CONFLICT = ("sku", "source", "source_product_code", "source_variant_code", "title")
_UNMATCHED = ("source", "feed", "key", "row")
_SAMPLE = 20
_SENDING = ("_create", "_update", "_delist")


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
    names = [f.feed for f in feeds]
    rejects = workshop.rejects(client, source, names, limit=TABLE_ROWS)
    if rejects:
        # A customer's value may be a person's address.
        is_public = "customers" not in names
        page["rejects_table"] = table(rejects, [name for name in _REJECT if is_public or name != "value"])
        page["rejected_by_reason"] = _counted(workshop.rejected_by_reason(client, source, names))
        page["all_rejects"] = f"s2s rejects {client} --csv"
    for name in names:
        # A linked source shows all its feeds on one page.
        end = "" if len(names) == 1 else f"_{name}"
        rows = workshop.came_in(client, source, name, limit=_SAMPLE)
        if rows:
            page[f"came_in{end}"] = table(rows, tuple(rows[0]), most=_SAMPLE)
        reads = workshop.past_reads(client, feed_name(source, name))
        stamp = reads[-1].source_modified_at if reads else None
        _add(page, f"source_modified_at{end}", stamp and stamp.isoformat(timespec="seconds"))
        _add(page, f"trend{end}", trend([(s.rows_out, s.rejected) for s in reads], f"rows of {name}", "rejected"))
    _add_link(page, workshop, client, workshop.client(client).declaration.sources[source].connection, "own_page")
    return page


def _counted(counts: dict[str, int]) -> dg.TableMetadataValue:
    return table(({"reason": reason, "count": count} for reason, count in counts.items()), ("count", "reason"))


def _add(page: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        page[name] = value


def _add_link(page: dict[str, Any], workshop: Workshop, client: str, connection: str, name: str) -> None:
    """Where people look at the products in the system itself."""
    address = workshop.own_page(client, connection, "products")
    _add(page, name, dg.MetadataValue.url(address) if address else None)


def catalogue_page(result: "ClientResult", workshop: Workshop) -> dict[str, Any]:
    """Rows, conflicts, unmatched rows, the last catalogues, and how old each input is."""
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
    if merged.conflicts or merged.unmatched:
        conflicts, unmatched = workshop.left_over(result.client, limit=TABLE_ROWS)
        _add(page, "conflicts_table", table(conflicts, _CONFLICT) if conflicts else None)
        rows = ({**row, "row": row["_row"]} for row in unmatched)
        _add(page, "unmatched_table", table(rows, _UNMATCHED) if unmatched else None)
    past = [(s.rows_out, int(s.details.get("conflicts", 0))) for s in workshop.past_reads(result.client, CATALOGUE)]
    _add(page, "trend", trend(past, "variants", "offered twice"))
    return page


def plan_page(result: "PlanResult", workshop: Workshop) -> dict[str, Any]:
    """Counts by action and field, samples as a table, what is left out and why, the last plans, and where the whole is."""
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
    if stored.let_through is not None:
        word = stored.let_through
        page["let_through"] = f"{', '.join(word.breakers)} by {word.by}: {word.reason}"
    if stored.approval is not None:
        page["approved"] = f"by {stored.approval.by}: {stored.approval.reason}"
    if plan.changes.num_rows:
        page["changes_table"] = table(plan.changes.slice(0, TABLE_ROWS).to_pylist(), _CHANGE)
        fields = plan.changes.group_by("field").aggregate([("field", "count")]).to_pylist()
        plot = bars(
            {row["field"] or row.get("action", "delist") or "delist": row["field_count"] for row in fields},
            "Changes by field",
        )
        if plot is not None:
            page["changes_plot"] = plot
    if plan.left_out.num_rows:
        reasons = plan.left_out.group_by("reason").aggregate([("reason", "count")]).to_pylist()
        counted = Counter({row["reason"]: row["reason_count"] for row in reasons})
        page["left_out_by_reason"] = _counted(dict(counted.most_common()))
        page["left_out_table"] = table(plan.left_out.slice(0, TABLE_ROWS).to_pylist(), _LEFT_OUT)
    past = [
        (_sent(p), _sent(p) if p.verdict == "stopped" else 0)
        for p in workshop.past_plans(stored.client, stored.channel)
    ]
    _add(page, "trend", trend(past, "items to send", "stopped by a breaker"))
    _add_shop(page, workshop, stored.client, stored.channel)
    return page


def _sent(plan: "StoredPlan") -> int:
    return sum(count for name, count in plan.counts.items() if name.endswith(_SENDING))


def _add_shop(page: dict[str, Any], workshop: Workshop, client: str, channel: str) -> None:
    _add_link(page, workshop, client, workshop.client(client).declaration.channels[channel].connection, "shop")


def push_page(result: "PushResult", workshop: Workshop, client: str, channel: str) -> dict[str, Any]:
    """What was sent and what came of it, everything the channel does not take, and the last pushes."""
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
        failures = (
            {"product_key": f.product_key, "sku": f.sku, "reason": f.reason, "message": f.message, "remedy": f.remedy}
            for f in result.failures
        )
        page["failures_table"] = table(failures, _FAILURE)
    count, items = workshop.failing_items(client, channel, limit=TABLE_ROWS)
    if count:
        page["not_taken"] = count
        page["not_taken_table"] = table(map(_not_taken, items), (*_FAILURE[1:], "times"))
        page["all_not_taken"] = f"s2s failures {client} {channel} --csv"
    past = [p.outcome for p in workshop.past_plans(client, channel) if p.outcome and p.outcome.get("sent")]
    _add(page, "trend", trend([(o["sent"], o.get("failed", 0)) for o in past], "items sent", "not taken"))
    _add_shop(page, workshop, client, channel)
    return page


def _not_taken(item: "HeldItem") -> dict[str, Any]:
    told = {"reason": item.reason, "message": item.message, "remedy": item.remedy}
    return {"sku": item.item_key, **told, "times": item.failures}

"""Jobs that show something to operators and change nothing: a plan, rejected rows, what became of a sku or an order."""

import sys
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.configuration import ExplainConfig, PlanConfig, RejectsConfig
from s2s_pipelines.orchestration.metadata import fenced, table
from s2s_pipelines.orchestration.operator_job import refusing
from s2s_pipelines.orchestration.worker import run_executor

if TYPE_CHECKING:
    from s2s_pipelines.bootstrap.operator_work import PlanView
    from s2s_pipelines.cycle.explain import Explanation
    from s2s_pipelines.cycle.order_story import OrderStory

MOST_ROWS = 50
_CHANGE = ("product_key", "sku", "action", "field", "before", "after", "reason")
_REJECT = ("source", "feed", "row", "sku", "field", "reason", "value", "message", "remedy")
_CHAIN = ("channel", "field", "stage", "text")
_DOCUMENT = (
    "source",
    "state",
    "kind",
    "number",
    "total",
    "reference",
    "attempts",
    "raised_at",
    "told_at",
    "problem",
    "remedy",
)
_EVENT = ("at", "event", "source", "moved", "details")
_DECISION = ("plan", "what", "by", "reason", "at", "pushed_at")


def _write(pieces: Iterable[str]) -> None:
    """To the run's standard output, which the UI shows and hands out as a file."""
    for piece in pieces:
        sys.stdout.write(piece.replace("\r\n", "\n"))
    sys.stdout.flush()


def decision_rows(view: "PlanView") -> list[dict[str, Any]]:
    """What people decided about plans of a channel, the newest first."""
    rows = []
    for stored in view.decisions:
        told = {"plan": stored.id, "pushed_at": stored.pushed_at}
        if stored.let_through is not None:
            word = stored.let_through
            rows.append({**told, "what": f"let through: {', '.join(word.breakers)}", "by": word.by, "reason": word.reason,
                         "at": word.at})  # fmt: skip
        if stored.approval is not None:
            said = stored.approval
            rows.append({**told, "what": "approved", "by": said.by, "reason": said.reason, "at": said.at})
    return rows


@dg.op(description="Plans the channel from the catalogue that stands and shows what it would be sent. Nothing is sent.")
def look_at_plan(context: dg.OpExecutionContext, config: PlanConfig, workshop: dg.ResourceParam[Workshop]) -> None:
    """Counts, the first rows as a table, and the whole as CSV."""
    from s2s_pipelines.cycle.export import plan_csv

    with refusing():
        view = workshop.look_at_plan(config.client, config.channel)
    stored, plan = view.stored, view.plan
    page: dict[str, Any] = {
        "plan": stored.id,
        "verdict": stored.verdict,
        "changes": plan.changes.num_rows,
        **{f"count_{name}": count for name, count in stored.counts.items()},
        "whole_plan": f"s2s plan {config.client} {config.channel} --csv",
    }
    if view.why:
        page["waits"] = view.why
    if plan.changes.num_rows:
        page["changes_table"] = table(plan.changes.slice(0, MOST_ROWS).to_pylist(), _CHANGE, most=MOST_ROWS)
    if view.decisions:
        page["decisions_table"] = table(decision_rows(view), _DECISION)
    context.add_output_metadata(page)
    if config.csv:
        _write(plan_csv(plan))


@dg.op(description="Shows the rows that were rejected at the newest reads, by reason, with remedy.")
def look_at_rejects(
    context: dg.OpExecutionContext, config: RejectsConfig, workshop: dg.ResourceParam[Workshop]
) -> None:
    """How many for which reason, the first rows as a table, and all of them as CSV for the owner of the data."""
    from s2s_pipelines.cycle.export import rejects_csv

    with refusing():
        rejects = workshop.rejects_by_reason(config.client, source=config.source)
    counts = Counter(rejects["reason"].to_pylist()).most_common(MOST_ROWS)
    page: dict[str, Any] = {"rejected": rejects.num_rows, "all_rows": f"s2s rejects {config.client} --csv"}
    if counts:
        page["reasons_table"] = table([{"reason": r, "rows": n} for r, n in counts], ("reason", "rows"), most=MOST_ROWS)
        page["rejects_table"] = table(rejects.slice(0, MOST_ROWS).to_pylist(), _REJECT, most=MOST_ROWS)
    context.add_output_metadata(page)
    if config.csv:
        _write(rejects_csv(rejects))


def sku_page(found: "list[Explanation]") -> dict[str, Any]:
    """Per channel whether the sku is there and why not, and every field's way back to its cell."""
    page: dict[str, Any] = {}
    rows = []
    for told in found:
        prefix = f"{told.channel}_"
        page[f"{prefix}listed"] = "yes" if told.is_listed else "no"
        if told.reason is not None:
            page |= {f"{prefix}reason": told.reason, f"{prefix}message": told.message}
            if told.remedy:
                page[f"{prefix}remedy"] = told.remedy
        rows += [
            {"channel": told.channel, "field": name, "stage": step.stage, "text": step.text}
            for name, steps in told.fields.items()
            for step in steps
        ]
    if rows:
        page["chain_table"] = table(rows, _CHAIN, most=2 * MOST_ROWS)
    return page


def order_page(story: "OrderStory") -> dict[str, Any]:
    """Where the order stands, its documents and its history."""
    page: dict[str, Any] = {
        "channel": story.channel,
        "state": story.state,
        "in_the_shop": story.status,
        "total": story.total,
        "placed_at": story.ordered_at.isoformat(timespec="seconds"),
    }
    if story.reason is not None:
        page |= {"reason": story.reason, "message": story.message}
        if story.remedy:
            page["remedy"] = story.remedy
    if story.documents:
        page["documents_table"] = table([_row(d, _DOCUMENT) for d in story.documents], _DOCUMENT)
    page["history_table"] = table([_row(e, _EVENT) for e in story.history[-MOST_ROWS:]], _EVENT, most=MOST_ROWS)
    return page


def _row(value: object, columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in columns}


@dg.op(description="Says where a sku's values come from, or why it is not in a shop; or what became of an order.")
def tell(context: dg.OpExecutionContext, config: ExplainConfig, workshop: dg.ResourceParam[Workshop]) -> None:
    """The answer of `s2s explain`, as a page."""
    if bool(config.sku) == bool(config.order):
        raise dg.Failure("name a sku or an order, and not both", allow_retries=False)
    with refusing():
        if config.sku:
            found = workshop.explain_sku(config.client, config.sku, channel=config.channel, field=config.field)
            page, told = sku_page(found), [explanation.text() for explanation in found]
        else:
            stories = workshop.explain_order(config.client, config.order)
            if not stories:
                raise dg.Failure(
                    f"{config.client} knows no order {config.order}. Next: fetch it by name: job orders",
                    allow_retries=False,
                )
            page, told = order_page(stories[0]), [story.text() for story in stories]
    text = "\n".join(told)
    context.log.info(text)
    context.add_output_metadata({"answer": fenced(text[:20_000]), **page})


@dg.job(
    name="show_plan",
    description="Show what a channel would be sent: counts, a table, the whole as CSV, and what keeps it from being pushed. "
    "Nothing is sent.",
    executor_def=run_executor,
)
def show_plan_job() -> None:
    """Launched by operators."""
    look_at_plan()


@dg.job(
    name="show_rejects",
    description="Show the rejected rows of a client by reason, with remedy: a table, and all of them as CSV for the supplier.",
    executor_def=run_executor,
)
def show_rejects_job() -> None:
    """Launched by operators."""
    look_at_rejects()


@dg.job(
    name="explain",
    description="Explain a sku (each value back to its cell, or why it is not there) or an order (state, documents, history).",
    executor_def=run_executor,
)
def explain_job() -> None:
    """Launched by operators."""
    tell()


LOOK_JOBS = (show_plan_job, show_rejects_job, explain_job)

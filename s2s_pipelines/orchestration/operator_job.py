"""Jobs that operators launch: pause and resume, approve a plan, let breakers through. Each is one call of the workshop."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.errors import S2SError
from s2s_pipelines.orchestration.configuration import ApproveConfig, LetThroughConfig, PauseConfig, ResumeConfig
from s2s_pipelines.orchestration.metadata import table
from s2s_pipelines.orchestration.page import push_page
from s2s_pipelines.orchestration.worker import run_executor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from s2s_pipelines.cycle.push import PushResult
    from s2s_pipelines.model.pause import Pause

_PAUSES = ("client", "scope", "target", "until", "why", "by", "since")


@contextmanager
def refusing() -> Iterator[None]:
    """Our errors end the run with their text: what is wrong, and the next step. Nothing is tried again by itself."""
    try:
        yield
    except S2SError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def pause_rows(pauses: "Iterable[Pause]") -> list[dict[str, Any]]:
    """Pauses as rows of a table."""
    return [
        {
            "client": p.client, "scope": p.scope, "target": p.target, "until": f"{p.until:%Y-%m-%d %H:%M} UTC", "why": p.why,
            "by": p.by, "since": f"{p.created_at:%Y-%m-%d %H:%M} UTC",
        }
        for p in pauses
    ]  # fmt: skip


@dg.op(description="Stops what is named until the moment that is named. The assets show it; it ends by itself.")
def begin_pause(context: dg.OpExecutionContext, config: PauseConfig, workshop: dg.ResourceParam[Workshop]) -> None:
    """Note the pause; whatever is under way stops at its next step."""
    with refusing():
        made = workshop.pause(
            config.client, config.scope, config.target, until=config.until, why=config.why, by=config.by
        )
        live = workshop.pauses.live()
    context.log.info(made.message)
    context.add_output_metadata({"paused": made.message, "paused_now": table(pause_rows(live), _PAUSES)})


@dg.op(description="Ends pauses before their time. What waited is taken up at once, each order and change once.")
def end_pause(context: dg.OpExecutionContext, config: ResumeConfig, workshop: dg.ResourceParam[Workshop]) -> None:
    """End what is named; the shared sensors find what waited."""
    with refusing():
        ended = workshop.resume(config.client, config.scope, config.target, by=config.by)
        live = workshop.pauses.live()
    for pause in ended:
        context.log.info(f"resumed by {config.by}: {pause.what}")
    told = {"resumed": table(pause_rows(ended), _PAUSES), "still_paused": table(pause_rows(live), _PAUSES)}
    context.add_output_metadata(told)


def _told(context: dg.OpExecutionContext, push: "PushResult", page: dict[str, Any]) -> None:
    """Show a push that a person asked for; one that sent nothing, or not all, ends the run red with the reason."""
    context.add_output_metadata(page)
    if push.is_refused or push.fault is not None:
        why = push.why or (
            push.fault.message if push.fault else "the catalogue or the plan is newer by now: plan again"
        )
        raise dg.Failure(f"the decision is kept, but the push is {push.status}: {why}", allow_retries=False)


@dg.op(description="Approves a channel's newest plan by name, so that its first push may go, and pushes it.")
def approve_and_push(
    context: dg.OpExecutionContext, config: ApproveConfig, workshop: dg.ResourceParam[Workshop]
) -> None:
    """The word binds this very plan; one that says anything else waits again."""
    with refusing():
        said = workshop.approve(
            config.client, config.channel, by=config.by, reason=config.reason, looked_at=config.plan or None
        )
        told = {"approved_plan": said.id, "verdict": said.verdict, "by": config.by, "reason": config.reason}
        context.log.info(f"plan {said.id} approved by {config.by}: {config.reason}")
        if not config.push:
            context.add_output_metadata(told)
            return
        push = workshop.push(config.client, config.channel)
    _told(context, push, {**told, **push_page(push, workshop, config.client, config.channel)})


@dg.op(description="Lets the named breakers through for a channel's newest plan, once, and pushes it.")
def let_through_and_push(
    context: dg.OpExecutionContext, config: LetThroughConfig, workshop: dg.ResourceParam[Workshop]
) -> None:
    """The word counts for this plan only; its reason stays in the history."""
    with refusing():
        said = workshop.let_through(config.client, config.channel, config.breakers, by=config.by, reason=config.reason)
        context.log.info(f"plan {said.id}: {', '.join(config.breakers)} let through by {config.by}: {config.reason}")
        push = workshop.push(config.client, config.channel)
    told = {"let_through": ", ".join(config.breakers), "by": config.by, "reason": config.reason}
    _told(context, push, {**told, **push_page(push, workshop, config.client, config.channel)})


@dg.job(
    name="pause",
    description="Stop some work of a client for a while: everything, one source, one channel, its orders or its pushes. What is "
    "named stands still, however it is launched; it ends by itself, and what waited is done after, once.",
    executor_def=run_executor,
)
def pause_job() -> None:
    """Launched by operators."""
    begin_pause()


@dg.job(
    name="resume",
    description="End a pause before its time. What waited is taken up at once.",
    executor_def=run_executor,
)
def resume_job() -> None:
    """Launched by operators."""
    end_pause()


@dg.job(
    name="approve_plan",
    description="Approve the first plan of a new channel by name and push it. Look at it before: job show_plan. A plan that says "
    "anything else waits again.",
    executor_def=run_executor,
)
def approve_job() -> None:
    """Launched by operators."""
    approve_and_push()


@dg.job(
    name="let_through",
    description="Let a plan that breakers stopped through once, by name and with a reason, and push it.",
    executor_def=run_executor,
)
def let_through_job() -> None:
    """Launched by operators."""
    let_through_and_push()


OPERATOR_JOBS = (pause_job, resume_job, approve_job, let_through_job)

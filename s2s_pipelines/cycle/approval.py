"""Whether a plan may be pushed as far as people are concerned: breakers let through, a new channel's first plan approved.

A channel is new as long as nothing was ever sent to it. Where its declaration says ``first_push: approve``, its plans wait
until a person approves one by name. The word binds the digest of that plan: a plan that says anything else waits again.
"""

from s2s_pipelines.cycle.port import Approval, LetThrough, PlanStore, StoredPlan, Verdict
from s2s_pipelines.errors import ConfigurationError, RejectedError
from s2s_pipelines.ports import Clock

_BY_LENGTH = 120
_REASON_LENGTH = 500


def verdict_of(
    tripped: tuple[str, ...], word: LetThrough | None, *, needs_approval: bool, approval: Approval | None
) -> Verdict:
    """What a push has to obey.

    Args:
        tripped: the breakers that stop the plan.
        word: which of them a person let through.
        needs_approval: it would be the first push of its channel, and it sends something.
        approval: a person's approval of this very plan.

    >>> verdict_of((), None, needs_approval=True, approval=None)
    'awaiting'
    >>> verdict_of(("vanish",), None, needs_approval=True, approval=None)
    'stopped'
    """
    if set(tripped) - set(word.breakers if word else ()):
        return "stopped"
    if needs_approval and approval is None:
        return "awaiting"
    return "let_through" if word is not None else "clear"


def named(by: str, reason: str, places: dict[str, str]) -> tuple[str, str]:
    """A person and a reason, both given, in the length that is kept.

    Raises:
        ConfigurationError: one of them is missing.
    """
    if not by.strip() or not reason.strip():
        raise ConfigurationError(
            "a plan is approved or let through by a person and for a reason",
            next_step="name both: by, reason",
            **places,
        )
    return by.strip()[:_BY_LENGTH], reason.strip()[:_REASON_LENGTH]


def approve(
    stored: StoredPlan,
    plans: PlanStore,
    *,
    by: str,
    reason: str,
    clock: Clock,
    is_first: bool,
    looked_at: int | None = None,
) -> StoredPlan:
    """Approve a channel's newest plan, this one only. One that waits for nobody's approval is returned as it is.

    Args:
        stored: the newest plan.
        plans: where it is kept.
        by: who approves it.
        reason: why.
        clock: the time.
        is_first: it would be the first push of a channel that waits for approval.
        looked_at: the number of the plan that this person looked at; None: whatever is the newest.

    Raises:
        ConfigurationError: nobody or no reason is named.
        RejectedError: another plan was looked at than the one that is the newest now.
    """
    places = {"client": stored.client, "connection": stored.channel, "operation": "approve a plan"}
    by, reason = named(by, reason, places)
    if looked_at is not None and looked_at != stored.id:
        raise RejectedError(
            f"plan {looked_at} is not the newest any more, plan {stored.id} is",
            reason="another_plan",
            next_step=f"look at plan {stored.id} and approve that",
            **places,
        )
    if not is_first or stored.is_at_rest or stored.approval is not None:
        return stored
    return plans.approve(stored, Approval(by, reason, clock.now(), stored.digest))


def why_awaiting(stored: StoredPlan, approved: StoredPlan | None) -> str:
    """What a plan that awaits approval waits for, and how to give it.

    Args:
        stored: that plan.
        approved: the newest plan of its channel that a person approved, if any.
    """
    how = f"look at it (s2s plan {stored.client} {stored.channel}) and approve it by name: job approve_plan, or s2s approve"
    if approved is None or approved.approval is None:
        return f"plan {stored.id} is the first push of {stored.channel}, and nobody approved it yet; {how}"
    word = approved.approval
    return (
        f"plan {stored.id} differs from plan {approved.id}, which {word.by} approved on {word.at:%Y-%m-%d %H:%M} UTC, and"
        f" nothing of that was pushed; {how}"
    )

"""What is wrong with a client's channels now: plans, pushes, items and orders. Pure; the clock is handed in."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from s2s_pipelines.cycle.cause import Cause, shortened
from s2s_pipelines.cycle.fleet_fact import NewestPlan
from s2s_pipelines.cycle.look import PATIENCE, WAIT, Look, counted, spell
from s2s_pipelines.cycle.place import asset_page

if TYPE_CHECKING:
    from s2s_pipelines.config.declaration import ChannelDeclaration

_CYCLES = 3
_LONGEST_PUSH = timedelta(hours=1)


def channel_causes(look: Look, channel: str, declared: "ChannelDeclaration") -> Iterator[Cause]:
    """What is wrong with one channel, its orders last."""
    yield from _plan_causes(look, channel, declared)
    yield from _item_causes(look, channel)
    if declared.orders is not None:
        yield from _poll_causes(look, channel, declared)
    yield from _order_causes(look, channel)


def _plan_causes(look: Look, channel: str, declared: "ChannelDeclaration") -> Iterator[Cause]:
    plan = look.facts.plans.get((look.name, channel))
    if plan is None:
        return
    planned, pushed = asset_page(look.name, "plan", channel), asset_page(look.name, "push", channel)
    if plan.verdict == "stopped":
        tripped = [verdict["message"] for verdict in plan.breakers.values() if verdict["is_tripped"]]
        yield look.cause(
            "breaker",
            (channel,),
            f"a breaker stopped the plan of {channel}",
            f"Plan {plan.id}: {shortened('; '.join(tripped), 400)}. Nothing is sent.",
            "look at the plan; if it is right, let it through by name and with a reason, else mend the source",
            planned,
            plan.created_at,
        )
    if plan.verdict == "awaiting":
        yield look.cause(
            "awaiting_approval",
            (channel,),
            f"the first plan of {channel} waits to be approved",
            f"Plan {plan.id} of {plan.created_at:%Y-%m-%d %H:%M} UTC. Nothing is sent until then.",
            f"look at it (`s2s plan {look.name} {channel}`) and approve it by name",
            planned,
            plan.created_at,
        )
    yield from _push_causes(look, channel, declared, plan, pushed)


def _push_causes(
    look: Look, channel: str, declared: "ChannelDeclaration", plan: NewestPlan, page: str
) -> Iterator[Cause]:
    is_ready = plan.verdict not in ("stopped", "awaiting") and plan.pushed_at is None and not plan.is_at_rest
    if not is_ready or look.is_excused("push", channel=channel):
        return
    fault = (plan.outcome or {}).get("fault")
    if fault:
        yield look.cause(
            "stopped_push",
            (channel,),
            f"pushing to {channel} was broken off",
            f"Plan {plan.id}: {shortened(str(fault), 400)}",
            WAIT.format(client=look.name) + ", from the then newest plan",
            page,
            plan.created_at,
        )
    elif look.now - plan.created_at > max(_CYCLES * declared.push_every, _LONGEST_PUSH):
        yield look.cause(
            "unpushed_plan",
            (channel,),
            f"a plan of {channel} waits to be pushed",
            f"Plan {plan.id} is of {plan.created_at:%Y-%m-%d %H:%M} UTC, and nothing stops it.",
            "look whether runs of this client go through, and materialise the push",
            page,
            plan.created_at,
        )


def _item_causes(look: Look, channel: str) -> Iterator[Cause]:
    failing = look.facts.items.get((look.name, channel), ())
    lasting = sum(item.lasting for item in failing)
    if not lasting:
        return
    told = [item for item in failing if item.lasting]
    reasons = ", ".join(f"{item.lasting} {item.reason}" for item in told[:5])
    yield look.cause(
        "failed_items",
        (channel,),
        f"{channel} does not take {counted(lasting, 'item')}",
        f"By reason: {reasons}. One of them: {shortened(told[0].sample, 300)}",
        told[0].remedy or "look at the items on the push's page; they are tried again from the then current state",
        asset_page(look.name, "push", channel),
    )


def _poll_causes(look: Look, channel: str, declared: "ChannelDeclaration") -> Iterator[Cause]:
    poll, orders = look.facts.polls.get((look.name, channel)), declared.orders
    if poll is None or orders is None or look.is_excused("orders", channel=channel):
        return
    page = asset_page(look.name, "orders")
    if poll.failures >= PATIENCE:
        yield look.cause(
            "unpolled_channel",
            (channel,),
            f"{channel} cannot be asked for orders",
            shortened(poll.error or "It does not answer."),
            WAIT.format(client=look.name) + ", and no order is lost by waiting",
            page,
            poll.succeeded_at,
        )
        return
    begun = datetime.combine(orders.from_on, datetime.min.time(), tzinfo=look.now.tzinfo)
    newest = max(poll.newest_order_at or begun, begun)
    if orders.quiet_after is not None and look.now - newest > orders.quiet_after:
        yield look.cause(
            "silent_channel",
            (channel,),
            f"{channel} has had no order for {spell(look.now - newest)}",
            f"The newest order is of {poll.newest_order_at:%Y-%m-%d %H:%M} UTC; declared is at most {spell(orders.quiet_after)}."
            if poll.newest_order_at is not None
            else f"No order was ever seen; declared is at most {spell(orders.quiet_after)} without one.",
            "place a trial order, and look whether the shop takes orders at all",
            page,
            newest,
        )


def _order_causes(look: Look, channel: str) -> Iterator[Cause]:
    page = asset_page(look.name, "orders")
    for held in look.facts.held.get((look.name, channel), ()):
        yield look.cause(
            "held_orders",
            (channel, held.reason),
            f"{counted(held.count, 'order')} of {channel} held: {held.reason}",
            f"{shortened(held.sample, 400)} (held since {held.since:%Y-%m-%d %H:%M} UTC)",
            held.remedy or f"`s2s orders {look.name}` lists them with reason and remedy",
            page,
            held.since,
        )
    odd = look.facts.odd.get((look.name, channel))
    if odd is not None:
        yield look.cause(
            "odd_orders",
            (channel,),
            f"{counted(odd.count, 'order')} of {channel} not understood",
            "The raw bodies are kept; nothing is raised of them.",
            "look at them in the shop, and report what is unusual about them",
            page,
            odd.since,
        )
    waiting = look.facts.waiting.get((look.name, channel))
    if waiting is not None and not _are_orders_excused(look, channel):
        yield look.cause(
            "waiting_orders",
            (channel,),
            f"{counted(waiting.count, 'order')} of {channel} not getting on",
            f"Nothing moved on them since {waiting.since:%Y-%m-%d %H:%M} UTC.",
            f"look whether runs of the job orders go through and the ERP answers (`s2s check {look.name} --connect`)",
            page,
            waiting.since,
        )


def _are_orders_excused(look: Look, channel: str) -> bool:
    sources = [source.source for source in look.plan.sources if source.role == "primary"]
    return any(look.is_excused("orders", source=source, channel=channel) for source in sources)

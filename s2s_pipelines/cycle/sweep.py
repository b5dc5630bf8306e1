"""One client's orders, from poll to told: the one function that Dagster calls.

It may be killed at any point and run again, and several may run at once: what was done is in the ledger and in the sources,
never in the sweep.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from s2s_pipelines.cycle.order_desk import OrderDesk, SweepResult, Tally
from s2s_pipelines.cycle.order_intake import OrderKey, fetch_named, poll_channels, reread_days, take_in
from s2s_pipelines.cycle.order_raise import decide_documents, raise_documents, tell_channels
from s2s_pipelines.model.record import OrderRecord, OrderState, Scope
from s2s_pipelines.orders.intake import start_of


def sweep_client(
    desk: OrderDesk,
    *,
    only_orders: Sequence[str] | None = None,
    days: tuple[date, date] | None = None,
    poll: bool = True,
) -> SweepResult:
    """Take in what the channels have, and bring every order with work due a step further or all the way.

    Args:
        desk: the client's ports and policies.
        only_orders: channel order codes (or ``channel:code``): these are fetched, judged again, let go if a person's decision
            is what they wait for, and worked on at once; no other order is.
        days: first and last day (both included, client's time zone) to read again from the channels; only orders placed on them
            are worked on. Never crosses ``orders.from``.
        poll: whether to ask the channels for what changed since the last time.

    Returns:
        What was done, what is held and why, what failed, and what is paused. One bad order, channel or connection stops no
        other.

    Raises:
        TransientError: our own database cannot be reached; nothing is lost by calling again.
    """
    tally = Tally()
    pause = desk.pause_of("orders")
    if pause is not None:
        tally.note_pause(pause)
        return tally.result()
    _note_paused_sources(desk, tally)
    forced: frozenset[OrderKey] = frozenset()
    scope = Scope()
    if poll:
        poll_channels(desk, tally)
    if days is not None:
        forced |= reread_days(desk, days, tally)
        scope = _placed_on(desk, days)
    if only_orders is not None:
        named = fetch_named(desk, only_orders, tally)
        forced |= named
        scope = Scope(named, scope.ordered_from, scope.ordered_before)
    take_in(desk, tally, forced=forced, scope=Scope(scope.orders))
    if only_orders is not None:
        _release_named(desk, scope)
    _work(desk, scope, tally)
    return tally.result()


def _note_paused_sources(desk: OrderDesk, tally: Tally) -> None:
    """Orders that wait for a paused source are not met again before its end; the sweep tells of it all the same."""
    for key, source in desk.sources.items():
        pause = desk.pause_of("orders", source=key) if source.sink is not None else None
        if pause is not None:
            tally.note_pause(pause)


def _placed_on(desk: OrderDesk, days: tuple[date, date]) -> Scope:
    first, last = days
    return Scope(ordered_from=start_of(first, desk.zone), ordered_before=start_of(last + timedelta(days=1), desk.zone))


def _release_named(desk: OrderDesk, scope: Scope) -> None:
    """Naming a held order is a person's word to try again."""
    for channel, code in sorted(scope.orders or ()):
        for record in desk.ledger.find_orders(desk.client, code):
            if (record.channel, record.channel_order_code) == (channel, code) and record.state is OrderState.HELD:
                desk.ledger.release(record.id, desk.holder)


def _work(desk: OrderDesk, scope: Scope, tally: Tally) -> None:
    if scope.orders is not None and not scope.orders:
        return
    claimed = desk.ledger.claim_due(desk.client, limit=desk.batch, claim_s=desk.claim_s, scope=scope)
    tally.worked = len(claimed)
    decided = decide_documents(desk, claimed, tally)
    raise_documents(desk, decided, tally)
    worked_on = [_as_it_is_now(desk, record) for record in decided]
    for record in worked_on:
        tally.note_state(record)
    tell_channels(desk, worked_on, tally)


def _as_it_is_now(desk: OrderDesk, record: OrderRecord) -> OrderRecord:
    return desk.ledger.read_order(record.id) if record.state is OrderState.RAISING else record

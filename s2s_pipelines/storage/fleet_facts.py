"""What our database knows about all clients, in a dozen statements however many clients there are.

Nothing here reads what grows with the catalogue or with the past: current snapshots, failing items, held and moving orders are
found by partial indexes, the newest plan and order of a channel by the end of an index.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from s2s_pipelines.cycle.fleet_fact import (
    ChannelKey,
    CycleClaim,
    FailingItems,
    FleetFacts,
    HeldOrders,
    NewestPlan,
    Polling,
    Standing,
    WaitingOrders,
)
from s2s_pipelines.cycle.port import CATALOGUE, FeedState
from s2s_pipelines.model.pause import Pause
from s2s_pipelines.model.record import OrderState
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.schema import (
    channel_item,
    cycle_claim,
    feed_state,
    inbox,
    pause,
    plan,
    poll_state,
    sales_order,
    snapshot,
)
from s2s_pipelines.storage.transaction import reading

MOVING = timedelta(minutes=15)
"""An order or body on which nothing has moved for that long is not getting on."""

CATCHING_UP = timedelta(minutes=15)
"""For that long after a pause, what it stopped is being caught up with."""

_OPEN = (OrderState.DUE, OrderState.RAISING, OrderState.RAISED)


class FleetFactsReader:
    """Reads the facts from our database."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def read(self, channels: Collection[ChannelKey]) -> FleetFacts:
        """The facts about all clients, and the newest plans of the channels given.

        Raises:
            TransientError: our database could not be reached.
        """
        now = self._clock.now()
        with reading(self._engine, "look at all clients") as connection:
            live, ended = _pauses(connection, now)
            return FleetFacts(
                at=now,
                standing=_standing(connection),
                feeds=_feeds(connection),
                plans=_plans(connection, channels),
                items=_items(connection),
                held=_held(connection),
                waiting=_waiting(connection, now - MOVING),
                odd=_odd(connection),
                polls=_polls(connection),
                claims=_claims(connection),
                pauses=live,
                ended_pauses=ended,
            )


def _standing(connection: sa.Connection) -> dict[str, dict[str, Standing]]:
    t = snapshot.c
    conflicts = sa.case((t.name == CATALOGUE, t.details["conflicts"].as_integer()), else_=0)
    moments = (t.read_at, t.source_modified_at, t.content_since, t.created_at)
    query = sa.select(t.client, t.name, t.rows_in, t.rows_out, t.rejected, *moments, conflicts).where(t.is_current)
    found: dict[str, dict[str, Standing]] = defaultdict(dict)
    for client, name, rows_in, rows_out, rejected, read_at, stamp, since, made, twice in connection.execute(query):
        found[client][name] = Standing(rows_in, rows_out, rejected, read_at, stamp, since or read_at, made, twice or 0)
    return dict(found)


def _feeds(connection: sa.Connection) -> dict[str, dict[tuple[str, str], FeedState]]:
    found: dict[str, dict[tuple[str, str], FeedState]] = defaultdict(dict)
    for client, *state in connection.execute(sa.select(*feed_state.c)):
        made = FeedState(*state)
        found[client][made.source, made.feed] = made
    return dict(found)


def _plans(connection: sa.Connection, channels: Collection[ChannelKey]) -> dict[ChannelKey, NewestPlan]:
    t, older = plan.c, plan.alias("older")
    # One parameter however many channels there are, and one statement to compile.
    each = sa.func.json_each if connection.dialect.name == "sqlite" else sa.func.json_array_elements
    given = sa.bindparam("channels", [list(key) for key in sorted(channels)], type_=sa.JSON)
    asked = each(given).table_valued(sa.column("value", sa.JSON), name="asked")
    newest = sa.select(sa.func.max(older.c.id)).where(
        older.c.client == asked.c.value[0].as_string(), older.c.channel == asked.c.value[1].as_string()
    )
    ids = sa.select(newest.correlate(asked).scalar_subquery().label("id")).select_from(asked).subquery()
    columns = (t.client, t.channel, t.id, t.verdict, t.counts, t.breakers, t.created_at, t.pushed_at, t.outcome)
    query = sa.select(*columns).join_from(ids, plan, t.id == ids.c.id)
    return {(client, channel): NewestPlan(*values) for client, channel, *values in connection.execute(query)}


def _items(connection: sa.Connection) -> dict[ChannelKey, tuple[FailingItems, ...]]:
    t = channel_item.c
    is_lasting = sa.or_(t.failures > 1, t.is_retriable.is_(sa.false()))
    reason = sa.func.coalesce(t.reason, "unknown")
    query = (
        sa.select(
            t.client,
            t.channel,
            reason,
            sa.func.count(),
            sa.func.sum(sa.case((is_lasting, 1), else_=0)),
            sa.func.coalesce(sa.func.min(t.message), ""),
            sa.func.coalesce(sa.func.min(t.remedy), ""),
        )
        .where(t.failures > 0)
        .group_by(t.client, t.channel, reason)
    )
    found: dict[ChannelKey, list[FailingItems]] = defaultdict(list)
    for client, channel, *values in connection.execute(query):
        found[client, channel].append(FailingItems(*values))
    return {key: tuple(sorted(each, key=lambda item: -item.count)) for key, each in found.items()}


def _held(connection: sa.Connection) -> dict[ChannelKey, tuple[HeldOrders, ...]]:
    t = sales_order.c
    reason = sa.func.coalesce(t.reason, "unknown")
    query = (
        sa.select(
            t.client,
            t.channel,
            reason,
            sa.func.count(),
            sa.func.min(t.changed_at),
            sa.func.coalesce(sa.func.min(t.message), ""),
            sa.func.coalesce(sa.func.min(t.remedy), ""),
        )
        # Written out, or the index on held orders would not be recognised.
        .where(t.state == sa.literal_column("'held'"))
        .group_by(t.client, t.channel, reason)
    )
    found: dict[ChannelKey, list[HeldOrders]] = defaultdict(list)
    for client, channel, *values in connection.execute(query):
        found[client, channel].append(HeldOrders(*values))
    return {key: tuple(sorted(each, key=lambda held: held.reason)) for key, each in found.items()}


def _waiting(connection: sa.Connection, before: datetime) -> dict[ChannelKey, WaitingOrders]:
    """Open orders and untaken bodies on which nothing has moved since a moment."""
    t, body = sales_order.c, inbox.c
    orders = sa.select(t.client, t.channel, t.changed_at.label("since")).where(
        t.due_at.is_not(None), t.state.in_(_OPEN), t.changed_at < before
    )
    bodies = sa.select(body.client, body.channel, body.received_at.label("since")).where(
        body.taken_at.is_(None), body.received_at < before
    )
    found: dict[ChannelKey, WaitingOrders] = {}
    for which in (orders, bodies):
        few = _found_first(which)
        query = sa.select(few.c.client, few.c.channel, sa.func.count(), sa.func.min(few.c.since))
        for client, channel, count, since in connection.execute(query.group_by(few.c.client, few.c.channel)):
            known = found.get((client, channel), WaitingOrders(0, since))
            found[client, channel] = WaitingOrders(known.count + count, min(known.since, since))
    return found


def _odd(connection: sa.Connection) -> dict[ChannelKey, WaitingOrders]:
    """Bodies that nobody understood, of orders of which no other body was understood either."""
    t, body = sales_order.c, inbox.c
    odd = _found_first(
        sa.select(body.client, body.channel, body.channel_order_code, body.received_at).where(body.problem.is_not(None))
    )
    known = sa.exists().where(
        t.client == odd.c.client, t.channel == odd.c.channel, t.channel_order_code == odd.c.channel_order_code
    )
    codes = sa.func.count(sa.distinct(odd.c.channel_order_code))
    query = sa.select(odd.c.client, odd.c.channel, codes, sa.func.min(odd.c.received_at)).where(~known)
    rows = connection.execute(query.group_by(odd.c.client, odd.c.channel))
    return {(client, channel): WaitingOrders(*values) for client, channel, *values in rows}


def _found_first(query: sa.Select[Any]) -> sa.CTE:
    """The few rows that a partial index finds, before they are grouped: else SQLite walks a whole index in the groups' order."""
    return query.cte("few").prefix_with("MATERIALIZED")


def _polls(connection: sa.Connection) -> dict[ChannelKey, Polling]:
    t, order = poll_state.c, sales_order.c
    newest = (
        sa.select(sa.func.max(order.ordered_at))
        .where(order.client == t.client, order.channel == t.channel)
        .correlate(poll_state)
        .scalar_subquery()
    )
    query = sa.select(
        t.client, t.channel, t.attempted_at, t.succeeded_at, t.failures, t.error, t.retry_at, newest
    ).select_from(poll_state)
    return {(client, channel): Polling(*values) for client, channel, *values in connection.execute(query)}


def _claims(connection: sa.Connection) -> dict[str, CycleClaim]:
    t = cycle_claim.c
    query = sa.select(t.client, t.claimed_at, t.begun_at, t.done_at, t.seconds)
    return {client: CycleClaim(*values) for client, *values in connection.execute(query)}


def _pauses(connection: sa.Connection, now: datetime) -> tuple[tuple[Pause, ...], tuple[Pause, ...]]:
    t = pause.c
    ended = sa.case((t.ended_at < t.until, t.ended_at), else_=t.until).label("ended")
    columns = (t.id, t.client, t.scope, t.target, t.until, t.why, t.by, t.created_at)
    query = sa.select(*columns, ended).where(t.until > now - CATCHING_UP).order_by(t.until, t.id)
    live: list[Pause] = []
    lately: list[Pause] = []
    for *values, end in connection.execute(query):
        if end > now:
            live.append(Pause(*values))
        elif end > now - CATCHING_UP:
            lately.append(replace(Pause(*values), until=end + CATCHING_UP))
    return tuple(live), tuple(lately)

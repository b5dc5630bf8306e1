"""What people, sensors and the catalogue read from the ledger. Nothing here writes."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from s2s_pipelines.model.record import DocumentState, OrderEvent, OrderRecord, OrderState
from s2s_pipelines.orders.intake import BEFORE_FROM
from s2s_pipelines.ports import Clock, OpenQuantity
from s2s_pipelines.storage.ledger_row import load_orders
from s2s_pipelines.storage.schema import inbox, order_document, order_event, order_line, poll_state, sales_order
from s2s_pipelines.storage.transaction import reading

_OPEN = (OrderState.DUE, OrderState.RAISING, OrderState.RAISED)
_TAKING = (OrderState.DUE, OrderState.HELD, OrderState.RAISING, OrderState.RAISED, OrderState.COMPLETE)


@dataclass(frozen=True, slots=True)
class PollState:
    """When a channel was last asked for orders, and how that went. Times are aware."""

    channel: str
    attempted_at: datetime | None
    succeeded_at: datetime | None
    failures: int
    error: str | None
    retry_at: datetime | None


class ReportLedger:
    """The part of the ledger that only reads."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def due_orders(self, client: str, limit: int) -> list[OrderRecord]:
        """Orders with work due now, longest due first; nothing is claimed."""
        table = sales_order
        where = [table.c.client == client, table.c.state.in_(_OPEN), table.c.due_at <= self._clock.now()]
        with reading(self._engine, "read due orders") as connection:
            return load_orders(connection, where, order_by=table.c.due_at, limit=limit)

    def work(self, client: str) -> tuple[int, int]:
        """How many orders are due now, and how many bodies wait in the inbox."""
        due = sa.select(sa.func.count()).where(
            sales_order.c.client == client,
            sales_order.c.state.in_(_OPEN),
            sales_order.c.due_at <= self._clock.now(),
        )
        waiting = sa.select(sa.func.count()).where(inbox.c.client == client, inbox.c.taken_at.is_(None))
        with reading(self._engine, "count work") as connection:
            return connection.execute(due).scalar_one(), connection.execute(waiting).scalar_one()

    def clients_with_work(self) -> set[str]:
        """Every client with an order due now or a body waiting in the inbox; one question for the whole fleet."""
        due = sa.select(sales_order.c.client).where(
            sales_order.c.state.in_(_OPEN), sales_order.c.due_at <= self._clock.now()
        )
        waiting = sa.select(inbox.c.client).where(inbox.c.taken_at.is_(None))
        with reading(self._engine, "find clients with work") as connection:
            return set(connection.execute(due.union(waiting)).scalars())

    def counts(self, client: str) -> dict[str, int]:
        """Orders by state, every state named; besides ``not_understood``, the bodies that nobody could translate."""
        by_state = (
            sa.select(sales_order.c.state, sa.func.count())
            .where(sales_order.c.client == client)
            .group_by(sales_order.c.state)
        )
        odd = sa.select(sa.func.count()).where(inbox.c.client == client, inbox.c.problem.is_not(None))
        with reading(self._engine, "count orders") as connection:
            found = {row[0]: row[1] for row in connection.execute(by_state)}
            counted = {state.value: found.get(state.value, 0) for state in OrderState}
            return {**counted, "not_understood": connection.execute(odd).scalar_one()}

    def by_day(self, client: str, channel: str, since: datetime) -> dict[date, tuple[int, int]]:
        """Orders of a channel by the day (UTC) they were placed: how many, and how many of them are held now."""
        table = sales_order
        day = sa.func.substr(sa.type_coerce(table.c.ordered_at, sa.String), 1, 10)
        held = sa.func.sum(sa.case((table.c.state == OrderState.HELD, 1), else_=0))
        mine = (table.c.client == client, table.c.channel == channel, table.c.ordered_at >= since)
        with reading(self._engine, "count orders by day") as connection:
            rows = connection.execute(sa.select(day, sa.func.count(), held).where(*mine).group_by(day)).all()
        return {date.fromisoformat(text): (count, waiting) for text, count, waiting in rows}

    def held(self, client: str, limit: int = 200) -> list[OrderRecord]:
        """Orders that wait for a person, the oldest first, with reason, message and remedy."""
        table = sales_order
        where = [table.c.client == client, table.c.state == OrderState.HELD]
        with reading(self._engine, "read held orders") as connection:
            return load_orders(connection, where, order_by=table.c.ordered_at, limit=limit)

    def find_orders(self, client: str, code: str) -> list[OrderRecord]:
        """See ``ports.Ledger``."""
        table = sales_order
        named = sa.or_(table.c.channel_order_code == code, table.c.number == code)
        with reading(self._engine, "find orders") as connection:
            return load_orders(connection, [table.c.client == client, named])

    def history(self, order_id: int) -> list[OrderEvent]:
        """Everything that ever happened to an order, oldest first."""
        query = sa.select(order_event).where(order_event.c.order_id == order_id).order_by(order_event.c.id)
        with reading(self._engine, "read a history") as connection:
            rows = connection.execute(query).all()
        return [OrderEvent(r.at, r.event, r.from_state, r.to_state, r.source, r.details) for r in rows]

    def poll_states(self) -> dict[tuple[str, str], PollState]:
        """By client and channel, when it was last asked for orders; channels never asked are absent."""
        with reading(self._engine, "read poll states") as connection:
            rows = connection.execute(sa.select(poll_state)).all()
        return {
            (r.client, r.channel): PollState(r.channel, r.attempted_at, r.succeeded_at, r.failures, r.error, r.retry_at)
            for r in rows
        }

    def has_moved(self, client: str, since: datetime) -> bool:
        """Whether any order of the client came in or changed since that moment."""
        query = sa.select(sales_order.c.id).where(sales_order.c.client == client, sales_order.c.changed_at >= since)
        with reading(self._engine, "look whether orders moved") as connection:
            return connection.execute(query.limit(1)).first() is not None

    def open_quantities(self, client: str, *, raised_after: datetime | None = None) -> list[OpenQuantity]:
        """Units taken by orders, one entry per order line, oldest order first.

        Counted are orders that are due, held or under way, those whose documents stand, and stored ones that the channel counts
        as taken. Not counted are cancelled and closed ones, and those placed before ``orders.from``.

        Args:
            client: the client's key.
            raised_after: leave out lines whose document was recorded at or before that moment: the caller knows that
                every owner of quantities shows those by now. Without it the whole past is read.
        """
        raised_at = sa.case(
            (order_document.c.state == DocumentState.RAISED, order_document.c.raised_at),
            (sales_order.c.state == OrderState.COMPLETE, sales_order.c.changed_at),  # needs no document here
        )
        of_source = sa.and_(
            order_document.c.order_id == order_line.c.order_id, order_document.c.source == order_line.c.source
        )
        reserving = sa.and_(
            sales_order.c.state == OrderState.STORED,
            sales_order.c.is_reserving,
            sa.func.coalesce(sales_order.c.reason, "") != BEFORE_FROM,
        )
        query = (
            sa.select(
                order_line.c.sku,
                order_line.c.qty,
                order_line.c.source,
                sales_order.c.ordered_at,
                raised_at.label("raised_at"),
            )
            .select_from(order_line.join(sales_order).outerjoin(order_document, of_source))
            .where(order_line.c.client == client, sa.or_(sales_order.c.state.in_(_TAKING), reserving))
            .order_by(sales_order.c.ordered_at, order_line.c.id)
        )
        if raised_after is not None:
            query = query.where(sa.or_(raised_at.is_(None), raised_at > raised_after))
        with reading(self._engine, "read open quantities") as connection:
            rows = connection.execute(query).all()
        return [OpenQuantity(r.sku, r.qty, r.source, r.ordered_at, r.raised_at) for r in rows]

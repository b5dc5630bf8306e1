"""The inbox: raw bodies first, understanding later; and the rows that incoming orders make or change."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError as RefusedByDatabase
from sqlalchemy.exc import IntegrityError

from s2s_pipelines.errors import DataError
from s2s_pipelines.model.order import ChannelOrder
from s2s_pipelines.model.record import DocumentState, InboxItem, OrderRecord, OrderState, Scope, Verdict
from s2s_pipelines.orders.intake import Absorption, absorb
from s2s_pipelines.orders.state import order_after
from s2s_pipelines.ports import Clock, OrderPage, RawOrder
from s2s_pipelines.storage.ledger_row import (
    CODE_LENGTH,
    hold_values,
    inbox_item,
    load_orders,
    only_order,
    order_json,
)
from s2s_pipelines.storage.ledger_write import drop_documents, write_event
from s2s_pipelines.storage.schema import inbox, order_line, poll_state, sales_order
from s2s_pipelines.storage.transaction import reading, writing

ERROR_LENGTH = 2000


def insert_ignoring(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> bool:
    """Insert a row unless one of its unique keys exists; says whether it did."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return connection.execute(dialect.insert(table).values(**values).on_conflict_do_nothing()).rowcount == 1


class InboxLedger:
    """The part of the ledger that takes orders in."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def store_page(self, client: str, channel: str, page: OrderPage) -> int:
        """See ``ports.Ledger``."""
        now = self._clock.now()
        values = {"attempted_at": now, "succeeded_at": now, "failures": 0, "error": None, "retry_at": None}
        if page.next_cursor is not None:
            values["cursor"] = page.next_cursor
        with writing(self._engine, "store a page of orders") as connection:
            stored = self._store(connection, client, channel, page.orders, is_forced=False)
            _poll(connection, client, channel, values)
        return stored

    def store_raw(self, client: str, channel: str, orders: Sequence[RawOrder], *, is_forced: bool = False) -> int:
        """See ``ports.Ledger``."""
        stored = 0
        for start in range(0, len(orders), 100):
            with writing(self._engine, "store raw orders") as connection:
                stored += self._store(connection, client, channel, orders[start : start + 100], is_forced=is_forced)
        return stored

    def cursor(self, client: str, channel: str) -> str | None:
        """See ``ports.Ledger``."""
        mine = (poll_state.c.client == client, poll_state.c.channel == channel)
        with reading(self._engine, "read a poll cursor") as connection:
            cursor: str | None = connection.execute(sa.select(poll_state.c.cursor).where(*mine)).scalar()
        return cursor

    def poll_failed(self, client: str, channel: str, error: str, retry_at: datetime) -> None:
        """See ``ports.Ledger``."""
        values = {
            "attempted_at": self._clock.now(),
            "failures": poll_state.c.failures + 1,
            "error": error[:ERROR_LENGTH],
            "retry_at": retry_at,
        }
        with writing(self._engine, "record a failed poll") as connection:
            _poll(connection, client, channel, values)

    def untaken(self, client: str, *, limit: int, scope: Scope) -> list[InboxItem]:
        """See ``ports.Ledger``."""
        query = sa.select(inbox).where(inbox.c.client == client, inbox.c.taken_at.is_(None))
        if scope.orders is not None:
            query = query.where(sa.tuple_(inbox.c.channel, inbox.c.channel_order_code).in_(sorted(scope.orders)))
        with reading(self._engine, "read the inbox") as connection:
            rows = connection.execute(query.order_by(inbox.c.id).limit(limit)).all()
        return [inbox_item(row) for row in rows]

    def not_understood(self, item: InboxItem, problem: str) -> None:
        """See ``ports.Ledger``."""
        with writing(self._engine, "set a body aside") as connection:
            self._taken(connection, item, problem[:ERROR_LENGTH])

    def take_in(
        self, item: InboxItem, order: ChannelOrder, verdict: Verdict, *, is_forced: bool = False
    ) -> OrderRecord:
        """See ``ports.Ledger``.

        Raises:
            DataError: a code is longer than any table holds, or holds a character that no table takes.
        """
        if order.channel_order_code != item.channel_order_code:
            raise DataError("the body tells of another order than its envelope", operation="take in an order")
        _check_fits(order)
        try:
            return self._take_in(item, order, verdict, is_forced)
        except IntegrityError:
            return self._take_in(
                item, order, verdict, is_forced
            )  # another sweep made the row; now it is there to change
        except RefusedByDatabase as error:
            raise DataError("the order holds text that cannot be stored", operation="take in an order") from error

    def _take_in(self, item: InboxItem, order: ChannelOrder, verdict: Verdict, is_forced: bool) -> OrderRecord:
        where = [
            sales_order.c.client == item.client,
            sales_order.c.channel == item.channel,
            sales_order.c.channel_order_code == item.channel_order_code,
        ]
        with writing(self._engine, "take in an order") as connection:
            known = next(iter(load_orders(connection, where, lock=True)), None)
            known_hash = "" if known is None else connection.scalar(sa.select(sales_order.c.content_hash).where(*where))
            change = absorb(known, order, verdict, known_hash=known_hash or "", is_forced=is_forced)
            order_id = self._apply(connection, item, order, known, change)
            self._taken(connection, item, None)
            return only_order(connection, order_id)

    def _apply(
        self,
        connection: sa.Connection,
        item: InboxItem,
        order: ChannelOrder,
        known: OrderRecord | None,
        change: Absorption,
    ) -> int:
        if known is not None and change.action in ("ignore", "touch"):
            if change.action == "touch":
                _update(connection, known.id, {"modified_at": order.modified_at})
            else:
                _update(connection, known.id, {"content_at": self._clock.now()})
                write_event(connection, known.id, self._clock.now(), change.event, known.state, known.state)
            return known.id
        values = {**self._content(item, order), **hold_values(change.hold)}
        if change.state is not None:
            is_due = change.state is OrderState.DUE
            state = order_after(known.state if known else None, change.event)
            values |= {"state": state.value, "attempts": 0, "due_at": self._clock.now() if is_due else None}
        order_id = self._write(connection, item, known, values)
        if change.action == "place":
            for document in known.documents if known else ():
                if document.state is not DocumentState.VOID:
                    drop_documents(connection, [document], self._clock.now())
            _write_lines(connection, order_id, item.client, order)
        details = {"status": order.status, "reason": change.hold.reason if change.hold else None}
        before = known.state if known else None
        write_event(
            connection, order_id, self._clock.now(), change.event, before, change.state or before, details=details
        )
        return order_id

    def _content(self, item: InboxItem, order: ChannelOrder) -> dict[str, Any]:
        return {
            "number": order.number,
            "status": order.status,
            "order": order_json(order),
            "content_hash": order.content_hash(),
            "currency": order.currency,
            "total": order.total,
            "is_reserving": order.is_reserving and not order.is_cancelled,
            "inbox_id": item.id,
            "ordered_at": order.ordered_at,
            "modified_at": order.modified_at,
            "content_at": self._clock.now(),
            "changed_at": self._clock.now(),
        }

    def _write(
        self, connection: sa.Connection, item: InboxItem, known: OrderRecord | None, values: dict[str, Any]
    ) -> int:
        if known is not None:
            _update(connection, known.id, {**values, "version": known.version + 1})
            return known.id
        whole = {
            **values,
            "client": item.client,
            "channel": item.channel,
            "channel_order_code": item.channel_order_code,
            "received_at": item.received_at,
        }
        key = connection.execute(sa.insert(sales_order).values(**whole)).inserted_primary_key
        return int(key[0]) if key else 0

    def _store(
        self, connection: sa.Connection, client: str, channel: str, orders: Sequence[RawOrder], *, is_forced: bool
    ) -> int:
        new = 0
        for raw in orders:
            key = {
                "client": client,
                "channel": channel,
                "channel_order_code": _storable(raw.channel_order_code)[:CODE_LENGTH],
                "body_hash": hashlib.sha256(raw.body.encode(errors="surrogatepass")).hexdigest(),
            }
            row = {**key, "body": _storable(raw.body), "modified_at": raw.modified_at, "received_at": self._clock.now()}
            if insert_ignoring(connection, inbox, row):
                new += 1
                continue
            # The same body again is no news, unless it came back with a newer stamp after another body, or is asked for.
            again = sa.update(inbox).where(*(inbox.c[name] == value for name, value in key.items()))
            if not is_forced:
                again = again.where(inbox.c.modified_at < raw.modified_at)
            # Retention may have emptied the body since.
            connection.execute(again.values(modified_at=raw.modified_at, taken_at=None, body=row["body"]))
        return new

    def _taken(self, connection: sa.Connection, item: InboxItem, problem: str | None) -> None:
        # A body that came in once more since we read it stays work to do.
        mine = (inbox.c.id == item.id, inbox.c.modified_at == item.modified_at)
        connection.execute(sa.update(inbox).where(*mine).values(taken_at=self._clock.now(), problem=problem))


def _storable(text: str) -> str:
    """The text without what PostgreSQL takes in no column; an odd body must not keep the others out."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _poll(connection: sa.Connection, client: str, channel: str, values: dict[str, Any]) -> None:
    insert_ignoring(connection, poll_state, {"client": client, "channel": channel, "failures": 0})
    mine = (poll_state.c.client == client, poll_state.c.channel == channel)
    connection.execute(sa.update(poll_state).where(*mine).values(**values))


def _update(connection: sa.Connection, order_id: int, values: dict[str, Any]) -> None:
    connection.execute(sa.update(sales_order).where(sales_order.c.id == order_id).values(**values))


def _write_lines(connection: sa.Connection, order_id: int, client: str, order: ChannelOrder) -> None:
    """The goods an order takes. A sku longer than any catalogue's cannot be reserved and is left out."""
    connection.execute(sa.delete(order_line).where(order_line.c.order_id == order_id))
    rows = [
        {"order_id": order_id, "client": client, "sku": line.sku, "qty": line.qty}
        for line in order.lines
        if line.kind == "item" and line.sku and line.qty > 0 and len(line.sku) <= CODE_LENGTH
    ]
    if rows:
        connection.execute(sa.insert(order_line), rows)


def _check_fits(order: ChannelOrder) -> None:
    """Refuse codes that do not fit their columns: PostgreSQL would refuse them, SQLite would keep them."""
    limits = {
        "channel_order_code": (order.channel_order_code, CODE_LENGTH),
        "number": (order.number, CODE_LENGTH),
        "status": (order.status, 60),
        "currency": (order.currency, 3),
    }
    for name, (text, limit) in limits.items():
        if len(text) > limit or "\x00" in text:
            raise DataError(
                f"{name} has {len(text)} characters, at most {limit} plain ones fit", operation="take in an order"
            )

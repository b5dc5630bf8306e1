"""The order desk's memory on our own database: inbox, orders, documents, history. Keeps the promises of ``ports.Ledger``.

Concurrency: each method is one transaction. On SQLite it holds the write lock from its beginning; on PostgreSQL it locks the
order's row, and claims skip rows that another sweep has locked (``SKIP LOCKED``). The history is only ever added to.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from s2s_pipelines.errors import BusyError, ContractViolation
from s2s_pipelines.model.order import Document, Receipt
from s2s_pipelines.model.pause import Pause
from s2s_pipelines.model.record import (
    DocumentRecord,
    DocumentState,
    Fence,
    Hold,
    OrderRecord,
    OrderState,
    Scope,
)
from s2s_pipelines.orders.intake import is_unsent
from s2s_pipelines.storage.ledger_inbox import InboxLedger
from s2s_pipelines.storage.ledger_report import ReportLedger
from s2s_pipelines.storage.ledger_row import (
    document_json,
    document_record,
    hold_values,
    load_orders,
    only_order,
)
from s2s_pipelines.storage.ledger_write import (
    check_fence,
    drop_documents,
    holds,
    move_order,
    set_document,
    write_event,
)
from s2s_pipelines.storage.schema import order_document, order_line, sales_order
from s2s_pipelines.storage.transaction import reading, writing

OPEN_STATES = (OrderState.DUE, OrderState.RAISING, OrderState.RAISED)
_UNFINISHED = (DocumentState.PLANNED, DocumentState.RAISING, DocumentState.UNKNOWN)


class OrderLedger(InboxLedger, ReportLedger):
    """Everything the order desk writes down, on SQLite or PostgreSQL."""

    def claim_due(self, client: str, *, limit: int, claim_s: float, scope: Scope) -> list[OrderRecord]:
        """See ``ports.Ledger``."""
        now = self._clock.now()
        table = sales_order
        where = [table.c.client == client, table.c.state.in_(OPEN_STATES), *_within(scope)]
        if scope.orders is None:
            where.append(table.c.due_at <= now)
        query = sa.select(table.c.id).where(*where).order_by(table.c.due_at, table.c.id).limit(limit)
        with writing(self._engine, "claim orders") as connection:
            ids = connection.execute(query.with_for_update(skip_locked=True)).scalars().all()
            mine = table.c.id.in_(ids)
            connection.execute(sa.update(table).where(mine).values(due_at=now + timedelta(seconds=claim_s)))
            claimed = {record.id: record for record in load_orders(connection, [mine])}
        return [claimed[order_id] for order_id in ids]

    def read_order(self, order_id: int) -> OrderRecord:
        """See ``ports.Ledger``."""
        with reading(self._engine, "read an order") as connection:
            return only_order(connection, order_id)

    def plan(self, record: OrderRecord, documents: Sequence[Document], owners: Mapping[str, str]) -> OrderRecord:
        """See ``ports.Ledger``."""
        now = self._clock.now()
        try:
            with writing(self._engine, "plan documents") as connection:
                current = _unchanged(connection, record)
                self._write_documents(connection, current, documents, now)
                _write_owners(connection, record.id, owners)
                references = {"documents": {d.source: d.reference for d in documents}}
                if documents:
                    move_order(connection, current, "planned", now, due_at=current.due_at, details=references)
                else:
                    move_order(connection, current, "nothing_to_raise", now, due_at=None)
                return only_order(connection, record.id)
        except IntegrityError as error:
            raise ContractViolation(
                "another order has a document under the same reference",
                client=record.client,
                operation="plan documents",
                reference=record.channel_order_code,
            ) from error

    def hold(self, record: OrderRecord, hold: Hold) -> OrderRecord:
        """See ``ports.Ledger``."""
        return self._set_aside(record, "held", hold)

    def put_back(self, record: OrderRecord, why: Hold) -> OrderRecord:
        """See ``ports.Ledger``."""
        return self._set_aside(record, "stored", why)

    def postpone(self, order_id: int, due_at: datetime, why: str, *, is_attempt: bool = True) -> None:
        """See ``ports.Ledger``."""
        table = sales_order
        values: dict[str, Any] = {"due_at": due_at}
        if is_attempt:
            values["attempts"] = table.c.attempts + 1
        with writing(self._engine, "postpone an order") as connection:
            record = only_order(connection, order_id, lock=True)
            if record.state not in OPEN_STATES:
                return
            connection.execute(sa.update(table).where(table.c.id == order_id).values(**values))
            if is_attempt:
                details = {"why": why[:200], "due_at": due_at.isoformat()}
                write_event(
                    connection, order_id, self._clock.now(), "postponed", record.state, record.state, details=details
                )

    def wait(self, order_id: int, pause: Pause) -> None:
        """See ``ports.Ledger``."""
        now = self._clock.now()
        with writing(self._engine, "let an order wait") as connection:
            # The pause is locked before the order, as it is where a pause is ended.
            due_at = pause.until if holds(connection, pause, now) else now
            record = only_order(connection, order_id, lock=True)
            if record.state not in OPEN_STATES:
                return
            connection.execute(sa.update(sales_order).where(sales_order.c.id == order_id).values(due_at=due_at))
            details = {"why": pause.message[:200], "due_at": due_at.isoformat()}
            write_event(connection, order_id, now, "postponed", record.state, record.state, details=details)

    def move_document(
        self, document_id: int, event: str, fence: Fence, *, receipt: Receipt | None = None, hold: Hold | None = None
    ) -> DocumentRecord:
        """See ``ports.Ledger``."""
        now = self._clock.now()
        with writing(self._engine, "move a document") as connection:
            of_document = sa.select(order_document.c.order_id).where(order_document.c.id == document_id)
            record = only_order(connection, connection.execute(of_document).scalar_one(), lock=True)
            document = next(d for d in record.documents if d.id == document_id)
            check_fence(connection, fence, document)
            _check_still_open(record, document, event)
            values = {"fence": fence.token, **hold_values(hold), **self._receipt_values(receipt, now)}
            if event in ("begun", "taken_up"):
                values["attempts"] = document.attempts + 1
            set_document(connection, document, event, now, values)
            self._settle(connection, only_order(connection, record.id))
            return document_record(
                connection.execute(sa.select(order_document).where(order_document.c.id == document_id)).one()
            )

    def told(self, record: OrderRecord) -> OrderRecord:
        """See ``ports.Ledger``."""
        now = self._clock.now()
        with writing(self._engine, "record that the channel knows") as connection:
            current = only_order(connection, record.id, lock=True)
            if current.state is OrderState.RAISED:
                raised = (order_document.c.order_id == record.id, order_document.c.state == DocumentState.RAISED)
                connection.execute(sa.update(order_document).where(*raised).values(told_at=now))
                move_order(connection, current, "told", now, due_at=None, hold=current.hold, attempts=0)
            return only_order(connection, record.id)

    def release(self, order_id: int, by: str) -> OrderRecord:
        """See ``ports.Ledger``."""
        now = self._clock.now()
        with writing(self._engine, "release an order") as connection:
            record = only_order(connection, order_id, lock=True)
            open_documents = [d for d in record.documents if d.state is not DocumentState.VOID]
            if all(is_unsent(document) for document in open_documents):
                drop_documents(connection, open_documents, now)
                move_order(connection, record, "released", now, due_at=now, details={"by": by}, attempts=0)
            else:
                for document in open_documents:
                    if document.state is DocumentState.HELD:
                        event = "retried" if document.source_order_code is None else "checked_again"
                        set_document(connection, document, event, now, hold_values(None))
                move_order(connection, record, "resumed", now, due_at=now, details={"by": by}, attempts=0)
            return only_order(connection, order_id)

    def close(self, order_id: int, by: str, why: str) -> OrderRecord:
        """Settle a held order that a person raised, or refused, by hand; it is never raised after that."""
        with writing(self._engine, "close an order") as connection:
            record = only_order(connection, order_id, lock=True)
            details = {"by": by, "why": why[:500]}
            move_order(connection, record, "closed", self._clock.now(), due_at=None, hold=record.hold, details=details)
            return only_order(connection, order_id)

    def _set_aside(self, record: OrderRecord, event: str, why: Hold) -> OrderRecord:
        with writing(self._engine, "set an order aside") as connection:
            current = _unchanged(connection, record)
            move_order(connection, current, event, self._clock.now(), due_at=None, hold=why)
            return only_order(connection, record.id)

    def _settle(self, connection: sa.Connection, record: OrderRecord) -> None:
        """Move the order where its documents leave no work: all raised, or the rest before a person."""
        now = self._clock.now()
        documents = [d for d in record.documents if d.state is not DocumentState.VOID]
        if any(d.state in _UNFINISHED for d in documents):
            return
        held = next((d for d in documents if d.state is DocumentState.HELD), None)
        if held is not None:
            move_order(connection, record, "document_held", now, due_at=None, hold=held.hold)
            return
        flagged = next((d.hold for d in documents if d.hold), None)
        # Due at once: whoever raised it tells the channel next, and if he dies somebody else does.
        move_order(connection, record, "all_raised", now, due_at=now, hold=flagged, attempts=0)

    def _receipt_values(self, receipt: Receipt | None, now: datetime) -> dict[str, Any]:
        if receipt is None:
            return {}
        return {
            "source_order_code": receipt.source_order_code,
            "raised_total": receipt.total,
            "raised_at": now,
            "was_found": receipt.was_found,
        }

    def _write_documents(
        self, connection: sa.Connection, record: OrderRecord, documents: Sequence[Document], now: datetime
    ) -> None:
        known = {d.source: d for d in record.documents}
        wanted = {document.source for document in documents}
        drop_documents(
            connection,
            [d for d in record.documents if d.source not in wanted and d.state is not DocumentState.VOID],
            now,
        )
        for document in documents:
            values = _document_values(document)
            earlier = known.get(document.source)
            if earlier is not None:
                cleared = {"source_order_code": None, "raised_total": None, "raised_at": None, "was_found": None}
                set_document(connection, earlier, "planned", now, {**values, **cleared, **hold_values(None)})
                continue
            row = {**values, "order_id": record.id, "client": record.client, "source": document.source}
            connection.execute(
                sa.insert(order_document).values(state=DocumentState.PLANNED.value, changed_at=now, **row)
            )
            write_event(connection, record.id, now, "planned", None, DocumentState.PLANNED, source=document.source)


def _check_still_open(record: OrderRecord, document: DocumentRecord, event: str) -> None:
    """Refuse a writer whose view of the order is old: somebody else brought the document further, or took it back.

    Raises:
        BusyError: there is nothing to begin any more.
    """
    beginning = {"begun": (DocumentState.PLANNED,), "taken_up": (DocumentState.RAISING, DocumentState.UNKNOWN)}
    if record.state is OrderState.RAISING and document.state in beginning.get(event, (document.state,)):
        return
    raise BusyError(
        f"the order is {record.state} and its document {document.state} by now",
        operation="move a document",
        reference=document.document.reference,
        next_step="it is taken up again by itself where anything is left to do",
    )


def _document_values(document: Document) -> dict[str, Any]:
    return {
        "external_reference": document.reference,
        "kind": document.kind,
        "document": document_json(document),
        "source_customer_code": document.source_customer_code,
        "total": document.total,
    }


def _write_owners(connection: sa.Connection, order_id: int, owners: Mapping[str, str]) -> None:
    for sku, source in owners.items():
        mine = (order_line.c.order_id == order_id, order_line.c.sku == sku)
        connection.execute(sa.update(order_line).where(*mine).values(source=source))


def _unchanged(connection: sa.Connection, record: OrderRecord) -> OrderRecord:
    """The order, locked, as long as it is what the caller read."""
    current = only_order(connection, record.id, lock=True)
    if current.version != record.version:
        raise BusyError(
            "the order changed meanwhile",
            client=record.client,
            operation="decide an order",
            reference=record.channel_order_code,
            next_step="it is taken up again by itself",
        )
    return current


def _within(scope: Scope) -> list[sa.ColumnElement[bool]]:
    table = sales_order
    conditions: list[sa.ColumnElement[bool]] = []
    if scope.orders is not None:
        conditions.append(sa.tuple_(table.c.channel, table.c.channel_order_code).in_(sorted(scope.orders)))
    if scope.ordered_from is not None:
        conditions.append(table.c.ordered_at >= scope.ordered_from)
    if scope.ordered_before is not None:
        conditions.append(table.c.ordered_at < scope.ordered_before)
    return conditions

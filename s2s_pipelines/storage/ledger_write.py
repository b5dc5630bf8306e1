"""Single writes that several parts of the ledger share; all inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s2s_pipelines.errors import BusyError
from s2s_pipelines.model.pause import EVERYONE, Pause
from s2s_pipelines.model.record import DocumentRecord, Fence, Hold, OrderRecord, OrderState
from s2s_pipelines.orders.state import document_after, order_after
from s2s_pipelines.storage.ledger_row import hold_values
from s2s_pipelines.storage.schema import lease, order_document, order_event, sales_order
from s2s_pipelines.storage.schema import pause as pause_table


def write_event(
    connection: sa.Connection,
    order_id: int,
    at: datetime,
    event: str,
    before: str | None,
    after: str | None,
    *,
    source: str | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """Add an entry to an order's history."""
    connection.execute(
        sa.insert(order_event).values(
            order_id=order_id,
            at=at,
            event=event,
            from_state=before,
            to_state=after,
            source=source,
            details=dict(details or {}),
        )
    )


def move_order(
    connection: sa.Connection,
    record: OrderRecord,
    event: str,
    at: datetime,
    *,
    due_at: datetime | None,
    hold: Hold | None = None,
    details: Mapping[str, object] | None = None,
    **values: Any,
) -> OrderState:
    """Move a locked order as the state machine allows, with its entry in the history."""
    state = order_after(record.state, event)
    changed = {
        "state": state.value,
        "due_at": due_at,
        "changed_at": at,
        "version": sales_order.c.version + 1,
        **hold_values(hold),
        **values,
    }
    connection.execute(sa.update(sales_order).where(sales_order.c.id == record.id).values(**changed))
    told = {**(details or {}), **({"reason": hold.reason} if hold else {})}
    write_event(connection, record.id, at, event, record.state, state, details=told)
    return state


def set_document(
    connection: sa.Connection,
    document: DocumentRecord,
    event: str,
    at: datetime,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Move a document of a locked order as the state machine allows, with its entry in the history."""
    state = document_after(document.state, event)
    values = values or {}
    connection.execute(
        sa.update(order_document)
        .where(order_document.c.id == document.id)
        .values(state=state.value, changed_at=at, **values)
    )
    shown = {
        name: str(values[name]) for name in ("fence", "source_order_code", "raised_total", "reason") if values.get(name)
    }
    write_event(connection, document.order_id, at, event, document.state, state, source=document.source, details=shown)


def drop_documents(connection: sa.Connection, documents: Sequence[DocumentRecord], at: datetime) -> None:
    """Take back documents of which certainly nothing was sent."""
    for document in documents:
        set_document(connection, document, "dropped", at)


def holds(connection: sa.Connection, pause: Pause, now: datetime) -> bool:
    """Whether a pause still stops anything. Locks it, so that whoever ends it finds the orders that wait for it."""
    live = sa.select(pause_table.c.id).where(
        pause_table.c.id == pause.id, pause_table.c.until > now, pause_table.c.ended_at.is_(None)
    )
    return connection.execute(live.with_for_update(read=True)).first() is not None


def wake(connection: sa.Connection, pause: Pause, now: datetime) -> None:
    """Make the orders due that wait for a pause which has just been ended, in the same transaction."""
    waiting = [sales_order.c.due_at == pause.until]
    if pause.client != EVERYONE:
        waiting.append(sales_order.c.client == pause.client)
    connection.execute(sa.update(sales_order).where(*waiting).values(due_at=now))


def check_fence(connection: sa.Connection, fence: Fence, document: DocumentRecord) -> None:
    """Refuse a writer whose lease was taken over since.

    Raises:
        BusyError: the lease has seen a higher token.
    """
    current = connection.execute(
        sa.select(lease.c.fence).where(lease.c.name == fence.name).with_for_update(read=True)
    ).scalar()
    if current != fence.token:
        raise BusyError(
            "the lease was taken over by another writer",
            operation="move a document",
            reference=document.document.reference,
            next_step="leave the work to the writer that has it now",
        )

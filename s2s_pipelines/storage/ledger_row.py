"""Rows of the order tables as the plain values of ``model.record``, and back."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from s2s_pipelines.model.order import ChannelOrder, Document
from s2s_pipelines.model.record import DocumentRecord, DocumentState, Hold, InboxItem, OrderRecord, OrderState
from s2s_pipelines.storage.schema import order_document, sales_order

REASON_LENGTH = 60
CODE_LENGTH = 190


@cache
def _orders() -> TypeAdapter[ChannelOrder]:
    return TypeAdapter(ChannelOrder)


@cache
def _documents() -> TypeAdapter[Document]:
    return TypeAdapter(Document)


def order_json(order: ChannelOrder) -> Any:
    """An order as JSON values: amounts and times as text, nothing rounded."""
    return _orders().dump_python(order, mode="json")


def document_json(document: Document) -> Any:
    """A document as JSON values."""
    return _documents().dump_python(document, mode="json")


def hold_values(hold: Hold | None) -> dict[str, str | None]:
    """The three columns of a hold, empty where there is none."""
    if hold is None:
        return {"reason": None, "message": None, "remedy": None}
    return {"reason": hold.reason[:REASON_LENGTH], "message": hold.message[:2000], "remedy": hold.remedy[:2000]}


def _hold(row: sa.Row[Any]) -> Hold | None:
    return Hold(row.reason, row.message or "", row.remedy or "") if row.reason else None


def inbox_item(row: sa.Row[Any]) -> InboxItem:
    """A row of the inbox."""
    return InboxItem(
        row.id, row.client, row.channel, row.channel_order_code, row.body, row.modified_at, row.received_at, row.problem
    )


def document_record(row: sa.Row[Any]) -> DocumentRecord:
    """A row of ``order_document``."""
    document = _documents().validate_python(row.document)
    return DocumentRecord(
        id=row.id,
        order_id=row.order_id,
        client=row.client,
        channel=document.channel,
        channel_order_code=document.channel_order_code,
        source=row.source,
        state=DocumentState(row.state),
        document=document,
        attempts=row.attempts,
        fence=row.fence,
        source_order_code=row.source_order_code,
        raised_total=row.raised_total,
        raised_at=row.raised_at,
        was_found=row.was_found,
        told_at=row.told_at,
        hold=_hold(row),
    )


def order_record(row: sa.Row[Any], documents: Sequence[DocumentRecord]) -> OrderRecord:
    """A row of ``sales_order`` with its documents."""
    return OrderRecord(
        id=row.id,
        client=row.client,
        channel=row.channel,
        channel_order_code=row.channel_order_code,
        number=row.number,
        state=OrderState(row.state),
        status=row.status,
        order=_orders().validate_python(row._mapping["order"]),
        total=row.total,
        attempts=row.attempts,
        version=row.version,
        ordered_at=row.ordered_at,
        modified_at=row.modified_at,
        received_at=row.received_at,
        changed_at=row.changed_at,
        due_at=row.due_at,
        hold=_hold(row),
        documents=tuple(documents),
    )


def load_orders(
    connection: sa.Connection, where: Sequence[sa.ColumnElement[bool]], **options: Any
) -> list[OrderRecord]:
    """Orders by condition with their documents, in two queries.

    Args:
        connection: inside a transaction.
        where: conditions on ``sales_order``.
        options: ``order_by``, ``limit``, and ``lock`` to lock the rows for this transaction.
    """
    query = sa.select(sales_order).where(*where).order_by(options.get("order_by", sales_order.c.id))
    if options.get("limit") is not None:
        query = query.limit(options["limit"])
    if options.get("lock"):
        query = query.with_for_update()
    rows = connection.execute(query).all()
    by_order: dict[int, list[DocumentRecord]] = {row.id: [] for row in rows}
    ids = list(by_order)
    for start in range(0, len(ids), 500):
        found = sa.select(order_document).where(order_document.c.order_id.in_(ids[start : start + 500]))
        for row in connection.execute(found.order_by(order_document.c.id)):
            by_order[row.order_id].append(document_record(row))
    return [order_record(row, by_order[row.id]) for row in rows]


def only_order(connection: sa.Connection, order_id: int, *, lock: bool = False) -> OrderRecord:
    """One order that is known to exist."""
    (record,) = load_orders(connection, [sales_order.c.id == order_id], lock=lock)
    return record

"""What the ledger knows about orders and their documents, as plain values.

The moves between the states are one table in ``orders.state``; here are only the words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from s2s_pipelines.model.order import ChannelOrder, Document


class OrderState(StrEnum):
    """Where an order stands."""

    STORED = "stored"
    DUE = "due"
    HELD = "held"
    RAISING = "raising"
    RAISED = "raised"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    CLOSED = "closed"


class DocumentState(StrEnum):
    """Where one document of an order stands."""

    PLANNED = "planned"
    RAISING = "raising"
    UNKNOWN = "unknown"
    RAISED = "raised"
    HELD = "held"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why an order waits for a person.

    Attributes:
        reason: a stable code in snake case.
        message: one sentence with the codes and amounts concerned; no personal details.
        remedy: what that person can do.
    """

    reason: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What intake decided about one order: its next state, and why when that is not plain.

    Attributes:
        state: stored, due, held or cancelled.
        hold: for held the reason; for stored why it is not due.
    """

    state: OrderState
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of holding a lease: its name and the token that grows with every change of hands."""

    name: str
    token: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which orders a sweep may touch; without any bound all of a client's.

    Attributes:
        orders: pairs of channel and channel order code; None for no bound.
        ordered_from: placed at or after this moment.
        ordered_before: placed before this moment.
    """

    orders: frozenset[tuple[str, str]] | None = None
    ordered_from: datetime | None = None
    ordered_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One raw body of an order, stored before anybody tried to understand it."""

    id: int
    client: str
    channel: str
    channel_order_code: str
    body: str
    modified_at: datetime
    received_at: datetime
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One document of an order as the ledger has it.

    Attributes:
        document: complete and decided; the same on every attempt.
        raised_total: what the source holds, when it told.
        was_found: the document had been in the source before the call that recorded it.
        hold: reason, message and remedy of a held document, or what a person should know of a raised one.
    """

    id: int
    order_id: int
    client: str
    channel: str
    channel_order_code: str
    source: str
    state: DocumentState
    document: Document
    attempts: int
    fence: int | None = None
    source_order_code: str | None = None
    raised_total: Decimal | None = None
    raised_at: datetime | None = None
    was_found: bool | None = None
    told_at: datetime | None = None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order as the ledger has it, with its documents.

    Attributes:
        version: grows with every change; a writer that read an older one is refused.
        due_at: when work on it is next due; None when it waits for nobody or for a person.
    """

    id: int
    client: str
    channel: str
    channel_order_code: str
    number: str
    state: OrderState
    status: str
    order: ChannelOrder
    total: Decimal
    attempts: int
    version: int
    ordered_at: datetime
    modified_at: datetime
    received_at: datetime
    changed_at: datetime
    due_at: datetime | None = None
    hold: Hold | None = None
    documents: tuple[DocumentRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One entry of an order's history, which is only ever added to."""

    at: datetime
    event: str
    from_state: str | None
    to_state: str | None
    source: str | None
    details: Mapping[str, object]

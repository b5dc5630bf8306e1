"""What became of an order: where it stands, what it waits for, its documents and its history. Nothing of the buyer is in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from s2s_pipelines.cycle.pausing import PauseOf
from s2s_pipelines.model.record import DocumentRecord, OrderEvent, OrderRecord, OrderState

_OPEN = (OrderState.DUE, OrderState.RAISING, OrderState.RAISED)
_TOLD_DETAILS = ("why", "reason", "by", "due_at", "source_order_code", "raised_total", "fence", "documents")
"""What the history may show of an event; anything else stays in the ledger."""


@dataclass(frozen=True, slots=True)
class StoryDocument:
    """One document as people are told of it."""

    source: str
    state: str
    kind: str
    reference: str
    number: str
    total: Decimal
    attempts: int
    raised_at: datetime | None
    told_at: datetime | None
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One entry of the history as people are told of it."""

    at: datetime
    event: str
    moved: str
    source: str
    details: str


@dataclass(frozen=True, slots=True)
class OrderStory:
    """What became of one order.

    Attributes:
        state: where it stands.
        reason: why it does not go on by itself now, in snake case; None when it does, or is done. ``paused``, ``waits`` or
            the reason of its hold.
        message: that reason in a sentence.
        remedy: what a person can do about it.
    """

    client: str
    channel: str
    code: str
    number: str
    state: str
    status: str
    total: str
    ordered_at: datetime
    received_at: datetime
    reason: str | None
    message: str
    remedy: str
    documents: tuple[StoryDocument, ...]
    history: tuple[StoryEvent, ...]

    def text(self) -> str:
        """The story for a screen."""
        lines = [
            f"{self.client} / {self.channel} / order {self.code} (number {self.number}): {self.state}",
            f"  {self.total}, {self.status!r} in the shop, placed {_moment(self.ordered_at)}, known {_moment(self.received_at)}",
        ]
        if self.reason is not None:
            lines.append(f"  reason: {self.reason}: {self.message}")
            lines += [f"  remedy: {self.remedy}"] if self.remedy else []
        for d in self.documents:
            raised = f" as {d.number}, {_moment(d.raised_at)}" if d.raised_at is not None else ""
            told = f", the shop knows since {_moment(d.told_at)}" if d.told_at is not None else ""
            lines.append(f"  {d.kind} in {d.source}: {d.state}{raised}{told}; {d.total}, reference {d.reference}")
            lines += [f"    {d.problem}"] if d.problem else []
        lines += ["  history", *(f"    {_moment(e.at)}  {_line(e)}" for e in self.history)]
        return "\n".join(lines)


def order_story(record: OrderRecord, history: Iterable[OrderEvent], *, now: datetime, pause_of: PauseOf) -> OrderStory:
    """What became of an order.

    Args:
        record: the order as the ledger has it.
        history: its events, oldest first.
        now: aware.
        pause_of: tells what a person stopped for a while.
    """
    events = tuple(_event(event) for event in history)
    reason, message, remedy = _reason(record, events, now, pause_of)
    return OrderStory(
        client=record.client,
        channel=record.channel,
        code=record.channel_order_code,
        number=record.number,
        state=record.state.value,
        status=record.status,
        total=f"{record.total} {record.order.currency}",
        ordered_at=record.ordered_at,
        received_at=record.received_at,
        reason=reason,
        message=message,
        remedy=remedy,
        documents=tuple(_document(document) for document in record.documents),
        history=events,
    )


def _reason(
    record: OrderRecord, events: Sequence[StoryEvent], now: datetime, pause_of: PauseOf
) -> tuple[str | None, str, str]:
    if record.hold is not None:
        return record.hold.reason, record.hold.message, record.hold.remedy
    if record.state not in _OPEN:
        return None, "", ""
    asked = [pause_of("orders")]
    if record.state is OrderState.RAISED:
        asked.append(pause_of("orders", channel=record.channel))
    else:
        asked += [pause_of("orders", source=d.source) for d in record.documents if d.raised_at is None]
    pause = next((found for found in asked if found is not None), None)
    if pause is not None:
        return "paused", pause.message, pause.remedy
    if record.due_at is not None and record.due_at > now:
        postponed = [event for event in events if event.event == "postponed"]
        last = f"; the last time: {postponed[-1].details}" if postponed else ""
        return "waits", f"it is taken up again at {_moment(record.due_at)}{last}", "none is needed"
    return None, "", ""


def _document(record: DocumentRecord) -> StoryDocument:
    hold = record.hold
    return StoryDocument(
        source=record.source,
        state=record.state.value,
        kind=record.document.kind,
        reference=record.document.reference,
        number=record.source_order_code or "",
        total=record.document.total,
        attempts=record.attempts,
        raised_at=record.raised_at,
        told_at=record.told_at,
        problem="" if hold is None else f"{hold.reason}: {hold.message}",
        remedy="" if hold is None else hold.remedy,
    )


def _event(event: OrderEvent) -> StoryEvent:
    told = [f"{name} {event.details[name]}" for name in _TOLD_DETAILS if event.details.get(name)]
    moved = event.to_state or ""
    if event.from_state and event.from_state != event.to_state:
        moved = f"{event.from_state} -> {event.to_state}"
    return StoryEvent(event.at, event.event, moved, event.source or "", ", ".join(told))


def _line(event: StoryEvent) -> str:
    return "  ".join(part for part in (event.event, event.source, event.moved, event.details) if part)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

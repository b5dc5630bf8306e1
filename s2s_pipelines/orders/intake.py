"""What to do with an order that came in: is it due, and does it change anything we hold already. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Literal

from s2s_pipelines.model.order import ChannelOrder
from s2s_pipelines.model.record import DocumentRecord, DocumentState, Hold, OrderRecord, OrderState, Verdict
from s2s_pipelines.orders.hold import hold, shown
from s2s_pipelines.orders.policy import ChannelOrders

BEFORE_FROM = "before_from"
NOT_DUE_STATUS = "status_not_due"

_OPEN = (OrderState.STORED, OrderState.DUE, OrderState.HELD, OrderState.RAISING, OrderState.CANCELLED)


def ordered_on(order: ChannelOrder, timezone: tzinfo) -> date:
    """The day the buyer placed the order, in the client's time zone."""
    return order.ordered_at.astimezone(timezone).date()


def decide(order: ChannelOrder, policy: ChannelOrders, *, currency: str, timezone: tzinfo) -> Verdict:
    """Whether an order is to be raised, stored, held or counted as cancelled, looked at alone.

    An order placed before ``from`` is stored whatever else it says; one that was cancelled is never raised; one whose
    status is not declared is stored. What is due must also be fit to be raised: see ``defect``.
    """
    if ordered_on(order, timezone) < policy.from_on:
        day = ordered_on(order, timezone)
        why = Hold(BEFORE_FROM, f"placed on {day}, before orders are raised from {policy.from_on}", "None needed.")
        return Verdict(OrderState.STORED, why)
    if order.is_cancelled:
        return Verdict(OrderState.CANCELLED)
    if order.status not in policy.statuses:
        why = Hold(NOT_DUE_STATUS, f"status {order.status} is not one of {', '.join(policy.statuses)}", "None needed.")
        return Verdict(OrderState.STORED, why)
    why_held = defect(order, currency)
    return Verdict(OrderState.HELD, why_held) if why_held else Verdict(OrderState.DUE)


def defect(order: ChannelOrder, currency: str) -> Hold | None:
    """Why an order cannot be raised as it stands, or None.

    Facts: WooCommerce takes orders in another currency with the same numbers, negative quantities and orders without any line
    (recording 61); a refund changes neither lines nor total (recordings 78, 79).
    """
    if order.currency != currency:
        return hold("foreign_currency", f"the order is in {order.currency}, the client's documents are in {currency}")
    if order.total_refunded > 0:
        return hold(
            "refunded_before_raising", f"{order.total_refunded} of {order.total} was paid back before it was raised"
        )
    if not any(line.kind == "item" for line in order.lines):
        return hold("no_lines", "the order has no line with goods")
    odd = [line.line_code for line in order.lines if line.qty < 1]
    if odd:
        return hold("invalid_quantity", f"quantity below one on line {shown(odd)}")
    return None


@dataclass(frozen=True, slots=True)
class Absorption:
    """What an incoming order does to the one the ledger has.

    Attributes:
        action: ``ignore`` (older, or nothing new), ``touch`` (only the modified stamp moved), ``place`` (take the
            new content and the state given), ``annotate`` (take the new content, keep the state, show the note).
        state: the state after ``place``.
        hold: the reason to show on the order.
        event: the name in the history; empty when nothing is written there.
    """

    action: Literal["ignore", "touch", "place", "annotate"]
    state: OrderState | None = None
    hold: Hold | None = None
    event: str = ""


def absorb(
    known: OrderRecord | None,
    order: ChannelOrder,
    verdict: Verdict,
    *,
    known_hash: str,
    is_forced: bool = False,
) -> Absorption:
    """Decide what an incoming order changes. The newest state wins; what may have been sent is never undone here.

    Args:
        known: the ledger's row, None when the order is new.
        order: what came in.
        verdict: what ``decide`` says of the incoming order alone.
        known_hash: content hash of the known order.
        is_forced: a person named the order, so equal content is judged again too.
    """
    placed = Absorption("place", verdict.state, verdict.hold, verdict.state.value)
    if known is None:
        return placed
    if order.modified_at < known.modified_at:
        return Absorption("ignore", event="older_message")
    is_same = order.content_hash() == known_hash
    if is_same and not (is_forced and known.state in (OrderState.STORED, OrderState.HELD)):
        return Absorption("touch")
    if known.state in _OPEN and all(is_unsent(document) for document in known.documents):
        return placed
    if is_same:
        return Absorption("touch")
    return Absorption("annotate", hold=_note(order, known), event=_note_event(order))


def is_unsent(document: DocumentRecord) -> bool:
    """Whether it is certain that nothing of this document stands in its source."""
    if document.state in (DocumentState.PLANNED, DocumentState.VOID):
        return True
    return document.state is DocumentState.HELD and document.source_order_code is None


def _note_event(order: ChannelOrder) -> str:
    return "cancelled_after_raising" if order.is_cancelled else "changed_after_raising"


def _note(order: ChannelOrder, known: OrderRecord) -> Hold | None:
    """What a person should know; a mere change of status, such as to completed, is none of it."""
    if known.state is OrderState.CLOSED:
        return known.hold
    if order.is_cancelled:
        return hold("cancelled_after_raising", f"the shop's status is now {order.status}")
    if (order.lines, order.total, order.total_refunded) != (
        known.order.lines,
        known.order.total,
        known.order.total_refunded,
    ):
        return hold("changed_after_raising", f"the shop's total is now {order.total}, {order.total_refunded} paid back")
    return known.hold


def start_of(day: date, timezone: tzinfo) -> datetime:
    """Midnight of a day in the client's time zone, aware.

    >>> from datetime import UTC
    >>> start_of(date(2026, 1, 1), UTC).isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    return datetime(day.year, day.month, day.day, tzinfo=timezone)

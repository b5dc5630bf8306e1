"""Reads changed orders without losing one.

Facts: WooCommerce recordings 37 and 70 (version 10.0.2). Stamps have whole seconds; ``modified_after`` and ``modified_before``
exclude their own second; ordered by ``modified``, rows of one second come in no fixed order, so a page edge inside a second
shows one row twice and another never. Hence a page ends before the second its last row belongs to, and a second that holds
more rows than a page is read by id.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self

from s2s_pipelines.connectors.channels.woocommerce.api import PAGE, WooApi, count_of, rows_of
from s2s_pipelines.connectors.channels.woocommerce.order import instant
from s2s_pipelines.connectors.kit.http import Answer
from s2s_pipelines.connectors.kit.http_json import split_array
from s2s_pipelines.errors import ContractViolation
from s2s_pipelines.ports import OrderPage, RawOrder

OVERLAP = timedelta(minutes=10)
"""How far behind the newest stamp the next reading begins: a stamp is set before its row can be seen (channel research 0.5)."""

_SECOND = timedelta(seconds=1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a sweep through the changed orders stands.

    Attributes:
        base: orders changed after this second belong to the sweep.
        after: those changed up to this second have been shown.
        beyond_id: inside the second that follows ``after``, those up to this id have been shown; 0 outside of one.
    """

    base: datetime
    after: datetime
    beyond_id: int = 0

    @classmethod
    def read(cls, text: str | None) -> Self:
        """The cursor of a text.

        Raises:
            ContractViolation: it is not a text of ours.
        """
        if text is None:
            return cls(_LONG_AGO, _LONG_AGO)
        try:
            base, after, beyond = text.split("/")
            return cls(instant(base), instant(after), int(beyond))
        except ValueError:
            raise ContractViolation(f"no cursor of this channel: {text[:80]!r}") from None

    def __str__(self) -> str:
        return f"{stamp(self.base)}Z/{stamp(self.after)}Z/{self.beyond_id}"


def stamp(at: datetime) -> str:
    """A moment as the shop wants it beside ``dates_are_gmt=true``: UTC, whole seconds, without a zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def start_at(at: datetime) -> Cursor:
    """The cursor that shows everything changed at or after a moment."""
    before = at.astimezone(UTC).replace(microsecond=0) - _SECOND
    return Cursor(before, before)


def changed_orders(api: WooApi, since: str | None, limit: int) -> OrderPage:
    """A page of changed orders, oldest change first."""
    cursor = Cursor.read(since)
    size = max(1, min(limit, PAGE))
    if cursor.beyond_id:
        return _page_of_second(api, cursor, size)
    # One more than is shown, if the shop allows it, tells whether the last second shown is whole.
    asked = str(min(size + 1, PAGE))
    params = {**_window(after=cursor.after), "orderby": "modified", "order": "asc", "per_page": asked}
    answer = api.get("orders", params, operation="read orders")
    orders = _raw(answer)
    if count_of(answer, "x-wp-total") <= len(orders) <= size:
        return OrderPage(_sorted(orders), _after_sweep(cursor, answer, orders, since), is_last=True)
    edge = orders[-1].modified_at
    whole = [order for order in orders if order.modified_at < edge]
    if not whole:
        return _page_of_second(api, replace(cursor, after=edge - _SECOND), size)
    return OrderPage(_sorted(whole), str(replace(cursor, after=edge - _SECOND)), is_last=False)


def orders_created(api: WooApi, start: datetime, end: datetime) -> list[RawOrder]:
    """Orders created in [start, end), by id."""
    bounds = {"after": stamp(start - 2 * _SECOND), "before": stamp(end + 2 * _SECOND)}
    rows = api.list_by_id(
        "orders",
        {**bounds, "dates_are_gmt": "true", "status": "any", "_fields": "id,date_created_gmt"},
        operation="read orders",
    )
    wanted = [row["id"] for row in rows if start <= instant(row["date_created_gmt"]) < end]
    return [order for at in range(0, len(wanted), PAGE) for order in _bodies(api, wanted[at : at + PAGE])]


def one_order(api: WooApi, code: str) -> RawOrder | None:
    """One order by id, binned ones included; None when there is none."""
    if not (code.isascii() and code.isdecimal()):
        return None
    answer = api.find(f"orders/{code}", operation="read order", reference=code)
    return None if answer is None else _order(answer.json, answer.json_text.strip())


def _page_of_second(api: WooApi, cursor: Cursor, size: int) -> OrderPage:
    """A page out of the one second after the cursor, by id."""
    second = cursor.after + _SECOND
    window = _window(after=cursor.after, before=second + _SECOND)
    rows = api.list_by_id("orders", {**window, "_fields": "id"}, operation="read orders")
    left = [number for number in (int(row["id"]) for row in rows) if number > cursor.beyond_id]
    shown = left[:size]
    if len(left) > len(shown):
        following = replace(cursor, beyond_id=shown[-1])
    else:
        following = replace(cursor, after=second, beyond_id=0)
    # Rows that were changed meanwhile have a younger stamp and come again.
    return OrderPage(_sorted(_bodies(api, shown)), str(following), is_last=False)


def _after_sweep(cursor: Cursor, answer: Answer, orders: list[RawOrder], since: str | None) -> str | None:
    newest = max([cursor.after, *(order.modified_at for order in orders)])
    # A stamp ahead of the shop's own clock must not carry us past orders that are still to come.
    newest = min(newest, _shop_time(answer) or newest)
    base = max(cursor.base, newest - OVERLAP)
    following = str(Cursor(base, base))
    return None if following == since or newest == _LONG_AGO else following


def _shop_time(answer: Answer) -> datetime | None:
    try:
        at = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return at.astimezone(UTC).replace(microsecond=0)


def _window(*, after: datetime, before: datetime | None = None) -> dict[str, str]:
    window = {"status": "any", "dates_are_gmt": "true"}
    if after > _LONG_AGO:
        window["modified_after"] = stamp(after)
    if before is not None:
        window["modified_before"] = stamp(before)
    return window


def _bodies(api: WooApi, numbers: list[Any]) -> list[RawOrder]:
    if not numbers:
        return []
    params = {"include": ",".join(map(str, numbers)), "per_page": str(PAGE), "orderby": "id", "order": "asc"}
    return _raw(api.get("orders", {**params, "status": "any"}, operation="read orders"))


def _raw(answer: Answer) -> list[RawOrder]:
    texts = split_array(answer.json_text)
    return [_order(row, text) for row, text in zip(rows_of(answer), texts, strict=True)]


def _order(row: dict[str, Any], text: str) -> RawOrder:
    """A row with its text. One without a stamp is shown all the same: `translate` says what is wrong with it."""
    at = row.get("date_modified_gmt") or row.get("date_created_gmt")
    return RawOrder(str(row["id"]), text, instant(at) if at else _LONG_AGO)


def _sorted(orders: list[RawOrder]) -> tuple[RawOrder, ...]:
    return tuple(sorted(orders, key=lambda order: (order.modified_at, int(order.channel_order_code))))

"""From the channels into the ledger: raw bodies are committed before anybody tries to understand them."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from s2s_pipelines.cycle.order_desk import ChannelDesk, OrderDesk, Tally
from s2s_pipelines.cycle.pausing import paused_error
from s2s_pipelines.errors import DataError, S2SError, TransientError
from s2s_pipelines.model.record import InboxItem, Scope
from s2s_pipelines.orders.intake import decide, start_of
from s2s_pipelines.orders.raising import back_off
from s2s_pipelines.ports import RawOrder

OrderKey = tuple[str, str]
"""Channel and channel order code."""

_PAGE = 100
_OUR_BUGS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a translator's own mistake looks like: one odd body must not stop the others."""


def poll_channels(desk: OrderDesk, tally: Tally) -> None:
    """Store what changed on every channel since its cursor; a channel that fails is noted and tried again later."""
    for channel in _open_channels(desk, tally):
        try:
            _poll(desk, channel, tally)
        except S2SError as error:
            tally.failed("channel", channel.channel, error)
            after_s = error.retry_after_s if isinstance(error, TransientError) else None
            retry_at = desk.clock.now() + back_off(0, after_s)
            desk.ledger.poll_failed(desk.client, channel.channel, f"{type(error).__name__}: {error}", retry_at)


def reread_days(desk: OrderDesk, days: tuple[date, date], tally: Tally) -> frozenset[OrderKey]:
    """Store all orders placed on the given days (both included), as far as ``from`` allows; returns which they are."""
    read: set[OrderKey] = set()
    for channel in _open_channels(desk, tally):
        start = start_of(max(days[0], channel.policy.from_on), desk.zone)
        end = start_of(days[1] + timedelta(days=1), desk.zone)
        if start >= end:
            continue
        try:
            orders = channel.port.orders_between(start, end)
        except S2SError as error:
            tally.failed("channel", channel.channel, error)
            continue
        tally.bodies += desk.ledger.store_raw(desk.client, channel.channel, orders, is_forced=True)
        read.update((channel.channel, raw.channel_order_code) for raw in orders)
    return frozenset(read)


def fetch_named(desk: OrderDesk, names: Sequence[str], tally: Tally) -> frozenset[OrderKey]:
    """Store the named orders anew; a name is a channel order code, or ``channel:code``. Returns which they are."""
    found: set[OrderKey] = set()
    for name in names:
        keys = _keys_of(desk, name)
        known = {key for key in keys if _fetch(desk, key, tally)}
        if not known:
            tally.failed("order", name, _unknown(desk, keys))
        found |= known
    return frozenset(found)


def take_in(desk: OrderDesk, tally: Tally, *, forced: frozenset[OrderKey], scope: Scope) -> None:
    """Translate and judge every body that waits; those that nobody understands are set aside with the problem."""
    seen: set[int] = set()
    while True:
        items = [i for i in desk.ledger.untaken(desk.client, limit=_PAGE, scope=scope) if i.id not in seen]
        if not items:
            return
        for item in items:
            seen.add(item.id)
            _take_in(desk, item, tally, is_forced=(item.channel, item.channel_order_code) in forced)


def _open_channels(desk: OrderDesk, tally: Tally) -> Iterator[ChannelDesk]:
    """The channels that may be asked, each looked at just before its turn; the others are noted."""
    for channel in desk.channels.values():
        pause = desk.pause_of("orders", channel=channel.channel)
        if pause is None:
            yield channel
        else:
            tally.note_pause(pause)


def _unknown(desk: OrderDesk, keys: Sequence[OrderKey]) -> S2SError:
    """Why a named order is not known: nobody has it, or whoever may have it must not be asked now."""
    for channel, _ in keys:
        pause = desk.pause_of("orders", channel=channel)
        if pause is not None:
            return paused_error(pause, client=desk.client, connection=channel, operation="fetch an order")
    return DataError("no channel and no ledger knows this order", operation="fetch an order")


def _poll(desk: OrderDesk, channel: ChannelDesk, tally: Tally) -> None:
    cursor = desk.ledger.cursor(desk.client, channel.channel)
    if cursor is None:
        cursor = channel.port.start_cursor(start_of(channel.policy.from_on, desk.zone))
    for _ in range(desk.pages):
        page = channel.port.orders(cursor, limit=_PAGE)
        tally.bodies += desk.ledger.store_page(desk.client, channel.channel, page)
        if page.is_last or page.next_cursor in (None, cursor):
            return
        cursor = page.next_cursor


def _keys_of(desk: OrderDesk, name: str) -> list[OrderKey]:
    prefix, _, rest = name.partition(":")
    if rest and prefix in desk.channels:
        return [(prefix, rest)]
    known = [(r.channel, r.channel_order_code) for r in desk.ledger.find_orders(desk.client, name)]
    return known or [(channel, name) for channel in desk.channels]


def _fetch(desk: OrderDesk, key: OrderKey, tally: Tally) -> bool:
    """Ask the channel for one order; True when the channel or at least the ledger knows it."""
    channel, code = key
    raw: RawOrder | None = None
    pause = desk.pause_of("orders", channel=channel)
    if pause is not None:
        tally.note_pause(pause)
    try:
        raw = desk.channels[channel].port.order(code) if channel in desk.channels and pause is None else None
    except S2SError as error:
        tally.failed("channel", channel, error)
    if raw is not None:
        tally.bodies += desk.ledger.store_raw(desk.client, channel, [raw], is_forced=True)
        return True
    known = desk.ledger.find_orders(desk.client, code)
    return any((r.channel, r.channel_order_code) == key for r in known)


def _take_in(desk: OrderDesk, item: InboxItem, tally: Tally, *, is_forced: bool) -> None:
    channel = desk.channels.get(item.channel)
    try:
        if channel is None:
            raise DataError("its channel is not declared any more", operation="take in an order")
        raw = RawOrder(item.channel_order_code, item.body, item.modified_at)
        order = channel.port.translate(raw)
        verdict = decide(order, channel.policy, currency=desk.currency, timezone=desk.zone)
        record = desk.ledger.take_in(item, order, verdict, is_forced=is_forced)
    except DataError as error:
        _set_aside(desk, item, error, tally)
    except _OUR_BUGS as error:
        what = DataError(f"the connector stumbled over it ({type(error).__name__})", operation="translate an order")
        _set_aside(desk, item, what, tally)
    else:
        tally.taken += 1
        tally.note_state(record)


def _set_aside(desk: OrderDesk, item: InboxItem, error: DataError, tally: Tally) -> None:
    located = error.located(client=desk.client, connection=item.channel, reference=item.channel_order_code)
    desk.ledger.not_understood(item, str(located))
    tally.not_understood += 1
    tally.failed("order", f"{item.channel}:{item.channel_order_code}", located)

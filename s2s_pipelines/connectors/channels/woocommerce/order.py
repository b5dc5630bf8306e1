"""A WooCommerce order in our words. Pure.

Facts: WooCommerce recordings 54 to 69, 73, 78 to 80 (version 10.0.2). Line totals are always net and already less their
coupons; ``price`` is a number with stray digits and is not read. Only ``total`` is to be trusted. ``number`` may differ from
``id``. Stamps without ``_gmt`` are in the shop's own time and are not read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from html import unescape
from typing import Any

from s2s_pipelines.connectors.kit.http_json import UnreadableJson, parse_json
from s2s_pipelines.errors import DataError
from s2s_pipelines.model.order import Address, ChannelOrder, ChannelOrderLine, LineKind
from s2s_pipelines.ports import RawOrder

RESERVING = frozenset({"on-hold", "processing"})
"""In these the shop has already taken the goods off its stock (recordings 73)."""

CANCELLED = frozenset({"cancelled", "refunded", "failed", "trash"})

_LINES: tuple[tuple[str, LineKind], ...] = (
    ("line_items", "item"),
    ("shipping_lines", "shipping"),
    ("fee_lines", "fee"),
)
_TITLES: Mapping[LineKind, str] = {"item": "name", "shipping": "method_title", "fee": "name"}


def translate_order(raw: RawOrder, *, customer_code_meta_key: str | None = None) -> ChannelOrder:
    """Our words for a raw order.

    Raises:
        DataError: the body lacks something that every order has, or says it in a way that cannot be read.
    """
    try:
        return _order(parse_json(raw.body.encode(), "application/json").value, customer_code_meta_key)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation, UnreadableJson) as error:
        problem = f"{type(error).__name__} at {error.args[0]}" if isinstance(error, KeyError) else type(error).__name__
    raise DataError(
        f"the order's body cannot be understood ({problem})",
        operation="translate order",
        reference=raw.channel_order_code,
        next_step="look at the raw body in the inbox",
    )


def instant(stamp: str) -> datetime:
    """A ``_gmt`` stamp as an aware moment.

    >>> instant("2026-11-21T10:16:30")
    datetime.datetime(2026, 11, 21, 10, 16, 30, tzinfo=datetime.timezone.utc)
    """
    at = datetime.fromisoformat(stamp)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _order(body: Mapping[str, Any], customer_code_meta_key: str | None) -> ChannelOrder:
    status = str(body["status"])
    meta = _meta(body.get("meta_data") or ())
    billing = body.get("billing") or {}
    rates = {str(line["rate_id"]): _rate(line) for line in body.get("tax_lines") or ()}
    return ChannelOrder(
        channel_order_code=str(body["id"]),
        number=str(body["number"]),
        status=status,
        currency=str(body["currency"]),
        ordered_at=instant(body["date_created_gmt"]),
        modified_at=instant(body["date_modified_gmt"]),
        is_reserving=status in RESERVING,
        is_cancelled=status in CANCELLED,
        prices_include_tax=_flag(body["prices_include_tax"]),
        lines=tuple(_line(line, kind, rates) for name, kind in _LINES for line in body[name]),
        total=_amount(body["total"]),
        tax_total=_amount(body["total_tax"]),
        total_refunded=-sum((_amount(r["total"]) for r in body.get("refunds") or ()), Decimal(0)),
        customer_code=meta.get(customer_code_meta_key, "").strip() if customer_code_meta_key else "",
        email=str(billing.get("email") or "").strip(),
        phone=str(billing.get("phone") or "").strip(),
        billing=_address(billing),
        shipping=_address(body.get("shipping") or {}),
        payment_method=str(body.get("payment_method") or ""),
        notes=str(body.get("customer_note") or ""),
        meta=meta,
    )


def _line(line: Mapping[str, Any], kind: LineKind, rates: Mapping[str, Decimal | None]) -> ChannelOrderLine:
    product = _code(line.get("product_id")) if kind == "item" else ""
    variant = _code(line.get("variation_id")) if kind == "item" else ""
    tax = _amount(line["total_tax"])
    return ChannelOrderLine(
        line_code=str(line["id"]),
        kind=kind,
        sku=str(line.get("sku") or "") if kind == "item" else "",
        title=unescape(str(line.get(_TITLES[kind]) or "")),
        qty=_whole(line["quantity"]) if kind == "item" else 1,
        net=_amount(line["total"]),
        tax=tax,
        tax_rate=_tax_rate(line.get("taxes") or (), rates, tax),
        channel_product_code=product,
        channel_variant_code=variant or product,
    )


def _tax_rate(taxes: Sequence[Mapping[str, Any]], rates: Mapping[str, Decimal | None], tax: Decimal) -> Decimal | None:
    """The percentages that were applied, added up; rates that are listed with an empty total were not applied."""
    applied = [rates.get(str(t["id"])) for t in taxes if str(t.get("total") or "") != ""]
    if not applied:
        return Decimal(0) if tax == 0 else None
    known = [rate for rate in applied if rate is not None]
    return sum(known, Decimal(0)) if len(known) == len(applied) else None


def _rate(tax_line: Mapping[str, Any]) -> Decimal | None:
    percent = tax_line.get("rate_percent")
    return None if percent is None else Decimal(str(percent))


def _amount(value: Any) -> Decimal:
    """Money, which this interface spells as text; a minus zero becomes zero."""
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise TypeError("no amount")
    amount = Decimal(value)
    if not amount.is_finite():
        raise ValueError("no amount")
    return amount if amount else abs(amount)


def _whole(value: Any) -> int:
    quantity = Decimal(str(value))
    if quantity != quantity.to_integral_value():
        raise ValueError("a part of a unit")
    return int(quantity)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _code(value: Any) -> str:
    return str(value) if value else ""


def _address(fields: Mapping[str, Any]) -> Address:
    def text(name: str) -> str:
        return str(fields.get(name) or "").strip()

    return Address(
        first_name=text("first_name"),
        last_name=text("last_name"),
        company=text("company"),
        address1=text("address_1"),
        address2=text("address_2"),
        city=text("city"),
        province=text("state"),
        country_code=text("country"),
        zip=text("postcode"),
        phone=text("phone"),
    )


def _meta(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Meta by key, the first of several kept; lists and objects as JSON text."""
    found: dict[str, str] = {}
    for entry in entries:
        value = entry.get("value")
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
        found.setdefault(str(entry["key"]), text)
    return found

"""Orders and targets for tests: spelled out by hand, nothing computed."""

from datetime import UTC, datetime
from decimal import Decimal

from s2s_pipelines.model.order import ChannelOrder, ChannelOrderLine
from s2s_pipelines.orders.policy import ChannelOrders, SourceOrders
from s2s_pipelines.orders.routing import OrderTarget
from s2s_pipelines.ports import SkuOwner

NOON = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def line(code, sku, qty, net, tax, *, rate="15", kind="item", title=""):
    return ChannelOrderLine(
        line_code=code,
        kind=kind,
        sku=sku,
        title=title or sku,
        qty=qty,
        net=Decimal(net),
        tax=Decimal(tax),
        tax_rate=None if rate is None else Decimal(rate),
    )


def shipping(net, tax, *, code="s1"):
    return line(code, "", 1, net, tax, kind="shipping", title="Flat rate")


def fee(net, tax, *, code="f1", title="Handling"):
    return line(code, "", 1, net, tax, kind="fee", title=title)


def order(*lines, total, **values):
    given = {
        "channel_order_code": "77",
        "number": "77",
        "status": "processing",
        "currency": "ZAR",
        "ordered_at": NOON,
        "modified_at": NOON,
        "is_reserving": True,
        "is_cancelled": False,
        "prices_include_tax": True,
        "email": "buyer@example.com",
    }
    tax = sum((item.tax for item in lines), Decimal(0))
    return ChannelOrder(**{**given, "lines": tuple(lines), "total": Decimal(total), "tax_total": tax, **values})


def source_policy(**values):
    given = {"tax_codes": {"15": "01", "0": "02"}, "shipping_item": "FREIGHT", "fee_item": "FEE"}
    return SourceOrders(**{**given, **values})


def target(source="erp", *, takes_orders=True, kinds=("sales_order", "quotation"), reference_length=40, **policy):
    return OrderTarget(source, source_policy(**policy), takes_orders, kinds, reference_length)


def channel_policy(**values):
    given = {"from": "2026-01-01", "default_customers": {"erp": "WEB001", "erp_a": "WEB-A", "erp_b": "WEB-B"}}
    return ChannelOrders.model_validate({**given, **values})


def owner(sku, source="erp", *, is_conflict=False):
    return SkuOwner(sku, source, f"v-{sku}", sku, is_conflict)

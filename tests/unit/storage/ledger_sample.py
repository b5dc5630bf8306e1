"""A ledger with a clock that stands still until told, and orders to put into it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from s2s_pipelines.model.order import ChannelOrder, ChannelOrderLine, Document, DocumentLine, Receipt
from s2s_pipelines.model.record import OrderState, Scope, Verdict
from s2s_pipelines.ports import OrderPage, RawOrder
from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.lease import Leases
from s2s_pipelines.storage.ledger import OrderLedger
from s2s_pipelines.storage.migration import migrate

NOON = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CLIENT, CHANNEL = "karoo", "shop"
ALL = Scope()
DUE = Verdict(OrderState.DUE)


class StillClock:
    def __init__(self):
        self.present = NOON

    def now(self):
        return self.present

    def pass_s(self, seconds):
        self.present += timedelta(seconds=seconds)


class Desk:
    """Ledger, leases and clock on one database."""

    def __init__(self, url):
        self.engine = make_engine(url)
        migrate(self.engine)
        self.clock = StillClock()
        self.ledger = OrderLedger(self.engine, self.clock)
        self.leases = Leases(self.engine, self.clock)

    def store(self, code="77", body="{}", *, modified_at=NOON, client=CLIENT):
        return self.ledger.store_raw(client, CHANNEL, [RawOrder(code, body, modified_at)])

    def take(self, placed, verdict=DUE, *, body=None, is_forced=False):
        self.store(placed.channel_order_code, body or repr(placed), modified_at=placed.modified_at)
        (item,) = self.ledger.untaken(CLIENT, limit=10, scope=ALL)
        return self.ledger.take_in(item, placed, verdict, is_forced=is_forced)

    def planned(self, *sources, code="77"):
        record = self.take(order(code))
        documents = [document(source, code) for source in sources]
        return self.ledger.plan(record, documents, {"A": sources[0]})

    def held_lease(self, name="connection/karoo/erp", ttl_s=60.0):
        return self.leases.take(name, "test", ttl_s)


def page(*raws, cursor="c1", is_last=True):
    return OrderPage(tuple(raws), cursor, is_last)


def order(code="77", **values):
    line = ChannelOrderLine("1", "item", "A", "A", 2, Decimal("100.00"), Decimal("15.00"), Decimal(15))
    given = {
        "number": f"N{code}",
        "status": "processing",
        "currency": "ZAR",
        "ordered_at": NOON,
        "modified_at": NOON,
        "is_reserving": True,
        "is_cancelled": False,
        "prices_include_tax": False,
        "lines": (line,),
        "total": Decimal("115.00"),
        "tax_total": Decimal("15.00"),
    }
    return ChannelOrder(channel_order_code=code, **{**given, **values})


def document(source="erp", code="77", total="115.00"):
    net = Decimal(total) - Decimal("15.00")
    line = DocumentLine(1, "item", "A", "v-A", "A", 2, net, Decimal("15.00"), Decimal(15), "01", Decimal("50.0000"))
    return Document(
        f"SHOP-{code}-{source.upper()}", "sales_order", CLIENT, CHANNEL, code, f"N{code}", source, "WEB001",
        date(2026, 11, 21), "ZAR", (line,),
    )  # fmt: skip


def receipt(record, code="SO00001", total="115.00", *, was_found=False):
    return Receipt(record.document.reference, code, None if total is None else Decimal(total), NOON, was_found)

"""A small shop and two small ERPs in SQLite files: real enough to double an order, because nothing in them forbids it."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from s2s_pipelines.cycle.order_desk import ChannelDesk, OrderDesk, SourceDesk
from s2s_pipelines.errors import DataError
from s2s_pipelines.model.change import Outcome, ProductChange
from s2s_pipelines.model.order import ChannelOrder, ChannelOrderLine, Document, Receipt
from s2s_pipelines.orders.policy import ChannelOrders, SourceOrders
from s2s_pipelines.ports import OrderPage, RawOrder, SkuOwner
from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.lease import Leases
from s2s_pipelines.storage.ledger import OrderLedger
from s2s_pipelines.storage.migration import migrate
from tests.kills.subject import Standing
from tests.kills.workshop import ShiftedClock

CLIENT = "trial"
CHANNEL = "shop"
SOURCES = ("erp_a", "erp_b")
TAX = Decimal("0.15")

SHOP_TABLES = """
create table orders (id integer primary key, status text not null, created text not null, modified text not null,
                     revision integer not null, lines text not null, total text not null);
create table notes (order_id integer not null, text text not null);
"""
ERP_TABLES = """
create table sales_orders (doc_no integer primary key autoincrement, external_ref text not null, order_no text not null,
                           customer text not null, total text not null, written text not null);
create table sales_order_lines (doc_no integer not null, sku text not null, qty integer not null, net text not null,
                                tax text not null);
"""


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30)
    connection.row_factory = sqlite3.Row
    return connection


class FileShop:
    """A shop: orders with a revision that every save moves, our own notes included."""

    OVERLAP = 3

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        with closing(_open(self.path)) as db, db:
            db.executescript(SHOP_TABLES)

    def place(self, lines: Sequence[tuple[str, int, str]], *, shipping: str = "0", status: str = "processing") -> str:
        """Place an order of (sku, quantity, net) lines; the shop adds the tax per line, as shops do."""
        rows = [
            {"kind": "item", "sku": sku, "qty": qty, "net": net, "tax": str(_tax(Decimal(net)))}
            for sku, qty, net in lines
        ]
        if Decimal(shipping):
            rows.append({"kind": "shipping", "sku": "", "qty": 1, "net": shipping, "tax": str(_tax(Decimal(shipping)))})
        total = sum((Decimal(r["net"]) + Decimal(r["tax"]) for r in rows), Decimal(0))
        now = datetime.now(UTC).isoformat()
        with closing(_open(self.path)) as db, db:
            db.execute("begin immediate")
            cursor = db.execute(
                "insert into orders (status, created, modified, revision, lines, total) "
                "select ?, ?, ?, coalesce(max(revision), 0) + 1, ?, ? from orders",
                (status, now, now, json.dumps(rows), str(total)),
            )
            return str(cursor.lastrowid)

    def edit(self, code: str, **changes: str) -> None:
        """Save an order, which moves its stamp and revision whether or not anything changed."""
        with closing(_open(self.path)) as db, db:
            db.execute("begin immediate")
            for name, value in changes.items():
                assert name in ("status", "total", "lines")
                db.execute(f"update orders set {name} = ? where id = ?", (value, code))
            db.execute(
                "update orders set modified = ?, revision = (select max(revision) + 1 from orders) where id = ?",
                (datetime.now(UTC).isoformat(), code),
            )

    def totals(self) -> dict[str, Decimal]:
        with closing(_open(self.path)) as db:
            return {
                str(r["id"]): Decimal(r["total"])
                for r in db.execute("select * from orders where status = 'processing'")
            }

    def rows(self) -> dict[str, list[dict]]:
        with closing(_open(self.path)) as db:
            return {
                str(r["id"]): json.loads(r["lines"])
                for r in db.execute("select * from orders where status = 'processing'")
            }

    def notes(self, code: str) -> list[str]:
        with closing(_open(self.path)) as db:
            return [r["text"] for r in db.execute("select text from notes where order_id = ?", (code,))]

    # --- the port

    def check(self) -> None:
        with closing(_open(self.path)) as db:
            db.execute("select 1 from orders limit 1")

    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        raise DataError("this shop shows no goods")

    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        start = int(since or 0)
        with closing(_open(self.path)) as db:
            rows = db.execute(
                "select * from orders where revision > ? order by revision limit ?", (start - self.OVERLAP, limit)
            ).fetchall()
        last = rows[-1]["revision"] if rows else start
        cursor = str(max(start, last))
        return OrderPage(tuple(map(_raw, rows)), cursor, is_last=len(rows) < limit)

    def start_cursor(self, at: datetime) -> str:
        with closing(_open(self.path)) as db:
            row = db.execute("select min(revision) from orders where modified >= ?", (at.isoformat(),)).fetchone()
        return str((row[0] or 1) - 1)

    def orders_between(self, start: datetime, end: datetime) -> Sequence[RawOrder]:
        with closing(_open(self.path)) as db:
            query = "select * from orders where created >= ? and created < ? order by id"
            bounds = (start.astimezone(UTC).isoformat(), end.astimezone(UTC).isoformat())
            return [_raw(row) for row in db.execute(query, bounds)]

    def order(self, channel_order_code: str) -> RawOrder | None:
        with closing(_open(self.path)) as db:
            row = db.execute("select * from orders where id = ?", (channel_order_code,)).fetchone()
        return _raw(row) if row else None

    def translate(self, raw: RawOrder) -> ChannelOrder:
        try:
            body = json.loads(raw.body)
        except ValueError as error:
            raise DataError("not JSON") from error
        lines = tuple(
            ChannelOrderLine(
                line_code=str(number),
                kind=row["kind"],
                sku=row["sku"],
                title=row["sku"],
                qty=row["qty"],
                net=Decimal(row["net"]),
                tax=Decimal(row["tax"]),
                tax_rate=Decimal(15),
            )
            for number, row in enumerate(body["lines"], start=1)
        )
        return ChannelOrder(
            channel_order_code=body["id"],
            number=body["id"],
            status=body["status"],
            currency="ZAR",
            ordered_at=datetime.fromisoformat(body["created"]),
            modified_at=datetime.fromisoformat(body["modified"]),
            is_reserving=body["status"] == "on-hold",
            is_cancelled=body["status"] == "cancelled",
            prices_include_tax=False,
            lines=lines,
            total=Decimal(body["total"]),
            tax_total=sum((line.tax for line in lines), Decimal(0)),
            email="buyer@example.com",
        )

    def acknowledge(self, channel_order_code: str, receipts: Mapping[str, Receipt]) -> None:
        with closing(_open(self.path)) as db, db:
            db.execute("begin immediate")
            for source, receipt in sorted(receipts.items()):
                text = f"{source}: {receipt.source_order_code}"
                there = db.execute(
                    "select 1 from notes where order_id = ? and text = ?", (channel_order_code, text)
                ).fetchone()
                if not there:
                    db.execute("insert into notes values (?, ?)", (channel_order_code, text))
        self.edit(channel_order_code)  # the write-back comes back as a change

    def product_url(self, channel_product_code: str) -> str | None:
        return None


def _raw(row: sqlite3.Row) -> RawOrder:
    body = {name: row[name] for name in ("status", "created", "modified", "total")}
    body |= {"id": str(row["id"]), "lines": json.loads(row["lines"])}
    return RawOrder(str(row["id"]), json.dumps(body, sort_keys=True), datetime.fromisoformat(row["modified"]))


def _tax(net: Decimal) -> Decimal:
    return (net * TAX).quantize(Decimal("0.01"))


class FileErp:
    """An ERP that writes whatever it is told, twice if told twice: no unique key guards the reference."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        with closing(_open(self.path)) as db, db:
            db.executescript(ERP_TABLES)

    def documents(self) -> list[tuple[str, Decimal, tuple[tuple[str, int], ...]]]:
        """Order number, total and goods of every document."""
        with closing(_open(self.path)) as db:
            lines: dict[int, list[tuple[str, int]]] = {}
            for row in db.execute("select * from sales_order_lines"):
                lines.setdefault(row["doc_no"], []).append((row["sku"], row["qty"]))
            return [
                (r["order_no"], Decimal(r["total"]), _goods(lines.get(r["doc_no"], [])))
                for r in db.execute("select * from sales_orders order by doc_no")
            ]

    def find(self, reference: str) -> Receipt | None:
        with closing(_open(self.path)) as db:
            row = db.execute("select * from sales_orders where external_ref = ?", (reference,)).fetchone()
        return _receipt(row, was_found=True) if row else None

    def raise_order(self, document: Document) -> Receipt:
        with closing(_open(self.path)) as db, db:
            db.execute("begin immediate")
            number = db.execute(
                "insert into sales_orders (external_ref, order_no, customer, total, written) values (?, ?, ?, ?, ?)",
                (
                    document.reference,
                    document.order_number,
                    document.source_customer_code,
                    str(document.total),
                    datetime.now(UTC).isoformat(),
                ),
            ).lastrowid
            for line in document.lines:
                db.execute(
                    "insert into sales_order_lines values (?, ?, ?, ?, ?)",
                    (number, line.sku, line.qty, str(line.net), str(line.tax)),
                )
            row = db.execute("select * from sales_orders where doc_no = ?", (number,)).fetchone()
            return _receipt(row, was_found=False)


def _receipt(row: sqlite3.Row, *, was_found: bool) -> Receipt:
    written = datetime.fromisoformat(row["written"])
    return Receipt(row["external_ref"], f"SO{row['doc_no']:05}", Decimal(row["total"]), written, was_found)


class PrefixDirectory:
    """A catalogue in which a sku's first letter names its ERP, and every buyer is unknown."""

    def sku_owners(self, client: str, skus: Sequence[str]) -> Mapping[str, SkuOwner]:
        owners = {"A": "erp_a", "B": "erp_b"}
        return {s: SkuOwner(s, owners[s[0]], f"v-{s}", s, False) for s in skus if s[:1] in owners}

    def customer_codes(self, client: str, source: str, emails: Sequence[str]) -> Mapping[str, str]:
        return {}


def expected_documents(shop: FileShop) -> list[Standing]:
    """What must stand: goods by the letter of their sku, freight with the larger net."""
    wanted = []
    for code, lines in shop.rows().items():
        sums, nets = dict.fromkeys(SOURCES, Decimal(0)), dict.fromkeys(SOURCES, Decimal(0))
        goods: dict[str, list[tuple[str, int]]] = {source: [] for source in SOURCES}
        freight = Decimal(0)
        for line in lines:
            amount = Decimal(line["net"]) + Decimal(line["tax"])
            if line["kind"] == "shipping":
                freight += amount
                continue
            source = "erp_a" if line["sku"].startswith("A") else "erp_b"
            sums[source] += amount
            nets[source] += Decimal(line["net"])
            goods[source].append((line["sku"], line["qty"]))
        sums[max(SOURCES, key=lambda source: nets[source])] += freight
        wanted += [Standing(code, source, sums[source], _goods(goods[source])) for source in SOURCES if goods[source]]
    return wanted


def _goods(lines: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((sku, units) for sku, units in lines if sku != "FREIGHT"))


def create_world(folder: Path, database: str | None = None) -> None:
    """Make the shop, the ERPs and our own database, empty."""
    FileShop(folder / "shop.db").create()
    for source in SOURCES:
        FileErp(folder / f"{source}.db").create()
    engine = make_engine(database or f"sqlite:///{folder / 'ledger.db'}")
    migrate(engine)
    engine.dispose()


def build_desk(folder: Path, *, database: str | None = None, ahead_s: float = 0.0) -> tuple[OrderDesk, sa.Engine]:
    """The order desk of that world."""
    clock = ShiftedClock(ahead_s)
    engine = make_engine(database or f"sqlite:///{folder / 'ledger.db'}")
    policy = SourceOrders(tax_codes={"15": "01", "0": "02"}, shipping_item="FREIGHT")
    channel = ChannelOrders.model_validate(
        {"from": date(2020, 1, 1), "default_customers": dict.fromkeys(SOURCES, "WEB001")}
    )
    sources = {
        key: SourceDesk(key, f"{key}_connection", FileErp(folder / f"{key}.db"), policy, 40, ("sales_order",))
        for key in SOURCES
    }
    desk = OrderDesk(
        client=CLIENT,
        timezone="Africa/Johannesburg",
        currency="ZAR",
        channels={CHANNEL: ChannelDesk(CHANNEL, FileShop(folder / "shop.db"), channel)},
        sources=sources,
        ledger=OrderLedger(engine, clock),
        leases=Leases(engine, clock),
        directory=PrefixDirectory(),
        clock=clock,
        holder="trial worker",
    )
    return desk, engine

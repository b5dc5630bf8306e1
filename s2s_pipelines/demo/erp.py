"""An invented ERP as one SQLite file: items, warehouses, debtors and sales documents.

Availability is what the stock room has less what its own documents have promised, so raising an order lowers it, as a real
ERP would. Item rows have no unique code, because real item masters, after twenty years, do not either.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from s2s_pipelines.demo.assortment import Item

SCHEMA = """
CREATE TABLE item (
    stock_id INTEGER PRIMARY KEY,
    code TEXT,
    style TEXT,
    description TEXT,
    long_text TEXT,
    category TEXT,
    colour TEXT,
    size TEXT,
    barcode TEXT,
    price_incl TEXT,
    price_trade TEXT,
    mass_kg TEXT,
    web_status TEXT,
    buyer_note TEXT
);
CREATE TABLE stock (stock_id INTEGER, warehouse TEXT, on_hand INTEGER, PRIMARY KEY (stock_id, warehouse));
CREATE TABLE debtor (account TEXT PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, status TEXT);
CREATE TABLE sales_order (
    doc_id INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_no TEXT GENERATED ALWAYS AS ('SO' || printf('%06d', doc_id)) VIRTUAL,
    external_ref TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES debtor (account),
    order_date TEXT NOT NULL,
    kind TEXT NOT NULL,
    web_number TEXT NOT NULL,
    net_total TEXT NOT NULL,
    tax_total TEXT NOT NULL,
    total TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE sales_order_line (
    doc_id INTEGER NOT NULL REFERENCES sales_order (doc_id),
    line_no INTEGER NOT NULL,
    item_code TEXT NOT NULL,
    description TEXT,
    qty INTEGER NOT NULL,
    unit_price TEXT NOT NULL,
    net TEXT NOT NULL,
    tax TEXT NOT NULL,
    tax_code TEXT,
    PRIMARY KEY (doc_id, line_no)
);
CREATE INDEX sales_order_line_item ON sales_order_line (item_code);
"""


@dataclass(frozen=True, slots=True)
class ErpDocument:
    """A document as it stands in the ERP's own tables."""

    number: str
    reference: str
    web_number: str
    account: str
    total: Decimal
    created_at: str
    lines: tuple[tuple[str, int], ...]


class DemoErp:
    """Makes and inspects the file; the system under demonstration reaches it through its ``sql`` connector only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, items: Iterable[Item], *, trade_factor: Decimal = Decimal("0.8"), has_stock: bool = True) -> None:
        """Make the file anew with these items in warehouse MAIN."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        with self._open() as db:
            db.executescript("PRAGMA journal_mode=WAL;" + SCHEMA)
            for number, item in enumerate(items, start=1):
                trade = (item.price * trade_factor).quantize(Decimal("0.01"))
                db.execute(
                    "INSERT INTO item VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    (
                        number, item.sku, item.style, item.title, f"<p>{item.title}. Made for dust and distance.</p>",
                        item.category, item.colour or None, item.size or None, item.barcode, str(item.price), str(trade),
                        f"{item.mass_g / 1000:.3f}", "Active", "not for the web",
                    ),
                )  # fmt: skip
                if has_stock:
                    db.execute("INSERT INTO stock VALUES (?, 'MAIN', ?)", (number, item.on_hand))

    def add_debtors(self, debtors: Sequence[tuple[str, str, str, str, str]]) -> None:
        """Add accounts: (account, first name, last name, e-mail, status A, I or D)."""
        with self._open() as db:
            db.executemany("INSERT INTO debtor VALUES (?,?,?,?,?)", debtors)

    def execute(self, statement: str, values: Sequence[object] = ()) -> None:
        """One statement, as a clerk with too many rights would run it."""
        with self._open() as db:
            db.execute(statement, tuple(values))

    def documents(self) -> list[ErpDocument]:
        """Every sales document, oldest first."""
        with self._open() as db:
            lines: dict[int, list[tuple[str, int]]] = {}
            for doc_id, code, qty in db.execute(
                "SELECT doc_id, item_code, qty FROM sales_order_line ORDER BY doc_id, line_no"
            ):
                lines.setdefault(doc_id, []).append((code, qty))
            rows = db.execute(
                "SELECT doc_id, doc_no, external_ref, web_number, account, total, created_at FROM sales_order ORDER BY doc_id"
            )
            return [
                ErpDocument(no, ref, web, account, Decimal(total), created, tuple(lines.get(doc_id, ())))
                for doc_id, no, ref, web, account, total, created in rows
            ]

    def available(self) -> dict[str, int]:
        """Units by item code that the ERP would still promise."""
        with self._open() as db:
            rows = db.execute(
                "SELECT i.code, COALESCE((SELECT SUM(on_hand) FROM stock s WHERE s.stock_id = i.stock_id), 0)"
                " - COALESCE((SELECT SUM(qty) FROM sales_order_line l WHERE l.item_code = i.code), 0) FROM item i"
            )
            return {str(code): int(units) for code, units in rows}

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection that commits at the end and is closed, which sqlite3's own context manager leaves undone."""
        with closing(sqlite3.connect(self.path, timeout=30)) as db, db:
            yield db

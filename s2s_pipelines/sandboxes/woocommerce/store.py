"""The shop's own tables in one SQLite file.

Products and orders have columns for what lists filter and oracles count; the whole record is JSON beside them. Everything
small lives in ``records``. Money is kept as text exactly as the shop would print it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .wire import Json

_TABLES = """
CREATE TABLE IF NOT EXISTS sequences (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id INTEGER NOT NULL, parent INTEGER NOT NULL DEFAULT 0, doc TEXT NOT NULL, PRIMARY KEY (kind, id));
CREATE INDEX IF NOT EXISTS records_parent ON records (kind, parent);
CREATE TABLE IF NOT EXISTS products (
    id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, sku TEXT NOT NULL,
    sku_key TEXT NOT NULL, gtin TEXT NOT NULL, slug TEXT NOT NULL, name TEXT NOT NULL, price TEXT NOT NULL,
    regular_price TEXT NOT NULL, manage_stock INTEGER NOT NULL, stock_quantity INTEGER, stock_status TEXT NOT NULL,
    menu_order INTEGER NOT NULL, created_s INTEGER NOT NULL, modified_s INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS products_sku ON products (sku_key);
CREATE INDEX IF NOT EXISTS products_gtin ON products (gtin) WHERE gtin <> '';
CREATE INDEX IF NOT EXISTS products_slug ON products (slug);
CREATE INDEX IF NOT EXISTS products_parent ON products (parent_id);
CREATE INDEX IF NOT EXISTS products_modified ON products (modified_s, status, type);
CREATE INDEX IF NOT EXISTS products_created ON products (created_s, status, type);
CREATE TABLE IF NOT EXISTS product_terms (
    term_id INTEGER NOT NULL, product_id INTEGER NOT NULL, PRIMARY KEY (term_id, product_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS product_terms_product ON product_terms (product_id);
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, status TEXT NOT NULL, customer_id INTEGER NOT NULL, total TEXT NOT NULL, currency TEXT NOT NULL,
    created_via TEXT NOT NULL, created_s INTEGER NOT NULL, modified_s INTEGER NOT NULL, search TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_modified ON orders (modified_s);
CREATE INDEX IF NOT EXISTS orders_created ON orders (created_s);
CREATE TABLE IF NOT EXISTS order_products (
    order_id INTEGER NOT NULL, product_id INTEGER NOT NULL, PRIMARY KEY (order_id, product_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS writes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at_s INTEGER NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    status INTEGER NOT NULL, fault TEXT NOT NULL);
"""

PRODUCT_COLUMNS = (
    "id, parent_id, type, status, sku, sku_key, gtin, slug, name, price, regular_price, manage_stock, stock_quantity,"
    " stock_status, menu_order, created_s, modified_s, doc"
)


def sku_key(sku: str) -> str:
    """How codes are compared: without regard to letter case (WooCommerce recordings 14, 33)."""
    return sku.casefold()


def _clip(quantity: int | None) -> int | None:
    return quantity if quantity is None or -(2**63) <= quantity < 2**63 else None


class Store:
    """One open shop file; every call is made under ``lock``.

    Args:
        path: SQLite file, made when absent.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA busy_timeout = 10000")
        self._connection.executescript(_TABLES)
        self._records: dict[tuple[str, int], Json] = {}
        self.settings: dict[str, str] = dict(self.all("SELECT name, value FROM settings"))

    def close(self) -> None:
        """Close the file; the shop stays on disk."""
        with self.lock:
            self._connection.close()

    def all(self, sql: str, values: Iterable[Any] = ()) -> list[Any]:
        """Every row of a query."""
        return self._connection.execute(sql, tuple(values)).fetchall()

    def one(self, sql: str, values: Iterable[Any] = ()) -> Any:
        """First row of a query, or None."""
        return self._connection.execute(sql, tuple(values)).fetchone()

    def run(self, sql: str, values: Iterable[Any] = ()) -> None:
        """Run one statement."""
        self._connection.execute(sql, tuple(values))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One write transaction; nested calls join the outer one."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            self._records.clear()
            self.settings = dict(self.all("SELECT name, value FROM settings"))
            raise
        self._connection.execute("COMMIT")

    def next_id(self, name: str, first: int = 1) -> int:
        """Next number of a sequence; products, orders, images and coupons share ``post`` as in WordPress."""
        sql = (
            "INSERT INTO sequences (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        return int(self.one(sql, (name, first))[0])

    def set_setting(self, name: str, value: str) -> None:
        """Store one setting."""
        self.settings[name] = value
        self.run(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )

    def record(self, kind: str, number: int) -> Json | None:
        """A small record, or None. The returned object is shared: change it only to save it."""
        held = self._records.get((kind, number))
        if held is None:
            row = self.one("SELECT doc FROM records WHERE kind = ? AND id = ?", (kind, number))
            if row is None:
                return None
            held = json.loads(row[0])
            self._records[kind, number] = held
        return held

    def records(self, kind: str, parent: int | None = None) -> list[Json]:
        """All small records of a kind in id order, of one parent when given."""
        if parent is None:
            rows = self.all("SELECT id FROM records WHERE kind = ? ORDER BY id", (kind,))
        else:
            rows = self.all("SELECT id FROM records WHERE kind = ? AND parent = ? ORDER BY id", (kind, parent))
        return [held for row in rows if (held := self.record(kind, row[0])) is not None]

    def save_record(self, kind: str, doc: Json, parent: int = 0) -> None:
        """Insert or replace a small record under ``doc["id"]``."""
        self._records[kind, doc["id"]] = doc
        self.run(
            "INSERT OR REPLACE INTO records (kind, id, parent, doc) VALUES (?, ?, ?, ?)",
            (kind, doc["id"], parent, json.dumps(doc)),
        )

    def drop_record(self, kind: str, number: int) -> None:
        """Delete a small record."""
        self._records.pop((kind, number), None)
        self.run("DELETE FROM records WHERE kind = ? AND id = ?", (kind, number))

    def product(self, number: int) -> Json | None:
        """A product or variation, or None."""
        row = self.one("SELECT doc FROM products WHERE id = ?", (number,))
        return None if row is None else json.loads(row[0])

    def products(self, numbers: Iterable[int]) -> list[Json]:
        """Several products in the order asked for; unknown ids are left out."""
        return [held for number in numbers if (held := self.product(number)) is not None]

    def save_product(self, doc: Json) -> None:
        """Insert or replace a product with the columns lists and oracles use."""
        values = (
            doc["id"], doc["parent_id"], doc["type"], doc["status"], doc["sku"], sku_key(doc["sku"]), doc["global_unique_id"],
            doc["slug"], doc["name"], doc["price"], doc["regular_price"], int(doc["manage_stock"] is True),
            _clip(doc["stock_quantity"]), doc["stock_status"], doc["menu_order"], doc["created_s"], doc["modified_s"],
            json.dumps(doc),
        )  # fmt: skip
        marks = ", ".join("?" * len(values))
        self.run(f"INSERT OR REPLACE INTO products ({PRODUCT_COLUMNS}) VALUES ({marks})", values)  # noqa: S608 (constants)
        self.run("DELETE FROM product_terms WHERE product_id = ?", (doc["id"],))
        for term in {*doc["categories"], *doc["tags"], *doc["attribute_terms"]}:
            self.run("INSERT INTO product_terms (term_id, product_id) VALUES (?, ?)", (term, doc["id"]))

    def drop_product(self, number: int) -> None:
        """Delete a product for good."""
        self.run("DELETE FROM products WHERE id = ?", (number,))
        self.run("DELETE FROM product_terms WHERE product_id = ?", (number,))

    def order(self, number: int) -> Json | None:
        """An order, or None."""
        row = self.one("SELECT doc FROM orders WHERE id = ?", (number,))
        return None if row is None else json.loads(row[0])

    def save_order(self, doc: Json) -> None:
        """Insert or replace an order with the columns lists and oracles use."""
        people = [str(value) for side in ("billing", "shipping") for value in doc[side].values()]
        search = " ".join([*people, *(line["name"] for line in doc["line_items"])]).casefold()
        self.run(
            "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                doc["id"], doc["status"], doc["customer_id"], doc["total"], doc["currency"], doc["created_via"],
                doc["created_s"], doc["modified_s"], search, json.dumps(doc),
            ),
        )  # fmt: skip
        self.run("DELETE FROM order_products WHERE order_id = ?", (doc["id"],))
        for product in {line["product_id"] for line in doc["line_items"]}:
            self.run("INSERT INTO order_products VALUES (?, ?)", (doc["id"], product))

    def drop_order(self, number: int) -> None:
        """Delete an order for good."""
        self.run("DELETE FROM orders WHERE id = ?", (number,))
        self.run("DELETE FROM order_products WHERE order_id = ?", (number,))

    def note_write(self, at_s: int, method: str, path: str, status: int, fault: str) -> None:
        """Add one non-GET request to the journal."""
        values = (at_s, method, path, status, fault)
        self.run("INSERT INTO writes (at_s, method, path, status, fault) VALUES (?, ?, ?, ?, ?)", values)

    def writes_since(self, number: int = 0) -> int:
        """Non-GET requests after a journal number."""
        return int(self.one("SELECT count(*) FROM writes WHERE number > ?", (number,))[0])

    def last_write(self) -> int:
        """Number of the newest journal entry, 0 when none."""
        return int(self.one("SELECT coalesce(max(number), 0) FROM writes")[0])

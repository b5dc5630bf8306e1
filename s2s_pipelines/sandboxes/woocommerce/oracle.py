"""Reading the shop's own tables, past its interface: what really is there, for tests and counts.

Opens the file read-only and on its own, so it works while the shop runs and after it was stopped or killed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ShopLine:
    """One line of an order; totals are net."""

    sku: str
    product_id: int
    variation_id: int
    quantity: int
    total: Decimal
    total_tax: Decimal


@dataclass(frozen=True)
class ShopOrder:
    """One order as stored; ``total`` includes tax."""

    id: int
    number: str
    status: str
    currency: str
    total: Decimal
    created_at: datetime
    modified_at: datetime
    created_via: str
    meta: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    lines: tuple[ShopLine, ...]


@dataclass(frozen=True)
class ShopProduct:
    """One product or variation as stored.

    Attributes:
        stock_quantity: None where the quantity is not managed.
    """

    id: int
    parent_id: int
    type: str
    status: str
    sku: str
    name: str
    regular_price: str
    price: str
    stock_quantity: int | None
    stock_status: str
    modified_at: datetime


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _product(row: tuple[Any, ...]) -> ShopProduct:
    number, parent_id, kind, status, sku, name, regular_price, price, quantity, stock_status, modified_s = row
    moment = _moment(modified_s)
    return ShopProduct(number, parent_id, kind, status, sku, name, regular_price, price, quantity, stock_status, moment)


class ShopTables:
    """Read-only view of a shop file.

    Args:
        path: the SQLite file of a sandbox.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)) as connection:
            yield connection

    def orders(self) -> list[ShopOrder]:
        """Every order in id order, drafts and binned ones included."""
        with self._open() as connection:
            skus = dict(connection.execute("SELECT id, sku FROM products"))
            notes: dict[int, list[str]] = {}
            for order_id, doc in connection.execute("SELECT parent, doc FROM records WHERE kind = 'note' ORDER BY id"):
                notes.setdefault(order_id, []).append(json.loads(doc)["note"])
            rows = connection.execute("SELECT doc FROM orders ORDER BY id").fetchall()
        return [self._order(json.loads(row[0]), skus, notes) for row in rows]

    @staticmethod
    def _order(doc: dict[str, Any], skus: dict[int, str], notes: dict[int, list[str]]) -> ShopOrder:
        lines = tuple(
            ShopLine(
                sku=skus.get(line["variation_id"] or line["product_id"], ""),
                product_id=line["product_id"],
                variation_id=line["variation_id"],
                quantity=line["quantity"],
                total=Decimal(line["total"]),
                total_tax=Decimal(line["total_tax"]),
            )
            for line in doc["line_items"]
        )
        return ShopOrder(
            id=doc["id"],
            number=str(doc["id"]),
            status=doc["status"],
            currency=doc["currency"],
            total=Decimal(doc["total"]),
            created_at=_moment(doc["created_s"]),
            modified_at=_moment(doc["modified_s"]),
            created_via=doc["created_via"],
            meta=tuple((entry["key"], str(entry["value"])) for entry in doc["meta"]),
            notes=tuple(notes.get(doc["id"], ())),
            lines=lines,
        )

    def products(self) -> dict[str, ShopProduct]:
        """Products and variations that have a code, by code; binned ones left out."""
        sql = (
            "SELECT id, parent_id, type, status, sku, name, regular_price, price, stock_quantity, stock_status, modified_s"
            " FROM products WHERE sku <> '' AND status <> 'trash' ORDER BY id"
        )
        with self._open() as connection:
            rows = connection.execute(sql).fetchall()
        return {row[4]: _product(row) for row in rows}

    def product_count(self) -> int:
        """Products and variations, with or without a code, the bin left out."""
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM products WHERE status <> 'trash'").fetchone()[0])

    def write_count(self, since: int = 0) -> int:
        """Non-GET requests received after a mark, refused and broken ones included."""
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM writes WHERE number > ?", (since,)).fetchone()[0])

    def mark(self) -> int:
        """A mark to count later writes from."""
        with self._open() as connection:
            return int(connection.execute("SELECT coalesce(max(number), 0) FROM writes").fetchone()[0])

"""Puts a large client where its first push would have left it, by the million rows instead of by the hundred.

Sources are read, the catalogue is merged and the channel planned as shipped; only the sending is left out, and what it leaves in
our database is written at once. A test compares it with what a real push leaves.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bench.client import CHANNEL, CLIENT, BenchWorkshop, product_code, variant_code

if TYPE_CHECKING:
    import pyarrow as pa

    from s2s_pipelines.cycle.port import StoredPlan

_BATCH = 20_000
COLUMNS = (
    "client", "channel", "level", "item_key", "product_key", "channel_product_code", "channel_variant_code",
    "acknowledged_hash", "acknowledged", "acknowledged_at", "images", "is_listed", "attempted_at", "is_uncertain", "failures",
)  # fmt: skip
"""What a first push fills in."""


def seed_published(workshop: BenchWorkshop) -> int:
    """Plan a channel's first push, and note all of it as confirmed; how many items that is."""
    planned = workshop.plan(CLIENT, CHANNEL)
    items, now = planned.plan.items, workshop.clock.now()
    if workshop.engine.dialect.name == "postgresql":
        _copy(workshop, items, now)
    else:
        _insert(workshop, items, now)
    _note_pushed(workshop, planned.stored, now)
    return int(items.num_rows)


def _note_pushed(workshop: BenchWorkshop, stored: "StoredPlan", now: datetime) -> None:
    workshop.stores.plans.pushed(stored, {"status": "pushed"}, now)


def _rows(items: "pa.Table", now: datetime) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of ``channel_item``, a batch at a time."""
    at = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for batch in items.select(["level", "product_key", "sku", "state", "content_hash"]).to_batches(_BATCH):
        yield [
            (
                CLIENT,
                CHANNEL,
                level,
                sku or key,
                key,
                product_code(key),
                sku and variant_code(sku),
                content,
                state,
                at,
                None,
                True,
                at,
                False,
                0,
            )
            for level, key, sku, state, content in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]


def _copy(workshop: BenchWorkshop, items: "pa.Table", now: datetime) -> None:
    import csv
    import io

    statement = f"COPY channel_item ({', '.join(COLUMNS)}) FROM STDIN (FORMAT csv)"
    with workshop.engine.begin() as connection, connection.connection.cursor() as cursor:
        for rows in _rows(items, now):
            text = io.StringIO()
            csv.writer(text).writerows(rows)
            text.seek(0)
            cursor.copy_expert(statement, text)
    with workshop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE channel_item")


def _insert(workshop: BenchWorkshop, items: "pa.Table", now: datetime) -> None:
    marks = ", ".join("?" * len(COLUMNS))
    with workshop.engine.begin() as connection:
        for rows in _rows(items, now):
            connection.exec_driver_sql(f"INSERT INTO channel_item ({', '.join(COLUMNS)}) VALUES ({marks})", rows)

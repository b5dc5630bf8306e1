"""What pages read beside their run: the first rows of a file, items that fail, and orders by day, on both databases."""

from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from s2s_pipelines.errors import DataError
from s2s_pipelines.storage import schema
from s2s_pipelines.storage.item_store import Items
from s2s_pipelines.storage.ledger import OrderLedger
from s2s_pipelines.storage.parquet_file import read_head, write_table
from tests.unit.storage.stores import BOTH, NOON, HandClock, engine_of


@pytest.fixture(params=BOTH)
def engine(request, tmp_path):
    made = engine_of(request, tmp_path)
    yield made
    made.dispose()


def put(engine, table, **values):
    with engine.begin() as connection:
        connection.execute(sa.insert(table).values(**values))


def order(engine, code, days, state="complete", channel="shop", client="acme"):
    at = NOON - timedelta(days=days)
    key = {"client": client, "channel": channel, "channel_order_code": code, "number": code, "state": state}
    times = {"ordered_at": at, "modified_at": at, "received_at": at, "changed_at": at}
    rest = {"status": "processing", "order": {}, "content_hash": "h", "currency": "ZAR", "total": Decimal(1)}
    put(engine, schema.sales_order, **key, **times, **rest)


def test_orders_are_counted_by_the_day_they_were_placed(engine):
    for code, days, state in (("1", 0, "complete"), ("2", 0, "held"), ("3", 1, "complete"), ("4", 40, "complete")):
        order(engine, code, days, state)
    order(engine, "5", 0, channel="outlet")
    order(engine, "6", 0, client="bolt")
    ledger = OrderLedger(engine, HandClock())
    found = ledger.by_day("acme", "shop", NOON - timedelta(days=30))
    assert found == {date(2026, 3, 1): (2, 1), date(2026, 2, 28): (1, 0)}


def test_failing_items_are_counted_and_the_first_of_them_told(engine):
    blank = {"client": "acme", "channel": "shop", "level": "variant", "is_listed": True, "is_uncertain": False}
    for sku, failures, reason in (("c", 1, "refused"), ("a", 2, "refused"), ("b", 1, "gone"), ("ok", 0, None)):
        row = {"item_key": sku, "product_key": sku, "failures": failures, "reason": reason}
        put(engine, schema.channel_item, **blank, **row)
    count, first = Items(engine).failing("acme", "shop", 2)
    assert (count, [(item.item_key, item.reason, item.failures) for item in first]) == (
        3, [("b", "gone", 1), ("a", "refused", 2)],
    )  # fmt: skip
    assert Items(engine).failing("acme", "outlet", 2) == (0, [])


def test_the_first_rows_of_a_file_are_read_with_the_columns_asked_for(tmp_path):
    path = tmp_path / "big.parquet"
    write_table(path, pa.table({"sku": [f"{n:06}" for n in range(120_000)], "qty": list(range(120_000))}))
    assert read_head(path, limit=2).to_pylist() == [{"sku": "000000", "qty": 0}, {"sku": "000001", "qty": 1}]
    assert read_head(path, columns=["sku", "absent"], limit=1).to_pylist() == [{"sku": "000000"}]


def test_a_file_without_rows_has_no_first_ones(tmp_path):
    path = tmp_path / "empty.parquet"
    write_table(path, pa.table({"sku": pa.array([], pa.string())}))
    assert read_head(path, limit=20).to_pylist() == []


def test_a_damaged_file_is_told(tmp_path):
    path = tmp_path / "bad.parquet"
    path.write_bytes(b"nonsense")
    with pytest.raises(DataError, match="cannot be read"):
        read_head(path, limit=1)

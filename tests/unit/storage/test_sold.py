"""A shop changes its own figures when it sells; what it confirmed before that is not what it shows."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from s2s_pipelines.cycle.port import Attempt, ItemResult
from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.item_store import Items
from s2s_pipelines.storage.migration import migrate
from s2s_pipelines.storage.schema import channel_item, order_line, sales_order

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATE = {"price": "10.00", "qty": "7"}


@pytest.fixture
def engine(tmp_path):
    made = make_engine(f"sqlite:///{tmp_path / 's2s.db'}")
    migrate(made)
    yield made
    made.dispose()


def push(items, sku, at, state=None):
    attempt = Attempt("variant", sku, f"erp:{sku}", "h1", None, False)
    items.begin("acme", "shop", [attempt], at)
    done = ItemResult("variant", sku, f"erp:{sku}", True, state=json.dumps(state or STATE), content_hash="h1")
    items.record("acme", "shop", [done], at + timedelta(seconds=9))


def order(engine, sku, content_at, channel="shop", client="acme", code="1"):
    with engine.begin() as connection:
        values = {
            "client": client, "channel": channel, "channel_order_code": code, "number": code, "state": "due",
            "status": "processing", "order": {}, "content_hash": "x", "currency": "ZAR", "total": Decimal(1),
            "is_reserving": True, "attempts": 0, "ordered_at": NOON, "modified_at": NOON, "received_at": NOON,
            "content_at": content_at, "changed_at": NOON, "version": 0,
        }  # fmt: skip
        key = connection.execute(sa.insert(sales_order).values(**values)).inserted_primary_key[0]
        connection.execute(sa.insert(order_line).values(order_id=key, client=client, sku=sku, qty=1))


def acknowledged(engine, sku):
    with engine.connect() as connection:
        return connection.execute(
            sa.select(channel_item.c.acknowledged, channel_item.c.acknowledged_hash).where(
                channel_item.c.item_key == sku
            )
        ).one()


def test_only_the_quantity_of_a_sku_sold_since_it_was_written_is_forgotten_once(engine):
    items = Items(engine)
    push(items, "A", NOON)
    push(items, "B", NOON)
    order(engine, "A", NOON + timedelta(minutes=1))
    assert items.forget_sold("acme", "shop") == 1
    state, content_hash = acknowledged(engine, "A")
    assert state == {"price": "10.00", "qty": None}
    assert content_hash != "h1"
    assert acknowledged(engine, "B") == (STATE, "h1")
    assert items.forget_sold("acme", "shop") == 0


def test_an_order_from_before_the_last_write_forgets_nothing(engine):
    items = Items(engine)
    order(engine, "A", NOON - timedelta(seconds=1))
    push(items, "A", NOON)
    assert items.forget_sold("acme", "shop") == 0


def test_an_order_taken_in_while_the_quantity_was_on_its_way_counts(engine):
    items = Items(engine)
    push(items, "A", NOON)  # confirmed nine seconds later
    order(engine, "A", NOON + timedelta(seconds=4))
    assert items.forget_sold("acme", "shop") == 1


@pytest.mark.parametrize(("client", "channel"), [("acme", "other"), ("other", "shop")])
def test_orders_of_other_channels_and_clients_change_nothing_here(engine, client, channel):
    items = Items(engine)
    push(items, "A", NOON)
    order(engine, "A", NOON + timedelta(minutes=1), channel=channel, client=client)
    assert items.forget_sold("acme", "shop") == 0


def test_a_variant_whose_quantity_we_do_not_send_is_left_alone(engine):
    items = Items(engine)
    push(items, "A", NOON, state={"price": "10.00"})
    order(engine, "A", NOON + timedelta(minutes=1))
    assert items.forget_sold("acme", "shop") == 0


def test_doubted_skus_are_uncertain_with_their_product_and_unknown_ones_are_not_named(engine):
    items = Items(engine)
    push(items, "A", NOON)
    push(items, "B", NOON)
    assert items.doubt("acme", "shop", ["A", "nobody"]) == {"A"}
    with engine.connect() as connection:
        rows = connection.execute(sa.select(channel_item.c.item_key, channel_item.c.is_uncertain)).all()
    assert dict(rows) == {"A": True, "B": False}

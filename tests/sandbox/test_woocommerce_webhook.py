"""What the shop sends by itself: WooCommerce recordings 84 to 88."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from s2s_pipelines.sandboxes.woocommerce import WooSandbox

from .conftest import Caller
from .replay import Receiver

SECRET = "a secret of the test"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def subscribe(caller: Caller, receiver: Receiver, topic: str, path: str = "") -> dict[str, Any]:
    address = f"{receiver.url}{path or '/' + topic}"
    made: dict[str, Any] = caller.post("webhooks", {"topic": topic, "delivery_url": address, "secret": SECRET})
    caller.sandbox.settle_webhooks()
    receiver.taken.clear()
    return made


def test_new_webhook_is_pinged_without_a_signature(caller: Caller, sandbox: WooSandbox, receiver: Receiver) -> None:
    made = caller.post("webhooks", {"topic": "order.created", "delivery_url": f"{receiver.url}/x", "secret": SECRET})
    sandbox.settle_webhooks()
    path, headers, body = receiver.taken[0]
    assert (path, body.decode()) == ("/x", f"webhook_id={made['id']}")
    assert not [name for name in headers if name.startswith("X-WC")]


def test_one_order_sends_created_and_updated_with_the_same_signed_body(
    caller: Caller, sandbox: WooSandbox, receiver: Receiver, mug: dict[str, Any]
) -> None:
    for topic in ("order.created", "order.updated", "product.updated"):
        subscribe(caller, receiver, topic)
    order = caller.post("orders", {"status": "processing", "line_items": [{"sku": "MUG", "quantity": 1}]})
    sandbox.settle_webhooks()
    assert [path for path, _, _ in receiver.taken] == ["/order.created", "/order.updated", "/product.updated"]
    (_, headers, body), (_, _, again), (_, _, product) = receiver.taken
    assert body == again
    assert json.loads(body)["id"] == order["id"]
    assert json.loads(product)["stock_quantity"] == 9
    made = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    assert headers["X-WC-Webhook-Signature"] == made


def test_delivery_id_repeats_within_a_second(
    caller: Caller, sandbox: WooSandbox, receiver: Receiver, mug: dict[str, Any]
) -> None:
    subscribe(caller, receiver, "product.updated")
    for price in ("1", "2"):
        caller.put(f"products/{mug['id']}", {"regular_price": price})
    sandbox.clock.advance(1)
    caller.put(f"products/{mug['id']}", {"regular_price": "3"})
    sandbox.settle_webhooks()
    numbers = [headers["X-WC-Webhook-Delivery-ID"] for _, headers, _ in receiver.taken]
    assert (len(numbers), len(set(numbers))) == (3, 2)
    assert numbers[0] == numbers[1]


def test_deleted_order_is_only_its_id(
    caller: Caller, sandbox: WooSandbox, receiver: Receiver, mug: dict[str, Any]
) -> None:
    order = caller.post("orders", {"line_items": [{"sku": "MUG", "quantity": 1}]})
    subscribe(caller, receiver, "order.deleted")
    caller.delete(f"orders/{order['id']}")
    sandbox.settle_webhooks()
    assert [json.loads(body) for _, _, body in receiver.taken] == [{"id": order["id"]}]


def test_webhook_is_switched_off_after_more_than_five_failures(
    caller: Caller, sandbox: WooSandbox, receiver: Receiver, mug: dict[str, Any]
) -> None:
    made = subscribe(caller, receiver, "product.updated", "/fail")
    for turn in range(7):
        assert caller.get(f"webhooks/{made['id']}")["status"] == ("active" if turn <= 5 else "disabled")
        caller.put(f"products/{mug['id']}", {})
        sandbox.settle_webhooks()
    assert len(receiver.taken) == 6
    assert caller.put(f"webhooks/{made['id']}", {"status": "active"})["status"] == "active"


def test_bad_webhooks_are_refused_and_strange_hosts_never_called(
    caller: Caller, sandbox: WooSandbox, mug: dict[str, Any]
) -> None:
    for body, code in (
        ({"topic": "order.paid", "delivery_url": "http://127.0.0.1/x"}, "woocommerce_rest_shop_webhook_invalid_topic"),
        ({"topic": "order.updated"}, "rest_missing_callback_param"),
        ({"topic": "order.updated", "delivery_url": "ftp://x"}, "woocommerce_rest_shop_webhook_invalid_delivery_url"),
    ):
        assert caller.ask("POST", "webhooks", body).json()["code"] == code
    made = caller.post("webhooks", {"topic": "product.updated", "delivery_url": "http://198.51.100.1/x"})
    for _ in range(6):
        caller.put(f"products/{mug['id']}", {})
        sandbox.settle_webhooks()
    assert caller.get(f"webhooks/{made['id']}")["status"] == "disabled"

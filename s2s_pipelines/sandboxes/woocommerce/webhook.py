"""Webhooks: routes, the ping, signed deliveries in the background, switching off after failures.

Sources: WooCommerce recordings 84 to 88. Deliveries go only to the hosts the shop was told to allow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import queue
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .listing import PAGING, Page, answer_list
from .order_view import show_order
from .product_view import self_link, show_product
from .schema import TEXT, Arg, one_of, whole_number
from .shop import VERSION, Shop
from .wire import Answer, ApiError, Ask, Json

MOST_FAILURES = 5
DELIVERY_TIMEOUT_S = 5
_HOOKS = {
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "order.restored": ["untrashed_post", "woocommerce_untrash_order"],
    "product.created": [
        "woocommerce_process_product_meta",
        "woocommerce_new_product",
        "woocommerce_new_product_variation",
    ],
    "product.updated": [
        "woocommerce_process_product_meta",
        "woocommerce_update_product",
        "woocommerce_update_product_variation",
    ],
    "product.deleted": ["wp_trash_post"],
    "product.restored": ["untrashed_post"],
    "customer.created": ["user_register", "woocommerce_created_customer", "woocommerce_new_customer"],
    "customer.updated": ["profile_update", "woocommerce_update_customer"],
    "customer.deleted": ["delete_user"],
}
_FIRST = {"ping": 0, "order.created": 1, "order.updated": 2}
LIST_ARGS = {
    **PAGING,
    "orderby": one_of("date", "id", "title"),
    "status": one_of("all", "active", "paused", "disabled"),
}
WRITE_ARGS = {
    "name": TEXT, "status": one_of("active", "paused", "disabled"), "topic": TEXT, "secret": TEXT, "delivery_url": TEXT,
}  # fmt: skip
CREATE_ARGS = {**WRITE_ARGS, "topic": Arg("string", required=True), "delivery_url": Arg("string", required=True)}


def _show(shop: Shop, ask: Ask, held: Json) -> Json:
    clock, address = shop.clock, ask.link("webhooks")
    resource, _, event = held["topic"].partition(".")
    return {
        "id": held["id"], "name": held["name"], "status": held["status"], "topic": held["topic"], "resource": resource,
        "event": event, "hooks": _HOOKS.get(held["topic"], []), "delivery_url": held["delivery_url"],
        "date_created": clock.local(held["created_s"]), "date_created_gmt": clock.gmt(held["created_s"]),
        "date_modified": clock.local(held["modified_s"]), "date_modified_gmt": clock.gmt(held["modified_s"]),
        "_links": {"self": self_link(f"{address}/{held['id']}"), "collection": [{"href": address}]},
    }  # fmt: skip


def _write(held: Json, sent: Json) -> None:
    if "topic" in sent and sent["topic"] not in _HOOKS:
        text = "Webhook topic is required and must be valid."
        raise ApiError("woocommerce_rest_shop_webhook_invalid_topic", text, 400)
    if "delivery_url" in sent and urlsplit(str(sent["delivery_url"])).scheme not in ("http", "https"):
        text = "Webhook delivery URL must be a valid URL starting with http:// or https://."
        raise ApiError("woocommerce_rest_shop_webhook_invalid_delivery_url", text, 400)
    for name in WRITE_ARGS:
        if sent.get(name) is not None:
            held[name] = str(sent[name])


def _existing(shop: Shop, ask: Ask) -> Json:
    held = shop.store.record("webhook", whole_number(ask.params.get("id")) or 0)
    if held is None:
        raise ApiError("woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.", 404)
    return held


def list_webhooks(shop: Shop, ask: Ask) -> Answer:
    """Webhooks, newest first."""
    status = ask.params.get("status") or "all"
    rows = [held for held in shop.store.records("webhook") if status in ("all", held["status"])]
    rows.sort(key=lambda held: (-held["created_s"], held["id"]))
    page = Page.of(ask)
    found = [_show(shop, ask, held) for held in rows[page.offset : page.offset + page.size]]
    return answer_list(ask, len(rows), found, page)


def read_webhook(shop: Shop, ask: Ask) -> Answer:
    """One webhook."""
    return Answer(_show(shop, ask, _existing(shop, ask)))


def create_webhook(shop: Shop, ask: Ask) -> Answer:
    """A new webhook; an active one is pinged."""
    now = shop.clock.now()
    held: Json = {"id": 0, "name": "", "status": "active", "topic": "", "secret": "", "delivery_url": "", "failures": 0}
    held.update(created_s=now, modified_s=None)
    _write(held, ask.params)
    held["id"] = shop.store.next_id("webhook")
    shown = _show(shop, ask, held)
    shop.store.save_record("webhook", {**held, "modified_s": now})
    if held["status"] == "active":
        shop.notify("ping", held["id"])
    return Answer(shown, 201, {"Location": ask.link(f"webhooks/{held['id']}")})


def update_webhook(shop: Shop, ask: Ask) -> Answer:
    """Change a webhook; switching it on again forgives its failures."""
    held = dict(_existing(shop, ask))
    before = held["status"]
    _write(held, ask.params)
    if held["status"] == "active" != before:
        held["failures"] = 0
    held["modified_s"] = shop.clock.now()
    shop.store.save_record("webhook", held)
    return Answer(_show(shop, ask, held))


def delete_webhook(shop: Shop, ask: Ask) -> Answer:
    """Delete a webhook; only with ``force``."""
    held = _existing(shop, ask)
    if not ask.params.get("force"):
        raise ApiError("woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.", 501)
    shop.store.drop_record("webhook", held["id"])
    return Answer(_show(shop, ask, held))


def delivery_id(number: int, second: int) -> str:
    """Id of a delivery: webhook and second only, so two of one second repeat it (recordings 85)."""
    return hashlib.md5(f"{number}{second}".encode(), usedforsecurity=False).hexdigest()


def signature(body: bytes, secret: str) -> str:
    """HMAC-SHA256 of the exact body in base64."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def encode(payload: Any) -> bytes:
    """JSON as PHP writes it: slashes and letters outside ASCII escaped."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode()


class Courier:
    """Delivers in one background thread, in order, and counts failures."""

    def __init__(self, shop: Shop, hosts: frozenset[str]) -> None:
        self._shop = shop
        self._hosts = hosts
        self._events: dict[tuple[str, int], None] = {}
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        shop.notify = self._collect

    def _collect(self, topic: str, number: int) -> None:
        self._events[topic, number] = None

    def close(self) -> None:
        """Finish what is queued and stop."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def settle(self) -> None:
        """Wait until everything queued has been delivered."""
        self._queue.join()

    def dispatch(self, base: str) -> None:
        """Queue what the request that just ended announced; called under the shop's lock."""
        events, self._events = list(self._events), {}
        hooks = [held for held in self._shop.store.records("webhook") if held["status"] == "active"] if events else []
        for topic, number in sorted(events, key=lambda event: _FIRST.get(event[0], len(_FIRST))):
            if topic == "ping":
                held = self._shop.store.record("webhook", number)
                if held is not None:
                    self._queue_ping(held)
                continue
            for held in hooks:
                if held["topic"] == topic:
                    self._queue_delivery(base, held, self._payload(base, topic, number))

    def _payload(self, base: str, topic: str, number: int) -> Json | None:
        resource, _, event = topic.partition(".")
        if event == "deleted":
            return {"id": number}
        ask = Ask("GET", "", base, {})
        if resource == "order":
            order = self._shop.store.order(number)
            return None if order is None else show_order(self._shop, ask, order)
        if resource == "product":
            doc = self._shop.store.product(number)
            return None if doc is None else show_product(self._shop, ask, doc)
        return {"id": number}

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="shop-courier", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            job = self._queue.get()
            try:
                if job is None:
                    return
                job()
            finally:
                self._queue.task_done()

    def _queue_ping(self, held: Json) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = f"webhook_id={held['id']}".encode()
        self._start()
        self._queue.put(lambda: self._ping(held["delivery_url"], headers, body))

    def _queue_delivery(self, base: str, held: Json, payload: Json | None) -> None:
        if payload is None:
            return
        body = encode(payload)
        resource, _, event = held["topic"].partition(".")
        headers = {
            "Content-Type": "application/json", "X-WC-Webhook-Source": f"{base}/",
            "X-WC-Webhook-Topic": held["topic"], "X-WC-Webhook-Resource": resource, "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": signature(body, held["secret"]), "X-WC-Webhook-ID": str(held["id"]),
            "X-WC-Webhook-Delivery-ID": delivery_id(held["id"], self._shop.clock.now()),
        }  # fmt: skip
        self._start()
        self._queue.put(lambda: self._deliver(held["id"], headers, body))

    def _ping(self, address: str, headers: dict[str, str], body: bytes) -> None:
        self._post(address, headers, body)

    def _deliver(self, number: int, headers: dict[str, str], body: bytes) -> None:
        with self._shop.store.lock:
            held = self._shop.store.record("webhook", number)
            address = held["delivery_url"] if held is not None and held["status"] == "active" else ""
        if not address:
            return
        is_taken = self._post(address, headers, body)
        with self._shop.store.lock, self._shop.store.writing():
            held = self._shop.store.record("webhook", number)
            if held is None:
                return
            failures = 0 if is_taken else held["failures"] + 1
            status = "disabled" if failures > MOST_FAILURES else held["status"]
            self._shop.store.save_record("webhook", {**held, "failures": failures, "status": status})

    def _post(self, address: str, headers: dict[str, str], body: bytes) -> bool:
        parts = urlsplit(address)
        if parts.hostname not in self._hosts or parts.scheme != "http":
            return False
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=DELIVERY_TIMEOUT_S)
        try:
            agent = {"User-Agent": f"WooCommerce/{VERSION} Hookshot (WordPress/6.8.7)"}
            connection.request("POST", parts.path or "/", body, {**agent, **headers})
            return 200 <= connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

"""Re-sends recorded requests to a running sandbox and compares the answers field by field.

Ids, stamps and hosts differ between the recorded shop and the sandbox. The sandbox's clock follows the recording, so stamps may
be off by the few seconds one recorded request took, but not by a time zone. Ids are not ignored: the first time a recorded id is
seen its counterpart is learnt, from then on it must stay the same, in both directions, wherever it appears (bodies, addresses,
headers, later requests).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import secrets
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlencode

import requests

RECORDED = "shop.example"
STAMP = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$")
#: Longest time one recorded call took: the clock is set once a call, to the newest stamp of its answer.
STAMP_SLACK_S = 5
COUPON = re.compile(r"^\[(\d+),(?=\")")
HOOKS = re.compile(r"http://127\.0\.0\.1:\d+(?=/(?:order|product|customer)\.|/fail|/x)")
SECRET_TEXT = re.compile(r"wc_order_\w+")
SEGMENTS = {
    "products": "post", "variations": "post", "orders": "post", "refunds": "post", "coupons": "post", "order-pay": "post",
    "notes": "note", "customers": "customer", "categories": "term", "tags": "term", "terms": "term",
    "attributes": "attribute", "taxes": "tax", "webhooks": "webhook", "zones": "zone",
}  # fmt: skip
PLACE = re.compile(rf"/({'|'.join(SEGMENTS)})/(\d+)(?=[/?>]|$)")
CONTAINERS = {
    "line_items": "item", "tax_lines": "item", "shipping_lines": "item", "fee_lines": "item", "coupon_lines": "item",
    "taxes": "tax", "refund_tax": "tax", "images": "post", "image": "post", "categories": "term",
    "tags": "term", "attributes": "attribute", "default_attributes": "attribute", "refunds": "post",
}  # fmt: skip
KEYS = {
    "product_id": "post", "variation_id": "post", "parent_id": "post", "customer_id": "customer", "rate_id": "tax",
    "new_draft_order_id": "post", "number": "post", "variations": "post",
}  # fmt: skip
QUERY_IDS = {"include": "post", "exclude": "post", "product": "post", "customer": "customer"}
HIDDEN = {"_refunded_item_id": "item", "_wp_trash_meta_time": "stamp"}
HEADERS = ("content-type", "location", "x-wp-total", "x-wp-totalpages", "link", "allow", "retry-after")


class Ids:
    """Which sandbox id stands for which recorded id, one to one per kind."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], int] = {}
        self._back: dict[tuple[str, int], int] = {}

    def learn(self, kind: str, recorded: int, ours: int) -> bool:
        """Note or check a pair; False when it contradicts what is known."""
        held = self.known.setdefault((kind, recorded), ours)
        return held == ours and self._back.setdefault((kind, ours), recorded) == recorded

    def ours(self, kind: str, recorded: int) -> int:
        return self.known.get((kind, recorded), recorded)

    def translate(self, text: str) -> str:
        return PLACE.sub(lambda match: f"/{match[1]}/{self.ours(SEGMENTS[match[1]], int(match[2]))}", text)


def resource_kind(path: str) -> str:
    """Kind of the ids a path's resource has, empty when its ids are names."""
    parts = [part for part in path.strip("/").split("/") if not part.isdigit() and part != "batch"]
    return SEGMENTS.get(parts[-1], "") if parts else ""


class Comparison:
    """Differences between a recorded body and ours."""

    def __init__(self, ids: Ids, host: str, path: str) -> None:
        self.ids = ids
        self.resource = path.split("/wc/v3/")[-1].split("/")[0]
        self.host = host
        self.kind = resource_kind(path)
        self.differences: list[str] = []

    def _say(self, path: str, expected: Any, actual: Any) -> None:
        self.differences.append(
            f"{path or '.'}: recorded {json.dumps(expected)[:300]}, sandbox {json.dumps(actual)[:300]}"
        )

    def _id(self, kind: str, expected: Any, actual: Any, path: str) -> None:
        is_number = isinstance(expected, int) and not isinstance(expected, bool)
        if not is_number or not isinstance(actual, int) or expected == 0 or actual == 0:
            if expected != actual or type(expected) is not type(actual):
                self._say(path, expected, actual)
        elif not self.ids.learn(kind, expected, actual):
            self._say(f"{path} (id)", expected, actual)

    def _kind_of(self, key: str, container: str, path: str) -> str:
        if key == "id" and container == "meta_data":
            return "item meta" if "_lines[" in path or "line_items[" in path else f"{self.resource} meta"
        if key == "id":
            return CONTAINERS.get(container, self.kind)
        if key == "resource_id":
            return self.kind
        if key == "parent" and self.kind == "term":
            return "term"
        return KEYS.get(key, "")

    def compare(self, expected: Any, actual: Any, path: str = "", key: str = "", container: str = "") -> None:
        if isinstance(expected, dict) and isinstance(actual, dict):
            self._object(expected, actual, path, container)
        elif isinstance(expected, list) and isinstance(actual, list):
            self._list(expected, actual, path, key, container)
        elif isinstance(expected, str) and isinstance(actual, str):
            self._text(expected, actual, path, key)
        elif (type(expected) is not type(actual) and not _both_numbers(expected, actual)) or expected != actual:
            self._say(path, expected, actual)

    def _object(self, expected: dict[str, Any], actual: dict[str, Any], path: str, container: str) -> None:
        hidden = HIDDEN.get(str(expected.get("key")), "")
        for name in sorted(expected.keys() | actual.keys(), key=_id_first):
            place = f"{path}.{name}"
            if hidden and name in ("value", "display_value") and name in expected and name in actual:
                self._hidden(hidden, str(expected[name]), str(actual[name]), place)
            elif name not in actual:
                self._say(place, expected[name], "<absent>")
            elif name not in expected:
                self._say(place, "<absent>", actual[name])
            elif name == "related_ids":
                if len(expected[name]) != len(actual[name]) or not all(isinstance(item, int) for item in actual[name]):
                    self._say(place, expected[name], actual[name])
            else:
                kind = self._kind_of(name, container, path)
                both = (expected[name], actual[name])
                if kind and not isinstance(both[0], (dict, list)) and name != "number":
                    self._id(kind, *both, place)
                else:
                    self.compare(*both, place, name, name)

    def _hidden(self, kind: str, expected: str, actual: str, path: str) -> None:
        """Ids and seconds that free fields hold as text."""
        if not (expected.isdigit() and actual.isdigit()):
            self._say(path, expected, actual)
        elif kind != "stamp":
            self._id(kind, int(expected), int(actual), path)

    def _list(self, expected: list[Any], actual: list[Any], path: str, key: str, container: str) -> None:
        if len(expected) != len(actual):
            self._say(f"{path} (length)", len(expected), len(actual))
            return
        for place, (left, right) in enumerate(zip(expected, actual, strict=True)):
            if key in KEYS and isinstance(left, int):
                self._id(KEYS[key], left, right, f"{path}[{place}]")
            else:
                self.compare(left, right, f"{path}[{place}]", key, container)

    def _text(self, expected: str, actual: str, path: str, key: str) -> None:
        if STAMP.match(expected):
            if not STAMP.match(actual) or abs(_second(actual) - _second(expected)) > STAMP_SLACK_S:
                self._say(path, expected, actual)
            return
        if key == "number" and expected.isdigit() and actual.isdigit():
            self._id("post", int(expected), int(actual), path)
            return
        wanted = self.ids.translate(at_host(expected, self.host))
        wanted = COUPON.sub(lambda match: f"[{self.ids.ours('post', int(match[1]))},", wanted)
        if SECRET_TEXT.sub("wc_order_", wanted) != SECRET_TEXT.sub("wc_order_", at_host(actual, self.host)):
            self._say(path, wanted, actual)


def _id_first(name: str) -> tuple[int, str]:
    return {"id": 0, "_links": 2}.get(name, 1), name


def _both_numbers(left: Any, right: Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (left, right))


def at_host(text: str, host: str) -> str:
    """A text with the sandbox's host in place of the shop's, and without the scheme before it."""
    text = HOOKS.sub("http://hooks.example", text)
    return text.replace(RECORDED, host).replace(f"https://{host}", f"//{host}").replace(f"http://{host}", f"//{host}")


def _split_dirt(text: str) -> tuple[str, Any]:
    """What stands before the JSON, and the JSON."""
    start = text.index("[{")
    return text[:start], json.loads(text[start:])


def visible_text(page: str) -> str:
    """Title and text of a web page, without styles, markup and extra space."""
    page = re.sub(r"<style.*?</style>", "", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


class Receiver:
    """Takes what the shop delivers; answers 500 below ``/fail``."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Counter(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append((self.path, dict(self.headers.items()), body))
                self.send_response(500 if self.path == "/fail" else 200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Counter)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, path: str) -> tuple[dict[str, str], bytes] | None:
        """The oldest delivery to a path, removed."""
        for place, (taken, headers, body) in enumerate(self.taken):
            if taken == path:
                del self.taken[place]
                return headers, body
        return None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Player:
    """Sends recorded requests to a sandbox, in order, with the clock of the recording."""

    def __init__(self, sandbox: Any, keys: dict[str, tuple[str, str]], receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.receiver = receiver
        self._deliveries: dict[str, str] = {}
        self.keys = keys
        self.ids = Ids()
        self.host = sandbox.url.removeprefix("http://")
        self._nonce = ""
        self.buyer: dict[str, Any] = {}

    def set_clock(self, body: Any) -> None:
        """Move the clock to the newest stamp of a recorded answer; it never goes back."""
        newest = max((_second(stamp) for stamp in _gmt_stamps(body)), default=0)
        if newest > self.sandbox.clock.now():
            self.sandbox.clock.freeze(newest)

    def call(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Any:
        """An unrecorded call of the shop's owner; must succeed."""
        answer = requests.request(
            method, f"{self.sandbox.url}/wp-json/wc/v3/{path}", params=query, json=body, auth=self.keys["owner"],
            headers={"X-Forwarded-Proto": "https"}, timeout=20,
        )  # fmt: skip
        assert answer.status_code in (200, 201), f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def send(self, exchange: dict[str, Any]) -> requests.Response:
        """One recorded request, ids translated and signed anew."""
        request = exchange["request"]
        query = self._query(request.get("query") or {})
        headers = {name: value for name, value in request["headers"].items() if name != "Authorization"}
        path = self.ids.translate(request["path"])
        auth = self._credentials(exchange["scenario"], request["headers"].get("Authorization", ""), headers)
        if any(name.startswith("oauth_") for name in query):
            query = self._sign(exchange["scenario"], request["method"], path, query)
        if "consumer_secret" in query:
            query["consumer_key"], query["consumer_secret"] = self.keys["owner"]
        text = urlencode(query, quote_via=quote)
        address = f"{self.sandbox.url}{quote(path, safe='/')}{'?' if text else ''}{text}"
        raw = self._body(request)
        return requests.request(
            request["method"], address, data=raw, headers=headers, auth=auth or _no_auth, timeout=20
        )

    def _query(self, query: dict[str, Any]) -> dict[str, str]:
        sent = {}
        for name, value in query.items():
            if name in QUERY_IDS:
                kind = QUERY_IDS[name]
                value = ",".join(str(self.ids.ours(kind, int(piece))) for piece in value.split(","))
            sent[name] = value
        return sent

    def _body(self, request: dict[str, Any]) -> bytes | None:
        if "body_base64" in request:
            return base64.b64decode(request["body_base64"])
        body = request.get("body")
        if body is None or isinstance(body, str):
            return None if body is None else body.encode()
        return json.dumps(self._translated(body, request["path"], "", "")).encode()

    def _translated(self, body: Any, path: str, key: str, container: str) -> Any:
        kind = resource_kind(path)
        if isinstance(body, dict):
            translated = {}
            for name, value in body.items():
                found = _sent_kind(name, kind, container, path)
                if found and isinstance(value, int):
                    translated[name] = self.ids.ours(found, value)
                else:
                    translated[name] = self._translated(value, path, name, name)
            return translated
        if isinstance(body, list):
            if key == "delete":
                return [self.ids.ours(kind, item) for item in body]
            return [self._translated(item, path, key, container) for item in body]
        return body.replace("http://hooks.example", self.receiver.url) if isinstance(body, str) else body

    def _credentials(self, scenario: str, recorded: str, headers: dict[str, str]) -> tuple[str, str] | None:
        if recorded.startswith("Bearer"):
            headers["Authorization"] = "Bearer nothing-that-counts"
            return None
        if not recorded:
            return None
        if "unknown consumer key" in scenario:
            return "ck_unknown", "cs_unknown"
        if "wrong secret" in scenario:
            return self.keys["owner"][0], "cs_wrong"
        return self.keys["reader" if "read-only key" in scenario else "owner"]

    def _sign(self, scenario: str, method: str, path: str, query: dict[str, str]) -> dict[str, str]:
        """A signature made here, independently of the sandbox's own."""
        key, secret = self.keys["owner"]
        now = self.sandbox.clock.now() - (3600 if "hour old" in scenario else 0)
        self._nonce = self._nonce if "same nonce" in scenario else secrets.token_hex(8)
        query = {name: value for name, value in query.items() if name != "oauth_signature"}
        query.update(oauth_consumer_key=key, oauth_nonce=self._nonce, oauth_timestamp=str(now))
        pairs = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items()))
        text = "&".join(quote(part, safe="~") for part in (method, f"{self.sandbox.url}{path}", pairs))
        used = "cs_wrong" if scenario == "wrong secret" else secret
        digest = {"HMAC-SHA256": hashlib.sha256, "HMAC-SHA1": hashlib.sha1}[query["oauth_signature_method"]]
        made = hmac.new(f"{used}&".encode(), text.encode(), digest).digest()
        return {**query, "oauth_signature": base64.b64encode(made).decode()}

    def differences(self, exchange: dict[str, Any], answer: requests.Response, has_ties: bool = False) -> list[str]:
        """What is not as recorded: status, body, the headers that matter."""
        recorded = exchange["response"]
        found = []
        if answer.status_code != recorded["status"]:
            found.append(f"status: recorded {recorded['status']}, sandbox {answer.status_code} {answer.text[:300]}")
        body = recorded["body"]
        comparison = Comparison(self.ids, self.host, exchange["request"]["path"])
        text = answer.content.decode("utf-8")
        if isinstance(body, str) and "json" in answer.headers["content-type"]:
            (dirt, body), (our_dirt, ours) = _split_dirt(body), _split_dirt(text)
            comparison.compare([dirt, body], [our_dirt, ours])
        elif isinstance(body, str):
            if visible_text(body) != visible_text(text):
                found.append(f"page: recorded {visible_text(body)!r}, sandbox {visible_text(text)!r}")
        elif exchange["request"]["method"] == "HEAD" or (body is None and recorded["status"] == 200):
            if answer.content:
                found.append("body: recorded none")
        elif not found:
            ours = json.loads(answer.content)
            if has_ties:
                ours = self._same_rows(exchange, body, ours, found)
            comparison.compare(body, ours)
        return found + comparison.differences + self._header_differences(recorded, answer)

    def delivery_differences(self, exchange: dict[str, Any]) -> list[str]:
        """What is not as recorded in the next delivery of the shop to the recorded address."""
        request = exchange["request"]
        self.sandbox.settle_webhooks()
        delivery = self.receiver.take(request["path"])
        if delivery is None:
            return [f"no delivery to {request['path']}"]
        headers, body = delivery
        found = self._delivery_header_differences(request, headers)
        signed = base64.b64encode(
            hmac.new(request["signature_secret"].encode(), body, hashlib.sha256).digest()
        ).decode()
        if (headers.get("X-WC-Webhook-Signature") == signed) is not request["signature_matches"]:
            found.append("signature")
        recorded = request["body_text"]
        resource = "orders" if headers.get("X-WC-Webhook-Resource") == "order" else "products"
        comparison = Comparison(self.ids, self.host, f"/wp-json/wc/v3/{resource}")
        if recorded.startswith("{"):
            comparison.compare(json.loads(recorded), json.loads(body))
        else:
            name, _, number = recorded.partition("=")
            if body.decode() != f"{name}={self.ids.ours('webhook', int(number))}":
                found.append(f"body: recorded {recorded}, sandbox {body.decode()}")
        return found + comparison.differences

    def _delivery_header_differences(self, request: dict[str, Any], headers: dict[str, str]) -> list[str]:
        found = []
        for name, expected in request["headers"].items():
            actual, wanted = headers.get(name, ""), at_host(expected, self.host)
            if name == "X-WC-Webhook-ID":
                wanted = str(self.ids.ours("webhook", int(expected)))
            if name == "X-WC-Webhook-Delivery-ID":
                same = self._deliveries.setdefault(expected, actual) == actual
                wanted = actual if same and re.fullmatch("[0-9a-f]{32}", actual) else wanted
            if name != "X-WC-Webhook-Signature" and wanted != at_host(actual, self.host):
                found.append(f"header {name}: recorded {wanted}, sandbox {actual}")
        unasked = {name for name in headers if name.startswith("X-WC")} - set(request["headers"])
        return found + [f"header {name}: not recorded" for name in sorted(unasked)]

    def _same_rows(self, exchange: dict[str, Any], recorded: list[Any], ours: list[Any], found: list[str]) -> list[Any]:
        """Rows that share a stamp may come in any order: look up the recorded ones by id and compare those."""
        if len(recorded) != len(ours):
            found.append(f"rows: recorded {len(recorded)}, sandbox {len(ours)}")
            return ours
        query = {name: value for name, value in (exchange["request"]["query"] or {}).items() if name != "page"}
        wanted = [self.ids.ours("post", row["id"]) for row in recorded]
        request = {**exchange["request"], "query": {**query, "include": ",".join(map(str, wanted)), "per_page": "100"}}
        answer = self.send({**exchange, "request": {**request, "query": request["query"]}}) if wanted else None
        rows = {row["id"]: row for row in answer.json()} if answer is not None else {}
        return [rows.get(number, {"id": number}) for number in wanted]

    def _header_differences(self, recorded: dict[str, Any], answer: requests.Response) -> list[str]:
        found = []
        for name in HEADERS:
            expected = recorded["headers"].get(name)
            if expected is None and name not in ("retry-after", "x-wp-total"):
                continue
            actual = answer.headers.get(name)
            wanted = None if expected is None else self.ids.translate(at_host(expected, self.host))
            if name == "link" and wanted is not None:
                wanted = _INDEXED.sub(lambda match: f"{match[1]}={self.ids.ours('post', int(match[2]))}", wanted)
                wanted = _PRODUCT.sub(lambda match: f"product={self.ids.ours('post', int(match[1]))}", wanted)
            if wanted != (None if actual is None else at_host(actual, self.host)):
                found.append(f"header {name}: recorded {wanted}, sandbox {actual}")
        return found


_INDEXED = re.compile(r"(include%5B\d+%5D)=(\d+)")
_PRODUCT = re.compile(r"(?<=&)product=(\d+)")


def _sent_kind(name: str, kind: str, container: str, path: str) -> str:
    if name == "id" and container == "meta_data":
        return f"{path.split('/wc/v3/')[-1].split('/')[0]} meta"
    if name == "id":
        return CONTAINERS.get(container, kind)
    return "term" if name == "parent" and kind == "term" else KEYS.get(name, "")


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from looking for credentials of its own."""
    return request


def _gmt_stamps(body: Any) -> list[str]:
    if isinstance(body, dict):
        own = [
            value
            for name, value in body.items()
            if name.endswith("_gmt") and isinstance(value, str) and "sale" not in name
        ]
        return own + [stamp for value in body.values() for stamp in _gmt_stamps(value)]
    if isinstance(body, list):
        return [stamp for item in body for stamp in _gmt_stamps(item)]
    return []


def _second(stamp: str) -> int:
    return int(datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())

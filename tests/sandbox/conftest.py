"""A shop per test, and a caller that speaks to it as its owner."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from s2s_pipelines.sandboxes.woocommerce import WooSandbox

OWNER = ("ck_owner_of_the_test_shop", "cs_owner_of_the_test_shop")
NOON = 1_798_711_200  # 2026-12-31 10:00:00 UTC, noon in Johannesburg


class Caller:
    """Calls ``wc/v3`` as the owner, over what the shop takes for https."""

    def __init__(self, sandbox: WooSandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.auth = OWNER
        self.session.headers["X-Forwarded-Proto"] = "https"

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        return self.session.request(
            method, f"{self.sandbox.url}/wp-json/wc/v3/{path}", json=body, params=query, timeout=20
        )

    def get(self, path: str, **query: Any) -> Any:
        return self._good(self.ask("GET", path, **query))

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self._good(self.ask("POST", path, body, **query))

    def put(self, path: str, body: Any = None, **query: Any) -> Any:
        return self._good(self.ask("PUT", path, body, **query))

    def delete(self, path: str, **query: Any) -> Any:
        return self._good(self.ask("DELETE", path, **query))

    @staticmethod
    def _good(answer: requests.Response) -> Any:
        assert answer.status_code in (200, 201), f"{answer.status_code}: {answer.text[:400]}"
        return answer.json()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[WooSandbox]:
    shop = WooSandbox(tmp_path / "shop.sqlite", consumer_key=OWNER[0], consumer_secret=OWNER[1])
    shop.clock.freeze(NOON)
    with shop:
        yield shop


@pytest.fixture
def caller(sandbox: WooSandbox) -> Iterator[Caller]:
    caller = Caller(sandbox)
    yield caller
    caller.session.close()


@pytest.fixture
def mug(caller: Caller) -> dict[str, Any]:
    """A product whose stock is managed: ten pieces at 115.00."""
    body = {"name": "Mug", "sku": "MUG", "regular_price": "115.00", "manage_stock": True, "stock_quantity": 10}
    made: dict[str, Any] = caller.post("products", body)
    return made

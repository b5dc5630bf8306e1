from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from s2s_pipelines.connectors.channels.woocommerce.channel import CONNECTOR, Settings
from s2s_pipelines.model.change import Action, ProductChange, VariantChange
from s2s_pipelines.model.money import PriceTerms
from s2s_pipelines.ports import BuildContext, Channel
from s2s_pipelines.sandboxes.woocommerce import ApiKey, WooSandbox

KEY, SECRET = "ck_integration012345", "cs_integration543210"
READER, READER_SECRET = "ck_reader0123456789", "cs_reader9876543210"
TERMS = PriceTerms("ZAR", "incl", Decimal(15))


class Shop:
    """A sandbox, a way past the connector into it, and connectors on it."""

    def __init__(self, sandbox: WooSandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self._folder = folder
        self._session = requests.Session()
        self._session.auth = (KEY, SECRET)
        self._session.headers["X-Forwarded-Proto"] = "https"

    def channel(
        self, *, keys: tuple[str, str] = (KEY, SECRET), terms: PriceTerms | None = TERMS, **settings: Any
    ) -> Channel:
        for name, value in zip(("key", "secret"), keys, strict=True):
            (self._folder / name).write_text(value, encoding="utf-8")
        declared = {
            "kind": "woocommerce",
            "url": self.sandbox.url,
            "consumer_key": {"file": str(self._folder / "key")},
            "consumer_secret": {"file": str(self._folder / "secret")},
            "timeout_s": 5,
            **settings,
        }
        context = BuildContext("karoo", "shop", str(self._folder), "Africa/Johannesburg", price_terms=terms)
        channel = CONNECTOR.build(Settings.model_validate(declared), context)
        assert isinstance(channel, Channel)
        return channel

    def ask(self, method: str, path: str, body: Any = None, **params: str) -> Any:
        """Call the shop as its keeper would."""
        url = f"{self.sandbox.url}/wp-json/wc/v3/{path}"
        response = self._session.request(method, url, json=body, params=params, timeout=10)
        response.raise_for_status()
        return response.json()

    def item(self, sku: str) -> dict[str, Any]:
        """The one item of a sku, whole."""
        (row,) = self.ask("GET", "products", sku=sku, status="any")
        if row["type"] == "variation":
            return self.ask("GET", f"products/{row['parent_id']}/variations/{row['id']}", context="edit")
        return self.ask("GET", f"products/{row['id']}", context="edit")

    @contextmanager
    def counting(self) -> Iterator[list[int]]:
        """How many writes the shop received meanwhile; filled in at the end."""
        counted: list[int] = []
        mark = self.sandbox.tables.mark()
        yield counted
        counted.append(self.sandbox.tables.write_count(mark))

    @contextmanager
    def moment(self, second: int) -> Iterator[None]:
        """The shop's clock stands still."""
        self.sandbox.clock.freeze(second)
        try:
            yield
        finally:
            self.sandbox.clock.release()

    def place(self, sku: str = "A1", quantity: int = 1, **more: Any) -> str:
        """An order that is paid and due."""
        lines = [{"sku": sku, "quantity": quantity}]
        billing = {"email": "testina@example.com", "country": "ZA"}
        return str(
            self.ask("POST", "orders", {"status": "processing", "line_items": lines, "billing": billing, **more})["id"]
        )

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    reader = ApiKey(READER, READER_SECRET, "read")
    with WooSandbox(tmp_path / "shop.db", consumer_key=KEY, consumer_secret=SECRET, more_keys=(reader,)) as sandbox:
        opened = Shop(sandbox, tmp_path)
        try:
            yield opened
        finally:
            opened.close()


def simple(sku: str, action: Action = Action.CREATE, product: dict | None = None, **fields: Any) -> ProductChange:
    """A simple product; creating fills in what it needs."""
    if action is Action.CREATE:
        product = {"title": f"Item {sku}", **(product or {})}
        fields = {"price": Decimal("199.90"), "qty": 5, "inventory_management": True, **fields}
    whole = action if product or action is not Action.UPDATE else Action.NONE
    return ProductChange(
        whole, f"erp:{sku}", product or {}, (VariantChange(action, sku, fields),), is_simple=True, all_skus=(sku,)
    )


def variable(code: str, sizes: dict[str, str], action: Action = Action.CREATE, **product: Any) -> ProductChange:
    """A product with the option Size; ``sizes``: sku -> size."""
    variants = tuple(
        VariantChange(
            Action.CREATE,
            sku,
            {"price": Decimal("50.00"), "qty": 4, "inventory_management": True, "options": (size,)},
        )
        for sku, size in sizes.items()
    )
    return ProductChange(
        action,
        f"erp:{code}",
        {"title": f"Boots {code}", **product} if action is Action.CREATE else product,
        variants,
        is_simple=False,
        option_names=("Size",),
        option_values={"Size": tuple(sizes.values())},
        all_skus=tuple(sizes),
    )

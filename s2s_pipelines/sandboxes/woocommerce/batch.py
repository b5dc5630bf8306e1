"""Batches: up to a hundred items, one outcome each, none of them checked like a single call.

Source: WooCommerce recordings 17, 18, 28 to 31, 46, 81.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .schema import whole_number
from .shop import Shop
from .wire import Answer, ApiError, Ask, FatalError, Json

LONGEST = 100
Step = Callable[[Shop, Ask], Answer]


@dataclass(frozen=True)
class Batch:
    """The three steps of one resource's batch route.

    Attributes:
        failed_delete_names_route: a failed deletion answers an object as id (variations do, recordings 18).
    """

    create: Step
    update: Step
    delete: Step
    failed_delete_names_route: bool = False

    def run(self, shop: Shop, ask: Ask) -> Answer:
        """Run every item, collecting outcomes in the order sent.

        Raises:
            ApiError: 413 for more than a hundred items; nothing is stored then.
            FatalError: an item is not an object; in a creation that is noticed only after a product was made (recordings 30).
        """
        lists: dict[str, list[Any]] = {}
        for name in ("create", "update", "delete"):
            held = ask.params.get(name)
            rows = list(held.values()) if isinstance(held, dict) else held
            if isinstance(rows, list) and rows:
                lists[name] = rows
        if sum(len(held) for held in lists.values()) > LONGEST:
            text = f"Unable to accept more than {LONGEST} items for this request."
            raise ApiError("woocommerce_rest_request_entity_too_large", text, 413)
        steps = {"create": self._create, "update": self._update, "delete": self._delete}
        outcomes = {name: [steps[name](shop, ask, item) for item in held] for name, held in lists.items()}
        return Answer(outcomes or [])

    def _create(self, shop: Shop, ask: Ask, item: Any) -> Any:
        if not isinstance(item, dict):
            self.create(shop, _item_ask(ask, dict(ask.url)))
            raise FatalError
        return _outcome(self.create, shop, _item_ask(ask, {**ask.url, **item}), 0)

    def _update(self, shop: Shop, ask: Ask, item: Any) -> Any:
        if not isinstance(item, dict):
            raise FatalError
        return _outcome(self.update, shop, _item_ask(ask, {**ask.url, **item}), item.get("id"))

    def _delete(self, shop: Shop, ask: Ask, item: Any) -> Any:
        number = whole_number(item) or 0
        if not number:
            return None
        named: Any = number
        if self.failed_delete_names_route:
            named = {"id": number, **{name: int(value) for name, value in ask.url.items()}, "force": True}
        return _outcome(self.delete, shop, _item_ask(ask, {**ask.url, "id": number, "force": True}), named)


def _item_ask(ask: Ask, params: Json) -> Ask:
    url = {**ask.url, "id": params.get("id")} if "id" in params else dict(ask.url)
    return replace(ask, params=params, body=params, url=url, context="edit", is_batch=True)


def _outcome(step: Step, shop: Shop, ask: Ask, number: Any) -> Any:
    try:
        return step(shop, ask).body
    except ApiError as error:
        return {"id": number, "error": error.body()}

"""Categories by the path of their names, made where they are missing.

Facts: WooCommerce recordings 44, 45 (version 10.0.2). A product takes categories by id only; a name or an unknown id is dropped
without a word. Names come back encoded as HTML; one that exists under the same parent is refused with its id.
"""

from html import unescape

from s2s_pipelines.connectors.channels.woocommerce.api import WooApi, error_code, error_words
from s2s_pipelines.connectors.channels.woocommerce.piece import Verdict
from s2s_pipelines.connectors.kit.html import without_control
from s2s_pipelines.errors import RejectedError, UncertainOutcomeError

_MOST_LEVELS = 6
_LONGEST_NAME = 200


class Categories:
    """The shop's category tree during one push; read when first needed."""

    def __init__(self, api: WooApi) -> None:
        self._api = api
        self._ids: dict[tuple[int, str], int] | None = None
        self._failed: dict[tuple[int, str], Verdict] = {}

    def resolve(self, path: str) -> int | Verdict | None:
        """The id of ``A > B``, making what is missing; None for an empty path, a verdict when it cannot be had.

        Raises:
            TransientError: the shop cannot be asked.
        """
        names = [" ".join(without_control(part).split()) for part in path.split(">")]
        names = [name for name in names if name]
        if len(names) > _MOST_LEVELS or any(len(name) > _LONGEST_NAME for name in names):
            return Verdict("category_failed", "the category's path is too long", "shorten it")
        parent = 0
        for name in names:
            found = self._child(parent, name)
            if isinstance(found, Verdict):
                return found
            parent = found
        return parent or None

    def _child(self, parent: int, name: str) -> int | Verdict:
        if self._ids is None:
            rows = self._api.list_by_id(
                "products/categories", {"_fields": "id,name,parent"}, operation="read categories"
            )
            self._ids = {}
            for row in rows:
                self._ids.setdefault((int(row.get("parent") or 0), _key(str(row["name"]))), int(row["id"]))
        place = (parent, _key(name))
        if place in self._failed:
            return self._failed[place]
        if place not in self._ids:
            made = self._make(parent, name)
            if isinstance(made, Verdict):
                self._failed[place] = made
                return made
            self._ids[place] = made
        return self._ids[place]

    def _make(self, parent: int, name: str) -> int | Verdict:
        body = {"name": name, **({"parent": parent} if parent else {})}
        try:
            answer = self._api.write("POST", "products/categories", body, operation="create category")
        except UncertainOutcomeError as error:
            return Verdict("category_failed", error.message, "", is_retriable=True)
        except RejectedError as error:
            return Verdict("category_failed", error.message, "create the category in the shop")
        if answer.status < 400:
            return int(answer.json["id"])
        data = answer.json.get("data") if isinstance(answer.json, dict) else None
        if error_code(answer.json) == "term_exists" and isinstance(data, dict) and data.get("resource_id"):
            return int(data["resource_id"])
        words = self._api.clean(error_words(answer.json)) or "the shop refused the category"
        return Verdict("category_failed", words, "create the category in the shop, or rename it")


def _key(name: str) -> str:
    return unescape(name).strip().casefold()

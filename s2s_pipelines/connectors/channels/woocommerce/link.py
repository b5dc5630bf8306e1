"""First contact: which of the shop's items our skus are.

Facts: WooCommerce recordings 33, 50, 52 (version 10.0.2). ``sku=`` takes a comma list, compares without regard to letter case,
finds variations and drafts, not what is in the bin; a sku that holds a comma is found when asked alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from s2s_pipelines.connectors.channels.woocommerce.api import PAGE, WooApi, count_of, rows_of
from s2s_pipelines.connectors.channels.woocommerce.batch import Item
from s2s_pipelines.connectors.channels.woocommerce.item import is_kept_sku, parent_sku
from s2s_pipelines.connectors.channels.woocommerce.piece import Piece, Row, Verdict

FIELDS = "id,sku,type,parent_id,status"
_LONGEST = 1500
"""Characters of skus in one address; servers in front of shops cut at a few thousand."""

_SIBLINGS = 20


class Linker:
    """Finds items by sku and ties pieces to them."""

    def __init__(self, api: WooApi) -> None:
        self._api = api
        self.ambiguous: set[str] = set()

    def items(self, skus: Iterable[str]) -> Mapping[str, Item]:
        """Items by exactly their sku; skus that several items carry are left out and noted as ambiguous."""
        found: dict[str, list[Item]] = {}
        wanted = dict.fromkeys(sku for sku in skus if is_kept_sku(sku))
        for asked in _lots(list(wanted)):
            for item in self._ask(asked):
                if item.get("sku") in wanted:
                    found.setdefault(str(item["sku"]), []).append(item)
        self.ambiguous |= {sku for sku, items in found.items() if len({i["id"] for i in items}) > 1}
        return {sku: items[0] for sku, items in found.items() if sku not in self.ambiguous}

    def item(self, number: int) -> Item | None:
        """One item, whether product or variation, by the shop's id."""
        answer = self._api.find(f"products/{number}", {"_fields": FIELDS}, operation="push", reference=str(number))
        return None if answer is None else answer.json

    def is_in_bin(self, sku: str) -> bool:
        """Whether a product of this sku lies in the bin."""
        answer = self._api.get("products", {"sku": sku, "status": "trash", "_fields": FIELDS}, operation="push")
        return bool(rows_of(answer))

    def link(self, pieces: Sequence[Piece]) -> None:
        """Fill in the ids that the pieces lack, as far as the shop has their skus."""
        asked = {id(piece): _skus(piece) for piece in pieces}
        found = self.items(sku for skus in asked.values() for sku in skus)
        rows = {sku: Row.of(item) for sku, item in found.items()}
        for piece in pieces:
            self._refuse_ambiguous(piece)
            mine = {sku: rows[sku] for sku in asked[id(piece)] if sku in rows}
            if mine and piece.product_verdict is None:
                tie(piece, mine)

    def _refuse_ambiguous(self, piece: Piece) -> None:
        for at, variant in enumerate(piece.change.variants):
            if variant.sku in self.ambiguous and at not in piece.variant_ids:
                piece.variant_verdicts[at] = _AMBIGUOUS
                if piece.change.is_simple:
                    piece.fail(_AMBIGUOUS)

    def _ask(self, skus: Sequence[str]) -> list[Item]:
        params = {"sku": ",".join(skus), "_fields": FIELDS, "per_page": str(PAGE), "status": "any"}
        answer = self._api.get("products", params, operation="push")
        items: list[Item] = list(rows_of(answer))
        if count_of(answer, "x-wp-total") > len(items):
            items = list(self._api.list_by_id("products", params, operation="push"))
        return items


_AMBIGUOUS = Verdict(
    "ambiguous_sku", "the shop has this sku on several items", "leave the sku on one of them", is_retriable=True
)


def tie(piece: Piece, rows: Mapping[str, Row]) -> None:
    """Tie a piece to the rows that carry its skus."""
    if piece.change.is_simple:
        _tie_simple(piece, rows)
    else:
        _tie_variable(piece, rows)


def _tie_simple(piece: Piece, rows: Mapping[str, Row]) -> None:
    row = next(iter(rows.values()))
    if row.type == "variable":
        piece.fail(_shape("the shop has this sku on a product with variations, which has no price of its own"))
        return
    piece.product_id = row.parent_id if row.type == "variation" else row.id
    piece.variant_ids = dict.fromkeys(range(len(piece.change.variants)), row.id)


def _tie_variable(piece: Piece, rows: Mapping[str, Row]) -> None:
    if piece.product_id is None:
        own = rows.get(parent_sku(piece.change.key))
        parents = Counter(row.parent_id for row in rows.values() if row.type == "variation")
        if own is not None and own.type == "variable":
            piece.product_id = own.id
        elif parents:
            piece.product_id = parents.most_common(1)[0][0]
    for at, variant in enumerate(piece.change.variants):
        row = rows.get(variant.sku)
        if row is None or at in piece.variant_ids:
            continue
        if row.type == "variation" and row.parent_id == piece.product_id:
            piece.variant_ids[at] = row.id
        else:
            piece.variant_verdicts[at] = _shape(f"the shop has this sku elsewhere, on item {row.id}")


def _shape(message: str) -> Verdict:
    return Verdict("shape_differs", message, "delete it there first, or group the product as the shop does")


def _skus(piece: Piece) -> list[str]:
    """What to ask for; nothing when all ids are known."""
    own = [v.sku for at, v in enumerate(piece.change.variants) if at not in piece.variant_ids]
    if piece.product_id is not None:
        return [] if piece.change.is_simple else own
    siblings = [sku for sku in piece.change.all_skus if sku not in own][:_SIBLINGS]
    return [*own, *siblings, *([] if piece.change.is_simple else [parent_sku(piece.change.key)])]


def _lots(skus: list[str]) -> Iterator[list[str]]:
    """Skus that are asked for together."""
    lot: list[str] = []
    length = 0
    for sku in skus:
        if "," in sku:
            yield [sku]
            continue
        size = len(sku.encode()) * 3 + 3
        if lot and (len(lot) == PAGE or length + size > _LONGEST):
            yield lot
            lot, length = [], 0
        lot.append(sku)
        length += size
    if lot:
        yield lot

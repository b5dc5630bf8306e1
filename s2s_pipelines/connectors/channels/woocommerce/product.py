"""Writes products: simple ones with price and stock, and the parents of variations.

Facts: WooCommerce recordings 13, 14, 16, 21, 22, 29, 50 (version 10.0.2). Price and stock written to a parent do nothing; a body
without a name makes a product called "Product"; a parent's attribute list replaces the one before.
"""

from collections.abc import Sequence
from typing import Any

from s2s_pipelines.connectors.channels.woocommerce.api import PAGE, rows_of
from s2s_pipelines.connectors.channels.woocommerce.batch import Reply, Write
from s2s_pipelines.connectors.channels.woocommerce.category import Categories
from s2s_pipelines.connectors.channels.woocommerce.desk import MOST_ROUNDS, Desk, other_spelling
from s2s_pipelines.connectors.channels.woocommerce.item import (
    Body,
    Unsendable,
    echo_problem,
    joined,
    merged_attributes,
    parent_sku,
    product_fields,
    variant_fields,
    without_empty,
)
from s2s_pipelines.connectors.channels.woocommerce.link import tie
from s2s_pipelines.connectors.channels.woocommerce.piece import (
    DUPLICATE_GTIN,
    DUPLICATE_SKU,
    GONE,
    INVALID_ID,
    SKU_IN_BIN,
    TAKEN_GTIN,
    Piece,
    Row,
    Verdict,
)
from s2s_pipelines.model.change import Action

_WRITTEN = (Action.CREATE, Action.UPDATE)


class ProductWriter:
    """The step of a push that writes ``products``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._categories = Categories(desk.api)

    def write(self, pieces: Sequence[Piece]) -> None:
        """Bring products and their parents up to date; ids and verdicts are noted on the pieces."""
        waiting = [piece for piece in pieces if piece.product_verdict is None]
        self._read_attributes(waiting)
        for turn in range(MOST_ROUNDS):
            if turn:
                lost = [piece for piece in waiting if piece.product_id is None]
                self._relink(lost)
            waiting = self._turn([piece for piece in waiting if piece.product_verdict is None], MOST_ROUNDS - turn - 1)

    def _relink(self, pieces: Sequence[Piece]) -> None:
        self._desk.safely(pieces, lambda: self._desk.linker.link(pieces))

    def _turn(self, pieces: Sequence[Piece], turns_left: int) -> list[Piece]:
        """Send once; the pieces that should be sent again, if there are turns left."""
        sent: list[Piece] = []
        writes: list[Write] = []
        for piece in pieces:
            try:
                write = self._write(piece)
            except Unsendable as problem:
                piece.fail(Verdict.of_unsendable(problem))
                continue
            if write is not None:
                sent.append(piece)
                writes.append(write)
        again: list[Piece] = []
        for piece, write, reply in zip(sent, writes, self._desk.sender.send("products", writes), strict=True):
            if self._settle(piece, write, reply):
                if turns_left:
                    again.append(piece)
                elif reply.item is None:
                    piece.fail(Verdict.of_reply(reply))
        return again

    def _write(self, piece: Piece) -> Write | None:
        """The write that a piece needs now; None when its product needs none."""
        change = piece.change
        if piece.is_variation:
            if change.fields:
                piece.product_verdict = _IS_VARIATION
            return None
        body = product_fields(change.fields, self._desk.terms.category_from, self._category(piece))
        if self._desk.terms.category_from in change.fields and piece.product_flaw is not None:
            body.pop("categories", None)
        body = joined(body, self._own_part(piece))
        if piece.product_id is None:
            return self._create(piece, body)
        if change.action is Action.CREATE and piece.had_ids and self._desk.terms.new_status == "publish":
            body["status"] = "publish"  # it was ours and may have been hidden
        return Write("update", {**body, "id": piece.product_id}) if body else None

    def _own_part(self, piece: Piece) -> Body:
        """Price and stock of a simple product, attributes of a parent."""
        if piece.change.is_simple:
            body: Body = {}
            for at, variant in piece.variants(*_WRITTEN):
                fields = variant_fields(variant.fields, self._desk.weight_unit, with_gtin=at not in piece.without_gtin)
                body = joined(body, fields)
            return body
        if piece.product_id is not None and not _chooses_options(piece):
            return {}
        attributes = merged_attributes(piece.change, piece.attributes)
        return {} if attributes is None else {"attributes": attributes}

    def _create(self, piece: Piece, body: Body) -> Write | None:
        change = piece.change
        if change.action is not Action.CREATE:
            piece.fail(GONE)
            return None
        sku = change.variants[0].sku if change.is_simple and change.variants else parent_sku(change.key)
        made = {
            **without_empty(body),
            "type": "simple" if change.is_simple else "variable",
            "status": self._desk.terms.new_status,
            "sku": sku,
        }
        made.setdefault("name", sku)
        return Write("create", made, sku)

    def _category(self, piece: Piece) -> int | None:
        path = piece.change.fields.get(self._desk.terms.category_from)
        if not isinstance(path, str) or not path.strip():
            return None
        found: list[int | Verdict | None] = []
        self._desk.safely([piece], lambda: found.append(self._categories.resolve(path)))
        result = found[0] if found else piece.product_verdict
        if isinstance(result, Verdict):
            piece.product_flaw = result
            return None
        return result

    def _settle(self, piece: Piece, write: Write, reply: Reply) -> bool:
        """Note what came of a write; whether to send the piece again."""
        if reply.item is not None:
            piece.product_id = int(reply.item["id"])
            if piece.change.is_simple:
                piece.variant_ids = dict.fromkeys(range(len(piece.change.variants)), piece.product_id)
            problem = None if reply.was_found else echo_problem(write.body, reply.item)
            if problem:
                piece.fail(Verdict(*problem))
            # What was only found is written once more, now by id: nobody saw it stored.
            return reply.was_found
        if reply.code in INVALID_ID:
            piece.forget()
            return True
        if reply.code == DUPLICATE_GTIN and not piece.without_gtin:
            piece.without_gtin = set(range(len(piece.change.variants)))
            piece.variant_flaws = dict.fromkeys(piece.without_gtin, TAKEN_GTIN)
            return True
        if reply.code == DUPLICATE_SKU and reply.resource_id:
            return self._adopt(piece, write.sku, reply.resource_id)
        if reply.code == SKU_IN_BIN:
            piece.fail(self._desk.sku_verdict(write.sku, reply.message))
        else:
            piece.fail(Verdict.of_reply(reply))
        return False

    def _adopt(self, piece: Piece, sku: str, number: int) -> bool:
        """Tie the piece to the item that holds its sku, if it is exactly its sku."""
        item = self._desk.item(number)
        if isinstance(item, Verdict):
            piece.fail(item)
        elif item is None or str(item.get("sku")) != sku:
            piece.fail(other_spelling(number))
        else:
            tie(piece, {sku: Row.of(item)})
            if piece.product_id is None:
                piece.fail(other_spelling(number))
            self._read_attributes([piece])
        return piece.product_verdict is None

    def _read_attributes(self, pieces: Sequence[Piece]) -> None:
        """What parents list already, for those that get new variations; parents that are gone are forgotten."""
        asked = [p for p in pieces if p.product_id is not None and p.product_verdict is None and _chooses_options(p)]
        rows: dict[int, Any] = {}
        if not asked or not self._desk.safely(asked, lambda: rows.update(self._parents(asked))):
            return
        for piece in asked:
            row = rows.get(piece.product_id or 0)
            if row is None:
                piece.forget()
            else:
                piece.attributes = list(row.get("attributes") or ())
        self._relink([piece for piece in asked if piece.product_id is None])

    def _parents(self, pieces: Sequence[Piece]) -> dict[int, Any]:
        numbers = [str(piece.product_id) for piece in pieces]
        rows: dict[int, Any] = {}
        for at in range(0, len(numbers), PAGE):
            lot = ",".join(numbers[at : at + PAGE])
            params = {"include": lot, "per_page": str(PAGE), "status": "any", "_fields": "id,attributes"}
            answer = self._desk.api.get("products", params, operation="push")
            rows.update((int(row["id"]), row) for row in rows_of(answer))
        return rows


_IS_VARIATION = Verdict(
    "shape_differs",
    "the shop has this sku as a variation, so texts and images of the product are not sent",
    "group the product in its source as the shop does, or flag these fields as the channel's",
)


def _chooses_options(piece: Piece) -> bool:
    """A parent whose variations are made, or change their options."""
    return not piece.change.is_simple and any(
        at not in piece.variant_ids or "options" in variant.fields for at, variant in piece.variants(*_WRITTEN)
    )

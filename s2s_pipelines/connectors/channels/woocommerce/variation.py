"""Writes variations, parent by parent.

Facts: WooCommerce recordings 17, 18, 20, 22, 28, 51 (version 10.0.2). A variation is written below its parent only; one whose
options the parent does not list is taken all the same and cannot be bought, so the parent comes first.
"""

from collections.abc import Iterable, Sequence

from s2s_pipelines.connectors.channels.woocommerce.batch import Reply, Write
from s2s_pipelines.connectors.channels.woocommerce.desk import MOST_ROUNDS, Desk, other_spelling
from s2s_pipelines.connectors.channels.woocommerce.item import (
    Unsendable,
    echo_problem,
    variant_fields,
    variation_attributes,
    without_empty,
)
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

Place = tuple[Piece, int]
_WRITTEN = (Action.CREATE, Action.UPDATE)


class VariationWriter:
    """The step of a push that writes ``products/<id>/variations``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def write(self, pieces: Sequence[Piece]) -> None:
        """Bring variations up to date; ids and verdicts are noted on the pieces."""
        parents: dict[int, list[Place]] = {}
        for piece in pieces:
            if piece.product_id is not None and (not piece.change.is_simple or piece.is_variation):
                parents.setdefault(piece.product_id, []).extend((piece, at) for at, _ in piece.variants(*_WRITTEN))
        for parent, waiting in parents.items():
            for turn in range(MOST_ROUNDS):
                if turn:
                    self._relink(piece for piece, _ in waiting)
                alive = [(p, at) for p, at in waiting if at not in p.variant_verdicts and p.product_id == parent]
                waiting = self._turn(parent, alive, MOST_ROUNDS - turn - 1)

    def _relink(self, pieces: Iterable[Piece]) -> None:
        lost = list({id(piece): piece for piece in pieces}.values())
        self._desk.safely(lost, lambda: self._desk.linker.link(lost))

    def _turn(self, parent: int, places: Sequence[Place], turns_left: int) -> list[Place]:
        sent: list[Place] = []
        writes: list[Write] = []
        for piece, at in places:
            try:
                write = self._write(piece, at)
            except Unsendable as problem:
                piece.variant_verdicts[at] = Verdict.of_unsendable(problem)
                continue
            if write is not None:
                sent.append((piece, at))
                writes.append(write)
        again: list[Place] = []
        replies = self._desk.sender.send(f"products/{parent}/variations", writes)
        for (piece, at), write, reply in zip(sent, writes, replies, strict=True):
            if self._settle(piece, at, write, reply):
                if turns_left:
                    again.append((piece, at))
                elif reply.item is None:
                    piece.variant_verdicts[at] = Verdict.of_reply(reply)
        return again

    def _write(self, piece: Piece, at: int) -> Write | None:
        variant = piece.change.variants[at]
        number = piece.variant_ids.get(at)
        body = variant_fields(variant.fields, self._desk.weight_unit, with_gtin=at not in piece.without_gtin)
        options = variant.fields.get("options")
        if not piece.change.is_simple and (isinstance(options, tuple) or number is None):
            chosen = options if isinstance(options, tuple) else ()
            body["attributes"] = variation_attributes(piece.change, chosen, piece.attributes)
        if number is None:
            if variant.action is not Action.CREATE:
                piece.variant_verdicts[at] = GONE
                return None
            return Write("create", {**without_empty(body), "sku": variant.sku}, variant.sku)
        if variant.action is Action.CREATE and variant.channel_variant_code:
            body["status"] = "publish"  # it was ours and may have been hidden
        return Write("update", {**body, "id": number}) if body else None

    def _settle(self, piece: Piece, at: int, write: Write, reply: Reply) -> bool:
        """Note what came of a write; whether to send the variant again."""
        if reply.item is not None:
            piece.variant_ids[at] = int(reply.item["id"])
            problem = None if reply.was_found else echo_problem(write.body, reply.item)
            if problem:
                piece.variant_verdicts[at] = Verdict(*problem)
            return reply.was_found
        if reply.code in INVALID_ID:
            piece.variant_ids.pop(at, None)
            return True
        if reply.code == DUPLICATE_GTIN and at not in piece.without_gtin:
            piece.without_gtin.add(at)
            piece.variant_flaws[at] = TAKEN_GTIN
            return True
        if reply.code == DUPLICATE_SKU and reply.resource_id:
            return self._adopt(piece, at, reply.resource_id)
        if reply.code == SKU_IN_BIN:
            piece.variant_verdicts[at] = self._desk.sku_verdict(write.sku, reply.message)
        elif reply.code.endswith("_invalid_parent"):
            piece.variant_verdicts[at] = GONE
        else:
            piece.variant_verdicts[at] = Verdict.of_reply(reply)
        return False

    def _adopt(self, piece: Piece, at: int, number: int) -> bool:
        """Tie the variant to the variation that holds its sku, if it is exactly its sku and below its own parent."""
        item = self._desk.item(number)
        row = Row.of(item) if item is not None and not isinstance(item, Verdict) else None
        if row is not None and (row.sku, row.parent_id) == (piece.change.variants[at].sku, piece.product_id):
            piece.variant_ids[at] = number
            return True
        piece.variant_verdicts[at] = item if isinstance(item, Verdict) else other_spelling(number)
        return False

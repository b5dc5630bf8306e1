"""Makes the shop equal a list of changes, item by item.

In this order: find by sku what has no id yet, take off, make categories, write products, write variations, send images. Whatever
fails stays with its item.
"""

from collections.abc import Sequence

from s2s_pipelines.connectors.channels.woocommerce.api import WooApi
from s2s_pipelines.connectors.channels.woocommerce.batch import Reply, Write
from s2s_pipelines.connectors.channels.woocommerce.desk import Desk, PushTerms
from s2s_pipelines.connectors.channels.woocommerce.image import ImageSender
from s2s_pipelines.connectors.channels.woocommerce.item import Unsendable, checked_sku
from s2s_pipelines.connectors.channels.woocommerce.piece import INVALID_ID, Piece, Verdict
from s2s_pipelines.connectors.channels.woocommerce.product import ProductWriter
from s2s_pipelines.connectors.channels.woocommerce.variation import VariationWriter
from s2s_pipelines.model.change import Action, Outcome, ProductChange

_HIDDEN = {"product": "draft", "variation": "private"}
"""A draft product is nowhere to be seen; a variation knows only ``private``, which the shop's own screen calls not enabled."""


def push_changes(api: WooApi, terms: PushTerms, changes: Sequence[ProductChange]) -> list[Outcome]:
    """One outcome for each product and each variant.

    Raises:
        S2SError: the shop cannot be used, and nothing was written.
    """
    desk = Desk(api, terms)
    pieces = [Piece.of(change) for change in changes]
    for piece in pieces:
        _refuse_skus(piece)
    desk.linker.link([piece for piece in pieces if piece.product_verdict is None])
    written = [v for piece in pieces for _, v in piece.variants(Action.CREATE, Action.UPDATE)]
    if any("weight_g" in variant.fields for variant in written):
        desk.weight_unit = terms.weight_unit()
    _take_products_off(desk, [piece for piece in pieces if piece.is_delist])
    staying = [piece for piece in pieces if not piece.is_delist]
    _take_variations_off(desk, staying)
    ProductWriter(desk).write(staying)
    VariationWriter(desk).write(staying)
    images = ImageSender(api, terms.image_read_s, desk.sender.guard)
    for piece in staying:
        if "images" in piece.change.fields and piece.product_id is not None and not piece.is_variation:
            images.send(piece)
    return [outcome for piece in pieces for outcome in piece.outcomes()]


def _refuse_skus(piece: Piece) -> None:
    for at, variant in enumerate(piece.change.variants):
        try:
            checked_sku(variant.sku)
        except Unsendable as problem:
            verdict = Verdict.of_unsendable(problem)
            piece.variant_verdicts[at] = verdict
            if piece.change.is_simple:
                piece.fail(verdict)


def _take_products_off(desk: Desk, pieces: Sequence[Piece]) -> None:
    """Products as a whole. What the shop does not have is off already."""
    there = [piece for piece in pieces if piece.product_id is not None and piece.product_verdict is None]
    plain = [piece for piece in there if not piece.is_variation]
    writes = [_off(piece, piece.product_id, "product") for piece in plain]
    for piece, reply in zip(plain, desk.sender.send("products", writes), strict=True):
        _settle_product(piece, reply)
    for piece in there:
        if piece.is_variation:
            number = next(iter(piece.variant_ids.values()))
            path = f"products/{piece.product_id}/variations"
            _settle_product(piece, desk.sender.send(path, [_off(piece, number, "variation")])[0])


def _settle_product(piece: Piece, reply: Reply) -> None:
    if reply.item is None and reply.code not in INVALID_ID:
        piece.fail(Verdict.of_reply(reply))
    elif piece.change.delist_mode == "delete" or reply.item is None:
        piece.forget()


def _take_variations_off(desk: Desk, pieces: Sequence[Piece]) -> None:
    """Single variations of products that stay."""
    for piece in pieces:
        off = [at for at, _ in piece.variants(Action.DELIST) if at in piece.variant_ids]
        writes = [_off(piece, piece.variant_ids[at], "variation") for at in off]
        for at, reply in zip(off, desk.sender.send(f"products/{piece.product_id}/variations", writes), strict=True):
            if reply.item is None and reply.code not in INVALID_ID:
                piece.variant_verdicts[at] = Verdict.of_reply(reply)
            elif piece.change.delist_mode == "delete" or reply.item is None:
                del piece.variant_ids[at]


def _off(piece: Piece, number: int | None, shape: str) -> Write:
    if piece.change.delist_mode == "delete":
        return Write("delete", {"id": number})
    return Write("update", {"id": number, "status": _HIDDEN[shape]})

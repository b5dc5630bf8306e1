"""What the steps of one push share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from s2s_pipelines.connectors.channels.woocommerce.api import WooApi
from s2s_pipelines.connectors.channels.woocommerce.batch import BatchSender, Item
from s2s_pipelines.connectors.channels.woocommerce.item import CategorySource
from s2s_pipelines.connectors.channels.woocommerce.link import Linker
from s2s_pipelines.connectors.channels.woocommerce.piece import Piece, Verdict
from s2s_pipelines.errors import S2SError

NewStatus = Literal["publish", "draft", "pending", "private"]

MOST_ROUNDS = 3
"""How often an item is sent at most; each time something was learnt from the answer."""


@dataclass(frozen=True, slots=True)
class PushTerms:
    """What a push needs to know beside its changes.

    Attributes:
        weight_unit: asked only when a weight is to be written.
        new_status: what a product that we make begins with.
    """

    batch_size: int
    image_read_s: float
    category_from: CategorySource
    new_status: NewStatus
    weight_unit: Callable[[], str]


class Desk:
    """The shop, and what one push has learnt of it."""

    def __init__(self, api: WooApi, terms: PushTerms) -> None:
        self.api = api
        self.terms = terms
        self.linker = Linker(api)
        self.sender = BatchSender(api, terms.batch_size, self.linker.items)
        self.weight_unit = "kg"

    def safely(self, pieces: Sequence[Piece], call: Callable[[], None]) -> bool:
        """Look something up for pieces; when that fails they fail, and the rest goes on.

        Raises:
            S2SError: the same, if nothing was written yet.
        """
        try:
            call()
        except S2SError as error:
            verdict = Verdict.of_error(self.sender.guard(error))
            for piece in pieces:
                piece.fail(verdict)
            return False
        return True

    def item(self, number: int) -> Item | Verdict | None:
        """One item of the shop, None when it is gone, a verdict when it cannot be asked for."""
        try:
            return self.linker.item(number)
        except S2SError as error:
            return Verdict.of_error(self.sender.guard(error))

    def sku_verdict(self, sku: str, message: str) -> Verdict:
        """Why a sku that no list shows cannot be created: most often its product lies in the bin (recordings 50)."""
        try:
            is_in_bin = self.linker.is_in_bin(sku)
        except S2SError as error:
            return Verdict.of_error(self.sender.guard(error))
        if is_in_bin:
            return Verdict(
                "sku_in_bin",
                "a product with this sku lies in the shop's bin",
                "restore it, or delete it there for good",
            )
        return Verdict("duplicate_sku", message, "find what holds this sku in the shop")


def other_spelling(number: int) -> Verdict:
    """The shop says the sku is taken, but by one that is not exactly the same."""
    return Verdict(
        "duplicate_sku",
        f"item {number} of the shop has this sku in another spelling, or elsewhere than the product's variants",
        "give one of the two another sku",
    )

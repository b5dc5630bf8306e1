"""One product change on its way to the shop: what is known of it, and what became of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from s2s_pipelines.connectors.channels.woocommerce.batch import Reply
from s2s_pipelines.connectors.channels.woocommerce.item import Unsendable
from s2s_pipelines.errors import RejectedError, S2SError, TransientError, UncertainOutcomeError
from s2s_pipelines.model.change import Action, Outcome, ProductChange, VariantChange

INVALID_ID = frozenset(
    {
        "woocommerce_rest_product_invalid_id",
        "woocommerce_rest_product_variation_invalid_id",
        "woocommerce_rest_invalid_product_id",
        "woocommerce_rest_invalid_variation_id",
    }
)
"""The item is not there any more, or is a variation where a product was meant (recordings 29, 34, 50, 51)."""

DUPLICATE_SKU = "product_invalid_sku"
SKU_IN_BIN = "woocommerce_rest_product_not_created"
DUPLICATE_GTIN = "product_invalid_global_unique_id"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why an item is not as it should be; `Outcome` says what the words mean."""

    reason: str
    message: str
    remedy: str = ""
    is_retriable: bool = False
    is_uncertain: bool = False

    @classmethod
    def of_unsendable(cls, problem: Unsendable) -> Self:
        """The verdict for a value that was never sent."""
        return cls(problem.reason, problem.message, problem.remedy)

    @classmethod
    def of_reply(cls, reply: Reply) -> Self:
        """The verdict for an item that was refused or has no answer."""
        if reply.error is not None:
            return cls.of_error(reply.error)
        words = reply.message or "the shop gave no reason"
        return cls("refused", f"{words} ({reply.code})", "correct what the message names")

    @classmethod
    def of_error(cls, error: S2SError) -> Self:
        """The verdict for a failed request."""
        if isinstance(error, UncertainOutcomeError):
            return cls("unknown_outcome", error.message, "", is_retriable=True, is_uncertain=True)
        if isinstance(error, TransientError):
            return cls("unreachable", error.message, "", is_retriable=True)
        if isinstance(error, RejectedError):
            return cls("refused", error.message, error.next_step or "")
        return cls("no_access", error.message, error.next_step or "", is_retriable=True)


GONE = Verdict(
    "gone",
    "the shop does not have this item any more",
    "forget its ids, so that it is made again from the whole of its fields",
    is_retriable=True,
)


TAKEN_GTIN = Verdict(
    "duplicate_barcode",
    "the shop has this barcode on another item; all else was written",
    "give each item its own barcode",
)


@dataclass(frozen=True, slots=True)
class Row:
    """An item as the shop's look-up shows it."""

    id: int
    sku: str
    type: str
    parent_id: int

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """The row of an item."""
        return cls(
            int(item["id"]),
            str(item.get("sku") or ""),
            str(item.get("type") or ""),
            int(item.get("parent_id") or 0),
        )


@dataclass(slots=True)
class Piece:
    """A change and its fate.

    Attributes:
        product_id: the shop's id of the product; for a simple change that the shop has as a variation, of its parent.
        variant_ids: by the variant's place in the change; a simple product's own id where there are no variations.
        had_ids: the change came with the product's id, so the product was ours before.
        attributes: of the parent as the shop has them.
        images: address -> the shop's id.
        without_gtin: places of variants whose barcode the shop has elsewhere.
        product_verdict: None while all is well.
        variant_verdicts: by place, only what failed.
        product_flaw: the product stands, but something of it is missing.
        variant_flaws: the same by place.
    """

    change: ProductChange
    product_id: int | None = None
    variant_ids: dict[int, int] = field(default_factory=dict)
    had_ids: bool = False
    attributes: list[Mapping[str, Any]] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    without_gtin: set[int] = field(default_factory=set)
    product_verdict: Verdict | None = None
    variant_verdicts: dict[int, Verdict] = field(default_factory=dict)
    product_flaw: Verdict | None = None
    variant_flaws: dict[int, Verdict] = field(default_factory=dict)

    @classmethod
    def of(cls, change: ProductChange) -> Self:
        """A change with the ids it came with."""
        product = _number(change.channel_product_code)
        if product is None:
            return cls(change)
        codes = {at: _number(v.channel_variant_code) for at, v in enumerate(change.variants)}
        known = {at: code for at, code in codes.items() if code is not None}
        if change.is_simple:
            known = {at: known.get(at, product) for at in codes}
        return cls(change, product, known, had_ids=True)

    @property
    def is_variation(self) -> bool:
        """A change of a simple product that the shop has as a variation of some parent."""
        return self.change.is_simple and any(number != self.product_id for number in self.variant_ids.values())

    @property
    def is_delist(self) -> bool:
        """The whole product is taken off."""
        only_off = bool(self.change.variants) and all(v.action is Action.DELIST for v in self.change.variants)
        return self.change.action is Action.DELIST or (self.change.is_simple and only_off)

    def variants(self, *actions: Action) -> Iterable[tuple[int, VariantChange]]:
        """Variants of these actions that have not failed yet, with their places."""
        for at, variant in enumerate(self.change.variants):
            if variant.action in actions and at not in self.variant_verdicts:
                yield at, variant

    def fail(self, verdict: Verdict) -> None:
        """The product and all its variants failed for one reason."""
        self.product_verdict = self.product_verdict or verdict
        for at in range(len(self.change.variants)):
            self.variant_verdicts.setdefault(at, verdict)

    def forget(self) -> None:
        """The shop does not know the ids any more."""
        self.product_id, self.had_ids = None, False
        self.variant_ids.clear()

    def outcomes(self) -> list[Outcome]:
        """One for the product and one for each variant."""
        product = str(self.product_id) if self.product_id is not None else None
        outcomes = [self._outcome(None, self.product_verdict or self.product_flaw, product, None)]
        for at, variant in enumerate(self.change.variants):
            number = self.variant_ids.get(at)
            code = str(number) if number is not None else None
            verdict = self.variant_verdicts.get(at) or self.variant_flaws.get(at)
            outcomes.append(self._outcome(variant.sku, verdict, product, code))
        return outcomes

    def _outcome(self, sku: str | None, verdict: Verdict | None, product: str | None, variant: str | None) -> Outcome:
        found = verdict or Verdict("", "")
        return Outcome(
            key=self.change.key,
            sku=sku,
            is_ok=verdict is None,
            channel_product_code=product,
            channel_variant_code=variant,
            images=dict(self.images) if sku is None else {},
            reason=found.reason,
            message=found.message,
            remedy=found.remedy,
            is_retriable=found.is_retriable,
            is_uncertain=found.is_uncertain,
        )


def _number(code: str | None) -> int | None:
    return int(code) if code is not None and code.isascii() and code.isdecimal() else None

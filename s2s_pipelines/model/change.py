"""What a channel should look like, what must be sent to get there, and what came of sending it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

FieldValue = str | int | bool | Decimal | tuple[str, ...] | None
"""A field's value in a desired state. Images and tags are tuples of text."""

PRODUCT_FIELDS = ("title", "body_html", "collection", "product_type", "tags", "vendor", "images")
"""Product level fields of a desired state, beside ``meta_<key>``."""

VARIANT_FIELDS = ("price", "compare_at_price", "qty", "barcode", "weight_g", "inventory_management", "options")
"""Variant level fields. ``price`` is in the channel's own tax basis and currency, in cents; ``options`` are the values in
the order of the product's option names."""


class Action(StrEnum):
    """What to do with an item."""

    CREATE = "create"
    UPDATE = "update"
    DELIST = "delist"
    NONE = "none"  # the product itself stays, only variants below it change


@dataclass(frozen=True, slots=True)
class VariantChange:
    """One variant to create, update or take off.

    Attributes:
        fields: for create everything we own, for update only what differs from the last acknowledged state.
        channel_variant_code: the channel's id as last acknowledged; None before first contact.
    """

    action: Action
    sku: str
    fields: Mapping[str, FieldValue]
    channel_variant_code: str | None = None


@dataclass(frozen=True, slots=True)
class ProductChange:
    """One product with its variants to change; the unit of isolation on a channel.

    Attributes:
        key: source and product code (``model.identifier.product_key``).
        is_simple: one variant without options; the product itself carries its price and stock where the channel
            knows that shape.
        option_names: names of the options, at most three, in order; needed whenever variants are written.
        option_values: all values per option name that the product has after this change, so that a parent may
            list them.
        known_images: image address -> the channel's own id of the image it made of it.
        delist_mode: how the channel's declaration wants things taken off.
        all_skus: every sku the product has in the desired state, changed or not.
    """

    action: Action
    key: str
    fields: Mapping[str, FieldValue]
    variants: tuple[VariantChange, ...]
    is_simple: bool
    option_names: tuple[str, ...] = ()
    option_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    channel_product_code: str | None = None
    known_images: Mapping[str, str] = field(default_factory=dict)
    delist_mode: Literal["delete", "hide"] = "hide"
    all_skus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one item of a change. Each product change yields one for itself and one per variant change.

    Attributes:
        key: the product change's key.
        sku: the variant's sku, or None for the product itself.
        is_ok: the channel confirmed it.
        channel_product_code: the channel's id of the product, when known.
        channel_variant_code: the channel's id of the variant, when known.
        images: image address -> channel image id, for products whose images were written.
        reason: a stable code when not ok, such as ``duplicate_sku`` or ``unreachable``.
        message: the channel's own words, bounded and free of secrets.
        remedy: what a person can do.
        is_retriable: whether sending the then current state again may help without anyone acting.
        is_uncertain: whether the channel may have done it although we heard nothing.
    """

    key: str
    sku: str | None
    is_ok: bool
    channel_product_code: str | None = None
    channel_variant_code: str | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    message: str = ""
    remedy: str = ""
    is_retriable: bool = False
    is_uncertain: bool = False

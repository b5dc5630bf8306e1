"""Which fields of the merged catalogue a channel is sent, and from which columns its price and quantity come.

A flag ``channel`` means the channel owns the field and it is never sent (domain research, section 6). A price or quantity is the
channel's own as well when the default price or quantity is flagged, whatever tier or warehouse the channel uses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2s_pipelines.catalogue.column import IMAGES
from s2s_pipelines.catalogue.policy import ChannelFlag, ChannelPolicy
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.change import PRODUCT_FIELDS
from s2s_pipelines.model.field import TARGETS, Level, find_target, flag_name, near_miss

DEFAULT = "*"
"""The flag that stands for every field without one of its own."""

OPTIONS = "options"
"""The flag that stands for the names and values of all options."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What is sent, and where it comes from.

    Attributes:
        product: product fields of a desired state that are ours to send and that a source delivers.
        variant: the same for variants.
        price_column: the frame's column of the price; None where the channel owns its prices.
        compare_column: the frame's column of the compare-at price; None where there is none.
        quantity_column: the frame's column of the quantity; None where the channel owns its stock.
        has_images: whether any source delivers images.
    """

    product: tuple[str, ...]
    variant: tuple[str, ...]
    price_column: str | None
    compare_column: str | None
    quantity_column: str | None
    has_images: bool

    @property
    def has_title(self) -> bool:
        """Whether the title is ours to send."""
        return "title" in self.product

    @property
    def has_options(self) -> bool:
        """Whether option values are ours to send."""
        return OPTIONS in self.variant


def channel_fields(policy: ChannelPolicy, columns: Sequence[str]) -> Fields:
    """The fields of this channel, given the columns of the merged catalogue.

    Raises:
        ConfigurationError: a flag on an unknown field, or a tier or warehouse that no source delivers.
    """
    check_flags(policy.flags)
    metas = sorted(c for c in columns if c.startswith("meta_"))
    product = tuple(c for c in (*PRODUCT_FIELDS, *metas) if c in columns and is_ours(policy.flags, c))
    price = _price_column(policy, columns)
    compare = _compare_column(policy, columns) if price else None
    quantity = _quantity_column(policy, columns)
    present = {
        "price": price is not None,
        "compare_at_price": compare is not None,
        "qty": quantity is not None,
        "barcode": "barcode" in columns and is_ours(policy.flags, "variants.barcode"),
        "weight_g": "weight_g" in columns and is_ours(policy.flags, "variants.weight"),
        "inventory_management": "inventory_management" in columns
        and is_ours(policy.flags, "variants.inventory_management"),
        OPTIONS: "option1_value" in columns and _owns_options(policy.flags),
    }
    variant = tuple(field for field, is_present in present.items() if is_present)
    return Fields(product, variant, price, compare, quantity, IMAGES in columns)


def is_ours(flags: Mapping[str, ChannelFlag], name: str) -> bool:
    """Whether a field of the vocabulary is ours to send.

    >>> is_ours({"title": "channel"}, "title"), is_ours({}, "title"), is_ours({"*": "channel"}, "title")
    (False, True, False)
    """
    return flags.get(flag_name(name), flags.get(DEFAULT, "system")) == "system"


def check_flags(flags: Mapping[str, ChannelFlag]) -> None:
    """Refuse flags on what is no field of a product.

    Raises:
        ConfigurationError: with the near miss.
    """
    levels = (Level.PRODUCT, Level.VARIANT)
    for name in flags:
        target = find_target(name)
        if name in (DEFAULT, OPTIONS, IMAGES) or (target is not None and target.level in levels):
            continue
        known = [t.name for t in TARGETS.values() if t.level in levels] + [OPTIONS, IMAGES]
        close = near_miss(name, known)
        raise ConfigurationError(
            f"the flag on {name} cannot be used: {name} is not a field of a product",
            operation="apply channel flags",
            reference=name,
            next_step=f"did you mean {close}?" if close else f"fields: {', '.join(known)}",
        )


def _owns_options(flags: Mapping[str, ChannelFlag]) -> bool:
    parts = [f"variants.option{i}_value" for i in (1, 2, 3)] + [f"option{i}_name" for i in (1, 2, 3)]
    return is_ours(flags, OPTIONS) and all(is_ours(flags, part) for part in parts)


def _owns_column(flags: Mapping[str, ChannelFlag], default_name: str, column: str) -> bool:
    """Whether the price or quantity taken from a column is ours: a flag on it or on the default one decides."""
    named = [flags[name] for name in (default_name, column) if name in flags]
    return "channel" not in named if named else is_ours(flags, default_name)


def _price_column(policy: ChannelPolicy, columns: Sequence[str]) -> str | None:
    column = f"price_{policy.price_tier}" if policy.price_tier else "retail_price"
    if not _owns_column(policy.flags, "variants.retail_price", column):
        return None
    return _delivered(column, columns, "price_", "price list")


def _compare_column(policy: ChannelPolicy, columns: Sequence[str]) -> str | None:
    if policy.compare_at_tier is None:
        return None
    column = f"price_{policy.compare_at_tier}"
    if not is_ours(policy.flags, column):
        return None
    return _delivered(column, columns, "price_", "price list")


def _quantity_column(policy: ChannelPolicy, columns: Sequence[str]) -> str | None:
    warehouse = policy.quantity.warehouse
    column = f"qty_{warehouse}" if warehouse else "qty"
    if not _owns_column(policy.flags, "variants.qty", column):
        return None
    return _delivered(column, columns, "qty_", "warehouse")


def _delivered(column: str, columns: Sequence[str], prefix: str, what: str) -> str:
    if column in columns:
        return column
    known = [c.removeprefix(prefix) for c in columns if c.startswith(prefix) and c != "qty_source"]
    close = near_miss(column.removeprefix(prefix), known)
    raise ConfigurationError(
        f"no source delivers {column}, which this channel asks for",
        operation="find the channel's price and quantity",
        reference=column,
        next_step=(f"did you mean {prefix}{close}?" if close else f"map {column} in a field map")
        + f", or name another {what}",
    )

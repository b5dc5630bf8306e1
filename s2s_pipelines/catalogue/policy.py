"""What a client may declare about its catalogue and channels; the pure functions of this room take these as arguments."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.identifier import KEY_PATTERN
from s2s_pipelines.model.money import TaxBasis

Key = Annotated[str, Field(pattern=KEY_PATTERN)]
Share = Annotated[Decimal, Field(ge=0, le=1)]
SourceFlag = Literal["source", "system"]
ChannelFlag = Literal["system", "channel"]


class Terms(Declared):
    """What every price of the merged catalogue means."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "ZAR"
    """ISO 4217 code; every source and channel of the client uses it."""
    basis: TaxBasis = "incl"
    """Whether catalogue prices include tax."""
    tax_rate: Annotated[Decimal, Field(ge=0, lt=100)] = Decimal(15)
    """The standard rate in percent."""


class NumberFormat(Declared):
    """How a source spells numbers; an ambiguous text is rejected, never guessed."""

    decimal_mark: Literal[".", ","] = "."
    """The character before the decimals."""
    thousands_mark: Literal["", " ", ",", ".", "'"] = ""
    """The character between groups of three digits; no-break spaces count as a space."""


class Rhythm(Declared):
    """How often a source is expected to bring something newer, and what happens when it does not."""

    every: timedelta
    """The expected distance between two deliveries, such as ``P7D``."""
    grace: timedelta = timedelta(0)
    """How much later than that is still in time."""
    overdue: Literal["hold", "zero"] = "hold"
    """``hold`` keeps the last quantities, ``zero`` publishes none of the quantities this source owns."""


class Condition(Declared):
    """One test on one field of the merged catalogue."""

    field: str
    """A vocabulary name, such as ``product_type``, ``variants.qty`` or ``meta_web``."""
    op: Literal[
        "equals",
        "not_equals",
        "contains",
        "not_contains",
        "less_than",
        "greater_than",
        "is_empty",
        "is_not_empty",
        "one_of",
    ]
    """The comparison; text is compared without regard to letter case."""
    value: str | tuple[str, ...] | None = None
    """The text, number or list to compare with; left out for ``is_empty`` and ``is_not_empty``."""


class Rules(Declared):
    """Which products a channel receives."""

    match: Literal["all", "any"] = "all"
    """Whether a product must meet all ``include`` conditions or any of them."""
    include: tuple[Condition, ...] = ()
    """No condition: everything is included."""
    exclude: tuple[Condition, ...] = ()
    """A variant that meets one of these is left out."""


class Breakers(Declared):
    """Shares of a channel's listed variants beyond which a plan stops for a person."""

    vanish: Share = Decimal("0.20")
    """Share of listed variants that one plan may take off."""
    to_zero: Share = Decimal("0.30")
    """Share of listed variants with stock that one plan may set to zero."""
    price_change: Share = Decimal("0.30")
    """Share of listed variants whose price one plan may change by more than ``price_beyond``."""
    price_beyond: Annotated[Decimal, Field(gt=0)] = Decimal("0.25")
    """A price change counts when it is larger than this share of the old price, up or down."""
    at_least: Annotated[int, Field(ge=1)] = 5
    """Fewer items than this never trip a breaker."""


class Quantity(Declared):
    """How a channel's quantity is made from what the owner has."""

    warehouse: str | None = None
    """``qty_<warehouse>`` instead of the default quantity; a variant without it is not published."""
    buffer: Annotated[int, Field(ge=0)] = 0
    """Units kept back."""
    cap: Annotated[int, Field(ge=0)] | None = None
    """The most that is ever shown."""


class ChannelPolicy(Declared):
    """How the merged catalogue becomes a channel's desired state."""

    price_tier: str | None = None
    """``price_<tier>`` instead of the default price; a variant without it is not published."""
    compare_at_tier: str | None = None
    """A tier shown struck through when it is above the price."""
    basis: TaxBasis = "incl"
    """Whether the channel's prices include tax."""
    quantity: Quantity = Quantity()
    """Warehouse, buffer and cap."""
    rules: Rules = Rules()
    """Which products it receives."""
    flags: dict[str, ChannelFlag] = {}
    """Fields the channel owns: ``{title: channel}``; everything else is ours to send."""
    delist: Literal["delete", "hide", "leave"] = "hide"
    """What happens to items that should no longer be shown."""
    breakers: Breakers = Breakers()
    """Limits beyond which a plan stops."""

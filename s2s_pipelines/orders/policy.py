"""What a client may declare about orders, per channel and per source."""

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import Field, field_validator

from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.money import TaxBasis
from s2s_pipelines.model.order import DocumentKind


class ChannelOrders(Declared):
    """Which of a channel's orders are raised, and for whom."""

    from_on: Annotated[date, Field(alias="from")]
    """Orders placed before this day (client's time zone) are never raised, not by a poll and not by a backfill."""
    statuses: tuple[str, ...] = ("processing",)
    """The channel's own words for orders that are due; anything else is stored only."""
    default_customers: dict[str, str] = {}
    """Per source the account for buyers that no e-mail address matches; without it such orders are held."""
    poll_every: timedelta = timedelta(seconds=30)
    """How often the channel is asked for changed orders."""
    quiet_after: timedelta | None = None
    """Told of once the channel has had no new order for that long, such as ``P2D``; None: never."""


class SourceOrders(Declared):
    """How a source takes documents."""

    document: DocumentKind = "sales_order"
    """The kind raised; the connector's manifest says which exist."""
    basis: TaxBasis = "excl"
    """Whether the target holds unit prices with or without tax."""
    tax_codes: dict[str, str] = {}
    """Rate in percent as text -> the target's tax code, such as ``{"15": "01", "0": "02"}``."""
    shipping_item: str | None = None
    """The service item that shipping is raised against; without it an order with shipping is held."""
    fee_item: str | None = None
    """The service item that fees are raised against; without it an order with fees is held."""
    price_decimals: Annotated[int, Field(ge=2, le=6)] = 4
    """Decimals of a unit price the target keeps; a document is recomputed with them before it is sent."""
    tax_on: Literal["exact", "rounded"] = "exact"
    """Only for ``basis: excl``: whether the target takes a line's tax from price times quantity as it is, or first rounds that to
    cents. With ``rounded`` some totals cannot be reached: no whole cent and 15 % of it make 240.00."""
    raised_here: Literal["yes", "not_here"] = "yes"
    """``not_here``: lines this source owns need no document (domain research 10.5); say so or they are held."""

    @field_validator("tax_codes")
    @classmethod
    def _rates_are_numbers(cls, codes: dict[str, str]) -> dict[str, str]:
        for rate in codes:
            try:
                is_rate = 0 <= Decimal(rate) < 100
            except InvalidOperation:
                is_rate = False
            if not is_rate:
                raise ValueError(f'{rate!r} is not a tax rate in percent; write it like "15"')
        return codes


TIE_OUT_TOLERANCE = Decimal("0.00")
"""A document's total must equal the shop's to the cent."""

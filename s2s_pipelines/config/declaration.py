"""What an operator writes: the models of ``assets/<client>/client.yaml`` and ``resources/<client>.yaml``.

The models say what a key means and which values it takes on its own; what two keys must say together is checked in
``config.source_check``, ``config.channel_check`` and ``config.field_check``, with line, near miss and fix.
"""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from s2s_pipelines.catalogue.policy import ChannelPolicy, Key, NumberFormat, Rhythm, Share, SourceFlag, Terms
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import Feed
from s2s_pipelines.model.money import TaxBasis
from s2s_pipelines.orders.policy import ChannelOrders, SourceOrders

Role = Literal["primary", "linked"]
_CLOCK_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _read_clock_time(value: Any) -> Any:
    """Only ``HH:MM``: pydantic alone would take 750 for half past midnight, which is what YAML 1.1 makes of 12:30."""
    is_written_well = isinstance(value, str) and re.match(_CLOCK_TIME, value)
    if not is_written_well and not isinstance(value, time):
        raise ValueError("this is not a time of day; write hours and minutes in quotes, such as '02:00'")
    return value


ClockTime = Annotated[
    time, BeforeValidator(_read_clock_time), WithJsonSchema({"type": "string", "pattern": _CLOCK_TIME})
]


class FeedDeclaration(Declared):
    """How often one feed of a source is read, and what its gaps mean."""

    every: timedelta
    """The distance between two reads, such as ``PT3M``."""
    full_at: ClockTime | None = None
    """When, in the client's time zone, a full read replaces the incremental ones; None where every read is full."""
    stale_after: timedelta | None = None
    """What stands of this feed is shown as stale, and told of, once its last good read is older; None: four times ``every``,
    and at least an hour."""
    ignore: tuple[str, ...] = ()
    """Columns the source delivers and nobody wants; a column that is neither mapped nor listed here stops the feed."""
    absent: Literal["keep", "zero"] = "keep"
    """What a full stock read says of a sku it does not mention: nothing (``keep``), or that there is none (``zero``)."""
    absent_limit: Share = Decimal("0.20")
    """With ``absent: zero``, the share of skus that one read may zero by silence; beyond it the read is refused."""
    shrink_limit: Share = Decimal("0.50")
    """The share of rows a full read may have lost since the last good one; beyond it the read is refused."""


class SourceDeclaration(Declared):
    """One source of a client: an ERP that owns products, or a linked source that enriches them."""

    label: str = ""
    """The name people know it by; the key when left out."""
    role: Role
    """``primary`` owns products and may take orders; ``linked`` only updates products of its primary source."""
    connection: Key
    """The connection in ``resources/<client>.yaml`` through which it is read."""
    of: Key | None = None
    """For a linked source: the primary source whose products it updates."""
    precedence: Annotated[int, Field(ge=1, le=1000)] | None = None
    """For a linked source: 1 is the strongest; unique among the linked sources of one primary."""
    match: Literal["sku", "code"] = "sku"
    """For a linked source: rows are matched by ``variants.sku``, or by the primary's own product or variant code."""
    basis: TaxBasis
    """Whether the prices this source delivers include tax."""
    numbers: NumberFormat = NumberFormat()
    """How it spells numbers."""
    feeds: Annotated[dict[Feed, FeedDeclaration], Field(min_length=1)]
    """What is read from it."""
    flags: dict[str, SourceFlag] = {}
    """Per field, ``source``: take this source's value; ``system``: leave it. Unflagged fields of a primary source are
    ``source``, those of a linked source ``system``."""
    rhythm: Rhythm | None = None
    """How often it is expected to bring something newer."""
    orders: SourceOrders | None = None
    """How it takes documents; only a primary source whose connector can."""


class ChannelDeclaration(Declared):
    """One sales channel of a client."""

    label: str = ""
    """The name people know it by; the key when left out."""
    connection: Key
    """The connection in ``resources/<client>.yaml`` through which it is written and polled."""
    policy: ChannelPolicy = ChannelPolicy()
    """What it receives."""
    push_every: timedelta = timedelta(minutes=3)
    """The distance between two pushes of what changed, such as ``PT3M``."""
    first_push: Literal["approve", "free"] = "approve"
    """``approve``: nothing is sent until a person approves the channel's first plan by name; ``free``: the first plan is pushed
    like any other, within its breakers."""
    orders: ChannelOrders | None = None
    """Which of its orders are raised; None: its orders are not read."""


class ClientDeclaration(Declared):
    """``assets/<client>/client.yaml``: what is made for one client."""

    client: Key
    """The client's key; equals the name of the folder."""
    label: Annotated[str, Field(min_length=1, max_length=80)]
    """The client's name for people."""
    timezone: str
    """IANA name, such as ``Africa/Johannesburg``; days, times of day and the source's naive stamps are read in it."""
    owners: tuple[Key, ...] = ()
    """The teams that answer for this client."""
    terms: Terms = Terms()
    """What every price of the merged catalogue means."""
    sources: Annotated[dict[Key, SourceDeclaration], Field(min_length=1)]
    """Where products, stock, prices and customers come from."""
    channels: dict[Key, ChannelDeclaration] = {}
    """Where goods are shown and ordered."""


class ConnectionsDeclaration(Declared):
    """``resources/<client>.yaml``: what a client is connected to.

    A connection's other keys are its kind's own; they are read by the settings model of that kind's connector.
    """

    connections: Annotated[Mapping[Key, dict[str, Any]], Field(min_length=1)]
    """Connections by key, each with its ``kind``."""

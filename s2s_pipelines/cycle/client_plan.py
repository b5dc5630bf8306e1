"""What the cycle is to do for one client, put together by the composition root from the client's declarations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from decimal import Decimal
from typing import Literal

from s2s_pipelines.catalogue.ownership import SourceRole, unowned_targets
from s2s_pipelines.catalogue.policy import ChannelPolicy, NumberFormat, Rhythm, SourceFlag, Terms
from s2s_pipelines.model.field import Feed, FieldRow
from s2s_pipelines.model.money import TaxBasis


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """How one feed of a source is read.

    Attributes:
        every: the distance between two reads.
        full_at: time of day, in the client's zone, after which the next read is a full one; None: every read is full.
        ignore: columns that are known and not wanted.
        absent: what a full read that does not mention a sku says of its quantity.
        absent_limit: with ``absent`` zero, the share of skus with stock that one read may zero by silence.
        shrink_limit: the share of rows that a full read may have lost since the last one.
        stale_after: what stands is stale once it is older; None: see ``cycle.freshness``.
    """

    feed: Feed
    every: timedelta
    full_at: time | None = None
    ignore: tuple[str, ...] = ()
    absent: Literal["keep", "zero"] = "keep"
    absent_limit: Decimal = Decimal("0.20")
    shrink_limit: Decimal = Decimal("0.50")
    stale_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """One source of a client.

    Attributes:
        of: the primary source it is linked to; None for a primary one.
        fields: the effective field map of all its feeds.
        is_incremental: its connector can read what changed since a cursor.
        rhythm: how often it is expected to bring something newer; None: nothing is expected.
    """

    source: str
    role: SourceRole
    basis: TaxBasis
    fields: tuple[FieldRow, ...]
    feeds: tuple[FeedPlan, ...]
    of: str | None = None
    precedence: int = 1
    match: Literal["sku", "code"] = "sku"
    numbers: NumberFormat = NumberFormat()  # noqa: RUF009 - frozen, hence safe to share
    flags: Mapping[str, SourceFlag] = field(default_factory=dict)
    is_incremental: bool = False
    rhythm: Rhythm | None = None

    def fields_of(self, feed: Feed) -> tuple[FieldRow, ...]:
        """The rows of one feed's map."""
        return tuple(row for row in self.fields if row.feed == feed)

    def unowned(self, feed: Feed) -> tuple[str, ...]:
        """Targets of one feed that are mapped but not taken from this source."""
        return unowned_targets(self.flags, role=self.role, targets=[row.target for row in self.fields_of(feed)])

    def feed(self, name: Feed) -> FeedPlan | None:
        """The feed of that name, or None."""
        return next((feed for feed in self.feeds if feed.feed == name), None)


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """One client: what its prices mean, its time zone (IANA) and its sources."""

    client: str
    timezone: str
    terms: Terms
    sources: tuple[SourcePlan, ...]

    def source(self, key: str) -> SourcePlan | None:
        """The source of that key, or None."""
        return next((source for source in self.sources if source.source == key), None)


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """One channel of a client, and how it is to be filled.

    Attributes:
        is_first_approved: its first plan waits until a person approves it.
    """

    channel: str
    policy: ChannelPolicy
    is_first_approved: bool = False

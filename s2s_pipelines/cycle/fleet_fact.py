"""What our database knows about all clients at one moment, as a few plain tables. Read by ``storage.fleet_facts``."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from s2s_pipelines.cycle.port import FeedState
from s2s_pipelines.model.pause import Pause

ChannelKey = tuple[str, str]
"""Client and channel."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The snapshot that stands under one name; ``read_at`` is when it was last read or confirmed.

    Attributes:
        conflicts: for a catalogue, skus that two primary sources offer.
    """

    rows_in: int
    rows_out: int
    rejected: int
    read_at: datetime
    source_modified_at: datetime | None
    content_since: datetime
    created_at: datetime
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class NewestPlan:
    """The newest plan of a channel."""

    id: int
    verdict: str
    counts: Mapping[str, int]
    breakers: Mapping[str, Mapping[str, Any]]
    created_at: datetime
    pushed_at: datetime | None
    outcome: Mapping[str, Any] | None

    @property
    def is_at_rest(self) -> bool:
        """Whether it sends nothing."""
        return not any(n for name, n in self.counts.items() if name.endswith(("_create", "_update", "_delist")))


@dataclass(frozen=True, slots=True)
class FailingItems:
    """Items that a channel did not take, by reason.

    Attributes:
        count: all of them.
        lasting: those that failed more than once in a row, or of which the channel said that trying again does not help.
        sample: what it said of one of them.
    """

    reason: str
    count: int
    lasting: int
    sample: str
    remedy: str


@dataclass(frozen=True, slots=True)
class HeldOrders:
    """Orders of a channel that wait for a person, by reason."""

    reason: str
    count: int
    since: datetime
    sample: str
    remedy: str


@dataclass(frozen=True, slots=True)
class WaitingOrders:
    """Orders, or raw bodies of orders, on which nothing moved for a while."""

    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Polling:
    """How asking a channel for orders went lately.

    Attributes:
        newest_order_at: when the newest order was placed that we know of.
    """

    attempted_at: datetime | None
    succeeded_at: datetime | None
    failures: int
    error: str | None
    retry_at: datetime | None
    newest_order_at: datetime | None


@dataclass(frozen=True, slots=True)
class CycleClaim:
    """The last cycle that a shared run took up for a client."""

    claimed_at: datetime
    begun_at: datetime | None
    done_at: datetime | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """Everything at one moment.

    Attributes:
        standing: by client, then by name of the snapshot.
        feeds: by client, then by source and feed.
        pauses: those that stop something now.
        ended_pauses: those that ended lately; what they stopped is being caught up with until their ``until``.
    """

    at: datetime
    standing: Mapping[str, Mapping[str, Standing]] = field(default_factory=dict)
    feeds: Mapping[str, Mapping[tuple[str, str], FeedState]] = field(default_factory=dict)
    plans: Mapping[ChannelKey, NewestPlan] = field(default_factory=dict)
    items: Mapping[ChannelKey, tuple[FailingItems, ...]] = field(default_factory=dict)
    held: Mapping[ChannelKey, tuple[HeldOrders, ...]] = field(default_factory=dict)
    waiting: Mapping[ChannelKey, WaitingOrders] = field(default_factory=dict)
    odd: Mapping[ChannelKey, WaitingOrders] = field(default_factory=dict)
    polls: Mapping[ChannelKey, Polling] = field(default_factory=dict)
    claims: Mapping[str, CycleClaim] = field(default_factory=dict)
    pauses: tuple[Pause, ...] = ()
    ended_pauses: tuple[Pause, ...] = ()


class FactsReader(Protocol):
    """Reads the facts."""

    def read(self, channels: Collection[ChannelKey]) -> FleetFacts:
        """The facts about all clients, and the newest plans of the channels given."""

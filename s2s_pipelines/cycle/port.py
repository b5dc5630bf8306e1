"""What the cycle asks of its memory: snapshots of what sources said, what channels confirmed, and the plans between them.

Longer than other modules on purpose: the three stand together, because a plan names the snapshot and the items it was made from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from s2s_pipelines.catalogue.breaker import BreakerVerdict, Listed
from s2s_pipelines.catalogue.diff import Plan

if TYPE_CHECKING:
    import pyarrow as pa

Level = Literal["product", "variant"]
ItemKey = tuple[Level, str]
Verdict = Literal["clear", "stopped", "let_through", "awaiting"]
CATALOGUE = "catalogue"
"""The name of the merged catalogue's snapshots."""


def feed_name(source: str, feed: str) -> str:
    """The name of a feed's snapshots.

    >>> feed_name("erp", "stock")
    'source/erp/stock'
    """
    return f"source/{source}/{feed}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table that was read and kept.

    Attributes:
        path: the table's file, below the catalogue folder.
        rows_in: rows the source delivered (for the catalogue: rows merged).
        rows_out: rows of the table.
        fingerprint: the same for the same content.
        read_at: when the newest read began that this table is true for, even if it changed nothing.
        source_modified_at: the source's own stamp of the content.
        content_since: when this content was first read.
        is_complete: the newest read that made it was a full one.
        cursor: where the next incremental read begins.
        details: what else is known, as JSON; ``parts`` names the tables kept beside it.
    """

    id: int
    client: str
    name: str
    path: str
    rows_in: int
    rows_out: int
    rejected: int
    fingerprint: str
    read_at: datetime
    source_modified_at: datetime | None
    content_since: datetime
    is_complete: bool
    cursor: str | None
    details: Mapping[str, Any]
    created_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class NewSnapshot:
    """A table to keep, with others beside it.

    Attributes:
        parts: tables kept beside it by name, such as ``rejects``, ``rejected``, ``ignored``, ``raw``.
        replaces: id of the snapshot it was made from; None when there was none. Keeping it fails when that is no longer current.
        is_current: whether it is fit to stand; other ones are kept to be looked at only.
    """

    name: str
    table: "pa.Table"
    rows_in: int
    rejected: int
    fingerprint: str
    read_at: datetime
    is_complete: bool
    source_modified_at: datetime | None = None
    content_since: datetime | None = None
    cursor: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    parts: "Mapping[str, pa.Table]" = field(default_factory=dict)
    replaces: int | None = None
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class FeedState:
    """How reading one feed went lately; ``failures`` in a row."""

    source: str
    feed: str
    attempted_at: datetime | None = None
    succeeded_at: datetime | None = None
    full_at: datetime | None = None
    failures: int = 0
    error_class: str | None = None
    error: str | None = None
    retry_at: datetime | None = None


class CatalogueStore(Protocol):
    """Keeps snapshots. A snapshot is current only when all of it is safely on disk; the last good one stays until then."""

    def current(self, client: str, name: str) -> Snapshot | None:
        """The snapshot that stands, or None."""

    def standing(self, client: str) -> Mapping[str, Snapshot]:
        """All snapshots of a client that stand, by name."""

    def find(self, client: str, ids: Sequence[int]) -> Mapping[int, Snapshot]:
        """Snapshots by their numbers, current or not."""

    def history(self, client: str, name: str, limit: int = 20) -> Sequence[Snapshot]:
        """The newest snapshots of that name, newest first, those that were refused included."""

    def columns(self, snapshot: Snapshot) -> Sequence[str]:
        """Names of the table's columns, without reading a row.

        Raises:
            DataError: the file is gone or damaged.
        """

    def read(
        self,
        snapshot: Snapshot,
        part: str | None = None,
        *,
        columns: Sequence[str] | None = None,
        skus: Sequence[str] | None = None,
    ) -> "pa.Table":
        """The snapshot's table, or one kept beside it; only some columns and skus if so asked.

        Raises:
            DataError: the file is gone or damaged.
        """

    def pieces(self, snapshot: Snapshot, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Some columns of the table, in order, one piece after the other: a large one is never in memory whole.

        Raises:
            DataError: the file is gone or damaged.
        """

    def keep(self, client: str, new: NewSnapshot) -> Snapshot:
        """Write the tables, then make the snapshot current.

        Raises:
            BusyError: another one became current meanwhile; this one is not kept.
        """

    def confirm(
        self,
        snapshot: Snapshot,
        *,
        read_at: datetime,
        cursor: str | None,
        source_modified_at: datetime | None,
        details: Mapping[str, Any],
    ) -> Snapshot:
        """Note that a newer read found nothing else than this snapshot says; ``details`` are added to its own."""

    def feed_states(self, client: str) -> Mapping[tuple[str, str], FeedState]:
        """How reading went lately, by source and feed."""

    def note_feed(self, client: str, state: FeedState) -> None:
        """Remember how reading a feed went."""

    def note(self, client: str, confirmed: Sequence[Snapshot], states: Sequence[FeedState]) -> None:
        """Many ``confirm`` and ``note_feed`` at once: snapshots as they are now, and how reading went; all or none."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An item that is about to be written, and what the plan believes of it."""

    level: Level
    item_key: str
    product_key: str
    attempted_hash: str
    basis_hash: str | None
    is_basis_listed: bool

    @property
    def key(self) -> ItemKey:
        """Level and key."""
        return (self.level, self.item_key)


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What came of writing one item.

    Attributes:
        is_ok: the channel confirmed the state.
        is_uncertain: nobody knows whether it did; or, when not ok, whether an earlier attempt had.
        state: JSON text of the state that was to be reached; None where the item was taken off or is only told its ids.
        is_delist: it was to be taken off.
        forgets_ids: the channel no longer has the item, so its ids there mean nothing.
    """

    level: Level
    item_key: str
    product_key: str
    is_ok: bool
    is_uncertain: bool = False
    state: str | None = None
    content_hash: str | None = None
    is_delist: bool = False
    forgets_ids: bool = False
    channel_product_code: str | None = None
    channel_variant_code: str | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    message: str = ""
    remedy: str = ""
    is_retriable: bool = False

    @property
    def key(self) -> ItemKey:
        """Level and key."""
        return (self.level, self.item_key)


@dataclass(frozen=True, slots=True)
class HeldItem:
    """What we know of one item of a channel, for people."""

    level: Level
    item_key: str
    product_key: str
    channel_product_code: str | None
    channel_variant_code: str | None
    is_listed: bool
    is_uncertain: bool
    acknowledged: Mapping[str, Any]
    acknowledged_at: datetime | None
    attempted_at: datetime | None
    failures: int
    reason: str | None
    message: str | None
    remedy: str | None
    is_retriable: bool | None


class ItemStore(Protocol):
    """Remembers per channel and item the channel's ids and the state it last confirmed."""

    def held(self, client: str, channel: str, now: datetime) -> "pa.Table":
        """All items of a channel, ``catalogue.held.held_schema``; which of them wait is told as of ``now``."""

    def states(self, client: str, channel: str, keys: "pa.Table") -> "pa.Table":
        """Acknowledged states of some items (``level``, ``item_key``), ``catalogue.held.states_schema``."""

    def listed(self, client: str, channel: str) -> Listed:
        """How much the channel shows."""

    def begin(self, client: str, channel: str, attempts: Sequence[Attempt], at: datetime) -> frozenset[str]:
        """Note, before anything is sent, that these items are about to be written: until told otherwise they are uncertain.

        Returns the keys of products of which any item is no longer what its plan believes; nothing is noted for these.
        """

    def record(self, client: str, channel: str, results: Sequence[ItemResult], at: datetime) -> None:
        """Remember what came of writing items, all of them or none."""

    def settle(self, client: str, channel: str, items: "pa.Table", at: datetime) -> int:
        """Write acknowledged states anew (``level``, ``item_key``, ``state``, ``content_hash``, ``basis_hash``)."""

    def mark(self, client: str, channel: str) -> str:
        """Another text whenever anything was noted of any item, save by ``forget_sold``."""

    def was_written(self, client: str, channel: str) -> bool:
        """Whether anything was ever sent to the channel, whatever came of it."""

    def forget_sold(self, client: str, channel: str) -> int:
        """Forget the quantities of skus that orders of this channel touched since we last wrote them; how many those are."""

    def doubt(self, client: str, channel: str, skus: Sequence[str]) -> frozenset[str]:
        """Treat what the channel shows of these skus as unknown, so that they are sent in full; which of them it has."""

    def find(self, client: str, channel: str, keys: Sequence[ItemKey]) -> Sequence[HeldItem]:
        """What is known of some items."""

    def failing(self, client: str, channel: str, limit: int) -> tuple[int, Sequence[HeldItem]]:
        """How many items the channel did not take, and the first of them by reason and key."""


@dataclass(frozen=True, slots=True)
class LetThrough:
    """A person's word that a stopped plan may go, for that plan only."""

    breakers: tuple[str, ...]
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word that a channel's first plan may go, for the plan of that digest only."""

    by: str
    reason: str
    at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan in our database, with the verdict that a push obeys."""

    id: int
    client: str
    channel: str
    path: str
    digest: str
    catalogue_fingerprint: str
    counts: Mapping[str, int]
    verdict: Verdict
    breakers: Mapping[str, Mapping[str, Any]]
    let_through: LetThrough | None
    created_at: datetime
    pushed_at: datetime | None
    outcome: Mapping[str, Any] | None
    approval: Approval | None = None
    confirmed_at: datetime | None = None
    recipe: str | None = None

    @property
    def looked_at(self) -> datetime:
        """When the channel was last planned, whether or not anything had changed since this plan was made."""
        return self.confirmed_at or self.created_at

    @property
    def is_at_rest(self) -> bool:
        """Whether it sends nothing."""
        return sends_nothing(self.counts)

    @property
    def tripped(self) -> tuple[str, ...]:
        """Names of the breakers that stop it."""
        return tuple(name for name, verdict in self.breakers.items() if verdict["is_tripped"])


def sends_nothing(counts: Mapping[str, int]) -> bool:
    """Whether a plan with these counts writes nothing to its channel."""
    return not any(n for name, n in counts.items() if name.endswith(("_create", "_update", "_delist")))


class PlanStore(Protocol):
    """Keeps plans and their verdicts."""

    def keep(
        self,
        client: str,
        channel: str,
        plan: Plan,
        *,
        catalogue_fingerprint: str,
        breakers: Mapping[str, BreakerVerdict],
        at: datetime,
        needs_approval: bool = False,
        recipe: str | None = None,
    ) -> StoredPlan:
        """Keep a plan. The newest one is returned instead where it says the same and was not pushed, or sends nothing.

        Where it ``needs_approval`` it awaits it, unless a plan of the same digest has it.
        """

    def newest(self, client: str, channel: str) -> StoredPlan | None:
        """The newest plan of a channel."""

    def find(self, client: str, plan_id: int) -> StoredPlan | None:
        """A plan by its number."""

    def history(self, client: str, channel: str, limit: int) -> Sequence[StoredPlan]:
        """The newest plans of a channel, newest first."""

    def read(self, stored: StoredPlan) -> Plan:
        """The plan itself, exactly as it was kept.

        Raises:
            DataError: its files are gone or damaged, or are not what was kept.
        """

    def let_through(self, stored: StoredPlan, word: LetThrough, *, needs_approval: bool = False) -> StoredPlan:
        """Let a stopped plan through, once."""

    def approve(self, stored: StoredPlan, word: Approval) -> StoredPlan:
        """Approve a plan that was not pushed."""

    def approved(self, client: str, channel: str) -> StoredPlan | None:
        """The newest plan of a channel that a person approved."""

    def decisions(self, client: str, channel: str, limit: int = 50) -> list[StoredPlan]:
        """The plans of a channel about which a person decided, the newest first."""

    def confirm(self, stored: StoredPlan, at: datetime) -> StoredPlan:
        """Note that a plan still is what its channel needs."""

    def pushed(self, stored: StoredPlan, outcome: Mapping[str, Any], at: datetime | None) -> StoredPlan:
        """Remember what came of pushing; ``at`` None while some of it is still to be sent."""

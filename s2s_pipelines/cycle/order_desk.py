"""What one client's order desk consists of, and what a sweep of it reports. Built by the composition root."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from s2s_pipelines.cycle.pausing import PauseOf, never_paused
from s2s_pipelines.errors import S2SError
from s2s_pipelines.model.order import DocumentKind
from s2s_pipelines.model.pause import Pause
from s2s_pipelines.model.record import DocumentRecord, Hold, OrderRecord, OrderState
from s2s_pipelines.orders.policy import ChannelOrders, SourceOrders
from s2s_pipelines.orders.routing import OrderTarget
from s2s_pipelines.ports import Channel, Clock, Directory, Leases, Ledger, OrderSink


@dataclass(frozen=True, slots=True)
class ChannelDesk:
    """One channel whose orders are taken."""

    channel: str
    port: Channel
    policy: ChannelOrders


@dataclass(frozen=True, slots=True)
class SourceDesk:
    """One primary source.

    Attributes:
        connection: the key of its connection; one writer at a time per connection.
        sink: None where its connector takes no orders.
        reference_length: characters of the field that holds our reference.
        document_kinds: what its connector can make.
    """

    source: str
    connection: str
    sink: OrderSink | None
    policy: SourceOrders
    reference_length: int = 0
    document_kinds: tuple[DocumentKind, ...] = ()

    @property
    def target(self) -> OrderTarget:
        """What routing and tie-out need of it."""
        return OrderTarget(self.source, self.policy, self.sink is not None, self.document_kinds, self.reference_length)


@dataclass(frozen=True, slots=True)
class OrderDesk:
    """Everything a sweep of one client needs.

    Attributes:
        timezone: IANA name; an order's day is read in it.
        currency: of the client's documents, ISO 4217.
        holder: who sweeps, for people who look at a lease; no personal details.
        batch: orders worked on in one sweep.
        pages: pages of orders read from one channel in one sweep.
        claim_s: how long other sweeps leave this one's orders alone.
        lease_s: how long a connection's lease lasts after the last sign of life; longer than any single call on a sink.
        pause_of: tells what a person stopped for a while.
    """

    client: str
    timezone: str
    currency: str
    channels: Mapping[str, ChannelDesk]
    sources: Mapping[str, SourceDesk]
    ledger: Ledger
    leases: Leases
    directory: Directory
    clock: Clock
    holder: str = "order sweep"
    batch: int = 100
    pages: int = 50
    claim_s: float = 60.0
    lease_s: float = 60.0
    pause_of: PauseOf = never_paused

    @property
    def zone(self) -> ZoneInfo:
        """The client's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def targets(self) -> dict[str, OrderTarget]:
        """Routing's view of the sources."""
        return {key: source.target for key, source in self.sources.items()}


@dataclass(frozen=True, slots=True)
class RaisedDocument:
    """A document that this sweep raised, or found to be raised."""

    channel: str
    channel_order_code: str
    source: str
    source_order_code: str
    total: Decimal
    was_found: bool


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """An order that this sweep met and that waits for a person."""

    channel: str
    channel_order_code: str
    hold: Hold


@dataclass(frozen=True, slots=True)
class SweepError:
    """Something that went wrong and stopped nothing else.

    Attributes:
        subject: ``channel``, ``connection`` or ``order``.
        key: which one.
        error: the class of the error, such as ``TransientError``.
        message: its public text.
    """

    subject: Literal["channel", "connection", "order", "directory"]
    key: str
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep did.

    Attributes:
        bodies: raw bodies that were new.
        taken: bodies taken in.
        not_understood: bodies nobody could translate.
        worked: orders with work due that this sweep took up.
        completed: orders whose channel now knows every number.
        postponed: orders to be tried again later.
        paused: what a person stopped and the sweep therefore left alone; it is done once that ends.
    """

    bodies: int
    taken: int
    not_understood: int
    worked: int
    completed: int
    postponed: int
    raised: tuple[RaisedDocument, ...]
    held: tuple[HeldOrder, ...]
    errors: tuple[SweepError, ...]
    paused: tuple[Pause, ...] = ()


@dataclass(slots=True)
class Tally:
    """A sweep's result while it is made."""

    bodies: int = 0
    taken: int = 0
    not_understood: int = 0
    worked: int = 0
    completed: int = 0
    postponed: set[int] = field(default_factory=set)
    raised: list[RaisedDocument] = field(default_factory=list)
    held: dict[tuple[str, str], HeldOrder] = field(default_factory=dict)
    errors: list[SweepError] = field(default_factory=list)
    paused: dict[int, Pause] = field(default_factory=dict)

    def note_pause(self, pause: Pause) -> None:
        """Note something that was left alone because a person stopped it."""
        self.paused[pause.id] = pause

    def failed(
        self, subject: Literal["channel", "connection", "order", "directory"], key: str, error: S2SError
    ) -> None:
        """Note an error that stops nothing else."""
        self.errors.append(SweepError(subject, key, type(error).__name__, str(error)))

    def note_document(self, document: DocumentRecord) -> None:
        """Note a document that stands."""
        self.raised.append(
            RaisedDocument(
                channel=document.channel,
                channel_order_code=document.channel_order_code,
                source=document.source,
                source_order_code=document.source_order_code or "",
                total=document.document.total,
                was_found=bool(document.was_found),
            )
        )

    def note_state(self, record: OrderRecord) -> None:
        """Note whether an order waits for a person, as it is now."""
        key = (record.channel, record.channel_order_code)
        if record.state is OrderState.HELD and record.hold is not None:
            self.held[key] = HeldOrder(*key, record.hold)
        else:
            self.held.pop(key, None)

    def result(self) -> SweepResult:
        """What the sweep did."""
        return SweepResult(
            bodies=self.bodies,
            taken=self.taken,
            not_understood=self.not_understood,
            worked=self.worked,
            completed=self.completed,
            postponed=len(self.postponed),
            raised=tuple(self.raised),
            held=tuple(self.held.values()),
            errors=tuple(self.errors),
            paused=tuple(self.paused.values()),
        )


def joined(results: Sequence[SweepResult]) -> SweepResult:
    """Several sweeps of one client as one result."""
    return SweepResult(
        bodies=sum(r.bodies for r in results),
        taken=sum(r.taken for r in results),
        not_understood=sum(r.not_understood for r in results),
        worked=sum(r.worked for r in results),
        completed=sum(r.completed for r in results),
        postponed=sum(r.postponed for r in results),
        raised=tuple(d for r in results for d in r.raised),
        held=tuple(h for r in results for h in r.held),
        errors=tuple(e for r in results for e in r.errors),
        paused=tuple({p.id: p for r in results for p in r.paused}.values()),
    )

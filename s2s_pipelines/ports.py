"""What the core asks of the outside. Connectors and storage keep these promises; the contract suites check them.

Longer than other modules on purpose: whoever writes a connector reads this one from top to bottom, and nothing else of the core.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from s2s_pipelines.model.change import Outcome, ProductChange
from s2s_pipelines.model.field import Feed, FieldRow, MapFeed
from s2s_pipelines.model.money import PriceTerms
from s2s_pipelines.model.order import ChannelOrder, Document, DocumentKind, Receipt
from s2s_pipelines.model.pause import Pause
from s2s_pipelines.model.record import DocumentRecord, Fence, Hold, InboxItem, OrderRecord, Scope, Verdict
from s2s_pipelines.model.reject import Reject

if TYPE_CHECKING:
    import pyarrow as pa

Role = Literal["source", "channel", "fulfilment"]
Capability = Literal["products", "stock", "prices", "customers", "orders", "incremental"]
Evidence = Literal["documentation", "recordings", "emulator", "vendor sandbox", "real server", "live client"]


@dataclass(frozen=True, slots=True)
class Verified:
    """Against what a connector was tried. ``documentation`` alone means: never seen to work."""

    evidence: Evidence
    version: str
    checked_on: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a connector is and can do. A capability declared and missing, or present and undeclared, is a defect.

    Attributes:
        kind: the word used in ``kind:`` of a resource declaration.
        label: the product's name for people.
        capabilities: feeds it can read, and ``orders`` when it can take documents (sources) or deliver them (channels).
        document_kinds: what ``raise_order`` can make.
        reference_length: characters of the field that holds our external reference; 0 where it takes no orders.
        enforces_reference: the target itself refuses a second document of the same reference.
        option_limit: option axes a channel can show.
    """

    kind: str
    role: Role
    label: str
    capabilities: frozenset[Capability]
    verified_against: tuple[Verified, ...]
    document_kinds: tuple[DocumentKind, ...] = ()
    reference_length: int = 0
    enforces_reference: bool = False
    option_limit: int = 3


@dataclass(frozen=True, slots=True)
class Extract:
    """One feed as a source delivered it: text only, nothing interpreted.

    Attributes:
        table: every column ``pa.string()`` (or large_string), names as the source spells them, nulls kept apart from
            empty text.
        rows: ``pa.array(int64)``, the source's own row number of each row of ``table``; for files the 1-based physical
            line on which the record begins (spreadsheets: the sheet's row).
        read_at: when the read began; what changed later is not in it (aware).
        modified_at: the source's own stamp of the content, such as a file's (aware), if it has one.
        cursor: hand it to the next incremental ``read``; None where there is no such thing.
        is_complete: a full read; only such a one may ever mean "the rest is gone".
        fingerprint: the same for the same content, whenever it was read.
        rejects: rows the reader could not even cut into cells.
        notes: sentences a person should see, such as a guessed encoding.
    """

    feed: Feed
    table: "pa.Table"
    rows: "pa.Array"
    read_at: datetime
    is_complete: bool
    fingerprint: str
    cursor: str | None = None
    modified_at: datetime | None = None
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class Source(Protocol):
    """Somewhere products, stock, prices or customers come from."""

    def check(self) -> None:
        """Connect and read nothing; raise a named error when that fails. Safe to call often."""

    def read(self, feed: Feed, since: str | None = None) -> Extract:
        """Read one feed, all of it or what changed since a cursor.

        Raises:
            TransientError: it could not be reached; never an empty extract instead.
            AccessError: it refused our credentials.
            DataError: it answered, but not with a readable feed.
            ConfigurationError: the declaration does not fit what is there.
        """


@dataclass(frozen=True, slots=True)
class Glance:
    """What a source delivers, whole, before anybody made sense of it.

    Attributes:
        fingerprint: that of the extract which ``extract`` would make.
        read_at: see ``Extract``.
        modified_at: see ``Extract``.
        extract: makes sense of it; raises what ``Source.read`` raises.
    """

    fingerprint: str
    read_at: datetime
    modified_at: datetime | None
    extract: "Callable[[], Extract]"


@runtime_checkable
class GlancingSource(Source, Protocol):
    """A source that knows content it delivered before without making sense of it again: a file by its bytes."""

    def glance(self, feed: Feed) -> Glance:
        """Fetch a feed, whole; raises what ``read`` raises."""


@runtime_checkable
class OrderSink(Protocol):
    """Somewhere documents are raised."""

    def find(self, reference: str) -> Receipt | None:
        """The receipt of the document under this reference, or None when there is certainly none.

        Raises:
            TransientError: it could not be looked up. That is not a miss.
        """

    def raise_order(self, document: Document) -> Receipt:
        """Write the document once, however often called, and return its receipt.

        Raises:
            OrderRejected: refused; nothing of it was written.
            UncertainOutcomeError: sent, and never heard of again.
            TransientError: certainly not written.
        """


@dataclass(frozen=True, slots=True)
class RawOrder:
    """An order as the channel sent it, before anyone understood it.

    Attributes:
        channel_order_code: the channel's id.
        body: the raw body as text, at most the connector's declared bound.
        modified_at: the channel's stamp (aware).
    """

    channel_order_code: str
    body: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of raw orders. ``next_cursor`` is kept only after the page was stored; None means nothing newer yet."""

    orders: tuple[RawOrder, ...]
    next_cursor: str | None
    is_last: bool


@runtime_checkable
class Channel(Protocol):
    """Somewhere goods are shown and ordered."""

    def check(self) -> None:
        """Connect and read nothing but settings; raise a named error when that fails or a setting contradicts ours."""

    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        """Make the channel equal the given changes: for each, one outcome of its own and one per variant, none missing.

        Only the fields given are touched. A change without the channel's ids is first matched by sku, then created.
        Sending the same change twice makes nothing twice. Failures are outcomes, not exceptions, unless nothing at
        all could be sent (``AccessError``, ``TransientError``).
        """

    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        """Orders changed since the cursor, oldest change first, with overlap; the same cursor gives the same page.

        ``since`` None begins at the beginning of time; pass ``start_cursor`` to begin at a date.
        """

    def start_cursor(self, at: datetime) -> str:
        """The cursor from which ``orders`` shows everything changed at or after that moment."""

    def orders_between(self, start: datetime, end: datetime) -> Sequence[RawOrder]:
        """All orders *created* in [start, end), whatever their status: for backfills and reconciliation."""

    def order(self, channel_order_code: str) -> RawOrder | None:
        """One order by the channel's id, or None when there is certainly none."""

    def translate(self, raw: RawOrder) -> ChannelOrder:
        """Our words for a raw order. Pure.

        Raises:
            DataError: it cannot be understood; the raw body stays in the inbox.
        """

    def acknowledge(self, channel_order_code: str, receipts: Mapping[str, Receipt]) -> None:
        """Tell the channel under which number each source took the order. Idempotent; keyed by source."""

    def product_url(self, channel_product_code: str) -> str | None:
        """The shop's own page for people, if there is one."""


@dataclass(frozen=True, slots=True)
class Connector:
    """What a connector module offers to the registry.

    Attributes:
        settings: the pydantic model of its resource declaration.
        fields: default field maps by feed; empty for generic connectors.
        build: makes the port from settings and the context of one client.
        page_of: where people look at the system itself; None where it has no pages.
    """

    manifest: Manifest
    settings: type
    build: "BuildPort"
    fields: Mapping[MapFeed, tuple[FieldRow, ...]] = field(default_factory=dict)
    page_of: "PageOf | None" = None


Page = Literal["products", "product", "orders", "order"]
"""A page of the system itself: all of them, or one by its code there."""


class PageOf(Protocol):
    """Says where people look at the system itself. Contacts nothing."""

    def __call__(self, settings: object, page: Page, code: str | None = None) -> str | None:
        """The address of a page, without credentials, or None where there is no such page.

        Raises:
            ConfigurationError: the system's address is named in the declaration and is not there.
        """


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a connector may know beside its settings.

    Attributes:
        client: the client's key, for error texts.
        connection: the connection's key, for error texts.
        folder: the client's declaration folder, against which relative paths of queries are read.
        timezone: IANA name; naive times of the source are read in it.
        fields: the effective field maps, which a sink needs to know where its columns are.
        price_terms: what the prices sent to a channel mean, against which its ``check`` holds the shop's own settings;
            None when nobody declared it.
    """

    client: str
    connection: str
    folder: str
    timezone: str
    fields: Mapping[MapFeed, tuple[FieldRow, ...]] = field(default_factory=dict)
    price_terms: PriceTerms | None = None


class BuildPort(Protocol):
    """Builds a port without I/O: nothing is connected before the first call on it."""

    def __call__(self, settings: object, context: BuildContext) -> Source | OrderSink | Channel:
        """Return the port."""


@dataclass(frozen=True, slots=True)
class SkuOwner:
    """Which primary source owns a sku, as the merged catalogue says.

    Attributes:
        is_conflict: two primary sources claim the sku; its orders are held.
    """

    sku: str
    source: str
    source_variant_code: str
    title: str
    is_conflict: bool


@dataclass(frozen=True, slots=True)
class OpenQuantity:
    """Units of one sku taken by one channel order, which the owner of the quantity may not show yet.

    Attributes:
        source: the primary source that owns the sku, or None while the order is not routed.
        ordered_at: when the buyer placed the order.
        raised_at: when we held the receipt of its document, by our clock; None before that.
    """

    sku: str
    qty: int
    source: str | None
    ordered_at: datetime
    raised_at: datetime | None


class Directory(Protocol):
    """Looks up what the last good catalogue and customer snapshots say; reads only."""

    def sku_owners(self, client: str, skus: Sequence[str]) -> Mapping[str, SkuOwner]:
        """Owners of the given skus; unknown skus are left out."""

    def customer_codes(self, client: str, source: str, emails: Sequence[str]) -> Mapping[str, str]:
        """Source customer codes by lower-case e-mail address; addresses of several active customers are left out."""


class Clock(Protocol):
    """Tells the time, so that tests can."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""


class Lease(Protocol):
    """A lease that is held."""

    @property
    def fence(self) -> Fence:
        """What the ledger asks to see before it lets a document move."""

    def renew(self) -> None:
        """Hold it for another full time.

        Raises:
            BusyError: it was taken over; nothing may be written any more.
        """


class Leases(Protocol):
    """One writer at a time, by name."""

    def take(self, name: str, holder: str, ttl_s: float) -> AbstractContextManager[Lease]:
        """Hold a lease for the length of a ``with``; let go at its end.

        Raises:
            BusyError: somebody else holds it.
        """


class Ledger(Protocol):
    """The order desk's memory. Every method is one small transaction that is durable when it returns.

    Writers that read an older version of an order, or whose lease was taken over, are refused with ``BusyError``. Moves that
    the state machine does not know raise ``ContractViolation``. A database that cannot be reached raises ``TransientError``.
    """

    def store_page(self, client: str, channel: str, page: OrderPage) -> int:
        """Store the raw bodies of a page and, together with them, its cursor; returns how many bodies were new."""

    def store_raw(self, client: str, channel: str, orders: Sequence[RawOrder], *, is_forced: bool = False) -> int:
        """Store raw bodies without moving the cursor; ``is_forced`` makes known bodies work to do again."""

    def cursor(self, client: str, channel: str) -> str | None:
        """Where the next poll begins, or None before the first page."""

    def poll_failed(self, client: str, channel: str, error: str, retry_at: datetime) -> None:
        """Remember that a channel could not be polled; the cursor stays."""

    def untaken(self, client: str, *, limit: int, scope: Scope) -> list[InboxItem]:
        """Bodies nobody took in yet, oldest first. Only ``scope.orders`` applies: they are not understood yet."""

    def take_in(
        self, item: InboxItem, order: ChannelOrder, verdict: Verdict, *, is_forced: bool = False
    ) -> OrderRecord:
        """Make or change the order's row as ``orders.intake.absorb`` decides, and mark the body as taken."""

    def not_understood(self, item: InboxItem, problem: str) -> None:
        """Mark a body as one that nobody understands; it stays, with the problem."""

    def claim_due(self, client: str, *, limit: int, claim_s: float, scope: Scope) -> list[OrderRecord]:
        """Orders with work due, longest due first, and not due again for ``claim_s`` so that no two sweeps take the same.

        Orders named in ``scope.orders`` are taken whether or not their time has come.
        """

    def read_order(self, order_id: int) -> OrderRecord:
        """One order with its documents."""

    def find_orders(self, client: str, code: str) -> list[OrderRecord]:
        """Orders whose channel order code or human number is ``code``, in any channel."""

    def plan(self, record: OrderRecord, documents: Sequence[Document], owners: Mapping[str, str]) -> OrderRecord:
        """Write the decided documents of a due order, which is raising from then on. ``owners`` is sku -> source.

        Without any document the order is complete: everything is raised elsewhere.
        """

    def hold(self, record: OrderRecord, hold: Hold) -> OrderRecord:
        """Put a due order before a person."""

    def put_back(self, record: OrderRecord, why: Hold) -> OrderRecord:
        """Only store a due order after all: the declaration changed since it came in."""

    def postpone(self, order_id: int, due_at: datetime, why: str, *, is_attempt: bool = True) -> None:
        """Make an open order due later, because of an error class."""

    def wait(self, order_id: int, pause: Pause) -> None:
        """Make an open order due when a pause ends, however it ends; at once where it has ended meanwhile."""

    def move_document(
        self, document_id: int, event: str, fence: Fence, *, receipt: Receipt | None = None, hold: Hold | None = None
    ) -> DocumentRecord:
        """Move a document as the state machine allows, and its order with it where the last document decides."""

    def told(self, record: OrderRecord) -> OrderRecord:
        """The channel knows every number of a raised order."""

    def release(self, order_id: int, by: str) -> OrderRecord:
        """Let a held order try again: decided anew if certainly nothing of it was sent, else its held documents only."""

"""The promises of ``s2s_pipelines/ports.py`` as tests: one class per port, one method per promise.

How a connector joins
---------------------
Put ``subject.py`` into ``tests/fixtures/sources/<kind>/`` or ``tests/fixtures/channels/<kind>/``. It holds one
name, ``SUBJECTS``: a tuple of `Subject`, each a way to run the connector (``sqlite``, ``postgres``, ``csv`` ...).
``tests/contract/test_every_connector.py`` walks the registry, finds the file by the kind's name and runs every clause on
every subject. No file is a failure.

A `Subject.open` is a context manager that prepares *a fresh system for one test* (a database, a folder, a sandbox) and yields
a harness: an object with the members of `SourceHarness`, `OrderSinkHarness` or `ChannelHarness` (one object may be several).
The connector under test is made by its own ``CONNECTOR.build``, the harness works behind its back: it writes rows, breaks
the line, counts documents.

Not every system can everything. A clause that needs a *trait* (see `TRAITS`) is not run for a subject without it; claims of the
manifest are not traits: ``incremental``, ``orders`` and the feeds are read from there and always tried.

A clause takes the harness and nothing else, so that ``tests/contract/test_suite_bites.py`` can call it on the liars of
``tests/contract/broken/``: every clause catches at least one lie, and passes the honest fake the liars derive from.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from s2s_pipelines.model.change import FieldValue
from s2s_pipelines.model.field import Feed
from s2s_pipelines.model.order import Document
from s2s_pipelines.ports import Channel, Connector, Manifest, OrderSink, Source

Port = Literal["source", "order_sink", "channel"]

TRAITS: Mapping[str, str] = {
    "nulls": "source: knows null apart from empty text",
    "refuses": "source, channel: has credentials that can be wrong",
    "misdeclares": "source: a declaration can name something that is not there",
    "loses_answers": "order sink: the harness can lose the answer to a commit",
    "twice": "order sink: the harness can plant two documents under one reference",
    "loses_pushes": "channel: the harness can lose the answer to a write",
    "rejects": "channel: the harness can make the shop refuse one item",
}

SeedRow = Mapping[str, str | None]
"""A row of a feed in the suite's words: ``code``, ``title``, ``price`` (a decimal as text) and ``note`` (may be None)."""


@dataclass
class Workplace:
    """What a subject may use to prepare its system.

    Attributes:
        folder: an empty folder of this test.
        server: gives the running server of a need (``postgres``, ``mariadb``): a ``tests.servers.Server``. Ask for it only
            when the subject names it in ``needs``.
    """

    folder: Path
    server: Callable[[str], Any]


@dataclass(frozen=True)
class Subject:
    """One way to run one connector.

    Attributes:
        name: a word for the test's name.
        connector: the module's ``CONNECTOR``.
        ports: which suites it takes.
        open: prepares a fresh system and yields the harness.
        needs: servers, as ``tests/servers.py`` names them; a test without them is left out or fails.
        traits: which of `TRAITS` it has.
    """

    name: str
    connector: Connector
    ports: tuple[Port, ...]
    open: Callable[[Workplace], contextlib.AbstractContextManager[Any]]
    needs: tuple[str, ...] = ()
    traits: frozenset[str] = frozenset()


class SourceHarness(Protocol):
    """A source system under the suite's hands."""

    manifest: Manifest
    feeds: tuple[Feed, ...]
    """The feeds this declaration has; the first is used by most clauses. All that the manifest claims must be there."""
    secrets: tuple[str, ...]
    """Texts (passwords, tokens) that must never show up in an error."""
    undeclared: Feed | None
    """A feed that ``without_feed`` does not declare; None when the kind always has all feeds."""

    def source(self) -> Source:
        """A new connector on the prepared system."""

    def without_feed(self) -> Source:
        """A connector whose declaration lacks the feed ``undeclared``."""

    def unreachable(self) -> Source:
        """The same declaration, but the system cannot be reached (nothing listens, the folder's host is gone)."""

    def refused(self) -> Source:
        """The same, with wrong credentials. Only with trait ``refuses``."""

    def misdeclared(self) -> Source:
        """The same, but naming something that is not there (table, sheet, path). Only with trait ``misdeclares``."""

    def seed(self, feed: Feed, rows: Sequence[SeedRow]) -> None:
        """Make the feed hold exactly these rows, in this order. No rows: present and empty."""

    def touch(self, feed: Feed, rows: Sequence[SeedRow], *, is_same_moment: bool = False) -> None:
        """Change the rows of these codes so that an incremental read must bring them (manifest capability ``incremental``).

        ``is_same_moment``: their stamp is exactly the newest stamp there was before.
        """

    def column(self, feed: Feed, name: str) -> str:
        """The source's own spelling of the suite's column ``name``."""

    def row_numbers(self, count: int) -> Sequence[int]:
        """The row numbers that the first ``count`` seeded rows must get: 1, 2, 3 ... for a table, physical lines for a file."""


@dataclass(frozen=True)
class StoredLine:
    """A line as it stands in the target. ``total`` includes tax."""

    sku: str
    qty: Decimal
    total: Decimal


@dataclass(frozen=True)
class StoredDocument:
    """A document as it stands in the target, read behind the connector's back."""

    number: str
    customer_code: str
    lines: tuple[StoredLine, ...]


class OrderSinkHarness(Protocol):
    """A system that takes documents, under the suite's hands."""

    manifest: Manifest
    secrets: tuple[str, ...]
    skus: tuple[str, str, str]
    """Items the target knows."""
    customer_code: str
    """An account the target knows."""

    def sink(self) -> OrderSink:
        """A new connector on the prepared system."""

    def unreachable(self) -> OrderSink:
        """The same declaration, but the system cannot be reached."""

    def refusable(self, document: Document) -> Document:
        """The document with a fault in its *last* line for which the target refuses it."""

    def stored(self, reference: str) -> list[StoredDocument]:
        """All documents under exactly this reference."""

    def written(self) -> tuple[int, int]:
        """How many headers and lines stand in the target, whatever their reference."""

    def plant_twice(self, document: Document) -> None:
        """Write the document twice under its reference, as a careless person could. Only with trait ``twice``."""

    def losing_answer(self, *, is_committed: bool) -> OrderSink:
        """A connector whose next ``raise_order`` never hears of its commit, which did or did not happen.

        Only with trait ``loses_answers``.
        """


@dataclass(frozen=True)
class StoredItem:
    """An item as the shop shows it, in our words.

    Attributes:
        fields: title, price (Decimal), qty (int), barcode ... as far as the shop tells.
        is_shown: buyers can see and buy it.
    """

    channel_product_code: str
    channel_variant_code: str | None
    fields: Mapping[str, FieldValue]
    is_shown: bool


@dataclass(frozen=True)
class Basket:
    """What a test buyer orders."""

    items: tuple[tuple[str, int], ...]  # sku, quantity
    email: str = "buyer@example.com"
    notes: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)


class ChannelHarness(Protocol):
    """A shop under the suite's hands."""

    manifest: Manifest
    secrets: tuple[str, ...]

    def channel(self) -> Channel:
        """A new connector on the prepared shop."""

    def unreachable(self) -> Channel:
        """The same declaration, but the shop cannot be reached."""

    def refused(self) -> Channel:
        """The same, with wrong credentials. Only with trait ``refuses``."""

    def items(self, sku: str) -> list[StoredItem]:
        """Everything in the shop that carries this sku, read behind the connector's back; hidden items too."""

    def plant(self, sku: str, title: str, price: Decimal, qty: int) -> StoredItem:
        """Put a shown, simple item into the shop as its keeper would by hand."""

    def edit(self, sku: str, field_name: str, value: FieldValue) -> None:
        """Change one field (``title``, ``qty`` ...) by hand."""

    def rejecting(self, sku: str) -> Channel:
        """A connector whose shop refuses every write to this sku. Only with trait ``rejects``."""

    def losing_answer(self) -> Channel:
        """A connector whose first write is carried out but never answered; later calls work. Only with trait ``loses_pushes``."""

    def place(self, basket: Basket, *, at: datetime | None = None) -> str:
        """Order as a buyer; returns the channel order code. ``at``: created and last changed then (whole seconds, UTC).

        Skus must be planted before. A placed order is paid and due.
        """

    def change(self, channel_order_code: str, *, at: datetime) -> None:
        """Change the order (its note, its status) so that its stamp becomes ``at``."""

    def acknowledgements(self, channel_order_code: str) -> list[str]:
        """Every text that ``acknowledge`` left on the order for people, in order."""


def requires(*traits: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a clause that only subjects with these traits take."""
    unknown = set(traits) - set(TRAITS)
    if unknown:
        raise ValueError(f"no such trait: {unknown}")

    def mark(clause: Callable[..., None]) -> Callable[..., None]:
        clause.traits = frozenset(traits)  # type: ignore[attr-defined]
        return clause

    return mark


def claims(*capabilities: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a clause that every subject takes whose manifest claims these capabilities."""

    def mark(clause: Callable[..., None]) -> Callable[..., None]:
        clause.capabilities = frozenset(capabilities)  # type: ignore[attr-defined]
        return clause

    return mark


def clauses(suite: type) -> list[str]:
    """The names of a suite's clauses, in the order they are written."""
    return [name for name in vars(suite) if name.startswith("test_")]


def applies(suite: type, clause: str, manifest: Manifest, traits: frozenset[str]) -> bool:
    """Whether a subject takes a clause."""
    function = getattr(suite, clause)
    needed = getattr(function, "traits", frozenset())
    claimed = getattr(function, "capabilities", frozenset())
    return needed <= traits and claimed <= manifest.capabilities

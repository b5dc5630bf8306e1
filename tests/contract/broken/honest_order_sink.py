"""An order sink in memory that keeps every promise; the liars beside it break one each."""

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from s2s_pipelines.errors import OrderRejected, TransientError, UncertainOutcomeError
from s2s_pipelines.model.order import Document, Receipt
from s2s_pipelines.ports import Manifest, Verified
from tests.contract.broken.honest_source import SECRET
from tests.contract.suite import StoredDocument, StoredLine

WHERE = {"client": "karoo_outdoor", "connection": "erp"}
KNOWN = ("0007", "ROPE'10", "SEED")


@dataclass
class Header:
    """A document as it stands; ``is_whole`` once its lines are written."""

    number: str
    reference: str
    customer: str
    lines: list[StoredLine] = field(default_factory=list)


@dataclass
class Ledger:
    """What the target holds."""

    headers: list[Header] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    counter: int = 0

    def next_number(self) -> str:
        with self.lock:
            self.counter += 1
            return f"SO{self.counter:06}"


class HonestSink:
    """Writes into a `Ledger`. ``state``: ok, unreachable, losing after or losing before the commit."""

    manifest = Manifest(
        "fake",
        "source",
        "An order sink in memory",
        frozenset({"products", "orders"}),
        (Verified("emulator", "1", "2026-11-21"),),
        document_kinds=("sales_order", "invoice", "quotation"),
        reference_length=40,
        enforces_reference=True,
    )

    def __init__(self, ledger: Ledger, state: str = "ok") -> None:
        self.ledger, self.state = ledger, state

    def find(self, reference: str) -> Receipt | None:
        if self.state == "unreachable":
            raise TransientError("nobody answers", operation="look up a document", **WHERE)
        found = self.matches(reference)
        if len(found) > 1:
            raise self.rejected(reference, "reference_twice")
        return self.receipt(found[0], was_found=True) if found else None

    def raise_order(self, document: Document) -> Receipt:
        with self.ledger.lock:
            standing = self.find(document.reference)
            return standing if standing is not None else self.write(document)

    def write(self, document: Document) -> Receipt:
        lines = self.lines(document)
        header = Header(self.ledger.next_number(), document.reference, document.source_customer_code, lines)
        if self.state != "losing before":
            self.ledger.headers.append(header)
        if self.state.startswith("losing"):
            raise UncertainOutcomeError("never heard", reference=document.reference, **WHERE)
        return self.receipt(header, was_found=False)

    def lines(self, document: Document) -> list[StoredLine]:
        lines = []
        for line in document.lines:
            if line.sku not in KNOWN:
                raise self.rejected(document.reference, "unknown_sku")
            lines.append(StoredLine(line.sku, Decimal(line.qty), line.total))
        return lines

    def matches(self, reference: str) -> list[Header]:
        return [header for header in self.ledger.headers if header.reference == reference]

    def receipt(self, header: Header, *, was_found: bool) -> Receipt:
        total = sum((line.total for line in header.lines), Decimal(0))
        return Receipt(header.reference, header.number, total, datetime.now(UTC), was_found)

    def rejected(self, reference: str, reason: str) -> OrderRejected:
        return OrderRejected("the target refuses it", reason=reason, reference=reference, **WHERE)


class SinkStage:
    """The harness; ``kind`` is the class on trial."""

    skus = KNOWN
    customer_code = "WEB001"
    secrets = (SECRET,)

    def __init__(self, kind: type[HonestSink]) -> None:
        self.kind, self.manifest = kind, kind.manifest
        self.ledger = Ledger()

    def sink(self) -> HonestSink:
        return self.kind(self.ledger)

    def unreachable(self) -> HonestSink:
        return self.kind(self.ledger, "unreachable")

    def losing_answer(self, *, is_committed: bool) -> HonestSink:
        return self.kind(self.ledger, "losing after" if is_committed else "losing before")

    def refusable(self, document: Document) -> Document:
        return replace(document, lines=(*document.lines[:-1], replace(document.lines[-1], sku="NO-SUCH-ITEM")))

    def stored(self, reference: str) -> list[StoredDocument]:
        return [
            StoredDocument(header.number, header.customer, tuple(header.lines))
            for header in self.ledger.headers
            if header.reference == reference
        ]

    def written(self) -> tuple[int, int]:
        return len(self.ledger.headers), sum(len(header.lines) for header in self.ledger.headers)

    def plant_twice(self, document: Document) -> None:
        for _ in range(2):
            self.ledger.headers.append(Header(self.ledger.next_number(), document.reference, "WEB001"))

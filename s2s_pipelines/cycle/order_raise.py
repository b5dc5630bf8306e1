"""From the ledger into the sources and back to the channels: decide documents, raise them, tell."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from s2s_pipelines.cycle.order_desk import ChannelDesk, OrderDesk, Tally
from s2s_pipelines.errors import AccessError, BusyError, ConfigurationError, S2SError, TransientError
from s2s_pipelines.model.order import Document, Receipt
from s2s_pipelines.model.record import DocumentRecord, DocumentState, Hold, OrderRecord, OrderState
from s2s_pipelines.orders.intake import decide
from s2s_pipelines.orders.raising import SETTLE_S, back_off, raise_due
from s2s_pipelines.orders.routing import goods, route
from s2s_pipelines.orders.tie_out import Frame, build
from s2s_pipelines.ports import Lease, OrderSink, SkuOwner

BUSY_RETRY_S = 3.0
_FAILURES_IN_A_ROW = 2
_OPEN_DOCUMENT = (DocumentState.PLANNED, DocumentState.RAISING, DocumentState.UNKNOWN)

CustomerCodes = dict[str, dict[str, str]]


def decide_documents(desk: OrderDesk, records: Sequence[OrderRecord], tally: Tally) -> list[OrderRecord]:
    """Route the due orders and write down their documents, or hold them; returns all records as they are now."""
    due = [record for record in records if record.state is OrderState.DUE]
    others = [record for record in records if record.state is not OrderState.DUE]
    if not due:
        return others
    try:
        owners, codes = _look_up(desk, due)
    except S2SError as error:
        tally.failed("directory", desk.client, error)
        for record in due:
            _postpone(desk, record, error, tally)
        return others
    return others + [_decide(desk, record, owners, codes, tally) for record in due]


def raise_documents(desk: OrderDesk, records: Iterable[OrderRecord], tally: Tally) -> None:
    """Bring the open documents of raising orders into their sources, one connection after the other under its lease.

    Documents of a paused source wait for its end before any other is raised: what becomes of those may bring the order up
    again sooner.
    """
    by_connection: dict[str, list[tuple[OrderRecord, DocumentRecord]]] = {}
    for record in records:
        if record.state is not OrderState.RAISING:
            continue
        for document in record.documents:
            if document.state in _OPEN_DOCUMENT and not _waits(desk, record, tally, source=document.source):
                source = desk.sources.get(document.source)
                by_connection.setdefault(source.connection if source else "", []).append((record, document))
    for connection, work in by_connection.items():
        _raise_on(desk, connection, work, tally)


def tell_channels(desk: OrderDesk, records: Iterable[OrderRecord], tally: Tally) -> None:
    """Tell the channels under which numbers their orders stand; a channel that fails is told later."""
    dead: set[str] = set()
    for record in records:
        if record.state is not OrderState.RAISED:
            continue
        channel = desk.channels.get(record.channel)
        if channel is None or record.channel in dead:
            _put_off(desk, record, "the channel does not answer or is not declared", tally)
            continue
        if _waits(desk, record, tally, channel=record.channel):
            continue
        try:
            channel.port.acknowledge(record.channel_order_code, receipts_of(record))
        except S2SError as error:
            tally.failed("channel", record.channel, error.located(reference=record.channel_order_code))
            if isinstance(error, TransientError | AccessError | ConfigurationError):
                dead.add(record.channel)
            _postpone(desk, record, error, tally)
            continue
        desk.ledger.told(record)
        tally.completed += 1


def receipts_of(record: OrderRecord) -> dict[str, Receipt]:
    """The receipts of an order's raised documents, by source."""
    return {
        d.source: Receipt(
            d.document.reference, d.source_order_code or "", d.raised_total, d.raised_at, bool(d.was_found)
        )
        for d in record.documents
        if d.state is DocumentState.RAISED and d.raised_at is not None
    }


def _look_up(desk: OrderDesk, due: Sequence[OrderRecord]) -> tuple[dict[str, SkuOwner], CustomerCodes]:
    """Owners of all skus and accounts of all buyers at once: two kinds of question, not one per order."""
    skus = sorted({line.sku for record in due for line in goods(record.order) if line.sku})
    owners = dict(desk.directory.sku_owners(desk.client, skus)) if skus else {}
    emails = sorted({email for r in due if not r.order.customer_code and (email := r.order.email.strip().lower())})
    wanted = sorted({owner.source for owner in owners.values()} & {k for k, s in desk.sources.items() if s.sink})
    codes = {source: dict(desk.directory.customer_codes(desk.client, source, emails)) for source in wanted if emails}
    return owners, codes


def _decide(
    desk: OrderDesk, record: OrderRecord, owners: dict[str, SkuOwner], codes: CustomerCodes, tally: Tally
) -> OrderRecord:
    channel = desk.channels.get(record.channel)
    try:
        if channel is None:
            raise ConfigurationError("the order's channel is not declared any more", operation="route an order")
        # Judged again: the declaration may have changed since it came in, and a release heals no defect.
        verdict = decide(record.order, channel.policy, currency=desk.currency, timezone=desk.zone)
        if verdict.state is OrderState.STORED and verdict.hold:
            return desk.ledger.put_back(record, verdict.hold)
        decided = verdict.hold or _documents(desk, record, channel, owners, codes)
        if isinstance(decided, Hold):
            return desk.ledger.hold(record, decided)
        documents, owned = decided
        planned = desk.ledger.plan(record, documents, owned)
    except S2SError as error:
        tally.failed("order", _name(record), error)
        _postpone(desk, record, error, tally)
        return record
    tally.completed += planned.state is OrderState.COMPLETE
    return planned


def _documents(
    desk: OrderDesk, record: OrderRecord, channel: ChannelDesk, owners: dict[str, SkuOwner], codes: CustomerCodes
) -> tuple[tuple[Document, ...], dict[str, str]] | Hold:
    """An order's documents and the owners of its skus, or why a person must look first."""
    targets = desk.targets
    found = route(record.order, channel=channel.policy, targets=targets, owners=owners, customer_codes=codes)
    if isinstance(found, Hold):
        return found
    built = build(record.order, found, targets=targets, frame=Frame(desk.client, record.channel, desk.zone))
    if isinstance(built, Hold):
        return built
    return built, {routed.line.sku: routed.source for routed in (*found.lines, *found.elsewhere)}


def _raise_on(
    desk: OrderDesk, connection: str, work: Sequence[tuple[OrderRecord, DocumentRecord]], tally: Tally
) -> None:
    """Raise one connection's documents; stop for this sweep when it is busy, refuses us, or fails twice in a row."""
    failures = 0
    try:
        with desk.leases.take(f"connection/{desk.client}/{connection}", desk.holder, desk.lease_s) as lease:
            for position, (record, document) in enumerate(work):
                if desk.pause_of("orders", source=document.source) is not None:
                    _put_off(desk, record, "its source was paused meanwhile", tally)
                    continue
                error = _raise_one(desk, record, document, lease, tally)
                failures = failures + 1 if error else 0
                if error and (failures >= _FAILURES_IN_A_ROW or not isinstance(error, TransientError)):
                    for later, _ in work[position + 1 :]:
                        _put_off(desk, later, f"after {type(error).__name__} on the same connection", tally)
                    return
    except BusyError as error:
        tally.failed("connection", connection, error)
        for record, _ in work:
            _put_off(desk, record, "another writer has the connection", tally)


def _raise_one(
    desk: OrderDesk, record: OrderRecord, document: DocumentRecord, lease: Lease, tally: Tally
) -> S2SError | None:
    """Raise one document; returns the error of a connection that does not work, having postponed the order."""
    try:
        after = raise_due(document, sink=_sink_of(desk, document), ledger=desk.ledger, lease=lease)
    except S2SError as error:
        tally.failed("order", _name(record), error.located(client=desk.client, reference=document.document.reference))
        _postpone(desk, record, error, tally)
        return error
    if after.state is DocumentState.RAISED:
        tally.note_document(after)
    elif after.state is DocumentState.UNKNOWN:
        tally.postponed.add(record.id)
        due_at = desk.clock.now() + timedelta(seconds=SETTLE_S)
        desk.ledger.postpone(record.id, due_at, "the outcome is unknown; it is looked up first")
    return None


def _sink_of(desk: OrderDesk, document: DocumentRecord) -> OrderSink:
    source = desk.sources.get(document.source)
    if source is None or source.sink is None:
        raise ConfigurationError(
            "the document's source takes no orders any more",
            operation="raise order",
            next_step="declare the source's orders again, or close the order by hand",
        )
    return source.sink


def _postpone(desk: OrderDesk, record: OrderRecord, error: S2SError, tally: Tally) -> None:
    after_s = error.retry_after_s if isinstance(error, TransientError) else None
    due_at = desk.clock.now() + back_off(record.attempts, after_s)
    desk.ledger.postpone(record.id, due_at, type(error).__name__)
    tally.postponed.add(record.id)


def _waits(
    desk: OrderDesk, record: OrderRecord, tally: Tally, *, source: str | None = None, channel: str | None = None
) -> bool:
    """Whether a person stopped this part of an order's work; the order is due again when that ends."""
    pause = desk.pause_of("orders", source=source, channel=channel)
    if pause is None:
        return False
    desk.ledger.wait(record.id, pause)
    tally.note_pause(pause)
    tally.postponed.add(record.id)
    return True


def _put_off(desk: OrderDesk, record: OrderRecord, why: str, tally: Tally) -> None:
    """Later, without counting an attempt: it was not this order's turn at all."""
    desk.ledger.postpone(record.id, desk.clock.now() + timedelta(seconds=BUSY_RETRY_S), why, is_attempt=False)
    tally.postponed.add(record.id)


def _name(record: OrderRecord) -> str:
    return f"{record.channel}:{record.channel_order_code}"

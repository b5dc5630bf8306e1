"""Raises one document: look before you write, write once, file the receipt.

The order of steps is the guarantee, on the rungs of a ladder (api sources research, section 0): the intent stands in the ledger
before anything is sent; a look-up by reference precedes every write; a look-up that fails is not a miss; after a silence only
a look-up follows. One writer per connection holds the lease, and every step of the ledger checks its token.
"""

from datetime import timedelta

from s2s_pipelines.errors import (
    AccessError,
    ConfigurationError,
    ContractViolation,
    DataError,
    OrderRejected,
    S2SError,
    TransientError,
    UncertainOutcomeError,
)
from s2s_pipelines.model.order import Document, Receipt
from s2s_pipelines.model.record import DocumentRecord, DocumentState, Hold
from s2s_pipelines.orders.hold import REMEDIES, hold
from s2s_pipelines.ports import Lease, Ledger, OrderSink

SETTLE_S = 30.0
"""How long a write that was never heard of is left alone before it is looked up: a target may still be committing it."""
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 900.0

_MAYBE_SENT = (DocumentState.RAISING, DocumentState.UNKNOWN)
_CERTAINLY_NOT_WRITTEN = (TransientError, AccessError, ConfigurationError)


def back_off(attempts: int, retry_after_s: float | None = None) -> timedelta:
    """How long an order waits after a failed attempt: doubling, bounded, never shorter than the far side asked for.

    >>> [back_off(n).total_seconds() for n in (0, 1, 2, 20)]
    [5.0, 10.0, 20.0, 900.0]
    >>> back_off(0, 120).total_seconds()
    120.0
    """
    own_s = min(FIRST_RETRY_S * 2 ** min(attempts, 16), LONGEST_RETRY_S)
    return timedelta(seconds=max(own_s, retry_after_s or 0.0))


def raise_due(record: DocumentRecord, *, sink: OrderSink, ledger: Ledger, lease: Lease) -> DocumentRecord:
    """Bring one document into its source, or find it there, or leave it in a state from which that can go on.

    Returns:
        The document as recorded: raised, held (refused, or another document under our reference) or unknown.

    Raises:
        TransientError: not raised for now; certainly nothing was written by this call.
        BusyError: the lease was taken over, or somebody else moved the document; nothing may be written any more.
        S2SError: what the sink raised otherwise, after the document was put into a state that fits.
    """
    maybe_sent = record.state in _MAYBE_SENT
    lease.renew()
    # What the ledger hands back is what is sent: the order may have been decided anew since the caller read it.
    record = ledger.move_document(record.id, "taken_up" if maybe_sent else "begun", lease.fence)
    try:
        found = sink.find(record.document.reference)
    except S2SError:
        ledger.move_document(record.id, "unheard" if maybe_sent else "not_written", lease.fence)
        raise
    if found is not None:
        return _adopt(record, found, ledger, lease)
    lease.renew()  # the look-up may have taken long: whoever lost the lease meanwhile must not write
    return _write(record, sink, ledger, lease)


def _adopt(record: DocumentRecord, found: Receipt, ledger: Ledger, lease: Lease) -> DocumentRecord:
    """A document stands under our reference: ours if its total is, else a person looks."""
    if found.total is not None and found.total != record.document.total:
        why = hold("found_document_differs", _both_totals("the document found", found, record.document))
        return ledger.move_document(record.id, "differs", lease.fence, receipt=found, hold=why)
    return ledger.move_document(record.id, "found", lease.fence, receipt=found)


def _write(record: DocumentRecord, sink: OrderSink, ledger: Ledger, lease: Lease) -> DocumentRecord:
    try:
        receipt = sink.raise_order(record.document)
    except OrderRejected as refusal:
        return ledger.move_document(record.id, "refused", lease.fence, hold=_refusal(refusal, record))
    except UncertainOutcomeError:
        return ledger.move_document(record.id, "unheard", lease.fence)
    except _CERTAINLY_NOT_WRITTEN:
        ledger.move_document(record.id, "not_written", lease.fence)
        raise
    except (DataError, ContractViolation):
        # The port promises none of these here, so it is not certain that nothing was written.
        ledger.move_document(record.id, "unheard", lease.fence)
        raise
    if receipt.reference != record.document.reference:
        ledger.move_document(record.id, "unheard", lease.fence)
        raise ContractViolation("the receipt bears another reference than the document", operation="raise order")
    if receipt.was_found:
        return _adopt(record, receipt, ledger, lease)
    note = None
    if receipt.total is not None and receipt.total != record.document.total:
        note = hold("raised_total_differs", _both_totals("the document written", receipt, record.document))
    return ledger.move_document(record.id, "written", lease.fence, receipt=receipt, hold=note)


def _refusal(refusal: OrderRejected, record: DocumentRecord) -> Hold:
    remedy = refusal.next_step or REMEDIES["rejected_by_source"]
    return Hold(refusal.reason, f"{record.source} refused it: {refusal.message}", remedy)


def _both_totals(what: str, receipt: Receipt, document: Document) -> str:
    return f"{what} ({receipt.source_order_code}) has {receipt.total}, ours is {document.total} {document.currency}"

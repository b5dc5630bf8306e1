"""Sends a kept plan to its channel, batch by batch, and keeps what came of every item. See ``cycle.publish`` for the rules."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from s2s_pipelines.catalogue.diff import Plan, sent_changes
from s2s_pipelines.catalogue.held import DELIST_HASH
from s2s_pipelines.cycle.approval import why_awaiting
from s2s_pipelines.cycle.feed_read import Fault
from s2s_pipelines.cycle.pausing import PauseOf, never_paused
from s2s_pipelines.cycle.port import CATALOGUE, Attempt, ItemResult, StoredPlan
from s2s_pipelines.cycle.publish import Stores
from s2s_pipelines.errors import AccessError, ConfigurationError, ContractViolation, S2SError, TransientError
from s2s_pipelines.model.change import Action, Outcome, ProductChange
from s2s_pipelines.model.pause import Pause
from s2s_pipelines.ports import Channel, Clock, Lease, Leases

if TYPE_CHECKING:
    import pyarrow as pa

PushStatus = Literal["pushed", "partial", "stopped", "stale", "already_pushed", "paused", "awaiting"]
BATCH_ITEMS = 100
LEASE_S = 900.0
"""How long a push holds its lease without renewing it; it renews before every batch."""

_MESSAGE_LIMIT = 500
_SAMPLE = 50
_GONE = "gone"
"""The reason by which a channel says that it no longer has an item: its ids are forgotten and it is made again."""

_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """An item that the channel did not take; ``sku`` None for the product itself."""

    product_key: str
    sku: str | None
    reason: str
    message: str
    remedy: str


@dataclass(slots=True)
class PushResult:
    """What came of pushing a plan.

    Attributes:
        status: ``pushed`` (all was sent, whatever came of it), ``partial`` (the channel could not be used any further, or was
            paused meanwhile; the rest is for next time), or why nothing was sent.
        sent: items handed to the channel.
        acknowledged: items it confirmed.
        failed: items it did not; each is kept with its reason and tried again from the then current state.
        superseded: items that were no longer what the plan was made against, and were left alone.
        remaining: items not sent because the channel could not be used.
        settled: items whose acknowledged state was written anew without sending anything.
        failures: the first of the failed items.
        broken_promises: what the channel's connector did against its contract.
        fault: why it stopped.
        pause: what a person stopped, where that is why nothing more was sent.
        why: for ``paused`` and ``awaiting`` what is in the way, and the next step.
    """

    status: PushStatus
    plan_id: int
    sent: int = 0
    acknowledged: int = 0
    failed: int = 0
    superseded: int = 0
    remaining: int = 0
    settled: int = 0
    failures: list[Failure] = field(default_factory=list)
    broken_promises: list[str] = field(default_factory=list)
    fault: Fault | None = None
    pause: Pause | None = None
    why: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether nothing of a plan that is there to be pushed was sent."""
        return self.status in ("stopped", "stale", "paused", "awaiting")

    def written(self) -> dict[str, Any]:
        """The result as it is kept with the plan."""
        counts = ("sent", "acknowledged", "failed", "superseded", "remaining", "settled")
        told = {name: getattr(self, name) for name in counts}
        return {"status": self.status, **told, "fault": None if self.fault is None else self.fault.message}


def push_plan(
    client: str,
    channel: str,
    plan_id: int,
    port: Channel,
    stores: Stores,
    leases: Leases,
    clock: Clock,
    *,
    holder: str,
    batch_items: int = BATCH_ITEMS,
    pause_of: PauseOf = never_paused,
) -> PushResult:
    """Send a plan's changes, if its verdict allows and nothing newer is known.

    Args:
        client: the client's key.
        channel: the channel's key.
        plan_id: the plan, as ``make_plan`` kept it.
        port: the channel.
        stores: snapshots, items and plans.
        leases: one push per channel at a time.
        clock: the time.
        holder: who pushes, for people.
        batch_items: items handed to the channel at once; a product is never divided.
        pause_of: tells what a person stopped for a while; asked again before every batch.

    Raises:
        BusyError: another push of this channel is under way.
        ConfigurationError: there is no such plan.
        DataError: the plan's files are damaged.
    """
    with leases.take(f"push/{client}/{channel}", holder, LEASE_S) as lease:
        stored = stores.plans.find(client, plan_id)
        if stored is None or stored.channel != channel:
            raise ConfigurationError(
                f"there is no plan {plan_id}",
                client=client,
                connection=channel,
                operation="push",
                next_step="make a plan",
            )
        pause = pause_of("push", channel=channel)
        if pause is not None:
            return PushResult("paused", plan_id, pause=pause, why=f"{pause.message}; {pause.remedy}")
        if stored.pushed_at is not None and stored.is_at_rest:
            return PushResult("pushed", plan_id)
        refusal = refused(stored, stores)
        if refusal is not None:
            return PushResult(refusal, plan_id, why=_why(refusal, stored, stores))
        push = _Push(stored, port, stores, clock, lease, PushResult("pushed", plan_id), pause_of)
        push.run(stores.plans.read(stored), batch_items)
        at = clock.now() if push.result.status == "pushed" else None
        stores.plans.pushed(stored, push.result.written(), at)
        return push.result


def refused(stored: StoredPlan, stores: Stores) -> PushStatus | None:
    """Why a plan may not be pushed, or None."""
    if stored.verdict == "stopped":
        return "stopped"
    if stored.verdict == "awaiting" or (stored.approval is not None and stored.approval.digest != stored.digest):
        return "awaiting"
    if stored.pushed_at is not None:
        return "already_pushed"
    newest = stores.plans.newest(stored.client, stored.channel)
    catalogue = stores.catalogue.current(stored.client, CATALOGUE)
    is_newest = newest is not None and newest.id == stored.id
    is_current = catalogue is not None and catalogue.fingerprint == stored.catalogue_fingerprint
    return None if is_newest and is_current else "stale"


def _why(refusal: PushStatus, stored: StoredPlan, stores: Stores) -> str:
    if refusal != "awaiting":
        return ""
    return why_awaiting(stored, stores.plans.approved(stored.client, stored.channel))


@dataclass(slots=True)
class _Push:
    stored: StoredPlan
    port: Channel
    stores: Stores
    clock: Clock
    lease: Lease
    result: PushResult
    pause_of: PauseOf

    def run(self, plan: Plan, batch_items: int) -> None:
        self._settle(plan)
        for batch in _batches(plan, batch_items):
            if self.result.pause is None and self.result.status != "partial":
                self.result.pause = self.pause_of("push", channel=self.stored.channel)
            if self.result.pause is not None:
                self.result.status = "partial"
            if self.result.status == "partial":
                self.result.remaining += sum(len(_written(rows)) for _, rows in batch)
                continue
            try:
                self.lease.renew()
                self._send(batch)
            except S2SError as error:
                error.located(client=self.stored.client, connection=self.stored.channel, operation="push")
                self.result.status = "partial"
                self.result.fault = Fault(type(error).__name__, error.message, error.next_step)

    def _settle(self, plan: Plan) -> None:
        import pyarrow.compute as pc

        settled: pa.Table = plan.items.filter(pc.equal(plan.items["action"], "settle"))
        if settled.num_rows:
            keys = pc.coalesce(settled["sku"], settled["product_key"])
            items = settled.append_column("item_key", keys)
            self.result.settled = self.stores.items.settle(
                self.stored.client, self.stored.channel, items, self.clock.now()
            )

    def _send(self, batch: Sequence[tuple[ProductChange, list[_Row]]]) -> None:
        """One batch: note what is about to happen, send, keep what came of it."""
        client, channel, items = self.stored.client, self.stored.channel, self.stores.items
        attempts = [_attempt(row) for _, rows in batch for row in _written(rows)]
        moved = items.begin(client, channel, attempts, self.clock.now())
        self.result.superseded += sum(attempt.product_key in moved for attempt in attempts)
        going = [(change, rows) for change, rows in batch if change.key not in moved]
        if not going:
            return
        changes = [change for change, _ in going]
        sent = [row for _, rows in going for row in _written(rows)]
        self.result.sent += len(sent)
        try:
            outcomes = self.port.push(changes)
        except S2SError as error:
            # Only these two say for certain that nothing was sent.
            is_unsent = isinstance(error, AccessError | TransientError)
            self._keep([_unsent(row, error, is_unsent=is_unsent) for row in sent])
            raise
        self._keep(self._judged(going, outcomes))

    def _judged(
        self, going: Sequence[tuple[ProductChange, list[_Row]]], outcomes: Sequence[Outcome]
    ) -> list[ItemResult]:
        """A result for each item, whether or not the channel kept its promise of one outcome each."""
        told: dict[tuple[str, str | None], list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            told[outcome.key, outcome.sku].append(outcome)
        results = []
        for change, rows in going:
            for row in rows:
                own = told.pop((change.key, row["sku"]), [])
                results += self._item(change, row, own)
        self.result.broken_promises += [f"an outcome for {sku or key} that was not asked for" for key, sku in told]
        return results

    def _item(self, change: ProductChange, row: _Row, own: Sequence[Outcome]) -> list[ItemResult]:
        name = row["sku"] or row["product_key"]
        if len(own) != 1:
            broken = ContractViolation(
                f"{len(own)} outcomes for {name} instead of one", next_step="mend the channel's connector"
            )
            self.result.broken_promises.append(broken.message)
            return [_unsent(row, broken, is_unsent=False)] if row["action"] != "none" else []
        if own[0].is_ok and row["action"] == "create" and row["level"] == "product" and not own[0].channel_product_code:
            broken = ContractViolation(f"{name} was created without an id", next_step="mend the channel's connector")
            self.result.broken_promises.append(broken.message)
            return [_unsent(row, broken, is_unsent=False)]
        return [_result(change, row, own[0])] if _is_telling(row, own[0]) else []

    def _keep(self, results: Sequence[ItemResult]) -> None:
        self.stores.items.record(self.stored.client, self.stored.channel, results, self.clock.now())
        for result in results:
            if result.is_ok:
                self.result.acknowledged += result.is_delist or result.state is not None
                continue
            self.result.failed += 1
            if len(self.result.failures) < _SAMPLE:
                sku = result.item_key if result.level == "variant" else None
                self.result.failures.append(
                    Failure(result.product_key, sku, result.reason, result.message, result.remedy)
                )


def _batches(plan: Plan, batch_items: int) -> Iterator[list[tuple[ProductChange, list[_Row]]]]:
    batch: list[tuple[ProductChange, list[_Row]]] = []
    size = 0
    for change, rows in sent_changes(plan):
        if batch and size + len(rows) > batch_items:
            yield batch
            batch, size = [], 0
        batch.append((change, rows))
        size += len(rows)
    if batch:
        yield batch


def _written(rows: Sequence[_Row]) -> list[_Row]:
    """The items that are written; a product of which only variants change is not."""
    return [row for row in rows if row["action"] != "none"]


def _attempt(row: _Row) -> Attempt:
    return Attempt(
        level=row["level"],
        item_key=row["sku"] or row["product_key"],
        product_key=row["product_key"],
        attempted_hash=row["content_hash"] or DELIST_HASH,
        basis_hash=row["basis_hash"],
        is_basis_listed=row["is_basis_listed"],
    )


def _of(row: _Row) -> dict[str, Any]:
    return {"level": row["level"], "item_key": row["sku"] or row["product_key"], "product_key": row["product_key"]}


def _target(row: _Row) -> dict[str, Any]:
    """What was to be reached; a product that was only written around has no target of its own."""
    return {"state": row["state"], "content_hash": row["content_hash"], "is_delist": row["action"] == "delist"}


def _unsent(row: _Row, error: S2SError, *, is_unsent: bool) -> ItemResult:
    """No outcome. If it certainly was not sent, the item is as uncertain as it was before."""
    return ItemResult(
        **_of(row),
        **_target(row),
        is_ok=False,
        is_uncertain=row["is_uncertain"] or not is_unsent,
        reason="unreachable" if is_unsent else "unknown_outcome",
        message=error.message[:_MESSAGE_LIMIT],
        remedy=error.next_step or "",
        is_retriable=True,
    )


def _is_telling(row: _Row, outcome: Outcome) -> bool:
    """Whether an outcome is to be kept: of a product that was only written around, only its ids or its loss are."""
    if row["action"] != "none":
        return True
    return outcome.reason == _GONE or (outcome.is_ok and bool(outcome.channel_product_code or outcome.images))


def _result(change: ProductChange, row: _Row, outcome: Outcome) -> ItemResult:
    is_delist = row["action"] == "delist"
    is_deleted = outcome.is_ok and is_delist and change.delist_mode == "delete"
    is_lost = not outcome.is_ok and outcome.reason == _GONE
    is_around = row["action"] == Action.NONE
    return ItemResult(
        **_of(row),
        **(_target(row) if not is_around else {}),
        is_ok=outcome.is_ok,
        is_uncertain=not outcome.is_ok and (outcome.is_uncertain or (row["is_uncertain"] and not is_lost)),
        forgets_ids=is_deleted or is_lost,
        channel_product_code=outcome.channel_product_code,
        channel_variant_code=outcome.channel_variant_code,
        images=outcome.images,
        reason=outcome.reason,
        message=outcome.message[:_MESSAGE_LIMIT],
        remedy=outcome.remedy[:_MESSAGE_LIMIT],
        is_retriable=outcome.is_retriable,
    )

"""Reads one feed: from the source, through the map and the checks, into a snapshot that stands until a better one is there."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from s2s_pipelines import __version__
from s2s_pipelines.catalogue.column import ROW
from s2s_pipelines.catalogue.digest import digest_of
from s2s_pipelines.catalogue.mapping import Mapped, map_extract
from s2s_pipelines.catalogue.overlay import fold
from s2s_pipelines.catalogue.policy import Terms
from s2s_pipelines.cycle.client_plan import ClientPlan, FeedPlan, SourcePlan
from s2s_pipelines.cycle.fitness import Unfit, unfit
from s2s_pipelines.cycle.freshness import stale_limit
from s2s_pipelines.cycle.patience import feed_wait
from s2s_pipelines.cycle.port import CatalogueStore, FeedState, NewSnapshot, Snapshot, feed_name
from s2s_pipelines.errors import ContractViolation, DataError, S2SError, TransientError
from s2s_pipelines.model.reject import Reject
from s2s_pipelines.ports import Clock, Extract, Glance, GlancingSource, Source

if TYPE_CHECKING:
    import pyarrow as pa

FeedOutcome = Literal["kept", "unchanged", "refused", "failed", "not_due", "paused"]
_REJECT_COLUMNS = ("sku", "field", "reason", "value", "message", "remedy")


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as people are told of it; never with a secret or a person's details."""

    error_class: str
    message: str
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class FeedResult:
    """What came of one feed in one refresh.

    Attributes:
        outcome: ``kept`` a new snapshot, ``unchanged`` content, ``refused`` as unfit, ``failed`` to be read, ``not_due``, or
            ``paused`` by a person, who is named in ``notes``.
        rows_in: rows the source delivered in this read; equals ``rows_out + rejected + ignored``.
        stands_since: when the snapshot that now stands was last read or confirmed; None when there is none.
        age_s: seconds since then.
        limit_s: the age beyond which what stands is stale.
        notes: sentences a person should see.
        unfit: why the read was refused.
    """

    source: str
    feed: str
    outcome: FeedOutcome
    rows_in: int = 0
    rows_out: int = 0
    rejected: int = 0
    ignored: int = 0
    is_complete: bool = False
    stands_since: datetime | None = None
    age_s: float | None = None
    limit_s: float | None = None
    snapshot_id: int | None = None
    notes: tuple[str, ...] = ()
    unfit: tuple[Unfit, ...] = ()
    fault: Fault | None = None

    @property
    def is_stale(self) -> bool:
        """Whether what stands is older than it may be; not while a person stopped reading it."""
        is_known = self.outcome != "paused" and self.age_s is not None and self.limit_s is not None
        return is_known and (self.age_s or 0.0) > (self.limit_s or 0.0)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is known while one feed is read."""

    plan: ClientPlan
    source: SourcePlan
    feed: FeedPlan
    store: CatalogueStore
    clock: Clock
    state: FeedState
    current: Snapshot | None

    @property
    def name(self) -> str:
        return feed_name(self.source.source, self.feed.feed)

    def result(self, outcome: FeedOutcome, stands: Snapshot | None, **known: Any) -> FeedResult:
        since = None if stands is None else stands.read_at
        age_s = None if since is None else (self.clock.now() - since).total_seconds()
        of = None if stands is None else stands.id
        source, feed, limit_s = self.source.source, self.feed.feed, stale_limit(self.feed).total_seconds()
        return FeedResult(
            source, feed, outcome, stands_since=since, age_s=age_s, limit_s=limit_s, snapshot_id=of, **known
        )


def read_feed(
    plan: ClientPlan,
    source: SourcePlan,
    feed: FeedPlan,
    port: Callable[[], Source],
    store: CatalogueStore,
    clock: Clock,
    *,
    is_full: bool,
    accept: Collection[str] = (),
) -> FeedResult:
    """Read one feed and let the result stand if it is fit. Errors become results: the last good snapshot stays.

    Args:
        plan: the client.
        source: one of its sources.
        feed: one of its feeds.
        port: opens the source; its errors count as a failure of the feed.
        store: where snapshots are kept.
        clock: the time.
        is_full: read everything, not only what changed.
        accept: checks that a person accepts this once, see ``fitness.CHECKS``.
    """
    state = store.feed_states(plan.client).get((source.source, feed.feed)) or FeedState(source.source, feed.feed)
    current = store.current(plan.client, feed_name(source.source, feed.feed))
    reading = _Reading(plan, source, feed, store, clock, state, current)
    since = None if is_full or current is None or not source.is_incremental else current.cursor
    try:
        seen = _delivered(reading, port(), since)
        result = _known(reading, seen) if isinstance(seen, Glance) else _settled(reading, seen, accept)
    except S2SError as error:
        error.located(client=plan.client, connection=source.source, operation=f"read {feed.feed}")
        return _failed(reading, error)
    if result.outcome == "refused":
        unfit_read = DataError("; ".join(u.message for u in result.unfit), next_step=_ACCEPT)
        _failed(reading, unfit_read)
        return result
    now = clock.now()
    full_at = seen.read_at if isinstance(seen, Glance) or seen.is_complete else state.full_at
    store.note_feed(plan.client, FeedState(source.source, feed.feed, now, now, full_at))
    return result


def _delivered(reading: _Reading, source: Source, since: str | None) -> Extract | Glance:
    """What the source says; no more than a glance at it where that shows the content that stands."""
    feed, current = reading.feed, reading.current
    if not isinstance(source, GlancingSource):
        return source.read(feed.feed, since)
    glance = source.glance(feed.feed)
    fingerprint = _fingerprint(glance.fingerprint, reading.source, feed, reading.plan.terms)
    is_same = current is not None and current.is_complete and current.fingerprint == fingerprint
    return glance if is_same else glance.extract()


def _known(reading: _Reading, glance: Glance) -> FeedResult:
    """What stands is what the source says; its notes are those that were taken when it was made sense of."""
    current = reading.current
    if current is None:
        raise ContractViolation("nothing stands that a glance could show", reference=reading.name)
    stands = reading.store.confirm(
        current,
        read_at=glance.read_at,
        cursor=current.cursor,
        source_modified_at=glance.modified_at or current.source_modified_at,
        details={"confirmed_at": glance.read_at.isoformat()},
    )
    notes = tuple(current.details.get("notes", ()))
    return reading.result(
        "unchanged", stands, rows_in=current.rows_in, is_complete=True, notes=notes, **_counts_of(current)
    )


_ACCEPT = "look at the feed; if it is right, refresh once more and accept the check by its name"


def _failed(reading: _Reading, error: S2SError) -> FeedResult:
    """Remember the failure and say how old what stands is."""
    now, state = reading.clock.now(), reading.state
    failures = state.failures + 1
    asked_s = error.retry_after_s if isinstance(error, TransientError) else None
    failed = replace(
        state,
        attempted_at=now,
        failures=failures,
        error_class=type(error).__name__,
        error=error.message,
        retry_at=now + max(feed_wait(failures, asked_s), min(reading.feed.every, feed_wait(99))),
    )
    reading.store.note_feed(reading.plan.client, failed)
    return reading.result("failed", reading.current, fault=Fault(type(error).__name__, error.message, error.next_step))


def _settled(reading: _Reading, extract: Extract, accept: Collection[str]) -> FeedResult:
    """Decide what becomes of what was read."""
    source, feed, current = reading.source, reading.feed, reading.current
    if extract.feed != feed.feed:
        raise ContractViolation(f"asked for {feed.feed} and got {extract.feed}")
    fingerprint = _fingerprint(extract.fingerprint, source, feed, reading.plan.terms)
    is_same = extract.is_complete and current is not None and current.is_complete and current.fingerprint == fingerprint
    is_silent = not extract.is_complete and extract.table.num_rows == 0 and not extract.rejects
    if current is not None and (is_same or is_silent):
        return _confirmed(reading, current, extract)
    mapped = map_extract(
        extract,
        fields=source.fields,
        ignore=feed.ignore,
        numbers=source.numbers,
        basis=source.basis,
        terms=reading.plan.terms,
        unowned=source.unowned(feed.feed),
    )
    if mapped.rows_in != mapped.table.num_rows + mapped.rejected.num_rows + mapped.ignored.num_rows:
        raise ContractViolation("rows were lost while mapping", reference=reading.name)
    previous = None if current is None else reading.store.read(current)
    made_at = None if current is None else _moment(current.details.get("made_at"))
    against = [
        found
        for found in unfit(feed, mapped, previous, made_at, is_complete=extract.is_complete)
        if found.check not in accept
    ]
    if against:
        return _refused(reading, extract, mapped, fingerprint, against)
    return _kept(reading, extract, mapped, fingerprint, previous)


def _confirmed(reading: _Reading, current: Snapshot, extract: Extract) -> FeedResult:
    """Nothing new: what stands is as good as just read, as far as the read could tell."""
    told = {"confirmed_at": extract.read_at.isoformat()} if extract.is_complete else {}
    stands = reading.store.confirm(
        current,
        read_at=extract.read_at,
        cursor=extract.cursor or current.cursor,
        source_modified_at=extract.modified_at or current.source_modified_at,
        details=told,
    )
    rows = current.rows_in if extract.is_complete else 0
    counts = _counts_of(current) if extract.is_complete else {}
    return reading.result(
        "unchanged", stands, rows_in=rows, is_complete=extract.is_complete, notes=extract.notes, **counts
    )


def _counts_of(snapshot: Snapshot) -> dict[str, int]:
    details = snapshot.details
    return {"rows_out": details["mapped"], "rejected": snapshot.rejected, "ignored": details["ignored"]}


def _refused(reading: _Reading, extract: Extract, mapped: Mapped, fingerprint: str, against: list[Unfit]) -> FeedResult:
    """Keep what was read to be looked at, once; the last good snapshot stands."""
    newest = reading.store.history(reading.plan.client, reading.name, 1)
    if not newest or newest[0].is_current or newest[0].fingerprint != fingerprint:
        refused = {"refused": [u.check for u in against]}
        reading.store.keep(
            reading.plan.client,
            replace(_snapshot(reading, extract, mapped, fingerprint, mapped.table), is_current=False, details=refused),
        )
    counts = {"rows_in": mapped.rows_in, "rows_out": mapped.table.num_rows}
    return reading.result(
        "refused",
        reading.current,
        **counts,
        rejected=mapped.rejected.num_rows,
        ignored=mapped.ignored.num_rows,
        is_complete=extract.is_complete,
        notes=(*extract.notes, *mapped.notes),
        unfit=tuple(against),
    )


def _kept(
    reading: _Reading, extract: Extract, mapped: Mapped, fingerprint: str, previous: "pa.Table | None"
) -> FeedResult:
    """A new snapshot that stands from now on."""
    current = reading.current
    table = fold(
        previous,
        mapped.table,
        read_at=extract.read_at,
        is_complete=extract.is_complete,
        absent=reading.feed.absent,
        withheld=mapped.withheld,
    )
    new = _snapshot(reading, extract, mapped, fingerprint, table)
    content = content_fingerprint(table)
    is_known = current is not None and current.details.get("content") == content
    since = current.content_since if current is not None and is_known else extract.read_at
    made_at = extract.read_at.isoformat() if extract.is_complete else (current and current.details.get("made_at"))
    details = {**new.details, "content": content, "made_at": made_at}
    kept = reading.store.keep(reading.plan.client, replace(new, details=details, content_since=since))
    return reading.result(
        "kept",
        kept,
        rows_in=mapped.rows_in,
        rows_out=mapped.table.num_rows,
        rejected=mapped.rejected.num_rows,
        ignored=mapped.ignored.num_rows,
        is_complete=extract.is_complete,
        notes=(*extract.notes, *mapped.notes),
    )


def _snapshot(reading: _Reading, extract: Extract, mapped: Mapped, fingerprint: str, table: "pa.Table") -> NewSnapshot:
    current = reading.current
    parts = {"rejects": _rejects_table(mapped.rejects), "rejected": mapped.rejected, "ignored": mapped.ignored}
    if current is not None and not extract.is_complete:
        parts = _with_earlier(reading, mapped, parts)
    if extract.feed != "customers":  # people's details are kept no more often than needed
        parts["raw"] = extract.table.append_column(ROW, extract.rows)
    notes = [*extract.notes, *mapped.notes]
    return NewSnapshot(
        name=reading.name,
        table=table,
        rows_in=mapped.rows_in,
        rejected=mapped.rejected.num_rows,
        fingerprint=fingerprint,
        read_at=extract.read_at,
        is_complete=extract.is_complete,
        source_modified_at=extract.modified_at,
        cursor=extract.cursor,
        details={"mapped": mapped.table.num_rows, "ignored": mapped.ignored.num_rows, "notes": notes}
        | {"first_read_at": extract.read_at.astimezone(UTC).isoformat()},
        parts=parts,
        replaces=None if current is None else current.id,
    )


def _with_earlier(reading: _Reading, mapped: Mapped, parts: dict[str, "pa.Table"]) -> dict[str, "pa.Table"]:
    """Rejected and ignored rows of earlier reads go on counting until their sku, or a full read, comes along."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if reading.current is None or "sku" not in mapped.table.column_names:
        return parts
    seen = pa.concat_arrays([mapped.table["sku"].combine_chunks(), mapped.withheld.cast(pa.string())])
    joined = dict(parts)
    for name in ("rejects", "ignored"):
        earlier = reading.store.read(reading.current, name)
        staying = earlier.filter(pc.invert(pc.is_in(earlier["sku"], value_set=seen)))
        joined[name] = pa.concat_tables([parts[name], staying], promote_options="permissive")
    return joined


def _rejects_table(rejects: Collection[Reject]) -> "pa.Table":
    import pyarrow as pa

    columns = {name: pa.array([getattr(r, name) for r in rejects], pa.string()) for name in _REJECT_COLUMNS}
    return pa.table({"row": pa.array([r.row for r in rejects], pa.int64()), **columns})


def _fingerprint(content: str, source: SourcePlan, feed: FeedPlan, terms: Terms) -> str:
    """Of the content and of everything that decides what is made of it, so that a changed declaration reads anew."""
    reading = (source.fields_of(feed.feed), feed.ignore, feed.absent, source.unowned(feed.feed))
    manner = (source.numbers.model_dump_json(), source.basis, terms.model_dump_json(), __version__)
    return hashlib.sha256(f"{content}\x1f{reading!r}\x1f{manner!r}".encode()).hexdigest()


def content_fingerprint(table: "pa.Table") -> str:
    """The same for the same values, wherever and whenever they were read."""
    return digest_of(table, [name for name in table.column_names if not name.startswith("_")])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

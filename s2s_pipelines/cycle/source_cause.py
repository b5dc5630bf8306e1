"""What is wrong with a client's sources and its catalogue now. Pure; the clock is handed in."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from s2s_pipelines.cycle.catalogue_merge import has_quantity, rhythm_of
from s2s_pipelines.cycle.cause import Cause, shortened
from s2s_pipelines.cycle.client_plan import FeedPlan, SourcePlan
from s2s_pipelines.cycle.freshness import is_stale, stale_limit
from s2s_pipelines.cycle.look import PATIENCE, WAIT, Look, counted, spell
from s2s_pipelines.cycle.place import asset_page, source_page
from s2s_pipelines.cycle.port import CATALOGUE, FeedState

_MERGE = timedelta(minutes=30)
"""What was read longer ago than that is merged, or something is in the way."""

_PASSING = ("TransientError", "BusyError")
_READ_REMEDY = {
    "AccessError": "restore the credentials or rights of this connection; it is read again by itself",
    "ConfigurationError": "correct the declaration (`s2s check --connect` names the place); it is read again by itself",
    "DataError": "look at the feed with its owner; if it is right as it is, refresh it once more and accept the check by name",
    "ContractViolation": "this is a defect of the connector: report it with the run's page",
}


def source_causes(look: Look, source: SourcePlan) -> Iterator[Cause]:
    """What is wrong with one source: it cannot be read, is stale or late, or delivers rows that are rejected."""
    failing = [
        (feed, state) for feed in source.feeds if (state := look.state(source.source, feed.feed)) and _is_refused(state)
    ]
    if failing:
        yield _unreadable(look, source, failing)
    yield from _unread(look, source)
    for feed in source.feeds:
        # One thing that is wrong is told once: while a feed cannot be read it grows stale.
        if not any(feed.feed == other.feed for other, _ in failing):
            yield from _stale(look, source, feed)
        yield from _rejected(look, source, feed)
    yield from _rhythm_causes(look, source)


def _is_refused(state: FeedState) -> bool:
    return state.failures >= (PATIENCE if state.error_class in _PASSING else 1)


def _unreadable(look: Look, source: SourcePlan, failing: list[tuple[FeedPlan, FeedState]]) -> Cause:
    said = dict.fromkeys(f"{feed.feed}: {state.error}" for feed, state in failing)
    feed, state = failing[0]
    remedy = _READ_REMEDY.get(state.error_class or "", WAIT.format(client=look.name))
    good = [s.succeeded_at for _, s in failing if s.succeeded_at is not None]
    oldest = f" The last good read of {min(good):%Y-%m-%d %H:%M} UTC stands." if good else " Nothing of it stands yet."
    return look.cause(
        "unreadable_source",
        (source.source,),
        f"source {source.source} cannot be read ({', '.join(f.feed for f, _ in failing)})",
        shortened("; ".join(said), 450) + oldest,
        remedy,
        source_page(look.name, source.role, source.source, feed.feed),
        min(good, default=None),
    )


def _unread(look: Look, source: SourcePlan) -> Iterator[Cause]:
    feeds = [feed.feed for feed in source.feeds if look.state(source.source, feed.feed) is None]
    if feeds and not look.is_excused("read", source.source):
        yield look.cause(
            "unread_feed",
            (source.source,),
            f"source {source.source} was never read ({', '.join(feeds)})",
            "No read of it was tried yet.",
            "look whether the sensor cycle_due runs, or materialise the source",
            source_page(look.name, source.role, source.source, feeds[0]),
        )


def _stale(look: Look, source: SourcePlan, feed: FeedPlan) -> Iterator[Cause]:
    good_at = look.good_at(source.source, feed.feed)
    if is_stale(feed, good_at, look.now) and not look.is_excused("read", source.source):
        yield look.cause(
            "stale_feed",
            (source.source, feed.feed),
            f"{source.source}/{feed.feed} is stale",
            f"Its last good read is of {good_at:%Y-%m-%d %H:%M} UTC; declared is at most {spell(stale_limit(feed))}.",
            "look whether runs of this client go through, and materialise the feed",
            source_page(look.name, source.role, source.source, feed.feed),
            good_at,
        )


def _rejected(look: Look, source: SourcePlan, feed: FeedPlan) -> Iterator[Cause]:
    stands = look.stands(source.source, feed.feed)
    if stands is not None and stands.rejected:
        yield look.cause(
            "rejected_rows",
            (source.source, feed.feed),
            f"{counted(stands.rejected, 'row')} of {source.source}/{feed.feed} rejected",
            f"Of {counted(stands.rows_in, 'row')} read. Each is kept with row, field, reason and remedy.",
            f"send the owner of the data `s2s rejects {look.name} --csv`",
            source_page(look.name, source.role, source.source, feed.feed),
        )


def _rhythm_causes(look: Look, source: SourcePlan) -> Iterator[Cause]:
    if source.rhythm is None or look.is_excused("read", source.source):
        return
    found = {(source.source, f.feed): s for f in source.feeds if (s := look.stands(source.source, f.feed)) is not None}
    if not found:
        return
    kept = rhythm_of(source, found, _looked_at(look, source))
    if kept not in ("late", "overdue"):
        return
    what = {"hold": "its last quantities stand", "zero": "its quantities are shown as none"}[source.rhythm.overdue]
    yield look.cause(
        "overdue_source" if kept == "overdue" else "late_source",
        (source.source,),
        f"source {source.source} is {kept} with its next delivery",
        f"It is expected every {spell(source.rhythm.every)}, with a grace of {spell(source.rhythm.grace)}."
        + (f" Until then {what}." if kept == "overdue" else ""),
        "ask the supplier for the delivery",
        source_page(look.name, source.role, source.source, source.feeds[0].feed),
    )


def _looked_at(look: Look, source: SourcePlan) -> datetime:
    """When a delivery would have been seen last: of a source that cannot be read nobody knows whether its supplier is late."""
    good = {feed.feed: at for feed in source.feeds if (at := look.good_at(source.source, feed.feed)) is not None}
    with_quantity = [at for feed, at in good.items() if has_quantity(source, feed)]
    return min(look.now, max(with_quantity or good.values(), default=look.now))


def catalogue_causes(look: Look) -> Iterator[Cause]:
    """What is wrong with the merged catalogue."""
    page = asset_page(look.name, "catalogue")
    merged = look.facts.standing.get(look.name, {}).get(CATALOGUE)
    kept = [
        stands.created_at
        for source in look.plan.sources
        for feed in source.feeds
        if feed.feed != "customers" and (stands := look.stands(source.source, feed.feed)) is not None
    ]
    # Whatever changes a source's snapshot changes the catalogue's right after it.
    unmerged = [at for at in kept if merged is None or at > merged.created_at]
    if unmerged and look.now - min(unmerged) > _MERGE and not look.is_excused("read"):
        stands_since = (
            f"that of {merged.created_at:%Y-%m-%d %H:%M} UTC stands" if merged is not None else "there is none yet"
        )
        yield look.cause(
            "stale_catalogue",
            (),
            "the catalogue is stale",
            f"What was read at {min(unmerged):%Y-%m-%d %H:%M} UTC and later is not merged; {stands_since}.",
            "materialise the catalogue: its check `merged` says what is in the way",
            page,
            min(unmerged),
        )
    if merged is not None and merged.conflicts:
        yield look.cause(
            "two_owners",
            (),
            f"{counted(merged.conflicts, 'sku')} offered by two primary sources",
            "They are frozen on their channels, and their orders are held.",
            "take each of them out of one of the two sources; the catalogue's page lists them",
            page,
        )

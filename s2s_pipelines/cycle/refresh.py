"""Refreshes a client: reads the feeds that are due or asked for, and merges the catalogue from what stands then.

No source holds up another: what cannot be read, or is not fit to stand, leaves its last good snapshot where it is, and the result
says how old that is.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from s2s_pipelines.cycle.catalogue_merge import CatalogueResult, merge_client, rhythm_of, standing
from s2s_pipelines.cycle.client_plan import ClientPlan, FeedPlan, SourcePlan
from s2s_pipelines.cycle.feed_read import FeedResult, read_feed
from s2s_pipelines.cycle.freshness import stale_limit
from s2s_pipelines.cycle.pausing import PauseOf, never_paused
from s2s_pipelines.cycle.port import CatalogueStore, feed_name
from s2s_pipelines.cycle.timetable import Punctuality, is_due, is_full_due
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import Feed, near_miss
from s2s_pipelines.ports import Clock, Source

OpenSource = Callable[[], Source]
"""Opens a source; may raise any of our errors, which then count as a failure to read."""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """What came of refreshing one source, feed by feed.

    Attributes:
        punctuality: whether it keeps to its declared rhythm; None where none is declared.
    """

    source: str
    feeds: tuple[FeedResult, ...]
    punctuality: Punctuality | None

    @property
    def is_ok(self) -> bool:
        """Whether nothing failed and nothing was refused."""
        return all(feed.outcome not in ("failed", "refused") for feed in self.feeds)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences a person should see."""
        own = [f"{f.feed}: {u.message}" for f in self.feeds for u in f.unfit]
        own += [f"{f.feed}: {f.fault.message}" for f in self.feeds if f.fault is not None]
        own += [f"{f.feed}: {note}" for f in self.feeds for note in f.notes]
        if self.punctuality in ("late", "overdue", "never"):
            own.append(f"the source is {self.punctuality} with its next delivery")
        return tuple(own)


@dataclass(frozen=True, slots=True)
class ClientResult:
    """What came of refreshing one client."""

    client: str
    sources: Mapping[str, SourceResult]
    catalogue: CatalogueResult

    @property
    def is_ok(self) -> bool:
        """Whether every source and the catalogue are as they should be."""
        return self.catalogue.fault is None and all(source.is_ok for source in self.sources.values())


def refresh_client(
    plan: ClientPlan,
    ports: Mapping[str, OpenSource],
    store: CatalogueStore,
    clock: Clock,
    *,
    asked: Mapping[str, Collection[Feed]] | None = None,
    is_full: bool = False,
    accept: Collection[str] = (),
    pause_of: PauseOf = never_paused,
) -> ClientResult:
    """Read what is due, or what is asked for, and merge the catalogue. A paused source is not read; what stands of it stays.

    Args:
        plan: the client.
        ports: opens each source, by key.
        store: where snapshots are kept.
        clock: the time.
        asked: feeds to read whether or not they are due, by source; None: those that are due.
        is_full: read everything, not only what changed.
        accept: checks of fitness that a person accepts this once (``fitness.CHECKS``).
        pause_of: tells what a person stopped for a while.

    Raises:
        ConfigurationError: a source or feed is asked for that the client does not have.
    """
    _check_asked(plan, asked)
    results = {}
    for source in plan.sources:
        feeds = None if asked is None else asked.get(source.source, ())
        results[source.source] = refresh_source(
            plan,
            source,
            ports[source.source],
            store,
            clock,
            feeds=feeds,
            is_full=is_full,
            accept=accept,
            pause_of=pause_of,
        )
    return ClientResult(plan.client, results, merge_client(plan, store, clock))


def refresh_source(
    plan: ClientPlan,
    source: SourcePlan,
    port: OpenSource,
    store: CatalogueStore,
    clock: Clock,
    *,
    feeds: Collection[Feed] | None = None,
    is_full: bool = False,
    accept: Collection[str] = (),
    pause_of: PauseOf = never_paused,
) -> SourceResult:
    """Read the feeds of one source that are due, or those asked for; the others are told as they stand."""
    states = store.feed_states(plan.client)
    results = []
    for feed in source.feeds:
        state, now = states.get((source.source, feed.feed)), clock.now()
        is_wanted = is_due(feed, state, now) if feeds is None else feed.feed in feeds
        if not is_wanted:
            results.append(_as_it_stands(plan, source, feed, store, clock))
            continue
        pause = pause_of("read", source=source.source)
        if pause is not None:
            stands = _as_it_stands(plan, source, feed, store, clock)
            results.append(replace(stands, outcome="paused", notes=(f"{pause.message}; {pause.remedy}",)))
            continue
        full = is_full or is_full_due(feed, state, now, plan.timezone)
        results.append(read_feed(plan, source, feed, port, store, clock, is_full=full, accept=accept))
    kept_rhythm = rhythm_of(source, standing(plan, store), clock.now()) if source.rhythm is not None else None
    return SourceResult(source.source, tuple(results), kept_rhythm)


def _as_it_stands(
    plan: ClientPlan, source: SourcePlan, feed: FeedPlan, store: CatalogueStore, clock: Clock
) -> FeedResult:
    stands = store.current(plan.client, feed_name(source.source, feed.feed))
    told = FeedResult(source.source, feed.feed, "not_due", limit_s=stale_limit(feed).total_seconds())
    if stands is None:
        return told
    age_s = (clock.now() - stands.read_at).total_seconds()
    return replace(told, stands_since=stands.read_at, age_s=age_s, snapshot_id=stands.id)


def _check_asked(plan: ClientPlan, asked: Mapping[str, Collection[Feed]] | None) -> None:
    for key, feeds in (asked or {}).items():
        source = plan.source(key)
        known = [s.source for s in plan.sources] if source is None else [f.feed for f in source.feeds]
        wrong = [key] if source is None else [f for f in feeds if f not in known]
        if wrong:
            close = near_miss(wrong[0], list(known))
            raise ConfigurationError(
                f"{plan.client} has no {'source' if source is None else f'feed of {key}'} called {wrong[0]}",
                client=plan.client,
                operation="refresh",
                reference=wrong[0],
                next_step=f"did you mean {close}?" if close else f"there are: {', '.join(known)}",
            )

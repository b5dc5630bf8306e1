"""What is wrong now: every client, worst first, from the declarations and what our database knows. Pure.

A row is ``error`` where something waits for a person or failed, ``warning`` where something should be looked at, ``paused`` where
nothing is wrong and a person stopped some of it, else ``ok``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from s2s_pipelines.cycle.cause import Cause, shortened
from s2s_pipelines.cycle.channel_cause import channel_causes
from s2s_pipelines.cycle.client_plan import ClientPlan, SourcePlan
from s2s_pipelines.cycle.fleet_fact import FleetFacts
from s2s_pipelines.cycle.freshness import is_stale, next_read, stale_limit
from s2s_pipelines.cycle.look import Look
from s2s_pipelines.cycle.place import asset_page
from s2s_pipelines.cycle.source_cause import catalogue_causes, source_causes
from s2s_pipelines.model.pause import EVERYONE, Pause, stopping

if TYPE_CHECKING:
    from s2s_pipelines.config.fleet import BrokenClient, Client

RowState = Literal["error", "warning", "paused", "ok"]
_RANK: dict[RowState, int] = {"error": 0, "warning": 1, "paused": 2, "ok": 3}
_BROKEN_REMEDY = "mend the declarations (`s2s check {client}` names file, line and fix), then reload the code location"


@dataclass(frozen=True, slots=True)
class FeedAge:
    """How old what stands of one feed is.

    Attributes:
        read_at: when it was last read or confirmed; None: never.
        age_s: seconds since then.
        limit_s: the age beyond which it is stale.
        next_due: when it is next read; a moment that has passed means now. None while it is paused.
        failures: of the newest attempts, in a row.
    """

    source: str
    role: str
    feed: str
    read_at: datetime | None
    age_s: float | None
    limit_s: float
    is_stale: bool
    next_due: datetime | None
    rows: int
    rejected: int
    failures: int


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One client.

    Attributes:
        causes: what is wrong, the worst first.
        feeds: the age of each feed.
        next_due: when the next of its feeds is due; None: nothing is read.
        catalogue_at: as of when the merged catalogue is true; None: there is none.
        failed_items: items that its channels did not take.
        held: orders that wait for a person.
        pauses: what people stopped.
        path: the page of the UI to look at first.
    """

    client: str
    label: str
    causes: tuple[Cause, ...]
    feeds: tuple[FeedAge, ...] = ()
    next_due: datetime | None = None
    catalogue_at: datetime | None = None
    failed_items: int = 0
    held: int = 0
    pauses: tuple[Pause, ...] = ()
    path: str = ""

    @property
    def state(self) -> RowState:
        """How it is with the client."""
        if any(cause.severity == "error" for cause in self.causes):
            return "error"
        if self.causes:
            return "warning"
        return "paused" if self.pauses else "ok"

    @property
    def oldest(self) -> FeedAge | None:
        """The feed that is nearest to being stale, or beyond; None when nothing was read."""
        standing = [feed for feed in self.feeds if feed.age_s is not None]
        return max(standing, key=lambda feed: (feed.age_s or 0.0) / feed.limit_s, default=None)

    @property
    def rejected(self) -> int:
        """Rejected rows of all its feeds."""
        return sum(feed.rejected for feed in self.feeds)

    def named(self, *kinds: str) -> tuple[str, ...]:
        """The sources, channels or feeds that are wrong in one of these ways.

        >>> row = FleetRow("acme", "Acme", (Cause("breaker", ("acme", "shop"), "acme", "", "", "", ""),))
        >>> row.named("breaker", "awaiting_approval"), row.state
        (('shop',), 'error')
        """
        return tuple("/".join(cause.names[1:]) for cause in self.causes if cause.kind in kinds)


@dataclass(frozen=True, slots=True)
class FleetReport:
    """Every client, worst first."""

    at: datetime
    rows: tuple[FleetRow, ...]

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Everything that is wrong, row by row."""
        return tuple(cause for row in self.rows for cause in row.causes)

    @property
    def is_well(self) -> bool:
        """Whether no row is an error."""
        return not any(row.state == "error" for row in self.rows)

    @property
    def counts(self) -> dict[RowState, int]:
        """Rows by state, every state named."""
        counted = dict.fromkeys(_RANK, 0)
        for row in self.rows:
            counted[row.state] += 1
        return counted


def report(
    clients: Iterable[tuple["Client", ClientPlan]], broken: "Iterable[BrokenClient]", facts: FleetFacts
) -> FleetReport:
    """The report.

    Args:
        clients: those that are ready, with what the cycle is to do for each.
        broken: those whose declarations do not load.
        facts: what our database knows of all of them.
    """
    rows = [_row(Look(client, plan, facts)) for client, plan in clients]
    rows += [_broken_row(client, facts) for client in broken]
    return FleetReport(facts.at, tuple(sorted(rows, key=_badness)))


def _badness(row: FleetRow) -> tuple[int, int, str]:
    return _RANK[row.state], -sum(cause.severity == "error" for cause in row.causes), row.client


def _row(look: Look) -> FleetRow:
    name, facts = look.name, look.facts
    channels = [(name, channel) for channel in look.client.declaration.channels]
    causes = sorted(_causes_of(look), key=lambda cause: cause.severity != "error")
    feeds = tuple(_feed_ages(look))
    merged = facts.standing.get(name, {}).get("catalogue")
    return FleetRow(
        client=name,
        label=look.client.declaration.label,
        causes=tuple(causes),
        feeds=feeds,
        next_due=min((feed.next_due for feed in feeds if feed.next_due is not None), default=None),
        catalogue_at=merged.read_at if merged is not None else None,
        failed_items=sum(item.count for key in channels for item in facts.items.get(key, ())),
        held=sum(held.count for key in channels for held in facts.held.get(key, ())),
        pauses=_pauses_of(name, facts.pauses),
        path=causes[0].path if causes else asset_page(name, "catalogue"),
    )


def _causes_of(look: Look) -> Iterator[Cause]:
    for source in look.plan.sources:
        yield from source_causes(look, source)
    yield from catalogue_causes(look)
    for channel, declared in look.client.declaration.channels.items():
        yield from channel_causes(look, channel, declared)


def _feed_ages(look: Look) -> Iterator[FeedAge]:
    now = look.now
    for source in look.plan.sources:
        is_paused = _is_paused(look, source)
        for feed in source.feeds:
            stands, state = look.stands(source.source, feed.feed), look.state(source.source, feed.feed)
            read_at = look.good_at(source.source, feed.feed)
            yield FeedAge(
                source=source.source,
                role=source.role,
                feed=feed.feed,
                read_at=read_at,
                age_s=(now - read_at).total_seconds() if read_at is not None else None,
                limit_s=stale_limit(feed).total_seconds(),
                is_stale=is_stale(feed, read_at, now),
                next_due=None if is_paused else next_read(feed, state, now, look.plan.timezone),
                rows=stands.rows_out if stands is not None else 0,
                rejected=stands.rejected if stands is not None else 0,
                failures=state.failures if state is not None else 0,
            )


def _is_paused(look: Look, source: SourcePlan) -> bool:
    pauses = look.facts.pauses
    return stopping(pauses, client=look.name, activity="read", now=look.now, source=source.source) is not None


def _pauses_of(client: str, pauses: Sequence[Pause]) -> tuple[Pause, ...]:
    return tuple(pause for pause in pauses if pause.client in (client, EVERYONE))


def _broken_row(client: "BrokenClient", facts: FleetFacts) -> FleetRow:
    path = asset_page(client.name, "declaration")
    remedy = _BROKEN_REMEDY.format(client=client.name)
    cause = Cause(
        "broken_declaration",
        (client.name,),
        client.name,
        "its declarations do not load",
        shortened(client.text()),
        remedy,
        path,
    )
    return FleetRow(client.name, client.name, (cause,), pauses=_pauses_of(client.name, facts.pauses), path=path)

"""One client as it is looked at: what it declares, and what our database knows of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from s2s_pipelines.cycle.cause import Cause
from s2s_pipelines.cycle.client_plan import ClientPlan
from s2s_pipelines.cycle.fleet_fact import FleetFacts, Standing
from s2s_pipelines.cycle.port import FeedState, feed_name
from s2s_pipelines.model.pause import Activity, stopping

if TYPE_CHECKING:
    from s2s_pipelines.config.fleet import Client

PATIENCE = 2
"""What may pass by itself is told of when it failed that often in a row."""

WAIT = "look whether the system answers (`s2s check {client} --connect`); it is tried again by itself"
"""What to do about what may pass by itself."""


@dataclass(frozen=True, slots=True)
class Look:
    """One client and what is known of it.

    Attributes:
        plan: what the cycle is to do for it.
        facts: those of all clients.
    """

    client: "Client"
    plan: ClientPlan
    facts: FleetFacts

    @property
    def name(self) -> str:
        """The client's key."""
        return self.client.name

    @property
    def now(self) -> datetime:
        """When the facts were read."""
        return self.facts.at

    def stands(self, source: str, feed: str) -> Standing | None:
        """What stands of a feed."""
        return self.facts.standing.get(self.name, {}).get(feed_name(source, feed))

    def state(self, source: str, feed: str) -> FeedState | None:
        """How reading a feed went lately."""
        return self.facts.feeds.get(self.name, {}).get((source, feed))

    def good_at(self, source: str, feed: str) -> datetime | None:
        """As of when what stands of a feed is true: its newest good read, whether or not that changed anything."""
        stands, state = self.stands(source, feed), self.state(source, feed)
        if stands is None:
            return None
        confirmed = state.succeeded_at if state is not None else None
        return stands.read_at if confirmed is None else max(stands.read_at, confirmed)

    def is_excused(self, activity: Activity, source: str | None = None, channel: str | None = None) -> bool:
        """Whether a pause stops this, or stopped it until a moment ago."""
        pauses = (*self.facts.pauses, *self.facts.ended_pauses)
        return (
            stopping(pauses, client=self.name, activity=activity, now=self.now, source=source, channel=channel)
            is not None
        )

    def cause(
        self,
        kind: str,
        names: tuple[str, ...],
        subject: str,
        message: str,
        remedy: str,
        path: str,
        since: datetime | None = None,
    ) -> Cause:
        """Something that is wrong with this client; ``names`` as in ``Cause``, without the client."""
        return Cause(kind, (self.name, *names), self.name, subject, message, remedy, path, since)


def spell(span: timedelta) -> str:
    """A span of time in its two largest units.

    >>> [spell(timedelta(seconds=s)) for s in (0, 42, 180, 5400, 90000, 604800)]
    ['0 s', '42 s', '3 min', '1 h 30 min', '1 d 1 h', '7 d']
    """
    left = int(span.total_seconds())
    parts = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def counted(count: int, word: str) -> str:
    """A number of things, a thousand written as people read it.

    >>> counted(1, "order"), counted(12345, "row")
    ('1 order', '12,345 rows')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"

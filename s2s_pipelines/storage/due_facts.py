"""What says who is due, for all clients in four statements however many there are."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from s2s_pipelines.cycle.port import CATALOGUE, FeedState, sends_nothing
from s2s_pipelines.storage.schema import feed_state, plan, snapshot
from s2s_pipelines.storage.transaction import reading


@dataclass(frozen=True, slots=True)
class DueFacts:
    """Our memory of reads and plans.

    Attributes:
        feeds: by client, then by source and feed, how reading went lately.
        planned_at: by client and channel, when it was last planned, whether or not anything had changed.
        unsent: channels, by client and channel, whose newest plan may be pushed and was not begun: a pause ended meanwhile, a
            person decided about it, or whoever planned it is gone.
        with_catalogue: clients with something to plan from.
    """

    feeds: Mapping[str, Mapping[tuple[str, str], FeedState]]
    planned_at: Mapping[tuple[str, str], datetime]
    unsent: frozenset[tuple[str, str]]
    with_catalogue: frozenset[str]


def read_due_facts(engine: sa.Engine) -> DueFacts:
    """The facts of this moment.

    Raises:
        TransientError: our database could not be reached.
    """
    with reading(engine, "look who is due") as connection:
        return DueFacts(_feeds(connection), _planned_at(connection), _unsent(connection), _with_catalogue(connection))


def _feeds(connection: sa.Connection) -> Mapping[str, Mapping[tuple[str, str], FeedState]]:
    found: dict[str, dict[tuple[str, str], FeedState]] = defaultdict(dict)
    t = feed_state.c
    # What a failure said is not asked for: it decides nothing, and texts are long.
    query = sa.select(t.client, t.source, t.feed, t.attempted_at, t.succeeded_at, t.full_at, t.failures, t.retry_at)
    for client, source, feed, attempted, succeeded, full, failures, retry in connection.execute(query):
        found[client][source, feed] = FeedState(source, feed, attempted, succeeded, full, failures, retry_at=retry)
    return found


def _planned_at(connection: sa.Connection) -> Mapping[tuple[str, str], datetime]:
    t, newest = plan.c, _newest()
    looked_at = sa.func.coalesce(t.confirmed_at, t.created_at, type_=t.created_at.type)
    query = sa.select(t.client, t.channel, looked_at).join(newest, t.id == newest.c.id)
    return {(client, channel): at for client, channel, at in connection.execute(query)}


def _newest() -> sa.Subquery:
    return sa.select(sa.func.max(plan.c.id).label("id")).group_by(plan.c.client, plan.c.channel).subquery()


def _unsent(connection: sa.Connection) -> frozenset[tuple[str, str]]:
    t, newest = plan.c, _newest()
    query = (
        sa.select(t.client, t.channel, t.counts, t.outcome)
        .join(newest, t.id == newest.c.id)
        .where(t.pushed_at.is_(None), t.verdict.in_(("clear", "let_through")))
    )
    rows = connection.execute(query)
    return frozenset((r.client, r.channel) for r in rows if r.outcome is None and not sends_nothing(r.counts))


def _with_catalogue(connection: sa.Connection) -> frozenset[str]:
    query = sa.select(snapshot.c.client).where(snapshot.c.is_current, snapshot.c.name == CATALOGUE)
    return frozenset(connection.execute(query).scalars())

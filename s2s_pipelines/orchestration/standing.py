"""What our database says of feeds that a run did not read, so that a check executed alone tells the truth."""

from dataclasses import replace
from typing import TYPE_CHECKING

from s2s_pipelines.bootstrap import Workshop

if TYPE_CHECKING:
    from s2s_pipelines.cycle.feed_read import FeedResult
    from s2s_pipelines.cycle.refresh import ClientResult


def with_what_stands(workshop: Workshop, result: "ClientResult") -> "ClientResult":
    """The result with feeds that were not read told as their newest read left them: its fault, and the rows that stand.

    The UI's button on a check selects that check and no asset (dagster notes 1), so nothing is read then.
    """
    sources = {
        key: replace(source, feeds=tuple(_as_stored(workshop, result.client, feed) for feed in source.feeds))
        for key, source in result.sources.items()
    }
    return replace(result, sources=sources)


def _as_stored(workshop: Workshop, client: str, feed: "FeedResult") -> "FeedResult":
    if feed.outcome != "not_due":
        return feed
    pause = workshop.pause_of(client, "read", source=feed.source)
    if pause is not None:
        return replace(feed, outcome="paused", notes=(f"{pause.message}; {pause.remedy}",))
    from s2s_pipelines.cycle.feed_read import Fault
    from s2s_pipelines.cycle.port import feed_name

    stands = workshop.catalogues.current(client, feed_name(feed.source, feed.feed))
    if stands is not None:
        rows = {"rows_out": stands.details["mapped"], "ignored": stands.details["ignored"]}
        feed = replace(feed, rows_in=stands.rows_in, rejected=stands.rejected, **rows)
    state = workshop.catalogues.feed_states(client).get((feed.source, feed.feed))
    if state is None or not state.failures:
        return feed
    return replace(feed, outcome="failed", fault=Fault(state.error_class or "", state.error or "it failed"))

"""What the pages of a client's assets show beside the result of one run: samples, the past, and the system's own pages."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from s2s_pipelines.bootstrap.catalogue_work import CatalogueWork
from s2s_pipelines.catalogue.column import ROW
from s2s_pipelines.cycle.cause import shortened
from s2s_pipelines.cycle.port import CATALOGUE, feed_name
from s2s_pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from s2s_pipelines.cycle.port import HeldItem, Snapshot, StoredPlan
    from s2s_pipelines.ports import Page

PAST = 30
"""Runs that a page looks back."""

_COLUMNS = 10
_CELL = 60


def _short(value: object) -> object:
    return shortened(value, _CELL) if isinstance(value, str) else value


class PageRoom(CatalogueWork):
    """Reads for pages. Everything here reads a few rows, however large a client is."""

    def came_in(self, name: str, source: str, feed: str, *, limit: int) -> list[dict[str, object]]:
        """The first rows of a feed's newest read as the source spelled them: its row number, and columns that are mapped.

        Columns that nobody wants are left out, and so are customers: they may speak of people.
        """
        snapshot = self._newest_read(name, feed_name(source, feed))
        if snapshot is None or "raw" not in snapshot.details.get("parts", ()):
            return []
        mapped = [row.column for row in self.client(name).fields[source].get(feed, ()) if row.column]  # type: ignore[call-overload] # a feed's name
        columns = [ROW, *dict.fromkeys(mapped)][: _COLUMNS + 1]
        found = self.catalogues.head(snapshot, "raw", columns=columns, limit=limit)
        return [
            {("row" if key == ROW else key): _short(value) for key, value in row.items()} for row in found.to_pylist()
        ]

    def rejected_by_reason(self, name: str, source: str, feeds: Sequence[str]) -> dict[str, int]:
        """How many reasons of which kind the newest reads of some feeds were rejected for, the most frequent first."""
        counts: dict[str, int] = {}
        for feed in feeds:
            snapshot = self._newest_read(name, feed_name(source, feed))
            if snapshot is not None and snapshot.rejected:
                reasons = self.catalogues.read(snapshot, "rejects", columns=["reason"])["reason"]
                for entry in reasons.value_counts().to_pylist():
                    counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def left_over(self, name: str, *, limit: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        """The first skus that two primary sources offer, and the first rows that no product answers to."""
        merged = self.catalogues.current(name, CATALOGUE)
        if merged is None:
            return [], []
        parts = (self.catalogues.head(merged, part, limit=limit) for part in ("conflicts", "unmatched"))
        conflicts, unmatched = (part.to_pylist() for part in parts)
        return conflicts, unmatched

    def past_reads(self, name: str, snapshot: str) -> "list[Snapshot]":
        """The last snapshots under a name that stood, the oldest first."""
        found = self.catalogues.history(name, snapshot, PAST)
        return [one for one in reversed(found) if "refused" not in one.details]

    def past_plans(self, name: str, channel: str) -> "list[StoredPlan]":
        """The last plans of a channel, the oldest first."""
        return list(reversed(self.stores.plans.history(name, channel, PAST)))

    def failing_items(self, name: str, channel: str, *, limit: int) -> "tuple[int, Sequence[HeldItem]]":
        """How many items the channel did not take, and the first of them."""
        return self.stores.items.failing(name, channel, limit)

    def orders_by_day(self, name: str) -> list[tuple[int, int]]:
        """Orders of each of the last days, the oldest first, today included: how many were placed, and how many are held."""
        today = self.clock.now().date()
        first = today - timedelta(days=PAST - 1)
        since = datetime.combine(first, time(), tzinfo=UTC)
        declared = self.client(name).declaration.channels
        found = [self.ledger.by_day(name, key, since) for key, channel in declared.items() if channel.orders]
        days = [first + timedelta(days=n) for n in range(PAST)]
        counts = [[channel.get(day, (0, 0)) for channel in found] for day in days]
        return [(sum(placed for placed, _ in each), sum(held for _, held in each)) for each in counts]

    def own_page(self, name: str, connection: str, page: "Page", code: str | None = None) -> str | None:
        """Where people look at the system behind a connection, if it has such a page and its address is there."""
        client = self.client(name)
        page_of = client.kinds[connection].page_of
        try:
            return page_of(client.connections[connection], page, code) if page_of is not None else None
        except ConfigurationError:
            return None

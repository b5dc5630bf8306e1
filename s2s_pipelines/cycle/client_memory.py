"""One client's snapshots and states, held in mind for the length of a refresh: nobody else changes them under its lease.

A refresh asks a dozen times what stands, and notes of most feeds no more than that they were read. Here questions are answered
from what was read at the beginning, and the notes wait until the end, for one transaction. A snapshot that is new is written at
once. Should the notes be lost with their process, the feeds are due again and found unchanged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from s2s_pipelines.cycle.port import CatalogueStore, FeedState, NewSnapshot, Snapshot

if TYPE_CHECKING:
    import pyarrow as pa


class ClientMemory:
    """A catalogue store that speaks of one client.

    Args:
        store: where everything is kept.
        client: the client.
    """

    def __init__(self, store: CatalogueStore, client: str) -> None:
        self._store = store
        self._client = client
        self._standing = dict(store.standing(client))
        self._states = dict(store.feed_states(client))
        self._confirmed: dict[int, Snapshot] = {}
        self._noted: dict[tuple[str, str], FeedState] = {}

    def flush(self) -> None:
        """Write down what waits."""
        confirmed, noted = list(self._confirmed.values()), list(self._noted.values())
        self._confirmed.clear()
        self._noted.clear()
        if confirmed or noted:
            self._store.note(self._client, confirmed, noted)

    def standing(self, client: str) -> Mapping[str, Snapshot]:
        """The snapshots that stand, by name."""
        return self._standing if client == self._client else self._store.standing(client)

    def current(self, client: str, name: str) -> Snapshot | None:
        """The snapshot that stands, or None."""
        return self.standing(client).get(name)

    def find(self, client: str, ids: Sequence[int]) -> Mapping[int, Snapshot]:
        """Snapshots by their numbers, current or not."""
        return self._store.find(client, ids)

    def history(self, client: str, name: str, limit: int = 20) -> Sequence[Snapshot]:
        """The newest snapshots of that name, newest first, those that were refused included."""
        return self._store.history(client, name, limit)

    def columns(self, snapshot: Snapshot) -> Sequence[str]:
        """Names of the table's columns."""
        return self._store.columns(snapshot)

    def read(
        self,
        snapshot: Snapshot,
        part: str | None = None,
        *,
        columns: Sequence[str] | None = None,
        skus: Sequence[str] | None = None,
    ) -> "pa.Table":
        """The snapshot's table; see ``CatalogueStore.read``."""
        return self._store.read(snapshot, part, columns=columns, skus=skus)

    def pieces(self, snapshot: Snapshot, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Some columns of the table, piece by piece."""
        return self._store.pieces(snapshot, columns)

    def keep(self, client: str, new: NewSnapshot) -> Snapshot:
        """Write the tables, then make the snapshot current."""
        kept = self._store.keep(client, new)
        if kept.is_current and client == self._client:
            self._standing[kept.name] = kept
        return kept

    def confirm(
        self,
        snapshot: Snapshot,
        *,
        read_at: datetime,
        cursor: str | None,
        source_modified_at: datetime | None,
        details: Mapping[str, Any],
    ) -> Snapshot:
        """Note that a newer read found nothing else than this snapshot says; ``details`` are added to its own."""
        confirmed = replace(
            snapshot,
            read_at=max(read_at, snapshot.read_at),
            cursor=cursor,
            source_modified_at=source_modified_at,
            details={**snapshot.details, **details},
        )
        self._confirmed[snapshot.id] = confirmed
        if self._standing.get(snapshot.name, confirmed).id == snapshot.id:
            self._standing[snapshot.name] = confirmed
        return confirmed

    def feed_states(self, client: str) -> Mapping[tuple[str, str], FeedState]:
        """How reading went lately, by source and feed."""
        return self._states if client == self._client else self._store.feed_states(client)

    def note_feed(self, client: str, state: FeedState) -> None:
        """Remember how reading a feed went."""
        self._states[state.source, state.feed] = state
        self._noted[state.source, state.feed] = state

    def note(self, client: str, confirmed: Sequence[Snapshot], states: Sequence[FeedState]) -> None:
        """Write notes of many down at once."""
        self._store.note(client, confirmed, states)

"""Snapshots of what sources said and of the merged catalogue: Parquet files, and a row each that says which one stands.

The files are on disk, whole, before the row that names them is committed. A crash in between leaves files that nothing refers to;
it never leaves a snapshot that cannot be read. Older snapshots stay where they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from s2s_pipelines.cycle.port import FeedState, NewSnapshot, Snapshot
from s2s_pipelines.errors import BusyError, ContractViolation
from s2s_pipelines.model.identifier import is_key
from s2s_pipelines.ports import Clock
from s2s_pipelines.storage.parquet_file import column_names, read_head, read_pieces, read_table, write_table
from s2s_pipelines.storage.schema import feed_state, snapshot
from s2s_pipelines.storage.transaction import reading, writing

if TYPE_CHECKING:
    import pyarrow as pa


_STATE = tuple(column.name for column in feed_state.c if column.name != "client")


class ParquetCatalogue:
    """The catalogue store on a folder and our database."""

    def __init__(self, engine: sa.Engine, folder: Path, clock: Clock) -> None:
        self._engine = engine
        self._folder = folder
        self._clock = clock

    def current(self, client: str, name: str) -> Snapshot | None:
        """The snapshot that stands, or None."""
        found = self._select(client, name, snapshot.c.is_current.is_(sa.true()), 1)
        return found[0] if found else None

    def standing(self, client: str) -> Mapping[str, Snapshot]:
        """All snapshots of a client that stand, by name."""
        query = sa.select(snapshot).where(snapshot.c.client == client, snapshot.c.is_current)
        with reading(self._engine, "look up what stands") as connection:
            return {row.name: Snapshot(**row._mapping) for row in connection.execute(query)}

    def find(self, client: str, ids: Sequence[int]) -> Mapping[int, Snapshot]:
        """Snapshots by their numbers, current or not."""
        query = sa.select(snapshot).where(snapshot.c.client == client, snapshot.c.id.in_(list(ids)))
        with reading(self._engine, "look up snapshots") as connection:
            return {row.id: Snapshot(**row._mapping) for row in connection.execute(query)}

    def history(self, client: str, name: str, limit: int = 20) -> Sequence[Snapshot]:
        """The newest snapshots of that name, newest first, those that were refused included."""
        return self._select(client, name, sa.true(), limit)

    def columns(self, snapshot: Snapshot) -> Sequence[str]:
        """Names of the table's columns, without reading a row.

        Raises:
            DataError: the file is gone or damaged.
        """
        return column_names(self._folder / snapshot.path)

    def read(
        self,
        snapshot: Snapshot,
        part: str | None = None,
        *,
        columns: Sequence[str] | None = None,
        skus: Sequence[str] | None = None,
    ) -> "pa.Table":
        """The snapshot's table, or one kept beside it; only some columns and skus if so asked.

        Raises:
            DataError: the file is gone or damaged.
            ContractViolation: no such table was kept.
        """
        if part is not None and part not in snapshot.details.get("parts", ()):
            raise ContractViolation(f"snapshot {snapshot.id} has no part {part}", operation="read a snapshot")
        return read_table(_file(self._folder / snapshot.path, part), columns=columns, skus=skus)

    def pieces(self, snapshot: Snapshot, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Some columns of the table, in order, one piece after the other: a large one is never in memory whole.

        Raises:
            DataError: the file is gone or damaged.
        """
        return read_pieces(self._folder / snapshot.path, columns)

    def head(
        self, snapshot: Snapshot, part: str | None = None, *, columns: Sequence[str] | None = None, limit: int
    ) -> "pa.Table":
        """The first rows of the snapshot's table, or of one kept beside it, without reading the rest.

        Raises:
            DataError: the file is gone or damaged.
        """
        return read_head(_file(self._folder / snapshot.path, part), columns=columns, limit=limit)

    def keep(self, client: str, new: NewSnapshot) -> Snapshot:
        """Write the tables, then make the snapshot current.

        Raises:
            BusyError: another one became current meanwhile; this one is not kept.
        """
        if not is_key(client) or not all(is_key(part) for part in new.name.split("/")):
            raise ContractViolation(f"{new.name} cannot name a snapshot", client=client, operation="keep a snapshot")
        now = self._clock.now()
        path = f"{client}/{new.name}/{now:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}.parquet"
        for part, table in new.parts.items():
            write_table(_file(self._folder / path, part), table)
        write_table(self._folder / path, new.table)
        row = _row(client, new, path, now)
        with writing(self._engine, "keep a snapshot") as connection:
            if new.is_current:
                _step_down(connection, client, new)
            row["id"] = connection.execute(sa.insert(snapshot).values(row).returning(snapshot.c.id)).scalar_one()
        return Snapshot(**row)

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
        table = _snapshot_table()
        values: dict[str, Any] = {
            "read_at": max(read_at, snapshot.read_at),
            "cursor": cursor,
            "source_modified_at": source_modified_at,
            "details": {**snapshot.details, **details},
        }
        with writing(self._engine, "confirm a snapshot") as connection:
            connection.execute(sa.update(table).where(table.c.id == snapshot.id).values(values))
            row = connection.execute(sa.select(table).where(table.c.id == snapshot.id)).one()
        return Snapshot(**row._mapping)

    def feed_states(self, client: str) -> Mapping[tuple[str, str], FeedState]:
        """How reading went lately, by source and feed."""
        columns = [c for c in feed_state.c if c.name != "client"]
        with reading(self._engine, "read feed states") as connection:
            rows = connection.execute(sa.select(*columns).where(feed_state.c.client == client)).all()
        return {(r.source, r.feed): FeedState(**r._mapping) for r in rows}

    def note_feed(self, client: str, state: FeedState) -> None:
        """Remember how reading a feed went."""
        key = {"client": client, "source": state.source, "feed": state.feed}
        values = {c.name: getattr(state, c.name) for c in feed_state.c if c.name not in key}
        is_it = sa.and_(*(feed_state.c[name] == value for name, value in key.items()))
        with writing(self._engine, "note how a feed went") as connection:
            changed = connection.execute(sa.update(feed_state).where(is_it).values(values))
            if changed.rowcount == 0:
                connection.execute(sa.insert(feed_state).values(**key, **values))

    def note(self, client: str, confirmed: Sequence[Snapshot], states: Sequence[FeedState]) -> None:
        """Many ``confirm`` and ``note_feed`` at once: snapshots as they are now, and how reading went; all or none."""
        told = [
            {
                "of": found.id,
                "at": found.read_at,
                "place": found.cursor,
                "stamp": found.source_modified_at,
                "known": dict(found.details),
            }
            for found in confirmed
        ]
        update = sa.update(snapshot).where(snapshot.c.id == sa.bindparam("of"), snapshot.c.client == client)
        values = {"read_at": "at", "cursor": "place", "source_modified_at": "stamp", "details": "known"}
        rows = [{"client": client, **{name: getattr(state, name) for name in _STATE}} for state in states]
        with writing(self._engine, "note what a refresh found") as connection:
            if told:
                connection.execute(update.values({name: sa.bindparam(bound) for name, bound in values.items()}), told)
            if rows:
                is_postgres = connection.dialect.name == "postgresql"
                insert: Callable[..., Any] = postgresql.insert if is_postgres else sqlite.insert
                made = insert(feed_state)
                over = {name: made.excluded[name] for name in _STATE if name not in ("source", "feed")}
                keys = ["client", "source", "feed"]
                connection.execute(made.on_conflict_do_update(index_elements=keys, set_=over), rows)

    def _select(self, client: str, name: str, which: sa.ColumnElement[bool], limit: int) -> list[Snapshot]:
        query = (
            sa.select(snapshot)
            .where(snapshot.c.client == client, snapshot.c.name == name, which)
            .order_by(snapshot.c.id.desc())
            .limit(limit)
        )
        with reading(self._engine, "look up snapshots") as connection:
            return [Snapshot(**row._mapping) for row in connection.execute(query)]


def _snapshot_table() -> sa.Table:
    """The table, for a method whose argument has its name."""
    return snapshot


def _file(path: Path, part: str | None) -> Path:
    return path if part is None else path.with_suffix(f".{part}.parquet")


def _row(client: str, new: NewSnapshot, path: str, now: datetime) -> dict[str, Any]:
    return {
        "client": client,
        "name": new.name,
        "path": path,
        "is_current": new.is_current,
        "rows_in": new.rows_in,
        "rows_out": new.table.num_rows,
        "rejected": new.rejected,
        "fingerprint": new.fingerprint,
        "read_at": new.read_at,
        "source_modified_at": new.source_modified_at,
        "content_since": new.content_since or new.read_at,
        "is_complete": new.is_complete,
        "cursor": new.cursor,
        "details": {**new.details, "parts": sorted(new.parts)},
        "created_at": now,
    }


def _step_down(connection: sa.Connection, client: str, new: NewSnapshot) -> None:
    """The one that stood makes way, if it is the one this was made from."""
    standing = sa.and_(snapshot.c.client == client, snapshot.c.name == new.name, snapshot.c.is_current.is_(sa.true()))
    ids = list(connection.execute(sa.select(snapshot.c.id).where(standing).with_for_update()).scalars())
    if ids != ([] if new.replaces is None else [new.replaces]):
        raise BusyError(
            "another refresh kept a newer snapshot meanwhile",
            client=client,
            operation="keep a snapshot",
            reference=new.name,
            next_step="nothing; the next refresh starts from the newer one",
        )
    connection.execute(sa.update(snapshot).where(snapshot.c.id.in_(ids)).values(is_current=False))

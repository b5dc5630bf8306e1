"""A source in memory that keeps every promise; the liars beside it break one each."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from s2s_pipelines.errors import AccessError, ConfigurationError, TransientError
from s2s_pipelines.model.field import FEEDS, Feed
from s2s_pipelines.ports import Extract, Manifest, Verified
from tests.contract.suite import SeedRow

SECRET = "s3cret-of-the-test"
PLACES = {"client": "karoo_outdoor", "connection": "erp", "operation": "read products"}
MORNING = datetime(2026, 11, 20, 8, 0, 0, tzinfo=UTC)
COLUMNS = ("code", "title", "price", "note")


@dataclass
class System:
    """What the source reads: rows by feed, each with its stamp."""

    feeds: dict[Feed, list[tuple[dict[str, str | None], datetime]]] = field(
        default_factory=lambda: {feed: [] for feed in FEEDS}
    )


class HonestSource:
    """Reads a `System`. ``state`` is how it stands: ok, unreachable, refused or misdeclared."""

    manifest = Manifest(
        "fake",
        "source",
        "A source in memory",
        frozenset({"products", "stock", "prices", "customers", "incremental"}),
        (Verified("emulator", "1", "2026-11-21"),),
    )

    def __init__(self, system: System, state: str = "ok", feeds: Sequence[Feed] = FEEDS) -> None:
        self.system, self.state, self.declared = system, state, feeds

    def check(self) -> None:
        if self.state == "unreachable":
            raise TransientError("nobody answers", **PLACES)
        if self.state == "refused":
            raise AccessError("the login was refused", **PLACES)
        if self.state == "misdeclared":
            raise ConfigurationError("there is no such table", **PLACES)

    def read(self, feed: Feed, since: str | None = None) -> Extract:
        read_at = datetime.now(UTC)
        HonestSource.check(self)
        if feed not in self.declared:
            raise ConfigurationError(f"no feed {feed} is declared", **PLACES)
        floor = self.floor(since)
        held = self.system.feeds[feed]
        kept = [(number, row) for number, (row, stamp) in enumerate(held, start=1) if floor is None or stamp >= floor]
        cells = [[row[name] for _, row in kept] for name in COLUMNS]
        newest = max((stamp for _, stamp in held), default=MORNING)
        return Extract(
            feed=feed,
            table=pa.table([pa.array(values, pa.string()) for values in cells], names=list(COLUMNS)),
            rows=pa.array([number for number, _ in kept], pa.int64()),
            read_at=read_at,
            is_complete=since is None,
            fingerprint=hashlib.sha256(json.dumps(cells).encode()).hexdigest(),
            cursor=newest.isoformat(),
        )

    def floor(self, since: str | None) -> datetime | None:
        try:
            return None if since is None else datetime.fromisoformat(since)
        except ValueError:
            raise ConfigurationError("not a cursor of ours", **PLACES) from None


class SourceStage:
    """The harness; ``kind`` is the class on trial."""

    feeds = FEEDS
    secrets = (SECRET,)
    undeclared: Feed | None = "customers"

    def __init__(self, kind: type[HonestSource]) -> None:
        self.kind, self.manifest = kind, kind.manifest
        self.system = System()

    def source(self) -> HonestSource:
        return self.kind(self.system)

    def without_feed(self) -> HonestSource:
        return self.kind(self.system, feeds=FEEDS[:3])

    def unreachable(self) -> HonestSource:
        return self.kind(self.system, "unreachable")

    def refused(self) -> HonestSource:
        return self.kind(self.system, "refused")

    def misdeclared(self) -> HonestSource:
        return self.kind(self.system, "misdeclared")

    def seed(self, feed: Feed, rows: Sequence[SeedRow]) -> None:
        self.system.feeds[feed] = [(dict(row), MORNING + timedelta(minutes=i)) for i, row in enumerate(rows)]

    def touch(self, feed: Feed, rows: Sequence[SeedRow], *, is_same_moment: bool = False) -> None:
        held = self.system.feeds[feed]
        stamp = max(stamp for _, stamp in held) + timedelta(seconds=0 if is_same_moment else 1)
        changed = {row["code"]: dict(row) for row in rows}
        self.system.feeds[feed] = [
            (changed[row["code"]], stamp) if row["code"] in changed else (row, old) for row, old in held
        ]

    def column(self, feed: Feed, name: str) -> str:
        return name

    def row_numbers(self, count: int) -> Sequence[int]:
        return range(1, count + 1)

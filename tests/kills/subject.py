"""What the rig kills workers in: worlds with a shop and ERPs that have tables of their own.

A subject is a module with ``make_subject(folder, database) -> Subject``; the rig is told its name.
"""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from tests.kills.tripwire import Fuse, Point
from tests.kills.worker import Errand, Sweep, run_worker, trace_worker

Key = tuple[str, str]
"""Order code and source."""


@dataclass(frozen=True)
class Standing:
    """A document as it must be, or as it is.

    Attributes:
        order: the shop's order code.
        total: with tax. Where it must be, it is the shop's own lines added up, which the shop does not round.
        goods: sorted (sku, units).
    """

    order: str
    source: str
    total: Decimal
    goods: tuple[tuple[str, int], ...]

    @property
    def key(self) -> Key:
        """Order code and source."""
        return self.order, self.source


class Tables(ABC):
    """What speaks to the oracle: read from the shop's and the ERPs' own tables, never from our ledger."""

    @abstractmethod
    def totals(self) -> dict[str, Decimal]:
        """From the shop's tables: total with tax by order code."""

    @abstractmethod
    def expected(self) -> list[Standing]:
        """From the shop's tables: every document that must stand."""

    @abstractmethod
    def documents(self) -> list[Standing]:
        """From the ERPs' tables: every document that stands."""

    @abstractmethod
    def told(self) -> "Counter[Key]":
        """From the shop's tables: how often it was told of a document."""


class Subject(Tables):
    """A world to kill workers in; a context manager that lets it go."""

    folder: Path

    def __enter__(self) -> "Subject":
        return self

    def __exit__(self, *ending: object) -> None:
        return

    @abstractmethod
    def create(self) -> None:
        """Make the world, empty."""

    @abstractmethod
    def place(self, number: int) -> str:
        """Let a buyer place an order that is due; returns its code."""

    @abstractmethod
    def sweep(self) -> Sweep:
        """What a worker does; must survive being sent to another process."""

    def advance(self, ahead_s: float) -> float:
        """Move the world's clock; returns how far a worker's clock is to be ahead of the real time."""
        return ahead_s

    def environment(self) -> dict[str, str]:
        """The variables a worker needs."""
        return {}

    def run(self, point: Point | None, *, ahead_s: float, is_blind: bool = False, sweeps: int = 1) -> int:
        """Let one worker sweep; returns its exit code, or minus the signal that ended it."""
        return run_worker(self._errand(point, ahead_s, is_blind=is_blind, sweeps=sweeps))

    def trace(self, *, ahead_s: float) -> list[Point]:
        """Let one worker sweep to the end and tell every step it passed."""
        return trace_worker(self._errand(None, ahead_s, trace=self.folder / "trace.json"))

    def _errand(self, point: Point | None, ahead_s: float, **more: Any) -> Errand:
        moved = self.advance(ahead_s)
        return Errand(self.sweep(), point, moved, environment=self.environment(), **more)


class FileSubject(Subject):
    """The small world of SQLite files, for seconds. Every order is split over both ERPs."""

    def __init__(self, folder: Path, database: str | None) -> None:
        from tests.kills.world import FileShop

        self.folder = folder
        self._database = database
        self._shop = FileShop(folder / "shop.db")

    def create(self) -> None:
        from tests.kills.world import create_world

        create_world(self.folder, self._database)

    def place(self, number: int) -> str:
        odd = f"{100 + number % 97}.{number % 100:02}"
        return self._shop.place([("A1", 1 + number % 3, odd), ("B1", 1, "57.50"), ("A2", 2, "0.87")], shipping="86.96")

    def sweep(self) -> Sweep:
        return partial(_sweep_files, self.folder, self._database)

    def totals(self) -> dict[str, Decimal]:
        return self._shop.totals()

    def expected(self) -> list[Standing]:
        from tests.kills.world import expected_documents

        return expected_documents(self._shop)

    def documents(self) -> list[Standing]:
        from tests.kills.world import SOURCES, FileErp

        return [
            Standing(number, source, total, goods)
            for source in SOURCES
            for number, total, goods in FileErp(self.folder / f"{source}.db").documents()
        ]

    def told(self) -> Counter:
        return Counter((code, note.split(":")[0]) for code in self._shop.rows() for note in self._shop.notes(code))


def _sweep_files(folder: Path, database: str | None, fuse: Fuse, errand: Errand) -> None:
    from s2s_pipelines.cycle.sweep import sweep_client
    from tests.kills.tripwire import BlindSink, wired
    from tests.kills.world import build_desk

    desk, engine = build_desk(folder, database=database, ahead_s=errand.ahead_s)
    for _ in range(errand.sweeps):
        sweep_client(wired(desk, fuse, blindfold=BlindSink if errand.is_blind else None))
    engine.dispose()


def make_subject(folder: Path, database: str | None = None) -> Subject:
    """The quick subject."""
    return FileSubject(folder, database)

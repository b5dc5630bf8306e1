"""What the rig kills: a world with a shop and ERPs of its own tables, and a way to let a worker run in it.

A subject is a module with ``make_subject(folder, database) -> Subject``; the rig is told its name. This one is the small world of
files with workers forked from the warm rig.
"""

import json
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from decimal import Decimal
from pathlib import Path

from s2s_pipelines.cycle.order_desk import OrderDesk
from s2s_pipelines.cycle.sweep import sweep_client
from tests.kills.tripwire import Fuse, wired
from tests.kills.world import SOURCES, FileErp, FileShop, build_desk, create_world

Point = tuple[str, str, int]
WORKER_LIMIT_S = 60


class Subject(ABC):
    """A world to kill workers in. Only ``expected``, ``documents`` and ``told`` speak to the oracle, from the real tables."""

    @abstractmethod
    def create(self) -> None:
        """Make the world, empty."""

    @abstractmethod
    def place(self, number: int) -> str:
        """Let a buyer place an order that is due; returns its code."""

    @abstractmethod
    def run(self, fuse: Fuse | None, *, ahead_s: float, is_blind: bool) -> int:
        """Let one worker sweep, in a process of its own; returns its exit code, or minus the signal that ended it."""

    @abstractmethod
    def trace(self, *, ahead_s: float) -> list[Point]:
        """Let one worker sweep to the end and tell every step it passed."""

    @abstractmethod
    def expected(self) -> dict[tuple[str, str], Decimal]:
        """From the shop's tables: (order code, source) -> total that must stand there."""

    @abstractmethod
    def documents(self) -> list[tuple[str, str, Decimal]]:
        """From the ERPs' tables: order code, source and total of every document."""

    @abstractmethod
    def told(self) -> Counter:
        """From the shop's tables: how often it was told of a document, by (order code, source)."""


class ForkedSubject(Subject):
    """A subject whose workers are forked from the warm rig, so that a kill costs milliseconds and not an import."""

    @abstractmethod
    def desk(self, ahead_s: float) -> OrderDesk:
        """The order desk, built anew in the worker."""

    def run(self, fuse: Fuse | None, *, ahead_s: float, is_blind: bool) -> int:
        return self._fork(fuse or Fuse(), ahead_s=ahead_s, is_blind=is_blind, sweeps=1 if fuse else 2, trace=None)

    def trace(self, *, ahead_s: float) -> list[Point]:
        path = self.folder / "trace.json"
        code = self._fork(Fuse(), ahead_s=ahead_s, is_blind=False, sweeps=1, trace=path)
        if code != 0:
            raise RuntimeError(f"the worker to be traced ended with {code}")
        return [tuple(point) for point in json.loads(path.read_text())]

    folder: Path

    def _fork(self, fuse: Fuse, *, ahead_s: float, is_blind: bool, sweeps: int, trace: Path | None) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._work(fuse, ahead_s, is_blind, sweeps, trace)
        return _wait(pid)

    def _work(self, fuse: Fuse, ahead_s: float, is_blind: bool, sweeps: int, trace: Path | None) -> None:
        """The worker's whole life; never returns."""
        code = 1
        try:
            desk = wired(self.desk(ahead_s), fuse, is_blind=is_blind)
            for _ in range(sweeps):
                sweep_client(desk)
            if trace:
                trace.write_text(json.dumps(fuse.trace))
            code = 0
        except BaseException as error:
            sys.stderr.write(f"worker: {type(error).__name__}: {error}\n")
        finally:
            sys.stderr.flush()
            os._exit(code)


def _wait(pid: int) -> int:
    until = time.monotonic() + WORKER_LIMIT_S
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    raise TimeoutError(f"a worker took longer than {WORKER_LIMIT_S} s")


class FileSubject(ForkedSubject):
    """The small world of SQLite files. Every order is split over both ERPs."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.folder = folder
        self._database = database
        self._shop = FileShop(folder / "shop.db")

    def create(self) -> None:
        create_world(self.folder, self._database)

    def place(self, number: int) -> str:
        odd = f"{100 + number % 97}.{number % 100:02}"
        return self._shop.place([("A1", 1 + number % 3, odd), ("B1", 1, "57.50"), ("A2", 2, "0.87")], shipping="86.96")

    def desk(self, ahead_s: float) -> OrderDesk:
        return build_desk(self.folder, database=self._database, ahead_s=ahead_s)[0]

    def expected(self) -> dict[tuple[str, str], Decimal]:
        """Goods by the letter of their sku, freight with the larger net."""
        wanted = {}
        for code, lines in self._shop.rows().items():
            sums = dict.fromkeys(SOURCES, Decimal(0))
            nets = dict.fromkeys(SOURCES, Decimal(0))
            freight = Decimal(0)
            for line in lines:
                amount = Decimal(line["net"]) + Decimal(line["tax"])
                if line["kind"] == "shipping":
                    freight += amount
                    continue
                source = "erp_a" if line["sku"].startswith("A") else "erp_b"
                sums[source] += amount
                nets[source] += Decimal(line["net"])
            sums[max(SOURCES, key=lambda source: nets[source])] += freight
            wanted |= {(code, source): amount for source, amount in sums.items() if amount}
        return wanted

    def documents(self) -> list[tuple[str, str, Decimal]]:
        return [
            (no, source, total) for source in SOURCES for no, total in FileErp(self.folder / f"{source}.db").documents()
        ]

    def told(self) -> Counter:
        return Counter((code, note.split(":")[0]) for code in self._shop.rows() for note in self._shop.notes(code))


def make_subject(folder: Path, database: str | None = None) -> Subject:
    """The rig's default subject."""
    return FileSubject(folder, database)

"""Kills a worker at every step of an order's way, lets another one finish, and counts documents in the ERPs' own tables."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from pathlib import Path

from tests.kills.subject import Subject, Tables
from tests.kills.tripwire import Point

RESTART_AFTER_S = 600.0
"""How much later, by the workers' clock, the next one starts: leases and claims of the dead have run out by then."""

_CENT = Decimal("0.01")
_SIGKILLED = -9

MakeSubject = Callable[[Path, str | None], Subject]
Say = Callable[[str], None]


@dataclass
class Report:
    """What a run of the rig came to; the first six are the promise, the rest says more.

    Attributes:
        steps: points on an order's way: each step before and after.
        wrong: documents with other goods or another total than the shop's order, and orders whose documents do not add up to
            the shop's total to the cent.
        untold: documents that the shop was never told of.
        told_twice: documents that the shop was told of more than once.
        run_worker_kills: those of the kills that hit a worker process of a Dagster run.
        fewest_per_step: the least kills that fired at any one point.
    """

    kills: int = 0
    fired: int = 0
    steps: int = 0
    lost: int = 0
    doubled: int = 0
    control_doubled: int = 0
    wrong: int = 0
    untold: int = 0
    told_twice: int = 0
    run_worker_kills: int = 0
    fewest_per_step: int = 0

    def problems(self, *, least_run_worker_kills: int = 0, least_per_step: int = 1) -> list[str]:
        """What keeps this from being a proof."""
        found = [f"{name} {getattr(self, name)}" for name in _MUST_BE_ZERO if getattr(self, name)]
        if self.kills == 0 or self.fired != self.kills:
            found.append(f"{self.kills - self.fired} of {self.kills} kills did not fire")
        if self.control_doubled < 1:
            found.append("the control without look-up did not double, so nothing is proven")
        if self.fewest_per_step < least_per_step:
            found.append(f"a step was killed {self.fewest_per_step} times only, not {least_per_step}")
        if self.run_worker_kills < least_run_worker_kills:
            found.append(f"{self.run_worker_kills} kills of run workers only, not {least_run_worker_kills}")
        return found

    def count(self, tables: Tables) -> None:
        """Add what the tables say."""
        seen = count(tables)
        for entry in fields(seen):
            setattr(self, entry.name, getattr(self, entry.name) + getattr(seen, entry.name))

    def text(self) -> str:
        """For progress."""
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items() if name in _MUST_BE_ZERO)


_MUST_BE_ZERO = ("lost", "doubled", "wrong", "untold", "told_twice")


@dataclass
class Count:
    """What the tables of shop and ERPs say."""

    lost: int
    doubled: int
    wrong: int
    untold: int
    told_twice: int


def count(tables: Tables) -> Count:
    """Compare the shop's orders with the ERPs' documents as multisets, and with what the shop was told."""
    expected = {standing.key: standing for standing in tables.expected()}
    documents = tables.documents()
    found, told = Counter(d.key for d in documents), tables.told()
    wanted = Counter(expected.keys())
    wrong = 0
    for document in documents:
        right = expected.get(document.key)
        is_same = right and document.goods == right.goods and abs(document.total - right.total) <= _CENT
        wrong += not is_same
    sums: dict[str, Decimal] = {}
    for document in documents:
        sums[document.order] = sums.get(document.order, Decimal(0)) + document.total
    orders = {code for code, _ in wanted}
    complete = {code for code in orders if all(found[key] == 1 for key in wanted if key[0] == code)}
    totals = tables.totals()
    wrong += sum(sums[code] != totals.get(code) for code in complete)
    return Count(
        lost=(wanted - found).total(),
        doubled=(found - wanted).total(),
        wrong=wrong,
        untold=(wanted - told).total(),
        told_twice=(told - wanted).total(),
    )


class Lane:
    """One world, one subject, one kill after the other."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._ahead_s = 0.0
        self._number = 0

    def prepare(self) -> list[Point]:
        """Create the world, let one order pass to warm it, and trace a second: every point where a worker can die."""
        self.subject.create()
        self._place()
        self._finish()
        self._place()
        points = distinct(self.subject.trace(ahead_s=self._later()))
        self._finish()
        return points

    def kill_at(self, point: Point, *, is_blind: bool = False) -> bool:
        """Place an order, kill the worker that takes it at a point, let another finish; whether the kill happened."""
        self._place()
        code = self.subject.run(point, ahead_s=self._later(), is_blind=is_blind)
        self._finish(is_blind=is_blind)
        return code == _SIGKILLED

    def _place(self) -> None:
        self._number += 1
        self.subject.place(self._number)

    def _finish(self, *, is_blind: bool = False) -> None:
        # The second sweep takes in what telling the shop moved there, so that every worker starts alike.
        code = self.subject.run(None, ahead_s=self._later(), is_blind=is_blind, sweeps=2)
        if code != 0:
            raise RuntimeError(f"the worker that should finish ended with {code}")

    def _later(self) -> float:
        self._ahead_s += RESTART_AFTER_S
        return self._ahead_s


class Progress:
    """Counts kills of all lanes and says now and then how far they are."""

    def __init__(self, total: int, say: Say, every_s: float = 10.0) -> None:
        self._total, self._say, self._every_s = total, say, every_s
        self._lock = threading.Lock()
        self._began = self._said = time.monotonic()
        self.is_over = False
        self.kills = 0
        self.fired: Counter[Point] = Counter()

    def note(self, point: Point, fired: bool) -> None:
        """Count one kill."""
        with self._lock:
            self.kills += 1
            self.fired[point] += fired
            if not fired:
                self._say(f"did not fire: {point}")
            now = time.monotonic()
            if now - self._said >= self._every_s or self.kills == self._total:
                self._said = now
                self._say(f"{self.kills} of {self._total} kills, {self.fired.total()} fired, {now - self._began:.0f} s")


def run(
    make_subject: MakeSubject,
    folder: Path,
    *,
    database: str | None = None,
    control_database: str | None = None,
    repeats: int = 5,
    most: int | None = None,
    control_kills: int = 6,
    lanes: int = 1,
    say: Say,
) -> Report:
    """Every point, or ``most`` of them spread evenly, ``repeats`` times; then the control."""
    report = Report()
    with ExitStack() as open_subjects:
        prepared = []
        for number in range(lanes):
            lane = Lane(open_subjects.enter_context(make_subject(_new(folder / f"lane{number}"), database)))
            prepared.append((lane, lane.prepare()))
        every = prepared[0][1]
        if any(points != every for _, points in prepared):
            raise RuntimeError("the lanes pass different steps")
        points = spread(every, most)
        report.steps = len(points)
        say(f"{len(points)} points on an order's way, each {repeats} times, in {lanes} worlds at once")
        progress = Progress(len(points) * repeats, say)
        with ThreadPoolExecutor(lanes) as pool:
            shares = [(lane, points[number::lanes]) for number, (lane, _) in enumerate(prepared)]
            ended = [pool.submit(_kill_all, lane, mine, repeats, progress) for lane, mine in shares]
            try:
                for lane_ended in as_completed(ended):
                    lane_ended.result()
            finally:
                progress.is_over = True
        for lane, _ in prepared:
            report.count(lane.subject)
    report.kills, report.fired = progress.kills, progress.fired.total()
    report.fewest_per_step = min(progress.fired[point] for point in points)
    say(f"in the shops' and the ERPs' tables: {report.text()}")
    if control_kills:
        report.control_doubled = control(make_subject, folder, control_database, control_kills, say)
    return report


def _kill_all(lane: Lane, points: Sequence[Point], repeats: int, progress: Progress) -> None:
    for _ in range(repeats):
        for point in points:
            if progress.is_over:  # another lane broke, or somebody pressed Ctrl-C
                return
            progress.note(point, lane.kill_at(point))


def control(make_subject: MakeSubject, folder: Path, database: str | None, kills: int, say: Say) -> int:
    """The same without look-up: killed between the write and its receipt it must double, or the rig proves nothing."""
    with make_subject(_new(folder / "control"), database) as subject:
        lane = Lane(subject)
        points = [p for p in lane.prepare() if p[0].endswith(".raise_order") and p[1] == "after"]
        for number in range(kills):
            lane.kill_at(points[number % len(points)], is_blind=True)
        seen = count(subject)
    say(f"control without look-up: {kills} kills, doubled {seen.doubled}, lost {seen.lost}")
    return seen.doubled


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def to_stdout(text: str) -> None:
    """Progress for people."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def distinct(trace: Sequence[Point]) -> list[Point]:
    """Every point but those after a commit or request with which its call ends: nothing leaves the program between the two.

    >>> plan, commit = "ledger.plan", "ledger.plan/commit"
    >>> distinct([(plan, "before", 1), (commit, "before", 1), (commit, "after", 1), (plan, "after", 1)])
    [('ledger.plan', 'before', 1), ('ledger.plan/commit', 'before', 1), ('ledger.plan', 'after', 1)]
    """
    followers: list[Point | None] = [*trace[1:], None]
    return [
        point
        for point, follower in zip(trace, followers, strict=True)
        if follower is None or (point[1], follower[1]) != ("after", "after")
    ]


def spread(points: Sequence[Point], most: int | None) -> list[Point]:
    """At most so many points, evenly over the whole way.

    >>> spread([("a", "before", n) for n in range(6)], 3)
    [('a', 'before', 0), ('a', 'before', 2), ('a', 'before', 4)]
    """
    if most is None or most >= len(points):
        return list(points)
    return [points[number * len(points) // most] for number in range(most)]

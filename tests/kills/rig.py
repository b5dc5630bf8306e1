"""Kills a worker at every step of an order's way, lets another one finish, and counts documents in the ERPs' own tables."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.kills.subject import Point, Subject
from tests.kills.tripwire import Fuse

RESTART_AFTER_S = 600.0
"""How much later, by the workers' clock, the next one starts: leases and claims of the dead have run out by then."""

MakeSubject = Callable[[Path, str | None], Subject]


@dataclass
class Report:
    """What a run of the rig came to."""

    kills: int = 0
    fired: int = 0
    steps: int = 0
    lost: int = 0
    doubled: int = 0
    wrong_totals: int = 0
    untold: int = 0
    control_doubled: int = 0

    def is_good(self) -> bool:
        """Whether every kill fired, nothing was lost or doubled, and the control did double."""
        bad = self.lost + self.doubled + self.wrong_totals + self.untold
        return self.kills > 0 and self.fired == self.kills and bad == 0 and self.control_doubled > 0

    def add(self, other: "Report") -> None:
        """Count another subject's run in; the steps are those of the subject that has most."""
        for name, value in asdict(other).items():
            mine = getattr(self, name)
            setattr(self, name, max(mine, value) if name == "steps" else mine + value)


@dataclass
class Count:
    """What the tables of shop and ERPs say."""

    lost: int
    doubled: int
    wrong_totals: int
    untold: int


def count(subject: Subject) -> Count:
    """Compare the shop's orders with the ERPs' documents as multisets, and with what the shop was told."""
    expected = subject.expected()
    documents = subject.documents()
    found = Counter((code, source) for code, source, _ in documents)
    wanted = Counter(expected.keys())
    wrong = sum(1 for code, source, total in documents if expected.get((code, source)) != total)
    return Count((wanted - found).total(), (found - wanted).total(), wrong, (wanted - subject.told()).total())


class Rig:
    """One world, one subject, many kills."""

    def __init__(self, subject: Subject, say: Callable[[str], None]) -> None:
        self._subject = subject
        self._say = say
        self._ahead_s = 0.0
        self._number = 0

    def prepare(self) -> list[Point]:
        """Create the world, let one order pass to warm it, and trace a second: every point where a worker can die."""
        self._subject.create()
        self._place_and_finish()
        self._number += 1
        self._subject.place(self._number)
        points = self._subject.trace(ahead_s=self._later())
        self._finish()
        return points

    def kill_at(self, point: Point, *, is_blind: bool = False) -> bool:
        """Place an order, kill the worker that takes it at a point, let others finish; whether the kill happened."""
        self._number += 1
        self._subject.place(self._number)
        code = self._subject.run(Fuse(*point), ahead_s=self._later(), is_blind=is_blind)
        self._finish(is_blind=is_blind)
        return code == -9

    def _place_and_finish(self) -> None:
        self._number += 1
        self._subject.place(self._number)
        self._finish()

    def _finish(self, *, is_blind: bool = False) -> None:
        code = self._subject.run(None, ahead_s=self._later(), is_blind=is_blind)
        if code != 0:
            raise RuntimeError(f"the worker that should finish ended with {code}")

    def _later(self) -> float:
        self._ahead_s += RESTART_AFTER_S
        return self._ahead_s


def run(
    make_subject: MakeSubject,
    folder: Path,
    *,
    database: str | None,
    control_database: str | None,
    repeats: int,
    most: int | None,
    control_kills: int,
    say: Callable[[str], None],
) -> Report:
    """Every point, or ``most`` of them spread evenly, ``repeats`` times; then the control."""
    report = Report()
    subject = make_subject(_new(folder / "trial"), database)
    rig = Rig(subject, say)
    points = spread(rig.prepare(), most)
    report.steps = len(points)
    say(f"{len(points)} points on an order's way, each {repeats} times")
    began = time.monotonic()
    for round_number in range(1, repeats + 1):
        fired = sum(_kill(rig, point, report, say) for point in points)
        seen = count(subject)
        say(
            f"round {round_number}: {fired} of {len(points)} kills fired, lost {seen.lost}, doubled {seen.doubled}, "
            f"wrong totals {seen.wrong_totals}, untold {seen.untold}, {time.monotonic() - began:.0f} s"
        )
    final = count(subject)
    report.lost, report.doubled = final.lost, final.doubled
    report.wrong_totals, report.untold = final.wrong_totals, final.untold
    if control_kills:
        report.control_doubled = _control(make_subject, folder, control_database, control_kills, say)
    return report


def _kill(rig: Rig, point: Point, report: Report, say: Callable[[str], None]) -> bool:
    report.kills += 1
    fired = rig.kill_at(point)
    report.fired += fired
    if not fired:
        say(f"did not fire: {point}")
    return fired


def _control(
    make_subject: MakeSubject, folder: Path, database: str | None, kills: int, say: Callable[[str], None]
) -> int:
    """The same without look-up: killed between the write and its receipt it must double, or the rig proves nothing."""
    subject = make_subject(_new(folder / "control"), database)
    rig = Rig(subject, say)
    points = [p for p in rig.prepare() if p[0].endswith(".raise_order") and p[1] == "after"]
    for number in range(kills):
        rig.kill_at(points[number % len(points)], is_blind=True)
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


def spread(points: Sequence[Point], most: int | None) -> list[Point]:
    """At most so many points, evenly over the whole way.

    >>> spread([("a", "before", n) for n in range(6)], 3)
    [('a', 'before', 0), ('a', 'before', 2), ('a', 'before', 4)]
    """
    if most is None or most >= len(points):
        return list(points)
    return [points[number * len(points) // most] for number in range(most)]

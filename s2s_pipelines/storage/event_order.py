"""One order for the events that Dagster's SQLite storage keeps in a file for each run, and partly once more in a common one.

Common rows (assets, checks, states of runs) are pointed at by their number from many places, so their order among themselves may
not change; neither may the order of the rows of one run. Both orders together leave little freedom, and what is left is taken.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_LAST = 2**62


@dataclass
class NewNumbers:
    """The number of every row in the one new table.

    Attributes:
        common: by the old number in the common file.
        own: by run and the old number in its file; rows that are in the common file as well are left out.
    """

    common: dict[int, int] = field(default_factory=dict)
    own: dict[str, dict[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._old = sorted(self.common)

    def of(self, old: int) -> int:
        """The new number of a common row; of one that was deleted, the new number of the last one before it, or 0."""
        place = bisect_right(self._old, old)
        return self.common[self._old[place - 1]] if place else 0

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.common) + sum(map(len, self.own.values()))


def number_anew(
    common: Iterable[tuple[int, str, bytes]], runs: Mapping[str, Sequence[tuple[int, bytes]]]
) -> NewNumbers:
    """Number the rows of all files from 1.

    Args:
        common: number, run and digest of each row of the common file, by number.
        runs: by run, number and digest of each row of its file, by number. Equal digests within a run are the same row.
    """
    twins: dict[tuple[str, bytes], deque[int]] = defaultdict(deque)
    places: list[tuple[int, int, str, int]] = []  # sorts as: before which common row, that row last
    for number, run, digest in common:
        twins[run, digest].append(number)
        places.append((number, 1, "", number))
    for run, rows in runs.items():
        places += _own_places(run, rows, twins)
    made = NewNumbers()
    for new, (_, is_common, run, old) in enumerate(sorted(places), 1):
        if is_common:
            made.common[old] = new
        else:
            made.own.setdefault(run, {})[old] = new
    return NewNumbers(made.common, made.own)


def _own_places(
    run: str, rows: Sequence[tuple[int, bytes]], twins: Mapping[tuple[str, bytes], "deque[int]"]
) -> list[tuple[int, int, str, int]]:
    """Where the rows go that only the run's file has: before the next common row of the run, or at the end."""
    found: list[tuple[int, int, str, int]] = []
    waiting: list[int] = []
    reached = 0
    for number, digest in rows:
        same = twins.get((run, digest))
        if not same:
            waiting.append(number)
            continue
        reached = max(reached, same.popleft())
        found += [(reached, 0, run, own) for own in waiting]
        waiting = []
    return found + [(_LAST, 0, run, own) for own in waiting]

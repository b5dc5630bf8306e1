"""What a storm came to: due times missed, breakages told, told twice, and mended ones given the all-clear. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tests.storm.breakage import Breakage
from tests.storm.ear import Telling


@dataclass
class Report:
    """The promise comes first; the rest says more.

    Attributes:
        missed: times that something due of a healthy client was not done for more than two periods.
        told: breakages of which every receiver was told.
        told_twice: tellings beyond the first of a breakage and receiver, all-clears included.
        strays: tellings about what is not broken.
        mended: breakages that ended during the storm.
        all_clear: those of which every receiver was told that they ended.
        wrong_orders: orders of healthy clients that do not stand as exactly one document in the ERP.
        worst: the longest stretch without it, in periods, by what is due.
    """

    clients: int = 0
    broken: int = 0
    missed: int = 0
    told: int = 0
    told_twice: int = 0
    strays: int = 0
    mended: int = 0
    all_clear: int = 0
    orders: int = 0
    wrong_orders: int = 0
    done: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    told_after_s: dict[str, int] = field(default_factory=dict)

    def problems(self) -> list[str]:
        """What keeps this from being a proof."""
        found = [f"{name} {getattr(self, name)}" for name in _MUST_BE_ZERO if getattr(self, name)]
        if not self.broken or self.told != self.broken:
            found.append(f"{self.told} of {self.broken} breakages were told")
        if self.all_clear != self.mended:
            found.append(f"{self.all_clear} of {self.mended} mended breakages were given the all-clear")
        if not self.done or not all(self.done.values()):
            found.append("nothing was done, so nothing could be missed")
        return found

    def told_of(self) -> dict[str, object]:
        """As the last line says it."""
        return asdict(self)


_MUST_BE_ZERO = ("missed", "told_twice", "strays", "wrong_orders")


def owner(telling: Telling, broken: Mapping[str, Breakage]) -> str | None:
    """The broken client that a telling is about; None: it is about nothing that was broken."""
    if telling.client is not None:
        return telling.client if telling.client in broken else None
    shared = [client for client, how in broken.items() if how.is_shared and telling.kind in how.kinds]
    return shared[0] if shared else None


def count_tellings(
    report: Report,
    tellings: Sequence[Telling],
    broken: Mapping[str, Breakage],
    *,
    receivers: Sequence[str],
    mended: Sequence[str],
) -> None:
    """Add what was told.

    Args:
        tellings: everything that was told since the storm began.
        broken: by client, how it was broken.
        mended: the clients that were mended.
    """
    openings: Counter[tuple[str, str]] = Counter()
    endings: Counter[tuple[str, str]] = Counter()
    fitting: set[tuple[str, str]] = set()
    for telling in tellings:
        client = owner(telling, broken)
        if client is None:
            report.strays += 1
            continue
        key = (client, telling.receiver)
        (openings if telling.is_opening else endings)[key] += 1
        if telling.is_opening and telling.kind in broken[client].kinds:
            fitting.add(key)
    report.told = sum(all((client, receiver) in fitting for receiver in receivers) for client in broken)
    report.told_twice = sum(n - 1 for counted in (openings, endings) for n in counted.values())
    report.mended = len(mended)
    report.all_clear = sum(all(endings[client, receiver] for receiver in receivers) for client in mended)

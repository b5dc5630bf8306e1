"""The rig's default subject: the WooCommerce sandbox in the rig's process, the demo's ERPs, and the shipped connectors between.

Our own database's clock, the workers' and the shop's are moved on together before each worker starts, so that the claims and
leases of the dead, 60 s long as shipped, have run out and earlier orders lie behind the poll's overlap.
"""

from collections import Counter
from decimal import Decimal
from functools import partial
from pathlib import Path

from tests.kills.branch import Branch, environment_of, open_all
from tests.kills.subject import Key, Standing, Subject
from tests.kills.worker import Sweep
from tests.kills.workshop import sweep_shifted

CLIENT = "trial"
BEGIN_S = -90 * 86_400
"""The clocks begin this far in the past, for the shop's must stay behind the real time: its answers bear a real date."""


class ShopSubject(Subject):
    """One client with one shop and two ERPs; every order is split over both."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.folder = folder
        self._branch = Branch(folder / "root", folder / "outside", CLIENT)
        self._database = database
        self._ahead_s = 0

    def __enter__(self) -> "ShopSubject":
        self._branch.__enter__()
        return self

    def __exit__(self, *ending: object) -> None:
        self._branch.__exit__(*ending)

    def create(self) -> None:
        self._branch.create()
        open_all(self.environment(), [self._branch])
        self.advance(0.0)

    def place(self, number: int) -> str:
        return self._branch.place(number)

    def advance(self, ahead_s: float) -> float:
        ahead = BEGIN_S + int(ahead_s)
        self._branch.shop.clock.advance(ahead - self._ahead_s)
        self._ahead_s = ahead
        if ahead >= 0:
            raise RuntimeError("more kills than the clocks have room for")
        return float(ahead)

    def environment(self) -> dict[str, str]:
        found = environment_of(self.folder / "root", self.folder / "home", [self._branch])
        return {**found, "S2S_DATABASE_URL": self._database or ""}

    def sweep(self) -> Sweep:
        return partial(sweep_shifted, self.environment(), CLIENT)

    def totals(self) -> dict[str, Decimal]:
        return self._branch.totals()

    def expected(self) -> list[Standing]:
        return self._branch.expected()

    def documents(self) -> list[Standing]:
        return self._branch.documents()

    def told(self) -> "Counter[Key]":
        return self._branch.told()


def make_subject(folder: Path, database: str | None = None) -> Subject:
    """The rig's default subject."""
    return ShopSubject(folder, database)

"""Runs a storm: brings up world and Dagster, lets life go on, breaks clients one after the other, and looks."""

import itertools
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from s2s_pipelines.demo.dagster_client import DagsterError, DagsterServer, free_port
from tests.storm.breakage import Breakage, Scene
from tests.storm.ear import Ear
from tests.storm.verdict import Report, count_tellings, owner
from tests.storm.watch import Watch
from tests.storm.world import FACTOR, ROOT, Merchant, World

SETTLE_S = 300
"""How long the first cycle of all clients may take, before the storm begins."""

CALM_S = 60
"""After the storm the last orders may take that long to stand; due times are not counted any more."""

ORDER_EVERY_S = 15
BUYERS = 5
"""Healthy clients who get orders during the storm."""

_WORKSPACE = "load_from:\n  - python_module: {{module_name: {module}, location_name: s2s}}\n"
_RELOAD = """
mutation Reload { reloadRepositoryLocation(repositoryLocationName: "s2s") { __typename
  ... on WorkspaceLocationEntry { locationOrLoadError { __typename ... on PythonError { message } } } } }
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How big a storm.

    Attributes:
        minutes: of compressed time.
        ways: in which clients are broken, one client each.
        location: the module that Dagster loads.
    """

    clients: int
    minutes: float
    ways: tuple[Breakage, ...]
    location: str = "s2s_pipelines.definitions"


class Storm:
    """One storm; everything it starts is stopped with the context.

    Args:
        folder: empty; everything is written below it.
    """

    def __init__(self, plan: Plan, folder: Path, say: Say) -> None:
        self.plan, self._folder, self._say = plan, folder, say
        self._open = ExitStack()
        self._is_over = threading.Event()
        self._problems: list[str] = []
        self._begun: dict[str, float] = {}

    def __enter__(self) -> "Storm":
        try:
            self._bring_up()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *ending: object) -> None:
        self._is_over.set()
        self._open.close()

    def _bring_up(self) -> None:
        self.world = self._open.enter_context(World(self._folder / "world", self.plan.clients))
        self.ear = self._open.enter_context(Ear())
        root = self.world.root
        shutil.copy(ROOT / "dagster.yaml", root)
        (root / "workspace.yaml").write_text(_WORKSPACE.format(module=self.plan.location))
        (root / "operations.yaml").write_text(self.ear.declaration())
        self.database_url = f"sqlite:///{self.world.home / 's2s.db'}"
        log = self._folder / "dagster.log"
        self.dagster = DagsterServer(root, self.world.environment, port=free_port(), log=log)
        self.dagster.start()
        self._open.callback(self.dagster.stop)
        self.watch = self._open.enter_context(Watch(self.world.merchants, self.database_url))
        threading.Thread(target=self._deliver, name="suppliers", daemon=True).start()
        # Spread over the fleet, so that no shared run has all of them.
        step = max(1, len(self.world.merchants) // len(self.plan.ways))
        self.broken: dict[str, Breakage] = {}
        for merchant, way in zip(self.world.merchants[::step], self.plan.ways, strict=False):
            self.broken[merchant.name] = way
        self.healthy = [m for m in self.world.merchants if m.name not in self.broken]

    def run(self) -> Report:
        """Let it rage; what came of it."""
        self._settle()
        start, end = time.time(), time.time() + self._real_s(self.plan.minutes)
        mended = self._rage(start, end)
        end = time.time()
        while any(merchant.wrong_documents() for merchant in self.healthy) and time.time() < end + CALM_S:
            time.sleep(1)
        return self._report(start, end, mended)

    def _real_s(self, minutes: float) -> float:
        return minutes * 60 / FACTOR

    def _settle(self) -> None:
        began = time.monotonic()
        while waiting := [m.name for m in self.world.merchants if not self.watch.has_begun(m.name)]:
            if time.monotonic() - began > SETTLE_S:
                raise DagsterError(f"{len(waiting)} clients had no first cycle within {SETTLE_S} s, {waiting[:3]}")
            time.sleep(1)
        self._say(f"{self.plan.clients} clients are published after {time.monotonic() - began:.0f} s; the storm begins")

    def _rage(self, start: float, end: float) -> list[str]:
        """Break and mend at the declared minutes; the clients that were mended."""
        acts: list[tuple[float, str, Merchant, Callable[[Scene], None]]] = []
        for merchant in self.world.merchants:
            way = self.broken.get(merchant.name)
            if way is not None:
                acts.append((way.at, f"{way.name} at {merchant.name}", merchant, way.begin))
            if way is not None and way.until is not None and way.end is not None:
                acts.append((way.until, f"{way.name} at {merchant.name} is mended", merchant, way.end))
        acts.sort(key=lambda act: act[0])
        buyers = itertools.cycle(self.healthy[:BUYERS])
        next_order, last_order = start + 5, end - 20
        mended = [name for name, way in self.broken.items() if way.is_passing]
        while (now := time.time()) < end:
            while acts and start + self._real_s(acts[0][0]) <= now:
                minute, name, merchant, act = acts.pop(0)
                self._say(f"minute {minute:g}: {name}")
                self._in_thread(name, merchant, act)
                self._begun.setdefault(merchant.name, now)
                mended += [merchant.name] if act is self.broken[merchant.name].end else []
            if next_order <= now < last_order:
                next_order += ORDER_EVERY_S
                self._in_thread("an order", next(buyers), lambda scene: scene.merchant.order())
            self._is_over.wait(0.2)
        return mended

    def _in_thread(self, name: str, merchant: Merchant, act: Callable[[Scene], None]) -> None:
        """Nothing that the rig does to one client may hold up what it does to the next."""

        def run() -> None:
            try:
                act(Scene(merchant, self.database_url, self._reload, self._is_over))
            except Exception as error:
                self._problems.append(f"the rig could not do {name}: {type(error).__name__}: {error}")

        threading.Thread(target=run, name=name, daemon=True).start()

    def _reload(self) -> None:
        self.dagster.ask(_RELOAD)

    def _deliver(self) -> None:
        """Suppliers deliver on time, one after the other; every second delivery brings other quantities."""
        from tests.storm.world import DELIVERY_S

        pause = DELIVERY_S * 0.8 / len(self.world.merchants)
        for round_ in itertools.count():
            for merchant in self.world.merchants:
                if self._is_over.wait(pause):
                    return
                if not merchant.is_delivering:
                    continue
                if round_ % 2:
                    merchant.count_again()
                else:
                    merchant.suppliers.deliver(merchant.name, merchant.stock)

    def _report(self, start: float, end: float, mended: Sequence[str]) -> Report:
        names = [merchant.name for merchant in self.healthy]
        report = Report(clients=self.plan.clients, broken=len(self.broken))
        found = self.watch.gaps(names, start=start, end=end)
        report.missed = sum(gap.is_missed for gap in found)
        for gap in found:
            report.worst[gap.what] = max(report.worst.get(gap.what, 0.0), round(gap.periods, 2))
            report.done[gap.what] = report.done.get(gap.what, 0) + 1
        for gap in found[: min(10, report.missed)]:
            self._say(f"missed: {gap.client} {gap.what}, {gap.periods:.1f} periods, {gap.began_at - start:.0f} s on")
        tellings = [telling for telling in self.ear.tellings() if telling.at >= start]
        count_tellings(report, tellings, self.broken, receivers=self.ear.receivers, mended=mended)
        for telling in tellings:
            if telling.receiver == self.ear.receivers[0]:
                word = "told" if telling.is_opening else "all clear"
                minute = (telling.at - start) * FACTOR / 60
                self._say(f"minute {minute:.0f}: {word}: {telling.client or 'all'}: {telling.kind}: {telling.subject}")
        for client, began in self._begun.items():
            first = min((t.at for t in tellings if owner(t, self.broken) == client and t.is_opening), default=None)
            if first is not None:
                report.told_after_s[self.broken[client].name] = round(first - began)
        report.orders = sum(len(merchant.placed) for merchant in self.healthy)
        report.wrong_orders = sum(merchant.wrong_documents() for merchant in self.healthy)
        for problem in self._problems:
            self._say(problem)
        return report

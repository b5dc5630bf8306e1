"""The shipped composition root with wires around the order desk it builds; everything else stays as it is."""

import time
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.connectors.kit.database_order import OrderDesk as OrderTablesDesk
from s2s_pipelines.cycle.order_desk import OrderDesk
from s2s_pipelines.model.order import Receipt
from s2s_pipelines.ports import Clock
from tests.kills.tripwire import BlindSink, Fuse, wired
from tests.kills.worker import Errand

_REAL_TIME = time.time


class ShiftedClock:
    """The real time, some seconds ahead: a worker that starts later than it really does."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self._ahead = timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


class WiredWorkshop(Workshop):
    """Orders pass the fuse."""

    def __init__(
        self, environment: Environment, *, fuse: Fuse | None = None, is_blind: bool = False, clock: Clock | None = None
    ) -> None:
        super().__init__(environment, clock=clock)
        self.fuse, self._is_blind = fuse or Fuse(), is_blind

    def order_desk(self, name: str) -> OrderDesk:
        return wired(super().order_desk(name), self.fuse, blindfold=blindfolded if self._is_blind else None)


def sweep_shifted(environment: Mapping[str, str], client: str, fuse: Fuse, errand: Errand) -> None:
    """Sweeps as Dagster's job makes them, by a worker all of whose clocks are shifted.

    The shop refuses signatures that are a quarter of an hour old, so ``time.time`` is shifted with the workshop's clock.
    """
    time.time = lambda: _REAL_TIME() + errand.ahead_s
    workshop = WiredWorkshop(
        Environment.from_mapping(environment), fuse=fuse, is_blind=errand.is_blind, clock=ShiftedClock(errand.ahead_s)
    )
    results = [workshop.sweep(client, only_orders=None, days=None, poll=True) for _ in range(errand.sweeps)]
    workshop.close()
    errors = [error for result in results for error in result.errors]
    if errors:
        raise RuntimeError("; ".join(f"{e.subject} {e.key}: {e.message}" for e in errors))


class _LooksAtNothing(OrderTablesDesk):
    """The ``sql`` connector's order desk without its own look-ups, which would see a first document before a second one."""

    def find(self, reference: str) -> None:
        return None

    def _receipt(self, connection: Any, reference: str, *, was_found: bool) -> Receipt | None:
        return None if was_found else super()._receipt(connection, reference, was_found=False)

    def _look(self, connection: Any, reference: str) -> list[Any]:
        return sorted(super()._look(connection, reference), key=lambda standing: standing.key)[-1:]


def blindfolded(sink: Any) -> BlindSink:
    """For the control: no look-up by our order desk, and none by the connector either."""
    blind = copy(sink)
    desk = sink._desk
    blind.__dict__["_desk"] = _LooksAtNothing(desk.reading, desk.writing, desk.tables, desk.columns, desk._zone.key)
    return BlindSink(blind)

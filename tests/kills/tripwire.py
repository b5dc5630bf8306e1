"""Wires around the ports of an order desk that kill their own process at a chosen call. No production code knows of them."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from s2s_pipelines.cycle.order_desk import OrderDesk

ENVIRONMENT = "S2S_KILL_FUSE"


@dataclass
class Fuse:
    """Where a worker dies: at the given call of a step, before or after it. Without a step it only writes a trace.

    Attributes:
        step: such as ``ledger.plan``.
        side: ``before`` or ``after``.
        call: 1 and up, counted per step within one worker.
    """

    step: str = ""
    side: str = "before"
    call: int = 1
    trace: list[tuple[str, str, int]] = field(default_factory=list)
    _calls: Counter = field(default_factory=Counter)

    def reach(self, step: str, side: str) -> None:
        """Note that a worker stands before or after a step, and end it if this is where it dies."""
        self._calls[step] += side == "before"
        here = (step, side, self._calls[step])
        self.trace.append(here)
        if here == (self.step, self.side, self.call):
            os.kill(os.getpid(), signal.SIGKILL)

    def to_text(self) -> str:
        """For a worker that is a program of its own: put this into its environment under ``ENVIRONMENT``."""
        return json.dumps({k: v for k, v in asdict(self).items() if k in ("step", "side", "call")})

    @classmethod
    def from_text(cls, text: str) -> "Fuse":
        """What ``to_text`` wrote."""
        return cls(**json.loads(text))


class Wire:
    """A port whose every method passes the fuse before and after."""

    def __init__(self, port: Any, name: str, fuse: Fuse) -> None:
        self._port, self._name, self._fuse = port, name, fuse

    def __getattr__(self, method: str) -> Any:
        target = getattr(self._port, method)
        step = f"{self._name}.{method}"

        def call(*args: Any, **kwargs: Any) -> Any:
            self._fuse.reach(step, "before")
            result = target(*args, **kwargs)
            self._fuse.reach(step, "after")
            return result

        return call


class LeasesWire:
    """Leases whose taking, renewing and letting go pass the fuse."""

    def __init__(self, leases: Any, fuse: Fuse) -> None:
        self._leases, self._fuse = leases, fuse

    def take(self, name: str, holder: str, ttl_s: float) -> AbstractContextManager:
        return self._held(name, holder, ttl_s)

    @contextmanager
    def _held(self, name: str, holder: str, ttl_s: float) -> Iterator[Any]:
        self._fuse.reach("lease.take", "before")
        with self._leases.take(name, holder, ttl_s) as lease:
            self._fuse.reach("lease.take", "after")
            yield _HeldWire(lease, self._fuse)
            self._fuse.reach("lease.end", "before")
        self._fuse.reach("lease.end", "after")


class _HeldWire:
    def __init__(self, lease: Any, fuse: Fuse) -> None:
        self._lease, self._fuse = lease, fuse

    @property
    def fence(self) -> Any:
        return self._lease.fence

    def renew(self) -> None:
        self._fuse.reach("lease.renew", "before")
        self._lease.renew()
        self._fuse.reach("lease.renew", "after")


class BlindSink:
    """A sink that never finds anything: the control that must double."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def find(self, reference: str) -> None:
        return None

    def raise_order(self, document: Any) -> Any:
        return self._sink.raise_order(document)


def wired(desk: OrderDesk, fuse: Fuse, *, is_blind: bool = False) -> OrderDesk:
    """The same desk with wires around every port."""
    sources = {}
    for key, source in desk.sources.items():
        sink = BlindSink(source.sink) if is_blind and source.sink is not None else source.sink
        sources[key] = replace(source, sink=Wire(sink, f"sink_{key}", fuse) if sink is not None else None)
    channels = {k: replace(c, port=Wire(c.port, f"channel_{k}", fuse)) for k, c in desk.channels.items()}
    return replace(
        desk,
        ledger=Wire(desk.ledger, "ledger", fuse),
        leases=LeasesWire(desk.leases, fuse),
        directory=Wire(desk.directory, "directory", fuse),
        channels=channels,
        sources=sources,
    )

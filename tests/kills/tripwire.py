"""Wires around an order desk that kill their own program at a chosen step. No production code knows of them.

A step is a call of a port (``ledger.plan``), and inside of one each request to a shop and each commit of a database, ours and the
ERPs' (``channel_shop.acknowledge/POST``, ``ledger.plan/commit``). Every step is passed twice: before and after.
"""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from s2s_pipelines.cycle.order_desk import OrderDesk

Point = tuple[str, str, int]
"""A step, ``before`` or ``after``, and its how-manieth call within one worker, from 1."""

Blindfold = Callable[[Any], Any]
"""Makes of a sink one that never finds anything."""


@dataclass
class Fuse:
    """Where a worker dies. Without a point it only writes a trace.

    Attributes:
        point: where.
        may_fire: asked at that point; may leave a last word, and says whether to die.
    """

    point: Point | None = None
    may_fire: Callable[[], bool] = lambda: True
    trace: list[Point] = field(default_factory=list)
    _calls: Counter = field(default_factory=Counter)
    _inside: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Pass a step that ends well; one that fails has no "after"."""
        self.reach(name, "before")
        self._inside.append(name)
        try:
            yield
        finally:
            self._inside.pop()
        self.reach(name, "after")

    @contextmanager
    def inner(self, name: str) -> Iterator[None]:
        """Pass a commit or a request, where it belongs to a step; those of other parts of the program are none of ours."""
        if not self._inside:
            yield
            return
        with self.step(f"{self._inside[-1]}/{name}"):
            yield

    def reach(self, step: str, side: str) -> None:
        """Note that a worker stands before or after a step, and end it if this is where it dies."""
        self._calls[step] += side == "before"
        here = (step, side, self._calls[step])
        self.trace.append(here)
        if here == self.point and self.may_fire():
            os.kill(os.getpid(), signal.SIGKILL)


class Wire:
    """A port whose every method passes the fuse before and after."""

    def __init__(self, port: Any, name: str, fuse: Fuse) -> None:
        self._port, self._name, self._fuse = port, name, fuse

    def __getattr__(self, method: str) -> Any:
        target = getattr(self._port, method)
        if not callable(target):
            return target

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._fuse.step(f"{self._name}.{method}"):
                return target(*args, **kwargs)

        return call


class LeasesWire:
    """Leases whose taking, renewing and letting go pass the fuse."""

    def __init__(self, leases: Any, fuse: Fuse) -> None:
        self._leases, self._fuse = leases, fuse

    def take(self, name: str, holder: str, ttl_s: float) -> AbstractContextManager:
        return self._held(name, holder, ttl_s)

    @contextmanager
    def _held(self, name: str, holder: str, ttl_s: float) -> Iterator[Any]:
        context = self._leases.take(name, holder, ttl_s)
        with self._fuse.step("lease.take"):
            lease = context.__enter__()
        try:
            yield Wire(lease, "lease", self._fuse)
        finally:
            with self._fuse.step("lease.end"):
                context.__exit__(None, None, None)


class BlindSink:
    """A sink that never finds anything: the control that must double."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def find(self, reference: str) -> None:
        return None

    def raise_order(self, document: Any) -> Any:
        return self._sink.raise_order(document)


def wired(desk: OrderDesk, fuse: Fuse, *, blindfold: Blindfold | None = None) -> OrderDesk:
    """The same desk with wires around every port, and its sinks blindfolded if that is asked."""
    sources = {}
    for key, source in desk.sources.items():
        sink = blindfold(source.sink) if blindfold and source.sink is not None else source.sink
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


@contextmanager
def wired_libraries(fuse: Fuse) -> Iterator[None]:
    """Let every commit and every request of this program pass the fuse as inner steps, for the length of a ``with``."""
    from requests import Session
    from sqlalchemy.engine.default import DefaultDialect

    send, commit = Session.send, DefaultDialect.do_commit

    def wired_send(session: Any, request: Any, **options: Any) -> Any:
        with fuse.inner(request.method):
            return send(session, request, **options)

    def wired_commit(dialect: Any, connection: Any) -> None:
        with fuse.inner("commit"):
            commit(dialect, connection)

    Session.send, DefaultDialect.do_commit = wired_send, wired_commit
    try:
        yield
    finally:
        Session.send, DefaultDialect.do_commit = send, commit


def as_text(point: Point) -> str:
    """For a worker that is told by a file."""
    return json.dumps(point)


def from_text(text: str) -> Point:
    """What ``as_text`` wrote.

    >>> from_text(as_text(("ledger.plan", "before", 1)))
    ('ledger.plan', 'before', 1)
    """
    step, side, call = json.loads(text)
    return str(step), str(side), int(call)

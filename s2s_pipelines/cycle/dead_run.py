"""Whether a run only seems to run: the process that worked on it is gone, or its number belongs to another process by now.

Dagster's default launcher asks nobody whether a worker still lives. When code server, daemon and worker end at once, as in a
power cut, their runs stay STARTED for ever and keep their places in the queue (observed on Dagster 1.13.27).
"""

from dataclasses import dataclass
from typing import Protocol

CLOCK_TOLERANCE_S = 2.0
"""A process is taken for the one of a launch event when it began at most this long after that event."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works on a run, as it wrote itself down.

    Attributes:
        host: the machine or container, as ``Processes.host`` tells it there.
        pid: its number there.
        began: what tells it from an earlier or later process of the same number.
    """

    host: str
    pid: int
    began: str


@dataclass(frozen=True, slots=True)
class Launch:
    """A process that a code server started for a run and that has not written itself down yet.

    Attributes:
        pid: its number on the code server's host.
        at: when it said so, in seconds since 1970.
        is_here: the code server is one of this host.
    """

    pid: int
    at: float
    is_here: bool


class Processes(Protocol):
    """The processes of this host."""

    @property
    def host(self) -> str:
        """This machine or container."""

    def is_there(self, pid: int) -> bool:
        """Whether a process of that number runs."""

    def began(self, pid: int) -> str | None:
        """What tells it from an earlier or later process of the same number; None where that cannot be told."""

    def began_at(self, pid: int) -> float | None:
        """When it began, in seconds since 1970; None where that cannot be told."""


def why_dead(worker: Worker | None, launch: Launch | None, processes: Processes) -> str | None:
    """Why nobody works on a run any more; None when somebody does, or when it cannot be told from here.

    Args:
        worker: the newest process that wrote itself down; decides where there is one.
        launch: the newest process that a code server started.
        processes: of this host.
    """
    if worker is not None:
        if worker.host != processes.host:
            return None
        return _why_gone(worker.pid, processes, is_other=_is_other(worker, processes))
    if launch is None or not launch.is_here:
        return None
    return _why_gone(launch.pid, processes, is_other=_is_younger(launch, processes))


def _is_other(worker: Worker, processes: Processes) -> bool:
    began = processes.began(worker.pid)
    return began is not None and began != worker.began


def _is_younger(launch: Launch, processes: Processes) -> bool:
    began_at = processes.began_at(launch.pid)
    return began_at is not None and began_at > launch.at + CLOCK_TOLERANCE_S


def _why_gone(pid: int, processes: Processes, *, is_other: bool) -> str | None:
    if not processes.is_there(pid):
        return f"its worker, process {pid} of {processes.host}, is gone"
    if is_other:
        return f"its worker is gone; process {pid} of {processes.host} is another one"
    return None

"""Runs the kills of Dagster's run workers in a process beside the other kills."""

import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from tests.kills import rig


class RunWorkerKills:
    """The kills of Dagster's run workers, beside the others.

    In a process of its own, for its shops and those of the other kills would wait for each other in one.
    """

    def __init__(self, folder: Path, kills: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._answer, sender = context.Pipe(duplex=False)
        self._program = context.Process(target=_kill_run_workers, args=(folder, kills, sender))
        self._program.start()
        sender.close()

    def report(self) -> rig.Report:
        """What it came to; waits for it."""
        try:
            return self._answer.recv()
        except EOFError:
            raise RuntimeError("the kills of run workers broke off; see above") from None

    def stop(self) -> None:
        """Stop Dagster and its shops, wherever they are."""
        self._program.terminate()
        self._program.join()


def _kill_run_workers(folder: Path, kills: int, answer: Connection) -> None:
    from tests.kills.run_worker import kill_run_workers

    signal.signal(signal.SIGTERM, unwind)
    answer.send(kill_run_workers(folder, kills, rig.to_stdout))


def unwind(number: int, frame: object) -> None:
    """End as an exception does, so that whatever was started is stopped."""
    raise SystemExit(128 + number)

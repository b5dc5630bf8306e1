"""A copy of this checkout in which commands of the docs are executed as a reader would type them.

The copy has a ``.venv`` of its own that leads to the packages of the Python that runs the tests, stamped as set up, so that
``make setup`` has nothing to do and nothing is installed anywhere.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv", "var", "build", "logs", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", "*.pyc"
)
_NOT_PASSED_ON = ("S2S_", "DAGSTER_", "PYTEST_", "MAKE", "DEMO_", "VIRTUAL_ENV", "PYTHONPATH")
_VARIABLES_OF_MAKE = {"ONCE", "PORT", "k", "PYTHON", "MFLAGS"}


def _copy_if_there(source: str, target: str) -> None:
    """A file that a test beside this one has just removed is not missed."""
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return


class Checkout:
    """The project's files below a folder, and what is typed there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "checkout"
        shutil.copytree(ROOT, self.path, ignore=_LEFT_BEHIND, copy_function=_copy_if_there, symlinks=True)
        venv = self.path / ".venv"
        venv.mkdir()
        for entry in ("bin", "include", "lib", "lib64", "pyvenv.cfg", "share"):
            if (Path(sys.prefix) / entry).exists():
                (venv / entry).symlink_to(Path(sys.prefix) / entry)
        (venv / ".installed").touch()

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """This program's environment without anything that speaks to our programs, so that only ``more`` does."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_NOT_PASSED_ON) and name not in _VARIABLES_OF_MAKE
        }
        # The package is installed from the checkout that was copied; the copy's own modules come first.
        own = {"PATH": f"{self.path / '.venv/bin'}:{kept.get('PATH', '')}", "PYTHONPATH": str(self.path)}
        return {**kept, **own, "PYTHONUNBUFFERED": "1", **(more or {})}

    def start(self, command: str, log: Path, more: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """A command that goes on until it is stopped; all it prints goes to the log."""
        with log.open("wb") as out:
            return subprocess.Popen(
                shlex.split(command),
                cwd=self.path,
                env=self.environment(more),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(
        self, command: str, *, more: Mapping[str, str] | None = None, timeout_s: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """A command that comes to an end by itself; its output, errors included."""
        log = self.path.parent / "command.log"
        started = self.start(command, log, more)
        try:
            code = started.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{command} was not done after {timeout_s:.0f} s:\n{log.read_text()[-2000:]}"
            ) from None
        finally:
            end(started)
        return subprocess.CompletedProcess(command, code, log.read_text(encoding="utf-8", errors="replace"))


def end(process: "subprocess.Popen[bytes]", number: signal.Signals = signal.SIGTERM, patience_s: float = 20) -> int:
    """Signal a command and its children as a terminal does, wait, and leave nothing of its session behind; its exit code."""
    for sent, patience in ((number, patience_s), (signal.SIGKILL, 20.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    return process.wait(1)


def wait_until(holds: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path, timeout_s: float) -> None:
    """Wait for something that a running command is to do; what it printed is told when it does not."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert process.poll() is None, f"it ended with {process.poll()}:\n{log.read_text()[-3000:]}"
        assert time.monotonic() < deadline, f"not seen within {timeout_s:.0f} s:\n{log.read_text()[-3000:]}"
        time.sleep(0.3)

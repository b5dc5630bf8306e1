"""Runs an act in a process of its own that may be killed in the middle, and looks at what is left from another one."""

import json
import multiprocessing
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.plug.act import ACTS, clear, look
from tests.plug.plug import Plug, plugged

LIMIT_S = 60
KILLED = -9

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.plug.warm"])


def run(what: str, name: str, folder: Path, *, at: int = 0) -> int:
    """Prepare, write, look or clear in a new process; its exit code, or minus the signal that ended it.

    Raises:
        TimeoutError: it neither ended nor died in time.
    """
    process = _CONTEXT.Process(target=_work, args=(what, name, folder, at), daemon=True)
    process.start()
    process.join(LIMIT_S)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"{what} {name} took longer than {LIMIT_S} s")
    return process.exitcode


def must(what: str, name: str, folder: Path) -> Any:
    """The same where nothing may go wrong; what it left in its answer."""
    code = run(what, name, folder)
    assert code == 0, f"{what} {name} ended with {code}"
    answer = folder / "answer.json"
    found = json.loads(answer.read_text()) if answer.exists() else None
    answer.unlink(missing_ok=True)
    return found


def _work(what: str, name: str, folder: Path, at: int) -> None:
    try:
        if what == "prepare":
            ACTS[name].prepare(folder)
        elif what == "look":
            _answer(folder, look(folder))
        elif what == "go on":
            _answer(folder, _gone_on(name, folder))
        else:
            plug = Plug(at)
            with plugged(plug):
                ACTS[name].write(folder)
            _answer(folder, plug.passed)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _gone_on(name: str, folder: Path) -> list[Any]:
    """What is found, what stands when the write is done again, what is loose once all is cleared, and what stands then."""
    found = look(folder)
    ACTS[name].write(folder)
    again = look(folder)
    clear(folder)
    loose = [str(p) for place in ("catalogue", "plans") for p in (folder / place).rglob(".*")]
    return [found, again, loose, look(folder)["standing"]]


def _answer(folder: Path, answer: Any) -> None:
    (folder / "answer.json").write_text(json.dumps(answer))

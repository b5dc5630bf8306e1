"""Ends its own program in the middle of a write. No production code knows of it.

Points are passed before and after each statement and commit of our database, each renaming, deleting and making of files and
folders, before each ``fsync``, and in the middle of each write to a file: half of the bytes are in it then.
"""

import io
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

_CALLS = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir")


@dataclass
class Plug:
    """Pulled at the how-manieth point; 0 never."""

    at: int = 0
    passed: list[str] = field(default_factory=list)

    def reach(self, point: str) -> None:
        """Note a point, and end everything if this is the one."""
        self.passed.append(point)
        if len(self.passed) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class TornFile(io.BufferedWriter):
    """A file that is written to in two halves, with a point between them."""

    def __init__(self, raw: io.FileIO, plug: Plug) -> None:
        super().__init__(raw)
        self._plug = plug

    def write(self, data: Any, /) -> int:
        body = bytes(data)
        super().write(body[: len(body) // 2])
        self.flush()
        self._plug.reach("write")
        super().write(body[len(body) // 2 :])
        return len(body)


@contextmanager
def plugged(plug: Plug) -> Iterator[None]:
    """Lead every write of this program past the plug, for the length of a ``with``."""
    calls = {name: getattr(os, name) for name in _CALLS}
    fsync, opened, commit = os.fsync, io.open, DefaultDialect.do_commit

    def around(name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            plug.reach(f"{name} before")
            done = calls[name](*args, **kwargs)
            plug.reach(f"{name} after")
            return done

        return call

    def plugged_fsync(handle: int) -> None:
        plug.reach("fsync before")
        fsync(handle)

    def plugged_open(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) <= set("wxb") and "b" in mode:
            return TornFile(io.FileIO(file, mode.replace("b", "")), plug)
        return opened(file, mode, *args, **kwargs)

    def plugged_commit(dialect: Any, connection: Any) -> None:
        plug.reach("commit before")
        commit(dialect, connection)
        plug.reach("commit after")

    def statement(*args: Any) -> None:
        plug.reach(f"statement {str(args[2]).split(None, 1)[0].upper()}")

    for name in _CALLS:
        setattr(os, name, around(name))
    os.fsync, io.open, DefaultDialect.do_commit = plugged_fsync, plugged_open, plugged_commit
    sa.event.listen(sa.Engine, "before_cursor_execute", statement)
    try:
        yield
    finally:
        for name, call in calls.items():
            setattr(os, name, call)
        os.fsync, io.open, DefaultDialect.do_commit = fsync, opened, commit
        sa.event.remove(sa.Engine, "before_cursor_execute", statement)

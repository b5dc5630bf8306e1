"""The processes of this host: which of them is which, and whether one still runs."""

import hashlib
import os
import re
import socket
from pathlib import Path

_PROC = Path("/proc")
_SIGNATURE = re.compile(r"(?P<host>.+):(?P<pid>\d+)@[0-9a-f]{8}")


class LocalProcesses:
    """What the kernel says. Where ``/proc`` is not, only whether there is a process of a number can be told."""

    @property
    def host(self) -> str:
        """The host's name, with the machine's id where it has one. Give containers names of their own that they keep."""
        try:
            machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()[:8]
        except (OSError, UnicodeDecodeError):
            machine = ""
        return f"{socket.gethostname()}/{machine}" if machine else socket.gethostname()

    def is_there(self, pid: int) -> bool:
        """Whether a process of that number runs; one that ended and was not collected does not."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True  # somebody else's
        fields = _stat(pid)
        return fields is None or fields[0] not in ("Z", "X")

    def began(self, pid: int) -> str | None:
        """Which boot of the machine, and the tick at which the process began."""
        fields = _stat(pid)
        if fields is None:
            return None
        return f"{(_PROC / 'sys/kernel/random/boot_id').read_text().strip()}:{fields[19]}"

    def began_at(self, pid: int) -> float | None:
        """When it began, in seconds since 1970, as the kernel counts."""
        fields = _stat(pid)
        if fields is None:
            return None
        booted = next(line for line in (_PROC / "stat").read_text().splitlines() if line.startswith("btime "))
        return int(booted.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")

    def signature(self) -> str:
        """This very process in one word: for people, and for ``has_ended``."""
        return self._signature(os.getpid())

    def has_ended(self, signature: str) -> bool:
        """Whether the process that wrote its ``signature`` was one of this host and runs no more.

        False for anything that is not certain.
        """
        found = _SIGNATURE.fullmatch(signature)
        if found is None or found["host"] != self.host:
            return False
        pid = int(found["pid"])
        return not self.is_there(pid) or (self.began(pid) is not None and self._signature(pid) != signature)

    def _signature(self, pid: int) -> str:
        began = hashlib.sha256((self.began(pid) or "").encode()).hexdigest()[:8]
        return f"{self.host}:{pid}@{began}"


def _stat(pid: int) -> list[str] | None:
    """The fields of proc(5) ``/proc/<pid>/stat`` from the third on: the name before them may hold blanks and brackets."""
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None

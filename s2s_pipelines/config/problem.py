"""What is wrong with a declaration: where, what was probably meant, and how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a declaration, in words an operator can act on.

    Texts never repeat a value of a connection, which might be a secret.

    Attributes:
        file: path of the file or folder relative to the root, with forward slashes.
        line: line of the key or row concerned, 1 and up; 0 when the fault is the file's as a whole.
        path: the place inside the file, such as ``sources.erp.feeds``; empty for the whole file.
        message: what is wrong, one sentence without a full stop.
        near_miss: the known name that comes closest to the one written, or None.
        fix: what to do about it.
        severity: an error keeps the client from loading, a warning does not.
    """

    file: str
    line: int
    path: str
    message: str
    near_miss: str | None = None
    fix: str = ""
    severity: Severity = "error"

    def text(self) -> str:
        """The problem as people read it, in ``s2s check`` and in the UI alike: two to four lines.

        >>> print(Problem("resources/karoo.yaml", 3, "connections.erp.kind", "no such kind", "sql", "choose one").text())
        resources/karoo.yaml:3: connections.erp.kind
          error: no such kind
          near miss: sql
          fix: choose one
        """
        place = f"{self.file}:{self.line}" if self.line else self.file
        lines = [f"{place}: {self.path}" if self.path else place, f"  {self.severity}: {self.message}"]
        if self.near_miss:
            lines.append(f"  near miss: {self.near_miss}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


MOST = 100
"""Problems told of one client; whoever has more mends these first."""


def sorted_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by file, line and path, each one once; of very many the first, errors before warnings."""
    ordered = sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, p.path, p.message))
    if len(ordered) <= MOST:
        return tuple(ordered)
    kept = set(sorted(ordered, key=lambda p: p.severity)[:MOST])
    told = [p for p in ordered if p in kept]
    more = len(ordered) - MOST
    return (*told, Problem(told[-1].file, 0, "", f"{more} more problems are not shown", None, "mend these first"))


def has_error(problems: Iterable[Problem]) -> bool:
    """Whether any of them keeps the client from loading."""
    return any(p.severity == "error" for p in problems)

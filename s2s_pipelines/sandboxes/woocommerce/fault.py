"""Faults on demand: what goes wrong, on which requests, how often.

Shapes are those of WooCommerce recordings 93 to 96 and 98; 429 is what hosts put in front of a shop (no recording).
"""

from __future__ import annotations

import fnmatch
import itertools
import threading
from dataclasses import asdict, dataclass, field, replace

from .wire import CRITICAL_MESSAGE, Json

KINDS = {
    "rate_limit": "429 with Retry-After, nothing done",
    "fatal": "500 as PHP dies: JSON for a caller who speaks JSON, a page otherwise, nothing done",
    "error_json": "500 as JSON, nothing done",
    "error_html": "500 as a web page, nothing done",
    "database_down": "500 database error page, nothing done",
    "maintenance": "503 page with Retry-After, nothing done",
    "forbidden": "403 of a security plugin, nothing done",
    "delay": "waits, then does it and answers",
    "timeout_before": "waits, then closes without having done anything",
    "timeout_after": "does it, waits, then closes without an answer",
    "reset_before": "resets the connection, nothing done",
    "reset_after": "does it, then resets the connection",
    "truncated": "does it, answers half of the JSON",
    "polluted": "does it, answers a byte order mark and a PHP warning before the JSON",
}


@dataclass(frozen=True)
class Fault:
    """One armed fault.

    Attributes:
        kind: a key of :data:`KINDS`.
        times: how many matching requests it hits; None for all until cleared.
        skip: matching requests let through first.
        method: HTTP method, or ``write`` for everything but GET, or empty for any.
        path: shell pattern on the route, e.g. ``/wc/v3/orders*``; empty for any.
        stall_s: seconds to wait for the kinds that wait.
        retry_after_s: Retry-After of 429 and 503.
        cuts_connection: for ``truncated``: announce the whole length and hang up half-way.
    """

    kind: str
    times: int | None = 1
    skip: int = 0
    method: str = ""
    path: str = ""
    stall_s: float = 5.0
    retry_after_s: int = 1
    cuts_connection: bool = False
    number: int = field(default=0)

    def matches(self, method: str, route: str) -> bool:
        """Whether a request is one this fault may hit."""
        if self.method == "write":
            if method in ("GET", "HEAD", "OPTIONS"):
                return False
        elif self.method and self.method.upper() != method:
            return False
        return not self.path or fnmatch.fnmatchcase(route, self.path)


class FaultBoard:
    """The armed faults, in the order they were armed; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)

    def arm(self, fault: Fault) -> int:
        """Arm a fault and return its number.

        Raises:
            ValueError: unknown kind or a count below one.
        """
        if fault.kind not in KINDS:
            raise ValueError(f"unknown fault {fault.kind!r}; known: {', '.join(KINDS)}")
        if fault.times is not None and fault.times < 1:
            raise ValueError("times must be at least 1, or null for all")
        with self._lock:
            armed = replace(fault, number=next(self._numbers))
            self._faults.append(armed)
            return armed.number

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._faults.clear()

    def listing(self) -> list[Json]:
        """The armed faults."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def draw(self, method: str, route: str) -> Fault | None:
        """The fault that hits this request, counted down; None when it goes through."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if not fault.matches(method, route):
                    continue
                if fault.skip:
                    self._faults[place] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.times == 1:
                    del self._faults[place]
                elif fault.times is not None:
                    self._faults[place] = replace(fault, times=fault.times - 1)
                return fault
        return None


def page(title: str, text: str) -> str:
    """A WordPress error page, without its decoration."""
    return (
        f'<!DOCTYPE html>\n<html lang="en-US">\n<head>\n\t<meta charset="UTF-8">\n\t<title>{title}</title>\n</head>\n'
        f'<body id="error-page">\n\t<div class="wp-die-message">{text}</div>\n</body>\n</html>\n'
    )


FATAL_PAGE = page("WordPress &rsaquo; Error", CRITICAL_MESSAGE)
DATABASE_PAGE = page("Database Error", "<h1>Error establishing a database connection</h1>")
MAINTENANCE_PAGE = page("Maintenance", "Briefly unavailable for scheduled maintenance. Check back in a minute.")
RATE_PAGE = page("429 Too Many Requests", "<h1>Too Many Requests</h1>")
FATAL_BODY: Json = {
    "code": "internal_server_error",
    "message": CRITICAL_MESSAGE,
    "data": {"status": 500},
    "additional_errors": [],
}
FORBIDDEN_BODY: Json = {
    "code": "rest_disabled",
    "message": "REST API restricted to authenticated users.",
    "data": {"status": 403},
}
POLLUTION = "\ufeff<br />\n<b>Warning</b>:  Undefined variable $x in <b>plugin.php</b> on line <b>1</b><br />\n"

"""The suppliers' web server: one stock file for each client, an access log, and two ways of not delivering."""

import asyncio
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Literal

from s2s_pipelines.sandboxes.serving import LocalServer

Manner = Literal["delivers", "gone", "hangs", "dawdles"]

DAWDLE_S = 20.0
"""How long a supplier who dawdles takes for an answer, which is a good one."""


@dataclass
class Shelf:
    """What stands for one client, and who fetched it when.

    Attributes:
        stamped_at: the file's own stamp, in seconds since 1970.
        fetched_at: every complete answer, in seconds since 1970.
        asked_at: every request, answered or not.
    """

    body: bytes = b""
    stamped_at: float = 0.0
    manner: Manner = "delivers"
    fetched_at: list[float] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)


class Suppliers(LocalServer):
    """Serves ``/<client>/stock.csv``."""

    def __init__(self) -> None:
        self.shelves: dict[str, Shelf] = defaultdict(Shelf)
        self._lock = threading.Lock()

        async def app(scope, receive, send):
            await self._answer(scope, receive, send)

        super().__init__(app)

    def deliver(self, client: str, stock: dict[str, int]) -> None:
        """Put a new file where the old one was."""
        lines = ["sku,units", *(f"{sku},{units}" for sku, units in stock.items())]
        with self._lock:
            shelf = self.shelves[client]
            shelf.body, shelf.stamped_at = "\n".join([*lines, ""]).encode(), time.time()

    async def _answer(self, scope, receive, send) -> None:
        client = scope["path"].strip("/").partition("/")[0]
        shelf = self.shelves[client]
        shelf.asked_at.append(time.time())
        if shelf.manner == "hangs":
            # Until the other side gives up, which ends this task's connection.
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if shelf.manner == "dawdles":
            await asyncio.sleep(DAWDLE_S)
        with self._lock:
            body, stamp, is_there = shelf.body, shelf.stamped_at, shelf.manner != "gone"
        headers = [(b"content-type", b"text/csv"), (b"last-modified", formatdate(stamp, usegmt=True).encode())]
        body = body if is_there else b"not here"
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": 200 if is_there else 404, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        if is_there and scope["method"] == "GET":
            shelf.fetched_at.append(time.time())

"""Batches of writes with an answer for each item.

Facts: WooCommerce recordings 18, 29 to 31, 94 (version 10.0.2). Status 200 never means that all was stored: each list answers
in the order it was sent, failed items as ``{id, error}`` with an id of many shapes. More items than the shop allows are 413 and
nothing is stored. One item that breaks the shop's program takes the whole batch with it as status 500, so such a batch is
halved until the item stands alone; what was created meanwhile is looked up first, never sent again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from s2s_pipelines.connectors.channels.woocommerce.api import WooApi, error_code, error_words
from s2s_pipelines.connectors.kit.http_error import BrokenAnswerError
from s2s_pipelines.errors import (
    AccessError,
    ConfigurationError,
    RejectedError,
    S2SError,
    TransientError,
    UncertainOutcomeError,
)

Verb = Literal["create", "update", "delete"]
Item = Mapping[str, Any]
FindCreated = Callable[[Sequence[str]], Mapping[str, Item]]
"""Finds by sku what a batch of unknown outcome created."""

_NO_SHOP = (TransientError, AccessError, ConfigurationError)
_MOST_SILENCES = 2
_MOST_FAILURES = 60


@dataclass(frozen=True, slots=True)
class Write:
    """One item of a batch.

    Attributes:
        body: with ``id`` for update and delete.
        sku: what a created item can be found by.
    """

    verb: Verb
    body: dict[str, Any]
    sku: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one item.

    Attributes:
        item: as stored, when it was.
        code: the shop's error code, when it was refused.
        resource_id: the item that stands in the way, when the shop names it.
        error: why the whole batch has no answer.
        was_found: the item was not answered but found afterwards.
    """

    item: Item | None = None
    code: str = ""
    message: str = ""
    resource_id: int | None = None
    error: S2SError | None = None
    was_found: bool = False


class BatchSender:
    """Sends batches during one push, and stops sending when the line is down.

    Args:
        size: items of a batch at most.
        find_created: see `FindCreated`.
    """

    def __init__(self, api: WooApi, size: int, find_created: FindCreated) -> None:
        self._api = api
        self._size = size
        self._find_created = find_created
        self._down: S2SError | None = None
        self._silences = 0
        self._failures = 0
        self.has_written = False

    def send(self, path: str, writes: Sequence[Write]) -> list[Reply]:
        """One reply for each write, in order.

        Raises:
            S2SError: the shop cannot be used, and nothing was written so far in this push.
        """
        replies: list[Reply] = []
        for at in range(0, len(writes), self._size):
            replies += self._send(path, writes[at : at + self._size])
        return replies

    def guard(self, error: S2SError) -> S2SError:
        """Hand the error back; if the shop as a whole cannot be used, send nothing more.

        Raises:
            S2SError: the same, when the shop cannot be used and nothing was written yet.
        """
        if isinstance(error, _NO_SHOP):
            if not self.has_written:
                raise error
            self._down = self._down or error
        return error

    def _send(self, path: str, writes: Sequence[Write]) -> list[Reply]:
        if self._down is not None:
            return [Reply(error=self._down)] * len(writes)
        try:
            answer = self._api.write("POST", f"{path}/batch", _body(writes), operation="push")
        except RejectedError as error:
            if error.reason != "too_large" or len(writes) == 1:
                return [Reply(error=error)] * len(writes)
            self._size = max(1, len(writes) // 2)
            return self._halved(path, writes)
        except _NO_SHOP as error:
            return [Reply(error=self.guard(error))] * len(writes)
        except UncertainOutcomeError as error:
            self.has_written = True
            return self._unknown(path, writes, error)
        if answer.status >= 400:
            code, words = error_code(answer.json), self._api.clean(error_words(answer.json))
            return [Reply(code=code or "refused", message=words)] * len(writes)
        self.has_written = True
        return self._read(writes, answer.json)

    def _halved(self, path: str, writes: Sequence[Write]) -> list[Reply]:
        middle = len(writes) // 2
        return self._send(path, writes[:middle]) + self._send(path, writes[middle:])

    def _unknown(self, path: str, writes: Sequence[Write], error: UncertainOutcomeError) -> list[Reply]:
        """Look up what was created. If the shop answered at all, send the rest in halves; if it was silent, leave it."""
        replies: dict[int, Reply] = {}
        try:
            found = self._find_created([w.sku for w in writes if w.verb == "create" and w.sku])
        except _NO_SHOP as failed:
            self._down = failed
            return [Reply(error=error)] * len(writes)
        for at, write in enumerate(writes):
            if write.verb == "create" and write.sku in found:
                replies[at] = Reply(item=found[write.sku], was_found=True)
        left = [at for at in range(len(writes)) if at not in replies]
        self._count(error)
        if isinstance(error, BrokenAnswerError) and len(writes) > 1:
            rest = [writes[at] for at in left]
            again = self._halved(path, rest) if len(rest) > 1 else self._send_all(path, rest)
            replies.update(zip(left, again, strict=True))
        else:
            replies.update((at, Reply(error=error)) for at in left)
        return [replies[at] for at in range(len(writes))]

    def _send_all(self, path: str, writes: Sequence[Write]) -> list[Reply]:
        return self._send(path, writes) if writes else []

    def _count(self, error: UncertainOutcomeError) -> None:
        """After two silences or many failures the shop is left alone for this push."""
        if isinstance(error, BrokenAnswerError):
            self._failures += 1
        else:
            self._silences += 1
        if self._silences >= _MOST_SILENCES or self._failures >= _MOST_FAILURES:
            self._down = TransientError(error.message, next_step="try again later").located(
                client=error.client, connection=error.connection, operation=error.operation
            )

    def _read(self, writes: Sequence[Write], answer: Any) -> list[Reply]:
        lists: dict[str, list[Any]] = {verb: [] for verb in ("create", "update", "delete")}
        if isinstance(answer, dict):
            lists.update((verb, list(answer.get(verb) or ())) for verb in lists)
        unclear = UncertainOutcomeError("the shop did not answer for every item", next_step="look up what became of it")
        if any(len(lists[verb]) != sum(w.verb == verb for w in writes) for verb in lists):
            return [Reply(error=unclear)] * len(writes)
        waiting = {verb: iter(items) for verb, items in lists.items()}
        return [self._reply(write, next(waiting[write.verb])) for write in writes]

    def _reply(self, write: Write, item: Any) -> Reply:
        error = item.get("error")
        if error is None:
            is_same = write.verb == "create" or str(item.get("id")) == str(write.body["id"])
            if is_same and item.get("id"):
                return Reply(item=item)
            return Reply(error=UncertainOutcomeError("the shop answered for another item", next_step="look it up"))
        data = error.get("data")
        resource = data.get("resource_id") if isinstance(data, dict) else None
        return Reply(
            code=str(error.get("code") or "refused"),
            message=self._api.clean(error_words(error)),
            resource_id=int(resource) if resource else None,
        )


def _body(writes: Sequence[Write]) -> dict[str, list[Any]]:
    body: dict[str, list[Any]] = {}
    for write in writes:
        body.setdefault(write.verb, []).append(write.body["id"] if write.verb == "delete" else write.body)
    return body

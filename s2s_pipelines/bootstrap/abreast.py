"""Works on many things side by side, in threads of this process: what hangs or breaks holds up no other."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

MOST_AT_ONCE = 32
"""Things in hand at most, those that take long included."""

_LOOK_S = 0.5

T = TypeVar("T")


class Outcome(NamedTuple, Generic[T]):
    """What came of one thing: a value, or the error that it broke off with."""

    name: str
    value: T | None
    error: BaseException | None


def abreast(
    work: Callable[[str], T], names: Sequence[str], *, count: int, patience_s: float, is_leaving: bool = False
) -> Iterator[Outcome[T]]:
    """Do the work for every name and hand out each outcome as it comes.

    What has taken longer than ``patience_s`` no longer counts among the ``count`` that go on side by side: it waits for somebody
    outside, and another one takes its place. Whoever stops listening stops the rest from being begun.

    Args:
        work: called in a thread of its own for each name.
        names: in the order in which they are begun.
        count: how many go on side by side; work that computes gains nothing from more than a few.
        patience_s: see above.
        is_leaving: nobody waits for what has taken longer: it is handed out as a ``TimeoutError``, and goes on by itself.
    """
    outcomes: queue.SimpleQueue[Outcome[T]] = queue.SimpleQueue()

    def run(name: str) -> None:
        try:
            outcomes.put(Outcome(name, work(name), None))
        except BaseException as error:  # noqa: BLE001 - handed on to whoever listens; nobody else would hear of it
            outcomes.put(Outcome(name, None, error))

    waiting = deque(names)
    begun: dict[str, float] = {}
    while waiting or begun:
        now = time.monotonic()
        for name in [name for name, at in begun.items() if is_leaving and now - at >= patience_s]:
            del begun[name]
            yield Outcome(name, None, TimeoutError())
        brisk = sum(now - at < patience_s for at in begun.values())
        while waiting and brisk < count and len(begun) < MOST_AT_ONCE:
            name = waiting.popleft()
            begun[name] = now
            brisk += 1
            # Daemons: what hangs must not keep a process that is told to stop.
            threading.Thread(target=run, args=(name,), name=f"abreast {name}", daemon=True).start()
        try:
            outcome = outcomes.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        if begun.pop(outcome.name, None) is not None:
            yield outcome

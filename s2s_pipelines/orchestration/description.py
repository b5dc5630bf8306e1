"""A code server's description of its assets, made once for all who ask.

Webserver and daemon both ask for it when they find a code server, at the same moment, and Dagster (1.13) makes it anew for
each: of a thousand clients that is five seconds and a hundred megabytes twice over, in one process. What is made depends on the
definitions alone, which do not change while they are loaded; asked again within ``KEPT_S``, the same answer is given.

The methods are none of Dagster's public ones: where they are not found, everything is as shipped, and only takes longer.
"""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KEPT_S = 60.0
"""An answer is let go of after that long: it takes room, and only those who start together ask together."""

_SERVER = "dagster._grpc.server"
_METHODS = ("_get_serialized_external_repository_data", "ExternalJob")


def describe_once() -> None:
    """Let the code server of this process, if it is one, answer everybody from one description."""
    server = getattr(sys.modules.get(_SERVER), "DagsterApiServer", None)
    for name in _METHODS:
        made = getattr(server, name, None)
        if made is not None and not isinstance(getattr(made, "answers", None), Answers):
            setattr(server, name, Answers(made).method())


@dataclass
class Answers:
    """The answers of one method: of which definitions, and what, by server and the words of the request."""

    make: Callable[..., Any]
    known: dict[tuple[int, bytes], tuple[Any, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def method(self) -> Callable[..., Any]:
        """What stands in for the method."""

        def answered(server: Any, request: Any, *context: Any) -> Any:
            return self.of(server, request, *context)

        answered.answers = self  # type: ignore[attr-defined] # by which it is known not to be wrapped twice
        return answered

    def of(self, server: Any, request: Any, *context: Any) -> Any:
        """The answer to a request; who asks while it is made waits for it."""
        loaded, key = getattr(server, "_loaded_repositories", None), (id(server), request.SerializeToString())
        with self.lock:
            of, answer = self.known.get(key, (None, None))
            if answer is None or of is not loaded:
                answer = self.make(server, request, *context)
                self.known[key] = loaded, answer
                letting_go = threading.Timer(KEPT_S, self.known.pop, (key, None))
                letting_go.daemon = True
                letting_go.start()
            return answer

"""Which clients a code server serves, where several share one installation: ``S2S_SHARD=2/4``.

A client belongs to the share that its name says, so that adding or removing one moves no other. Every share but one looks after
its own clients only; the first also after what concerns all: the asset ``fleet``, alerts, housekeeping.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from s2s_pipelines.errors import ConfigurationError

_WRITTEN = re.compile(r"([1-9][0-9]{0,2})/([1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class Share:
    """One of several equal shares of all clients, by number from 1."""

    number: int = 1
    of: int = 1

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str]) -> "Share":
        """Read ``S2S_SHARD``; everything where it is not set.

        Raises:
            ConfigurationError: it is not a share such as ``2/4``.

        >>> Share.from_mapping({"S2S_SHARD": "2/4"})
        Share(number=2, of=4)
        >>> Share.from_mapping({}).is_all
        True
        """
        text = environ.get("S2S_SHARD", "").strip()
        if not text:
            return cls()
        found = _WRITTEN.fullmatch(text)
        if found is None or int(found[1]) > int(found[2]):
            raise ConfigurationError(
                f"S2S_SHARD is {text[:40]!r}, which is no share of the clients",
                operation="read the environment",
                next_step="write it as 2/4: the second of four; each number once, on a code server of its own",
            )
        return cls(int(found[1]), int(found[2]))

    @property
    def is_all(self) -> bool:
        """Whether there is no other code server."""
        return self.of == 1

    @property
    def is_first(self) -> bool:
        """Whether what concerns all clients is looked after here."""
        return self.number == 1

    def holds(self, client: str) -> bool:
        """Whether a client belongs to this share."""
        return int.from_bytes(hashlib.sha256(client.encode()).digest()[:8], "big") % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

"""Something that is wrong now: what, whose, since when, and what to do about it.

A cause has a key that stays the same for as long as the same thing is wrong, whatever its message says meanwhile; people are
told of a key once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Severity = Literal["error", "warning"]
_KEY_LENGTH = 250
_MESSAGE_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which things go wrong.

    Attributes:
        severity: of an ``error`` people are told at once, of a ``warning`` in the digest.
        label: in a few words, for people.
        is_by_age: it says that something has not happened for too long, as is the case for a while after a standstill.
    """

    severity: Severity
    label: str
    is_by_age: bool = False


KINDS: Mapping[str, Kind] = {
    "broken_declaration": Kind("error", "a client's declarations do not load"),
    "unreadable_source": Kind("error", "a source refuses us, does not answer, or answers what cannot be read"),
    "stale_feed": Kind("error", "what stands of a feed is older than declared", is_by_age=True),
    "overdue_source": Kind("error", "a supplier is overdue with its next delivery"),
    "stale_catalogue": Kind("error", "a catalogue is not made anew from what was read", is_by_age=True),
    "two_owners": Kind("error", "two primary sources offer the same sku"),
    "breaker": Kind("error", "a breaker stopped a plan"),
    "awaiting_approval": Kind("error", "a first plan waits to be approved"),
    "stopped_push": Kind("error", "a channel could not be used while a plan was pushed"),
    "unpushed_plan": Kind("error", "a plan waits to be pushed", is_by_age=True),
    "failed_items": Kind("error", "a channel does not take some items"),
    "unpolled_channel": Kind("error", "a channel cannot be asked for orders"),
    "silent_channel": Kind("error", "a channel has had no order for longer than declared", is_by_age=True),
    "held_orders": Kind("error", "orders wait for a person"),
    "waiting_orders": Kind("error", "orders are not getting on", is_by_age=True),
    "odd_orders": Kind("error", "orders that nobody understands"),
    "failed_run": Kind("error", "a run failed"),
    "killed_worker": Kind("error", "the worker of a run died"),
    "failed_tick": Kind("error", "a sensor or schedule failed"),
    "failed_receiver": Kind("error", "a receiver of alerts cannot be reached"),
    "rejected_rows": Kind("warning", "rows were rejected"),
    "late_source": Kind("warning", "a supplier is late, within its grace"),
    "unread_feed": Kind("warning", "a feed was never read", is_by_age=True),
}
"""Every kind of cause."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is wrong.

    Attributes:
        kind: a key of ``KINDS``.
        names: what makes it this cause and no other: client, then source, channel, reason and the like.
        client: whose; None where no client is concerned.
        subject: what is wrong, in a few words, without the client.
        message: one or two sentences; no secret, no person's details.
        remedy: what a person can do.
        path: the page of the UI to look at, below ``ui_url``.
        since: since when, if that is known.
    """

    kind: str
    names: tuple[str, ...]
    client: str | None
    subject: str
    message: str
    remedy: str
    path: str
    since: datetime | None = None

    @property
    def key(self) -> str:
        """The same for as long as the same thing is wrong.

        >>> Cause("breaker", ("karoo_outdoor", "shop"), "karoo_outdoor", "", "", "", "").key
        'breaker/karoo_outdoor/shop'
        """
        return "/".join((self.kind, *self.names))[:_KEY_LENGTH]

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return KINDS[self.kind].severity


def shortened(text: str, length: int = _MESSAGE_LENGTH) -> str:
    """The text on one line, cut where it is too long.

    >>> shortened("one   two three", 8)
    'one two…'
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 1].rstrip() + "…"

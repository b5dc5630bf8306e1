"""Work that a person stopped for a while, and the rule of what a pause stops. A pause names its end, and ends by itself then."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Scope = Literal["all", "source", "channel", "orders", "pushes"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Activity = Literal["read", "plan", "push", "orders"]

EVERYONE = "*"
"""In place of a client's key: every client."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Work of one client, or of all, that a person stopped until a moment.

    Attributes:
        client: a client's key, or ``*`` for every client.
        scope: what is stopped; see ``stopping``.
        target: the source or channel that is named; None for the other scopes.
        until: when it ends by itself.
        why: the reason, as the person gave it.
        by: who paused it.
    """

    id: int
    client: str
    scope: Scope
    target: str | None
    until: datetime
    why: str
    by: str
    created_at: datetime

    @property
    def what(self) -> str:
        """What it stops, for people.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
        >>> Pause(1, "karoo_outdoor", "source", "erp", noon, "stock take", "ops", noon).what
        'source erp of karoo_outdoor'
        >>> Pause(1, "*", "all", None, noon, "the network is moved", "ops", noon).what
        'everything of every client'
        """
        whose = "every client" if self.client == EVERYONE else self.client
        named = f"{self.scope} {self.target}" if self.target else {"all": "everything"}.get(self.scope, self.scope)
        return f"{named} of {whose}"

    @property
    def remedy(self) -> str:
        """How it ends before its time, or after it."""
        return "wait until then, or resume it: job resume, or s2s resume"

    @property
    def message(self) -> str:
        """What is paused, until when, by whom and why.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
        >>> Pause(1, "karoo_outdoor", "pushes", None, noon, "new prices", "ops", noon).message
        'pushes of karoo_outdoor paused until 2026-11-21 12:00 UTC by ops: new prices'
        """
        return f"{self.what} paused until {self.until:%Y-%m-%d %H:%M} UTC by {self.by}: {self.why}"


def concerning(pauses: Iterable[Pause], client: str) -> tuple[Pause, ...]:
    """Those of one client, and those of every client."""
    return tuple(pause for pause in pauses if pause.client in (client, EVERYONE))


def stopping(
    pauses: Iterable[Pause],
    *,
    client: str,
    activity: Activity,
    now: datetime,
    source: str | None = None,
    channel: str | None = None,
) -> Pause | None:
    """The pause that stops an activity now; of several the one that ends last, None when nothing stops it.

    ``all`` stops everything of a client. ``source`` stops reading that source and raising documents in it. ``channel`` stops
    planning for that channel, pushing to it, asking it for orders and telling it about them. ``orders`` stops asking,
    raising and telling. ``pushes`` stops pushes; plans are still made.

    Args:
        pauses: those known, of any client.
        client: whose work it is.
        activity: what is about to be done.
        now: aware.
        source: the source that is read, or that a document is to be raised in.
        channel: the channel that is planned, pushed to, asked or told.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> live = [Pause(1, "karoo_outdoor", "source", "erp", noon, "stock take", "ops", noon - timedelta(hours=1))]
    >>> before = noon - timedelta(minutes=1)
    >>> stopping(live, client="karoo_outdoor", activity="read", source="erp", now=before) is live[0]
    True
    >>> stopping(live, client="karoo_outdoor", activity="read", source="prices", now=before) is None
    True
    >>> stopping(live, client="karoo_outdoor", activity="read", source="erp", now=noon) is None
    True
    """
    found = [
        pause for pause in concerning(pauses, client) if now < pause.until and _stops(pause, activity, source, channel)
    ]
    return max(found, key=lambda pause: pause.until, default=None)


def _stops(pause: Pause, activity: Activity, source: str | None, channel: str | None) -> bool:
    if pause.scope == "all":
        return True
    if pause.scope == "pushes":
        return activity == "push"
    if pause.scope == "orders":
        return activity == "orders"
    if pause.scope == "source":
        return activity in ("read", "orders") and source is not None and source == pause.target
    return activity in ("plan", "push", "orders") and channel is not None and channel == pause.target

"""Whom to tell what: causes that hold now, against alerts that were opened before. Pure; the clock is handed in.

- A cause opens an alert, and each receiver is told of it once, however long it lasts and whatever is restarted meanwhile.
- It closes when the cause has been gone for a few minutes; whoever was told gets an all-clear.
- More new causes than ``most_at_once`` in a quarter of an hour come as one summary.
- Warnings, and everything that is still wrong, come in the daily digest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from s2s_pipelines.cycle.cause import KINDS, Cause

Event = Literal["opened", "summary", "all_clear", "digest", "trial"]
Told = Mapping[str, Mapping[str, str]]
"""By receiver: ``opened``, ``summary``, ``closed``, ``digest``, each with its moment in ISO 8601."""

CLEAR_AFTER = timedelta(minutes=3)
"""A cause that is gone for that long is over; one that comes and goes is told once."""

SPELL = timedelta(minutes=15)
"""The time in which no more than ``most_at_once`` causes are told one by one."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A cause that people are told of.

    Attributes:
        cause: the key of the cause.
        path: the page of the UI, below ``ui_url``.
        seen_at: when it was last found to be so.
        closed_at: when it was over; None while it lasts.
        told: what each receiver was told of it, and when.
    """

    id: int
    cause: str
    kind: str
    client: str | None
    subject: str
    message: str
    remedy: str
    path: str
    opened_at: datetime
    seen_at: datetime
    closed_at: datetime | None = None
    told: Told = field(default_factory=dict)

    @property
    def is_urgent(self) -> bool:
        """Whether people are told at once; a kind that this program does not know any more is."""
        return self.kind not in KINDS or KINDS[self.kind].severity == "error"

    def told_at(self, receiver: str, *events: str) -> datetime | None:
        """When a receiver was told of one of these events; None: never."""
        said = self.told.get(receiver, {})
        moments = [datetime.fromisoformat(said[event]) for event in events if event in said]
        return max(moments, default=None)


@dataclass(frozen=True, slots=True)
class Changes:
    """How the alerts are to change.

    Attributes:
        opened: causes that get an alert.
        seen: alerts that still hold, with what their cause says now.
        closed: alerts that are over.
    """

    opened: tuple[Cause, ...]
    seen: tuple[tuple[Alert, Cause], ...]
    closed: tuple[Alert, ...]


def reconcile(causes: Iterable[Cause], alerts: Iterable[Alert], now: datetime, *, is_settling: bool = False) -> Changes:
    """What to open, keep and close.

    Args:
        causes: everything that is wrong now.
        alerts: those that are open.
        now: aware.
        is_settling: work begins anew after a standstill: what is wrong by its age alone opens nothing yet.
    """
    found = {cause.key: cause for cause in causes}
    alerts = list(alerts)
    known = {alert.cause for alert in alerts}
    opened = (
        cause for key, cause in found.items() if key not in known and not (is_settling and KINDS[cause.kind].is_by_age)
    )
    seen = ((alert, found[alert.cause]) for alert in alerts if alert.cause in found)
    closed = (alert for alert in alerts if alert.cause not in found and now - alert.seen_at >= CLEAR_AFTER)
    return Changes(tuple(opened), tuple(seen), tuple(closed))


@dataclass(frozen=True, slots=True)
class Manner:
    """How one receiver is told.

    Attributes:
        most_at_once: causes told one by one within a quarter of an hour.
        digest_since: the moment of the newest digest that is due; None: no digests.
    """

    most_at_once: int
    digest_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one receiver: ``opened`` with one alert, the others with all they speak of.

    Attributes:
        stamp: tells apart messages that speak of the same alerts, as the digests of two days may.
    """

    event: Event
    alerts: tuple[Alert, ...]
    stamp: str = ""

    @property
    def marks(self) -> str:
        """The event under which it is remembered in ``Alert.told``."""
        return {"all_clear": "closed"}.get(self.event, self.event)

    @property
    def reference(self) -> str:
        """The same when the same message is sent again, so that the receiver can tell.

        >>> at = datetime.fromisoformat("2026-11-21T10:00:00+00:00")
        >>> alert = Alert(7, "breaker/acme/shop", "breaker", "acme", "", "", "", "", at, at)
        >>> Message("opened", (alert,)).reference
        'opened-7'
        """
        numbers = [str(alert.id) for alert in self.alerts]
        if len(numbers) > 3:
            numbers = [numbers[0], numbers[-1], str(len(numbers))]
        return "-".join([self.event, *([self.stamp] if self.stamp else []), *numbers])


def messages(receiver: str, alerts: Sequence[Alert], now: datetime, manner: Manner) -> Iterator[Message]:
    """What a receiver is to be told now, the oldest first.

    Args:
        receiver: its key.
        alerts: those that are open, and those that closed lately.
        now: aware.
        manner: how it is told.
    """
    # Whoever cannot be reached is not told of that by itself.
    alerts = [alert for alert in alerts if alert.cause != receiver_cause_key(receiver)]
    yield from _opened(receiver, alerts, now, manner)
    over = [alert for alert in alerts if alert.closed_at is not None and alert.told_at(receiver, "closed") is None]
    told_before = tuple(alert for alert in over if alert.told_at(receiver, "opened", "summary") is not None)
    if told_before:
        yield Message("all_clear", told_before)
    yield from _digest(receiver, alerts, manner)


def _opened(receiver: str, alerts: Sequence[Alert], now: datetime, manner: Manner) -> Iterator[Message]:
    new = [
        alert
        for alert in sorted(alerts, key=lambda alert: (alert.opened_at, alert.id))
        if alert.is_urgent and alert.closed_at is None and alert.told_at(receiver, "opened", "summary") is None
    ]
    one_by_one = [at for alert in alerts if (at := alert.told_at(receiver, "opened")) is not None and now - at < SPELL]
    room = max(0, manner.most_at_once - len(one_by_one))
    for alert in new[:room]:
        yield Message("opened", (alert,))
    rest = tuple(new[room:])
    summaries = [at for alert in alerts if (at := alert.told_at(receiver, "summary")) is not None]
    if rest and now - max(summaries, default=now - SPELL) >= SPELL:
        yield Message("summary", rest)


def _digest(receiver: str, alerts: Sequence[Alert], manner: Manner) -> Iterator[Message]:
    since = manner.digest_since
    if since is None:
        return
    old = [alert for alert in alerts if alert.closed_at is None and alert.opened_at < since]
    if any((alert.told_at(receiver, "digest") or since - SPELL) < since for alert in old):
        worst_first = sorted(old, key=lambda alert: (not alert.is_urgent, alert.opened_at))
        yield Message("digest", tuple(worst_first), f"{since:%Y%m%d}")


def digest_moment(now: datetime, at: time | None, timezone: str) -> datetime | None:
    """The newest moment that has passed at which a digest was due; None: never.

    >>> noon = datetime.fromisoformat("2026-11-21T10:00:00+00:00")
    >>> [digest_moment(noon, time(hour), "Africa/Johannesburg").isoformat() for hour in (8, 18)]
    ['2026-11-21T08:00:00+02:00', '2026-11-20T18:00:00+02:00']
    """
    if at is None:
        return None
    local = now.astimezone(ZoneInfo(timezone))
    today = datetime.combine(local.date(), at, tzinfo=local.tzinfo)
    return today if today <= local else datetime.combine(local.date() - timedelta(days=1), at, tzinfo=local.tzinfo)


def receiver_cause_key(receiver: str) -> str:
    """The key of the cause that a receiver cannot be reached."""
    return f"failed_receiver/{receiver}"


def retry_at(alert: Alert) -> datetime:
    """When a receiver that could not be reached is tried again: the wait grows with how long it has been so.

    ``seen_at`` of such an alert is the moment of the last attempt.
    """
    wait = min(max(alert.seen_at - alert.opened_at, timedelta(seconds=30)), timedelta(minutes=30))
    return alert.seen_at + wait

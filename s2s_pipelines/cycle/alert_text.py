"""What a message says: its subject, its text for people and its body for programs. Pure.

Texts come from errors and reasons that hold no personal details by rule; an e-mail address that slipped in is taken out here.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from s2s_pipelines.cycle.alerting import Alert, Message
from s2s_pipelines.cycle.look import counted
from s2s_pipelines.cycle.place import asset_page, link

_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[A-Za-z]{2,}")
_MOST_LINES = 200
_SUBJECT_LENGTH = 180


def without_people(text: str) -> str:
    """The text without e-mail addresses.

    >>> without_people("no account for <ann@example.com>, order 1042")
    'no account for <(address)>, order 1042'
    """
    return _ADDRESS.sub("(address)", text)


def subject(message: Message) -> str:
    """One line that says what it is about."""
    first, count = message.alerts[:1], len(message.alerts)
    clients = len({alert.client for alert in message.alerts if alert.client})
    one = _headed(first[0]) if first else ""
    text = {
        "opened": one,
        "summary": f"{counted(count, 'more cause')} at {counted(clients, 'client')}",
        "all_clear": f"all clear: {one if count == 1 else counted(count, 'cause')}",
        "digest": f"digest: {counted(count, 'cause')} at {counted(clients, 'client')}",
        "trial": "a trial message",
    }[message.event]
    flat = " ".join(without_people(text).split())
    return f"[s2s] {flat}"[:_SUBJECT_LENGTH]


def text(message: Message, ui_url: str) -> str:
    """The message for people."""
    opening = {
        "opened": [],
        "summary": ["These causes are new as well. They are told together because there are many.", ""],
        "all_clear": ["This is over: it was mended, passed by itself, or is paused.", ""],
        "digest": ["This is still wrong.", ""],
        "trial": ["This receiver works. Nothing is wrong because of this message."],
    }[message.event]
    lines = [
        *opening,
        *_alert_lines(message, ui_url),
        "",
        f"All clients: {link(ui_url, asset_page('fleet'))} or s2s status",
    ]
    return without_people("\n".join(lines)) + "\n"


def _alert_lines(message: Message, ui_url: str) -> Iterator[str]:
    is_whole = message.event == "opened"
    for alert in message.alerts[:_MOST_LINES]:
        span = f"since {_moment(alert.opened_at)}"
        if alert.closed_at is not None:
            span = f"from {_moment(alert.opened_at)} to {_moment(alert.closed_at)}"
        if not is_whole:
            yield f"- {_headed(alert)} ({span})"
            if message.event != "all_clear":
                yield f"  {alert.message}"
                yield f"  What to do: {alert.remedy}"
                yield f"  {link(ui_url, alert.path)}"
            continue
        yield from (_headed(alert), "", alert.message, "", f"What to do: {alert.remedy}", "")
        yield f"Look at it: {link(ui_url, alert.path)}"
        yield f"Found: {_moment(alert.opened_at)}"
    if len(message.alerts) > _MOST_LINES:
        yield f"... and {len(message.alerts) - _MOST_LINES} more"


def payload(message: Message, ui_url: str, at: datetime) -> dict[str, Any]:
    """The message for programs. ``id`` is the same when the same message is sent again."""
    return {
        "id": message.reference,
        "event": message.event,
        "at": at.isoformat(),
        "ui_url": ui_url,
        "subject": subject(message),
        "alerts": [
            {
                "id": alert.id,
                "cause": alert.cause,
                "kind": alert.kind,
                "client": alert.client,
                "subject": without_people(alert.subject),
                "message": without_people(alert.message),
                "remedy": without_people(alert.remedy),
                "link": link(ui_url, alert.path),
                "opened_at": alert.opened_at.isoformat(),
                "closed_at": None if alert.closed_at is None else alert.closed_at.isoformat(),
            }
            for alert in message.alerts
        ],
    }


def _headed(alert: Alert) -> str:
    return f"{alert.client}: {alert.subject}" if alert.client else alert.subject


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"

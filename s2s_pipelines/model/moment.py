"""A moment as people write it: a distance from now, a time of day, or a day with its time."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_DISTANCE = re.compile(r"(\d{1,4})\s*([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
HOW = "write a distance (30m, 2h, 3d), a time of day (18:00), or a day and a time (2026-11-21 18:00)"


def read_moment(text: str, *, now: datetime, timezone: str) -> datetime:
    """The moment that a person means, aware; a time of day is the next one.

    Args:
        text: as it was written; what names no zone of its own is in ``timezone``.
        now: aware.
        timezone: IANA name.

    Raises:
        ValueError: it is no moment.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> for text in ("90m", "18:00", "13:00", "2026-11-22 08:30", "2026-11-22T08:30Z"):
    ...     print(read_moment(text, now=noon, timezone="Africa/Johannesburg").astimezone(UTC))
    2026-11-21 13:30:00+00:00
    2026-11-21 16:00:00+00:00
    2026-11-22 11:00:00+00:00
    2026-11-22 06:30:00+00:00
    2026-11-22 08:30:00+00:00
    """
    text = text.strip()
    if distance := _DISTANCE.fullmatch(text.lower()):
        return now + timedelta(**{_UNITS[distance[2]]: int(distance[1])})
    zone = ZoneInfo(timezone)
    if time := _TIME.fullmatch(text):
        local = now.astimezone(zone)
        found = local.replace(hour=int(time[1]), minute=int(time[2]), second=0, microsecond=0)
        return found if found > local else found + timedelta(days=1)
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no moment: {HOW}") from None
    if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
        raise ValueError(f"{text!r} names no time of day: {HOW}")
    return written if written.tzinfo is not None else written.replace(tzinfo=zone)

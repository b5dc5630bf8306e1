"""Stamps of modified columns: compared, moved back by an overlap and written into a query, in the source's own spelling.

A stamp is a date, a time in ISO 8601 (blank or T between, fraction and zone as the source writes them) or a whole number that
grows. Nothing else is accepted, so a stamp can stand in a statement as a literal: it holds no quotation mark, and every engine
compares it with a column of its own type, also through drivers that know text parameters only.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = re.compile(r"\d{1,19}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:([ T])(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d(?::?\d\d)?)?)?")


def is_stamp(text: str) -> bool:
    """Whether text is a stamp.

    >>> is_stamp("2026-11-21 12:00:00.5"), is_stamp("42"), is_stamp("soon"), is_stamp("2026-99-21")
    (True, True, False, False)
    """
    if _NUMBER.fullmatch(text):
        return True
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    try:
        _moment(match)
    except ValueError:
        return False
    return True


def newest(stamps: Iterable[str]) -> str | None:
    """The greatest stamp, or None without any.

    >>> newest(["9", "10"]), newest(["2026-01-02", "2026-01-10"]), newest([])
    ('10', '2026-01-10', None)
    """
    return max(stamps, key=_rank, default=None)


def newest_in(column: "pa.ChunkedArray") -> str | None:
    """The greatest stamp of a text column, nulls left out; None when there is none.

    Raises:
        ValueError: a cell is no stamp.
    """
    import pyarrow.compute as pc

    texts = pc.drop_null(column)
    if not pc.all(pc.match_substring_regex(texts, f"^(?:{_NUMBER.pattern}|{_TIME.pattern})$"), min_count=0).as_py():
        raise ValueError("a cell is no stamp")
    # Of texts of one length the greatest is the greatest stamp; lengths differ where digits or fractions do.
    lengths = pc.utf8_length(texts)
    return newest(str(pc.max(pc.filter(texts, pc.equal(lengths, length))).as_py()) for length in pc.unique(lengths))


def not_after(stamp: str, now: datetime, timezone: str) -> str:
    """The stamp, or the present if it lies in the future; a wrong clock must not hide what changes until then.

    Args:
        stamp: as the source spells it.
        now: aware.
        timezone: in which a stamp without a zone is read.

    >>> not_after("2999-01-01 00:00:00", datetime(2026, 1, 1, 12, tzinfo=UTC), "Africa/Johannesburg")
    '2026-01-01 14:00:00'
    """
    match = _TIME.fullmatch(stamp)
    if match is None:
        return stamp
    zone = _moment(match).tzinfo
    local = now.astimezone(zone) if zone else now.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    return _spelled(local, match) if _moment(match) > local else stamp


def earlier(stamp: str, overlap_s: int) -> str:
    """The stamp moved back; numbers stay, for they do not tell time.

    >>> earlier("2026-11-21T12:00:00.250Z", 60), earlier("2026-11-21", 60), earlier("17", 60)
    ('2026-11-21T11:59:00.250Z', '2026-11-20', '17')
    """
    match = _TIME.fullmatch(stamp)
    return stamp if match is None else _spelled(_moment(match) - timedelta(seconds=overlap_s), match)


def literal(stamp: str) -> str:
    """The stamp as it stands in a statement."""
    if not is_stamp(stamp):
        raise ValueError("only a stamp may stand in a statement")
    return stamp if _NUMBER.fullmatch(stamp) else f"'{stamp}'"


def _rank(stamp: str) -> tuple[float, str]:
    if _NUMBER.fullmatch(stamp):
        return float(int(stamp)), stamp.zfill(20)
    match = _TIME.fullmatch(stamp)
    if match is None:
        raise ValueError("not a stamp")
    moment = _moment(match)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), stamp


def _moment(match: re.Match[str]) -> datetime:
    day, _, clock, fraction, zone = match.groups()
    text = f"{day}T{clock or '00:00'}"
    moment = datetime.fromisoformat(text) + timedelta(microseconds=int((fraction or "0").ljust(6, "0")[:6]))
    return moment if zone is None else moment.replace(tzinfo=datetime.fromisoformat(f"{text}{_zone(zone)}").tzinfo)


def _zone(text: str) -> str:
    digits = text.replace(":", "")
    return text if text == "Z" else f"{digits[:3]}:{digits[3:] or '00'}"


def _spelled(moment: datetime, match: re.Match[str]) -> str:
    """A moment, cut (never rounded up) to the spelling of another stamp."""
    _, between, clock, fraction, zone = match.groups()
    text = moment.strftime("%Y-%m-%d")
    if between:
        text += between + moment.strftime("%H:%M" if clock.count(":") == 1 else "%H:%M:%S")
        text += f".{f'{moment.microsecond:06}'.ljust(9, '0')[: len(fraction)]}" if fraction else ""
        text += zone or ""
    return text

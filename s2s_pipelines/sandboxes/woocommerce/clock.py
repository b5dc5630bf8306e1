"""The shop's clock: whole seconds, which tests may stop or move."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_FORMATS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


class ShopClock:
    """Seconds since 1970, real until frozen.

    Args:
        timezone: the shop's zone, an IANA name; local stamps are printed in it.
    """

    def __init__(self, timezone: str) -> None:
        self.zone = ZoneInfo(timezone)
        self._frozen_at: int | None = None
        self._ahead_s = 0

    def now(self) -> int:
        """The current second as the shop sees it."""
        return self._frozen_at if self._frozen_at is not None else int(time.time()) + self._ahead_s

    def freeze(self, second: int | None = None) -> None:
        """Stop at ``second``, or at the current one."""
        self._frozen_at = self.now() if second is None else second

    def advance(self, seconds: int) -> None:
        """Jump forward, frozen or not."""
        if self._frozen_at is None:
            self._ahead_s += seconds
        else:
            self._frozen_at += seconds

    def release(self) -> None:
        """Let the clock run again, from the real time."""
        self._frozen_at = None
        self._ahead_s = 0

    def offset_s(self, second: int) -> int:
        """Distance of local time from UTC at that moment."""
        offset = datetime.fromtimestamp(second, self.zone).utcoffset() or timedelta(0)
        return int(offset.total_seconds())

    def local(self, second: int | None) -> str | None:
        """Local stamp without a zone, as the interface prints it."""
        return None if second is None else datetime.fromtimestamp(second, self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def gmt(self, second: int | None) -> str | None:
        """UTC stamp without a zone."""
        return None if second is None else datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")

    def parse(self, text: str, is_gmt: bool = False) -> int | None:
        """Second meant by a stamp; without a zone it is local, or UTC when ``is_gmt``. None when unreadable."""
        spelled = text.strip().replace("Z", "+0000").replace("z", "+0000")
        for layout in _FORMATS:
            try:
                moment = datetime.strptime(spelled, layout)  # noqa: DTZ007 (the zone is added below)
            except ValueError:
                continue
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC if is_gmt else self.zone)
            return int(moment.timestamp())
        return None

    def bound(self, text: str, is_gmt: bool) -> int | None:
        """Second a list filter compares with.

        A stamp with a zone is first turned into local time; with ``dates_are_gmt`` that local reading is then taken for
        UTC, so the shift is applied twice (WooCommerce recordings 37 and 70).
        """
        has_zone = text[-1:] in "Zz" or "+" in text[19:] or "-" in text[19:]
        second = self.parse(text, is_gmt)
        if second is None or not (has_zone and is_gmt):
            return second
        return second + self.offset_s(second)

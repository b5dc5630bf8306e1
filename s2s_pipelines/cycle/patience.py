"""How long to leave in peace what failed: a feed that cannot be read, an item that a channel refuses."""

from datetime import datetime, timedelta

_FIRST_FEED_WAIT = timedelta(minutes=1)
_LONGEST_FEED_WAIT = timedelta(hours=1)
_FIRST_ITEM_WAIT = timedelta(minutes=5)
_LONGEST_ITEM_WAIT = timedelta(hours=24)
_MOST_DOUBLINGS = 20


def item_wait(failures: int, *, is_retriable: bool) -> timedelta:
    """The wait before the same state of an item is sent again.

    None after a first failure and where the channel said that trying again may help; otherwise it doubles with each failure. An
    item whose desired state changed never waits.

    >>> [int(item_wait(n, is_retriable=False).total_seconds() // 60) for n in (1, 2, 3, 4)]
    [0, 5, 10, 20]
    >>> item_wait(9, is_retriable=True)
    datetime.timedelta(0)
    """
    if is_retriable or failures < 2:
        return timedelta(0)
    return min(_FIRST_ITEM_WAIT * (1 << min(failures - 2, _MOST_DOUBLINGS)), _LONGEST_ITEM_WAIT)


def is_waiting(failures: int, attempted_at: datetime | None, now: datetime, *, is_retriable: bool) -> bool:
    """Whether an item that failed so often is still to be left in peace."""
    return attempted_at is not None and attempted_at + item_wait(failures, is_retriable=is_retriable) > now


def feed_wait(failures: int, retry_after_s: float | None = None) -> timedelta:
    """The wait before a feed that could not be read is tried again: what the source asked for, or doubling from a minute.

    >>> [int(feed_wait(n).total_seconds() // 60) for n in (1, 2, 3, 9)]
    [1, 2, 4, 60]
    >>> feed_wait(1, retry_after_s=600)
    datetime.timedelta(seconds=600)
    """
    own = min(_FIRST_FEED_WAIT * (1 << min(max(failures - 1, 0), _MOST_DOUBLINGS)), _LONGEST_FEED_WAIT)
    return max(own, timedelta(seconds=min(retry_after_s, 86_400))) if retry_after_s else own

"""What can be judged of a value before the models see it: durations, time zones, and places left to be filled in."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from s2s_pipelines.config.explanation import spell_path
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.yaml_file import Path, Tree
from s2s_pipelines.model.field import near_miss

MARK = "<fill in"
"""How a scaffold marks a place that a person must fill in: ``<fill in: what belongs here>``."""
_DURATION = re.compile(r"P(?:\d{1,4}W|(?=\d|T\d)(?:\d{1,5}D)?(?:T(?:\d{1,6}H)?(?:\d{1,6}M)?(?:\d{1,6}S)?)?)")
_DURATION_FIX = "write it as PT15S, PT3M, PT1H, P1D or P7D (T stands before hours, minutes and seconds)"
_DURATIONS: tuple[tuple[str, ...], ...] = (
    ("sources", "*", "feeds", "*", "every"),
    ("sources", "*", "rhythm", "every"),
    ("sources", "*", "rhythm", "grace"),
    ("channels", "*", "push_every"),
    ("channels", "*", "orders", "poll_every"),
    ("channels", "*", "orders", "quiet_after"),
    ("sources", "*", "feeds", "*", "stale_after"),
)


def find_unfilled(tree: Tree, file: str) -> Iterator[Problem]:
    """A problem for every place that a scaffold marked and nobody filled in."""
    for path, value in tree.scalars():
        if isinstance(value, str) and MARK in value:
            yield Problem(file, tree.line_of(path), spell_path(path), *unfilled(value))


def unfilled(text: str) -> tuple[str, None, str]:
    """Message, near miss and fix for a marked text.

    >>> unfilled("<fill in: the client's name>")
    ('this place is still to be filled in', None, "the client's name")
    """
    hint = text.partition(MARK)[2].strip(" :").partition(">")[0].strip()
    return "this place is still to be filled in", None, hint or "write what belongs here"


def find_bad_durations(tree: Tree, file: str) -> Iterator[Problem]:
    """A problem for every duration of ``client.yaml`` that is not plain ISO 8601, or is zero where it must not be."""
    for pattern in _DURATIONS:
        for path in _matching(tree, pattern):
            value = tree.at(path)
            fault = None if value is None else _judge_duration(value, may_be_zero=pattern[-1] == "grace")
            if fault:
                yield Problem(file, tree.line_of(path), spell_path(path), *fault)


def _matching(tree: Tree, pattern: tuple[str, ...]) -> list[Path]:
    """Paths in the tree that fit a pattern, in which a star stands for any key."""
    paths: list[Path] = [()]
    for step in pattern:
        found: list[Path] = []
        for path in paths:
            here = tree.at(path)
            if isinstance(here, dict):
                found += [(*path, key) for key in here if step in ("*", key)]
        paths = found
    return paths


@lru_cache(maxsize=512)
def _judge_duration(value: Any, *, may_be_zero: bool) -> tuple[str, str | None, str] | None:
    text = str(value)
    if not _DURATION.fullmatch(text):
        return "this is not a duration", _near_duration(text), _DURATION_FIX
    if not may_be_zero and not re.search(r"[1-9]", text):
        return "this must be longer than nothing", None, _DURATION_FIX
    return None


def _near_duration(text: str) -> str | None:
    """The duration that was probably meant: ``3M`` and ``P3M`` are three minutes, months are not offered."""
    bare = text.strip().upper().replace(" ", "").lstrip("P").lstrip("T")
    return next((tried for prefix in ("PT", "P") if _DURATION.fullmatch(tried := prefix + bare)), None)


@lru_cache(maxsize=1024)
def judge_timezone(name: str) -> tuple[str, str | None, str] | None:
    """Message, near miss and fix when no time zone is called that, else None; looks into the zone database only."""
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # malformed, a folder of the database, unknown
        pass
    else:
        return None
    near = near_miss(name, sorted(zoneinfo.available_timezones()))
    return f"`{name}` is not a time zone", near, "write an IANA name, such as Africa/Johannesburg"

"""Ties a feed's field map to the columns that arrived, strictly both ways.

A column nobody declared and a mapped column that is missing both stop the feed: either may mean that the source was
changed under us, and guessing then is worse than standing still.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from s2s_pipelines.catalogue.column import KEY_COLUMNS
from s2s_pipelines.catalogue.transform import TRANSFORMS, Transform
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import Feed, FieldRow, Target, ValueType, find_target, near_miss

_HINTS = 10
_SUMMABLE = (ValueType.QUANTITY, ValueType.PRICE, ValueType.WEIGHT)


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the map with its transform looked up."""

    row: FieldRow
    transform: Transform | None


@dataclass(frozen=True, slots=True)
class Binding:
    """One target and what feeds it: one part, or several that are added up."""

    target: Target
    parts: tuple[Part, ...]


def bind(
    feed: Feed, columns: Sequence[str], *, fields: Sequence[FieldRow], ignore: Collection[str]
) -> tuple[Binding, ...]:
    """The bindings of a feed, one per target.

    Args:
        feed: whose map this is.
        columns: the names that arrived.
        fields: rows of the map; those of other feeds are skipped.
        ignore: columns that are known and not wanted.

    Raises:
        ConfigurationError: the map and the columns do not fit; all reasons are named.
    """
    rows = [row for row in fields if row.feed == feed]
    problems = [*_unfit_columns(rows, columns, ignore), *_unfit_rows(rows)]
    if not problems:
        problems = [*_unfit_targets(rows), *_missing_key(rows)]
    if problems:
        more = "" if len(problems) <= _HINTS else f"; and {len(problems) - _HINTS} more"
        raise ConfigurationError(
            f"the field map of feed {feed} does not fit: {'; '.join(problems[:_HINTS])}{more}",
            operation=f"map {feed}",
            next_step="correct the field map, or list columns nobody wants under ignore",
        )
    grouped: dict[str, list[Part]] = {}
    for row in rows:
        grouped.setdefault(row.target, []).append(Part(row, TRANSFORMS[row.transform] if row.transform else None))
    return tuple(Binding(_target(name), tuple(parts)) for name, parts in grouped.items())


def _target(name: str) -> Target:
    target = find_target(name)
    if target is None:  # _unfit_rows has refused it
        raise KeyError(name)
    return target


def _hint(name: str, names: Collection[str], says: str) -> str:
    near = near_miss(name, sorted(set(names) - {name}))
    return f" ({says} {near!r})" if near else ""


def _unfit_columns(rows: Sequence[FieldRow], columns: Sequence[str], ignore: Collection[str]) -> list[str]:
    mapped = {row.column for row in rows if row.column is not None}
    known, found = mapped | set(ignore), set(columns)
    twice = sorted(name for name, count in Counter(columns).items() if count > 1)
    problems = [f"column {name!r} arrived twice" for name in twice]
    # A near miss costs time; a file of ten thousand strange columns is told about the first few.
    problems += [
        f"column {name!r} is neither mapped nor ignored"
        + (_hint(name, known - found, "declared is") if place < _HINTS else "")
        for place, name in enumerate(sorted(found - known))
    ]
    problems += [
        f"mapped column {name!r} is missing" + (_hint(name, found - known, "there is") if place < _HINTS else "")
        for place, name in enumerate(sorted(mapped - found))
    ]
    return problems


def _unfit_rows(rows: Sequence[FieldRow]) -> list[str]:
    problems = []
    for row in rows:
        target = find_target(row.target)
        if target is None:
            near = near_miss(row.target)
            problems.append(f"target {row.target!r} is unknown" + (f" (there is {near!r})" if near else ""))
        elif row.feed not in target.feeds:
            problems.append(f"target {row.target!r} does not belong to feed {row.feed}")
        if (row.column is None) == (row.constant is None):
            problems.append(f"target {row.target!r} needs either a column or a constant")
        if row.transform and row.transform not in TRANSFORMS:
            hint = _hint(row.transform, list(TRANSFORMS), "there is")
            problems.append(f"transform {row.transform!r} is unknown{hint}")
    return problems


def _unfit_targets(rows: Sequence[FieldRow]) -> list[str]:
    problems = []
    by_target: dict[str, list[FieldRow]] = {}
    for row in rows:
        by_target.setdefault(row.target.casefold(), []).append(row)
    for group in by_target.values():
        name = group[0].target
        parts = [bool(row.transform and TRANSFORMS[row.transform].part) for row in group]
        if any(parts) and _target(name).type not in _SUMMABLE:
            problems.append(f"target {name!r} is no number that columns could add up to")
        elif len(group) > 1 and not all(parts):
            problems.append(f"target {name!r} is mapped {len(group)} times; only sum and subtract may share a target")
        elif len({row.target for row in group}) > 1:
            problems.append(f"targets {sorted({row.target for row in group})} differ in letter case only")
    return problems


def _missing_key(rows: Sequence[FieldRow]) -> list[str]:
    columns = {_target(row.target).column for row in rows}
    if columns & set(KEY_COLUMNS):
        return []
    return ["no target tells the rows apart; map variants.sku or a source code"]

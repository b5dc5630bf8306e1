"""Field maps: ``assets/<client>/fields/<source>.csv``, read with line numbers and laid over a connector's own map.

The header is ``feed,target,column,constant,transform,note``. One column may feed several targets; a target is fed once,
unless all its rows carry transforms that add columns up (``sum``, ``subtract``).
For ``orders`` the direction is reversed: ``column`` is ``header.<column>`` or ``line.<column>`` of the ERP's tables, one
target may fill several of them, and each is filled once.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.value_check import MARK, unfilled
from s2s_pipelines.model.field import FAMILIES, MAP_FEEDS, TARGETS, FieldRow, MapFeed, find_target, near_miss

if TYPE_CHECKING:
    from s2s_pipelines.catalogue.transform import Transform

MAX_BYTES = 512 * 1024
"""Bytes of one field map."""
MAX_ROWS = 2_000
"""Rows of one field map."""
COLUMNS = ("feed", "target", "column", "constant", "transform", "note")
_REQUIRED = ("feed", "target", "column")

Rows = Mapping[MapFeed, tuple[FieldRow, ...]]


@dataclass(frozen=True, slots=True)
class FieldMap:
    """One client's rows for one source, as far as they could be read.

    Attributes:
        file: path relative to the root.
        rows: in the order of the file.
        lines: row -> line.
    """

    file: str
    rows: tuple[FieldRow, ...] = ()
    lines: Mapping[FieldRow, int] = field(default_factory=dict)


def read_field_map(text: str, file: str, transforms: Mapping[str, "Transform"]) -> tuple[FieldMap, list[Problem]]:
    """A client's rows, and what is wrong with the others.

    Args:
        text: the file's content.
        file: its path relative to the root, for the problems.
        transforms: what a row may name under ``transform``.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[FieldRow] = []
    lines: dict[FieldRow, int] = {}
    problems: list[Problem] = []
    try:
        header = next(reader, [])
        problems += _judge_header(header, file)
        if problems:
            return FieldMap(file), problems
        names = [name.strip() for name in header]
        for line, cells in _records(reader):
            if len(lines) + len(problems) >= MAX_ROWS:
                fix = "a map needs one row per target"
                problems.append(Problem(file, line, "", f"more than {MAX_ROWS} rows", None, fix))
                break
            row, found = _read_row(names, cells, file, line, transforms)
            problems += found
            if row in lines:
                problems.append(_twice(row, file, line, lines[row]))
            elif row is not None:
                rows.append(row)
                lines[row] = line
    except csv.Error as fault:
        problems.append(
            Problem(file, reader.line_num, "", f"this is not CSV: {fault}", None, "check the quotes on this line")
        )
    problems += _judge_repeats(rows, lines, file, transforms)
    return FieldMap(file, tuple(rows), lines), problems


def _records(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Records that hold anything, each with the line it begins on."""
    start = reader.line_num + 1
    for cells in reader:
        line, start = start, reader.line_num + 1
        if any(cell.strip() for cell in cells):
            yield line, cells


def overlay(
    defaults: Rows, rows: Iterable[FieldRow], feeds: Collection[MapFeed]
) -> dict[MapFeed, tuple[FieldRow, ...]]:
    """The effective map: the client's rows replace the connector's rows for the same feed and target.

    Args:
        defaults: the connector's own map.
        rows: the client's rows.
        feeds: the feeds the client uses; a default map of any other feed is left out.
    """
    own: dict[MapFeed, list[FieldRow]] = {}
    for row in rows:
        own.setdefault(row.feed, []).append(row)
    effective: dict[MapFeed, tuple[FieldRow, ...]] = {}
    for feed in MAP_FEEDS:
        mine = own.get(feed, [])
        replaced = {row.target for row in mine}
        kept = [row for row in defaults.get(feed, ()) if row.target not in replaced] if feed in feeds else []
        if kept or mine:
            effective[feed] = (*kept, *mine)
    return effective


def _judge_header(header: list[str], file: str) -> list[Problem]:
    names = [name.strip() for name in header]
    wanted = ",".join(COLUMNS)

    def problem(name: str, message: str, fix: str, near: str | None = None) -> Problem:
        return Problem(file, 1, name, message, near, fix)

    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and mark in names[0]:
            return [problem("", f"the columns are separated by {word}", f"separate them by commas: {wanted}")]
    if not set(names) & set(_REQUIRED):
        return [problem("", "the first line does not name the columns", f"begin the file with {wanted}")]
    problems = [
        problem(name, f"`{name}` is no column of a field map", f"use {wanted}", near_miss(name, list(COLUMNS)))
        for name in names
        if name not in COLUMNS
    ]
    twice = [name for name in COLUMNS if names.count(name) > 1]
    missing = [name for name in _REQUIRED if name not in names]
    problems += [problem(name, f"the column `{name}` is there twice", f"use {wanted}") for name in twice]
    problems += [problem(n, f"the column `{n}` is missing", f"begin the file with {wanted}") for n in missing]
    return problems


def _read_row(
    names: list[str], cells: list[str], file: str, line: int, transforms: Mapping[str, "Transform"]
) -> tuple[FieldRow | None, list[Problem]]:
    if len(cells) > len(names):
        fix = "put a cell that holds a comma in quotes"
        return None, [Problem(file, line, "", f"{len(cells)} cells under {len(names)} columns", None, fix)]
    cell = dict.fromkeys(COLUMNS, "") | dict(zip(names, cells, strict=False))
    feed, target, transform = cell["feed"].strip(), cell["target"].strip(), cell["transform"].strip()
    place = f"{feed}.{target}" if feed and target else feed or target
    marked = next((text for text in cells if MARK in text), None)
    if marked is not None:
        return None, [Problem(file, line, place, *unfilled(marked))]
    problems = [
        Problem(file, line, place, message, near, fix)
        for message, near, fix in (
            *_judge_target(feed, target),
            *_judge_origin(feed, cell["column"], cell["constant"]),
            *_judge_transform(transform, transforms),
        )
    ]
    if problems:
        return None, problems
    column, constant = cell["column"] or None, cell["constant"] or None
    row = FieldRow(cast("MapFeed", feed), target, column, constant, transform or None, cell["note"].strip())
    return row, _warn_of_blanks(row, file, line, place)


_Judged = Iterator[tuple[str, str | None, str]]


def _judge_target(feed: str, target: str) -> _Judged:
    if feed not in MAP_FEEDS:
        listed = ", ".join(MAP_FEEDS)
        yield (f"`{feed}` is not a feed", near_miss(feed, list(MAP_FEEDS)), f"use one of: {listed}")
        return
    found = find_target(target)
    if found is None:
        offered = [t.name for t in TARGETS.values() if feed in t.feeds]
        families = [f.spelling for f in FAMILIES if feed in f.feeds]
        more = f", or one of {', '.join(families)}" if families else ""
        near = near_miss(target, offered) or _old_spelling(target, offered)
        yield (f"`{target}` is not a target", near, f"use a name of the vocabulary for {feed}{more}")
    elif feed not in found.feeds:
        yield (f"`{target}` does not belong to {feed}", None, f"map it in: {', '.join(found.feeds)}")


def _old_spelling(target: str, offered: list[str]) -> str | None:
    """A bare last part, such as ``qty`` for ``variants.qty``."""
    return next((name for name in offered if name.rpartition(".")[2] == target), None)


def _judge_origin(feed: str, column: str, constant: str) -> _Judged:
    has_column, has_constant = bool(column.strip()), bool(constant.strip())
    if has_column and has_constant:
        yield ("both a column and a constant are given", None, "keep the one the value comes from")
    elif feed == "orders":
        kind, dot, name = column.partition(".")
        if kind not in ("header", "line") or not dot or not name.strip():
            yield (
                "an orders row must say which column of the ERP it fills",
                None,
                "write header.<column> or line.<column> under column",
            )
    elif not has_column and not has_constant:
        yield ("neither a column nor a constant is given", None, "name the source's column, or give a constant")


def _judge_transform(transform: str, transforms: Mapping[str, "Transform"]) -> _Judged:
    if transform and transform not in transforms:
        names = sorted(transforms)
        yield (f"`{transform}` is not a transform", near_miss(transform, names), f"use one of: {', '.join(names)}")


def _warn_of_blanks(row: FieldRow, file: str, line: int, place: str) -> list[Problem]:
    if row.column is None or row.column == row.column.strip():
        return []
    message = f"the column {row.column!r} begins or ends with a blank, which counts as part of its name"
    return [Problem(file, line, place, message, None, "take the blank out unless the source has it", "warning")]


def _twice(row: FieldRow, file: str, line: int, first: int) -> Problem:
    message = f"this row is the same as that on line {first}"
    return Problem(file, line, f"{row.feed}.{row.target}", message, None, "keep one of them")


def _judge_repeats(
    rows: Iterable[FieldRow], lines: Mapping[FieldRow, int], file: str, transforms: Mapping[str, "Transform"]
) -> Iterator[Problem]:
    seen: dict[tuple[str, str], FieldRow] = {}
    for row in rows:
        is_order = row.feed == "orders"
        name = str(row.column) if is_order else row.target
        first = seen.setdefault((row.feed, name), row)
        if first is row or (_is_part(row, transforms) and _is_part(first, transforms) and row.column != first.column):
            continue
        message = f"`{name}` is already {'filled' if is_order else 'fed'} on line {lines[first]}"
        fix = "keep one of the two rows" if is_order else "keep one of the two rows, or add columns up with `sum`"
        yield Problem(file, lines[row], f"{row.feed}.{row.target}", message, None, fix)


def _is_part(row: FieldRow, transforms: Mapping[str, "Transform"]) -> bool:
    return row.transform is not None and transforms[row.transform].part is not None

"""YAML as declarations use it: text to plain values with line numbers, and nothing that could surprise or swell.

Of YAML 1.2's core schema this keeps null, booleans and whole numbers. Everything else is text, so ``0042`` keeps its
zeros, ``12:30`` is no number of seconds, ``no`` is no boolean, and ``0.1`` reaches a Decimal without ever having been
a float. Anchors, aliases, merge keys, tags, several documents and repeated keys are refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 256 * 1024
"""Bytes of a declaration file; the largest seen in earnest is a tenth of it."""
MAX_DEPTH = 24
"""Nested lists and mappings; the deepest declaration needs 9."""
MAX_NODES = 20_000
"""Keys and values in one file."""

Path = tuple[str | int, ...]
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


class YamlFault(Exception):
    """The text is no declaration YAML.

    Attributes:
        line: 1 and up.
        message: what is wrong, without quoting the text.
        fix: what to do.
    """

    def __init__(self, line: int, message: str, fix: str) -> None:
        super().__init__(message)
        self.line, self.message, self.fix = line, message, fix


@dataclass(slots=True)
class Tree:
    """A file's content.

    Attributes:
        value: dictionaries, lists, text, whole numbers, booleans, None.
        lines: path of a value -> line on which its key (or, in lists, the value) stands.
    """

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the value at that path, or of the nearest value above it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def at(self, path: Path) -> Any:
        """The value at that path, or None when there is none."""
        value = self.value
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def scalars(self) -> Iterator[tuple[Path, Any]]:
        """Every value that is neither list nor mapping, with its path."""
        waiting: list[tuple[Path, Any]] = [((), self.value)]
        while waiting:
            path, value = waiting.pop()
            if isinstance(value, dict):
                waiting.extend(((*path, key), child) for key, child in value.items())
            elif isinstance(value, list):
                waiting.extend(((*path, i), child) for i, child in enumerate(value))
            else:
                yield path, value


def read_scalar(text: str, *, is_plain: bool) -> Any:
    """The value of a scalar; only unquoted ones can be anything but text.

    >>> [read_scalar(t, is_plain=True) for t in ("15", "0042", "0.20", "true", "no", "12:30", "~")]
    [15, '0042', '0.20', True, 'no', '12:30', None]
    >>> read_scalar("15", is_plain=False)
    '15'
    """
    if not is_plain:
        return text
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    return int(text) if _WHOLE.fullmatch(text) else text


def read_yaml(text: str) -> Tree:
    """The content of one declaration file, with the line of every value.

    Raises:
        YamlFault: it is not YAML, or uses what declarations may not.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise YamlFault(line, f"this is not YAML: {fault.problem}", _NOT_YAML) from None
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1 if isinstance(fault.position, int) else 1
        raise YamlFault(line, "this is not YAML: a character that text files do not hold", _NOT_YAML) from None
    return Tree(builder.root, builder.lines)


_NOT_YAML = "check indentation, colons and quotes on this line and the one above"


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being filled."""

    value: Any
    path: Path
    key: str | None = None


class _Builder:
    """Builds values from parser events, so that depth and size are bounded before anything is built."""

    def __init__(self) -> None:
        self.root: Any = None
        self.lines: dict[Path, int] = {}
        self._open: list[_Open] = []
        self._nodes = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_extras(event, line)
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._refuse_extras(event, line)
            self._start({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise YamlFault(line, "aliases (*) are not used in declarations", "write the value again in its place")
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise YamlFault(line, "a declaration is one document", "take out the line ---")

    def _refuse_extras(self, event: Any, line: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise YamlFault(line, f"more than {MAX_NODES} keys and values", "divide the client, or move rows into CSV")
        if event.anchor:
            raise YamlFault(
                line, "anchors (&) are not used in declarations", "write the value again where it is needed"
            )
        if event.tag:
            raise YamlFault(line, "tags (!) are not used in declarations", "take the tag out; quote text if needed")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        is_plain = event.style is None or event.style == ""
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._key(top, event.value, line)
        else:
            self._put(read_scalar(event.value, is_plain=is_plain), line)

    def _key(self, top: _Open, key: str, line: int) -> None:
        if key == "<<":
            raise YamlFault(line, "merge keys (<<) are not used in declarations", "write the keys out")
        if key in top.value:
            first = self.lines[(*top.path, key)]
            raise YamlFault(line, f"the key {key!r} was already given on line {first}", "keep one of the two")
        top.key = key
        self.lines[(*top.path, key)] = line

    def _start(self, value: Any, line: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise YamlFault(line, f"nested more than {MAX_DEPTH} deep", "no declaration needs that; check the brackets")
        self._open.append(_Open(value, self._put(value, line)))

    def _put(self, value: Any, line: int) -> Path:
        if not self._open:
            self.root = value
            return ()
        top = self._open[-1]
        if isinstance(top.value, list):
            path = (*top.path, len(top.value))
            self.lines[path] = line
            top.value.append(value)
            return path
        if top.key is None:
            raise YamlFault(line, "a key must be one word of text", "write `key: value`")
        path = (*top.path, top.key)
        top.value[top.key] = value
        top.key = None
        return path

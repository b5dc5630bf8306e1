"""Streams the repeating elements of an XML document, and refuses documents that are out to harm.

Facts checked with lxml 6.1 and libxml2 2.14 (sources research, section 11): small internal entities are expanded by default, and
with ``resolve_entities=False`` the text behind them is lost; ``recover`` drops characters in silence. So any DOCTYPE is refused,
nothing is recovered, and a parse error stops the whole feed.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from s2s_pipelines.connectors.kit.refusal import UnreadableFile

_LINE_LIMIT = 65_535


@dataclass(frozen=True, slots=True)
class XmlBounds:
    """How large a document's parts may be.

    Attributes:
        max_depth: elements inside each other.
        max_elements: elements inside one row.
        max_attributes: attributes of one element.
    """

    max_depth: int = 64
    max_elements: int = 10_000
    max_attributes: int = 200


def expanded_name(name: str, namespaces: Mapping[str, str]) -> str:
    """A name with its prefix replaced by the namespace, as lxml spells it; ``*:name`` stands for any namespace.

    Raises:
        ValueError: the prefix is not declared.

    >>> expanded_name("g:id", {"g": "http://base.google.com/ns/1.0"}), expanded_name("id", {}), expanded_name("*:id", {})
    ('{http://base.google.com/ns/1.0}id', 'id', '{*}id')
    """
    prefix, colon, local = name.rpartition(":")
    if not colon:
        return name
    if prefix == "*":
        return f"{{*}}{local}"
    if prefix not in namespaces:
        raise ValueError(f"the prefix {prefix!r} is not declared under namespaces")
    return f"{{{namespaces[prefix]}}}{local}"


class RowStream:
    """Yields each row element of a document, complete, with its source line, and forgets it afterwards.

    Args:
        row: expanded names from the root down to the row, or the row's name alone for rows anywhere.
        encoding: overrides what the document declares.
        bounds: sizes beyond which the document is refused.
    """

    def __init__(self, row: tuple[str, ...], encoding: str | None, bounds: XmlBounds) -> None:
        self._row = row
        self._encoding = encoding
        self._bounds = bounds
        self._path: list[str] = []
        self._inside = 0
        self._has_rows = False
        self._has_place = False
        self._has_content = False

    def rows(self, body: bytes) -> Iterator[tuple[Any, int]]:
        """Element and line, in document order. The element is emptied when the next one is asked for.

        Raises:
            UnreadableFile: the document is not well-formed, is hostile, or has not the declared shape.
        """
        from lxml import etree

        if not body.strip(b"\x00 \t\r\n"):
            raise UnreadableFile(
                "empty_file", "the file is empty, which is no empty feed", remedy="ask the supplier for the file again"
            )
        events = etree.iterparse(
            io.BytesIO(body),
            events=("start", "end"),
            encoding=self._encoding,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            recover=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            yield from self._walk(events)
        except etree.XMLSyntaxError as error:
            # The error may only say that the parser gave up; then the end of its log says why.
            message, line = error.msg, error.lineno
            if not line and error.error_log:
                message, line = error.error_log[-1].message, error.error_log[-1].line
            raise UnreadableFile(
                "xml_syntax",
                f"the XML breaks here: {(message or 'unknown error')[:120]}",
                line=max(1, line or 1),
                remedy="ask the supplier to mend the feed, or declare `encoding` if that is the fault",
            ) from None
        # Without a path there is no telling an empty feed from a document of another kind, unless the root is empty.
        is_placed = self._has_place if len(self._row) > 1 else not self._has_content
        if not (self._has_rows or is_placed):
            raise UnreadableFile(
                "no_rows",
                f"the document has no place for rows {'/'.join(self._row)}",
                remedy="declare `row` as a path from the root, or check the location",
            )

    def _walk(self, events: Any) -> Iterator[tuple[Any, int]]:
        row_depth = last = 0
        # A finished row is held back until the next event: its line may hang on the text that follows it.
        held = None
        for event, element in events:
            if held is not None:
                last = _line_of(held, last)
                yield held, last
                _forget(held)
                held = None
            if event == "start":
                self._enter(element)
                if not row_depth and self._is_row():
                    row_depth, self._inside = len(self._path), 0
                continue
            is_row = row_depth == len(self._path)
            self._path.pop()
            if is_row:
                held, row_depth = element, 0
            elif not row_depth:
                _forget(element)
        if held is not None:
            yield held, _line_of(held, last)

    def _enter(self, element: Any) -> None:
        if not self._path:
            _refuse_doctype(element)
        self._path.append(element.tag)
        self._inside += 1
        bounds, line = self._bounds, int(element.sourceline or 1)
        for size, limit, what in (
            (len(self._path), bounds.max_depth, "elements inside each other"),
            (self._inside, bounds.max_elements, "elements in one row"),
            (len(element.attrib), bounds.max_attributes, "attributes"),
        ):
            if size > limit:
                raise UnreadableFile(
                    "too_large", f"more than {limit} {what}", line=line, remedy="ask for a plainer feed"
                )

    def _is_row(self) -> bool:
        """Whether the element just entered is a row; also notes what tells an empty feed from a wrong document."""
        self._inside = 0
        depth, row = len(self._path), self._row
        if len(row) == 1:
            is_row = _matches(self._path[-1], row[0])
            self._has_content = self._has_content or depth > 1
        else:
            is_row = depth == len(row) and self._is_below(depth)
            self._has_place = self._has_place or (depth == len(row) - 1 and self._is_below(depth))
        self._has_rows = self._has_rows or is_row
        return is_row

    def _is_below(self, depth: int) -> bool:
        return all(_matches(a, b) for a, b in zip(self._path[:depth], self._row[:depth], strict=True))


def _matches(tag: str, name: str) -> bool:
    if name.startswith("{*}"):
        return tag.rpartition("}")[2] == name[3:]
    return tag == name


def _refuse_doctype(root: Any) -> None:
    described = root.getroottree().docinfo
    if described.doctype or described.internalDTD is not None:
        raise UnreadableFile(
            "doctype",
            "the document has a DOCTYPE, which feeds do not need and attackers do",
            remedy="ask for the feed without it",
        )


def _forget(element: Any) -> None:
    """Give back the memory of an element and of those before it."""
    parent = element.getparent()
    element.clear(keep_tail=False)
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]


def _line_of(element: Any, last: int) -> int:
    """The source line of an element, exact beyond line 65,535 too.

    libxml2 keeps 16 bits of an element's line; from there on it answers with the line on which the next text *ends*
    (observed with libxml2 2.14), so the breaks of that text are taken off. Where nothing follows yet, the last known
    line has to do.
    """
    line = int(element.sourceline or 0)
    node = element
    while line >= _LINE_LIMIT and node is not None:
        if node.text:
            line -= node.text.count("\n")
            break
        if not len(node) and node.tail:
            line -= node.tail.count("\n")
            break
        node = node[0] if len(node) else node.getnext()
    return max(line, last)

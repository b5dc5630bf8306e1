"""XML feeds: one repeating element is a row, and a path per column says where its text is.

Shapes seen in the trade (sources research, section 11): Google Merchant feeds (RSS 2.0 with the namespace
``http://base.google.com/ns/1.0``, rows at ``rss/channel/item``, or Atom with ``entry``), WordPress exports, and suppliers' own
formats. Stock2Shop names the repeating element ``xml_product_tag``. Its style sheets are not offered: XSLT from a declaration
would be code. A feed that breaks anywhere is not read at all. No orders are written.

A Google Merchant feed is declared as::

    kind: xml_feed
    location: https://supplier.example.com/feed.xml
    namespaces: {g: "http://base.google.com/ns/1.0"}
    row: rss/channel/item
    columns:
      id: g:id
      title: title
      price: g:price
      image: {path: g:additional_image_link, repeat: 10}
"""

import codecs
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from s2s_pipelines.connectors.kit.fetch import Errand, Fetched, probe
from s2s_pipelines.connectors.kit.fetch_settings import FetchSettings
from s2s_pipelines.connectors.kit.glance import glance_at
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.connectors.kit.xml_document import RowStream, XmlBounds, expanded_name
from s2s_pipelines.connectors.kit.xml_path import XmlPath
from s2s_pipelines.errors import ConfigurationError, S2SError
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import Feed
from s2s_pipelines.model.reject import Reject
from s2s_pipelines.ports import BuildContext, Connector, Extract, Glance, Manifest, Source, Verified

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = Manifest(
    kind="xml_feed",
    role="source",
    label="XML feed",
    capabilities=frozenset({"products", "stock", "prices", "customers"}),
    verified_against=(
        Verified("emulator", "local HTTP, FTP (pyftpdlib) and SFTP (paramiko) servers", "2026-11-21"),
        Verified("documentation", "Google Merchant Center help 160589 and 14987622", "2026-11-21"),
    ),
)


class ColumnPath(Declared):
    """Where a column's text is, and what to do with several texts."""

    path: str
    """Path relative to the row, such as ``g:price``, ``@code`` or ``image/@url``."""
    join: str | None = None
    """Puts several texts into one cell, with this between them."""
    repeat: int | None = Field(default=None, ge=1, le=20)
    """Makes so many columns, numbered from 1; a row with more texts is rejected."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.join is not None and self.repeat is not None:
            raise ValueError("declare either join or repeat")
        return self


class FeedDocument(Declared):
    """The document of one feed; what is declared here counts instead of what stands above."""

    file: str | None = None
    """Name of the file under the location; left out, the location is the file."""
    row: str | None = None
    """The repeating element."""
    columns: Mapping[str, str | ColumnPath] | None = None
    """Paths by column."""

    @field_validator("file")
    @classmethod
    def _stay_inside(cls, value: str | None) -> str | None:
        if value is not None and (value.startswith("/") or ".." in value.split("/") or "://" in value):
            raise ValueError("a file is named under the location")
        return value


class Settings(FetchSettings):
    """A connection to XML feeds."""

    kind: Literal["xml_feed"]
    row: str | None = None
    """The repeating element: its name, or its path from the root such as ``rss/channel/item``. Only with a path is a feed
    without rows known from a document of another kind."""
    columns: Mapping[str, str | ColumnPath] | None = None
    """Paths by column, relative to the row."""
    namespaces: Mapping[str, str] = Field(default_factory=dict)
    """Namespaces by the prefix used in paths; ``*:name`` needs none."""
    encoding: str | None = None
    """Encoding of the document, when it declares a wrong one or none."""
    feeds: Mapping[Feed, FeedDocument] = Field(default_factory=dict)
    """Documents by feed. Left out: every feed reads the location."""
    max_rows: int = Field(default=2_000_000, ge=1)
    """Rows of a feed; more refuse the document."""
    max_cell: int = Field(default=1_000_000, ge=1)
    """Characters of a cell; a row with more is rejected."""
    max_depth: int = Field(default=64, ge=2, le=250)
    """Elements inside each other; more refuse the document."""

    @field_validator("encoding")
    @classmethod
    def _know_encoding(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return codecs.lookup(value).name
        except LookupError:
            raise ValueError(f"no encoding is called {value!r}") from None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        for own in self.feeds.values() or (FeedDocument(),):
            row_names(own.row or self.row, self.namespaces)
            Columns(own.columns or self.columns, self.namespaces)
        return self


def row_names(row: str | None, namespaces: Mapping[str, str]) -> tuple[str, ...]:
    """Expanded names from the root to the row.

    Raises:
        ValueError: no row is declared, or a prefix is not.
    """
    names = (row or "").strip("/").split("/")
    if not all(names):
        raise ValueError("declare `row`, the repeating element")
    return tuple(expanded_name(n, namespaces) for n in names)


class Columns:
    """Turns row elements into cells.

    Raises:
        ValueError: no column is declared, one twice, or a path is not supported.
    """

    def __init__(self, declared: Mapping[str, str | ColumnPath] | None, namespaces: Mapping[str, str]) -> None:
        if not declared:
            raise ValueError("declare `columns`, a path for each")
        paths = {name: ColumnPath(path=p) if isinstance(p, str) else p for name, p in declared.items()}
        self._columns = [(name, XmlPath(p.path, namespaces), p) for name, p in paths.items()]
        self.names = [n for name, _, p in self._columns for n in _numbered(name, p.repeat)]
        if len(set(self.names)) < len(self.names):
            raise ValueError("a column is named twice, counting the numbers of repeated ones")

    def cells(self, element: Any) -> list[str | None]:
        """Cells in the order of ``names``: null where nothing is there.

        Raises:
            CellFault: a column has more texts than it may, or elements instead of a text.
        """
        out: list[str | None] = []
        for name, path, declared in self._columns:
            try:
                texts = path.texts(element)
            except ValueError as error:
                raise CellFault(name, "nested_elements", str(error)) from None
            limit = declared.repeat or 1
            if declared.join is not None:
                out.append(declared.join.join(texts) if texts else None)
            elif len(texts) > limit:
                raise CellFault(name, "repeated_value", f"{len(texts)} texts where {limit} may be")
            else:
                out += [*texts, *[None] * (limit - len(texts))]
        return out


def _numbered(name: str, repeat: int | None) -> list[str]:
    return [name] if repeat is None else [f"{name}{i}" for i in range(1, repeat + 1)]


class CellFault(Exception):
    """One row cannot be cut into cells."""

    def __init__(self, column: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.reason = reason
        self.message = message


class XmlFeed:
    """Reads each feed from one document, always all of it or nothing."""

    def __init__(self, settings: Settings, context: BuildContext) -> None:
        self._settings = settings
        self._context = context

    def check(self) -> None:
        """Look whether the documents are there, without reading them."""
        feeds: tuple[Feed, ...] = tuple(self._settings.feeds) or ("products",)
        for feed in feeds:
            try:
                probe(self._errand(feed))
            except S2SError as error:
                raise self._located(error, "check") from None

    def read(self, feed: Feed, since: str | None = None) -> Extract:
        """The whole document of a feed, whatever the cursor: a document does not tell what changed in it."""
        return self.glance(feed).extract()

    def glance(self, feed: Feed) -> Glance:
        """The document as it is; with other paths declared, the same document says something else."""
        manner = self._settings.model_dump_json(exclude=set(FetchSettings.model_fields))
        located = partial(self._located, operation=f"read {feed}")
        return glance_at(partial(self._errand, feed), manner, partial(self._extract, feed), located)

    def _errand(self, feed: Feed) -> Errand:
        feeds = self._settings.feeds
        if feeds and feed not in feeds:
            raise ConfigurationError(f"no document is declared for {feed}", next_step=f"declare feeds.{feed}")
        return self._settings.errand(self._context.folder, feeds[feed].file if feeds else None)

    def _extract(self, feed: Feed, fetched: Fetched, read_at: datetime, fingerprint: str) -> Extract:
        import pyarrow as pa

        settings = self._settings
        own = settings.feeds.get(feed, FeedDocument())
        columns = Columns(own.columns or settings.columns, settings.namespaces)
        stream = RowStream(
            row_names(own.row or settings.row, settings.namespaces), settings.encoding, XmlBounds(settings.max_depth)
        )
        cells, lines, rejects = self._rows(stream, columns, fetched.body)
        return Extract(
            feed=feed,
            table=_table(columns.names, cells),
            rows=pa.array(lines, pa.int64()),
            read_at=read_at,
            is_complete=True,
            fingerprint=fingerprint,
            modified_at=fetched.modified_at,
            rejects=tuple(rejects),
        )

    def _rows(
        self, stream: RowStream, columns: Columns, body: bytes
    ) -> tuple[list[list[str | None]], list[int], list[Reject]]:
        cells: list[list[str | None]] = []
        lines: list[int] = []
        rejects: list[Reject] = []
        for element, line in stream.rows(body):
            if len(lines) + len(rejects) >= self._settings.max_rows:
                raise UnreadableFile(
                    "too_many_rows", f"more than {self._settings.max_rows} rows", line=line, remedy="raise max_rows"
                )
            try:
                row = columns.cells(element)
                self._check_length(columns.names, row)
            except CellFault as fault:
                rejects.append(
                    Reject(
                        line,
                        None,
                        fault.column,
                        fault.reason,
                        "",
                        fault.message,
                        "mend the feed, or declare join or repeat",
                    )
                )
                continue
            cells.append(row)
            lines.append(line)
        return cells, lines, rejects

    def _check_length(self, names: list[str], row: list[str | None]) -> None:
        limit = self._settings.max_cell
        for name, cell in zip(names, row, strict=True):
            if cell is not None and len(cell) > limit:
                raise CellFault(name, "cell_too_large", f"a cell of more than {limit} characters")

    def _located(self, error: S2SError, operation: str) -> S2SError:
        return error.located(client=self._context.client, connection=self._context.connection, operation=operation)


def _table(names: list[str], cells: list[list[str | None]]) -> "pa.Table":
    import pyarrow as pa

    columns = [list(c) for c in zip(*cells, strict=True)] or [[] for _ in names]
    return pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})


def build(settings: object, context: BuildContext) -> Source:
    """The source; nothing is connected yet."""
    return XmlFeed(cast(Settings, settings), context)


CONNECTOR = Connector(manifest=MANIFEST, settings=Settings, build=build)

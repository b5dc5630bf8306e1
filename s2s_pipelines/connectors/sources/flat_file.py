"""Flat files: CSV, TSV, fixed width and XLSX from a folder, a web address, FTP(S) or SFTP.

What the trade does with them (domain research, sections 7 and 17; sources research, section 10): suppliers' price and
stock lists, mostly as a linked source, sometimes as the primary one; header row or declared names; delimiter, file and
transport as settings. Encoding and dialect are found without hints, and a file that can be read in two ways is refused.
No orders are written.
"""

import codecs
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from s2s_pipelines.connectors.kit.dialect import Hints, read_table
from s2s_pipelines.connectors.kit.encoding import decode
from s2s_pipelines.connectors.kit.fetch import Errand, Fetched, probe
from s2s_pipelines.connectors.kit.fetch_settings import FetchSettings
from s2s_pipelines.connectors.kit.fixed_width import FixedColumn, read_fixed_width
from s2s_pipelines.connectors.kit.glance import glance_at
from s2s_pipelines.connectors.kit.layout import Grid, Wanted
from s2s_pipelines.connectors.kit.spreadsheet import is_workbook, read_workbook
from s2s_pipelines.connectors.kit.table import Bounds, to_table
from s2s_pipelines.errors import ConfigurationError, S2SError
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import Feed
from s2s_pipelines.ports import BuildContext, Connector, Extract, Glance, Manifest, Source, Verified

MANIFEST = Manifest(
    kind="flat_file",
    role="source",
    label="Flat file (CSV, TSV, fixed width, XLSX)",
    capabilities=frozenset({"products", "stock", "prices", "customers"}),
    verified_against=(
        Verified("emulator", "local HTTP and FTPS (pyftpdlib) and SFTP (paramiko) servers", "2026-11-21"),
        Verified("documentation", "Stock2Shop's flat-file pages, 2021", "2026-11-21"),
    ),
)


class Layout(Declared):
    """How a file is written. Whatever is left out is found in the file."""

    format: Literal["auto", "delimited", "fixed_width", "xlsx"] = "auto"
    """``auto`` tells workbooks from delimited text; fixed width has to be declared with its columns."""
    encoding: str | None = None
    """Encoding of the text, such as ``cp850``. Left out: byte-order mark, UTF-8, else Windows-1252 with a warning."""
    delimiter: str | None = Field(default=None, min_length=1, max_length=3)
    """What stands between cells; ``tab`` for a tab."""
    quote: str | None = Field(default=None, max_length=1)
    """The quoting character; empty when quotes are ordinary characters."""
    escape: str | None = Field(default=None, min_length=1, max_length=1)
    """The character that takes the meaning from the next one."""
    header: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Names of the columns, for files without a header, or instead of it when header_row is declared too."""
    header_row: int | None = Field(default=None, ge=1)
    """Line (sheets: row) on which the header begins; for fixed width the last line above the rows."""
    header_rows: int = Field(default=1, ge=1, le=5)
    """Lines the header takes; their cells are joined with a blank."""
    table: int | None = Field(default=None, ge=1)
    """Which of several tables in the file, divided by blank lines."""
    sheet: str | None = None
    """Name of the sheet in a workbook."""
    columns: tuple[FixedColumn, ...] | None = Field(default=None, min_length=1)
    """Columns of a fixed-width file."""

    @field_validator("delimiter")
    @classmethod
    def _name_delimiter(cls, value: str | None) -> str | None:
        value = "\t" if value == "tab" else value
        if value and any(c in "\r\n\"'" for c in value):
            raise ValueError("a delimiter is no quote and no line end")
        return value

    @field_validator("encoding")
    @classmethod
    def _know_encoding(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"no encoding is called {value!r}") from None
        return codecs.lookup(value).name

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.format == "fixed_width") != (self.columns is not None):
            raise ValueError("format fixed_width and columns go together")
        if self.header is not None and len(set(self.header)) < len(self.header):
            raise ValueError("header names a column twice")
        return self


class FeedFile(Layout):
    """The file of one feed; what is declared here counts instead of what stands above."""

    file: str | None = None
    """Name of the file under the location; left out, the location is the file."""

    @field_validator("file")
    @classmethod
    def _stay_inside(cls, value: str | None) -> str | None:
        if value is not None and (value.startswith("/") or ".." in value.split("/") or "://" in value):
            raise ValueError("a file is named under the location")
        return value


class Settings(FetchSettings, Layout):
    """A connection to flat files."""

    kind: Literal["flat_file"]
    feeds: Mapping[Feed, FeedFile] = Field(default_factory=dict)
    """Files by feed. Left out: every feed reads the location."""
    max_rows: int = Field(default=2_000_000, ge=1)
    """Rows of a feed; more refuse the file."""
    max_cell: int = Field(default=1_000_000, ge=1)
    """Characters of a cell; a row with more is rejected."""


class FlatFile:
    """Reads each feed from one file, always all of it."""

    def __init__(self, settings: Settings, context: BuildContext) -> None:
        self._settings = settings
        self._context = context

    def check(self) -> None:
        """Look whether the files are there, without reading them."""
        feeds: tuple[Feed, ...] = tuple(self._settings.feeds) or ("products",)
        for feed in feeds:
            try:
                probe(self._errand(feed))
            except S2SError as error:
                raise self._located(error, "check") from None

    def read(self, feed: Feed, since: str | None = None) -> Extract:
        """The whole file of a feed, whatever the cursor: a file does not tell what changed in it."""
        return self.glance(feed).extract()

    def glance(self, feed: Feed) -> Glance:
        """The file as it is; with another encoding declared, the same file says something else."""
        manner = f"{self._layout(feed).model_dump_json()}{self._settings.max_cell}"
        located = partial(self._located, operation=f"read {feed}")
        return glance_at(partial(self._errand, feed), manner, partial(self._extract, feed), located)

    def _errand(self, feed: Feed) -> Errand:
        feeds = self._settings.feeds
        if feeds and feed not in feeds:
            raise ConfigurationError(f"no file is declared for {feed}", next_step=f"declare feeds.{feed}")
        return self._settings.errand(self._context.folder, feeds[feed].file if feeds else None)

    def _extract(self, feed: Feed, fetched: Fetched, read_at: datetime, fingerprint: str) -> Extract:
        settings, layout = self._settings, self._layout(feed)
        grid = read_grid(fetched.body, layout, max_expanded=settings.max_bytes)
        table, rows = to_table(grid, Bounds(settings.max_rows, settings.max_cell))
        return Extract(
            feed=feed,
            table=table,
            rows=rows,
            read_at=read_at,
            is_complete=True,
            fingerprint=fingerprint,
            modified_at=fetched.modified_at,
            rejects=tuple(sorted(grid.rejects, key=lambda r: r.row)),
            notes=tuple(grid.notes),
        )

    def _layout(self, feed: Feed) -> Layout:
        names = set(Layout.model_fields)
        own = self._settings.feeds.get(feed)
        declared = {n: getattr(self._settings, n) for n in names}
        if own is not None:
            declared |= {n: getattr(own, n) for n in own.model_fields_set & names}
        return Layout.model_construct(**declared)

    def _located(self, error: S2SError, operation: str) -> S2SError:
        return error.located(client=self._context.client, connection=self._context.connection, operation=operation)


def read_grid(body: bytes, layout: Layout, *, max_expanded: int) -> Grid:
    """The table in the bytes of a file.

    Raises:
        UnreadableFile: no reading of it is beyond doubt.
    """
    wanted = Wanted(layout.header, layout.header_row, layout.header_rows, layout.table)
    if layout.format == "xlsx" or (layout.format == "auto" and is_workbook(body)):
        return read_workbook(body, wanted, sheet=layout.sheet, max_expanded=max_expanded)
    decoded = decode(body, layout.encoding)
    if layout.columns is not None:
        skipped = layout.header_row + layout.header_rows - 1 if layout.header_row else 0
        grid = read_fixed_width(decoded.text, layout.columns, skipped)
    else:
        grid, _ = read_table(decoded.text, Hints(layout.delimiter, layout.quote, layout.escape), wanted)
    grid.notes[:0] = decoded.notes
    return grid


def build(settings: object, context: BuildContext) -> Source:
    """The source; nothing is connected yet."""
    return FlatFile(cast(Settings, settings), context)


CONNECTOR = Connector(manifest=MANIFEST, settings=Settings, build=build)

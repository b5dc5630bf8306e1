"""Any SQL database: PostgreSQL, MariaDB, MySQL, SQLite or whatever has a SQLAlchemy dialect or an ODBC driver.

The site says what is where. Products, stock, prices and customers are each a query in a file of the client's ``queries``
folder, or a table with its columns; documents go into a header and a line table that the site declares, in one transaction
under a unique reference.

Facts: four SELECTs, trimmed padding, overlap on the modified column and a staging table with a unique reference (sources
research, section 12); logins for reading and for writing are two (erp-sql research, section 0.2); the engines' own ways to refuse
writes are in ``kit.database_connection``.

Reading uses a login that cannot write. Grant it SELECT and nothing else: the read-only transaction is a second fence, not
the first. ``orders`` names a login of its own, which needs SELECT and INSERT on the two tables.
"""

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.connectors.kit import database_read, database_stamp, text_table
from s2s_pipelines.connectors.kit.database_connection import Database
from s2s_pipelines.connectors.kit.database_order import OrderDesk, OrderTables
from s2s_pipelines.connectors.kit.database_order_check import check_order_tables
from s2s_pipelines.connectors.kit.database_order_map import order_map
from s2s_pipelines.connectors.kit.sql_text import has_order, one_statement
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import Feed
from s2s_pipelines.model.order import Document, Receipt
from s2s_pipelines.ports import BuildContext, Connector, Extract, Manifest, Verified

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = Manifest(
    kind="sql",
    role="source",
    label="SQL database",
    capabilities=frozenset({"products", "stock", "prices", "customers", "orders", "incremental"}),
    verified_against=(
        Verified("real server", "PostgreSQL 15, psycopg2 2.9 and psqlodbc 13", "2026-11-21"),
        Verified("real server", "MariaDB 10.11, PyMySQL 1.2 and MariaDB Connector/ODBC 3.1", "2026-11-21"),
        Verified("real server", "SQLite 3, Python's own and sqliteodbc 0.99", "2026-11-21"),
    ),
    document_kinds=("sales_order", "invoice", "quotation"),
    reference_length=40,
    enforces_reference=True,
)

Name = Annotated[str, Field(min_length=1, max_length=256)]


class FeedSettings(Declared):
    """Where one feed comes from: a query, or a table and its columns."""

    query: Name | None = None
    """A file in the client's ``queries`` folder holding one SELECT. Give it an ORDER BY, or its rows are sorted by content."""
    table: Name | None = None
    """A table or view, ``schema.table`` too, spelled as the database has it."""
    columns: tuple[Name, ...] = ()
    """The table's columns to read."""
    key: tuple[Name, ...] = ()
    """The table's columns that put its rows in order."""
    modified_column: Name | None = None
    """A column of the result that grows when a row changes (a time or a number); without it every read is a full one."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.query is None) == (self.table is None):
            raise ValueError("name either a query file or a table")
        if self.table and not self.columns:
            raise ValueError("name the columns to read from the table")
        if self.query and (self.columns or self.key):
            raise ValueError("columns and key belong to a table; a query says both itself")
        return self


class HeaderSettings(Declared):
    """The table that holds one row per document."""

    table: Name
    """Its name, ``schema.table`` too."""
    reference: Name
    """The column of our external reference; a unique index must be on it, 40 characters must fit."""
    number: Name
    """The column with the ERP's own number, filled by the database; or the reference column where there is none."""
    key: Name | None = None
    """The column that lines refer to; ``number`` unless said."""
    raised_at: Name | None = None
    """The column that tells when the document was written, if any."""
    constants: dict[str, str] = {}
    """Columns that get the same text in every document, such as ``{status: NEW}``."""


class LineSettings(Declared):
    """The table that holds one row per line of a document."""

    table: Name
    """Its name, ``schema.table`` too."""
    parent: Name
    """The column that refers to the header's ``key``."""
    constants: dict[str, str] = {}
    """Columns that get the same text in every line."""


class OrderSettings(Declared):
    """Where documents are written; which field goes to which column is in the source's field map (feed ``orders``)."""

    url: SecretRef
    """The URL or connection string of a login that may write to these two tables."""
    header: HeaderSettings
    """The documents."""
    line: LineSettings
    """Their lines."""


class Settings(Declared):
    """A SQL database."""

    kind: Literal["sql"]
    """The connector."""
    url: SecretRef
    """A SQLAlchemy URL, or an ODBC connection string (``Driver=...`` or ``DSN=...``), of a login that cannot write."""
    feeds: dict[Feed, FeedSettings] = {}
    """The feeds this database has."""
    statement_timeout_s: Annotated[float, Field(gt=0, le=7200)] = 600
    """How long one statement may take."""
    row_limit: Annotated[int, Field(ge=1, le=50_000_000)] = 5_000_000
    """More rows than this are an error."""
    overlap_s: Annotated[int, Field(ge=0)] = 600
    """How far an incremental read goes back behind the newest stamp it saw, for rows that were committed late."""
    orders: OrderSettings | None = None
    """Where documents are written; without it this database takes none."""


class SqlSource:
    """One database: reads feeds, and takes documents where that is declared."""

    def __init__(self, settings: Settings, context: BuildContext) -> None:
        self.settings, self.context = settings, context

    def check(self) -> None:
        """Run every declared query without reading a row, and look whether the order tables fit."""
        with self._reader.opened("check the connection") as connection:
            for feed in self.settings.feeds:
                operation = f"check {feed}"
                names = database_read.columns_of(self._reader, connection, self._statement(feed), operation)
                self._require(self.settings.feeds[feed].modified_column, names, operation)
        if self.settings.orders is not None:
            desk = self._desk
            check_order_tables(desk.reading, desk.tables, desk.columns, MANIFEST.reference_length)

    def read(self, feed: Feed, since: str | None = None) -> Extract:
        """See `Source.read`; a cursor is the newest stamp seen, and a read goes back behind it by the overlap."""
        read_at = datetime.now(UTC)
        operation = f"read {feed}"
        statement, column = self._statement(feed), self._declared(feed).modified_column
        since = since if column else None
        ordered = has_order(statement) and since is None
        if since is not None and column:
            statement = self._since(statement, column, since, operation)
        table = text_table.tidied(
            database_read.read_text(self._reader, statement, row_limit=self.settings.row_limit, operation=operation)
        )
        self._require(column, table.column_names, operation)
        if not ordered:
            table = text_table.in_content_order(table)
        return Extract(
            feed=feed,
            table=table,
            rows=text_table.counted(table.num_rows),
            read_at=read_at,
            is_complete=since is None,
            fingerprint=text_table.fingerprint(table),
            cursor=self._cursor(table.column(column), since, read_at, operation) if column else None,
        )

    def find(self, reference: str) -> Receipt | None:
        """See `OrderSink.find`."""
        return self._desk.find(reference)

    def raise_order(self, document: Document) -> Receipt:
        """See `OrderSink.raise_order`."""
        return self._desk.raise_order(document)

    @cached_property
    def _reader(self) -> Database:
        return self._database(self.settings.url, read_only=True)

    def _database(self, url: SecretRef, *, read_only: bool) -> Database:
        context = self.context
        return Database(
            url.reveal(),
            client=context.client,
            connection=context.connection,
            read_only=read_only,
            timeout_s=self.settings.statement_timeout_s,
        )

    @cached_property
    def _desk(self) -> OrderDesk:
        orders = self.settings.orders
        if orders is None:
            raise self._fault("this database is not declared to take orders", "declare orders: {url, header, line}")
        header, line = orders.header, orders.line
        tables = OrderTables(
            header=header.table,
            reference=header.reference,
            number=header.number,
            key=header.key or header.number,
            line=line.table,
            parent=line.parent,
            raised_at=header.raised_at,
            header_constants=header.constants,
            line_constants=line.constants,
        )
        try:
            columns = order_map(self.context.fields.get("orders", ()))
        except ConfigurationError as error:
            raise error.located(client=self.context.client, connection=self.context.connection) from None
        return OrderDesk(
            self._database(orders.url, read_only=True),
            self._database(orders.url, read_only=False),
            tables,
            columns,
            self.context.timezone,
        )

    def _declared(self, feed: Feed) -> FeedSettings:
        if feed not in self.settings.feeds:
            raise self._fault(f"this database declares no feed {feed}", f"declare feeds: {{{feed}: ...}}")
        return self.settings.feeds[feed]

    def _statement(self, feed: Feed) -> str:
        declared = self._declared(feed)
        if declared.query is not None:
            return self._query(declared.query)
        quoted = self._reader.quoted(f"read {feed}")
        # Without the table's name before it SQLite takes a quoted column that is not there for a text.
        names, order = (", ".join(f"t.{quoted(name)}" for name in group) for group in (declared.columns, declared.key))
        table = ".".join(map(quoted, str(declared.table).split(".")))
        return f"SELECT {names} FROM {table} t" + (f" ORDER BY {order}" if order else "")  # noqa: S608 - quoted names

    def _query(self, name: str) -> str:
        folder = (Path(self.context.folder) / "queries").resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise self._fault(f"there is no query file {name}", "write it into the client's queries folder")
        try:
            return one_statement(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise self._fault(f"the query file {name} cannot be used: {error}", "write one SELECT in UTF-8") from None

    def _since(self, statement: str, column: str, since: str, operation: str) -> str:
        if not database_stamp.is_stamp(since):
            raise self._fault("the cursor is not one of ours", "read the feed in full once", operation)
        name = self._reader.quoted(operation)(column)
        bound = database_stamp.literal(database_stamp.earlier(since, self.settings.overlap_s))
        # Rows without a stamp can never be told unchanged, so they always come.
        return f"SELECT * FROM (\n{statement}\n) feed WHERE feed.{name} >= {bound} OR feed.{name} IS NULL"  # noqa: S608

    def _cursor(self, stamps: "pa.ChunkedArray", since: str | None, read_at: datetime, operation: str) -> str | None:
        try:
            found = database_stamp.newest_in(stamps)
        except ValueError:
            raise self._fault(
                "the modified column holds neither times nor numbers",
                "name another modified_column, or none",
                operation,
            ) from None
        bounded = [database_stamp.not_after(found, read_at, self.context.timezone)] if found else []
        return database_stamp.newest([*bounded, *([since] if since else [])])

    def _require(self, column: str | None, names: list[str], operation: str) -> None:
        if column is not None and column not in names:
            raise self._fault(f"the feed has no column {column}", f"name one of: {', '.join(names)}", operation)

    def _fault(self, message: str, next_step: str, operation: str | None = None) -> ConfigurationError:
        return ConfigurationError(
            message,
            client=self.context.client,
            connection=self.context.connection,
            operation=operation,
            next_step=next_step,
        )


def build(settings: object, context: BuildContext) -> SqlSource:
    """Make the source; nothing is connected and no secret read before the first call."""
    return SqlSource(cast("Settings", settings), context)


CONNECTOR = Connector(manifest=MANIFEST, settings=Settings, build=build)

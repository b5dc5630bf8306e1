"""A SQLAlchemy dialect that knows an ODBC driver and nothing of the engine behind it.

It is loaded by name when a connection string is used, so that importing a connector does not import SQLAlchemy.
"""

from typing import Any, cast

from sqlalchemy.connectors.pyodbc import PyODBCConnector
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import PoolProxiedConnection


class AnyOdbc(PyODBCConnector, DefaultDialect):
    """Plain SQL with question marks; names are quoted as the driver says."""

    name = "s2sodbc"
    driver = "pyodbc"
    supports_statement_cache = True
    supports_native_decimal = True

    def initialize(self, connection: Any) -> None:
        """Ask the driver for the engine's name and its quotation mark; send nothing."""
        raw = cast("PoolProxiedConnection", connection.connection).dbapi_connection
        pyodbc = self.loaded_dbapi
        self.dbms_name = str(raw.getinfo(pyodbc.SQL_DBMS_NAME))  # type: ignore[union-attr]
        self.has_transactions = bool(raw.getinfo(pyodbc.SQL_TXN_CAPABLE))  # type: ignore[union-attr]
        quote = str(raw.getinfo(pyodbc.SQL_IDENTIFIER_QUOTE_CHAR)).strip()  # type: ignore[union-attr]
        self.identifier_preparer.initial_quote = self.identifier_preparer.final_quote = quote
        self.identifier_preparer.escape_quote = quote
        self.identifier_preparer.escape_to_quote = quote * 2

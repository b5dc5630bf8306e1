"""What tests need of the machine: real servers of their own, drivers and a browser.

The servers are those of ``s2s_pipelines.sandboxes.database_server``, which benchmarks start too. `missing(need)` says why
something cannot be had on this machine, or None; `tests/conftest.py` leaves out the tests that need it, in one counted line,
or fails them when ``S2S_REQUIRE_SERVERS=1``.
"""

import functools
import shutil
from collections.abc import Callable

from s2s_pipelines.sandboxes.database_server import PASSWORD, Server, free_port, mariadb, missing_server, postgres

__all__ = ["PASSWORD", "Server", "chromium", "free_port", "mariadb", "missing", "postgres"]


@functools.cache
def missing(need: str) -> str | None:
    """Why a need (``postgres``, ``mariadb``, ``odbc_postgres``, ``odbc_mariadb``, ``odbc_sqlite``, ``chromium``) is not met."""
    checks: dict[str, Callable[[], str | None]] = {
        "postgres": lambda: missing_server("postgres"),
        "mariadb": lambda: missing_server("mariadb"),
        "odbc_postgres": lambda: missing("postgres") or _missing_driver("PostgreSQL Unicode"),
        "odbc_mariadb": lambda: missing("mariadb") or _missing_driver("MariaDB Unicode"),
        "odbc_sqlite": lambda: _missing_driver("SQLite3"),
        "chromium": lambda: None if chromium() else "Chromium is not installed",
    }
    if need not in checks:
        return f"nobody knows how to start {need}"
    return checks[need]()


def _missing_driver(name: str) -> str | None:
    try:
        import pyodbc
    except ImportError:
        return "pyodbc cannot be loaded"
    return None if name in pyodbc.drivers() else f"the ODBC driver {name} is not installed"


def chromium() -> str | None:
    """The browser's program, if it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

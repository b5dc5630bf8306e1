"""Fixtures that every room may use, and the rule for tests that need a real server.

A test marked ``server`` names what it needs by the fixtures it asks for, or in the mark: ``@pytest.mark.server("postgres",
"odbc_postgres")``. Where that is not installed the test is left out and counted in one line at the end; with
``S2S_REQUIRE_SERVERS=1`` (as in continuous integration) it fails instead.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers

_FIXTURE_NEEDS = {
    "postgres_server": "postgres",
    "mariadb_server": "mariadb",
    "postgres_odbc": "odbc_postgres",
    "mariadb_odbc": "odbc_mariadb",
    "sqlite_odbc": "odbc_sqlite",
    "chromium_path": "chromium",
}
_LEFT_OUT: pytest.StashKey[Counter[str]] = pytest.StashKey()


def _is_required() -> bool:
    return os.environ.get("S2S_REQUIRE_SERVERS") == "1"


def _needs(item: pytest.Item) -> list[str]:
    named = [need for mark in item.iter_markers("server") for need in mark.args]
    asked = [need for name, need in _FIXTURE_NEEDS.items() if name in getattr(item, "fixturenames", ())]
    return list(dict.fromkeys([*named, *asked]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out: Counter[str] = Counter()
    kept, dropped = [], []
    for item in items:
        gaps = [gap for gap in map(servers.missing, _needs(item)) if gap]
        if gaps and not _is_required():
            left_out[gaps[0]] += 1
            dropped.append(item)
        else:
            kept.append(item)
    config.stash[_LEFT_OUT] = left_out
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_runtest_setup(item: pytest.Item) -> None:
    gaps = [gap for gap in map(servers.missing, _needs(item)) if gap]
    if gaps:
        pytest.fail(f"S2S_REQUIRE_SERVERS=1, but {'; '.join(gaps)}", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of a parallel run tells its main process what it left out; all workers collect the same tests."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = dict(session.config.stash.get(_LEFT_OUT, Counter()))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The main process of a parallel run hears from a worker."""
    told = getattr(node, "workeroutput", {}).get("left_out")
    if told:
        node.config.stash[_LEFT_OUT] = Counter(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = config.stash.get(_LEFT_OUT, Counter())
    if left_out:
        reasons = ", ".join(f"{count} because {gap}" for gap, count in sorted(left_out.items()))
        terminalreporter.write_line(f"left out: {left_out.total()} tests that need a server: {reasons}", yellow=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Server]:
    """A real PostgreSQL for this test process."""
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[servers.Server]:
    """A real MariaDB for this test process."""
    with servers.mariadb() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: servers.Server) -> str:
    """The SQLAlchemy URL of a new, empty PostgreSQL database; the login owns it."""
    return postgres_server.url(postgres_server.new_database())


@pytest.fixture
def mariadb_url(mariadb_server: servers.Server) -> str:
    """The SQLAlchemy URL of a new, empty MariaDB database; the login owns it."""
    return mariadb_server.url(mariadb_server.new_database())


@pytest.fixture
def postgres_odbc(postgres_server: servers.Server) -> str:
    """The ODBC connection string of a new, empty PostgreSQL database."""
    return postgres_server.odbc(postgres_server.new_database())


@pytest.fixture
def mariadb_odbc(mariadb_server: servers.Server) -> str:
    """The ODBC connection string of a new, empty MariaDB database."""
    return mariadb_server.odbc(mariadb_server.new_database())


@pytest.fixture
def sqlite_odbc(tmp_path: Path) -> str:
    """The ODBC connection string of a SQLite file that does not exist yet."""
    return f"Driver={{SQLite3}};Database={tmp_path / 'trial.sqlite'}"


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The headless browser's program."""
    path = servers.chromium()
    assert path is not None
    return path

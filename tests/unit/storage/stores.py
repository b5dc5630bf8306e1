"""A clock that tests move, and a database with our tables."""

from datetime import UTC, datetime, timedelta

import pytest

from s2s_pipelines.storage import schema
from s2s_pipelines.storage.engine import make_engine

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.server("postgres"))]
"""Parameters of a fixture for which ``engine_of`` opens a database."""


class HandClock:
    """Stands still until somebody moves it."""

    def __init__(self, at=NOON):
        self.at = at

    def now(self):
        return self.at

    def move(self, **delta):
        self.at += timedelta(**delta)
        return self.at


def make_database(folder, url=None):
    """Our tables in a fresh SQLite file below the folder, or in the database at the address."""
    engine = make_engine(url or f"sqlite:///{folder}/ours.db")
    schema.metadata.create_all(engine)
    return engine


def engine_of(request, folder):
    """The database that a fixture's parameter names."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return make_database(folder, url)

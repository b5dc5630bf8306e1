"""A clock that tests move, and a database with our tables."""

from datetime import UTC, datetime, timedelta

from s2s_pipelines.storage import schema
from s2s_pipelines.storage.engine import make_engine

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class HandClock:
    """Stands still until somebody moves it."""

    def __init__(self, at=NOON):
        self.at = at

    def now(self):
        return self.at

    def move(self, **delta):
        self.at += timedelta(**delta)
        return self.at


def make_database(folder):
    """A fresh SQLite database below the folder."""
    engine = make_engine(f"sqlite:///{folder}/ours.db")
    schema.metadata.create_all(engine)
    return engine

"""Which revision our own database has, told without loading Alembic: every run's worker asks, and few must migrate."""

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

VERSION_TABLE = "s2s_alembic_version"
"""Alembic's table of ours; Dagster's own may stand beside it in the same database."""

HEAD = "0002"
"""The newest revision below ``migrations/versions``; a test holds the two together."""


def is_newest(engine: sa.Engine) -> bool:
    """Whether the database has the newest revision; False also when it has none yet."""
    try:
        with engine.connect() as connection:
            found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608 # our own name
    except (OperationalError, ProgrammingError):
        return False
    return found == [HEAD]

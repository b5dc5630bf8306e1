"""Brings our own database to the tables of ``storage.schema``, by Alembic's migrations beside this module."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.storage.revision import VERSION_TABLE
from s2s_pipelines.storage.schema import metadata
from s2s_pipelines.storage.transaction import writing

_FOLDER = Path(__file__).parent / "migrations"
_POSTGRES_LOCK = 7_236_115_204_001
"""Any number will do, as long as every process of ours asks for the same: two must not migrate at once."""


def migrate(engine: sa.Engine) -> str:
    """Bring the database to the newest revision and return its name; safe to call at every start.

    Everything happens in one transaction (both databases roll back tables too), and two callers wait for each other.
    """
    with writing(engine, "migrate our database") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRES_LOCK)))
        upgrade(connection, "head")
    return newest()


def upgrade(connection: sa.Connection, revision: str) -> None:
    """Bring the tables to a revision, or to ``head``, within the caller's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def drop_all(connection: sa.Connection) -> None:
    """Drop our tables, which must be of the newest revision, with everything in them; within the caller's transaction."""
    metadata.drop_all(connection)
    connection.execute(sa.text(f"DROP TABLE {VERSION_TABLE}"))


def revisions() -> frozenset[str]:
    """Every revision this program knows."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def newest() -> str:
    """The newest revision this program knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return head or ""


def current(engine: sa.Engine) -> str | None:
    """The revision the database has; None before the first migration."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def check_current(engine: sa.Engine) -> None:
    """Refuse to work on a database that is older or newer than this program.

    Raises:
        ConfigurationError: it has another revision.
    """
    have = current(engine)
    if have != newest():
        raise ConfigurationError(
            f"our own database has revision {have or 'none'}, this program needs {newest()}",
            operation="open our database",
            next_step="run the migration with this version of the program",
        )


def differences(engine: sa.Engine) -> list[Any]:
    """What the database has otherwise than ``storage.schema`` says; empty when they agree."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
        )
        return list(compare_metadata(context, metadata))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config

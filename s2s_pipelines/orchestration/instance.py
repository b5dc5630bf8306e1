"""Dagster's own storage, chosen by environment alone, so that one dagster.yaml serves SQLite and PostgreSQL.

``dagster.yaml`` names these classes; each hands back Dagster's stock class with the place filled in. Everything lands in the
one folder of ``S2S_HOME``. An unset ``{env: …}`` in the YAML would raise, which is why the classes read the environment.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from s2s_pipelines.config.environment import Environment
from s2s_pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from dagster_postgres.storage import DagsterPostgresStorage


def _environment() -> Environment:
    return Environment.from_mapping(os.environ)


@contextmanager
def opened_instance() -> Iterator[dg.DagsterInstance]:
    """The instance that the environment describes, for commands.

    Raises:
        ConfigurationError: ``DAGSTER_HOME`` does not name a folder with a ``dagster.yaml``.
    """
    home = os.environ.get("DAGSTER_HOME", "")
    if not Path(home, "dagster.yaml").is_file() or not Path(home).is_absolute():
        raise ConfigurationError(
            "DAGSTER_HOME does not name the folder of dagster.yaml",
            operation="open Dagster's storage",
            next_step="set DAGSTER_HOME to that folder's whole path",
        )
    with dg.DagsterInstance.get() as instance:
        yield instance


class StorageByEnvironment(DagsterSqliteStorage):
    """Runs, events and schedules: SQLite below ``S2S_HOME``, or PostgreSQL when the environment names one."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the environment decides."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> DagsterStorage:  # type: ignore[override] # hands back the stock class
        """The stock storage class of the database in use."""
        environment = _environment()
        if environment.dagster_database_url:
            from dagster_postgres.storage import DagsterPostgresStorage

            return _pooled(DagsterPostgresStorage(environment.dagster_database_url, inst_data=inst_data))
        return DagsterSqliteStorage(str(environment.home / "dagster"), inst_data=inst_data)


def _pooled(storage: "DagsterPostgresStorage") -> "DagsterPostgresStorage":
    """The same storage with a pool of connections.

    As shipped (dagster-postgres 0.29) everything but the webserver connects anew for every statement: with a thousand clients
    half of what the daemon and the workers of cycles did. There is no public place for it; without it, all is as shipped.
    """
    from s2s_pipelines.storage.pool import share_connections

    share_connections((storage.run_storage, storage.event_log_storage, storage.schedule_storage))
    return storage


class ArtifactsByEnvironment(LocalArtifactStorage):
    """Intermediate artifacts below ``S2S_HOME``."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the environment decides."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> LocalArtifactStorage:  # type: ignore[override] # hands back the stock class
        """The stock class with its folder."""
        return LocalArtifactStorage(str(_environment().home / "dagster"), inst_data=inst_data)


class LogsByEnvironment(LocalComputeLogManager):
    """Output of runs below ``S2S_HOME``."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration: the environment decides."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> LocalComputeLogManager:  # type: ignore[override] # hands back the stock class
        """The stock class with its folder."""
        return LocalComputeLogManager(str(_environment().home / "dagster" / "logs"), inst_data=inst_data)

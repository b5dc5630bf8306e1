"""What the environment may say, and the defaults for when it says nothing.

============================ =========================================================================
variable                     meaning
============================ =========================================================================
``S2S_ROOT``                 folder that holds ``assets/`` and ``resources/``; default: ``DAGSTER_HOME``, else here
``S2S_HOME``                 the one folder everything is written to; default: ``var`` below the root
``S2S_DATABASE_URL``         our own database; default: SQLite in ``S2S_HOME``
``S2S_DAGSTER_DATABASE_URL`` Dagster's storage; default: as ``S2S_DATABASE_URL`` if that is PostgreSQL, else SQLite
``S2S_SHARD``                which share of the clients a code server serves, such as ``2/4``; default: all
============================ =========================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    """Where declarations are read and where everything is written."""

    root: Path
    home: Path
    database_url: str
    dagster_database_url: str | None

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str], *, here: Path | None = None) -> "Environment":
        """Read the variables above; an empty mapping is enough.

        Args:
            environ: usually ``os.environ``.
            here: what "here" is; default the working directory.
        """
        root = Path(environ.get("S2S_ROOT") or environ.get("DAGSTER_HOME") or here or Path.cwd()).resolve()
        home = Path(environ.get("S2S_HOME") or root / "var").resolve()
        database_url = environ.get("S2S_DATABASE_URL") or f"sqlite:///{home / 's2s.db'}"
        dagster_url = environ.get("S2S_DAGSTER_DATABASE_URL") or (database_url if is_postgres(database_url) else None)
        return cls(root, home, database_url, with_driver(dagster_url) if dagster_url else None)


def is_postgres(url: str) -> bool:
    """Whether a database URL means PostgreSQL.

    >>> is_postgres("postgresql://db/s2s"), is_postgres("sqlite://")
    (True, False)
    """
    return url.startswith(("postgresql:", "postgresql+", "postgres:"))


def with_driver(url: str) -> str:
    """Name the installed driver: SQLAlchemy 2.1 reads a bare ``postgresql://`` as psycopg 3, which is not required here.

    >>> with_driver("postgresql://db/s2s")
    'postgresql+psycopg2://db/s2s'
    """
    for bare in ("postgresql://", "postgres://"):
        if url.startswith(bare):
            return "postgresql+psycopg2://" + url.removeprefix(bare)
    return url

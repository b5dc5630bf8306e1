"""The note that an installation was moved to another database, which keeps it from being used by mistake."""

from datetime import datetime
from pathlib import Path

from s2s_pipelines.errors import ConfigurationError

NOTE = "moved_to_postgresql.txt"


def write_note(home: Path, now: datetime) -> None:
    """Leave the note beside the old files."""
    text = (
        f"On {now:%Y-%m-%d at %H:%M %Z} this installation was moved to PostgreSQL by `s2s move`.\n"
        "The SQLite files here are as they were then and no longer used. To go back to them, and lose what happened since,\n"
        "delete this note.\n"
    )
    (home / NOTE).write_text(text, encoding="utf-8")


def check_not_moved(home: Path) -> None:
    """Refuse to work on SQLite files that were moved away from.

    Raises:
        ConfigurationError: the note is there.
    """
    if (home / NOTE).exists():
        raise ConfigurationError(
            f"this installation was moved to PostgreSQL, see {NOTE} in S2S_HOME",
            operation="open our database",
            next_step="set S2S_DATABASE_URL to the new address for this service as well",
        )

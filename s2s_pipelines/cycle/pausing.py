"""How the work asks, before each step, whether a person stopped that step for a while."""

from typing import Protocol

from s2s_pipelines.errors import PausedError
from s2s_pipelines.model.pause import Activity, Pause


class PauseOf(Protocol):
    """Looks up what stops an activity of one client now."""

    def __call__(self, activity: Activity, *, source: str | None = None, channel: str | None = None) -> Pause | None:
        """The pause that stops it, or None."""


def never_paused(activity: Activity, *, source: str | None = None, channel: str | None = None) -> Pause | None:
    """Nothing is stopped."""
    return None


def paused_error(pause: Pause, *, client: str, connection: str | None = None, operation: str) -> PausedError:
    """The pause as an error, for whoever asked for what it stops."""
    return PausedError(pause.message, client=client, connection=connection, operation=operation, next_step=pause.remedy)

"""Runs, workers, sensors and schedules that failed, as causes that hold until the same work was done without failing. Pure.

What failed is known by an event, not by a state of ours: it holds from the failing run until a later run of the same job did the
same work for the same client, or until nothing more was heard of it for a day.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from s2s_pipelines.cycle.alerting import Alert
from s2s_pipelines.cycle.cause import Cause, shortened
from s2s_pipelines.cycle.place import run_page

LAPSE = timedelta(days=1)
"""A failure that nothing repeated and nothing disproved for that long is over."""

KINDS_OF_RUNS = ("failed_run", "killed_worker")
NOBODY = "-"
"""In place of a client where none is concerned, or many are."""

_REMEDY = "look at the run; what is due is taken up again by itself, what a person launched is not"
_KILLED_REMEDY = "look at the run and at the memory of the machine; what is due is taken up again by itself"


@dataclass(frozen=True, slots=True)
class FailedStep:
    """A step that failed.

    Attributes:
        text: why, without anything that is not for everybody.
        by_client: why, for each client whose part of it failed; empty where it failed as a whole.
    """

    step: str
    text: str
    by_client: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that ended.

    Attributes:
        job: its name; ``label`` is that name for people.
        clients: those it was for; empty: all of them, or none in particular.
        failed: steps that failed. A run that failed without any lost its worker.
        done: steps that succeeded.
        why: what is said of the run as a whole, if it failed.
    """

    run_id: str
    job: str
    label: str
    at: datetime
    is_failed: bool
    clients: tuple[str, ...] = ()
    failed: tuple[FailedStep, ...] = ()
    done: tuple[str, ...] = ()
    why: str = ""

    @property
    def is_killed(self) -> bool:
        """Whether its worker died."""
        return self.is_failed and not self.failed

    @property
    def causes(self) -> Iterator[Cause]:
        """What its end tells of."""
        told = f" (run {self.run_id[:8]}, {self.at:%Y-%m-%d %H:%M} UTC)"
        if self.is_killed:
            whose = self.clients[0] if len(self.clients) == 1 else None
            message = (shortened(self.why, 400) or "It ended without a word.") + told
            yield self._cause(
                "killed_worker",
                (self.job, self.ident),
                whose,
                f"the worker of {self.label} died",
                message,
                _KILLED_REMEDY,
            )
        for step in self.failed:
            own = step.step.split("__", 1)[0] if "__" in step.step else None
            parts = step.by_client or {own or NOBODY: step.text}
            for client, text in parts.items():
                names = (self.job, step.step, client)
                subject = f"{self.label} failed at {step.step}"
                whose = None if client == NOBODY else client
                yield self._cause("failed_run", names, whose, subject, shortened(text, 450) + told, _REMEDY)

    @property
    def ident(self) -> str:
        """Which of the job's runs are of the same work: any, where it is shared; those for the same clients, where it is not."""
        return ",".join(sorted(self.clients))[:80] if self.job.startswith("__") else NOBODY

    def disproves(self, cause: Cause) -> bool:
        """Whether this run did without failing what that cause says has failed."""
        job, *rest = cause.names
        if job != self.job:
            return False
        if cause.kind == "killed_worker":
            return not self.is_killed and rest[0] == self.ident
        step, client = rest
        is_for = client == NOBODY or step.startswith(f"{client}__") or not self.clients or client in self.clients
        if step in self.done:
            return is_for
        # A step that failed for others did its part for this one.
        others = [failed.by_client for failed in self.failed if failed.step == step and failed.by_client]
        return is_for and client != NOBODY and any(client not in by_client for by_client in others)

    def _cause(
        self, kind: str, names: tuple[str, ...], client: str | None, subject: str, message: str, remedy: str
    ) -> Cause:
        return Cause(kind, names, client, subject, message, remedy, run_page(self.run_id), self.at)


def run_causes(
    known: Iterable[Alert], ended: Iterable[EndedRun], now: datetime, failed_at: Callable[[Alert], datetime | None]
) -> list[Cause]:
    """What is wrong with runs: what was known, what ended badly since, without what went well since.

    Args:
        known: open alerts about runs.
        ended: runs that ended since the last look.
        now: aware.
        failed_at: when the newest run ended that an alert speaks of; asked only of alerts older than a day.
    """
    standing = {
        alert.cause: cause_of(alert)
        for alert in known
        if now - alert.opened_at < LAPSE or ((at := failed_at(alert)) is not None and now - at < LAPSE)
    }
    for run in sorted(ended, key=lambda run: run.at):
        standing = {key: cause for key, cause in standing.items() if not run.disproves(cause)}
        standing |= {cause.key: cause for cause in run.causes}
    return list(standing.values())


def passing_causes(standing: Iterable[Cause], known: Iterable[Alert], ended: Iterable[EndedRun]) -> list[Cause]:
    """What began and was over between two looks: people are told of that as well, and that it is over.

    Args:
        standing: what ``run_causes`` found.
        known: open alerts about runs.
        ended: runs that ended since the last look, without those that it saw.
    """
    told = {cause.key for cause in standing} | {alert.cause for alert in known}
    found = {cause.key: cause for run in sorted(ended, key=lambda run: run.at) for cause in run.causes}
    return [cause for key, cause in found.items() if key not in told]


def cause_of(alert: Alert) -> Cause:
    """The cause that an alert was opened for."""
    names = tuple(alert.cause.split("/")[1:])
    return Cause(alert.kind, names, alert.client, alert.subject, alert.message, alert.remedy, alert.path)


def without_echoes(causes: Iterable[Cause]) -> list[Cause]:
    """The causes without those that another one of them explains: orders wait where the run that raises them fails."""
    causes = list(causes)
    failing = {cause.client for cause in causes if cause.kind == "failed_run" and cause.names[0] == "orders"}
    return [cause for cause in causes if cause.kind != "waiting_orders" or cause.client not in failing]

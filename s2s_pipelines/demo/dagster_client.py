"""Starts Dagster as an operator would, and talks to it as its own UI does: over GraphQL."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on InvalidSubsetError { message }
    ... on UnauthorizedError { message }
  }
}
"""
_RUNS = """
query Runs($filter: RunsFilter, $limit: Int) {
  runsOrError(filter: $filter, limit: $limit) {
    ... on Runs { results { runId jobName status creationTime startTime endTime tags { key value } } }
  }
}
"""
_READY = """
query { workspaceOrError { ... on Workspace { locationEntries { loadStatus
  locationOrLoadError { __typename ... on PythonError { message } } } } } }
"""
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


class DagsterError(RuntimeError):
    """Dagster refused or did not come up."""


@dataclass(frozen=True, slots=True)
class RunSeen:
    """One run as the UI lists it; times are seconds since 1970."""

    run_id: str
    job: str
    status: str
    created_at: float
    ended_at: float | None
    tags: Mapping[str, str]

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen in it."""
        return self.status in _ENDED


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DagsterServer:
    """``dagster dev``: webserver, daemon and code server as child processes, stopped by signal.

    Args:
        home: the folder of ``dagster.yaml`` and ``workspace.yaml``.
        environment: variables on top of this program's own.
        port: where the UI answers.
        log: file that takes what the processes print.
    """

    def __init__(self, home: Path, environment: Mapping[str, str], *, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._home = home
        self._environment = {**os.environ, **environment, "DAGSTER_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        self._log = log
        self._started: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout_s: float = 120) -> None:
        """Start everything, after a look for runs that only seem to run, and wait until the workspace is loaded.

        Raises:
            DagsterError: it did not come up in time, or the code does not load.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "dagster", "dev", "-w", str(self._home / "workspace.yaml"), "-h", "127.0.0.1",
            "-p", str(self._port), "--log-level", "warning",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._sweep_runs(log)
            # A session of its own, so that stopping reaches every process it started.
            self._started = subprocess.Popen(  # noqa: S603 # our own interpreter with our own arguments
                command, cwd=self._home, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + timeout_s
        while not self._is_loaded():
            if self._started.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise DagsterError(f"Dagster did not start; its output is in {self._log}")
            time.sleep(0.3)

    def _sweep_runs(self, log: IO[bytes]) -> None:
        """What services do before they start; a folder that is new has no runs."""
        has_runs = Path(self._environment.get("S2S_HOME") or self._home / "var", "dagster").exists()
        if not has_runs and not self._environment.get("S2S_DATABASE_URL"):
            return
        command = [sys.executable, "-m", "s2s_pipelines.cli", "sweep-runs"]
        done = subprocess.run(  # noqa: S603 # our own interpreter with our own arguments
            command, cwd=self._home, env=self._environment, stdout=log, stderr=log, timeout=120, check=False
        )
        if done.returncode:
            raise DagsterError(f"the runs of the last time could not be looked at; see {self._log}")

    def _is_loaded(self) -> bool:
        try:
            entries = self.ask(_READY)["workspaceOrError"].get("locationEntries", [])
        except (OSError, DagsterError):
            return False
        for entry in entries:
            problem = entry["locationOrLoadError"]
            if problem and problem["__typename"] == "PythonError":
                raise DagsterError(f"the definitions do not load: {problem['message'][:2000]}")
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)

    def stop(self) -> None:
        """Stop webserver, daemon, code server and workers."""
        process, self._started = self._started, None
        if process is None:
            return
        for number, patience in ((signal.SIGINT, 15), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                process.send_signal(number) if number == signal.SIGINT else os.killpg(process.pid, number)
                process.wait(patience)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                continue
            break
        try:  # workers are children of the code server and outlive it
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One GraphQL request; the ``data`` of its answer.

        Raises:
            DagsterError: it answered with errors.
            OSError: nobody answered.
        """
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(  # noqa: S310 # always http to this machine
            f"{self.url}/graphql", data=body, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 # as above
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise DagsterError(error.read().decode("utf-8", "replace")[:2000]) from None
        if found.get("errors"):
            raise DagsterError(str(found["errors"])[:2000])
        return dict(found["data"])

    def launch_assets(self, keys: Iterable[Sequence[str]], *, config: Mapping[str, Any] | None = None) -> str:
        """Materialise assets in one run; its id."""
        return self._launch("__ASSET_JOB", [{"path": list(key)} for key in keys], config or {}, {})

    def launch_job(self, job: str, config: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> str:
        """Run a job; its id."""
        return self._launch(job, None, config, tags or {})

    def _launch(
        self, job: str, assets: list[dict[str, Any]] | None, config: Mapping[str, Any], tags: Mapping[str, str]
    ) -> str:
        selector: dict[str, Any] = {
            "repositoryLocationName": "s2s", "repositoryName": "__repository__", "jobName": job,
        }  # fmt: skip
        if assets is not None:
            selector["assetSelection"] = assets
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        params = {"selector": selector, "runConfigData": config, "executionMetadata": {"tags": pairs}}
        answer = self.ask(_LAUNCH, {"params": params})["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise DagsterError(json.dumps(answer)[:2000])
        return str(answer["run"]["runId"])

    def runs(
        self, *, created_after: float | None = None, run_ids: Sequence[str] | None = None, limit: int = 500
    ) -> list[RunSeen]:
        """Runs, newest first."""
        chosen: dict[str, Any] = {}
        if created_after is not None:
            chosen["createdAfter"] = created_after
        if run_ids is not None:
            chosen["runIds"] = list(run_ids)
        found = self.ask(_RUNS, {"filter": chosen, "limit": limit})["runsOrError"]["results"]
        return [
            RunSeen(
                run["runId"], run["jobName"], run["status"], run["creationTime"], run["endTime"],
                {tag["key"]: tag["value"] for tag in run["tags"]},
            )
            for run in found
        ]  # fmt: skip

    def wait_for(self, run_ids: Sequence[str], *, timeout_s: float) -> list[RunSeen]:
        """The named runs once all have ended.

        Raises:
            DagsterError: one is still going after ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            seen = self.runs(run_ids=run_ids)
            if len(seen) == len(set(run_ids)) and all(run.is_ended for run in seen):
                return seen
            if time.monotonic() > deadline:
                waiting = [f"{run.run_id} {run.status}" for run in seen if not run.is_ended]
                raise DagsterError(f"still going after {timeout_s:.0f} s: {', '.join(waiting)}")
            time.sleep(0.4)

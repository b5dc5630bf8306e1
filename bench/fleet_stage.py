"""Code server, webserver and daemon as three services, as docs/operations.md starts them; and what they weigh."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s2s_pipelines.demo.dagster_client import DagsterError, free_port

_READY = """
query { workspaceOrError { ... on Workspace { locationEntries { loadStatus
  locationOrLoadError { __typename ... on PythonError { message } } } } } }
"""
_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
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
# What the UI asks for when an operator opens a client's group: its graph, and the newest state of each asset in it.
_GROUP = """
query Group($group: AssetGroupSelector!) {
  assetNodes(group: $group) {
    id groupName opNames jobNames description computeKind kinds isPartitioned isMaterializable isExecutable
    hasMaterializePermission
    assetKey { path } dependencyKeys { path } dependedByKeys { path }
    tags { key value } owners { __typename ... on TeamAssetOwner { team } }
    assetChecksOrError { ... on AssetChecks { checks { name description } } }
  }
}
"""
_STATE = """
query State($keys: [AssetKeyInput!]!) {
  assetsLatestInfo(assetKeys: $keys) {
    id assetKey { path } unstartedRunIds inProgressRunIds latestRun { id status endTime }
    latestMaterialization { runId timestamp }
  }
}
"""
_COUNT = "query { assetNodes { assetKey { path } } }"
_WORKSPACE = "load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: s2s}}\n"
_LOCATION = {"repositoryLocationName": "s2s", "repositoryName": "__repository__"}
ALLOCATOR = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""As docs/operations.md and deploy/ set them: glibc gives memory back that was needed while loading."""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


class Services:
    """The three services of one installation; a context manager that stops what it started.

    Args:
        root: the folder of ``dagster.yaml``; a ``workspace.yaml`` that names the code server is written there.
        environment: on top of this program's own.
        logs: folder for what they print.
    """

    def __init__(self, root: Path, environment: Mapping[str, str], logs: Path) -> None:
        self._root, self._logs = root, logs
        self._environment = {**os.environ, **ALLOCATOR, **environment, "PYTHONUNBUFFERED": "1"}
        self._port, self._code_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self.began = 0.0

    def __enter__(self) -> "Services":
        self._logs.mkdir(parents=True, exist_ok=True)
        workspace = self._root / "workspace.yaml"
        workspace.write_text(_WORKSPACE.format(port=self._code_port))
        self.began = time.monotonic()
        code = [
            "-m",
            "s2s_pipelines.definitions",
            "--location-name",
            "s2s",
            "-h",
            "127.0.0.1",
            "-p",
            str(self._code_port),
        ]
        self._start("code", ["dagster", "api", "grpc", *code])
        self._start("web", ["dagster_webserver", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(self._port)])
        self._start("daemon", ["dagster._daemon", "run", "-w", str(workspace)])
        return self

    def _start(self, name: str, words: list[str]) -> None:
        with (self._logs / f"{name}.log").open("wb") as log:
            self._started[name] = subprocess.Popen(
                [sys.executable, "-m", *words], cwd=self._root, env=self._environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def __exit__(self, *_: object) -> None:
        for name in ("daemon", "web", "code"):
            process = self._started.get(name)
            if process is None:
                continue
            for number, patience in ((signal.SIGINT, 10), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
                try:
                    os.killpg(process.pid, number)
                    process.wait(patience)
                    break
                except subprocess.TimeoutExpired:
                    continue
                except ProcessLookupError:
                    break
            try:  # workers are children of the code server and outlive it
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def wait_until_loaded(self, *, timeout_s: float) -> float:
        """Seconds from the start of the services until the workspace is loaded in the UI."""
        while not self._is_loaded():
            for name, process in self._started.items():
                if process.poll() is not None:
                    raise DagsterError(f"{name} ended: {(self._logs / f'{name}.log').read_text()[-3000:]}")
            if time.monotonic() - self.began > timeout_s:
                raise DagsterError(f"not loaded after {timeout_s:.0f} s; see {self._logs}")
            time.sleep(0.1)
        return time.monotonic() - self.began

    def _is_loaded(self) -> bool:
        try:
            entries = self.ask(_READY)["workspaceOrError"].get("locationEntries", [])
        except (OSError, DagsterError):
            return False
        # A location whose server does not answer yet is tried again by the webserver.
        return bool(entries) and all(
            e["loadStatus"] == "LOADED" and (e["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation"
            for e in entries
        )

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One GraphQL request; the ``data`` of its answer."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", data=body, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise DagsterError(error.read().decode("utf-8", "replace")[:2000]) from None
        if found.get("errors"):
            raise DagsterError(str(found["errors"])[:2000])
        return dict(found["data"])

    def asset_count(self) -> int:
        """Assets of all clients."""
        return len(self.ask(_COUNT)["assetNodes"])

    def ask_for_group(self, group: str) -> float:
        """Seconds that the two questions behind a group's page take."""
        began = time.perf_counter()
        nodes = self.ask(_GROUP, {"group": {"groupName": group, **_LOCATION}})["assetNodes"]
        assert nodes, group
        self.ask(_STATE, {"keys": [node["assetKey"] for node in nodes]})
        return time.perf_counter() - began

    def launch_assets(self, keys: list[list[str]]) -> str:
        """Materialise assets in one run; its id."""
        selector = {**_LOCATION, "jobName": "__ASSET_JOB", "assetSelection": [{"path": key} for key in keys]}
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": []}}
        answer = self.ask(_LAUNCH, {"params": params})["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise DagsterError(json.dumps(answer)[:2000])
        return str(answer["run"]["runId"])

    def runs(self, **chosen: Any) -> list[dict[str, Any]]:
        """Runs by a ``RunsFilter``, newest first."""
        found = self.ask(_RUNS, {"filter": chosen, "limit": 500})["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def code_server_mb(self) -> float:
        """Resident memory of the code server; the workers that it starts are not of it."""
        return _resident(self._started["code"].pid) / 1e6


def _resident(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0

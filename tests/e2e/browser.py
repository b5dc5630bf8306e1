"""What the tests in a real browser share: Chromium, pictures, waiting, and the launchpad used by clicking and typing."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2s_pipelines.demo.dagster_client import DagsterServer, RunSeen
from tests.e2e.floor import ROOT

SHOTS = ROOT / "build" / "screenshots"
# The operator sits where the clients do: the UI's last days end with the browser's today, not with the client's.
SCREEN = {"viewport": {"width": 1440, "height": 900}, "timezone_id": "Africa/Johannesburg"}
WAIT_MS = 120_000
WAIT_S = 240
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

_SENSOR = """
query Sensor($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) { ... on Sensor { sensorState { id ticks(limit: 1) { status } } } }
}
"""


def wait_until(holds: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> Any:
    """What a condition gives once it holds."""
    deadline = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.3)
    return found


@contextmanager
def chromium(path: str) -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield made
        made.close()


def _sensor(dagster: DagsterServer, name: str) -> tuple[dict[str, str], dict[str, Any]]:
    selector = {"repositoryLocationName": "s2s", "repositoryName": "__repository__", "sensorName": name}
    return selector, dagster.ask(_SENSOR, {"selector": selector})["sensorOrError"]["sensorState"]


def stop_sensor(dagster: DagsterServer, name: str) -> None:
    """Switch a sensor off, as an operator may; when this returns, the tick that was under way is over."""
    _, state = _sensor(dagster, name)
    stop = "mutation Stop($id: String!) { stopSensor(id: $id) { __typename } }"
    assert dagster.ask(stop, {"id": state["id"]})["stopSensor"]["__typename"] == "StopSensorMutationResult"

    def is_still() -> bool:
        return all(tick["status"] != "STARTED" for tick in _sensor(dagster, name)[1]["ticks"])

    wait_until(is_still, f"the last tick of {name} is over")


def start_sensor(dagster: DagsterServer, name: str) -> None:
    """Switch a sensor on again."""
    selector, _ = _sensor(dagster, name)
    start = "mutation Start($selector: SensorSelector!) { startSensor(sensorSelector: $selector) { __typename } }"
    assert dagster.ask(start, {"selector": selector})["startSensor"]["__typename"] == "Sensor"


@dataclass
class Console:
    """The UI in one page of the browser."""

    page: Any
    dagster: DagsterServer

    def open(self, path: str) -> None:
        """Go to a place of the UI."""
        self.page.goto(f"{self.dagster.url}/{path}")

    def open_group(self, group: str) -> None:
        """The graph of one client."""
        self.open(f"locations/__repository__@s2s/asset-groups/{group}/lineage")

    def shot(self, name: str, of: Any = None) -> None:
        """A picture of what is seen now, or of one part of it; the docs show some of them."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        (of or self.page).screenshot(path=SHOTS / f"{name}.png", animations="disabled")

    # -- materialising ----------------------------------------------------------------------------------------------

    def materialise_group(self, group: str, selection: str = "", nodes: int = 0) -> RunSeen:
        """Click "Materialize all" on a client's graph, narrowed to a selection that is typed in; the run that is over.

        Args:
            group: the client.
            selection: which of its assets.
            nodes: how many these are.
        """
        self.open_group(group)
        button = self.page.get_by_role("button", name=re.compile("Materialize"))
        button.first.wait_for()
        if selection:
            self.select(selection)
            shown = self.page.get_by_text("Asset checks", exact=True)
            wait_until(lambda: shown.count() == nodes, f"the graph shows the {nodes} assets that are selected")
        return self.launched(button.first.click)

    def select(self, selection: str) -> None:
        """Narrow the graph that is open."""
        self.page.locator(".CodeMirror").first.click()
        self.page.keyboard.insert_text(selection)
        self.page.keyboard.press("Enter")
        # What is selected becomes a part of the address.
        self.page.wait_for_url(lambda address: "~" in address)

    def launched(self, click: Callable[[], Any], job: str = "__ASSET_JOB") -> RunSeen:
        """The run that a click launches, once it is over."""
        before = {run.run_id for run in self.dagster.runs()}
        click()

        def mine() -> list[RunSeen]:
            return [run for run in self.dagster.runs() if run.run_id not in before and run.job == job]

        run = wait_until(mine, f"the click launches a run of {job}")[0]
        return self.dagster.wait_for([run.run_id], timeout_s=WAIT_S)[0]

    # -- the launchpad ----------------------------------------------------------------------------------------------

    @property
    def _editor(self) -> Any:
        return self.page.locator(".CodeMirror").filter(has_text="config:").first

    @property
    def written(self) -> str:
        """What stands in the launchpad."""
        return str(self._editor.evaluate("node => node.CodeMirror.getValue()"))

    def open_launchpad(self, job: str) -> None:
        """The launchpad of a job, prefilled."""
        self.open(f"locations/s2s/jobs/{job}/playground")
        self._editor.wait_for()

    def fill(self, **fields: str) -> None:
        """Type over the prefilled lines of a launchpad."""
        for name, value in fields.items():
            self.overwrite(name, f"{name}: {value}")

    def overwrite(self, name: str, line: str) -> None:
        """Type over the line of one field."""
        self._editor.locator(".CodeMirror-line", has_text=re.compile(rf"^\s*{name}:")).click()
        for key in ("End", "Shift+Home"):
            self.page.keyboard.press(key)
        self.page.keyboard.insert_text(line)
        assert line in self.written

    def launch(self, job: str, *, shot: str = "", **fields: str) -> RunSeen:
        """Launch a job from its launchpad; the run that is over, and its page is open."""
        self.open_launchpad(job)
        self.fill(**fields)
        button = self.page.get_by_role("button", name="Launch Run")
        wait_until(button.is_enabled, "the run config is taken as valid")
        if shot:
            self.shot(shot)
        done = self.launched(button.click, job)
        self.open(f"runs/{done.run_id}")
        return done

    def output(self) -> Any:
        """All that the run's one op told, on the run's page that is open; where it is much, a click away."""
        more = "button[contains(normalize-space(.), 'View full message')]"
        row = f"(//*[text()='STEP_OUTPUT'])[1]/ancestor::*[.//{more}][1]"
        self.page.locator(f"xpath={row}//{more}").first.click()
        return self.page.get_by_role("dialog")

    def output_file(self, step: str, folder: Path) -> str:
        """What the run's op wrote, by the button Download."""
        self.page.reload()
        self.page.get_by_text("RUN_SUCCESS", exact=True).first.wait_for()
        self.page.get_by_text("stdout", exact=True).click()
        self.page.get_by_text("Select a step").first.click()
        self.page.get_by_text(step, exact=True).last.click()
        with self.page.expect_download() as download:
            self.page.get_by_text("Download").first.click()
        download.value.save_as(folder / "output.txt")
        return (folder / "output.txt").read_text(encoding="utf-8")

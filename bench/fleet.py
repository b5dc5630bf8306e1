"""``make bench-fleet CLIENTS=1000``: what a fleet costs, on real services and a real PostgreSQL. The last line is JSON.

==================  ================================================================================================
``loaded_s``        from the start of code server, webserver and daemon until the workspace is loaded
``code_server_mb``  the most that the code server's processes held in memory together, at any moment measured
``run_start_s``     from the launch of a run of one client in the UI until its worker works, median of three
``group_query_ms``  what the UI asks for a client's group, median of twenty
``fleet_s``         what is wrong with all clients: ``workshop.fleet_report()`` or ``s2s status``, whichever took longer
``cycle_s``         every client's sources read, merged and planned once by the daemon's own sensor, one in a hundred changed
``cycle_runs``      runs that took
==================  ================================================================================================
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.fleet_seed import SeededFleet, seed
from bench.fleet_stage import ENDED, Services
from bench.fleet_world import Rhythms, client_name, sell
from s2s_pipelines.sandboxes.database_server import postgres
from s2s_pipelines.storage.schema import cycle_claim, feed_state

BARS = {
    "loaded_s": 30.0, "code_server_mb": 500.0, "run_start_s": 7.0, "group_query_ms": 100.0, "fleet_s": 2.0,
    "cycle_s": 180.0, "cycle_runs": 20,
}  # fmt: skip
CYCLE_TIMEOUT_S = 1800.0
LOAD_TIMEOUT_S = 600.0
SOLD = 20


@dataclass
class Fleet:
    """One bench.

    Attributes:
        wrong: what was not as it must be; nothing is told of times here.
    """

    seeded: SeededFleet
    services: Services
    found: dict[str, Any]
    wrong: list[str] = field(default_factory=list)

    def weigh(self) -> None:
        """Note the code server's memory, if it is the most so far."""
        self.found["code_server_mb"] = max(self.found.get("code_server_mb", 0.0), self.services.code_server_mb())

    def look(self) -> None:
        """Everything that is measured while no client is due."""
        self.found["loaded_s"] = self.services.wait_until_loaded(timeout_s=LOAD_TIMEOUT_S)
        say(f"loaded after {self.found['loaded_s']:.1f} s")
        self.weigh()
        self.found["assets"] = self.services.asset_count()
        middle = client_name(max(1, self.seeded.count // 2))
        times = [self.services.ask_for_group(middle) for _ in range(21)][1:]
        self.found["group_query_ms"] = statistics.median(times) * 1000
        self.found["run_start_s"] = statistics.median(self._run_start(middle) for _ in range(3))
        self.found["fleet_s"] = max(self._report_s(), self._status_s())
        self.weigh()

    def _run_start(self, client: str) -> float:
        """A run of one small source of one client."""
        launched = time.time()
        run_id = self.services.launch_assets([[client, "source", "north", "customers"]])
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            (run,) = self.services.runs(runIds=[run_id])
            if run["status"] in ENDED:
                if run["status"] != "SUCCESS":
                    self.wrong.append(f"the run of {client} ended as {run['status']}")
                start, end = run["startTime"] - launched, run["endTime"] - launched
                say(f"a run of {client} began after {start:.1f} s, ended after {end:.1f} s")
                return float(start)
            time.sleep(0.2)
        self.wrong.append(f"the run of {client} did not end")
        return 120.0

    def _report_s(self) -> float:
        workshop = self.seeded.workshop()
        workshop.fleet_report()
        began = time.perf_counter()
        rows = workshop.fleet_report().rows
        took = time.perf_counter() - began
        workshop.close()
        if len(rows) != self.seeded.count:
            self.wrong.append(f"the report has {len(rows)} clients of {self.seeded.count}")
        say(f"the fleet's report took {took:.2f} s")
        return took

    def _status_s(self) -> float:
        began = time.perf_counter()
        words = [sys.executable, "-m", "s2s_pipelines.cli", "status"]
        environment = {**os.environ, **self.seeded.environment}
        done = subprocess.run(words, env=environment, cwd=self.seeded.root, capture_output=True, text=True, check=False)
        took = time.perf_counter() - began
        missing = [client for client in self.seeded.clients if client not in done.stdout]
        if done.returncode not in (0, 1) or missing:
            self.wrong.append(
                f"s2s status said {done.returncode}, without {len(missing)} clients: {done.stderr[-300:]}"
            )
        say(f"s2s status took {took:.2f} s")
        return took

    def cycle(self) -> None:
        """Every client becomes due at once, a few have sold something; until all are done."""
        marks = {client: shop.tables.mark() for client, shop in self.seeded.shops.items()}
        for number in self.seeded.changing:
            sell(self.seeded.outside, number, SOLD)
        began, began_at = time.monotonic(), datetime.now(UTC)
        self._an_hour_passes()
        ended = self._wait_for_all(began_at)
        runs = [run for run in self.services.runs(createdAfter=began_at.timestamp()) if "s2s/cycle" in run["tags"]]
        self.found["cycle_s"] = ended - began
        self.found["cycle_runs"] = len(runs)
        say(f"{self.seeded.count} clients done after {self.found['cycle_s']:.1f} s in {len(runs)} runs")
        self.wrong += [f"run {run['runId']} ended as {run['status']}" for run in runs if run["status"] != "SUCCESS"]
        for client, shop in self.seeded.shops.items():
            if shop.tables.write_count(marks[client]) == 0:
                self.wrong.append(f"{client} sold {SOLD} skus and nothing was sent to its shop")
        self._check_events(began_at)
        self.weigh()

    def _an_hour_passes(self) -> None:
        """Every feed's last read is longer ago than it is."""
        with self._engine() as engine, engine.begin() as connection:
            ago = datetime.now(UTC) - timedelta(hours=2)
            connection.execute(sa.update(feed_state).values(attempted_at=ago, succeeded_at=ago))

    def _wait_for_all(self, since: datetime) -> float:
        """The moment at which every client was done since then and no run was left."""
        deadline = time.monotonic() + CYCLE_TIMEOUT_S
        query = sa.select(sa.func.count()).select_from(cycle_claim).where(cycle_claim.c.done_at >= since)
        with self._engine() as engine:
            while time.monotonic() < deadline:
                with engine.connect() as connection:
                    done = connection.execute(query).scalar_one()
                if done >= self.seeded.count and not self.services.runs(
                    statuses=["QUEUED", "STARTING", "STARTED", "NOT_STARTED"]
                ):
                    return time.monotonic()
                self.weigh()
                time.sleep(1)
        self.wrong.append(f"{done} of {self.seeded.count} clients were done after {CYCLE_TIMEOUT_S:.0f} s")
        return time.monotonic()

    def _check_events(self, since: datetime) -> None:
        """Only clients that changed left an event on an asset."""
        text = "SELECT DISTINCT asset_key FROM event_logs WHERE asset_key IS NOT NULL AND timestamp >= :since"
        with self._engine() as engine, engine.connect() as connection:
            rows = connection.execute(sa.text(text), {"since": since.replace(tzinfo=None)}).scalars().all()
        told = {json.loads(key)[0] for key in rows} & set(self.seeded.clients)
        changed = {client_name(number) for number in self.seeded.changing}
        if told != changed:
            self.wrong.append(f"events of {len(told)} clients, {len(changed)} changed: {sorted(told ^ changed)[:5]}")

    @contextlib.contextmanager
    def _engine(self) -> Iterator[sa.Engine]:
        engine = sa.create_engine(self.seeded.environment["S2S_DATABASE_URL"])
        try:
            yield engine
        finally:
            engine.dispose()


def say(text: str) -> None:
    """One line for people, before the last."""
    print(f"[{datetime.now(UTC):%H:%M:%S}] {text}", flush=True)


def far_from_now() -> str:
    """An hour of the day in the clients' time zone that this bench does not reach."""
    return f"{datetime.now(UTC) + timedelta(hours=2 + 12):%H:%M}"


def measure(count: int, skus: int, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The figures, and what was wrong."""
    with ExitStack() as opened:
        server = opened.enter_context(postgres(is_durable=True))
        began = time.monotonic()
        rhythms = Rhythms(full_at=far_from_now())
        seeded = seed(folder, count, skus, server.url(server.new_database()), rhythms, 0.01, opened)
        say(f"{count} clients of {skus} skus seeded in {time.monotonic() - began:.0f} s")
        services = opened.enter_context(Services(seeded.root, seeded.environment, folder / "logs"))
        bench = Fleet(seeded, services, {"clients": count})
        bench.look()
        bench.cycle()
        order = ("clients", "assets", *BARS)
        return {name: round(bench.found[name], 2) for name in order}, bench.wrong


def main() -> int:
    """The whole bench; 1 when something was wrong, whatever the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--skus", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="a folder to work in, left behind")
    chosen = parser.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="s2s-bench-fleet-"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        found, wrong = measure(chosen.clients, chosen.skus, folder)
    finally:
        if chosen.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    for name, bar in BARS.items():
        word = "within" if found[name] <= bar else "BEYOND"
        print(f"{name:16} {found[name]:>10} {word} {bar:g} (the bar for 1,000 clients on 2 quiet cores)")
    for problem in wrong:
        print(f"NOT AS IT MUST BE: {problem}")
    print(json.dumps(found), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

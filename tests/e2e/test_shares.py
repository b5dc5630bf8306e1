"""Several code servers for one installation: each serves its own clients, what concerns all is looked after once."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.config.share import Share
from s2s_pipelines.demo.dagster_client import DagsterServer
from s2s_pipelines.demo.evidence import gather
from s2s_pipelines.demo.shopper import Wish
from s2s_pipelines.demo.stage import CLIENTS, Stage
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.orchestration.factory import build_definitions
from s2s_pipelines.storage.schema import cycle_claim
from tests.e2e.floor import ROOT, Floor, ShiftedClock
from tests.servers import free_port

SHARES = (Share(1, 2), Share(2, 2))
OF_ALL = {"fleet", "alerts"}


@pytest.fixture
def floors(floor):
    """The floor as each of two code servers sees it, a day later, when everybody is due."""
    with ExitStack() as stack:
        made = []
        for share in SHARES:
            environment = Environment.from_mapping(floor.stage.environment)
            workshop = Workshop(environment, clock=ShiftedClock(timedelta(hours=1)), share=share)
            stack.callback(workshop.close)
            made.append(Floor(floor.stage, workshop, build_definitions(workshop), floor.instance))
        yield made
    with floor.workshop.engine.begin() as connection:
        connection.execute(sa.delete(cycle_claim))


def names_of(floor):
    return {client.name for client in floor.workshop.fleet.clients}


def test_two_shares_together_are_everything_and_nothing_is_in_both(floor, floors):
    keys = [made.definitions.resolve_asset_graph().get_all_asset_keys() for made in floors]
    assert keys[0] | keys[1] == floor.definitions.resolve_asset_graph().get_all_asset_keys()
    assert keys[0] & keys[1] == set()
    assert names_of(floors[0]) | names_of(floors[1]) == set(CLIENTS)
    assert all(names_of(made) for made in floors), "a share without clients would prove nothing"
    repositories = [made.definitions.get_repository_def() for made in floors]
    sensors = [{s.name for s in repository.sensor_defs} for repository in repositories]
    assert sensors[0] - sensors[1] == OF_ALL
    assert sensors[1] < sensors[0]
    schedules = [{s.name for s in repository.schedule_defs} for repository in repositories]
    assert schedules == [{"full_reads", "daily_housekeeping"}, {"full_reads"}]


def test_sensors_of_a_share_ask_for_runs_of_its_own_clients_only(floors):
    asked = []
    for made in floors:
        requests = made.tick("cycle_due", workshop=made.workshop).run_requests
        found = [c for r in requests for c in r.run_config["ops"]["cycle_clients"]["config"]["clients"]]
        assert set(found) == names_of(made)
        asked += found
    assert sorted(asked) == sorted(CLIENTS), "each once"


def test_orders_of_a_client_are_taken_up_by_its_own_share_only(floors):
    stage = floors[0].stage
    for client in CLIENTS:
        products = stage.shops[client].tables.products()
        sku = next(s for s, p in sorted(products.items()) if p.status == "publish" and (p.stock_quantity or 0) >= 8)
        stage.shoppers[client].place(Wish(client, ((sku, 1),), "buyer2@example.com"))
    for made in floors:
        (request,) = made.tick("orders_due", workshop=made.workshop).run_requests
        assert set(request.run_config["ops"]["take_up_orders"]["config"]["clients"]) == names_of(made)
        seen = made.launch("orders", request.run_config)
        assert seen.is_ok, seen.failures
    assert all(floors[0].workshop.ledger.counts(client)["due"] == 0 for client in CLIENTS)


def test_report_of_the_fleet_is_of_all_clients_wherever_it_is_made(floors):
    for made in floors:
        assert {row.client for row in made.workshop.fleet_report().rows} == set(CLIENTS)


def test_client_of_another_share_is_told_as_such(floors):
    (other, *_) = names_of(floors[1])
    with pytest.raises(ConfigurationError, match="another code server serves this client; this one has share 1/2"):
        floors[0].workshop.client(other)


# --- real services -------------------------------------------------------------------------------------------------


class Services:
    """Code servers, webserver and daemon as deploy/compose.yaml starts them, on free ports of this machine."""

    def __init__(self, stage, folder, url):
        self.ports = [free_port() for _ in SHARES]
        self.port = free_port()
        lines = ["load_from:"]
        for share, port in zip(SHARES, self.ports, strict=True):
            place = f"{{host: 127.0.0.1, port: {port}, location_name: s2s_{share.number}}}"
            lines.append(f"  - grpc_server: {place}")
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text("\n".join(lines) + "\n")
        self.environment = {**os.environ, **stage.environment, "DAGSTER_HOME": str(ROOT), "S2S_DATABASE_URL": url}
        self.client = DagsterServer(ROOT, {}, port=self.port, log=folder / "client.log")
        self.log = (folder / "services.log").open("wb")
        self.started = []

    def start(self, *command, **more):
        made = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env={**self.environment, **more}, stdout=self.log, stderr=self.log
        )  # fmt: skip
        self.started.append(made)

    def __enter__(self):
        for share, port in zip(SHARES, self.ports, strict=True):
            code = (
                "dagster",
                "api",
                "grpc",
                "-m",
                "s2s_pipelines.definitions",
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
            )
            self.start(*code, S2S_SHARD=str(share))
        where = ("-w", str(self.workspace))
        self.start("dagster_webserver", *where, "-h", "127.0.0.1", "-p", str(self.port))
        self.start("dagster._daemon", "run", *where)
        return self

    def __exit__(self, *ending):
        for made in reversed(self.started):
            made.terminate()
        for made in self.started:
            try:
                made.wait(20)
            except subprocess.TimeoutExpired:
                made.kill()
                made.wait()
        self.log.close()


def wait_until(holds, what, timeout_s=400):
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(1)


@pytest.mark.slow
@pytest.mark.server("postgres")
@pytest.mark.timeout(900)
def test_two_real_code_servers_share_the_clients_and_each_order_is_raised_once(tmp_path, postgres_url, monkeypatch):
    with Stage(ROOT, tmp_path, print, has_dagster=False) as stage, Services(stage, tmp_path, postgres_url) as services:
        environment = Environment.from_mapping({**stage.environment, "S2S_DATABASE_URL": postgres_url})
        workshop = Workshop(environment)

        def is_published(client):
            plan = workshop.newest_plan(client, "shop")
            return plan is not None and plan.pushed_at is not None

        wait_until(lambda: all(map(is_published, CLIENTS)), "every shop is filled, by whoever serves it")
        placed = []
        for client in CLIENTS:
            products = stage.shops[client].tables.products()
            skus = [s for s, p in sorted(products.items()) if p.status == "publish" and (p.stock_quantity or 0) >= 8]
            placed += [
                stage.shoppers[client].place(Wish(client, ((sku, 1),), "buyer2@example.com")) for sku in skus[:3]
            ]
        wait_until(lambda: not gather(placed, stage.world.erps).without, "every order has its document")
        evidence = gather(placed, stage.world.erps)
        assert (evidence.doubled, evidence.strays, evidence.wrong_totals) == ((), 0, ())
        with dg.DagsterInstance.from_ref(_reference(services, monkeypatch)) as instance:
            runs = instance.get_run_records()
        by_share = {share.number: set() for share in SHARES}
        for record in runs:
            location = record.dagster_run.remote_job_origin.location_name
            config = next(iter(record.dagster_run.run_config.get("ops", {}).values()), {}).get("config", {})
            by_share[int(location[-1])] |= set(config.get("clients", ()))
        for share in SHARES:
            assert by_share[share.number] == {client for client in CLIENTS if share.holds(client)}
        workshop.close()


def _reference(services, monkeypatch):
    """The instance as the services see it."""
    for name in ("S2S_DATABASE_URL", "S2S_HOME", "S2S_ROOT", "DAGSTER_HOME"):
        monkeypatch.setenv(name, services.environment[name])
    return dg.DagsterInstance.get().get_ref()

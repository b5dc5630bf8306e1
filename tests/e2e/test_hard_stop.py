"""Everything killed at once in the middle of work, as in a power cut, and started again: nothing lost, nothing doubled."""

import os
import signal
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.demo.dagster_client import DagsterServer, free_port
from s2s_pipelines.demo.evidence import gather
from s2s_pipelines.demo.shopper import Wish
from s2s_pipelines.demo.stage import CLIENTS, Stage
from s2s_pipelines.storage.schema import lease, snapshot
from tests.e2e.floor import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SLOW_S = 45.0
"""How long a shop takes for each write, so that its run is under way when everything ends."""


@pytest.fixture
def stage(tmp_path):
    with Stage(ROOT, tmp_path, print) as made:
        yield made


@pytest.fixture
def workshop(stage, monkeypatch):
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    made = Workshop(Environment.from_mapping(stage.environment))
    yield made
    made.close()


def wait_until(holds, what, timeout_s=300):
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.5)


def processes_of_session(leader):
    """Every process of one session: webserver, daemon, code server and workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def pull_the_plug(server):
    """SIGKILL to everything, the leader first; nobody is left who could report a worker."""
    leader = server._started.pid
    while pids := processes_of_session(leader):
        for pid in sorted(pids, key=lambda p: p != leader):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        server._started.poll()
        time.sleep(0.05)
    server._started.wait(10)
    server._started = None


def statuses(server, run_ids):
    return {run.run_id: run.status for run in server.runs(run_ids=run_ids)}


def show(stage, client):
    products = stage.shops[client].tables.products()
    return sorted(s for s, p in products.items() if p.status == "publish" and (p.stock_quantity or 0) >= 20)


def has_documents_for_all(stage, placed):
    return not gather(placed, stage.world.erps).without


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_all_processes_killed_at_once_and_started_again_lose_and_double_nothing(stage, workshop, tmp_path):
    first = stage.dagster

    def is_published(client):
        plan = workshop.newest_plan(client, "shop")
        return plan is not None and plan.pushed_at is not None

    wait_until(lambda: all(is_published(client) for client in CLIENTS), "the shops are filled", 400)
    for client in ("karoo_outdoor", "stokvel_direct"):
        stage.shops[client].arm("delay", times=None, method="write", path="/wc/v3/*", stall_s=SLOW_S)
    skus = show(stage, "stokvel_direct")[:5]
    config = {"client": "stokvel_direct", "channel": "shop", "skus": skus}
    pushing = first.launch_job("resync_skus", {"ops": {"send_again": {"config": config}}})
    wishes = [
        Wish(client, ((sku, 1),), "buyer2@example.com")
        for client in ("karoo_outdoor", "twin_branches")
        for sku in show(stage, client)[:3]
    ]
    placed = [stage.shoppers[wish.client].place(wish) for wish in wishes if wish.client == "twin_branches"]
    stage.shops["karoo_outdoor"].site.faults.clear()
    placed += [stage.shoppers[wish.client].place(wish) for wish in wishes if wish.client == "karoo_outdoor"]
    stage.shops["karoo_outdoor"].arm("delay", times=None, method="write", path="/wc/v3/*", stall_s=SLOW_S)

    def seeming():
        return [run for run in first.runs() if run.status == "STARTED"]

    wait_until(
        lambda: {"resync_skus", "orders"} <= {run.job for run in seeming()} and _holds(workshop, "push/stokvel_direct"),
        "an order run and a push are under way",
    )
    time.sleep(2)
    stopped = {run.run_id for run in seeming()}
    pull_the_plug(first)
    assert pushing in stopped
    for shop in stage.shops.values():
        shop.site.faults.clear()

    second = DagsterServer(ROOT, stage.environment, port=free_port(), log=tmp_path / "second.log")
    try:
        begun = time.monotonic()
        second.start()
        seen = statuses(second, sorted(stopped))
        assert set(seen.values()) == {"FAILURE"}, f"swept before the start: {seen}"
        told = (tmp_path / "second.log").read_text()
        assert all(run_id in told for run_id in stopped)
        assert "the lease push/stokvel_direct/shop of a process that is gone ends soon" in told
        wait_until(lambda: has_documents_for_all(stage, placed), "every order has its document")
        wait_until(lambda: workshop.ledger.counts("karoo_outdoor")["raising"] == 0, "no order is left half way", 120)
        wait_until(lambda: not _holds(workshop, "push/stokvel_direct"), "the push of the dead lets go", 240)
        print(f"everything stood {time.monotonic() - begun:.0f} s after the new start began")
        evidence = gather(placed, stage.world.erps)
        assert (evidence.doubled, evidence.wrong_totals, evidence.strays) == ((), (), 0)
        again = second.launch_job("resync_skus", {"ops": {"send_again": {"config": config}}})
        (run,) = second.wait_for([again], timeout_s=240)
        assert run.status == "SUCCESS"
        assert _waiting(workshop) == 0, "the rest of what was being sent is known to have arrived"
    finally:
        second.stop()
    with workshop.engine.connect() as connection:
        rows = connection.execute(sa.select(snapshot.c.client, snapshot.c.name, snapshot.c.is_current)).all()
    for client, name, _ in {tuple(row) for row in rows}:
        for kept in workshop.catalogues.history(client, name, 50):
            assert workshop.catalogues.read(kept).num_rows == kept.rows_out


def _holds(workshop, prefix):
    with workshop.engine.connect() as connection:
        names = connection.execute(sa.select(lease.c.name).where(lease.c.expires_at > workshop.clock.now())).scalars()
        return any(name.startswith(prefix) for name in names)


def _waiting(workshop):
    """Items of the shop that were sent and not heard of."""
    held = workshop.stores.items.held("stokvel_direct", "shop", workshop.clock.now())
    return sum(held["is_uncertain"].to_pylist())

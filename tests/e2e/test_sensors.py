"""The shared sensors and the schedule, each tick as the daemon evaluates it, against the demo clients' own database."""

import time
from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from s2s_pipelines.demo.shopper import Wish
from s2s_pipelines.demo.stage import CLIENTS
from s2s_pipelines.storage.schema import cycle_claim
from tests.e2e.floor import workshop_of
from tests.servers import free_port


@pytest.fixture
def later(floor):
    """The same clients, looked at some time later; reading only, so that nothing is noted in the future."""

    def at(**ahead):
        return workshop_of(floor.stage.environment, ahead=timedelta(**ahead))

    return at


def poll_until(floor, holds, timeout_s=60):
    """Ticks of the order sensor, as time passes, until one of them is as wanted."""
    deadline = time.monotonic() + timeout_s
    while not holds(tick := floor.tick("orders_due")):
        assert time.monotonic() < deadline, tick.skip_message
        time.sleep(1)
    return tick


def test_order_sensor_polls_and_asks_for_one_run_of_the_clients_with_work(floor):
    client = "stokvel_direct"
    floor.launch("orders", {})
    products = floor.stage.shops[client].tables.products()
    sku = next(s for s, p in sorted(products.items()) if p.status == "publish" and (p.stock_quantity or 0) >= 8)
    order = floor.stage.shoppers[client].place(Wish(client, ((sku, 1),), "buyer2@example.com"))
    (request,) = poll_until(floor, lambda tick: tick.run_requests).run_requests

    assert request.run_key.startswith("orders:")
    assert request.tags["dagster/priority"] == "10"
    config = request.run_config["ops"]["take_up_orders"]["config"]
    assert config == {"clients": [client], "poll": False}
    seen = floor.launch("orders", request.run_config, request.tags)
    assert seen.is_ok, seen.failures
    erp = floor.stage.world.erps["stokvel_erp"]
    assert [d.account for d in erp.documents() if d.web_number == order.number] == ["C002"]
    skipped = floor.tick("orders_due")
    assert skipped.run_requests == []
    assert skipped.skip_message.startswith("nothing is due; ")


def test_order_sensor_goes_on_when_one_shop_does_not_answer(floor, astray):
    floor.launch("orders", {})
    with astray("DEMO_TWIN_BRANCHES_SHOP", f"http://127.0.0.1:{free_port()}", "twin_branches"):
        tick = poll_until(floor, lambda tick: tick.run_requests or "3 channels were asked" in tick.skip_message)
    assert "3 channels were asked" in tick.skip_message


@pytest.fixture
def unclaimed(floor):
    """No client is claimed, neither before nor after: what a test claims ahead of its time would hold up the next one."""

    def clear():
        with floor.workshop.engine.begin() as connection:
            connection.execute(sa.delete(cycle_claim))

    clear()
    yield
    clear()


def config_of(request):
    return request.run_config["ops"]["cycle_clients"]["config"]


def test_cycle_sensor_asks_for_one_run_of_all_that_are_due_and_for_none_that_is_in_hand(floor, later, unclaimed):
    for client in CLIENTS:
        floor.materialise(floor.keys_of(client))
    quiet = floor.tick("cycle_due")
    assert (quiet.run_requests, quiet.skip_message) == ([], "no client is due")

    with later(minutes=11) as workshop:
        (request,) = floor.tick("cycle_due", workshop=workshop).run_requests
        assert request.job_name == "cycle"
        assert set(config_of(request)["clients"]) == set(CLIENTS)
        assert request.run_key == f"cycle:{config_of(request)['token']}"
        assert request.tags["s2s/cycle"] == "quick"
        assert request.tags["dagster/max_runtime"] == "3600"
        again = floor.tick("cycle_due", workshop=workshop)
        assert (again.run_requests, again.skip_message) == ([], "every client that is due is in hand already")


def test_request_that_was_lost_is_made_again_unless_its_run_waits_for_its_turn(floor, later, unclaimed):
    with later(minutes=11) as workshop:
        (request,) = floor.tick("cycle_due", workshop=workshop).run_requests
    job = floor.definitions.resolve_job_def("cycle")
    waiting = floor.instance.create_run_for_job(
        job, run_config=request.run_config, tags=request.tags, status=dg.DagsterRunStatus.NOT_STARTED
    )
    with later(minutes=14) as workshop:
        assert floor.tick("cycle_due", workshop=workshop).run_requests == []
        floor.instance.delete_run(waiting.run_id)
        (anew,) = floor.tick("cycle_due", workshop=workshop).run_requests
    assert set(config_of(anew)["clients"]) == set(config_of(request)["clients"]) == set(CLIENTS)
    assert config_of(anew)["token"] != config_of(request)["token"]


def test_client_that_takes_long_gets_a_run_of_its_own(floor, later, unclaimed):
    claims = floor.workshop.claims
    claims.claim(CLIENTS, "t1", {})
    claims.take_up("t1", "here", is_gone=lambda _: False)
    for client, seconds in zip(CLIENTS, (31.0, 2.0, 1.0), strict=True):
        claims.begin(client, "t1", "here")
        claims.finish(client, "t1", "here", seconds)
    with later(minutes=11) as workshop:
        quick, slow = floor.tick("cycle_due", workshop=workshop).run_requests
    assert set(config_of(quick)["clients"]) == set(CLIENTS[1:])
    assert (config_of(slow)["clients"], slow.tags["s2s/cycle"], slow.tags["s2s/client"]) == (
        [CLIENTS[0]], "slow", CLIENTS[0]
    )  # fmt: skip


def test_nightly_schedule_asks_for_full_reads_once_their_hour_has_passed(floor, later, unclaimed):
    for client in CLIENTS:
        floor.materialise(floor.keys_of(client))
    repository = floor.definitions.get_repository_def()
    schedule = repository.get_schedule_def("full_reads")

    def tick(workshop):
        with (
            dg.instance_for_test() as instance,
            dg.build_schedule_context(
                instance=instance, repository_def=repository, resources={"workshop": workshop}
            ) as context,
        ):
            return schedule.evaluate_tick(context)

    assert tick(floor.workshop).skip_message == "no full read is due"
    with later(hours=24) as workshop:
        (request,) = tick(workshop).run_requests
    assert set(config_of(request)["clients"]) == set(CLIENTS)
    assert request.tags["s2s/cycle"] == "full"


def test_failure_sensor_names_step_client_and_reason(floor, caplog):
    seen = floor.launch("orders", {"ops": {"take_up_orders": {"config": {"first_day": "yesterday"}}}})
    assert not seen.is_ok
    run = floor.instance.get_run_by_id(seen.result.run_id)
    events = [e for e in seen.result.all_events if e.event_type_value == "PIPELINE_FAILURE"]
    sensor = floor.definitions.get_repository_def().get_sensor_def("failures")
    with dg.build_run_status_sensor_context("failures", events[0], floor.instance, run) as context:
        failed = context.for_run_failure()
        failed.log.addHandler(caplog.handler)
        sensor(failed)
    said = [record.getMessage() for record in caplog.records if f"run {run.run_id}" in record.getMessage()]
    assert any("step take_up_orders" in line and "a day is written YYYY-MM-DD" in line for line in said), said

"""An installation that worked on SQLite is moved to PostgreSQL by one command, and goes on there as if nothing had happened."""

import time
from contextlib import contextmanager

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.run_status_sensor_definition import RunStatusSensorCursor
from dagster._core.event_api import RunStatusChangeRecordsFilter
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._daemon.types import DaemonHeartbeat

from s2s_pipelines.cli import main
from s2s_pipelines.demo.shopper import Wish
from s2s_pipelines.demo.stage import CLIENTS, Stage
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.orchestration.factory import build_definitions
from s2s_pipelines.orchestration.keys import catalogue_key, orders_key, push_key
from s2s_pipelines.orchestration.move import check_stopped
from s2s_pipelines.orchestration.order_job import orders_job
from s2s_pipelines.storage.moved import NOTE
from tests.e2e.floor import ROOT, Floor, workshop_of
from tests.unit.storage.test_backup import rows_of

pytestmark = pytest.mark.server("postgres")
NEW = "S2S_TRIAL_ADDRESS"
CHECK = dg.AssetCheckKey(catalogue_key(CLIENTS[0]), "by_hand")
SENSOR = RemoteInstigatorOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("s2s"), "__repository__"), "failures"
)  # fmt: skip


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """The demo world and its environment, on SQLite."""
    with Stage(ROOT, tmp_path, lambda _: None, has_dagster=False) as made:
        for name, value in {**made.environment, "DAGSTER_HOME": str(ROOT)}.items():
            monkeypatch.setenv(name, value)
        yield made


@contextmanager
def floor_on(stage, **more):
    """The shipped instance and definitions on whatever the environment names."""
    environment = {**stage.environment, **more}
    with dg.DagsterInstance.get() as instance, workshop_of(environment) as workshop:
        yield Floor(stage, workshop, build_definitions(workshop), instance)


def place(floor, client):
    products = floor.stage.shops[client].tables.products()
    sku = next(s for s, p in sorted(products.items()) if p.status == "publish" and (p.stock_quantity or 0) >= 8)
    return floor.stage.shoppers[client].place(Wish(client, ((sku, 1),), "buyer2@example.com"))


def raise_orders(floor):
    seen = floor.launch("orders", {"ops": {"take_up_orders": {"config": {"clients": list(CLIENTS)}}}})
    assert seen.is_ok, seen.failures


def live_through(floor):
    """A first cycle, orders, a failed run, a day swept, an event of no run, a sensor half way through the failures."""
    for client in CLIENTS:
        assert floor.materialise(floor.keys_of(client)).is_ok
    for client in CLIENTS:
        place(floor, client)
    raise_orders(floor)
    assert not floor.launch("orders", {"ops": {"take_up_orders": {"config": {"first_day": "yesterday"}}}}).is_ok
    for client in CLIENTS:  # what was sold is shown
        assert floor.materialise(floor.keys_of(client)).is_ok
    day = floor.workshop.today(CLIENTS[0]).isoformat()
    assert floor.materialise([orders_key(CLIENTS[0])], partition_key=day).is_ok
    said = dg.AssetCheckEvaluation(asset_key=CHECK.asset_key, check_name=CHECK.name, passed=False, metadata={})
    floor.instance.report_runless_asset_event(said)
    failed = floor.instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=10).records
    assert len(failed) == 1
    cursor = RunStatusSensorCursor(record_id=failed[0].storage_id - 1).to_json()
    state = InstigatorState(
        SENSOR, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData(cursor=cursor, min_interval=30)
    )
    floor.instance.add_instigator_state(state)


def told(instance):
    """What Dagster's storage says, without the numbers of its rows."""
    runs = {r.dagster_run.run_id: r for r in instance.get_run_records()}
    keys = sorted(instance.all_asset_keys())
    made = {k: instance.get_latest_materialization_event(k) for k in keys}
    days = {
        k: sorted(instance.get_materialized_partitions(k)) for k in keys if k.path[-1] == "orders"
    }  # fmt: skip
    checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [CHECK, *(dg.AssetCheckKey(push_key(c, "shop"), "delivered") for c in CLIENTS)]
    )
    return {
        "runs": {n: (r.dagster_run, r.start_time, r.end_time) for n, r in runs.items()},
        "logs": {
            n: [(e.timestamp, e.dagster_event_type, e.step_key, e.message) for e in instance.all_logs(n)] for n in runs
        },
        "statistics": {n: instance.get_run_stats(n) for n in runs},
        "steps": {n: steps_of(instance, n) for n in runs},
        "assets": {k: e and (e.run_id, e.timestamp, e.asset_materialization.metadata) for k, e in made.items()},
        "history": {k: len(instance.fetch_materializations(k, limit=100).records) for k in keys},
        "days": days,
        "checks": {k: (r.run_id, r.status, r.create_timestamp) for k, r in checks.items()},
        "sensors": [s.instigator_name for s in instance.all_instigator_state()],
        "id": instance.run_storage.get_run_storage_id(),
    }


def steps_of(instance, run_id):
    found = sorted(instance.get_run_step_stats(run_id), key=lambda step: step.step_key)
    return [(s.step_key, s.status, s.start_time, s.end_time, s.attempts, len(s.materialization_events)) for s in found]


def untold_failures(instance):
    """What the sensor on failures would still tell, by its own cursor."""
    (state,) = instance.all_instigator_state()
    cursor = RunStatusSensorCursor.from_json(state.instigator_data.cursor)
    wanted = RunStatusChangeRecordsFilter(event_type=dg.DagsterEventType.RUN_FAILURE, after_storage_id=cursor.record_id)
    found = instance.fetch_run_status_changes(wanted, ascending=True, limit=10)
    return [record.run_id for record in found.records]


def looked_at(instance):
    """Which materialisation each check looked at, followed by its number to the event itself."""
    checks = [dg.AssetCheckKey(push_key(c, "shop"), "delivered") for c in CLIENTS]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
    events = {}
    for key, record in found.items():
        number = record.event.dagster_event.asset_check_evaluation_data.target_materialization_data.storage_id
        records = instance.event_log_storage.fetch_materializations(key.asset_key, limit=100).records
        events[key] = next(r.timestamp for r in records if r.storage_id == number)
    return events


def test_everything_is_there_after_the_move_and_work_goes_on(stage, monkeypatch, postgres_url, tmp_path):
    with floor_on(stage) as floor:
        live_through(floor)
        before, ours = told(floor.instance), rows_of(floor.workshop.engine)
        pending, pointed = untold_failures(floor.instance), looked_at(floor.instance)
        counts = {client: floor.workshop.ledger.counts(client) for client in CLIENTS}
    files = {p: p.read_bytes() for p in (tmp_path / "s2s" / "dagster").rglob("*.db")}
    assert len(before["runs"]) == 9

    monkeypatch.setenv(NEW, postgres_url)
    done = CliRunner().invoke(main, ["move", NEW])
    assert done.exit_code == 0, done.output
    assert "9 runs" in done.output
    assert "S2S_DATABASE_URL          the value of S2S_TRIAL_ADDRESS" in done.output
    assert "pa;ss" not in done.output
    assert {p: p.read_bytes() for p in files} == files, "the old files are only read"

    with workshop_of(stage.environment) as forgotten, pytest.raises(ConfigurationError, match="moved to PostgreSQL"):
        forgotten.ledger.counts(CLIENTS[0])

    monkeypatch.setenv("S2S_DATABASE_URL", postgres_url)
    with floor_on(stage, S2S_DATABASE_URL=postgres_url) as floor:
        after = told(floor.instance)
        for what in before:
            assert after[what] == before[what], what
        assert untold_failures(floor.instance) == pending
        assert len(pending) == 1
        assert looked_at(floor.instance) == pointed
        assert {**rows_of(floor.workshop.engine), "lease": 0} == {**ours, "lease": 0}
        assert {client: floor.workshop.ledger.counts(client) for client in CLIENTS} == counts

        marks = floor.marks()
        for client in CLIENTS:
            seen = floor.materialise(floor.keys_of(client))
            assert seen.is_ok, seen.failures
        assert floor.writes(marks) == 0, "the next cycle writes nothing"
        raise_orders(floor)
        assert {client: floor.workshop.ledger.counts(client) for client in CLIENTS} == counts, "nothing is raised again"
        place(floor, CLIENTS[0])
        raise_orders(floor)
        new = rows_of(floor.workshop.engine)
        assert new["sales_order"][-1][0] == max(row[0] for row in ours["sales_order"]) + 1
        assert new["order_document"][-1][0] == max(row[0] for row in ours["order_document"]) + 1
        assert len(told(floor.instance)["runs"]) == 14


def test_own_database_for_dagster_and_a_second_move_into_either_is_refused(
    stage, monkeypatch, postgres_server, tmp_path
):
    first, second = (postgres_server.url(postgres_server.new_database()) for _ in range(2))
    with floor_on(stage) as floor:
        assert floor.materialise(floor.keys_of(CLIENTS[2])).is_ok
    monkeypatch.setenv(NEW, first)
    monkeypatch.setenv("S2S_TRIAL_OTHER", second)
    moving = ["move", NEW, "--dagster", "S2S_TRIAL_OTHER"]
    done = CliRunner().invoke(main, moving)
    assert done.exit_code == 0, done.output
    assert "S2S_DAGSTER_DATABASE_URL  the value of S2S_TRIAL_OTHER" in done.output
    (tmp_path / "s2s" / NOTE).unlink()
    again = CliRunner().invoke(main, moving)
    assert (again.exit_code, "our tables there are not empty" in again.output) == (1, True), again.output
    monkeypatch.setenv(NEW, postgres_server.url(postgres_server.new_database()))
    again = CliRunner().invoke(main, moving)
    assert (again.exit_code, "Dagster's tables there are not empty" in again.output) == (1, True), again.output
    assert not (tmp_path / "s2s" / NOTE).exists()
    monkeypatch.setenv("S2S_DATABASE_URL", first)
    monkeypatch.setenv("S2S_DAGSTER_DATABASE_URL", second)
    with dg.DagsterInstance.get() as instance:
        assert len(instance.get_run_ids()) == 1
        assert instance.run_storage.postgres_url.endswith(second.rsplit("/", 1)[1])


@pytest.mark.parametrize("value", [None, "", "sqlite:///other.db", "mysql://host/database"])
def test_variable_without_an_address_of_postgres_is_refused_and_never_shown(stage, monkeypatch, value):
    if value is not None:
        monkeypatch.setenv(NEW, value)
    done = CliRunner().invoke(main, ["move", NEW])
    assert done.exit_code == 1
    assert f"the variable {NEW} holds no address of a PostgreSQL database" in done.output
    assert not value or value not in done.output


def test_environment_that_is_on_postgres_has_nothing_to_move(stage, monkeypatch, postgres_url):
    monkeypatch.setenv("S2S_DATABASE_URL", postgres_url)
    monkeypatch.setenv(NEW, postgres_url)
    done = CliRunner().invoke(main, ["move", NEW])
    assert (done.exit_code, "on PostgreSQL already" in done.output) == (1, True), done.output


@pytest.fixture
def instance(tmp_path):
    with dg.instance_for_test(temp_dir=str(tmp_path)) as made:
        yield made


@pytest.mark.parametrize("status", ["STARTING", "STARTED", "CANCELING"])
def test_nothing_is_moved_while_a_run_is_under_way(instance, status):
    check_stopped(instance)
    instance.create_run_for_job(orders_job, status=dg.DagsterRunStatus(status))
    with pytest.raises(ConfigurationError, match=r"something runs: run .* of orders"):
        check_stopped(instance)


def test_nothing_is_moved_while_a_daemon_lives(instance, monkeypatch):
    def beat(ago_s):
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - ago_s, "SENSOR", "some-id", []))

    beat(600)
    check_stopped(instance, wait_s=0.2)
    beat(20)
    check_stopped(instance, wait_s=0.2)  # it may have been stopped since, and nothing came
    monkeypatch.setattr("s2s_pipelines.orchestration.move.time.sleep", lambda _: beat(0))
    with pytest.raises(ConfigurationError, match="a Dagster daemon"):
        check_stopped(instance, wait_s=5)

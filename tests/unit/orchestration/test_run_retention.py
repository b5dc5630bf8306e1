"""Old runs and ticks of Dagster's storage, on SQLite and PostgreSQL: what goes, and what survives it."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.orchestration.factory import build_definitions
from s2s_pipelines.orchestration.housekeeping import housekeeping_job, keep_house
from s2s_pipelines.orchestration.order_job import orders_job
from s2s_pipelines.orchestration.run_retention import delete_old_runs, delete_run_files_of_nobody, purge_old_ticks

KEY = dg.AssetKey(["acme", "catalogue"])
NOW = datetime.now(UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server("postgres"))])
def instance(request, tmp_path):
    overrides = {}
    if request.param == "postgres":
        overrides["storage"] = {"postgres": {"postgres_url": request.getfixturevalue("postgres_url")}}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as made:
        yield made


@dg.asset(key=KEY, check_specs=[dg.AssetCheckSpec("merged", asset=KEY)])
def catalogue():
    return dg.MaterializeResult(metadata={"rows": 7}, check_results=[dg.AssetCheckResult(passed=True)])


def run(instance):
    made = dg.materialize([catalogue], instance=instance)
    assert made.success
    return made.run_id


def later():
    """The runs of this test are old by then."""
    return datetime.now(UTC) + timedelta(days=1)


def test_ended_runs_go_with_everything_they_left(instance, tmp_path):
    gone, kept = [run(instance) for _ in range(3)], run(instance)
    for run_id in gone:
        Path(instance.storage_directory(), run_id).mkdir(parents=True, exist_ok=True)
        with instance.compute_log_manager.open_log_stream([run_id, "compute_logs", "x"], ComputeIOType.STDERR) as log:
            log.write("said")
    middle = instance.get_run_record_by_id(kept).update_timestamp.replace(tzinfo=UTC)
    if instance.get_run_record_by_id(gone[-1]).update_timestamp.replace(tzinfo=UTC) == middle:
        pytest.fail("the runs ended at the same moment: the test proves nothing")
    assert delete_old_runs(instance, middle, budget_s=60, is_dry=True) == (3, False)
    assert len(instance.get_run_ids()) == 4
    assert delete_old_runs(instance, middle, budget_s=60) == (3, False)
    assert instance.get_run_ids() == [kept]
    left = [str(path) for path in tmp_path.rglob("*") if any(run_id in str(path) for run_id in gone)]
    assert left == []
    assert len(instance.all_logs(kept)) > 5
    if not isinstance(instance.event_log_storage, SqliteEventLogStorage):  # a file for each run there
        assert instance.all_logs(gone[0]) == []


def test_what_an_asset_and_its_check_said_last_survives(instance):
    run(instance)
    delete_old_runs(instance, later(), budget_s=60)
    assert instance.get_run_ids() == []
    assert instance.get_latest_materialization_event(KEY).asset_materialization.metadata["rows"].value == 7
    (record,) = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(KEY, "merged"), limit=1)
    assert record.event.dagster_event.asset_check_evaluation_data.passed


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_runs_in_progress_never_go(instance, status):
    made = instance.create_run_for_job(orders_job, status=dg.DagsterRunStatus(status))
    assert delete_old_runs(instance, later() + timedelta(days=900), budget_s=60) == (0, False)
    assert instance.get_run_by_id(made.run_id) is not None


def test_what_does_not_fit_into_the_time_is_left_and_told(instance):
    run(instance)
    assert delete_old_runs(instance, later(), budget_s=-1) == (0, True)
    assert len(instance.get_run_ids()) == 1


def test_files_of_runs_that_somebody_else_deleted_go(instance):
    known, unknown = run(instance), "0f0f0f0f-0000-4000-8000-000000000001"
    storage = Path(instance.storage_directory())
    for name in (known, unknown, "not_a_run"):
        (storage / name).mkdir(parents=True, exist_ok=True)
    assert delete_run_files_of_nobody(instance, NOW - timedelta(days=2)) == 0
    assert delete_run_files_of_nobody(instance, later(), is_dry=True) == 1
    assert delete_run_files_of_nobody(instance, later()) == 1
    assert {path.name for path in storage.iterdir()} >= {known, "not_a_run"}
    assert not (storage / unknown).exists()


def sensor_with_ticks(instance, *ages_h):
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("s2s"), "__repository__"), "due"
    )
    state = InstigatorState(
        origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData(cursor="c", min_interval=30)
    )
    instance.add_instigator_state(state)
    for number, age_h in enumerate(ages_h):
        at = (NOW - timedelta(hours=age_h)).timestamp()
        key = ["s2s", "due", str(number)]
        with instance.compute_log_manager.open_log_stream(key, ComputeIOType.STDERR) as log:
            log.write("said")
        status = TickStatus.STARTED if number == 0 else TickStatus.SKIPPED
        instance.create_tick(
            TickData(
                state.instigator_origin_id, "due", InstigatorType.SENSOR, status, at, selector_id=state.selector_id, log_key=key
            )
        )  # fmt: skip
    return state


def test_old_ticks_go_with_their_logs_and_the_sensor_keeps_its_place(instance, tmp_path):
    state = sensor_with_ticks(instance, 300, 200, 190, 180, 10, 1)
    before = NOW - timedelta(days=7)
    assert purge_old_ticks(instance, before, is_dry=True) == 3
    assert purge_old_ticks(instance, before) == 3
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id)
    assert sorted(round((NOW.timestamp() - tick.timestamp) / 3600) for tick in ticks) == [1, 10, 300]
    assert {path.stem for path in tmp_path.rglob("due/*.err")} == {"0", "4", "5"}
    (found,) = instance.all_instigator_state()
    assert (found.status, found.instigator_data.cursor) == (InstigatorStatus.RUNNING, "c")


class Ahead:
    """The machine's clock, forty days on."""

    def now(self):
        return datetime.now(UTC) + timedelta(days=40)


@pytest.fixture
def workshop(tmp_path):
    root = tmp_path / "root"
    for name in ("assets", "resources"):
        (root / name).mkdir(parents=True)
    made = Workshop(
        Environment.from_mapping({"S2S_ROOT": str(root), "S2S_HOME": str(tmp_path / "home")}), clock=Ahead()
    )
    yield made
    made.close()


def test_nightly_job_deletes_old_runs_and_spares_itself(instance, workshop):
    old = run(instance)
    resources = {"workshop": workshop}
    dry = housekeeping_job.execute_in_process(
        instance=instance, resources=resources,
        run_config={"ops": {"delete_what_is_kept_no_longer": {"config": {"dry_run": True}}}},
    )  # fmt: skip
    assert old in instance.get_run_ids()
    done = housekeeping_job.execute_in_process(instance=instance, resources=resources)
    assert done.success
    assert instance.get_run_ids() == [done.run_id]
    (event,) = [e for e in done.all_events if e.event_type_value == "STEP_OUTPUT"]
    said = {key: value.value for key, value in event.step_output_data.metadata.items()}
    assert (said["runs"], said["snapshots"]) == (2, 0), dry


def test_what_cannot_be_deleted_of_one_client_stops_no_other(instance, workshop, monkeypatch):
    from s2s_pipelines.storage.retention import Remains

    for client in ("acme", "beta"):
        (workshop.environment.home / "catalogue" / client).mkdir(parents=True)
        loose = workshop.environment.home / "catalogue" / client / "x.parquet"
        loose.write_bytes(b"half")
        os.utime(loose, (0, 0))

    def refuse(self, client, before):
        if client == "acme":
            raise PermissionError(13, "Permission denied", f"{client}/x")
        return real(self, client, before)

    real = Remains.snapshots
    monkeypatch.setattr(Remains, "snapshots", refuse)
    report = keep_house(workshop, instance)
    assert list(report.problems) == ["acme"]
    assert report.counts["orphans"] == 1
    assert not (workshop.environment.home / "catalogue" / "beta" / "x.parquet").exists()
    failed = housekeeping_job.execute_in_process(
        instance=instance, resources={"workshop": workshop}, raise_on_error=False
    )
    assert not failed.success


def test_schedule_runs_it_every_night_by_default(workshop):
    shutil.rmtree(workshop.environment.home, ignore_errors=True)
    repository = build_definitions(workshop).get_repository_def()
    schedule = repository.get_schedule_def("daily_housekeeping")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert (schedule.job_name, schedule.cron_schedule) == ("housekeeping", "40 3 * * *")

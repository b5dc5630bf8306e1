"""Runs that only seem to run, with real processes as their workers."""

import json
import os
import signal
import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.storage.tags import GRPC_INFO_TAG

from s2s_pipelines.bootstrap.process import LocalProcesses
from s2s_pipelines.orchestration.dead_runs import sweep_dead_runs
from s2s_pipelines.orchestration.order_job import orders_job
from s2s_pipelines.orchestration.worker import BEGAN_KEY, HOST_KEY, PID_KEY, run_executor

STARTED, STARTING, CANCELING = (dg.DagsterRunStatus(word) for word in ("STARTED", "STARTING", "CANCELING"))


@pytest.fixture
def instance(tmp_path):
    """A real instance with two places in its pool."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as made:
        made.event_log_storage.set_concurrency_slots("erp", 2)
        yield made


@pytest.fixture
def process():
    """Starts processes that wait; those left over end with the test."""
    started = []

    def start():
        started.append(subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"]))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()


def run_of(instance, status=STARTED, *, worker=None, launch=None, grpc=None):
    """A run with the events and tags that a code server and a worker leave."""
    tags = {GRPC_INFO_TAG: json.dumps(grpc)} if grpc else {}
    run = instance.create_run_for_job(orders_job, status=status, tags=tags)
    if launch is not None:
        instance.report_engine_event("Started process for run.", run, EngineEventData.in_process(launch))
    if worker is not None:
        processes = LocalProcesses()
        who = {HOST_KEY: processes.host, PID_KEY: str(worker), BEGAN_KEY: processes.began(worker) or ""}
        instance.report_engine_event("works", run, EngineEventData(metadata=who))
    return run


def status_of(instance, run):
    return instance.get_run_by_id(run.run_id).status


def end(one):
    one.kill()
    one.wait()


@pytest.mark.parametrize("status", [STARTED, STARTING])
def test_run_of_a_killed_worker_fails_and_frees_its_slots(instance, process, status):
    worker = process()
    run = run_of(instance, status, worker=worker.pid)
    assert instance.event_log_storage.claim_concurrency_slot("erp", run.run_id, "step").is_claimed
    assert sweep_dead_runs(instance, settle_s=0) == []
    assert status_of(instance, run) == status
    end(worker)
    (swept,) = sweep_dead_runs(instance, settle_s=0)
    assert (swept.run_id, swept.job) == (run.run_id, "orders")
    assert status_of(instance, run) == dg.DagsterRunStatus.FAILURE
    assert instance.event_log_storage.get_concurrency_info("erp").active_slot_count == 0
    assert sweep_dead_runs(instance, settle_s=0) == []


def test_cancelled_run_of_a_killed_worker_is_cancelled(instance, process):
    worker = process()
    run = run_of(instance, CANCELING, worker=worker.pid)
    end(worker)
    assert len(sweep_dead_runs(instance, settle_s=0)) == 1
    assert status_of(instance, run) == dg.DagsterRunStatus.CANCELED


def test_killed_worker_that_nobody_collected_is_gone(instance, process):
    worker = process()
    run = run_of(instance, worker=worker.pid)
    os.kill(worker.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not sweep_dead_runs(instance, settle_s=0):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status_of(instance, run) == dg.DagsterRunStatus.FAILURE


def test_number_of_the_worker_that_another_process_has_now_does_not_save_the_run(instance, process):
    stranger = process()
    run = run_of(instance)
    who = {HOST_KEY: LocalProcesses().host, PID_KEY: str(stranger.pid), BEGAN_KEY: "another boot:7"}
    instance.report_engine_event("works", run, EngineEventData(metadata=who))
    assert len(sweep_dead_runs(instance, settle_s=0)) == 1


def test_run_of_another_host_is_left_alone(instance):
    run = run_of(instance)
    who = {HOST_KEY: "south/00000000", PID_KEY: "4194000", BEGAN_KEY: "x:1"}
    instance.report_engine_event("works", run, EngineEventData(metadata=who))
    assert sweep_dead_runs(instance, settle_s=0) == []
    assert status_of(instance, run) == STARTED


def test_ended_runs_and_waiting_ones_are_left_alone(instance, process):
    gone = process()
    words = ("NOT_STARTED", "SUCCESS", "FAILURE", "CANCELED")
    runs = [run_of(instance, dg.DagsterRunStatus(word), worker=gone.pid) for word in words]
    end(gone)
    assert sweep_dead_runs(instance, settle_s=0) == []
    assert [status_of(instance, run).value for run in runs] == list(words)


def test_worker_that_wrote_its_last_word_meanwhile_keeps_it(instance, process, monkeypatch):
    worker = process()
    run = run_of(instance, worker=worker.pid)
    end(worker)
    monkeypatch.setattr(
        "s2s_pipelines.orchestration.dead_runs.time.sleep", lambda _: instance.report_run_canceled(run, "last word")
    )
    assert sweep_dead_runs(instance) == []
    assert status_of(instance, run) == dg.DagsterRunStatus.CANCELED


def test_killed_before_the_worker_wrote_itself_down_counts_where_its_code_server_was_here(instance, process, tmp_path):
    gone = process()
    socket = tmp_path / "socket"
    socket.touch()
    here = run_of(instance, STARTING, launch=gone.pid, grpc={"host": "localhost", "socket": str(socket)})
    local = run_of(instance, STARTING, launch=gone.pid, grpc={"host": "127.0.0.1", "port": 4266})
    elsewhere = [
        run_of(instance, STARTING, launch=gone.pid, grpc={"host": "code-2", "port": 4266}),
        run_of(instance, STARTING, launch=gone.pid, grpc={"host": "localhost", "socket": str(tmp_path / "other")}),
        run_of(instance, STARTING, launch=gone.pid),
    ]
    alive = run_of(instance, STARTING, launch=process().pid, grpc={"host": "127.0.0.1", "port": 4266})
    end(gone)
    assert {s.run_id for s in sweep_dead_runs(instance, settle_s=0, is_only_code_server=False)} == {here.run_id}
    assert {s.run_id for s in sweep_dead_runs(instance, settle_s=0)} == {local.run_id}
    assert {status_of(instance, run) for run in [*elsewhere, alive]} == {STARTING}


def test_every_run_says_which_process_works_on_it(instance):
    ran = dg.execute_job(dg.reconstructable(plain_job), instance=instance)
    events = instance.get_records_for_run(ran.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    said = events[0].event_log_entry.dagster_event.engine_event_data.metadata
    processes = LocalProcesses()
    assert {key: said[key].value for key in (PID_KEY, HOST_KEY, BEGAN_KEY)} == {
        PID_KEY: str(os.getpid()), HOST_KEY: processes.host, BEGAN_KEY: processes.began(os.getpid()),
    }  # fmt: skip


def test_signature_tells_the_living_from_the_dead(process):
    processes = LocalProcesses()
    other = process()
    signature = processes._signature(other.pid)
    assert not processes.has_ended(signature)
    assert not processes.has_ended(processes.signature())
    end(other)
    assert processes.has_ended(signature)
    mine = processes.signature()
    assert processes.has_ended(f"{mine[:-8]}00000000"), "the number is another process's now"
    assert not processes.has_ended(mine[:-1]), "cut off: nothing is certain"
    assert not processes.has_ended(signature.replace(processes.host, "elsewhere"))
    assert not processes.has_ended("order sweep")


@dg.op
def nothing() -> None:
    """Done at once."""


@dg.job(executor_def=run_executor)
def plain_job():
    nothing()

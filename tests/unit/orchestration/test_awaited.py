"""Which clients' orders an earlier run will take up by itself."""

import dagster as dg
import pytest

from s2s_pipelines.orchestration.order_job import clients_awaited, orders_job


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def add(instance, status, **config):
    instance.create_run_for_job(orders_job, run_config={"ops": {"take_up_orders": {"config": config}}}, status=status)


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING"])
def test_a_run_that_has_not_begun_takes_up_what_is_due_by_then(instance, status):
    add(instance, dg.DagsterRunStatus(status), clients=["acme", "beta"], poll=False)
    assert clients_awaited(instance) == {"acme", "beta"}


@pytest.mark.parametrize("status", ["STARTED", "SUCCESS", "FAILURE", "CANCELED"])
def test_a_run_that_began_or_only_seems_to_run_keeps_nobody_waiting(instance, status):
    add(instance, dg.DagsterRunStatus(status), clients=["acme"])
    assert clients_awaited(instance) == set()


@pytest.mark.parametrize("config", [{"orders": ["1042"]}, {"first_day": "2026-01-01"}])
def test_a_run_for_named_orders_or_days_leaves_the_others_to_the_sensor(instance, config):
    add(instance, dg.DagsterRunStatus.NOT_STARTED, clients=["acme"], **config)
    assert clients_awaited(instance) == set()

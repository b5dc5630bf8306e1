"""Runs that failed stay told until the same work was done, or for a day."""

from datetime import timedelta

import pytest

from s2s_pipelines.cycle.alerting import Alert
from s2s_pipelines.cycle.cause import Cause
from s2s_pipelines.cycle.incident import EndedRun, FailedStep, passing_causes, run_causes, without_echoes
from tests.unit.cycle.fleet_sample import NOON, ago


def run(number=1, job="cycle", *, minutes=5, clients=(), failed=(), done=(), is_failed=None, why=""):
    lost = bool(failed) if is_failed is None else is_failed
    return EndedRun(
        f"{number}-run", job, f"the job {job}", ago(minutes=minutes), lost, clients, tuple(failed), done, why
    )


def failing(step="cycle_clients", **by_client):
    return FailedStep(step, "2 of 9 clients could not be done", by_client)


def as_alert(cause, *, opened_at=None):
    opened = opened_at or ago(hours=1)
    return Alert(
        1, cause.key, cause.kind, cause.client, cause.subject, cause.message, cause.remedy, cause.path, opened, NOON
    )


def causes(ended, known=(), failed_at=lambda _: None):
    return run_causes([as_alert(c) for c in known], ended, NOON, failed_at)


def keys(found):
    return sorted(cause.key for cause in found)


def test_a_shared_run_tells_of_each_client_that_failed_in_it():
    found = causes([run(failed=[failing(acme="no such query", bolt="disk full")], clients=("acme", "bolt", "well"))])
    assert keys(found) == ["failed_run/cycle/cycle_clients/acme", "failed_run/cycle/cycle_clients/bolt"]
    (acme,) = [cause for cause in found if cause.client == "acme"]
    assert "no such query" in acme.message
    assert acme.path == "/runs/1-run"


def test_a_step_of_a_clients_own_assets_tells_of_that_client():
    (found,) = causes([run(job="__ASSET_JOB", failed=[FailedStep("acme__publish__shop", "no route")])])
    assert (found.client, found.key) == ("acme", "failed_run/__ASSET_JOB/acme__publish__shop/acme")


def test_a_step_without_a_client_tells_of_the_run():
    (found,) = causes([run(job="housekeeping", failed=[FailedStep("keep_house", "disk full")])])
    assert (found.client, found.key) == (None, "failed_run/housekeeping/keep_house/-")


def test_a_run_that_failed_without_a_failed_step_lost_its_worker():
    (found,) = causes([run(is_failed=True, why="it exited with code -9")])
    assert (found.kind, found.key) == ("killed_worker", "killed_worker/cycle/-")
    assert "it exited with code -9" in found.message


def test_what_failed_is_over_when_a_later_run_did_it_for_the_same_client():
    bad = run(failed=[failing(acme="x")], clients=("acme", "well"))
    known = causes([bad])
    assert causes([run(2, minutes=1, clients=("well",), done=("cycle_clients",))], known) != []
    assert causes([run(2, minutes=1, clients=("acme",), done=("cycle_clients",))], known) == []
    assert causes([run(2, minutes=1, done=("cycle_clients",))], known) == []


def test_a_later_run_that_failed_for_others_did_its_part_for_this_client():
    known = causes([run(failed=[failing(acme="x")], clients=("acme", "bolt"))])
    later = run(2, minutes=1, failed=[failing(bolt="y")], clients=("acme", "bolt"))
    assert keys(causes([later], known)) == ["failed_run/cycle/cycle_clients/bolt"]
    apart = run(2, minutes=1, failed=[failing(bolt="y")], clients=("bolt",))
    assert len(causes([apart], known)) == 2


def test_a_step_that_succeeded_in_a_run_of_which_another_step_failed_is_done():
    job = "__ASSET_JOB"
    known = causes([run(job=job, failed=[FailedStep("acme__refresh", "x")])])
    later = run(2, job, minutes=1, failed=[FailedStep("acme__publish__shop", "y")], done=("acme__refresh",))
    assert keys(causes([later], known)) == ["failed_run/__ASSET_JOB/acme__publish__shop/acme"]


def test_runs_are_looked_at_in_the_order_in_which_they_ended():
    bad, good = run(failed=[failing(acme="x")], minutes=5), run(2, done=("cycle_clients",), minutes=1)
    assert causes([good, bad]) == []
    assert causes([run(3, failed=[failing(acme="x")], minutes=0), good, bad])[0].path == "/runs/3-run"


def test_a_killed_worker_is_over_when_the_same_job_ran_to_an_end():
    known = causes([run(is_failed=True)])
    assert causes([run(2, "orders", minutes=1, done=("take_up_orders",))], known) != []
    assert causes([run(2, minutes=1, failed=[failing(acme="x")])], known)[0].kind == "failed_run"
    assert causes([run(2, minutes=1, is_failed=True)], known)[0].path == "/runs/2-run"


def test_a_killed_worker_of_a_clients_own_run_is_over_by_a_run_of_that_client():
    known = causes([run(job="__ASSET_JOB", is_failed=True, clients=("acme",))])
    assert known[0].client == "acme"
    assert causes([run(2, "__ASSET_JOB", minutes=1, clients=("bolt",))], known) != []
    assert causes([run(2, "__ASSET_JOB", minutes=1, clients=("acme",))], known) == []


@pytest.mark.parametrize(("hours", "stands"), [(23, True), (25, False)])
def test_what_nothing_repeats_or_disproves_lapses_after_a_day(hours, stands):
    (cause,) = causes([run(failed=[failing(acme="x")])])
    known = [as_alert(cause, opened_at=ago(days=3))]
    found = run_causes(known, [], NOON, lambda _: NOON - timedelta(hours=hours))
    assert bool(found) is stands
    assert run_causes(known, [], NOON, lambda _: None) == []


def test_what_is_known_keeps_its_key():
    (cause,) = causes([run(failed=[failing(acme="x")])])
    (again,) = causes([], [cause])
    assert again.key == cause.key
    assert again.names == cause.names


def test_orders_that_wait_because_their_run_fails_are_told_once():
    (failed,) = causes([run(job="orders", failed=[failing("take_up_orders", acme="the ERP refuses")])])

    def waiting(client):
        return Cause("waiting_orders", (client, "shop"), client, "", "", "", "")

    assert without_echoes([waiting("acme"), failed, waiting("bolt")]) == [failed, waiting("bolt")]


def test_what_began_and_was_over_between_two_looks_is_told_too():
    killed, after = run(1, is_failed=True, why="it exited with code -9", minutes=5), run(2, minutes=4)
    lasting = causes([killed, after])
    assert lasting == []
    assert keys(passing_causes(lasting, [], [killed, after])) == ["killed_worker/cycle/-"]

    known = [as_alert(cause) for cause in killed.causes]
    assert passing_causes([], known, [killed, after]) == [], "it has its alert, which closes by itself"
    assert passing_causes(causes([killed]), [], [killed]) == [], "it lasts"
    assert passing_causes([], [], [after]) == []

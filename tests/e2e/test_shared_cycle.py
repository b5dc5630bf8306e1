"""Many clients in one run: nobody is lost or holds up another, and Dagster is told of what changed and of nothing else."""

import threading

import dagster as dg
import pytest
import sqlalchemy as sa

from s2s_pipelines.bootstrap import cycle_work
from s2s_pipelines.cycle import refresh as refresh_module
from s2s_pipelines.demo.stage import CLIENTS
from s2s_pipelines.storage.schema import cycle_claim
from tests.e2e.test_in_process import rows_of

TWIN = "twin_branches"
SOURCES = {"sources": ["north"]}


def run(floor, **config):
    return floor.launch("cycle", {"ops": {"cycle_clients": {"config": config}}})


@pytest.fixture
def settled(floor):
    """Every client's assets as they are now, known to Dagster."""
    for client in CLIENTS:
        assert floor.materialise(floor.keys_of(client)).is_ok
    assert run(floor).is_ok
    return floor


@pytest.fixture
def unclaimed(floor):
    def clear():
        with floor.workshop.engine.begin() as connection:
            connection.execute(sa.delete(cycle_claim))

    clear()
    yield
    clear()


def told(seen):
    """Assets materialised and checks told by a run."""
    checks = [
        e.asset_check_evaluation_data for e in seen.result.all_events if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return set(seen.pages), {f"{'/'.join(c.asset_key.path)}:{c.check_name}": c for c in checks}


def reprice(floor, change):
    floor.stage.world.erps["twin_north"].execute(
        "UPDATE item SET price_incl = printf('%.2f', price_incl + ?) WHERE stock_id <= 3", (change,)
    )


def test_clients_at_rest_leave_no_event_of_their_own(settled):
    marks = settled.marks()
    seen = run(settled, full=True)
    assert seen.is_ok, seen.failures
    assert told(seen) == (set(), {})
    assert settled.writes(marks) == 0
    page = seen.op_page
    assert (page["clients"], page["unchanged"], page["items_sent"]) == (3, 3, 0)
    assert {row["client"] for row in rows_of(page["clients_table"])} == set(CLIENTS)


def test_only_the_client_that_changed_is_told_of_and_its_pages_are_those_of_its_own_run(settled):
    reprice(settled, 1)
    seen = run(settled, full=True)
    reprice(settled, -1)
    alone = settled.materialise(settled.keys_of(TWIN))

    assert seen.is_ok, seen.failures
    pages, checks = told(seen)
    changed = {f"{TWIN}/{name}" for name in ("source/north/products", "catalogue", "plan/shop", "push/shop")}
    assert pages == changed
    assert {name.rpartition(":")[0] for name in checks} == changed
    assert all(check.passed for check in checks.values())
    for asset in changed:
        assert seen.pages[asset].keys() == alone.pages[asset].keys()
    assert seen.pages[f"{TWIN}/push/shop"]["acknowledged"] == 3
    assert (seen.op_page["changed"], seen.op_page["unchanged"], seen.op_page["items_sent"]) == (1, 2, 3)


def test_source_that_cannot_be_read_is_told_once_and_so_is_its_return(settled, monkeypatch):
    check = f"{TWIN}/source/north/products:read"
    with monkeypatch.context() as patch:
        patch.setenv("DEMO_TWIN_NORTH_URL", "sqlite:////nowhere/north.db")
        first, second = run(settled, clients=[TWIN], **SOURCES), run(settled, clients=[TWIN], **SOURCES)
    back = run(settled, clients=[TWIN], **SOURCES)
    assert first.is_ok, "what stands goes on standing, the run has done what it can"
    assert not told(first)[1][check].passed
    assert "the last good one is" in told(first)[1][check].description
    assert told(second) == (set(), {}), "it is older by then, and that is no news"
    assert told(back)[1][check].passed
    assert told(back)[0] == set()
    assert "could not be read: north/products" in rows_of(first.op_page["clients_table"])[0]["what"]


def test_verdict_that_another_run_told_meanwhile_is_corrected(settled):
    reprice(settled, 1)
    run(settled, clients=[TWIN], **SOURCES)
    reprice(settled, -1)
    run(settled, clients=[TWIN], **SOURCES)
    key = dg.AssetCheckKey(dg.AssetKey([TWIN, "catalogue"]), "one_owner")
    settled.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, passed=False, metadata={})
    )
    pages, checks = told(run(settled, clients=[TWIN]))
    assert (pages, set(checks)) == (set(), {f"{TWIN}/catalogue:one_owner"})
    assert checks[f"{TWIN}/catalogue:one_owner"].passed


@pytest.mark.parametrize("error", [ValueError("buyer1@example.com"), MemoryError()])
def test_client_with_a_defect_fails_the_run_at_its_end_and_the_others_are_done(settled, monkeypatch, error):
    honest = cycle_work.CycleRoom.refresh

    def refresh(self, name, **asked):
        if name == TWIN:
            raise error
        return honest(self, name, **asked)

    monkeypatch.setattr(cycle_work.CycleRoom, "refresh", refresh)
    seen = run(settled)
    assert not seen.is_ok
    assert seen.failures.startswith(
        f"1 of 3 clients could not be done; the others are. First: {TWIN}: this is a defect at tests"
    )
    assert "buyer1" not in seen.failures
    lines = {row["client"]: row for row in rows_of(seen.op_page["clients_table"])}
    assert {client: line["outcome"] for client, line in lines.items()} == {
        client: "failed" if client == TWIN else "unchanged" for client in CLIENTS
    }


def test_client_in_somebody_elses_hands_is_left_to_him(settled):
    with settled.workshop.leases.take(f"refresh/{TWIN}", "somebody", 60):
        seen = run(settled)
    assert seen.is_ok, seen.failures
    assert (seen.op_page["busy"], seen.op_page["unchanged"]) == (1, 2)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"clients": ["twin_brances"]}, "there is no client twin_brances; did you mean twin_branches?"),
        ({"clients": [TWIN], "sources": ["norht"]}, "called norht"),
        ({"clients": [TWIN], "channels": ["shopp"]}, "there is no channel shopp"),
    ],
)
def test_wrong_names_are_refused(floor, config, said):
    seen = run(floor, **config)
    assert not seen.is_ok
    assert said in seen.failures


def test_claimed_clients_are_taken_up_once_whoever_launches_the_run_again(settled, unclaimed):
    (share,) = settled.workshop.claim_cycles(CLIENTS, waiting=())
    config = {"clients": list(share.clients), "token": share.token}
    assert run(settled, **config).op_page["clients"] == 3
    claims = settled.workshop.claims.all()
    assert all(claim.begun_at and claim.done_at and claim.seconds is not None for claim in claims.values())
    again = run(settled, **config)
    assert (again.op_page["clients"], again.op_page["left_to_other_runs"]) == (0, 3)


def test_run_that_is_stopped_gives_back_what_it_did_not_begin(settled, unclaimed):
    (share,) = settled.workshop.claim_cycles(CLIENTS, waiting=())
    going = settled.workshop.cycle_clients(share.clients, token=share.token, count=1)
    first = next(going).client
    going.close()
    claims = settled.workshop.claims.all()
    assert claims[first].done_at is not None
    left = {name for name, claim in claims.items() if claim.begun_at is None}
    assert len(left) >= 1
    retaken = settled.workshop.claim_cycles(CLIENTS, waiting={share.token})
    assert {client for share in retaken for client in share.clients} >= left | {first}


def test_hanging_client_holds_up_no_other_and_is_not_asked_for_meanwhile(settled, unclaimed, monkeypatch):
    """Even with one thread: after a while the one that hangs counts no longer."""
    monkeypatch.setattr(cycle_work, "SLOW_S", 0.2)
    released, honest = threading.Event(), refresh_module.refresh_source

    def refresh_source(plan, *others, **more):
        if plan.client == CLIENTS[0]:
            released.wait(60)
        return honest(plan, *others, **more)

    monkeypatch.setattr(refresh_module, "refresh_source", refresh_source)
    (share,) = settled.workshop.claim_cycles(CLIENTS, waiting=())
    going = settled.workshop.cycle_clients(share.clients, token=share.token, count=1)
    assert {next(going).client, next(going).client} == set(CLIENTS[1:])
    asked = settled.workshop.claim_cycles(CLIENTS, waiting=())
    assert {client for share in asked for client in share.clients} == set(CLIENTS[1:])
    released.set()
    assert [cycle.client for cycle in going] == [CLIENTS[0]]

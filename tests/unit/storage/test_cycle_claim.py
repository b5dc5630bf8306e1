from concurrent.futures import ThreadPoolExecutor

import pytest

from s2s_pipelines.cycle.claim import is_free
from s2s_pipelines.storage.cycle_claim import ALIVE_S, CycleClaims
from tests.unit.storage.stores import BOTH, NOON, HandClock, engine_of

CLIENTS = ("a", "b", "c")


class Table:
    def __init__(self, engine):
        self.engine, self.clock = engine, HandClock()
        self.claims = CycleClaims(engine, self.clock)

    def claim(self, *clients, token):
        return self.claims.claim(clients, token, self.claims.all())

    def take_up(self, token, holder, gone=()):
        return self.claims.take_up(token, holder, is_gone=lambda other: other in gone)

    def free(self, gone=()):
        found, now = self.claims.all(), self.clock.now()
        return {c for c in CLIENTS if is_free(found.get(c), now, waiting=(), is_gone=lambda other: other in gone)}


@pytest.fixture(params=BOTH)
def table(request, tmp_path):
    made = Table(engine_of(request, tmp_path))
    yield made
    made.engine.dispose()


def test_claimed_client_goes_from_request_to_end(table):
    assert table.claim(*CLIENTS, token="t1") == CLIENTS
    assert table.take_up("t1", "here:1") == set(CLIENTS)
    assert table.claims.begin("a", "t1", "here:1")
    table.clock.move(seconds=2)
    table.claims.finish("a", "t1", "here:1", 1.5)
    found = table.claims.all()["a"]
    assert (found.claimed_at, found.begun_at, found.done_at) == (NOON, NOON, table.clock.now())
    assert (found.seconds, found.holder) == (1.5, "here:1")
    assert table.free() == {"a"}
    table.claim("a", token="t2")
    again = table.claims.all()["a"]
    assert (again.token, again.seconds, again.begun_at, again.done_at, again.holder) == ("t2", 1.5, None, None, None)


def test_of_two_that_claim_at_once_one_has_each_client(table):
    seen = table.claims.all()
    table.claims.claim(["a"], "t0", seen)
    seen = table.claims.all()
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: table.claims.claim(CLIENTS, f"t{n}", seen), range(1, 9)))
    assert sorted(client for mine in won for client in mine) == list(CLIENTS)
    tokens = {client: claim.token for client, claim in table.claims.all().items()}
    assert all(tokens[client] == f"t{n}" for n, mine in enumerate(won, 1) for client in mine)


def test_run_takes_up_only_what_is_still_its_own(table):
    table.claim(*CLIENTS, token="t1")
    table.clock.move(minutes=3)
    assert table.claim("b", token="t2") == ("b",)
    assert table.take_up("t1", "here:1") == {"a", "c"}
    assert not table.claims.begin("b", "t1", "here:1")
    assert table.claims.begin("a", "t1", "here:1")


def test_second_worker_of_a_run_waits_for_the_first_one_to_be_gone(table):
    table.claim(*CLIENTS, token="t1")
    table.take_up("t1", "here:1")
    assert table.take_up("t1", "here:2") == set()
    assert table.take_up("t1", "here:2", gone={"here:1"}) == set(CLIENTS)
    assert not table.claims.begin("a", "t1", "here:1"), "the first one is thought dead and may begin nothing"
    table.clock.move(seconds=ALIVE_S)
    assert table.take_up("t1", "here:3") == set(CLIENTS)


def test_client_whose_worker_died_over_it_is_left_for_a_run_of_its_own(table):
    table.claim(*CLIENTS, token="t1")
    table.take_up("t1", "here:1")
    table.claims.begin("a", "t1", "here:1")
    table.claims.finish("a", "t1", "here:1", 0.1)
    table.claims.begin("b", "t1", "here:1")
    assert table.free(gone={"here:1"}) == set(CLIENTS)
    assert table.take_up("t1", "here:2", gone={"here:1"}) == {"c"}
    assert table.free(gone={"here:1"}) == {"a", "b"}


def test_process_that_pushes_on_keeps_its_clients_and_gives_back_what_it_did_not_begin(table):
    table.claim(*CLIENTS, token="t1")
    table.take_up("t1", "here:1")
    table.claims.begin("a", "t1", "here:1")
    for _ in range(10):
        table.clock.move(seconds=ALIVE_S - 1)
        table.claims.push_on("t1", "here:1")
        assert table.free() == set()
    table.claims.let_go("t1", "here:1")
    assert table.free() == {"b", "c"}

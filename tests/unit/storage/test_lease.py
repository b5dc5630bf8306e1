import threading

import pytest

from s2s_pipelines.errors import BusyError
from tests.unit.storage.ledger_sample import Desk

NAME = "connection/karoo/erp"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server("postgres"))])
def desk(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Desk(url)
    yield made
    made.engine.dispose()


def test_nobody_else_takes_a_lease_that_is_held(desk):
    with desk.leases.take(NAME, "one", 60) as held:
        assert held.fence.name == NAME
        with pytest.raises(BusyError) as busy, desk.leases.take(NAME, "two", 60):
            pass
        assert busy.value.retry_after_s == 60
        with pytest.raises(BusyError), desk.leases.take(NAME, "one", 60):  # not even under the same name
            pass
        with desk.leases.take("connection/karoo/other", "two", 60):
            pass


def test_the_token_grows_with_every_change_of_hands(desk):
    tokens = []
    for holder in ("one", "two", "one"):
        with desk.leases.take(NAME, holder, 60) as held:
            tokens.append(held.fence.token)
    assert tokens == [1, 2, 3]


def test_a_lease_of_the_dead_runs_out(desk):
    lost = desk.leases.take(NAME, "dead", 60)
    first = lost.__enter__()  # and never lets go
    desk.clock.pass_s(59)
    with pytest.raises(BusyError), desk.leases.take(NAME, "next", 60):
        pass
    desk.clock.pass_s(2)
    with desk.leases.take(NAME, "next", 60) as second:
        assert second.fence.token == first.fence.token + 1
        with pytest.raises(BusyError, match="taken over"):
            first.renew()
        lost.__exit__(None, None, None)  # the late riser's end does not free the other's lease
        second.renew()
        with pytest.raises(BusyError), desk.leases.take(NAME, "third", 60):
            pass


def test_renewing_holds_it_for_another_full_time(desk):
    with desk.leases.take(NAME, "one", 60) as held:
        for _ in range(5):
            desk.clock.pass_s(50)
            held.renew()
        with pytest.raises(BusyError), desk.leases.take(NAME, "two", 60):
            pass


def test_an_error_under_a_lease_frees_it(desk):
    with pytest.raises(RuntimeError), desk.leases.take(NAME, "one", 60):
        raise RuntimeError
    with desk.leases.take(NAME, "two", 60) as held:
        assert held.fence.token == 2


def test_of_many_who_reach_for_it_at_once_one_holds_it(desk):
    held, busy = [], []
    gate = threading.Barrier(6)

    def reach(number):
        gate.wait()
        try:
            context = desk.leases.take(NAME, f"w{number}", 60)
            held.append(context.__enter__())
            kept.append(context)
        except BusyError:
            busy.append(number)

    kept = []
    threads = [threading.Thread(target=reach, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(busy)) == (1, 5)
    kept[0].__exit__(None, None, None)


def test_leases_of_the_dead_are_shortened_and_those_of_the_living_are_not(desk):
    names = ("refresh/acme", "push/acme/shop", NAME)
    held = [desk.leases.take(name, "dead", 900) for name in names]
    held += [desk.leases.take("refresh/beta", "living", 900), desk.leases.take("connection/acme/other", "dead", 30)]
    for lease in held:
        lease.__enter__()
    found = desk.leases.shorten(lambda holder: holder == "dead", within_s=120, at_once=("refresh/",))
    assert sorted(found) == sorted(names)
    with desk.leases.take("refresh/acme", "next", 60) as taken:
        assert taken.fence.token == 2
    for name, left_s in (("push/acme/shop", 120), (NAME, 120), ("refresh/beta", 900), ("connection/acme/other", 30)):
        with pytest.raises(BusyError) as busy, desk.leases.take(name, "next", 60):
            pass
        assert busy.value.retry_after_s == left_s, name
    assert desk.leases.shorten(lambda holder: holder == "dead", within_s=120) == []
    for lease in held:
        lease.__exit__(None, None, None)

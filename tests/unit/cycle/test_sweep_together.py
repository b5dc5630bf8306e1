"""Several sweeps of one client at the same time."""

import threading

import pytest

from s2s_pipelines.cycle.sweep import sweep_client
from s2s_pipelines.errors import TransientError
from tests.kills.rig import count
from tests.kills.subject import FileSubject
from tests.kills.world import build_desk

WORKERS, ORDERS, SWEEPS = 4, 12, 12


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server("postgres"))])
def database(request):
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else None


def test_many_workers_at_once_raise_every_order_once(tmp_path, database):
    subject = FileSubject(tmp_path, database)
    subject.create()
    for number in range(ORDERS):
        subject.place(number)
    errors, gate = [], threading.Barrier(WORKERS)

    def work(position):
        gate.wait()
        for turn in range(SWEEPS):
            desk, engine = build_desk(tmp_path, database=database, ahead_s=10.0 * turn)
            try:
                errors.extend(e for e in sweep_client(desk).errors if e.error != "BusyError")
            except TransientError as error:
                errors.append(error)
            finally:
                engine.dispose()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = count(subject)
    assert errors == []
    assert (seen.lost, seen.doubled, seen.wrong, seen.untold) == (0, 0, 0, 0)
    assert len(subject.documents()) == 2 * ORDERS

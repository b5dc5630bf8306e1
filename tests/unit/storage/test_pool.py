"""Storages that connect anew for every statement are given a pool."""

import os

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from s2s_pipelines.storage.pool import share_connections


class Storage:
    def __init__(self, path):
        self._engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)


def test_storages_share_one_engine_that_keeps_its_connections(tmp_path):
    storages = [Storage(tmp_path / "one.db"), Storage(tmp_path / "one.db")]
    opened = []
    assert share_connections(storages)
    first, second = storages
    assert first._engine is second._engine
    sa.event.listen(first._engine, "connect", lambda *_: opened.append(1))
    for _ in range(5):
        with first._engine.connect() as connection:
            assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    assert len(opened) == 1


def test_where_one_holds_no_engine_nothing_is_changed(tmp_path):
    storage = Storage(tmp_path / "one.db")
    before = storage._engine
    assert not share_connections([storage, object()])
    assert storage._engine is before
    assert not share_connections([])


def test_forked_child_makes_connections_of_its_own(tmp_path):
    storage = Storage(tmp_path / "one.db")
    share_connections([storage])
    with storage._engine.connect():
        pass
    before = storage._engine.pool
    assert before.checkedin() == 1
    child = os.fork()
    if child == 0:
        os._exit(0 if storage._engine.pool.checkedin() == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert storage._engine.pool is before


@pytest.mark.server("postgres")
def test_connection_that_the_server_dropped_is_replaced_before_it_is_used(postgres_url):
    class Postgres:
        _engine = sa.create_engine(postgres_url, poolclass=NullPool)

    storage = Postgres()
    share_connections([storage])
    with storage._engine.connect() as connection:
        number = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    other = sa.create_engine(postgres_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        assert connection.execute(sa.text("SELECT pg_terminate_backend(:it)"), {"it": number}).scalar_one()
    with storage._engine.connect() as connection:
        assert connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one() != number
    storage._engine.dispose()

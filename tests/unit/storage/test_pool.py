"""Storages that connect anew for every statement are given a pool."""

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

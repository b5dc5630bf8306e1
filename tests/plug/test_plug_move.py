"""The plug is pulled in the middle of the move to PostgreSQL: nothing is there, or everything; the old files stay as they are."""

import multiprocessing
import os
import traceback
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from s2s_pipelines.storage import schema
from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.moved import NOTE
from tests.plug.act import _full, world_in
from tests.plug.plug import Plug, plugged
from tests.plug.worker import KILLED
from tests.unit.storage.test_backup import rows_of

pytestmark = [pytest.mark.server("postgres"), pytest.mark.slow]
ROOT = Path(__file__).parents[2]
_CONTEXT = multiprocessing.get_context("spawn")


@dg.asset
def something():
    return dg.MaterializeResult()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An installation on SQLite with something of everything."""
    folder = tmp_path / "home"
    folder.mkdir()
    _full(folder)
    for name, value in {"S2S_HOME": str(folder), "DAGSTER_HOME": str(ROOT), "S2S_DATABASE_URL": ""}.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        assert dg.materialize([something], instance=instance).success
    return folder


def move_in(home, url, answer, at):
    """In a process of its own: move, and die at a point, or tell how many there are."""
    try:
        from s2s_pipelines.orchestration.move import _make_tables
        from s2s_pipelines.storage.dagster_copy import DagsterFiles
        from s2s_pipelines.storage.move import move, postgres_engine
        from tests.unit.storage.stores import HandClock

        _make_tables(url)
        source, plug = world_in(home).engine, Plug(at)
        with plugged(plug), postgres_engine(url) as to:
            move(source, to, to, DagsterFiles(home / "dagster"), home, HandClock())
        answer.put(plug.passed)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def move_once(home, url, at=0):
    answer = _CONTEXT.SimpleQueue()
    process = _CONTEXT.Process(target=move_in, args=(home, url, answer, at))
    process.start()
    process.join(120)
    return process.exitcode, None if answer.empty() else answer.get()


def rows_there(url):
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            tables = set(sa.inspect(connection).get_table_names())
            names = [t.name for t in schema.metadata.sorted_tables if t.name in tables]
            names += [n for n in ("runs", "event_logs", "asset_keys") if n in tables]
            return {n: connection.execute(sa.text(f'SELECT count(*) FROM "{n}"')).scalar() for n in names}
    finally:
        engine.dispose()


def test_move_that_is_cut_off_leaves_nothing_or_everything(home, postgres_server):
    def new():
        return postgres_server.url(postgres_server.new_database())

    files = {p: p.read_bytes() for p in (home / "dagster").rglob("*.db")}
    old = rows_of(world_in(home).engine)
    whole = new()
    code, points = move_once(home, whole)
    assert code == 0
    full = rows_there(whole)
    assert full["sales_order"] == 1
    assert full["runs"] == 1
    (home / NOTE).unlink()
    commits = [at for at, point in enumerate(points, 1) if point.startswith("commit")]
    writes = [at for at, point in enumerate(points, 1) if point.startswith("statement INSERT")]
    seen = set()
    for at in sorted({*commits[-4:], writes[0], writes[len(writes) // 2], writes[-1]}):
        url = new()
        code, _ = move_once(home, url, at)
        assert code == KILLED, points[at - 1]
        there = rows_there(url)
        is_all = there == full
        assert is_all or not any(there.values()), f"killed at {at}, {points[at - 1]}: {there}"
        seen.add(is_all)
        assert {p: p.read_bytes() for p in files} == files
        assert rows_of(world_in(home).engine) == old
        if is_all:
            (home / NOTE).unlink(missing_ok=True)
        else:
            assert not (home / NOTE).exists()
            assert move_once(home, url)[0] == 0, "the same database takes it the next time"
            assert rows_there(url) == full
            (home / NOTE).unlink()
    assert seen == {False, True}

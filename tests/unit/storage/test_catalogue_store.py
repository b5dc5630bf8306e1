import os
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from sqlalchemy.exc import IntegrityError

from s2s_pipelines.cycle.client_memory import ClientMemory
from s2s_pipelines.cycle.port import FeedState, NewSnapshot, Snapshot
from s2s_pipelines.errors import BusyError, ContractViolation, DataError
from s2s_pipelines.storage.catalogue_store import ParquetCatalogue
from tests.unit.storage.stores import BOTH, NOON, HandClock, engine_of

NAME = "source/erp/products"


@pytest.fixture(params=BOTH)
def store(request, tmp_path):
    engine = engine_of(request, tmp_path)
    yield ParquetCatalogue(engine, tmp_path / "catalogue", HandClock())
    engine.dispose()


def new(*qty, **values):
    table = pa.table({"sku": [f"S{i}" for i in range(len(qty))], "qty": pa.array(qty, pa.int64())})
    known = {"rows_in": len(qty), "rejected": 0, "fingerprint": str(qty), "read_at": NOON, "is_complete": True}
    return NewSnapshot(NAME, table, **{**known, **values})


def test_kept_snapshot_is_current_and_reads_back(store):
    rejects = pa.table({"row": [3], "reason": ["missing_sku"]})
    kept = store.keep("karoo", new(1, 2, parts={"rejects": rejects}, cursor="c1", details={"notes": ["n"]}))
    found = store.current("karoo", NAME)
    assert found == kept
    assert (found.rows_out, found.cursor, found.content_since, found.details["notes"]) == (2, "c1", NOON, ["n"])
    assert store.read(found).to_pydict() == {"sku": ["S0", "S1"], "qty": [1, 2]}
    assert store.read(found, "rejects").equals(rejects)
    assert store.read(found, columns=["qty", "no_such_column"], skus=["S1"]).to_pydict() == {"qty": [2]}
    assert store.read(found, skus=[]).num_rows == 0
    assert store.current("other", NAME) is None


def test_only_the_newest_is_current_and_older_ones_stay(store):
    first = store.keep("karoo", new(1))
    second = store.keep("karoo", new(2, replaces=first.id))
    assert store.current("karoo", NAME) == second
    assert [s.id for s in store.history("karoo", NAME)] == [second.id, first.id]
    assert store.read(first)["qty"].to_pylist() == [1]


def test_refused_snapshot_is_kept_to_be_looked_at_and_never_current(store):
    first = store.keep("karoo", new(1))
    refused = store.keep("karoo", new(is_current=False))
    assert store.current("karoo", NAME).id == first.id
    assert store.history("karoo", NAME)[0].id == refused.id


@pytest.mark.parametrize("replaces", [None, 999])
def test_snapshot_made_from_an_outdated_one_is_not_kept(store, replaces):
    first = store.keep("karoo", new(1))
    with pytest.raises(BusyError):
        store.keep("karoo", new(2, replaces=replaces))
    assert store.current("karoo", NAME).id == first.id


def test_crash_while_writing_leaves_the_last_good_one(store, tmp_path, monkeypatch):
    first = store.keep("karoo", new(1))
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        store.keep("karoo", new(2, replaces=first.id))
    monkeypatch.undo()
    assert store.current("karoo", NAME).id == first.id
    assert store.read(first)["qty"].to_pylist() == [1]
    assert list((tmp_path / "catalogue").rglob("*.part")) == []


def test_crash_before_the_row_leaves_the_last_good_one(store, monkeypatch):
    first = store.keep("karoo", new(1))
    monkeypatch.setattr("s2s_pipelines.storage.catalogue_store._step_down", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.keep("karoo", new(2, replaces=first.id))
    assert store.current("karoo", NAME).id == first.id


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"PAR1 not really")])
def test_missing_or_damaged_file_is_a_data_error(store, tmp_path, damage):
    kept = store.keep("karoo", new(1))
    damage(tmp_path / "catalogue" / kept.path)
    with pytest.raises(DataError):
        store.read(kept)


def test_confirmation_moves_the_read_time_and_nothing_else(store):
    kept = store.keep("karoo", new(1, cursor="c1", details={"a": 1}))
    later = NOON + timedelta(minutes=3)
    again = store.confirm(kept, read_at=later, cursor="c2", source_modified_at=NOON, details={"b": 2})
    assert (again.id, again.read_at, again.content_since, again.cursor) == (kept.id, later, NOON, "c2")
    assert (again.details["a"], again.details["b"], again.source_modified_at) == (1, 2, NOON)
    assert store.current("karoo", NAME) == again


def test_names_cannot_leave_the_folder(store):
    with pytest.raises(ContractViolation):
        store.keep("..", new(1))
    with pytest.raises(ContractViolation):
        store.keep("karoo", NewSnapshot("source/../../etc", new(1).table, 0, 0, "", NOON, is_complete=True))


def test_unknown_part_is_our_own_mistake(store):
    with pytest.raises(ContractViolation):
        store.read(store.keep("karoo", new(1)), "raw")


def test_feed_states_are_remembered_per_feed(store):
    store.note_feed("karoo", FeedState("erp", "stock", attempted_at=NOON, failures=1, error_class="TransientError"))
    store.note_feed(
        "karoo", FeedState("erp", "stock", attempted_at=NOON, failures=2, error="unreachable", retry_at=NOON)
    )
    store.note_feed("karoo", FeedState("erp", "products", succeeded_at=NOON))
    states = store.feed_states("karoo")
    assert states["erp", "stock"] == FeedState(
        "erp", "stock", attempted_at=NOON, failures=2, error="unreachable", retry_at=NOON
    )
    assert set(states) == {("erp", "stock"), ("erp", "products")}
    assert store.feed_states("other") == {}


def test_notes_of_a_refresh_held_in_mind_are_what_single_notes_would_be(store):
    """Two clients through the same refresh: one notes at once, the other at the end."""

    def refresh(client, through):
        kept = through.keep(client, new(1))
        told = through.confirm(
            kept, read_at=NOON + timedelta(hours=1), cursor="c2", source_modified_at=NOON, details={"confirmed_at": "x"}
        )
        through.note_feed(client, FeedState("erp", "products", NOON, NOON, failures=0))
        through.note_feed(
            client, FeedState("erp", "stock", NOON, failures=2, error_class="E", error="no", retry_at=NOON)
        )
        through.note_feed(
            client, FeedState("erp", "stock", NOON, failures=3, error_class="E", error="no", retry_at=NOON)
        )
        assert through.current(client, NAME) == told
        assert through.feed_states(client)["erp", "stock"].failures == 3

    store.note_feed("second", FeedState("erp", "products", NOON - timedelta(days=1)))
    refresh("first", store)
    memory = ClientMemory(store, "second")
    refresh("second", memory)
    assert store.current("second", NAME).read_at == NOON, "not written yet"
    assert set(store.feed_states("second")) == {("erp", "products")}
    memory.flush()
    memory.flush()
    alike = {"id", "client", "path"}
    first, second = (store.standing(client) for client in ("first", "second"))
    assert set(first) == set(second) == {NAME}
    for name in set(Snapshot.__dataclass_fields__) - alike:
        assert getattr(first[NAME], name) == getattr(second[NAME], name), name
    assert store.feed_states("first") == store.feed_states("second")


def test_notes_are_written_all_or_none(store):
    kept = store.keep("karoo", new(1))
    newer = replace(kept, read_at=NOON + timedelta(hours=1))
    broken = FeedState("erp", None, NOON)
    with pytest.raises(IntegrityError):
        store.note("karoo", [newer], [FeedState("erp", "products", NOON), broken])
    assert store.current("karoo", NAME).read_at == NOON
    assert store.feed_states("karoo") == {}


def test_notes_of_one_client_touch_no_other(store):
    kept = store.keep("karoo", new(1))
    store.note("other", [replace(kept, read_at=NOON + timedelta(hours=1))], [])
    assert store.current("karoo", NAME).read_at == NOON

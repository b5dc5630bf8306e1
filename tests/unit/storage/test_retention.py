"""Each thing that must never go, in a world where everything else is old; and each thing that goes, with its files."""

import os
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pytest
import sqlalchemy as sa

from s2s_pipelines.catalogue.column import READ_AT
from s2s_pipelines.cycle.port import CATALOGUE, NewSnapshot
from s2s_pipelines.cycle.retention import limit
from s2s_pipelines.model.record import Scope
from s2s_pipelines.ports import RawOrder
from s2s_pipelines.storage import schema
from s2s_pipelines.storage.catalogue_store import ParquetCatalogue
from s2s_pipelines.storage.lease import Leases
from s2s_pipelines.storage.ledger import OrderLedger
from s2s_pipelines.storage.plan_store import Plans
from s2s_pipelines.storage.retention import Gone, Remains
from tests.unit.storage.ledger_sample import CHANNEL, CLIENT, DUE, document, order, receipt
from tests.unit.storage.stores import BOTH, HandClock, engine_of
from tests.unit.storage.test_plan_store import plan_of, verdict

PRODUCTS = "source/erp/products"
FOR_GOOD = ("sales_order", "order_document", "order_line", "order_event", "channel_item", "poll_state", "feed_state")
"""Tables that retention may not touch at all."""


@dataclass
class World:
    """Everything a client leaves behind, with a clock to let time pass."""

    engine: sa.Engine
    home: object
    clock: HandClock

    def __post_init__(self):
        self.catalogue = ParquetCatalogue(self.engine, self.home / "catalogue", self.clock)
        self.plans = Plans(self.engine, self.home / "plans")
        self.ledger = OrderLedger(self.engine, self.clock)
        self.remains = Remains(self.engine, self.home, self.clock)

    def keep(self, name=PRODUCTS, *, complete=True, current=True, reads=(), **details):
        """A new snapshot, with a part, made a day after the last one."""
        now = self.clock.move(days=1)
        stands = self.catalogue.current(CLIENT, name)
        rows = [*reads, now] if name != CATALOGUE else []
        table = pa.table(
            {"sku": [str(n) for n in range(len(rows))], READ_AT: pa.array(rows, pa.timestamp("us", "UTC"))}
        )
        if not current:
            details = {"refused": ["empty"], **details}
        new = NewSnapshot(
            name, table, len(rows), 0, str(now), now, complete,
            details={"first_read_at": now.isoformat(), **details}, parts={"raw": table},
            replaces=stands.id if stands else None, is_current=current,
        )  # fmt: skip
        return self.catalogue.keep(CLIENT, new)

    def plan(self, digit, *, tripped=False):
        now = self.clock.move(days=1)
        breakers = {"vanish": verdict(tripped)["vanish"]}
        made = plan_of("A", digest=digit * 64)
        return self.plans.keep(CLIENT, "shop", made, catalogue_fingerprint=digit, breakers=breakers, at=now)

    def finished(self, code="77"):
        """An order that was raised, told and is complete."""
        placed = order(code)
        self.ledger.store_raw(CLIENT, CHANNEL, [RawOrder(code, f"body of {code}", self.clock.now())])
        (item,) = self.ledger.untaken(CLIENT, limit=10, scope=Scope(frozenset({(CHANNEL, code)})))
        record = self.ledger.take_in(item, placed, DUE)
        record = self.ledger.plan(record, [document("erp", code)], {"A": "erp"})
        (made,) = record.documents
        with Leases(self.engine, self.clock).take("connection/karoo/erp", "test", 60) as lease:
            self.ledger.move_document(made.id, "begun", lease.fence)
            self.ledger.move_document(made.id, "written", lease.fence, receipt=receipt(made))
        return self.ledger.told(self.ledger.read_order(record.id))

    def before(self, days=30):
        return limit(self.clock.now(), timedelta(days=days))

    def rows(self, table):
        with self.engine.connect() as connection:
            return connection.execute(sa.select(table).order_by(*table.primary_key.columns)).all()

    def files(self):
        return {
            str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file() and "/" in str(path)
        }


@pytest.fixture(params=BOTH)
def world(request, tmp_path):
    engine = engine_of(request, tmp_path)
    yield World(engine, tmp_path / "home", HandClock())
    engine.dispose()


def ids(world):
    return [row.id for row in world.rows(schema.snapshot)]


def test_old_snapshots_go_with_their_files_and_what_stands_stays_readable(world):
    kept = [world.keep() for _ in range(5)]
    world.clock.move(days=60)
    newest = world.keep()
    gone = world.remains.snapshots(CLIENT, world.before())
    assert gone.count == 4
    assert gone.size_b > 0
    assert ids(world) == [kept[4].id, newest.id], "the last one was replaced today"
    assert world.catalogue.read(newest).num_rows == 1
    assert len(list((world.home / "catalogue").rglob("*.parquet"))) == 4
    assert world.remains.snapshots(CLIENT, world.before()) == Gone()


def test_what_the_standing_catalogue_was_made_from_stays(world):
    first = world.keep()
    world.keep(CATALOGUE, inputs={"erp/products": first.id}, conflicts=0, unmatched=0)
    later = [world.keep() for _ in range(4)]
    world.clock.move(days=60)
    world.remains.snapshots(CLIENT, world.before())
    assert [n for n in ids(world) if n in {first.id, *(s.id for s in later)}] == [first.id, later[2].id, later[3].id]
    assert world.catalogue.read(first).num_rows == 1


def test_reads_that_standing_values_came_from_stay_for_explain(world):
    base, dropped, used = world.keep(), world.keep(complete=False), world.keep(complete=False)
    for _ in range(2):
        world.keep(complete=False, reads=[base.read_at, used.read_at])
    world.clock.move(days=60)
    world.remains.snapshots(CLIENT, world.before())
    assert base.id in ids(world)
    assert used.id in ids(world)
    assert dropped.id not in ids(world)
    assert world.catalogue.read(used, "raw").num_rows == 1


def test_last_complete_snapshot_stays_behind_partial_and_refused_ones(world):
    complete = world.keep()
    for _ in range(3):
        world.keep(complete=False)
    for _ in range(3):
        world.keep(current=False)
    world.clock.move(days=60)
    assert world.remains.snapshots(CLIENT, world.before()).count == 3
    assert complete.id in ids(world)
    assert world.catalogue.current(CLIENT, PRODUCTS) is not None


def test_a_standing_table_that_cannot_be_read_keeps_everything_of_its_client(world):
    for _ in range(5):
        stands = world.keep()
    (world.home / "catalogue" / stands.path).unlink()
    world.clock.move(days=60)
    before = ids(world)
    with pytest.raises(Exception, match="cannot be read"):
        world.remains.snapshots(CLIENT, world.before())
    assert ids(world) == before


def test_replaced_plans_go_and_a_persons_decision_stays_for_good(world):
    plain, approved, let, newest = (world.plan(digit, tripped=digit == "3") for digit in "1234")
    said = {"by": "Thandi", "reason": "season ends", "at": world.clock.now().isoformat()}
    with world.engine.begin() as connection:
        for number, column in ((approved.id, "approval"), (let.id, "let_through")):
            value = {**said, "breakers": ["vanish"], "digest": "x"}
            connection.execute(sa.update(schema.plan).where(schema.plan.c.id == number).values({column: value}))
    world.clock.move(days=200)
    gone = world.remains.plans(CLIENT, world.before(90))
    assert gone.count == 3
    assert [row.id for row in world.rows(schema.plan)] == [approved.id, let.id, newest.id]
    assert world.plans.find(CLIENT, let.id).let_through.reason == "season ends"
    assert {path.name for path in (world.home / "plans").glob("*/plan/shop/*")} == {newest.path.rsplit("/", 1)[1]}
    assert world.plans.read(world.plans.newest(CLIENT, "shop")).items.num_rows == 1
    assert plain.id not in [row.id for row in world.rows(schema.plan)]
    assert world.remains.plans(CLIENT, world.before(90)) == Gone()


def test_body_of_a_finished_order_is_emptied_and_still_known_when_it_comes_again(world):
    record = world.finished()
    world.clock.move(days=500)
    before = {name: world.rows(schema.metadata.tables[name]) for name in FOR_GOOD}
    assert world.remains.bodies(CLIENT, world.before(400)).count == 1
    (row,) = world.rows(schema.inbox)
    assert (row.body, len(row.body_hash)) == ("", 64)
    assert world.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("77", "body of 77", row.modified_at)]) == 0
    assert world.rows(schema.inbox)[0].taken_at is not None, "no news, so no work"
    assert {name: world.rows(schema.metadata.tables[name]) for name in FOR_GOOD} == before
    assert world.ledger.read_order(record.id).order.channel_order_code == "77"
    assert world.ledger.read_order(record.id).documents[0].source_order_code == "SO00001"
    assert world.remains.bodies(CLIENT, world.before(400)) == Gone()


def test_emptied_body_that_comes_back_as_news_is_whole_again(world):
    world.finished()
    world.clock.move(days=500)
    world.remains.bodies(CLIENT, world.before(400))
    world.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("77", "body of 77", world.clock.now())])
    (item,) = world.ledger.untaken(CLIENT, limit=5, scope=Scope())
    assert item.body == "body of 77"


@pytest.mark.parametrize("state", ["due", "held", "raising", "raised", "stored"])
def test_body_of_an_order_that_is_not_finished_stays(world, state):
    record = world.finished()
    with world.engine.begin() as connection:
        connection.execute(
            sa.update(schema.sales_order).where(schema.sales_order.c.id == record.id).values(state=state)
        )
    world.clock.move(days=500)
    assert world.remains.bodies(CLIENT, world.before(400)) == Gone()


def test_bodies_nobody_took_in_or_understood_stay(world):
    world.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("1", "waits", world.clock.now())])
    world.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("2", "odd", world.clock.now())])
    world.ledger.not_understood(world.ledger.untaken(CLIENT, limit=5, scope=Scope())[1], "no order")
    world.clock.move(days=900)
    assert world.remains.bodies(CLIENT, world.before(400)) == Gone()
    assert [row.body for row in world.rows(schema.inbox)] == ["waits", "odd"]


def test_files_that_no_row_names_go_after_a_day(world):
    kept, plan = world.keep(), world.plan("1")
    part = world.home / "catalogue" / kept.path
    left = [
        part.with_name(".20260301T120000-abc.parquet.part"),
        part.with_name("20260301T120000-abc.parquet"),
        part.with_name("20260301T120000-abc.raw.parquet"),
    ]
    folders = [world.home / "plans" / CLIENT / "plan" / "shop" / name for name in (".abc.part", "abc")]
    for folder in folders:
        folder.mkdir(parents=True)
        left.append(folder / "items.parquet")
    for path in left:
        path.write_bytes(b"half")
    age(world, [*left, *folders], hours=23)
    assert world.remains.orphans(CLIENT) == Gone()
    age(world, [*left, *folders, *(world.home / "catalogue").rglob("*")], hours=25)
    assert world.remains.orphans(CLIENT).count == 5
    assert not any(path.exists() for path in [*left, *folders])
    assert world.catalogue.read(kept).num_rows == 1
    assert world.catalogue.read(kept, "raw").num_rows == 1
    assert world.plans.read(plan).items.num_rows == 1


def age(world, paths, *, hours):
    at = (world.clock.now() - timedelta(hours=hours)).timestamp()
    for path in paths:
        os.utime(path, (at, at))


def test_dry_run_counts_the_same_and_changes_nothing(world):
    for _ in range(5):
        world.keep()
    for digit in "123":
        world.plan(digit)
    world.finished()
    world.clock.move(days=900)
    steps = ("snapshots", "plans", "bodies")
    dry = Remains(world.engine, world.home, world.clock, is_dry=True)
    rows = [world.rows(table) for table in schema.metadata.sorted_tables]
    files = world.files()
    counted = [getattr(dry, step)(CLIENT, world.before()) for step in steps]
    assert [gone.count for gone in counted] == [3, 2, 1]
    assert [world.rows(table) for table in schema.metadata.sorted_tables] == rows
    assert world.files() == files
    assert [getattr(world.remains, step)(CLIENT, world.before()) for step in steps] == counted


def test_clients_are_those_that_left_anything_declared_or_not(world):
    world.keep()
    (world.home / "plans" / "gone_client").mkdir(parents=True)
    assert world.remains.clients() == ["gone_client", CLIENT]

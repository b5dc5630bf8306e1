"""The writes of our storage, each as an act: what is there before, and what is written. Everything lies below one folder.

``look`` tells what a fresh process finds, and reads all that any row names on the way: a half-written file would be seen there.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from s2s_pipelines.cycle.alerting import Changes
from s2s_pipelines.cycle.cause import Cause
from s2s_pipelines.cycle.port import Approval, FeedState, LetThrough
from s2s_pipelines.ports import RawOrder
from s2s_pipelines.storage import migration, schema
from s2s_pipelines.storage.alert_store import Alerts
from s2s_pipelines.storage.backup import write_backup
from s2s_pipelines.storage.backup_file import checked_contents
from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.item_store import Items
from s2s_pipelines.storage.pause_store import Pauses
from s2s_pipelines.storage.restore import restore_backup
from s2s_pipelines.storage.revision import is_newest
from tests.unit.storage.ledger_sample import CHANNEL, CLIENT
from tests.unit.storage.stores import NOON, HandClock
from tests.unit.storage.test_item_store import attempt, confirmed, failed
from tests.unit.storage.test_plan_store import plan_of, verdict
from tests.unit.storage.test_retention import PRODUCTS, World

SHOP = (CLIENT, "shop")
MUCH_LATER = NOON + timedelta(days=20_000)
"""Also later than any file was written."""
TO_RESTORE, BACKUP = "to_restore.tar.zst", "backup.tar.zst"


def world_in(folder: Path, *, at: Any = NOON, is_migrated: bool = True) -> World:
    """The database and files below a folder."""
    engine = make_engine(f"sqlite:///{folder}/s2s.db")
    if is_migrated and not is_newest(engine):
        migration.migrate(engine)
    return World(engine, folder, HandClock(at))


# --- what a fresh process finds ------------------------------------------------------------------------------------


def look(folder: Path) -> dict[str, Any]:
    """Everything that stands, after every file that a row names was read to its end."""
    engine = make_engine(f"sqlite:///{folder}/s2s.db")
    revision = migration.current(engine)
    world = world_in(folder, at=MUCH_LATER)
    found = {
        "revision": revision,
        "standing": _standing(world),
        "plan": _plan(world),
        "items": _rows(Items(world.engine).held(*SHOP, MUCH_LATER).to_pylist()),
        "pauses": [[p.scope, p.why] for p in Pauses(world.engine, HandClock()).live()],
        "alerts": [
            [a.cause, a.message, a.closed_at is None, sorted(a.told)]
            for a in Alerts(world.engine, HandClock()).current()
        ],
        "feed": [[s.failures, s.error] for s in world.catalogue.feed_states(CLIENT).values()],
        "orders": world.ledger.counts(CLIENT),
        "backup": _backup(folder),
    }
    world.engine.dispose()
    return json.loads(json.dumps(found, default=str))


def _standing(world: World) -> dict[str, Any]:
    stands = {}
    for row in world.rows(schema.snapshot):
        for kept in world.catalogue.history(row.client, row.name, 100):
            assert world.catalogue.read(kept).num_rows == kept.rows_out
            for part in kept.details["parts"]:
                world.catalogue.read(kept, part)
        now = world.catalogue.current(row.client, row.name)
        stands[row.name] = now and [now.fingerprint, now.cursor, world.catalogue.read(now)["sku"].to_pylist()]
    return stands


def _plan(world: World) -> Any:
    for row in world.rows(schema.plan):
        stored = world.plans.find(row.client, row.id)
        if not (stored.approval or stored.let_through):  # retention may have taken the files of others
            world.plans.read(stored)
    newest = world.plans.newest(*SHOP)
    if newest is None:
        return None
    decided = [newest.verdict, newest.approval and newest.approval.reason, newest.pushed_at]
    return [newest.digest[0], world.plans.read(newest).items.num_rows, *decided]


def _rows(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)


def _backup(folder: Path) -> Any:
    path = folder / BACKUP
    return sum(checked_contents(path).tables.values()) if path.exists() else None


# --- the acts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """A write.

    Attributes:
        prepare: makes what is there before.
        write: is cut off; done again it must come to the same as done once.
        is_seen: it changes what a fresh process finds.
    """

    prepare: Callable[[Path], None]
    write: Callable[[Path], None]
    is_seen: bool = True


def _nothing(folder: Path) -> None:
    world_in(folder).engine.dispose()


def _kept(folder: Path) -> None:
    world = world_in(folder)
    world.keep()
    world.plan("1")
    Items(world.engine).record(*SHOP, [confirmed("A"), failed("B")], NOON)


def _keep(folder: Path) -> None:
    world = world_in(folder, at=NOON + timedelta(days=30))
    world.keep(PRODUCTS)


def _refuse(folder: Path) -> None:
    world_in(folder, at=NOON + timedelta(days=30)).keep(current=False)


def _confirm(folder: Path) -> None:
    world = world_in(folder)
    stands = world.catalogue.current(CLIENT, PRODUCTS)
    told = {"read_at": NOON + timedelta(days=40), "cursor": "next", "source_modified_at": None, "details": {}}
    world.catalogue.confirm(stands, **told)


def _note(folder: Path) -> None:
    world_in(folder).catalogue.note_feed(
        CLIENT, FeedState("erp", "products", NOON, None, None, 3, "AccessError", "no", NOON)
    )


def _plan_anew(folder: Path) -> None:
    world = world_in(folder, at=NOON + timedelta(days=30))
    breakers = {"vanish": verdict(True)["vanish"]}
    world.plans.keep(*SHOP, plan_of("A", "B", digest="2" * 64), catalogue_fingerprint="2", breakers=breakers, at=NOON)


def _stopped(folder: Path) -> None:
    _kept(folder)
    _plan_anew(folder)


def _let_through(folder: Path) -> None:
    world = world_in(folder)
    newest = world.plans.newest(*SHOP)
    if newest.verdict == "stopped":
        world.plans.let_through(newest, LetThrough(("vanish",), "Thandi", "season ends", NOON))


def _approve(folder: Path) -> None:
    world = world_in(folder)
    newest = world.plans.newest(*SHOP)
    if newest.approval is None:
        world.plans.approve(newest, Approval("Thandi", "looked at", NOON, newest.digest))


def _pushed(folder: Path) -> None:
    world = world_in(folder)
    world.plans.pushed(world.plans.newest(*SHOP), {"sent": 2}, NOON)


def _begin_items(folder: Path) -> None:
    Items(world_in(folder).engine).begin(*SHOP, [attempt("A", "h5", True), attempt("C")], NOON + timedelta(days=1))


def _record_items(folder: Path) -> None:
    results = [confirmed("A", qty="9"), failed("C", reason="no", message="m"), confirmed("D")]
    Items(world_in(folder).engine).record(*SHOP, results, NOON + timedelta(days=1))


def _pause(folder: Path) -> None:
    Pauses(world_in(folder).engine, HandClock()).begin(
        CLIENT, "pushes", None, until=MUCH_LATER, why="stock count", by="Thandi"
    )  # fmt: skip


def _resume(folder: Path) -> None:
    Pauses(world_in(folder).engine, HandClock()).end(CLIENT, "pushes", None, by="Thandi")


def _cause(number: int) -> Cause:
    return Cause("breaker", (CLIENT, str(number)), CLIENT, "s", f"m{number}", "r", "/")


def _alerted(folder: Path) -> None:
    alerts = Alerts(world_in(folder).engine, HandClock())
    alerts.touch(_cause(1))
    alerts.touch(_cause(2))


def _alert(folder: Path) -> None:
    alerts = Alerts(world_in(folder).engine, HandClock(NOON + timedelta(hours=1)))
    known = alerts.current()
    gone = [alert for alert in known if alert.message == "m1" and alert.closed_at is None]
    seen = tuple((a, _cause(2)) for a in known if a.message == "m2")
    alerts.apply(Changes((_cause(3),), seen, tuple(gone)))


def _told(folder: Path) -> None:
    alerts = Alerts(world_in(folder).engine, HandClock())
    alerts.note_told(alerts.current(), "ops", "opened")


def _no_database(folder: Path) -> None:
    return None


def _migrate(folder: Path) -> None:
    migration.migrate(world_in(folder, is_migrated=False).engine)


def _old_revision(folder: Path) -> None:
    engine = make_engine(f"sqlite:///{folder}/s2s.db")
    with engine.begin() as connection:
        migration.upgrade(connection, "0001")
        lease = "INSERT INTO lease VALUES ('a', 'b', 1, '2026-01-01T00:00:00.000000Z')"
        connection.execute(sa.text(lease))


def _full(folder: Path) -> None:
    _stopped(folder)
    world = world_in(folder)
    world.finished("77")
    world.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("78", "waits", NOON)])


def _back_up(folder: Path) -> None:
    (folder / BACKUP).unlink(missing_ok=True)
    world = world_in(folder)
    write_backup(world.engine, folder, folder / BACKUP, NOON)


def _something_to_restore(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    _full(other)
    world = world_in(other)
    write_backup(world.engine, other, folder / TO_RESTORE, NOON)
    _nothing(folder)


def _restore(folder: Path) -> None:
    world = world_in(folder, at=MUCH_LATER)
    if not world.rows(schema.snapshot):
        restore_backup(world.engine, folder, folder / TO_RESTORE, HandClock(MUCH_LATER))


def _long_ago(folder: Path) -> None:
    world = world_in(folder)
    for _ in range(5):
        world.keep()
    for digit in "1234":
        world.plan(digit)
    world.finished("77")
    loose = folder / "catalogue" / CLIENT / "source" / "erp" / "products" / ".half.parquet.part"
    loose.write_bytes(b"half")


def _housekeep(folder: Path) -> None:
    clear(folder)


def clear(folder: Path) -> None:
    """What the nightly job does to a client's things, a long time later."""
    from s2s_pipelines.storage.retention import Remains

    world = world_in(folder, at=MUCH_LATER)
    remains = Remains(world.engine, folder, HandClock(MUCH_LATER))
    before = MUCH_LATER - timedelta(days=400)
    remains.snapshots(CLIENT, before)
    remains.plans(CLIENT, before)
    remains.bodies(CLIENT, before)
    remains.orphans(CLIENT)


ACTS: dict[str, Act] = {
    "first snapshot": Act(_nothing, _keep),
    "snapshot": Act(_kept, _keep),
    "refused snapshot": Act(_kept, _refuse, is_seen=False),
    "confirmed snapshot": Act(_kept, _confirm),
    "feed state": Act(_kept, _note),
    "plan": Act(_kept, _plan_anew),
    "plan let through": Act(_stopped, _let_through),
    "plan approved": Act(_stopped, _approve),
    "plan pushed": Act(_stopped, _pushed),
    "items begun": Act(_kept, _begin_items),
    "items recorded": Act(_kept, _record_items),
    "pause": Act(_kept, _pause),
    "pause ended": Act(_pause, _resume),
    "alerts": Act(_alerted, _alert),
    "receiver told": Act(_alerted, _told),
    "first migration": Act(_no_database, _migrate),
    "migration": Act(_old_revision, _migrate),
    "backup": Act(_full, _back_up),
    "restore": Act(_something_to_restore, _restore),
    "housekeeping": Act(_long_ago, _housekeep, is_seen=False),
}

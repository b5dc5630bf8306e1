"""Backup and restore on SQLite and PostgreSQL and across; and files that are no backup, or not the one that was written."""

import hashlib
import io
import json
import os
import stat
import tarfile

import pyarrow as pa
import pytest
import sqlalchemy as sa

from s2s_pipelines.cycle.port import CATALOGUE
from s2s_pipelines.errors import ConfigurationError, DataError
from s2s_pipelines.ports import RawOrder
from s2s_pipelines.storage import migration, schema
from s2s_pipelines.storage.backup import one_moment, write_backup
from s2s_pipelines.storage.backup_file import Contents, checked_contents
from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.lease import Leases
from s2s_pipelines.storage.raw_row import read_rows
from s2s_pipelines.storage.restore import restore_backup
from s2s_pipelines.storage.revision import HEAD, is_newest
from tests.unit.storage.ledger_sample import CHANNEL, CLIENT
from tests.unit.storage.stores import HandClock
from tests.unit.storage.test_retention import PRODUCTS, World

ODD = "é\u2028\r\n\t\"\\' \U0001f600 ;--"
KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.server("postgres"))]


@pytest.fixture
def database(request, tmp_path):
    """Makes databases of a kind, migrated and empty."""
    made = []

    def make(kind):
        if kind == "sqlite":
            url = f"sqlite:///{tmp_path / f'{len(made)}.db'}"
        else:
            server = request.getfixturevalue("postgres_server")
            url = server.url(server.new_database())
        made.append(make_engine(url))
        migration.migrate(made[-1])
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def fill(engine, home):
    """Rows in every table, with whatever is hard to carry over."""
    world = World(engine, home, HandClock())
    for _ in range(3):
        read = world.keep()
    world.keep(CATALOGUE, inputs={"erp/products": read.id}, conflicts=0, unmatched=0)
    world.plan("1")
    world.plan("2", tripped=True)
    world.finished("77")
    world.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("78", ODD, world.clock.now())])
    world.ledger.poll_failed(CLIENT, CHANNEL, ODD, world.clock.now())
    now = world.clock.now()
    with engine.begin() as connection:
        for table in schema.metadata.sorted_tables:
            if not connection.execute(sa.select(table).limit(1)).first():
                connection.execute(sa.insert(table).values(_values(table, now)))
        connection.execute(sa.update(schema.plan).where(schema.plan.c.id == 1).values(let_through=None))  # JSON null
        connection.execute(sa.update(schema.cycle_claim).values(seconds=0.1 + 0.2))
    return world


def _values(table, now):
    return {column.name: _value(column, now) for column in table.columns if column is not table.autoincrement_column}


def _value(column, now):
    if isinstance(column.type, schema.Instant):
        return now
    by_type = {
        sa.JSON: {"a": [1, None, ODD, 0.1]},
        sa.Boolean: True,
        sa.Integer: 3,
        sa.BigInteger: 2**40,
        sa.Float: 0.5,
    }
    for kind, value in by_type.items():
        if isinstance(column.type, kind):
            return value
    return ODD[: getattr(column.type, "length", None) or 99]


def rows_of(engine):
    with engine.connect() as connection:
        return {
            table.name: [row for rows in read_rows(connection, table) for row in rows]
            for table in schema.metadata.sorted_tables
        }


def files_of(home):
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*.parquet")
        if not path.name.startswith(".")
    }


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_backup_of_one_database_is_restored_into_another_row_by_row(database, tmp_path, source, target):
    old, new = database(source), database(target)
    world = fill(old, tmp_path / "old")
    path = tmp_path / "backup.tar.zst"
    written = write_backup(old, tmp_path / "old", path, world.clock.now())
    before, files = rows_of(old), files_of(tmp_path / "old")
    assert all(before.values()), "every table has rows"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (written.missing, sum(written.tables.values())) == ([], sum(map(len, before.values())))
    restored = restore_backup(new, tmp_path / "new", path, world.clock)
    assert restored.tables == written.tables
    assert rows_of(new) == before
    assert rows_of(old) == before
    assert files_of(tmp_path / "new") == files
    assert is_newest(new)
    assert migration.differences(new) == []
    goes_on(World(new, tmp_path / "new", world.clock), before)


def goes_on(world, before):
    """The restored world is a working one, and gives numbers that nobody had."""
    stands = world.catalogue.current(CLIENT, PRODUCTS)
    assert world.catalogue.read(stands).num_rows == stands.rows_out
    assert world.plans.read(world.plans.newest(CLIENT, "shop")).items.num_rows == 1
    assert world.keep().id == max(row[0] for row in before["snapshot"]) + 1
    again = world.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("77", "body of 77", stands.created_at)])
    assert again == 0, "a body that was known is known"
    assert world.finished("79").id == max(row[0] for row in before["sales_order"]) + 1
    with Leases(world.engine, world.clock).take("connection/karoo/erp", "test", 60) as lease:
        assert lease.fence.token > max(row[2] for row in before["lease"] if row[0] == "connection/karoo/erp")


@pytest.mark.parametrize("kind", KINDS)
def test_backup_is_of_one_moment_whatever_is_written_meanwhile(database, tmp_path, kind):
    engine = database(kind)
    world = fill(engine, tmp_path / "old")
    with one_moment(engine) as connection:
        first = connection.execute(sa.select(sa.func.count()).select_from(schema.inbox)).scalar()
        world.ledger.store_raw(CLIENT, CHANNEL, [RawOrder("99", "later", world.clock.now())])
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.inbox)).scalar() == first


@pytest.mark.parametrize("kind", KINDS)
def test_database_that_is_not_empty_is_left_alone_unless_it_is_to_be_replaced(database, tmp_path, kind):
    old, new = database("sqlite"), database(kind)
    world = fill(old, tmp_path / "old")
    path = tmp_path / "backup.tar.zst"
    write_backup(old, tmp_path / "old", path, world.clock.now())
    other = World(new, tmp_path / "new", world.clock)
    for _ in range(7):
        other.keep("source/other/stock")
    before = rows_of(new)
    with pytest.raises(ConfigurationError, match="not empty: snapshot"):
        restore_backup(new, tmp_path / "new", path, world.clock)
    assert rows_of(new) == before
    restore_backup(new, tmp_path / "new", path, world.clock, is_replacing=True)
    assert rows_of(new) == rows_of(old)


def test_database_that_somebody_works_on_is_left_alone(database, tmp_path):
    old, new = database("sqlite"), database("sqlite")
    world = fill(old, tmp_path / "old")
    path = tmp_path / "backup.tar.zst"
    write_backup(old, tmp_path / "old", path, world.clock.now())
    leases = Leases(new, world.clock)
    with leases.take("refresh/acme", "somebody", 60), pytest.raises(ConfigurationError, match="refresh/acme"):
        restore_backup(new, tmp_path / "new", path, world.clock, is_replacing=True)


def test_leases_that_were_held_end_and_their_tokens_go_on(database, tmp_path):
    old, new = database("sqlite"), database("sqlite")
    world = fill(old, tmp_path / "old")
    path = tmp_path / "backup.tar.zst"
    leases = Leases(old, world.clock)
    with leases.take("upkeep", "backup", 3600), leases.take("push/karoo/shop", "push", 900):
        write_backup(old, tmp_path / "old", path, world.clock.now())
    restore_backup(new, tmp_path / "new", path, world.clock)
    with Leases(new, world.clock).take("push/karoo/shop", "next", 60) as lease:
        assert lease.fence.token == 2


def test_backup_of_an_older_revision_is_restored_into_tables_of_today(database, tmp_path):
    old, new = database("sqlite"), database("sqlite")
    with old.begin() as connection:
        migration.drop_all(connection)
        migration.upgrade(connection, "0001")
        tables = sa.MetaData()
        tables.reflect(connection)
        lease = {"name": "push/karoo/shop", "holder": "old", "fence": 7, "expires_at": "2026-01-01T00:00:00.000000Z"}
        connection.execute(sa.insert(tables.tables["lease"]).values(lease))
    path, clock = tmp_path / "backup.tar.zst", HandClock()
    rows = [["push/karoo/shop", "old", 7, "2026-01-01T00:00:00.000000Z"]]
    contents = Contents(
        "0001", "then", tables={"lease": 1}, columns={"lease": ["name", "holder", "fence", "expires_at"]}
    )
    forge(path, contents, {"tables/lease/000001.jsonl": json.dumps(rows[0]).encode() + b"\n"})
    restore_backup(new, tmp_path / "new", path, clock)
    assert is_newest(new)
    assert migration.differences(new) == []
    assert rows_of(new)["lease"] == rows


def forge(path, contents, members, *, listed=None, odd=None):
    """A file like a backup, with exactly these members, and a list of contents that may say otherwise."""
    contents.members = {n: (len(b), hashlib.sha256(b).hexdigest()) for n, b in (listed or members).items()}
    said = json.dumps(contents.__dict__).encode()
    with pa.CompressedOutputStream(str(path), "zstd") as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
        for name, body in {
            **members,
            "contents.json": said,
            "contents.sha256": hashlib.sha256(said).hexdigest().encode(),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
        if odd is not None:
            tar.addfile(odd)


@pytest.fixture
def target(database, tmp_path):
    """An empty database and home, and a function that tries to restore into them."""
    engine = database("sqlite")

    def attempt(path):
        try:
            return restore_backup(engine, tmp_path / "home", path, HandClock())
        finally:
            assert all(rows == [] for rows in rows_of(engine).values())
            assert [p for p in tmp_path.rglob("*") if "escaped" in p.name] == []
            assert not files_of(tmp_path / "home")

    return attempt


@pytest.fixture
def backup(database, tmp_path):
    world = fill(database("sqlite"), tmp_path / "old")
    path = tmp_path / "backup.tar.zst"
    write_backup(world.engine, tmp_path / "old", path, world.clock.now())
    return path


def test_file_that_was_cut_off_anywhere_is_refused_and_nothing_is_changed(backup, target):
    whole = backup.read_bytes()
    for length in [0, 1, 100, *range(1000, len(whole), len(whole) // 12), len(whole) - 1]:
        backup.write_bytes(whole[:length])
        with pytest.raises(DataError, match="cannot be restored"):
            target(backup)


def test_file_of_which_a_byte_changed_is_refused_or_says_the_same(backup, target, tmp_path):
    whole = bytearray(backup.read_bytes())
    contents = checked_contents(backup)
    for place in range(20, len(whole), max(1, len(whole) // 60)):
        changed = bytearray(whole)
        changed[place] ^= 0x40
        backup.write_bytes(changed)
        try:
            same = checked_contents(backup)
        except DataError:
            continue
        assert same == contents


def test_file_of_something_else_is_refused(target, tmp_path):
    path = tmp_path / "no.tar.zst"
    for body in (b"no backup", os.urandom(5000)):
        path.write_bytes(body)
        with pytest.raises(DataError, match="cannot be restored"):
            target(path)


def test_backup_of_a_newer_program_is_refused(target, tmp_path):
    path = tmp_path / "newer.tar.zst"
    forge(path, Contents("9999", "then"), {})
    with pytest.raises(ConfigurationError, match=f"9999, which this program \\(up to {HEAD}\\) does not know"):
        target(path)
    forge(path, Contents(HEAD, "then", format=2), {})
    with pytest.raises(DataError, match="format 2"):
        target(path)


@pytest.mark.parametrize(
    "name",
    ["../escaped", "/escaped", "catalogue/../../escaped", "catalogue/./escaped", "catalogue/a//escaped", "plans/.escaped",
     "catalogue/a\\..\\escaped", "tables/lease/../../escaped", "other/escaped", "catalogue/esc\naped"],
)  # fmt: skip
def test_member_with_a_name_that_leads_elsewhere_is_refused(target, tmp_path, name):
    path = tmp_path / "odd.tar.zst"
    forge(path, Contents(HEAD, "then"), {name: b"x"})
    with pytest.raises(DataError, match="which no backup of ours does"):
        target(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_member_that_is_no_plain_file_is_refused(target, tmp_path, kind):
    odd = tarfile.TarInfo("catalogue/link.parquet")
    odd.type, odd.linkname = kind, "../../escaped"
    path = tmp_path / "odd.tar.zst"
    forge(path, Contents(HEAD, "then"), {}, odd=odd)
    with pytest.raises(DataError, match="which no backup of ours does"):
        target(path)


def test_member_that_claims_to_be_enormous_is_refused_before_it_is_read(target, tmp_path):
    odd = tarfile.TarInfo("tables/lease/000001.jsonl")
    odd.size = 2**40
    path = tmp_path / "odd.tar.zst"
    forge(path, Contents(HEAD, "then"), {}, odd=odd)
    with pytest.raises(DataError, match="claims 1099511627776 bytes"):
        target(path)


def test_member_that_is_missing_unlisted_or_other_than_listed_is_refused(target, tmp_path):
    path, one, two = tmp_path / "odd.tar.zst", {"catalogue/a.parquet": b"1"}, {"catalogue/b.parquet": b"2"}
    for members, listed in (({}, one), (one, {"catalogue/a.parquet": b"2"}), ({**one, **two}, one)):
        forge(path, Contents(HEAD, "then"), members, listed=listed)
        with pytest.raises(DataError, match="missing or changed"):
            target(path)


def test_rows_other_than_counted_are_refused_and_the_database_stays_empty(target, tmp_path):
    path = tmp_path / "odd.tar.zst"
    columns = {"lease": ["name", "holder", "fence", "expires_at"]}
    body = json.dumps(["a", "b", 1, "2026-01-01T00:00:00.000000Z"]).encode() + b"\n"
    forge(path, Contents(HEAD, "then", tables={"lease": 2}, columns=columns), {"tables/lease/000001.jsonl": body})
    with pytest.raises(DataError, match="other rows of lease"):
        target(path)


def test_existing_file_is_never_written_over(backup, database, tmp_path):
    before = backup.read_bytes()
    with pytest.raises(ConfigurationError, match="exists already"):
        write_backup(database("sqlite"), tmp_path, backup, HandClock().now())
    with pytest.raises(ConfigurationError, match="no such folder"):
        write_backup(database("sqlite"), tmp_path, tmp_path / "nowhere" / "b", HandClock().now())
    assert backup.read_bytes() == before


def test_files_that_retention_deleted_are_told_and_the_rest_is_kept(database, tmp_path):
    world = fill(database("sqlite"), tmp_path / "old")
    world.clock.move(days=300)
    world.keep()
    next((tmp_path / "old" / "plans").rglob("items.parquet")).unlink()
    written = write_backup(world.engine, tmp_path / "old", tmp_path / "b", world.clock.now())
    assert [name.rsplit("/", 1)[1] for name in written.missing] == ["items.parquet"]
    assert restore_backup(database("sqlite"), tmp_path / "new", tmp_path / "b", world.clock).missing == written.missing

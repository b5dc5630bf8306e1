"""The remembered fleet is the loaded fleet, whatever happened to the files, to the memory, or to this program."""

import hashlib
import os
import pickle
import shutil
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s_pipelines.config import fleet_cache
from s2s_pipelines.config.fleet_cache import FILE, load_fleet_cached
from s2s_pipelines.config.loader import load_declared, load_fleet
from s2s_pipelines.connectors.registry import connectors
from tests.unit.config.bad_declaration import GOOD
from tests.unit.config.fake_kind import KINDS

TICK_S = 0.012
"""Longer than the clock tick by which a file system stamps a change."""


class Home:
    """Declarations of two clients, a memory beside them, and who was loaded from the files themselves."""

    def __init__(self, folder: Path) -> None:
        self.root, self.folder = folder / "root", folder / "home" / "cache"
        self.folder.parent.mkdir(parents=True)
        for name in ("every_key", "small"):
            shutil.copytree(GOOD / name, self.root, dirs_exist_ok=True)
        self.read: list[str] = []

    def note(self, root, name, kinds):
        self.read.append(name)
        return load_declared(root, name, kinds)

    def load(self):
        self.read.clear()
        return load_fleet_cached(self.root, KINDS, self.folder)

    @property
    def file(self) -> Path:
        return self.folder / FILE


@pytest.fixture
def home(tmp_path, monkeypatch):
    made = Home(tmp_path)
    monkeypatch.setattr(fleet_cache, "load_declared", made.note)
    monkeypatch.setattr(fleet_cache, "STEADY_S", 0.0)
    time.sleep(TICK_S)
    return made


def test_second_load_is_equal_and_reads_no_client(home):
    first = home.load()
    assert home.read == ["every_key", "small"]
    second = home.load()
    assert home.read == []
    assert first == second == load_fleet(home.root, KINDS)
    assert [client.kinds["erp"] is KINDS["fake_erp"] for client in second.clients if "erp" in client.kinds] != []
    assert second.clients[0].folder == home.root / "assets" / "every_key"


def test_demo_clients_are_remembered_with_the_real_kinds(tmp_path, monkeypatch):
    from s2s_pipelines.connectors.registry import connectors

    monkeypatch.setattr(fleet_cache, "STEADY_S", 0.0)
    project = Path(__file__).parents[3]
    for _ in range(2):
        assert load_fleet_cached(project, connectors(), tmp_path / "cache") == load_fleet(project, connectors())
    assert (tmp_path / "cache" / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "file",
    [
        "assets/every_key/client.yaml",
        "assets/every_key/fields/erp.csv",
        "assets/every_key/queries/erp.products.sql",
        "resources/every_key.yaml",
    ],
)
def test_changed_file_of_the_same_size_and_time_reloads_that_client_alone(home, file):
    path = home.root / file
    home.load()
    before = path.stat()
    text = path.read_text()
    path.write_text(text.replace("e", "a", 1) if file.endswith(".sql") else text[:-1] + " ")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert home.load() == load_fleet(home.root, KINDS)
    assert home.read == ["every_key"]


def test_client_that_breaks_is_broken_at_once_and_never_remembered(home):
    home.load()
    path = home.root / "assets/small/client.yaml"
    good = path.read_text()
    path.write_text("client: small\n")
    for _ in range(2):
        fleet = home.load()
        assert [c.name for c in fleet.broken] == ["small"]
        assert home.read == ["small"]
        assert fleet == load_fleet(home.root, KINDS)
    time.sleep(TICK_S)
    path.write_text(good)
    assert [c.name for c in home.load().clients] == ["every_key", "small"]


EDITS = (
    "append",
    "rewrite",
    "remove",
    "add_field_map",
    "add_query",
    "add_stray",
    "yml",
    "file_beside",
    "rename",
    "nothing",
)


@settings(max_examples=12, deadline=None)
@given(edits=st.lists(st.tuples(st.sampled_from(EDITS), st.sampled_from(["every_key", "small"])), max_size=5))
def test_whatever_is_edited_the_remembered_fleet_is_the_loaded_one(tmp_path_factory, edits):
    home = Home(tmp_path_factory.mktemp("edited"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet_cache, "STEADY_S", 0.0)
        for edit, client in (("nothing", "small"), *edits):
            _edit(home.root, edit, client)
            time.sleep(TICK_S)
            assert home.load() == load_fleet(home.root, KINDS)


def _edit(root: Path, edit: str, client: str) -> None:
    folder, resource = root / "assets" / client, root / "resources" / f"{client}.yaml"
    declared = folder / "client.yaml"
    if edit in ("append", "rewrite") and declared.exists():
        declared.write_text(declared.read_text() + ("# more\n" if edit == "append" else ""))
    elif edit == "remove":
        resource.unlink(missing_ok=True)
    elif edit in ("add_field_map", "add_query", "add_stray") and folder.exists():
        place = {"add_field_map": "fields/erp.csv", "add_query": "queries/erp.stock.sql", "add_stray": "notes.txt"}[
            edit
        ]
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text("feed,target,column,constant,transform,note\n")
    elif edit == "yml":
        resource.with_suffix(".yml").write_text("connections: {}\n")
    elif edit == "file_beside":
        folder.with_suffix(".yaml").write_text("client: x\n")
    elif edit == "rename" and folder.exists():
        folder.rename(folder.with_name(f"{client}x"))


def test_file_that_changed_a_moment_ago_is_not_remembered(home, monkeypatch):
    monkeypatch.setattr(fleet_cache, "STEADY_S", 60.0)
    home.load()
    home.load()
    assert home.read == ["every_key", "small"]
    resting = time.time() + 61
    monkeypatch.setattr(fleet_cache.time, "time_ns", lambda: int(resting * 1e9))
    home.load()
    home.load()
    assert home.read == []


def test_other_program_reads_everything_again(home, monkeypatch):
    home.load()
    monkeypatch.setattr(fleet_cache.s2s_pipelines, "__version__", "0.0.0")
    assert home.load() == load_fleet(home.root, KINDS)
    assert home.read == ["every_key", "small"]
    monkeypatch.undo()


def test_time_zone_that_is_no_longer_known_is_told_of(home, monkeypatch):
    home.load()
    monkeypatch.setattr(
        fleet_cache, "judge_timezone", lambda name: ("gone", None, "") if name == "Africa/Johannesburg" else None
    )
    home.load()
    assert home.read != []


def _truncate(file):
    file.write_bytes(file.read_bytes()[:-20])


def _flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _share(file):
    file.chmod(0o620)


def _link(file):
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def _empty(file):
    file.write_bytes(b"")


def _folder(file):
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [_truncate, _flip, _share, _link, _empty, _folder])
def test_memory_that_cannot_be_trusted_is_passed_over(home, harm):
    home.load()
    harm(home.file)
    assert home.load() == load_fleet(home.root, KINDS)
    assert home.read == ["every_key", "small"]


def test_memory_of_somebody_else_is_passed_over(home, monkeypatch):
    home.load()
    monkeypatch.setattr(fleet_cache.os, "geteuid", lambda: home.file.stat().st_uid + 1)
    home.load()
    assert home.read == ["every_key", "small"]


class Bomb:
    def __reduce__(self):
        return os.mkdir, (Bomb.place,)


def test_pickle_that_would_run_something_is_passed_over(home, tmp_path):
    home.load()
    content = home.file.read_bytes()
    head = len(fleet_cache._MAGIC) + 32
    Bomb.place = str(tmp_path / "ran")
    payload = pickle.dumps({"small": Bomb()})
    home.file.write_bytes(content[:head] + hashlib.sha256(payload).digest() + payload)
    assert home.load() == load_fleet(home.root, KINDS)
    assert not (tmp_path / "ran").exists()
    assert home.read == ["every_key", "small"]
    pickle.loads(payload)
    assert (tmp_path / "ran").exists()


def test_nothing_is_written_where_there_is_no_home_or_no_right_to_write(home, monkeypatch):
    away = home.folder.parent.parent / "nowhere" / "cache"
    assert load_fleet_cached(home.root, KINDS, away) == load_fleet(home.root, KINDS)
    assert not away.parent.exists()

    def refuse(*_, **__):
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(fleet_cache.tempfile, "mkstemp", refuse)
    assert home.load() == load_fleet(home.root, KINDS)
    assert not home.file.exists()


def test_write_that_breaks_off_leaves_the_old_memory_and_no_litter(home, monkeypatch):
    home.load()
    old = home.file.read_bytes()
    declared = home.root / "assets/small/client.yaml"
    declared.write_text(declared.read_text() + "# more\n")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fleet_cache.os, "replace", refuse)
    assert home.load() == load_fleet(home.root, KINDS)
    assert home.file.read_bytes() == old
    assert os.listdir(home.folder) == [FILE]


def test_equal_parts_of_clients_stand_once_and_each_keeps_its_own_text():
    once = fleet_cache._Once()
    first = once.of({"a": Decimal("1.0"), "b": ("x", 1), "c": True})
    second = once.of({"a": Decimal("1.00"), "b": ("x", 1), "c": 1})
    assert (str(first["a"]), str(second["a"])) == ("1.0", "1.00")
    assert (first["c"], type(first["c"]), type(second["c"])) == (True, bool, int)
    assert first["b"] is second["b"]


def test_parts_that_clients_have_in_common_are_one_object_and_no_client_is_changed_by_it():
    clients = load_fleet(Path(__file__).parents[3], connectors()).clients
    before = [client.declaration.model_dump_json() for client in clients]
    once = fleet_cache._Once()
    one, other = once.of(clients[0].declaration), once.of(clients[0].declaration.model_copy(update={"label": "Other"}))
    assert one == clients[0].declaration
    assert one.terms is other.terms
    assert one.sources is other.sources
    assert other.label == "Other"
    assert [client.declaration.model_dump_json() for client in clients] == before
    assert one.model_dump_json(exclude_unset=True) == clients[0].declaration.model_dump_json(exclude_unset=True)

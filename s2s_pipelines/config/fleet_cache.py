"""Remembers the fleet as it was loaded: of a thousand clients only those whose files changed are read again.

Every worker that Dagster starts loads all declarations, and reading a thousand clients takes longer than most of their cycles.
What is remembered of a client counts only while every file and folder that its loading looked at is the very same by name,
inode, size and both of its times, and while this program is. Files that changed within the last moments are not remembered: a
second change within the same tick of the file system's clock could not be told from the first.

The file belongs to this user alone. One that is damaged, somebody else's, or open to the writing of others is passed over, and so
is a folder that cannot be written to. Of a pickle only plain values and frozen declarations are taken.
"""

import contextlib
import gc
import hashlib
import io
import os
import pickle
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast

import s2s_pipelines
from s2s_pipelines.config.connection import Kinds
from s2s_pipelines.config.declaration import ClientDeclaration
from s2s_pipelines.config.fleet import BrokenClient, Client, FieldMaps, Fleet
from s2s_pipelines.config.folder import ASSETS, FIELDS, QUERIES, RESOURCES, client_names
from s2s_pipelines.config.loader import load_declared
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.value_check import judge_timezone
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import FieldRow

FILE = "fleet.cache"
STEADY_S = 3.0
"""A file counts as at rest that long after its last change; file systems stamp changes by their clock's tick, some by seconds."""

_MAGIC = b"s2s fleet 1\n"
_DIGEST = 32
_PLAIN = {("datetime", name) for name in ("timedelta", "date", "time")} | {("decimal", "Decimal")}


class _Stamp(NamedTuple):
    """What a client's loading looked at.

    Attributes:
        digest: of path, device, inode, mode, size and both times of every file and folder.
        changed_ns: the newest of those times.
    """

    digest: bytes
    changed_ns: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """One client as remembered: everything but its folder, and its connectors by their word.

    A plain tuple in the file: dataclasses are slow to unpickle.
    """

    stamp: bytes
    declaration: ClientDeclaration
    connections: Mapping[str, Declared]
    kinds: Mapping[str, str]
    fields: FieldMaps
    fingerprint: str
    warnings: tuple[Problem, ...]

    def client(self, root: Path, name: str, kinds: Kinds) -> Client:
        """The client again."""
        of = {key: kinds[word] for key, word in self.kinds.items()}
        folder = root / ASSETS / name
        return Client(
            name, self.declaration, self.connections, of, self.fields, folder, self.fingerprint, self.warnings
        )


def load_fleet_cached(root: Path, kinds: Kinds, folder: Path) -> Fleet:
    """The same as ``loader.load_fleet``, from memory where nothing changed.

    Args:
        root: the folder that holds ``assets`` and ``resources``.
        kinds: connectors by the word that a connection's ``kind`` may say.
        folder: where the memory is kept; made when the folder around it is there, and without that nothing is remembered.

    Raises:
        ConfigurationError: the root holds no folder ``assets``.
    """
    file, program = folder / FILE, _program(root, kinds)
    names = client_names(root)
    kept = _read(file, program)
    at_rest_ns = time.time_ns() - int(STEADY_S * 1e9)
    keeping: dict[str, _Kept] = {}
    loaded: list[Client | BrokenClient] = []
    for name in names:
        stamp = _stamp(root, name)
        known = kept.get(name)
        if known is not None and known.stamp == stamp.digest:
            keeping[name] = known
            loaded.append(known.client(root, name, kinds))
            continue
        client = load_declared(root, name, kinds)
        loaded.append(client)
        if isinstance(client, Client) and stamp.changed_ns < at_rest_ns and _stamp(root, name) == stamp:
            keeping[name] = _kept(client, stamp.digest, kinds)
    if keeping.keys() != kept.keys() or any(keeping[name] is not kept[name] for name in keeping):
        _write(file, program, keeping)
    return Fleet(
        tuple(c for c in loaded if isinstance(c, Client)), tuple(c for c in loaded if isinstance(c, BrokenClient))
    )


def _program(root: Path, kinds: Kinds) -> bytes:
    """A digest of everything beside the declarations that decides what they are loaded as."""
    package = Path(s2s_pipelines.__file__).parent
    modules = {sys.modules[kind.settings.__module__].__file__ for kind in kinds.values()}
    digest = hashlib.sha256()
    parts = [str(root), sys.version, version("pydantic"), s2s_pipelines.__version__]
    parts += [f"{word} {kind.settings.__module__}.{kind.settings.__qualname__}" for word, kind in kinds.items()]
    for path in sorted({*_code_files(package), *(name for name in modules if name)}):
        found = Path(path).stat()
        parts.append(f"{path} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_size} {found.st_ino}")
    digest.update("\0".join(parts).encode("utf-8", "surrogateescape"))
    return digest.digest()


def _code_files(package: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (f"{folder}/{name}" for name in files)


def _stamp(root: Path, name: str) -> _Stamp:
    """What loading a client looks at (``folder.read_folder``); what is absent shows by not being there."""
    found: list[tuple[str | int, ...]] = []
    newest = 0

    def note(path: str) -> bool:
        nonlocal newest
        try:
            seen = os.stat(path)
        except OSError:
            return False
        newest = max(newest, seen.st_mtime_ns, seen.st_ctime_ns)
        found.append((path, seen.st_dev, seen.st_ino, seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
        return stat.S_ISDIR(seen.st_mode)

    base = f"{root}/{ASSETS}/{name}"
    for path in (f"{root}/{RESOURCES}/{name}.yaml", f"{root}/{RESOURCES}/{name}.yml", f"{base}.yaml", f"{base}.yml"):
        note(path)
    for folder in (base, f"{base}/{FIELDS}", f"{base}/{QUERIES}"):
        if note(folder):
            with contextlib.suppress(OSError):
                for entry in sorted(os.listdir(folder)):
                    note(f"{folder}/{entry}")
    return _Stamp(hashlib.sha256(repr(found).encode("utf-8", "surrogateescape")).digest(), newest)


def _kept(client: Client, stamp: bytes, kinds: Kinds) -> _Kept:
    words = {id(kind): word for word, kind in kinds.items()}
    of = {key: words[id(kind)] for key, kind in client.kinds.items()}
    connections = dict(client.connections)
    return _Kept(stamp, client.declaration, connections, of, client.fields, client.fingerprint, client.warnings)


# -- the file ---------------------------------------------------------------------------------------------------------


def _read(file: Path, program: bytes) -> dict[str, _Kept]:
    """What the file remembers; nothing unless it is whole, ours, and of this program."""
    content = _content(file)
    head = len(_MAGIC) + 2 * _DIGEST
    if content is None or content[: len(_MAGIC)] != _MAGIC or content[len(_MAGIC) : len(_MAGIC) + _DIGEST] != program:
        return {}
    payload = memoryview(content)[head:]
    if hashlib.sha256(payload).digest() != content[len(_MAGIC) + _DIGEST : head]:
        return {}
    try:
        with _no_collection():
            told: dict[str, tuple[Any, ...]] = _Plain(io.BytesIO(payload)).load()
            kept = {name: _Kept(*values) for name, values in told.items()}
    except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, KeyError, TypeError, ValueError):
        return {}
    # The zone database is the one thing loading looks at that is neither a declaration nor this program.
    zones = {known.declaration.timezone for known in kept.values()}
    lost = {zone for zone in zones if judge_timezone(zone)}
    return {name: known for name, known in kept.items() if known.declaration.timezone not in lost}


def _content(file: Path) -> bytes | None:
    """The file's bytes if it is a plain file of this user that nobody else can write to."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        seen = os.fstat(handle)
        is_ours = stat.S_ISREG(seen.st_mode) and seen.st_uid == os.geteuid()
        if not is_ours or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return None
        with os.fdopen(handle, "rb", closefd=False) as stream:
            return stream.read()
    except OSError:
        return None
    finally:
        os.close(handle)


class _Plain(pickle.Unpickler):
    """Makes plain values, declarations and rows of field maps, and nothing that is not loaded already."""

    def find_class(self, module: str, name: str) -> Any:
        """The class of that name, if it is one of those."""
        found = getattr(sys.modules.get(module), name, None)
        if (module, name) in _PLAIN or found in (FieldRow, Problem):
            return found
        if isinstance(found, type) and issubclass(found, Declared):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} does not belong here")


def _write(file: Path, program: bytes, kept: Mapping[str, _Kept]) -> None:
    """Put the file in its place, whole; where that cannot be done, the next load takes as long as this one."""
    try:
        payload = _packed(kept)
    except (pickle.PicklingError, AttributeError, TypeError):  # a kind whose settings hold what no pickle can
        return
    content = _MAGIC + program + hashlib.sha256(payload).digest() + payload
    with contextlib.suppress(OSError):
        if not file.parent.exists() and file.parent.parent.is_dir():
            file.parent.mkdir(mode=0o700, exist_ok=True)
        if not os.access(file.parent, os.W_OK):
            return
        handle, unfinished = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            os.replace(unfinished, file)
        except BaseException:
            os.unlink(unfinished)
            raise


def _packed(kept: Mapping[str, _Kept]) -> bytes:
    """All clients as one pickle, in which equal parts of declarations and field maps stand once: most clients differ little."""
    once = _Once()
    told = {
        name: (
            k.stamp,
            once.of(k.declaration),
            once.of(k.connections),
            k.kinds,
            once.of(k.fields),
            k.fingerprint,
            k.warnings,
        )
        for name, k in kept.items()
    }
    with _no_collection():
        return pickle.dumps(told, protocol=5)


class _Once:
    """Takes declared values apart and puts them together from parts that are made once; nothing declared is ever changed."""

    def __init__(self) -> None:
        self._parts: dict[Any, Any] = {}
        self._sets: dict[frozenset[str], set[str]] = {}

    def of(self, value: Any) -> Any:
        """An equal value, whose parts may be those of others."""
        if isinstance(value, Declared):
            return self._model(value)
        if isinstance(value, dict):
            made = {self.of(key): self.of(part) for key, part in value.items()}
            return self._one((dict, *((id(key), id(part)) for key, part in made.items())), made)
        if type(value) is tuple:
            parts = tuple(self.of(part) for part in value)
            return self._one((tuple, *(id(part) for part in parts)), parts)
        try:
            # 1 == Decimal(1) == True, and "1.0" of a Decimal is another text than "1.00"
            return self._one((type(value), value, str(value)), value)
        except TypeError:
            return value

    def _model(self, value: Declared) -> Declared:
        fields = {name: self.of(part) for name, part in value.__dict__.items()}
        names = self._sets.setdefault(frozenset(value.model_fields_set), set(value.model_fields_set))
        key = (type(value), id(names), *((name, id(part)) for name, part in fields.items()))
        if key not in self._parts:
            made = value.model_copy()
            object.__setattr__(made, "__dict__", fields)
            object.__setattr__(made, "__pydantic_fields_set__", names)
            self._parts[key] = made
        return cast(Declared, self._parts[key])

    def _one(self, key: Any, value: Any) -> Any:
        return self._parts.setdefault(key, value)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage is made here, and looking for some among a million new objects takes four times as long as making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

"""The files of one client, read from disk with bounds and without following surprises; the only I/O of this room."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from s2s_pipelines.config import field_map, yaml_file
from s2s_pipelines.config.explanation import KEY_RULE
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import near_miss
from s2s_pipelines.model.identifier import is_key

ASSETS, RESOURCES = "assets", "resources"
CLIENT_FILE, FIELDS, QUERIES = "client.yaml", "fields", "queries"
_QUERY_BYTES = 256 * 1024
_TEXTS_BESIDE = {"README.md", "README"}


@dataclass(frozen=True, slots=True)
class Folder:
    """One client's files as text.

    Attributes:
        path: ``assets/<client>``.
        client_file: path of ``client.yaml`` relative to the root.
        client_text: its content, or None when it could not be read.
        resource_file: path of ``resources/<client>.yaml`` relative to the root.
        resource_text: its content, or None when it could not be read.
        maps: source key -> (path relative to the root, content) of its field map.
        queries: names of the files in ``queries``.
        problems: files that are missing, unreadable, misplaced or misnamed.
        fingerprint: over names and bytes of all of them, queries included.
    """

    path: Path
    client_file: str
    client_text: str | None
    resource_file: str
    resource_text: str | None
    maps: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    queries: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    fingerprint: str = ""


def client_names(root: Path) -> list[str]:
    """Names of all clients below a root, by folder or by resource file, in alphabetical order.

    Raises:
        ConfigurationError: there is no folder ``assets``; that is not the same as having no clients.
    """
    assets, resources = root / ASSETS, root / RESOURCES
    if not assets.is_dir():
        raise ConfigurationError(
            f"there is no folder {ASSETS} with declarations here",
            operation="load declarations",
            next_step="run this in the project's folder, or name it with --root",
        )
    names = {e.name for e in os.scandir(assets) if e.is_dir() and _is_visible(e.name)}
    names |= {_stem(e.name) for e in os.scandir(assets) if e.is_file() and e.name.endswith((".yaml", ".yml"))}
    if resources.is_dir():
        names |= {_stem(e.name) for e in os.scandir(resources) if e.name.endswith((".yaml", ".yml"))}
    return sorted(names)


def read_folder(root: Path, name: str) -> Folder:
    """All files of one client; what cannot be read becomes a problem."""
    reader = _Reader(root)
    folder = f"{ASSETS}/{name}"
    client_file, resource_file = f"{folder}/{CLIENT_FILE}", f"{RESOURCES}/{name}.yaml"
    reader.problems += _judge_name(root, name)
    has_folder = (root / folder).is_dir()
    client_text = reader.text(client_file, yaml_file.MAX_BYTES, _CLIENT_FIX) if has_folder else None
    resource_text = reader.text(resource_file, yaml_file.MAX_BYTES, "say there what the client is connected to")
    maps: dict[str, tuple[str, str]] = {}
    queries: list[str] = []
    if has_folder:
        reader.problems += _judge_entries(root, folder)
        for file in reader.files(f"{folder}/{FIELDS}", ".csv"):
            text = reader.text(file, field_map.MAX_BYTES)
            if text is not None:
                maps[Path(file).stem] = (file, text)
        for file in reader.files(f"{folder}/{QUERIES}", ".sql"):
            reader.text(file, _QUERY_BYTES)
            queries.append(file.rpartition("/")[2])
    return Folder(
        root / folder,
        client_file,
        client_text,
        resource_file,
        resource_text,
        maps,
        tuple(queries),
        tuple(reader.problems),
        reader.digest.hexdigest(),
    )


_CLIENT_FIX = "say there what is made for the client; `s2s new client` writes one to begin with"


class _Reader:
    """Reads files relative to a root, and remembers what went wrong and what was read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.problems: list[Problem] = []
        self.digest = hashlib.sha256()

    def text(self, file: str, max_bytes: int, fix_missing: str = "") -> str | None:
        """The file's content, or None and a problem."""
        content, fault = self._read(file, max_bytes, fix_missing)
        if fault is None:
            self.digest.update(f"{file}\0{len(content)}\0".encode())
            self.digest.update(content)
            try:
                return content.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                line = content.count(b"\n", 0, error.start) + 1
                fault = Problem(file, line, "", "this is not UTF-8 text", None, "save the file as UTF-8")
        self.problems.append(fault)
        return None

    def _read(self, file: str, max_bytes: int, fix_missing: str) -> tuple[bytes, Problem | None]:
        path, content = self._root / file, b""
        try:
            if path.exists() and not path.is_file():
                return content, Problem(file, 0, "", "this is not a file", None, "put a text file there")
            with path.open("rb") as stream:
                content = stream.read(max_bytes + 1)
        except FileNotFoundError:
            return content, Problem(file, 0, "", "this file is missing", None, fix_missing)
        except OSError as error:
            message = f"this file cannot be read: {error.strerror}"
            return content, Problem(file, 0, "", message, None, "give the program the right to read it")
        if len(content) > max_bytes:
            message = f"this file is larger than {max_bytes // 1024} KiB"
            return content, Problem(file, 0, "", message, None, "declarations are small; divide it")
        return content, None

    def files(self, folder: str, suffix: str) -> list[str]:
        """Files in a folder, by name; those of another kind or with a name that is no key become problems."""
        path = self._root / folder
        if not path.is_dir():
            return []
        found: list[str] = []
        for name in sorted(e.name for e in os.scandir(path) if _is_visible(e.name)):
            file = f"{folder}/{name}"
            stem = name.removesuffix(suffix)
            if stem == name:
                self.problems.append(
                    Problem(file, 0, "", f"only {suffix} files belong here", None, "move it elsewhere")
                )
            elif not all(is_key(part) for part in stem.split(".")):
                self.problems.append(Problem(file, 0, "", "the file's name is not a key", _as_key(stem), KEY_RULE))
            else:
                found.append(file)
        return found


def _is_visible(name: str) -> bool:
    return not name.startswith((".", "__")) and name not in _TEXTS_BESIDE


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _as_key(text: str) -> str | None:
    """The key that was probably meant: ``Karoo-Outdoor`` reads ``karoo_outdoor``."""
    key = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return key if is_key(key) and key != text else None


def _judge_name(root: Path, name: str) -> Iterator[Problem]:
    folder, resource = f"{ASSETS}/{name}", f"{RESOURCES}/{name}"
    has_folder = (root / folder).is_dir()
    if not is_key(name):
        place = folder if has_folder else resource
        yield Problem(place, 0, "", "the client's name is not a key", _as_key(name), KEY_RULE)
    for place in (folder, resource):
        if (root / f"{place}.yml").exists():
            yield Problem(f"{place}.yml", 0, "", "declarations end in .yaml", f"{name}.yaml", "rename the file")
    if (root / f"{folder}.yaml").exists():
        message = f"this file belongs into {folder}/{CLIENT_FILE}"
        yield Problem(f"{folder}.yaml", 0, "", message, None, "move it there")
    elif not has_folder:
        others = [e.name for e in os.scandir(root / ASSETS) if e.is_dir() and _is_visible(e.name)]
        message = "resources are declared for a client that has no folder in assets"
        yield Problem(f"{resource}.yaml", 0, "", message, near_miss(name, others), f"write {folder}/{CLIENT_FILE}")


def _judge_entries(root: Path, folder: str) -> Iterator[Problem]:
    known = [CLIENT_FILE, FIELDS, QUERIES]
    for name in sorted(_visible_names(root / folder)):
        if name not in known:
            yield Problem(
                f"{folder}/{name}",
                0,
                "",
                "nothing reads this",
                near_miss(name, known),
                f"a client's folder holds {', '.join(known)}",
                "warning",
            )


def _visible_names(path: Path) -> Iterable[str]:
    return (e.name for e in os.scandir(path) if _is_visible(e.name))

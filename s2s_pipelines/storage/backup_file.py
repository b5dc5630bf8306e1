"""A backup as a file: one tar in zstd, with its list of contents last, so that a file that was cut off is known as such.

Members are ``tables/<table>/<number>.jsonl``, ``catalogue/…``, ``plans/…`` and at the end ``contents.json`` and its checksum.
``tar --zstd -tf`` reads it. Nothing of a file is trusted before all of it was compared with its checksums.
"""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from s2s_pipelines.errors import DataError
from s2s_pipelines.storage.parquet_file import settle

FORMAT = 1
CONTENTS, CHECKSUM = "contents.json", "contents.sha256"
CATALOGUE, PLANS, TABLES = "catalogue", "plans", "tables"

MEMBER_LIMIT_B = 64 * 1024**3
TABLE_PIECE_LIMIT_B = 1024**3
CONTENTS_LIMIT_B = 512 * 1024**2
"""More than any backup of ours holds; a member that claims more is refused before it is read."""

_PIECE_B = 1024 * 1024
_NAME = re.compile(r"(tables/[a-z_]+/[0-9]{6}\.jsonl|(catalogue|plans)(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)+)")


@dataclass
class Contents:
    """What a backup holds.

    Attributes:
        revision: of our database when it was read.
        created_at: when, as text.
        tables: rows by table.
        columns: the columns of each table, in the order of its rows.
        members: size and SHA-256 of every member by name.
        missing: files that rows named and that were not there.
    """

    revision: str
    created_at: str
    format: int = FORMAT
    program: str = ""
    tables: dict[str, int] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    members: dict[str, tuple[int, str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def files(self) -> list[str]:
        """Members that are files of snapshots and plans."""
        return [name for name in self.members if not name.startswith(f"{TABLES}/")]


class BackupWriter:
    """Writes a backup; the file has its name only once all of it is on disk.

    Args:
        path: must not exist.
        contents: filled while members are added.
    """

    def __init__(self, path: Path, contents: Contents) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.part")
        self.contents = contents

    def __enter__(self) -> Self:
        import pyarrow as pa

        # Orders hold what people bought and where they live.
        handle = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._stream = pa.CompressedOutputStream(self._file, "zstd")
        self._tar = tarfile.open(fileobj=self._stream, mode="w|", format=tarfile.PAX_FORMAT)
        return self

    def add_bytes(self, name: str, body: bytes) -> None:
        """Add a member from memory."""
        self.contents.members[name] = (len(body), hashlib.sha256(body).hexdigest())
        self._tar.addfile(_member(name, len(body)), io.BytesIO(body))

    def add_file(self, name: str, path: Path) -> None:
        """Add a file, read once; or note it as missing."""
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                reader = _HashingReader(file)
                self._tar.addfile(_member(name, size), reader)
        except FileNotFoundError:
            self.contents.missing.append(name)
            return
        self.contents.members[name] = (size, reader.digest())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                body = json.dumps(asdict(self.contents)).encode()
                self._tar.addfile(_member(CONTENTS, len(body)), io.BytesIO(body))
                proof = hashlib.sha256(body).hexdigest().encode()
                self._tar.addfile(_member(CHECKSUM, len(proof)), io.BytesIO(proof))
                self._tar.close()
                self._stream.close()  # and with it the file
                settle(self._unfinished)
                self._unfinished.replace(self._path)
                settle(self._path.parent)
        finally:
            self._file.close()
            self._unfinished.unlink(missing_ok=True)


class _HashingReader(io.RawIOBase):
    """A file whose bytes are counted into a checksum as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        piece = self._file.read(size)
        self._hash.update(piece)
        return piece

    def digest(self) -> str:
        """Of all that was read."""
        return self._hash.hexdigest()


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def checked_contents(path: Path) -> Contents:
    """Read a whole backup and compare every member with its checksum; its contents.

    Raises:
        DataError: it is no backup, was cut off or changed, or holds what no backup of ours does.
    """
    found: dict[str, tuple[int, str]] = {}
    said: dict[str, bytes] = {}
    with told_as_damage():
        for info, file in members(path):
            if info.name in found or info.name in said:
                raise damaged(f"{info.name} is in it twice")
            if info.name in (CONTENTS, CHECKSUM):
                said[info.name] = file.read(CONTENTS_LIMIT_B)
            else:
                found[info.name] = (info.size, _digest(file))
    body, proof = said.get(CONTENTS, b""), said.get(CHECKSUM, b"")
    if not body or hashlib.sha256(body).hexdigest().encode() != proof:
        raise damaged("its list of contents is missing or changed: the file was cut off or is no backup")
    contents = _contents(body)
    listed = {name: (int(size), digest) for name, (size, digest) in contents.members.items()}
    if listed != found:
        wrong = sorted({name for name in {*listed, *found} if listed.get(name) != found.get(name)})
        raise damaged(f"{len(wrong)} of its members are missing or changed, the first is {wrong[0]}")
    return contents


def _contents(body: bytes) -> Contents:
    try:
        said: dict[str, Any] = json.loads(body)
        if said["format"] != FORMAT:
            raise DataError(
                f"the backup has format {said['format']}, this program reads {FORMAT}",
                operation="read a backup",
                next_step="restore it with the version of the program that made it, or a newer one",
            )
        return Contents(**{**said, "members": {name: tuple(entry) for name, entry in said["members"].items()}})
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(f"its list of contents cannot be understood ({type(error).__name__})") from None


def members(path: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Every member in order, each to be read before the next one is asked for; inside ``told_as_damage``.

    Raises:
        DataError: a member has a name, kind or size that none of ours has.
    """
    import pyarrow as pa

    with (
        pa.OSFile(str(path)) as plain,
        pa.CompressedInputStream(plain, "zstd") as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        for info in tar:
            _refuse_odd(info)
            file = tar.extractfile(info)
            if file is None:
                raise damaged(f"{info.name[:200]!r} is no file")
            yield info, file


@contextmanager
def told_as_damage() -> Iterator[None]:
    """Tell whatever reading a file that is no backup, or half of one, may raise.

    Raises:
        DataError: instead.
    """
    import pyarrow as pa

    try:
        yield
    except (tarfile.TarError, EOFError, pa.ArrowException, OSError) as error:
        raise damaged(f"it cannot be read ({type(error).__name__})") from error


def _refuse_odd(info: tarfile.TarInfo) -> None:
    """Only plain files with names as ours: no links, no ``..``, nothing absolute, nothing enormous."""
    if not info.isfile() or not (info.name in (CONTENTS, CHECKSUM) or _NAME.fullmatch(info.name)):
        raise damaged(f"it holds {info.name[:200]!r}, which no backup of ours does")
    limit = {CONTENTS: CONTENTS_LIMIT_B, CHECKSUM: 128}.get(info.name, MEMBER_LIMIT_B)
    if info.name.startswith(f"{TABLES}/"):
        limit = TABLE_PIECE_LIMIT_B
    if info.size > limit:
        raise damaged(f"{info.name} claims {info.size} bytes")


def _digest(file: IO[bytes]) -> str:
    found = hashlib.sha256()
    while piece := file.read(_PIECE_B):
        found.update(piece)
    return found.hexdigest()


def damaged(why: str) -> DataError:
    """A file that nothing is taken from."""
    return DataError(
        f"this file cannot be restored: {why}",
        operation="read a backup",
        next_step="take another backup; nothing was changed",
    )

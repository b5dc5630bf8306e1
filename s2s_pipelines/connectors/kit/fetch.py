"""Fetches one file, whole or not at all: local, HTTP(S), FTP(S), SFTP; bounded in size and time.

Local files, FTP and SFTP go through fsspec's file systems, the latter two with their way of connecting replaced: as they come,
SFTP takes any host key, FTPS checks no certificate, and both connect to a name nobody judged. HTTP does not go through
fsspec: its client follows redirects and resolves names on its own.
"""

import time
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.errors import AccessError, ConfigurationError, S2SError, TransientError

SCHEMES = ("file", "http", "https", "ftp", "ftps", "sftp")
FRESH_S = 60.0
"""A file changed within this time may still be growing, so it is looked at twice."""


@dataclass(frozen=True, slots=True)
class Access:
    """Credentials, revealed; never shown.

    Attributes:
        host_key: of SFTP: ``SHA256:…`` or the key as in a known_hosts file (``ssh-ed25519 AAAA…``).
        ca_file: certificates to trust instead of the usual ones.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    host_key: str = ""
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """What to fetch and under which bounds.

    Attributes:
        url: with a scheme; paths are resolved by `locate`.
        allow_private: hosts whose private addresses are meant.
        max_bytes: of the file, packed and unpacked.
        timeout_s: seconds of silence before we stop waiting.
        total_s: seconds for the whole file.
        settle_s: seconds between two looks at a file that changed just now.
    """

    url: str = field(repr=False)
    access: Access = field(default_factory=Access)
    allow_private: Collection[str] = ()
    max_bytes: int = 256 * 1024 * 1024
    timeout_s: float = 30.0
    total_s: float = 900.0
    settle_s: float = 2.0

    @property
    def place(self) -> str:
        """Host and file name: enough for a person, without anything a secret may be part of."""
        parts = urlsplit(self.url)
        name = unquote(parts.path.rpartition("/")[2]) if parts.scheme != "file" else Path(unquote(parts.path)).name
        return f"{name} at {parts.hostname}" if parts.hostname else name


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file's bytes, unpacked, and its own stamp, if it has one (aware)."""

    body: bytes = field(repr=False)
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a listing says of a file. ``size`` None: not told."""

    size: int | None
    modified_at: datetime | None


class BoundedBuffer:
    """Collects chunks and refuses to grow beyond the bounds of an errand."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._chunks: list[bytes] = []
        self._size = 0
        self._ends_at = time.monotonic() + errand.total_s

    def write(self, chunk: bytes) -> int:
        """Add a chunk.

        Raises:
            UnreadableFile: the file is larger than allowed.
            TransientError: it takes longer than allowed.
        """
        self._size += len(chunk)
        if self._size > self._errand.max_bytes:
            raise too_large(self._errand.max_bytes)
        if time.monotonic() > self._ends_at:
            raise TransientError(
                f"{self._errand.place} took longer than {self._errand.total_s:.0f} s", next_step="try again later"
            )
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def content(self) -> bytes:
        """All of it."""
        return b"".join(self._chunks)


def too_large(max_bytes: int) -> UnreadableFile:
    """The refusal of a file beyond the bound."""
    return UnreadableFile(
        "file_too_large",
        f"the file is larger than {max_bytes} bytes",
        remedy="raise max_bytes, if it is rightly so large",
    )


def locate(location: str, folder: str) -> str:
    """The location as a URL; what has no scheme is a path, relative ones counted from the declaration folder.

    Raises:
        ConfigurationError: the scheme is not ours, or the location holds credentials.

    >>> locate("https://example.com/a.csv", "/x")
    'https://example.com/a.csv'
    """
    parts = urlsplit(location)
    if "://" not in location:
        return (Path(folder) / location).absolute().as_uri()
    if parts.scheme not in SCHEMES:
        raise ConfigurationError(
            f"the scheme {parts.scheme} is not known", next_step=f"use one of {', '.join(SCHEMES)}"
        )
    if "@" in parts.netloc:
        raise ConfigurationError(
            "the location holds credentials", next_step="declare username and password as references"
        )
    if parts.scheme != "file" and not parts.hostname:
        raise ConfigurationError("the location names no host", next_step="write it as scheme://host/path")
    return location


def fetch(errand: Errand) -> Fetched:
    """The file, unpacked when it is gzip.

    Raises:
        TransientError: it cannot be reached now, breaks off, or is still growing.
        AccessError: credentials, host key or certificate are refused.
        ConfigurationError: it is not there, or its host may not be asked.
        DataError: it is larger than allowed.
    """
    fetched = _transport(errand)(errand, False)
    return Fetched(expanded(fetched.body, errand.max_bytes), fetched.modified_at)


def probe(errand: Errand) -> None:
    """Look whether the file is there and may be read, without reading it; raises as `fetch` does."""
    _transport(errand)(errand, True)


def _transport(errand: Errand) -> Callable[[Errand, bool], Fetched]:
    """Transports are imported when used: paramiko and requests are slow to load."""
    scheme = urlsplit(errand.url).scheme
    if scheme == "file":
        return _local
    if scheme in ("http", "https"):
        from s2s_pipelines.connectors.kit.fetch_http import fetch_http

        return fetch_http
    if scheme == "sftp":
        from s2s_pipelines.connectors.kit.fetch_sftp import fetch_sftp

        return fetch_sftp
    from s2s_pipelines.connectors.kit.fetch_ftp import fetch_ftp

    return fetch_ftp


def fetch_settled(errand: Errand, look: Callable[[], Look], load: Callable[[BoundedBuffer], None]) -> Fetched:
    """Load a file that looks the same before and after, and is as long as its listing says.

    Raises:
        TransientError: it is still being written.
    """
    before = look()
    if before.size is not None and before.size > errand.max_bytes:
        raise too_large(errand.max_bytes)
    age_s = (datetime.now(UTC) - before.modified_at).total_seconds() if before.modified_at else 0.0
    if age_s < FRESH_S and errand.settle_s:
        time.sleep(errand.settle_s)
    buffer = BoundedBuffer(errand)
    load(buffer)
    body = buffer.content()
    after = look()
    if after != before or (after.size is not None and after.size != len(body)):
        raise TransientError(
            f"{errand.place} is still being written", retry_after_s=60.0, next_step="try again in a minute"
        )
    return Fetched(body, after.modified_at)


def _local(errand: Errand, is_probe: bool) -> Fetched:
    import fsspec

    path = unquote(urlsplit(errand.url).path)
    files = fsspec.filesystem("file")

    def look() -> Look:
        found = files.info(path)
        if found["type"] != "file":
            raise ConfigurationError(f"{errand.place} is no file", next_step="name a file")
        return Look(int(found["size"]), datetime.fromtimestamp(found["mtime"], UTC))

    def load(buffer: BoundedBuffer) -> None:
        with files.open(path, "rb") as stream:
            while chunk := stream.read(1 << 20):
                buffer.write(chunk)

    try:
        if not is_probe:
            return fetch_settled(errand, look, load)
        look()
        with files.open(path, "rb"):
            return Fetched(b"")
    except OSError as error:
        raise _local_error(error, errand, path) from None


def _local_error(error: OSError, errand: Errand, path: str) -> S2SError:
    if isinstance(error, FileNotFoundError) and Path(path).parent.is_dir():
        return not_there(errand)
    if isinstance(error, FileNotFoundError):
        return TransientError(
            f"the folder of {errand.place} cannot be reached", next_step="check the location, or mount the folder"
        )
    if isinstance(error, PermissionError):
        return AccessError(f"{errand.place} may not be read", next_step="give us the right to read it")
    return TransientError(f"{errand.place} cannot be read (error {error.errno})", next_step="try again later")


def not_there(errand: Errand) -> ConfigurationError:
    """The error for a file that is not there while its host or folder is."""
    return ConfigurationError(
        f"there is no file {errand.place}", next_step="check the location, or wait for the supplier to deliver it"
    )


def expanded(body: bytes, max_bytes: int) -> bytes:
    """The bytes, unpacked when they are gzip, and never more than allowed.

    Raises:
        UnreadableFile: it expands beyond the bound, or is damaged.
    """
    if not body.startswith(b"\x1f\x8b"):
        return body
    out: list[bytes] = []
    left, rest = max_bytes, body
    try:
        while rest.startswith(b"\x1f\x8b"):
            unpacker = zlib.decompressobj(31)
            chunk = unpacker.decompress(rest, left + 1)
            left -= len(chunk)
            if left < 0:
                raise too_large(max_bytes)
            if not unpacker.eof:
                raise UnreadableFile("damaged_gzip", "the gzip file breaks off", remedy="ask for the file again")
            out.append(chunk)
            rest = unpacker.unused_data
    except zlib.error:
        raise UnreadableFile("damaged_gzip", "the gzip file is damaged", remedy="ask for the file again") from None
    if rest.strip(b"\x00"):
        raise UnreadableFile("damaged_gzip", "something stands behind the gzip file", remedy="ask for the file again")
    return b"".join(out)

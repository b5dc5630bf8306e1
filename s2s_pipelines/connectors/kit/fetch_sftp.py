"""SFTP through fsspec's file system, connected by us: only to the host whose key is pinned in the declaration."""

import base64
import binascii
import contextlib
import hashlib
import io
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

from s2s_pipelines.connectors.kit.address import connect_checked
from s2s_pipelines.connectors.kit.fetch import BoundedBuffer, Errand, Fetched, Look, fetch_settled, not_there
from s2s_pipelines.errors import AccessError, ConfigurationError, S2SError, TransientError

_CHUNK = 1 << 18


class _Pinned(paramiko.MissingHostKeyPolicy):
    """Accepts the host key of one fingerprint, and no other."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint.rstrip("=")

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Compare the key that is shown with the pinned one."""
        shown = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
        if f"SHA256:{shown}" != self._fingerprint:
            raise paramiko.BadHostKeyException(hostname, key, key)


class _Files(SFTPFileSystem):  # type: ignore[misc]
    """fsspec's SFTP, which would otherwise accept any host key and use the keys and agent of this machine's user."""

    cachable = False

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        super().__init__(str(urlsplit(errand.url).hostname))

    def _connect(self) -> None:
        errand, access = self.errand, self.errand.access
        port = urlsplit(errand.url).port or 22
        key = _private_key(access.private_key, access.passphrase) if access.private_key else None
        with contextlib.ExitStack() as undo:
            self.client = paramiko.SSHClient()
            undo.callback(self.client.close)
            _pin(self.client, self.host, port, access.host_key)
            line = connect_checked(self.host, port, errand.allow_private, errand.timeout_s)
            undo.callback(line.close)
            self.client.connect(
                self.host,
                port,
                username=access.username,
                password=access.password or None,
                pkey=key,
                sock=line,
                timeout=errand.timeout_s,
                banner_timeout=errand.timeout_s,
                auth_timeout=errand.timeout_s,
                look_for_keys=False,
                allow_agent=False,
            )
            self.ftp = self.client.open_sftp()
            channel = self.ftp.get_channel()
            if channel is not None:
                channel.settimeout(errand.timeout_s)
            undo.pop_all()


def _pin(client: paramiko.SSHClient, host: str, port: int, host_key: str) -> None:
    if host_key.startswith("SHA256:"):
        client.set_missing_host_key_policy(_Pinned(host_key))
        return
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    kind, _, text = host_key.strip().partition(" ")
    try:
        key = paramiko.PKey.from_type_string(kind, base64.b64decode(text.split(" ")[0], validate=True))
    except (paramiko.SSHException, binascii.Error, ValueError, paramiko.pkey.UnknownKeyType):
        raise ConfigurationError(
            "host_key is neither SHA256:… nor a public key",
            next_step="take it from the supplier, not from the first connection",
        ) from None
    client.get_host_keys().add(host if port == 22 else f"[{host}]:{port}", key.get_name(), key)


def _private_key(text: str, passphrase: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with contextlib.suppress(paramiko.SSHException, ValueError, IndexError):
            return kind.from_private_key(io.StringIO(text), password=passphrase or None)
    raise AccessError("the private key cannot be read", next_step="check private_key and passphrase")


def fetch_sftp(errand: Errand, is_probe: bool) -> Fetched:
    """The file under an sftp URL."""
    if not errand.access.host_key:
        raise ConfigurationError("SFTP needs host_key", next_step="declare the server's key, given by the supplier")
    path = unquote(urlsplit(errand.url).path)

    def look() -> Look:
        found = files.ftp.stat(path)
        if not stat.S_ISREG(found.st_mode or stat.S_IFREG):
            raise ConfigurationError(f"{errand.place} is no file", next_step="name a file")
        return Look(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC) if found.st_mtime else None)

    def load(buffer: BoundedBuffer) -> None:
        with files.open(path, "rb") as stream:
            stream.prefetch()
            while chunk := stream.read(_CHUNK):
                buffer.write(chunk)

    with _translating(errand):
        files = _Files(errand)
        with contextlib.closing(files.client):
            if is_probe:
                look()
                return Fetched(b"")
            return fetch_settled(errand, look, load)


@contextlib.contextmanager
def _translating(errand: Errand) -> Iterator[None]:
    """Our errors for those of paramiko and the socket."""
    try:
        yield
    except S2SError:
        raise
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _translated(error, errand) from None


def _translated(error: Exception, errand: Errand) -> S2SError:
    if isinstance(error, paramiko.BadHostKeyException) or "not found in known_hosts" in str(error):
        return AccessError(
            f"the host key of {errand.place} is not the pinned one",
            next_step="ask the supplier whether it was changed; never accept it unasked",
        )
    if isinstance(error, paramiko.AuthenticationException):
        return AccessError(f"the login for {errand.place} was refused", next_step="check username, password or key")
    if isinstance(error, FileNotFoundError):
        return not_there(errand)
    if isinstance(error, PermissionError):
        return AccessError(f"{errand.place} may not be read", next_step="ask for the right to read it")
    return TransientError(f"{errand.place} cannot be fetched ({type(error).__name__})", next_step="try again later")

"""FTP and FTPS (explicit TLS, certificate checked) through fsspec's file system, connected by us."""

import contextlib
import ftplib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from fsspec.implementations.ftp import FTPFileSystem

from s2s_pipelines.connectors.kit.address import connect_checked
from s2s_pipelines.connectors.kit.fetch import BoundedBuffer, Errand, Fetched, Look, fetch_settled, not_there
from s2s_pipelines.errors import AccessError, S2SError, TransientError


class _CheckedFtp(ftplib.FTP):
    """FTP over a socket that is already connected; data connections go to the same address (passive mode)."""

    def adopt(self, errand: Errand, host: str, port: int) -> None:
        """Connect and read the welcome."""
        self.timeout = errand.timeout_s
        self.host, self.port = host, port
        self.sock = connect_checked(host, port, errand.allow_private, errand.timeout_s)
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()


class _CheckedFtps(_CheckedFtp, ftplib.FTP_TLS):
    """The same with TLS."""


class _Files(FTPFileSystem):  # type: ignore[misc]
    """fsspec's FTP, which would otherwise connect to the name and check no certificate."""

    cachable = False

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        parts = urlsplit(errand.url)
        access = errand.access
        super().__init__(
            parts.hostname,
            parts.port or 21,
            username=access.username,
            password=access.password,
            timeout=errand.timeout_s,
            tls=parts.scheme == "ftps",
        )

    def _connect(self) -> None:
        self.ftp: Any = _CheckedFtp()  # fsspec closes it when the connection fails
        if self.tls:
            context = ssl.create_default_context(cafile=self.errand.access.ca_file)
            self.ftp = _CheckedFtps(context=context, encoding=self.encoding)
        else:
            self.ftp = _CheckedFtp(encoding=self.encoding)
        self.ftp.adopt(self.errand, self.host, self.port)
        self.ftp.login(*self.cred)

    def look(self, path: str) -> Look:
        """Size and stamp, as far as the server tells."""
        self.ftp.voidcmd("TYPE I")
        size = self.ftp.size(path)
        stamp = None
        with contextlib.suppress(ftplib.error_perm, ValueError):
            answer = self.ftp.voidcmd(f"MDTM {path}")
            stamp = datetime.strptime(answer[4:18], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return Look(size, stamp)


def fetch_ftp(errand: Errand, is_probe: bool) -> Fetched:
    """The file under an ftp or ftps URL."""
    path = unquote(urlsplit(errand.url).path)

    def load(buffer: BoundedBuffer) -> None:
        files.ftp.retrbinary(f"RETR {path}", buffer.write)

    with _translating(errand):
        files = _Files(errand)
        try:
            if is_probe:
                files.look(path)
                return Fetched(b"")
            return fetch_settled(errand, lambda: files.look(path), load)
        finally:
            files.ftp.close()


@contextlib.contextmanager
def _translating(errand: Errand) -> Iterator[None]:
    """Our errors for those of ftplib; the server's words are left out, for they may repeat what we sent."""
    try:
        yield
    except S2SError:
        raise
    except (ssl.SSLError, ftplib.Error, EOFError, OSError, ValueError) as error:
        raise _translated(error, errand) from None


def _translated(error: Exception, errand: Errand) -> S2SError:
    code = str(error)[:3]
    if isinstance(error, ssl.SSLError):
        return AccessError(
            f"the certificate of {errand.place} is not trusted", next_step="renew it, or declare ca_file"
        )
    if isinstance(error, ftplib.error_perm) and code in ("530", "532", "430"):
        return AccessError(f"the login for {errand.place} was refused", next_step="check username and password")
    if isinstance(error, ftplib.error_perm) and code == "550":
        return not_there(errand)
    return TransientError(f"{errand.place} cannot be fetched ({type(error).__name__})", next_step="try again later")

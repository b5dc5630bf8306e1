"""Real servers on the loopback address for the transports: HTTP, FTP(S) and SFTP, each serving one folder."""

import base64
import contextlib
import gzip
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import paramiko

with warnings.catch_warnings():
    # pyftpdlib still stands on asyncore, which Python 3.11 announces to take away.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

HOST = "127.0.0.1"
USER, PASSWORD = "feed-reader", "loopback-only-password"


@dataclass
class Web:
    """A running web server.

    Attributes:
        answers: what to do for a path instead of serving the file of that name.
        seen: method, path and Authorization header of every request.
    """

    port: int
    folder: Path
    needs_login: bool = False
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)

    def url(self, name: str, host: str = HOST) -> str:
        """The address of a file."""
        return f"http://{host}:{self.port}/{name}"


@contextlib.contextmanager
def web_server(folder: Path, *, needs_login: bool = False, context=None) -> Iterator[Web]:
    """Serve a folder over HTTP, or HTTPS with an SSL context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            web.seen.append((self.command, self.path, self.headers.get("Authorization")))
            special = web.answers.get(self.path)
            if special:
                special(self)
                return
            login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if web.needs_login and self.headers.get("Authorization") != f"Basic {login}":
                answer(self, 401)
                return
            path = web.folder / self.path.lstrip("/").partition("?")[0]
            if not path.is_file():
                answer(self, 404)
                return
            stamp = formatdate(path.stat().st_mtime, usegmt=True)
            answer(self, 200, path.read_bytes(), {"Last-Modified": stamp})

        do_HEAD = do_GET  # noqa: N815 - the name http.server asks for

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    web = Web(server.server_port, folder, needs_login)
    with running(server.serve_forever, server.shutdown, server.server_close):
        yield web


def answer(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    """Send one answer with its length."""
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
    handler.close_connection = True


def packed(body: bytes) -> bytes:
    """The body as gzip."""
    return gzip.compress(body)


@contextlib.contextmanager
def ftp_server(folder: Path, *, certificate: Path | None = None) -> Iterator[int]:
    """Serve a folder over FTP, with a certificate over explicit TLS only; yields the port."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder), perm="elr")
    base = TLS_FTPHandler if certificate else FTPHandler
    settings = {"authorizer": authorizer, "banner": "ready", "auth_failed_timeout": 0}
    if certificate:
        settings |= {"certfile": str(certificate), "tls_control_required": True, "tls_data_required": True}
    handler = type("Handler", (base,), settings)
    server = FTPServer((HOST, 0), handler)
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)

    with running(serve, is_over.set, server.close_all):
        yield server.socket.getsockname()[1]


class _Door(paramiko.ServerInterface):
    def __init__(self, key: paramiko.PKey | None) -> None:
        self.key = key

    def check_auth_password(self, username: str, password: str) -> int:
        is_right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL if self.key is not None and key == self.key else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _Folder(paramiko.SFTPServerInterface):
    root = Path("/nonexistent")

    def _real(self, path: str) -> str:
        return str(self.root / self.canonicalize(path).lstrip("/"))

    def stat(self, path: str):
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._real(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr):
        try:
            file = Path(self._real(path)).open("rb")  # noqa: SIM115 - paramiko closes it
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = file
        handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(file.fileno()))
        return handle


@contextlib.contextmanager
def sftp_server(folder: Path, host_key: paramiko.PKey, *, client_key: paramiko.PKey | None = None) -> Iterator[int]:
    """Serve a folder over SFTP; yields the port."""
    interface = type("Folder", (_Folder,), {"root": folder})
    listener = socket.create_server((HOST, 0))
    listener.settimeout(0.1)
    is_over = threading.Event()
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        while not is_over.is_set():
            try:
                line, _ = listener.accept()
            except TimeoutError:
                continue
            transport = paramiko.Transport(line)
            transports.append(transport)
            transport.add_server_key(host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, interface)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=_Door(client_key))

    def close() -> None:
        for transport in transports:
            transport.close()
        listener.close()

    with running(serve, is_over.set, close):
        yield listener.getsockname()[1]


@contextlib.contextmanager
def running(serve: Callable[[], None], stop: Callable[[], None], close: Callable[[], None]) -> Iterator[None]:
    """Run a server in a thread until the block ends; it is told to stop, waited for, and then closed."""
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(timeout=10)
        close()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def aged(path: Path, age_s: float = 3600) -> Path:
    """The file, as if it had been written an hour ago."""
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path

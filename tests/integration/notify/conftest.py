"""Receivers that really receive: an SMTP server with TLS and logins, and an HTTP server, each on this machine."""

import json
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from tests.integration.fetch.conftest import certificate  # noqa: F401 - the same self-signed certificate
from tests.servers import free_port

LOGIN = (b"alerts", b"pa;ss}w@rd")


@dataclass
class Mailbox:
    """What a mail server took, and how it is to behave."""

    host: str = "localhost"
    port: int = 0
    mails: list = field(default_factory=list)
    answer: str = "250 OK"
    refused: tuple = ()
    was_encrypted: list = field(default_factory=list)
    logins: list = field(default_factory=list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=default)
            self.mails.append(mail)
            self.was_encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
            mail["X-To"] = ", ".join(envelope.rcpt_tos)
        return self.answer

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append(data.login)
        return AuthResult(success=(data.login, data.password) == LOGIN)

    @property
    def subjects(self):
        return [str(mail["Subject"]) for mail in self.mails]

    @property
    def texts(self):
        return [mail.get_content().replace("\r\n", "\n") for mail in self.mails]


class _Controller(Controller):
    """Serves with STARTTLS, with TLS from the first byte, or with neither."""

    def __init__(self, box, manner, tls, **options):
        self.box, self.manner, self.tls = box, manner, tls
        super().__init__(
            box, hostname="127.0.0.1", port=free_port(), ssl_context=tls if manner == "tls" else None, **options
        )

    def factory(self):
        terms = {"require_starttls": True, "tls_context": self.tls} if self.manner == "starttls" else {}
        logins = {"authenticator": self.box.authenticate, "auth_require_tls": self.manner == "starttls"}
        return SMTP(self.box, hostname="localhost", **terms, **logins)


@pytest.fixture
def mail_server(certificate, monkeypatch):  # noqa: F811
    """Starts mail servers; their certificate is trusted for as long as the test runs."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    started = []

    def start(manner="none"):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        box = Mailbox()
        controller = _Controller(box, manner, tls)
        controller.start()
        started.append(controller)
        box.port = controller.port
        return box

    yield start
    for controller in started:
        controller.stop(no_assert=True)


@dataclass
class Hook:
    """What a web server was posted, and how it answers."""

    url: str = ""
    posts: list = field(default_factory=list)
    status: int = 204
    location: str = ""

    @property
    def events(self):
        return [json.loads(body) for _, body in self.posts]


@pytest.fixture
def hook():
    """A web server that keeps what it is posted."""
    kept = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if 200 <= kept.status < 300:
                kept.posts.append((dict(self.headers), body))
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()

"""Who is told in a storm: a web server that takes posts of alerts, and a mail server that takes mails."""

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from s2s_pipelines.demo.dagster_client import free_port

HOOK_SECRET = "storm-hook-secret"
_OPERATIONS = """\
ui_url: "http://ui.example.com"
alerts:
  receivers:
    hook: {{kind: webhook, url: "{hook}", secret: {{env: STORM_HOOK_SECRET}}}}
    mail: {{kind: email, host: 127.0.0.1, port: {port}, security: none, sender: s2s@example.com, to: [ops@example.com]}}
"""
_OPENING = ("opened", "summary")
_LINE = re.compile(r"^- (?P<headed>.+) \((?:since|from) [^()]+\)$", re.M)
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing that one receiver was told.

    Attributes:
        at: seconds since 1970.
        client: whom it concerns; None: nobody in particular.
        is_opening: something is wrong; False: it is over.
    """

    at: float
    receiver: str
    kind: str
    client: str | None
    subject: str
    is_opening: bool


class _Hook(BaseHTTPRequestHandler):
    """Takes a post if its signature is right."""

    server: "_HookServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature = "sha256=" + hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        is_signed = hmac.compare_digest(signature, self.headers.get("X-S2S-Signature", ""))
        if is_signed:
            self.server.posts.append((time.time(), json.loads(body)))
        self.send_response(204 if is_signed else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


class _HookServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.posts: list[tuple[float, Any]] = []
        super().__init__(("127.0.0.1", 0), _Hook)


class _Mailbox:
    """Takes every mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[float, EmailMessage]] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append((time.time(), message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


class Ear:
    """Both receivers; a context manager that serves them."""

    receivers = ("hook", "mail")

    def __init__(self) -> None:
        self.hook, self.box = _HookServer(), _Mailbox()
        self._smtp = Controller(self.box, hostname="127.0.0.1", port=free_port())
        self._thread = threading.Thread(target=self.hook.serve_forever, daemon=True)

    def __enter__(self) -> "Ear":
        self._thread.start()
        self._smtp.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._smtp.stop(no_assert=True)
        self.hook.shutdown()
        self.hook.server_close()

    def declaration(self) -> str:
        """``operations.yaml`` that names both."""
        hook = f"http://127.0.0.1:{self.hook.server_address[1]}/alerts"
        return _OPERATIONS.format(hook=hook, port=self._smtp.port)

    def tellings(self) -> list[Telling]:
        """Everything that was told, in the order of its coming."""
        posted = list(_posted(self.hook.posts))
        # A mail is for people and names no kind: that of the same words in a post is meant.
        kinds = {(telling.client, telling.subject): telling.kind for telling in posted}
        return sorted([*posted, *_mailed(self.box.mails, kinds)], key=lambda telling: telling.at)


def _posted(posts: list[tuple[float, Any]]) -> Iterator[Telling]:
    for at, post in list(posts):
        is_opening = post["event"] in _OPENING
        for alert in post["alerts"]:
            yield Telling(at, "hook", alert["kind"], alert["client"], alert["subject"], is_opening)


def _mailed(mails: list[tuple[float, EmailMessage]], kinds: dict[tuple[str | None, str], str]) -> Iterator[Telling]:
    for at, mail in list(mails):
        event = str(mail["X-S2S-Event"]).partition("-")[0]
        text = mail.get_content()
        for line in [text.splitlines()[0]] if event == "opened" else _LINE.findall(text):
            client, parted, subject = line.partition(": ")
            known = (client, subject) if parted and (client, subject) in kinds else (None, line)
            if known not in kinds and parted:
                known = (client, subject)
            yield Telling(at, "mail", kinds.get(known, _UNKNOWN), *known, event in _OPENING)

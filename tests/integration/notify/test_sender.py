"""E-mail and webhook, as real servers receive them, and what is said when they do not."""

import hashlib
import hmac

import pytest
from pydantic import ValidationError

from s2s_pipelines.config.operations import EmailReceiver, WebhookReceiver
from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.errors import AccessError, ConfigurationError, RejectedError, TransientError
from s2s_pipelines.notify import mail as mail_module
from s2s_pipelines.notify import webhook as webhook_module
from s2s_pipelines.notify.sender import Outgoing, sender_of
from tests.integration.notify.conftest import LOGIN
from tests.servers import free_port

SUBJECT = "[s2s] acme: a breaker stopped the plan of shop"
MESSAGE = Outgoing("opened-7", SUBJECT, "Plan 7: zu groß.\n", {"id": "opened-7", "n": "é"})


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(mail_module, "TIMEOUT_S", 2.0)
    monkeypatch.setattr(webhook_module, "TIMEOUT_S", (1.0, 1.0))
    monkeypatch.setenv("MAIL_USER", LOGIN[0].decode())
    monkeypatch.setenv("MAIL_PASSWORD", LOGIN[1].decode())
    monkeypatch.setenv("HOOK_SECRET", "s3cret")


def email(box, **values):
    people = {"sender": "S2S <s2s@example.com>", "to": ("ops@example.com", "night@example.com")}
    return EmailReceiver(kind="email", host=box.host, port=box.port, **{"security": "none", **people, **values})


def login():
    return {"user": SecretRef(env="MAIL_USER"), "password": SecretRef(env="MAIL_PASSWORD")}


def send(receiver, message=MESSAGE):
    sender_of("ops", receiver).send(message)


def test_a_mail_arrives_at_every_address_with_subject_text_and_headers(mail_server):
    box = mail_server()
    send(email(box))
    (mail,) = box.mails
    assert box.subjects == [SUBJECT]
    assert box.texts == ["Plan 7: zu groß.\n"]
    assert mail["X-To"] == "ops@example.com, night@example.com"
    assert mail["From"] == "S2S <s2s@example.com>"
    assert mail["Message-ID"] == "<opened-7.ops@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_starttls_and_the_login_are_used_as_declared(mail_server):
    box = mail_server("starttls")
    send(email(box, security="starttls", **login()))
    assert (box.was_encrypted, box.logins) == ([True], [LOGIN[0]])


def test_tls_from_the_first_byte(mail_server):
    box = mail_server("tls")
    send(email(box, security="tls", **login()))
    assert box.was_encrypted == [True]


def test_nothing_is_sent_in_the_clear_when_the_server_offers_no_starttls(mail_server):
    box = mail_server()
    with pytest.raises(ConfigurationError, match="does not offer what is declared"):
        send(email(box, security="starttls", **login()))
    assert (box.mails, box.logins) == ([], [])


def test_a_certificate_that_nobody_trusts_is_refused(mail_server, monkeypatch):
    box = mail_server("starttls")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(AccessError, match="certificate is not trusted"):
        send(email(box, security="starttls"))
    assert box.mails == []


def test_a_refused_login_is_told_without_the_password(mail_server, monkeypatch):
    box = mail_server("starttls")
    monkeypatch.setenv("MAIL_PASSWORD", "wr0ng-one")
    with pytest.raises(AccessError, match="refused the login") as told:
        send(email(box, security="starttls", **login()))
    assert "wr0ng-one" not in str(told.value)
    assert box.mails == []


def test_a_missing_secret_is_a_matter_of_the_declaration(mail_server, monkeypatch):
    monkeypatch.delenv("MAIL_PASSWORD")
    box = mail_server("starttls")
    with pytest.raises(ConfigurationError, match="MAIL_PASSWORD is missing"):
        send(email(box, security="starttls", **login()))


@pytest.mark.parametrize(("answer", "kind"), [("451 try later", TransientError), ("554 no", RejectedError)])
def test_what_the_server_answers_decides_whether_trying_again_helps(mail_server, answer, kind):
    box = mail_server()
    box.answer = answer
    with pytest.raises(kind, match=answer[:3]):
        send(email(box))


def test_one_refused_address_of_two_is_an_error_that_names_nobody(mail_server):
    box = mail_server()
    box.refused = ("night@example.com",)
    with pytest.raises(RejectedError, match="550") as told:
        send(email(box))
    assert "night" not in str(told.value)


def test_a_server_that_is_not_there_is_worth_trying_again(mail_server):
    box = mail_server()
    box.port = free_port()
    with pytest.raises(TransientError, match="ConnectionRefusedError"):
        send(email(box))


@pytest.mark.parametrize("evil", ["a\r\nBcc: spy@example.com", "a\nSubject: other", "a\x0bBcc: spy@example.com\x00"])
def test_a_subject_cannot_bring_headers_of_its_own(mail_server, evil):
    box = mail_server()
    send(email(box), Outgoing("opened-8", evil, "text\r\n.\r\nQUIT\r\n", {}))
    (mail,) = box.mails
    assert mail["Bcc"] is None
    assert mail["X-To"] == "ops@example.com, night@example.com"
    assert len(mail.get_all("Subject")) == 1
    assert "QUIT" in box.texts[0]


@pytest.mark.parametrize(
    "wrong", [{"to": ("nobody",)}, {"sender": "s2s"}, {"sender": "a@b.example\r\nBcc: c@d.example"}]
)
def test_an_address_that_is_none_is_a_matter_of_the_declaration(mail_server, wrong):
    box = mail_server()
    with pytest.raises(ValidationError, match=r"name@example\.com"):
        send(email(box, **wrong))
    assert box.mails == []


def hooked(hook, **values):
    return WebhookReceiver(kind="webhook", url=hook.url, **values)


def test_a_webhook_is_posted_json_that_is_signed(hook):
    send(hooked(hook, secret=SecretRef(env="HOOK_SECRET")))
    ((headers, body),) = hook.posts
    assert hook.events == [{"id": "opened-7", "n": "é"}]
    assert headers["Content-Type"] == "application/json"
    expected = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-S2S-Signature"] == f"sha256={expected}"


def test_without_a_secret_there_is_no_signature(hook):
    send(hooked(hook))
    assert "X-S2S-Signature" not in hook.posts[0][0]


@pytest.mark.parametrize(
    ("status", "kind"), [(500, TransientError), (429, TransientError), (403, AccessError), (404, RejectedError)]
)
def test_what_a_webhook_answers_decides_who_acts_next(hook, status, kind):
    hook.status = status
    with pytest.raises(kind, match=str(status)) as told:
        send(hooked(hook))
    assert "127.0.0.1" not in str(told.value)


def test_a_redirect_is_not_followed(hook):
    hook.status, hook.location = 307, hook.url
    with pytest.raises(RejectedError, match="307"):
        send(hooked(hook))
    assert hook.posts == []


def test_an_address_with_a_token_is_never_told(hook):
    hook.url = f"http://127.0.0.1:{free_port()}/hook/t0ken"
    with pytest.raises(TransientError) as told:
        send(hooked(hook))
    assert "t0ken" not in str(told.value)
    hook.url = "ftp://127.0.0.1/t0ken"
    with pytest.raises(ConfigurationError) as told:
        send(hooked(hook))
    assert "t0ken" not in str(told.value)

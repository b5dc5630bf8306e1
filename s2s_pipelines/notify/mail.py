"""E-mail over SMTP.

Facts: RFC 5321 (SMTP), 3207 (STARTTLS), 3834 (``Auto-Submitted``), 5322 (headers), the standard library's ``smtplib`` and
``email`` (``EmailMessage`` refuses line breaks in headers).
"""

import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from s2s_pipelines.config.operations import EmailReceiver
from s2s_pipelines.config.secret import read_address
from s2s_pipelines.errors import AccessError, ConfigurationError, RejectedError, S2SError, TransientError
from s2s_pipelines.notify.sender import Outgoing

TIMEOUT_S = 15.0
"""For each step of the conversation."""

_POLICY = SMTP.clone(max_line_length=500)  # a subject of ours then needs no folding; RFC 5322 allows 998


class MailSender:
    """Sends each message as one mail to all addresses of a receiver."""

    def __init__(self, name: str, receiver: EmailReceiver) -> None:
        self._name = name
        self._receiver = receiver

    def send(self, message: Outgoing) -> None:
        """Send one mail; see ``Sender.send``. That some of several addresses were refused is an error as well."""
        mail = self._mail(message)
        try:
            self._hand_over(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise self._told(error) from None  # what the server said may name people

    def _mail(self, message: Outgoing) -> EmailMessage:
        receiver = self._receiver
        _, _, domain = parseaddr(receiver.sender)[1].partition("@")
        mail = EmailMessage(policy=_POLICY)
        try:
            mail["Subject"] = "".join(c if c.isprintable() else " " for c in message.subject)
            mail["From"] = receiver.sender
            mail["To"] = ", ".join(receiver.to)
            mail["Date"] = format_datetime(datetime.now(UTC))
            mail["Message-ID"] = f"<{message.reference}.{self._name}@{domain or 'localhost'}>"
            mail["Auto-Submitted"] = "auto-generated"
            mail["X-S2S-Event"] = message.reference
            mail.set_content(message.text)
        except (ValueError, MessageError):
            raise self._error(
                ConfigurationError, "sender and addresses do not make a mail", "correct sender and to"
            ) from None
        if not domain or any("@" not in parseaddr(to)[1] for to in receiver.to):
            raise self._error(ConfigurationError, "an address is not one", "write sender and to as name@example.com")
        return mail

    def _hand_over(self, mail: EmailMessage) -> None:
        receiver = self._receiver
        host = read_address(receiver.host)
        tls = ssl.create_default_context()
        if receiver.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, receiver.port, timeout=TIMEOUT_S, context=tls)
        else:
            server = smtplib.SMTP(host, receiver.port, timeout=TIMEOUT_S)
        try:
            if receiver.security == "starttls":
                server.starttls(context=tls)
            if receiver.user is not None and receiver.password is not None:
                _log_in(server, receiver.user.reveal(), receiver.password.reveal())
            refused = server.send_message(mail)
            if refused:
                raise smtplib.SMTPRecipientsRefused(refused)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()

    def _told(self, error: Exception) -> S2SError:
        code = getattr(error, "smtp_code", None)
        said = f" ({code})" if isinstance(code, int) and code > 0 else ""
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return self._error(AccessError, f"the mail server refused the login{said}", "renew user and password")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            next_step = "correct `security`, or remove `user` and `password`"
            return self._error(ConfigurationError, "the mail server does not offer what is declared", next_step)
        if isinstance(error, ssl.SSLCertVerificationError):
            next_step = "correct `host`, or have the server's certificate renewed"
            return self._error(AccessError, "the mail server's certificate is not trusted", next_step)
        is_final = isinstance(code, int) and 500 <= code < 600
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = sorted({answer[0] for answer in error.recipients.values()})
            is_final, said = all(500 <= c < 600 for c in codes), f" ({', '.join(map(str, codes))})"
        if is_final:
            return self._error(RejectedError, f"the mail server refused the mail{said}", "correct sender and to")
        return self._error(
            TransientError,
            f"the mail server did not take the mail: {type(error).__name__}{said}",
            "look whether it runs",
        )

    def _error(self, kind: type[S2SError], message: str, next_step: str) -> S2SError:
        more = {"reason": "mail_refused"} if issubclass(kind, RejectedError) else {}
        return kind(message, connection=self._name, operation="send an alert", next_step=next_step, **more)


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    """Log in; a server that hangs up on a wrong password has refused it as well."""
    try:
        server.login(user, password)
    except smtplib.SMTPServerDisconnected:
        raise smtplib.SMTPAuthenticationError(0, b"") from None

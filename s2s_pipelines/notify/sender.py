"""What a sender is, and the sender of each kind of receiver."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from s2s_pipelines.config.operations import Receiver


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, ready to be sent.

    Attributes:
        reference: the same when the same message is sent again.
        subject: one line.
        text: for people.
        payload: for programs, as JSON values.
    """

    reference: str
    subject: str
    text: str
    payload: Mapping[str, Any]


class Sender(Protocol):
    """Sends messages to one receiver."""

    def send(self, message: Outgoing) -> None:
        """Send one message; when this returns, the receiver has taken it.

        Raises:
            TransientError: it could not be reached, or said that it is worth trying again.
            AccessError: it refused our credentials.
            RejectedError: it refused the message.
            ConfigurationError: it is not declared as it must be, or a secret is missing.
        """


def sender_of(name: str, receiver: Receiver) -> Sender:
    """The sender of a declared receiver; nothing is contacted before the first message.

    Args:
        name: the receiver's key, for error texts.
        receiver: as declared.
    """
    return _SENDERS[receiver.kind](name, receiver)


def _mail(name: str, receiver: Any) -> Sender:
    from s2s_pipelines.notify.mail import MailSender

    return MailSender(name, receiver)


def _webhook(name: str, receiver: Any) -> Sender:
    from s2s_pipelines.notify.webhook import WebhookSender

    return WebhookSender(name, receiver)


_SENDERS: Mapping[str, Callable[[str, Any], Sender]] = {"email": _mail, "webhook": _webhook}

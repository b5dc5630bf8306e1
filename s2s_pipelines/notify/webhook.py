"""An HTTP POST of JSON, signed.

``X-S2S-Signature: sha256=<hex>`` is the HMAC-SHA256 of the body under the declared secret, as GitHub signs its webhooks
(docs.github.com, "Validating webhook deliveries"). ``id`` in the body is the same when a message is sent again.
"""

import hashlib
import hmac
import json

from s2s_pipelines.config.operations import WebhookReceiver
from s2s_pipelines.config.secret import read_address
from s2s_pipelines.errors import AccessError, ConfigurationError, RejectedError, S2SError, TransientError
from s2s_pipelines.notify.sender import Outgoing

TIMEOUT_S = (5.0, 15.0)
"""To connect, and for the answer."""

_WORTH_RETRYING = (408, 425, 429)


def signature(secret: str, body: bytes) -> str:
    """The signature of a body.

    >>> signature("key", b"The quick brown fox jumps over the lazy dog")[:23]
    'sha256=f7bc83f430538424'
    """
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


class WebhookSender:
    """Posts each message; redirects are not followed, for they would carry it to who knows where."""

    def __init__(self, name: str, receiver: WebhookReceiver) -> None:
        self._name = name
        self._receiver = receiver

    def send(self, message: Outgoing) -> None:
        """Post one message; see ``Sender.send``."""
        import requests

        url = read_address(self._receiver.url)
        if not url.lower().startswith(("https://", "http://")):
            raise self._error(ConfigurationError, "the address is none of the web", "write url as https://…")
        body = json.dumps(message.payload, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "s2s-pipelines", "X-S2S-Event": message.reference}
        if self._receiver.secret is not None:
            headers["X-S2S-Signature"] = signature(self._receiver.secret.reveal(), body)
        try:
            answer = requests.post(
                url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True
            )
        except requests.exceptions.InvalidURL:
            raise self._error(ConfigurationError, "the address is none of the web", "write url as https://…") from None
        except requests.exceptions.SSLError:
            raise self._error(
                AccessError, "its certificate is not trusted", "correct url, or have it renewed"
            ) from None
        except requests.exceptions.RequestException as error:
            # The text of the error may hold the address, and that a token.
            raise self._error(
                TransientError, f"it did not answer: {type(error).__name__}", "look whether it runs"
            ) from None
        with answer:
            self._judge(answer.status_code)

    def _judge(self, status: int) -> None:
        if 200 <= status < 300:
            return
        if status in (401, 403):
            raise self._error(AccessError, f"it refused us ({status})", "renew url and secret")
        if status >= 500 or status in _WORTH_RETRYING:
            raise self._error(TransientError, f"it answered {status}", "look whether it runs")
        raise self._error(RejectedError, f"it answered {status}", "correct url; a redirect is not followed")

    def _error(self, kind: type[S2SError], message: str, next_step: str) -> S2SError:
        more = {"reason": "webhook_refused"} if issubclass(kind, RejectedError) else {}
        return kind(message, connection=self._name, operation="send an alert", next_step=next_step, **more)

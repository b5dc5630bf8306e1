"""Which of our errors a failed request becomes: one table for statuses, one for the transport."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
)

from s2s_pipelines.errors import (
    AccessError,
    ConfigurationError,
    RejectedError,
    S2SError,
    TransientError,
    UncertainOutcomeError,
)

Verdict = Literal["configuration", "access", "rejected", "not_done", "unknown"]
"""``not_done``: certainly not carried out, try later. ``unknown``: a write may have been carried out."""


class BrokenAnswerError(UncertainOutcomeError):
    """The far side answered a write, but so badly that nobody knows what it did. It can be asked at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a status means.

    Attributes:
        reason: the code of a ``RejectedError``.
    """

    verdict: Verdict
    meaning: str
    next_step: str
    reason: str = ""


_LATER = "try again later"
STATUSES: Mapping[int, Row] = {
    400: Row("rejected", "the request was refused", "correct what the message names", "bad_request"),
    401: Row("access", "the credentials were not accepted", "check the key, its secret and its rights"),
    402: Row("access", "the account is not paid for", "settle the account"),
    403: Row("access", "access is forbidden", "check rights, and firewalls or security plugins"),
    404: Row("rejected", "there is no such thing", "check the address and the code", "not_found"),
    405: Row("configuration", "the address does not take this method", "check the address"),
    406: Row("rejected", "it cannot answer in JSON", "check the address", "not_acceptable"),
    407: Row("access", "a proxy wants credentials", "check the proxy"),
    408: Row("not_done", "it waited too long for us", _LATER),
    409: Row("rejected", "it contradicts what is there", "look at what is there", "conflict"),
    410: Row("rejected", "it is gone", "look at what is there", "gone"),
    413: Row("rejected", "the request is too large", "send less at once", "too_large"),
    414: Row("rejected", "the address is too long", "ask for less at once", "too_large"),
    415: Row("rejected", "it does not take JSON here", "check the address", "unsupported"),
    422: Row("rejected", "the values were refused", "correct what the message names", "bad_request"),
    423: Row("not_done", "it is locked", _LATER),
    425: Row("not_done", "it is too early", _LATER),
    429: Row("not_done", "too many requests", _LATER),
    500: Row("unknown", "it failed", _LATER),
    501: Row("rejected", "it cannot do that", "check the version of the far side", "unsupported"),
    502: Row("unknown", "its gateway failed", _LATER),
    503: Row("unknown", "it is not available", _LATER),
    504: Row("unknown", "its gateway waited too long", _LATER),
}


def status_error(
    method: str,
    path: str,
    status: int,
    *,
    words: str = "",
    retry_after_s: float | None = None,
    is_repeatable: bool = False,
) -> S2SError:
    """The error for a status that the caller did not expect.

    ``words`` are the far side's own, already redacted; ``is_repeatable`` says that sending the request again does no harm.
    """
    row = STATUSES.get(status) or _family(status)
    message = f"{method} {path} answered {status}: {words or row.meaning}"
    verdict = row.verdict
    # A server that names the time of its return refused at the door; without it, a cache in front may have waited in vain.
    if verdict == "unknown" and (is_repeatable or (status == 503 and retry_after_s is not None)):
        verdict = "not_done"
    if verdict == "not_done":
        return TransientError(message, retry_after_s=retry_after_s, next_step=row.next_step)
    if verdict == "unknown":
        return BrokenAnswerError(message, next_step="look up what became of it")
    if verdict == "access":
        return AccessError(message, next_step=row.next_step)
    if verdict == "configuration":
        return ConfigurationError(message, next_step=row.next_step)
    return RejectedError(message, reason=row.reason, next_step=row.next_step)


def _family(status: int) -> Row:
    if status >= 500:
        return Row("unknown", "it failed", _LATER)
    if status >= 400:
        return Row("rejected", "the request was refused", "look at the message", f"http_{status}")
    return Row("configuration", "an answer that no JSON interface gives", "check the address")


TRANSPORT: tuple[tuple[type[Exception], Verdict, str], ...] = (
    (requests.exceptions.InvalidURL, "configuration", "the address is not valid"),
    (requests.exceptions.MissingSchema, "configuration", "the address lacks http:// or https://"),
    (requests.exceptions.InvalidSchema, "configuration", "the address must begin with http:// or https://"),
    (requests.exceptions.InvalidHeader, "configuration", "a header cannot be sent"),
    (requests.exceptions.SSLError, "access", "its certificate is not trusted, or no encrypted connection came about"),
    (requests.exceptions.ConnectTimeout, "not_done", "it did not answer the call"),
    (requests.exceptions.ProxyError, "not_done", "the proxy could not be used"),
    (requests.exceptions.ReadTimeout, "unknown", "it did not answer in time"),
    (ReadTimeoutError, "unknown", "it did not answer in time"),
    (ProtocolError, "unknown", "the answer broke off"),
    (DecodeError, "unknown", "the answer could not be unpacked"),
    (requests.exceptions.ConnectionError, "unknown", "the connection broke"),
)
"""The first row whose class fits counts; see `transport_error` for connections that never stood."""

_NEVER_SENT = (NewConnectionError, NameResolutionError, ConnectTimeoutError, ProxyError)


def transport_error(
    method: str, path: str, error: requests.RequestException | HTTPError, *, is_repeatable: bool
) -> S2SError:
    """The error for a request that got no complete answer; its text says nothing of the foreign error's own."""
    verdict, meaning = next(
        ((v, m) for kind, v, m in TRANSPORT if isinstance(error, kind)), ("unknown", "it could not be asked")
    )
    if verdict == "unknown" and _was_never_sent(error):
        verdict, meaning = "not_done", "it cannot be reached"
    message = f"{method} {path}: {meaning}"
    if verdict == "configuration":
        return ConfigurationError(message, next_step="correct the address")
    if verdict == "access":
        return AccessError(message, next_step="renew the certificate, or trust its issuer on this machine")
    if verdict == "not_done" or is_repeatable:
        return TransientError(message, next_step=_LATER)
    return UncertainOutcomeError(message, next_step="look up what became of it")


def _was_never_sent(error: requests.RequestException | HTTPError) -> bool:
    """Whether no connection stood, so that nothing can have been carried out."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), _NEVER_SENT)

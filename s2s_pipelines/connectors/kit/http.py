"""Talks HTTP to a vendor's interface, and translates whatever goes wrong into our own errors, once.

Reading may be tried again; a write that was sent and never answered is an `UncertainOutcomeError`, because only a look-up can
tell what became of it. Certificates are always verified. Errors never carry the request: it holds credentials.
"""

import math
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from s2s_pipelines.connectors.kit.http_error import status_error, transport_error
from s2s_pipelines.connectors.kit.http_json import UnreadableJson, parse_json
from s2s_pipelines.connectors.kit.redaction import Redactor
from s2s_pipelines.errors import ConfigurationError, DataError, S2SError, TransientError, UncertainOutcomeError

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much.

    Attributes:
        connect_s: seconds until a connection stands.
        read_s: seconds of silence before we stop listening.
        total_s: seconds for one answer from the first byte to the last.
        body_bytes: the largest answer that is read, unpacked.
        attempts: how often a reading request is sent at most.
        backoff_s: the first pause between attempts; it doubles.
        backoff_cap_s: the longest pause; a longer ``Retry-After`` is left to the caller.
    """

    connect_s: float = 10
    read_s: float = 60
    total_s: float = 300
    body_bytes: int = 32_000_000
    attempts: int = 3
    backoff_s: float = 0.5
    backoff_cap_s: float = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read to its end.

    Attributes:
        headers: names in lower case.
        json: the parsed body (decimals as Decimal), or None where there was none to parse.
        json_text: the same as it was spelt.
        is_polluted: text stood before the JSON and was cut away.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any = None
    json_text: str = ""
    is_polluted: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request to make.

    Attributes:
        path: below the base address, without a leading slash.
        accept: statuses from 400 up that the caller wants to see as an answer.
        is_idempotent: sending it twice does no harm, so an unknown outcome is merely transient.
        operation: for error texts, such as ``read orders``.
        reference: the sku or order code concerned.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    accept: Collection[int] = ()
    is_idempotent: bool = False
    operation: str | None = None
    reference: str | None = None
    read_s: float | None = None


class NoAuth(AuthBase):
    """Adds nothing; its presence keeps ``requests`` from looking into a netrc file."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request as it is."""
        return r


class HttpClient:
    """A client for one JSON interface; nothing is connected before the first call.

    Args:
        base_url: absolute address, its path ending where the paths of calls begin.
        auth: adds credentials to each request.
        secrets: texts to keep out of every error.
        headers: sent with each request.
        client: the client's key, for error texts.
        connection: the connection's key, for error texts.
        pause: waits; tests hand in their own.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: AuthBase | None = None,
        secrets: Iterable[str] = (),
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
        client: str | None = None,
        connection: str | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = base_url.rstrip("/") + "/"
        self._auth = auth or NoAuth()
        self._limits = limits or Limits()
        self._headers = {"Accept": "application/json", "User-Agent": "s2s-pipelines", **(headers or {})}
        self._places = {"client": client, "connection": connection}
        self._pause = pause
        self._session = requests.Session()
        self.redactor = Redactor(secrets)

    def get(self, path: str, params: Mapping[str, str] | None = None, **options: Any) -> Answer:
        """Read; tried again a few times when the far side stumbles.

        Raises:
            TransientError: unreachable, too busy, or the answer is no readable JSON.
            AccessError: credentials or rights are missing.
            ConfigurationError: the address is wrong or redirects elsewhere.
            DataError: the answer is larger than the bound.
            RejectedError: any other refusal that ``accept`` does not name.
        """
        return self.call(Call("GET", path, params or {}, is_idempotent=True, **options))

    def call(self, call: Call) -> Answer:
        """Send one request; only ``GET`` is ever sent twice.

        Raises:
            UncertainOutcomeError: a write that is not idempotent was sent, and no usable answer came.
            S2SError: as `get`.
        """
        repeats = self._limits.attempts - 1 if call.method == "GET" else 0
        for repeat in range(repeats):
            try:
                return self._once(call)
            except TransientError as error:
                wait_s = self._wait_s(repeat, error.retry_after_s)
                if wait_s > self._limits.backoff_cap_s:
                    raise
            self._pause(wait_s)
        return self._once(call)

    def _wait_s(self, repeat: int, asked_s: float | None) -> float:
        if asked_s is not None:
            return asked_s
        longest = min(self._limits.backoff_cap_s, self._limits.backoff_s * float(2**repeat))
        return longest * random.uniform(0.5, 1)

    def _once(self, call: Call) -> Answer:
        answer = self._exchange(call, urljoin(self._base, call.path.lstrip("/")), dict(call.params))
        for _ in range(_MAX_REDIRECTS):
            if answer.status not in _REDIRECTS:
                break
            answer = self._exchange(call, self._redirected(call, answer), {})
        if answer.status in _REDIRECTS:
            raise self._located(ConfigurationError("the address redirects in a circle"), call)
        if 200 <= answer.status < 300 or answer.status in call.accept:
            return self._with_json(call, answer)
        raise self._located(
            status_error(
                call.method,
                call.path,
                answer.status,
                words=self._words(answer),
                retry_after_s=retry_after_s(answer.headers.get("retry-after")),
                is_repeatable=call.is_idempotent,
            ),
            call,
        )

    def _redirected(self, call: Call, answer: Answer) -> str:
        """The next address, if it is on the same server and nothing but reading is asked."""
        target = urljoin(self._base, answer.headers.get("location", ""))
        here, there = urlsplit(self._base), urlsplit(target)
        if call.method == "GET" and (here.scheme, here.netloc) == (there.scheme, there.netloc):
            return target
        origin = self.redactor.clean(f"{there.scheme}://{there.netloc}")
        raise self._located(
            ConfigurationError(
                f"{call.method} {call.path} is redirected to {origin}",
                next_step="declare the address it really has; credentials do not follow redirects",
            ),
            call,
        )

    def _exchange(self, call: Call, url: str, params: dict[str, str]) -> Answer:
        limits = self._limits
        failure: S2SError | None = None
        try:
            with self._session.request(
                call.method,
                url,
                params=params,
                json=call.json,
                headers=self._headers,
                auth=self._auth,
                timeout=(limits.connect_s, call.read_s or limits.read_s),
                allow_redirects=False,
                stream=True,
                verify=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, self._read(response, call))
        except (requests.RequestException, HTTPError) as error:
            failure = transport_error(call.method, call.path, error, is_repeatable=call.is_idempotent)
        # Raised out here so that the foreign error, which carries the signed request, is no context of ours.
        raise self._located(failure, call)

    def _read(self, response: requests.Response, call: Call) -> bytes:
        """The body, refused when it is larger or slower than the limits."""
        parts: list[bytes] = []
        size, began = 0, time.monotonic()
        # read1 hands over what is there, so that an answer of one byte a minute meets total_s.
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > self._limits.body_bytes:
                self._refuse_size(call)
            if time.monotonic() - began > self._limits.total_s:
                raise requests.ReadTimeout("the answer dribbles")
        return b"".join(parts)

    def _refuse_size(self, call: Call) -> NoReturn:
        bound = f"{call.method} {call.path} answered more than {self._limits.body_bytes} bytes"
        if call.is_idempotent:
            raise self._located(DataError(bound, next_step="ask for less at once, or raise the bound"), call)
        raise self._located(UncertainOutcomeError(bound, next_step="look up what became of it"), call)

    def _with_json(self, call: Call, answer: Answer) -> Answer:
        if not answer.body.strip():
            if answer.status in (204, 205):
                return answer
            problem: str = "an empty body"
        else:
            try:
                read = parse_json(answer.body, answer.headers.get("content-type", ""))
                return Answer(answer.status, answer.headers, answer.body, read.value, read.text, read.is_polluted)
            except UnreadableJson as unreadable:
                problem = str(unreadable)
        message = f"{call.method} {call.path} answered {answer.status} with {problem}"
        if call.is_idempotent:
            raise self._located(TransientError(message), call)
        raise self._located(UncertainOutcomeError(message, next_step="look up what became of it"), call)

    def _words(self, answer: Answer) -> str:
        """The far side's own words, if it put them where JSON interfaces do."""
        try:
            value = parse_json(answer.body, answer.headers.get("content-type", "")).value
        except UnreadableJson:
            return ""
        words = value.get("message") or value.get("title") or "" if isinstance(value, dict) else ""
        return self.redactor.clean(str(words), 200)

    def _located(self, error: S2SError, call: Call) -> S2SError:
        return error.located(operation=call.operation, reference=call.reference, **self._places)


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a ``Retry-After`` header: a number or a date (RFC 9110, 10.2.3); None when it says nothing usable.

    >>> retry_after_s("600")
    600.0
    >>> retry_after_s("soon") is None
    True
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (at - (now or datetime.now(UTC))).total_seconds() if at.tzinfo else 0.0
    return min(max(seconds, 0.0), 86_400.0) if math.isfinite(seconds) else None

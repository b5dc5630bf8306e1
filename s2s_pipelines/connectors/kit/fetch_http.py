"""HTTP(S) for files: every connection, those after a redirect too, goes to an address that was checked."""

import ssl
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from s2s_pipelines.connectors.kit.address import connect_checked
from s2s_pipelines.connectors.kit.fetch import BoundedBuffer, Errand, Fetched, expanded, not_there, too_large
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.errors import AccessError, ConfigurationError, S2SError, TransientError

_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 5
_CHUNK = 65_536


def fetch_http(errand: Errand, is_probe: bool) -> Fetched:
    """The body under a URL, whole; redirects are followed at most five times, never from https to http."""
    if errand.access.password and not _may_log_in(errand):
        raise ConfigurationError("a password is not sent over plain http", next_step="use https")
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update({"User-Agent": "s2s-pipelines", "Accept-Encoding": "gzip"})
        adapter = _CheckedAdapter(errand.allow_private, errand.timeout_s)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        try:
            answer = _followed(session, errand, "HEAD" if is_probe else "GET")
            if is_probe and answer.status_code in (403, 405, 501):
                answer.close()
                answer = _followed(session, errand, "GET")
            with answer:
                _judge(answer, errand)
                return Fetched(b"") if is_probe else Fetched(_body(answer, errand), _modified_at(answer))
        except (requests.RequestException, HTTPError, ssl.SSLError) as error:
            raise _translated(error, errand) from None


def _may_log_in(errand: Errand) -> bool:
    parts = urlsplit(errand.url)
    return parts.scheme == "https" or parts.hostname in errand.allow_private


def _followed(session: requests.Session, errand: Errand, method: str) -> requests.Response:
    url, home = errand.url, urlsplit(errand.url)
    for _ in range(_MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        is_home = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
        auth = (errand.access.username, errand.access.password) if errand.access.username and is_home else None
        answer = session.request(
            method,
            url,
            auth=auth,
            stream=True,
            allow_redirects=False,
            timeout=errand.timeout_s,
            verify=errand.access.ca_file or True,
        )
        if answer.status_code not in _REDIRECTS:
            return answer
        answer.close()
        target = urljoin(url, answer.headers.get("Location", ""))
        scheme = urlsplit(target).scheme
        if scheme not in ("http", "https") or (parts.scheme == "https" and scheme == "http"):
            raise ConfigurationError(f"{errand.place} leads elsewhere than to https", next_step="check the location")
        url = target
    raise ConfigurationError(f"{errand.place} leads in circles", next_step="check the location")


def _judge(answer: requests.Response, errand: Errand) -> None:
    status = answer.status_code
    if status == 200:
        return
    if status in (401, 403, 407):
        raise AccessError(f"{errand.place} answered {status}", next_step="check username and password")
    if status in (404, 410):
        raise not_there(errand)
    if status in (408, 425, 429) or status >= 500:
        raise TransientError(
            f"{errand.place} answered {status}", retry_after_s=_retry_after_s(answer), next_step="try again later"
        )
    raise ConfigurationError(f"{errand.place} answered {status}", next_step="check the location")


def _retry_after_s(answer: requests.Response) -> float | None:
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(min(int(text), 86_400))
    stamp = _stamp(text)
    return max(0.0, (stamp - datetime.now(UTC)).total_seconds()) if stamp else None


def _modified_at(answer: requests.Response) -> datetime | None:
    return _stamp(answer.headers.get("Last-Modified", ""))


def _stamp(text: str) -> datetime | None:
    try:
        stamp = parsedate_to_datetime(text)
    except ValueError:
        return None
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def _body(answer: requests.Response, errand: Errand) -> bytes:
    length = answer.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > errand.max_bytes:
        raise too_large(errand.max_bytes)
    buffer = BoundedBuffer(errand)
    # Packed bodies are unpacked by us, within the bound; the library would unpack a chunk to any size.
    for chunk in _chunks(answer):
        buffer.write(chunk)
    packing = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if packing in ("gzip", "x-gzip"):
        return expanded(buffer.content(), errand.max_bytes)
    if packing not in ("", "identity"):
        raise UnreadableFile(
            "unknown_packing", f"the body is packed as {packing[:20]}", remedy="serve it plain or as gzip"
        )
    return buffer.content()


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    yield from answer.raw.stream(_CHUNK, decode_content=False)


def _translated(error: Exception, errand: Errand) -> S2SError:
    """Our error for the library's; its own text is left out, for it holds the address."""
    if isinstance(error, (requests.exceptions.SSLError, ssl.SSLError)):
        return AccessError(
            f"the certificate of {errand.place} is not trusted", next_step="renew it, or declare ca_file"
        )
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return ConfigurationError("the location is not a valid address", next_step="correct the location")
    return TransientError(f"{errand.place} cannot be fetched ({type(error).__name__})", next_step="try again later")


class _CheckedAdapter(HTTPAdapter):
    """Opens connections through `connect_checked`."""

    def __init__(self, allow_private: Collection[str], timeout_s: float) -> None:
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        allow_private, timeout_s = self._allow_private, self._timeout_s

        class Plain(HTTPConnection):
            def _new_conn(self) -> Any:
                return connect_checked(self.host, self.port or 80, allow_private, timeout_s)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> Any:
                return connect_checked(self.host, self.port or 443, allow_private, timeout_s)

        plain_pool = type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain})
        secure_pool = type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secure})
        self.poolmanager.pool_classes_by_scheme = {"http": plain_pool, "https": secure_pool}

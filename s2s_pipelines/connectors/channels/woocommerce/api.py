"""The shop's REST interface ``wc/v3``: signing, reading lists without losing rows, and the words of its errors.

Facts: WooCommerce recordings 01 to 04, 30, 35, 37, 70, 91 (version 10.0.2). Basic credentials over plain HTTP are answered 401,
a one-legged OAuth 1.0a signature (HMAC-SHA256, in the query) is taken; every request needs a nonce of its own. Rows that share
a stamp come in no fixed order, so pages are cut by id.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Literal

from requests.auth import AuthBase, HTTPBasicAuth

from s2s_pipelines.connectors.kit.html import text_of
from s2s_pipelines.connectors.kit.http import Answer, Call, HttpClient
from s2s_pipelines.errors import AccessError, ConfigurationError, RejectedError, TransientError

PAGE = 100
"""Rows a page holds at most; more is refused (recordings 35)."""

ROOT = "wp-json/wc/v3/"
NO_ROUTE = "rest_no_route"
AuthMode = Literal["basic", "query", "oauth1"]


class WooApi:
    """Calls the shop and names what it answers.

    Args:
        http: a client whose base address is the shop's own.
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.clean = http.redactor.clean

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, operation: str, reference: str | None = None
    ) -> Answer:
        """Read; see `HttpClient.get` for what it raises."""
        return self._checked(self._http.get, ROOT + path, params, operation=operation, reference=reference)

    def find(
        self, path: str, params: Mapping[str, str] | None = None, *, operation: str, reference: str
    ) -> Answer | None:
        """Read one thing; None when the shop says that there is none of this id.

        Raises:
            ConfigurationError: it is the address that is unknown, not the thing.
        """
        answer = self._checked(
            self._http.get, ROOT + path, params, operation=operation, reference=reference, accept=(404,)
        )
        if answer.status != 404:
            return answer
        if not error_code(answer.json).endswith("_invalid_id"):
            raise _no_route(path)
        return None

    def write(
        self,
        method: Literal["POST", "PUT"],
        path: str,
        body: Mapping[str, Any],
        *,
        operation: str,
        reference: str | None = None,
        params: Mapping[str, str] | None = None,
        is_idempotent: bool = False,
        read_s: float | None = None,
    ) -> Answer:
        """Write; refusals with status 400, 404 and 410 come back as answers, their error in ``json``."""
        call = Call(
            method,
            ROOT + path,
            params or {},
            json=body,
            accept=(400, 404, 410),
            is_idempotent=is_idempotent,
            operation=operation,
            reference=reference,
            read_s=read_s,
        )
        answer = self._checked(self._http.call, call)
        if error_code(answer.json) == NO_ROUTE:
            raise _no_route(path)
        return answer

    def list_by_id(self, path: str, params: Mapping[str, str], *, operation: str) -> list[dict[str, Any]]:
        """All rows of a list in the order of their ids, none twice, none lost to a page edge.

        Rows that appear or vanish while pages are read shift the rest over the edges, so pages are read again until as many
        rows are known as the shop counts.

        Raises:
            TransientError: the list would not hold still.
        """
        known: dict[int, dict[str, Any]] = {}
        for _ in range(3):
            page, pages, total = 1, 1, 0
            while page <= pages:
                asked = {**params, "orderby": "id", "order": "asc", "per_page": str(PAGE), "page": str(page)}
                answer = self.get(path, asked, operation=operation)
                known.update((int(row["id"]), row) for row in rows_of(answer))
                total, pages = count_of(answer, "x-wp-total"), count_of(answer, "x-wp-totalpages")
                page += 1
            if len(known) >= total:
                return [known[number] for number in sorted(known)]
        raise TransientError(f"the list of {path} changes while it is read", operation=operation)

    def _checked(self, function: Any, *arguments: Any, **options: Any) -> Answer:
        try:
            answer: Answer = function(*arguments, **options)
        except RejectedError as error:
            if error.reason == "not_found":
                raise _no_route(str(arguments[0])) from None
            raise
        except AccessError as error:
            error.next_step = (
                "check that the key exists, may read and write, and belongs to someone who runs the shop; over https try "
                "`auth: query` if the host strips credentials; over http the declared address must be the shop's own"
            )
            raise
        return answer


class QueryAuth(AuthBase):
    """Puts key and secret into the query, for hosts that strip the header; over https only."""

    def __init__(self, key: str, secret: str) -> None:
        self._pair = {"consumer_key": key, "consumer_secret": secret}

    def __call__(self, r: Any) -> Any:
        """Add the two parameters."""
        r.prepare_url(r.url, self._pair)
        return r


def shop_auth(mode: AuthMode, key: str, secret: str) -> AuthBase:
    """What adds credentials to each request."""
    if mode == "basic":
        return HTTPBasicAuth(key.encode(), secret.encode())
    if mode == "query":
        return QueryAuth(key, secret)
    return _oauth1(key, secret)


def _oauth1(key: str, secret: str) -> AuthBase:
    from authlib.integrations.requests_client import OAuth1Auth
    from authlib.oauth1.rfc5849.client_auth import ClientAuth
    from authlib.oauth1.rfc5849.signature import generate_signature_base_string

    def sign(client: Any, request: Any) -> str:
        text = generate_signature_base_string(request)
        # One-legged: there is no token, so the key of the signature ends in an ampersand.
        digest = hmac.new(f"{client.client_secret}&".encode(), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    class Signature(OAuth1Auth):  # type: ignore[misc]  # authlib ships no types
        SIGNATURE_METHODS = {**ClientAuth.SIGNATURE_METHODS, "HMAC-SHA256": sign}

    auth: AuthBase = Signature(key, secret, signature_method="HMAC-SHA256", signature_type="QUERY")
    return auth


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    """The rows of a list.

    Raises:
        TransientError: the shop answered something else, as plugins make it do.
    """
    rows = answer.json
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TransientError("the shop answered something else than a list")
    return rows


def count_of(answer: Answer, header: str) -> int:
    """A count the shop puts into a header; 0 when it is missing."""
    text = answer.headers.get(header, "0")
    return int(text) if text.isdecimal() else 0


def error_code(body: Any) -> str:
    """The code of an error body, or nothing."""
    return str(body.get("code") or "") if isinstance(body, dict) else ""


def error_words(body: Any) -> str:
    """The message of an error body as plain text."""
    return text_of(str(body.get("message") or "")) if isinstance(body, dict) else ""


def _no_route(path: str) -> ConfigurationError:
    return ConfigurationError(
        f"the shop knows no address {path}",
        next_step="check `url`, that WooCommerce is active, and that permalinks are set to anything but plain",
    )

"""The shop over HTTP: one request in, faults, authentication, route, one answer out."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as WebRoute
from starlette.types import Receive, Scope, Send

from .auth import Doorkeeper
from .control import control_routes
from .fault import (
    DATABASE_PAGE,
    FATAL_BODY,
    FATAL_PAGE,
    FORBIDDEN_BODY,
    MAINTENANCE_PAGE,
    POLLUTION,
    RATE_PAGE,
    Fault,
    FaultBoard,
)
from .route import find_route
from .schema import check_params
from .shop import Shop
from .webhook import Courier
from .wire import Answer, ApiError, Ask, FatalError, Json, parse_body, parse_query, trim_fields

LONGEST_BODY_BYTES = 16 * 1024 * 1024
_JSON = "application/json; charset=UTF-8"
_HTML = "text/html; charset=UTF-8"
_HANG_UP_S = 0.02
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass
class Site:
    """Everything the HTTP side holds.

    Attributes:
        hang_up: closes the client's connection; the flag asks for a reset instead of an orderly end.
        reads: GET requests by route, since the start.
    """

    shop: Shop
    faults: FaultBoard
    doorkeeper: Doorkeeper
    courier: Courier
    control_token: str
    hang_up: Callable[[Any, bool], None]
    reads: Counter[str] = field(default_factory=Counter)


@dataclass
class _Call:
    """The raw request, read before anything is decided."""

    method: str
    path: str
    query_text: str
    headers: dict[str, str]
    base: str
    is_https: bool
    raw: bytes

    @property
    def route(self) -> str:
        if self.path.startswith("/wp-json"):
            return self.path.removeprefix("/wp-json") or "/"
        return str(parse_query(self.query_text).get("rest_route", "/"))

    @property
    def wants_json(self) -> bool:
        return "json" in self.headers.get("content-type", "") or "json" in self.headers.get("accept", "")


async def _read(request: Request) -> _Call:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LONGEST_BODY_BYTES:
            raise ApiError("rest_upload_limited_space", "The body is larger than this sandbox takes.", 413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    is_https = request.url.scheme == "https" or headers.get("x-forwarded-proto", "").lower() == "https"
    base = f"{'https' if is_https else 'http'}://{headers.get('host', request.url.netloc)}"
    return _Call(request.method, request.url.path, request.url.query, headers, base, is_https, raw)


def _overridden(call: _Call, query: Json) -> str:
    if call.method != "POST":
        return call.method
    return str(query.get("_method") or call.headers.get("x-http-method-override") or "POST").upper()


def _ask(call: _Call, method: str, query: Json) -> Ask:
    body = parse_body(call.raw, call.headers.get("content-type", "")) if call.raw else None
    context = "edit" if method in _WRITES or query.get("context") == "edit" else "view"
    ask = Ask(method, call.route, call.base, query, body, context=context)
    ask.params = {**query, **(body if isinstance(body, dict) else {})}
    return ask


def _answer(site: Site, call: _Call) -> tuple[Answer, str]:
    """The answer with the ``Allow`` header; runs under the shop's lock."""
    query = parse_query(call.query_text)
    is_pretty = call.path.startswith("/wp-json")
    key = None
    if is_pretty:
        address = f"{call.base}{call.path}"
        key = site.doorkeeper.admit(call.method, address, call.query_text, call.headers, call.is_https)
    method = _overridden(call, query)
    looked_up = "GET" if method == "HEAD" else method
    route, operation, url = find_route(looked_up, call.route)
    if key is None and call.route.strip("/"):
        raise operation.refuse()
    query.pop("rest_route", None)
    try:
        ask = _ask(call, method, query)
        ask.url = dict(url)
        ask.params = {**url, **ask.params}
        ask.params = check_params(ask.params, operation.args)
        answer = _trimmed(operation.step(site.shop, ask), ask)
    except ApiError as error:
        return Answer(error.body(), error.status), route.allow
    if isinstance(ask.body, (str, int, float)):
        raise FatalError
    return answer, route.allow


def _trimmed(answer: Answer, ask: Ask) -> Answer:
    if ask.params.get("_fields"):
        answer.body = trim_fields(answer.body, ask.params["_fields"])
    return answer


def _outcome(site: Site, call: _Call) -> tuple[Answer | None, str]:
    """The answer, also a refused one; None when PHP died, which undoes nothing of what was stored before."""
    try:
        return _answer(site, call)
    except ApiError as error:
        return Answer(error.body(), error.status), ""
    except FatalError:
        return None, ""


def _serve(site: Site, call: _Call, fault: Fault | None) -> Response:
    """Do the request and note it; runs in a worker thread."""
    with site.shop.store.lock:
        with site.shop.store.writing():
            answer, allow = _outcome(site, call)
            _note(site, call, answer.status if answer else 500, fault)
        site.courier.dispatch(call.base)
    if answer is None:
        return fatal_answer(call.wants_json, _api_link(call))
    headers = {**_api_link(call), **answer.headers}
    if allow:
        headers["Allow"] = allow
    body = b"" if call.method == "HEAD" else json.dumps(answer.body, separators=(",", ":")).encode()
    return Response(body, answer.status, headers, _JSON)


def _note(site: Site, call: _Call, status: int, fault: Fault | None) -> None:
    if call.method not in _WRITES:
        return
    with site.shop.store.lock, site.shop.store.writing():
        kind = fault.kind if fault else ""
        site.shop.store.note_write(site.shop.clock.now(), call.method, call.route, status, kind)


def _api_link(call: _Call) -> dict[str, str]:
    return {"Link": f'<{call.base}/wp-json/>; rel="https://api.w.org/"'}


def fatal_answer(wants_json: bool, headers: dict[str, str] | None = None) -> Response:
    """A PHP fatal: JSON for those who speak it, a page for the rest (WooCommerce recordings 94)."""
    if wants_json:
        return Response(json.dumps(FATAL_BODY), 500, headers, _JSON)
    return Response(FATAL_PAGE, 500, media_type=_HTML)


def _instead(fault: Fault, call: _Call) -> Response | None:
    """The answer of a fault that keeps the shop from doing anything."""
    retry = {"Retry-After": str(fault.retry_after_s)}
    answers: dict[str, Callable[[], Response]] = {
        "rate_limit": lambda: Response(RATE_PAGE, 429, retry, _HTML),
        "fatal": lambda: fatal_answer(call.wants_json),
        "error_json": lambda: Response(json.dumps(FATAL_BODY), 500, media_type=_JSON),
        "error_html": lambda: Response(FATAL_PAGE, 500, media_type=_HTML),
        "database_down": lambda: Response(DATABASE_PAGE, 500, media_type=_HTML),
        "maintenance": lambda: Response(MAINTENANCE_PAGE, 503, retry, _HTML),
        "forbidden": lambda: Response(json.dumps(FORBIDDEN_BODY), 403, _api_link(call), _JSON),
    }
    made = answers.get(fault.kind)
    return made() if made else None


def _spoil(fault: Fault, response: Response) -> Response:
    """What a fault makes of an answer that was given."""
    body = bytes(response.body)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    if fault.kind == "polluted":
        return Response(POLLUTION.encode() + body, response.status_code, headers)
    if fault.kind == "truncated":
        return Response(body[: len(body) // 2], response.status_code, headers)
    return response


class _Silence(Response):
    """No answer at all: the connection ends here."""

    def __init__(self, site: Site, is_reset: bool) -> None:
        super().__init__()
        self._site = site
        self._is_reset = is_reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._site.hang_up(scope.get("client"), self._is_reset)
        await asyncio.sleep(_HANG_UP_S)
        await super().__call__(scope, receive, send)


class _HalfAnswer(Response):
    """The head of an answer that announces more than follows; then the connection ends."""

    def __init__(self, site: Site, whole: Response) -> None:
        super().__init__(status_code=whole.status_code)
        self._site = site
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self._whole.body)
        start = {"type": "http.response.start", "status": self._whole.status_code, "headers": self._whole.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        self._site.hang_up(scope.get("client"), False)
        await asyncio.sleep(_HANG_UP_S)


async def _faulty(site: Site, call: _Call, fault: Fault) -> Response:
    made = _instead(fault, call)
    if made is not None:
        await run_in_threadpool(_note, site, call, made.status_code, fault)
        return made
    if fault.kind in ("delay", "timeout_before"):
        await asyncio.sleep(fault.stall_s)
    if fault.kind in ("timeout_before", "reset_before"):
        await run_in_threadpool(_note, site, call, 0, fault)
        return _Silence(site, fault.kind == "reset_before")
    response = await run_in_threadpool(_serve, site, call, fault)
    if fault.kind == "timeout_after":
        await asyncio.sleep(fault.stall_s)
    if fault.kind in ("timeout_after", "reset_after"):
        return _Silence(site, fault.kind == "reset_after")
    if fault.kind == "truncated" and fault.cuts_connection:
        return _HalfAnswer(site, response)
    return _spoil(fault, response)


def build_app(site: Site) -> Starlette:
    """The ASGI application: the REST interface and the control routes."""

    async def rest(request: Request) -> Response:
        try:
            call = await _read(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except ApiError as error:
            return Response(json.dumps(error.body()), error.status, media_type=_JSON)
        if not call.path.startswith("/wp-json") and "rest_route" not in parse_query(call.query_text):
            return Response(f"<!DOCTYPE html>\n<title>{site.shop.name}</title>\n", 200, media_type=_HTML)
        fault = site.faults.draw(call.method, call.route)
        if call.method not in _WRITES:
            site.reads[call.route] += 1
        if fault is not None:
            return await _faulty(site, call, fault)
        try:
            return await run_in_threadpool(_serve, site, call, None)
        except sqlite3.Error:
            return Response(DATABASE_PAGE, 500, media_type=_HTML)

    methods = ["GET", "HEAD", "OPTIONS", *_WRITES]
    return Starlette(routes=[*control_routes(site), WebRoute("/{path:path}", rest, methods=methods)])

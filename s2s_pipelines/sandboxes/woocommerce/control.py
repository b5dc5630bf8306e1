"""Routes below ``/sandbox``: faults, clock, counters and allowed image hosts.

They exist for tests and demonstrations only; a real shop has nothing of the kind. Callers must come from this machine, or
carry ``X-Sandbox-Token`` when the sandbox was given one.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .fault import KINDS, Fault

if TYPE_CHECKING:
    from .app import Site

_FAULT_FIELDS = {"kind", "times", "skip", "method", "path", "stall_s", "retry_after_s", "cuts_connection"}
Endpoint = Callable[[Request], Awaitable[Response]]


def _is_allowed(site: Site, request: Request) -> bool:
    if site.control_token:
        token = request.headers.get("x-sandbox-token", "")
        return hmac.compare_digest(site.control_token.encode(), token.encode())
    return request.client is not None and request.client.host in ("127.0.0.1", "::1")


def _counters(site: Site, since: int) -> dict[str, Any]:
    store = site.shop.store
    with store.lock:
        sql = "SELECT method || ' ' || path, count(*) FROM writes WHERE number > ? GROUP BY 1 ORDER BY 1"
        return {
            "writes": store.writes_since(),
            "writes_since_mark": store.writes_since(since),
            "mark": store.last_write(),
            "writes_by_route": dict(store.all(sql, (since,))),
            "reads_by_route": dict(site.reads),
        }


async def _fault(site: Site, request: Request) -> Response:
    if request.method == "GET":
        return JSONResponse({"armed": site.faults.listing(), "kinds": KINDS})
    if request.method == "DELETE":
        site.faults.clear()
        return JSONResponse({"armed": []})
    try:
        sent = json.loads(await request.body())
        unknown = set(sent) - _FAULT_FIELDS
        if unknown:
            return JSONResponse({"error": f"unknown fields: {', '.join(sorted(unknown))}"}, 400)
        return JSONResponse({"number": site.faults.arm(Fault(**sent))}, 201)
    except (ValueError, TypeError) as error:
        return JSONResponse({"error": str(error)}, 400)


async def _clock(site: Site, request: Request) -> Response:
    clock = site.shop.clock
    if request.method == "POST":
        try:
            sent = json.loads(await request.body())
        except ValueError:
            return JSONResponse({"error": "the body is not JSON"}, 400)
        if sent.get("release"):
            clock.release()
        if "freeze" in sent:
            clock.freeze(sent["freeze"] if isinstance(sent["freeze"], int) and sent["freeze"] is not True else None)
        if "advance_s" in sent:
            clock.advance(int(sent["advance_s"]))
    return JSONResponse({"now_s": clock.now(), "now_gmt": clock.gmt(clock.now())})


async def _count(site: Site, request: Request) -> Response:
    since = request.query_params.get("since", "0")
    if not since.isdecimal():
        return JSONResponse({"error": "since must be a mark"}, 400)
    return JSONResponse(await run_in_threadpool(_counters, site, int(since)))


def control_routes(site: Site) -> list[Route]:
    """The control routes of a site."""

    def guarded(step: Callable[[Site, Request], Awaitable[Response]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            if not _is_allowed(site, request):
                return JSONResponse({"error": "only from this machine, or with X-Sandbox-Token"}, 403)
            return await step(site, request)

        return endpoint

    return [
        Route("/sandbox/faults", guarded(_fault), methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/clock", guarded(_clock), methods=["GET", "POST"]),
        Route("/sandbox/counters", guarded(_count), methods=["GET"]),
    ]

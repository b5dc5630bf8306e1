"""What goes over the wire: the request as WordPress sees it, the answer, and the two ways to fail.

Source: WooCommerce recordings 89 (bodies), 91 (routes), 01 to 04 (plain errors).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote_plus

Json: TypeAlias = dict[str, Any]

_BRACKET = re.compile(r"^([^\[]+)\[([^\]]*)\]$")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

CRITICAL_MESSAGE = (
    "<p>There has been a critical error on this website.</p><p>"
    '<a href="https://wordpress.org/documentation/article/faq-troubleshooting/">'
    "Learn more about troubleshooting WordPress.</a></p>"
)


class ApiError(Exception):
    """An error the REST interface answers as ``{code, message, data}``.

    Args:
        code: machine-readable code.
        message: text for people, already HTML-escaped where the shop escapes it.
        status: HTTP status.
        extra: further members of ``data``.
        detail: the whole ``data`` member when it is not an object (refunds answer a bare number).
    """

    def __init__(self, code: str, message: str, status: int, extra: Json | None = None, detail: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.detail: Any = detail if detail is not None else {"status": status, **(extra or {})}

    def body(self) -> Json:
        """The JSON object the shop answers."""
        return {"code": self.code, "message": self.message, "data": self.detail}


class FatalError(Exception):
    """PHP died in the middle: 500, JSON or HTML depending on the request (WooCommerce recordings 30, 61, 89, 90, 94)."""


@dataclass
class Ask:
    """One request after parsing.

    Attributes:
        method: GET, POST, PUT, PATCH, DELETE, OPTIONS or HEAD, after any override.
        route: the path below ``/wp-json``, e.g. ``/wc/v3/products/12``.
        base: scheme and host as the caller wrote them, without a trailing slash.
        query: query parameters in the order sent, PHP brackets folded into lists.
        body: parsed body, None when there was none or it was ignored.
        url: the parts of the route in named groups.
        params: query, body and url merged and cleaned.
        is_batch: whether this is one item of a batch.
        context: ``view`` or ``edit``; every write answers as ``edit``.
    """

    method: str
    route: str
    base: str
    query: Json
    body: Any = None
    url: Json = field(default_factory=dict)
    params: Json = field(default_factory=dict)
    context: str = "view"
    is_batch: bool = False

    def has(self, name: str) -> bool:
        """Whether a parameter was sent with a value other than null."""
        return self.params.get(name) is not None

    def link(self, path: str) -> str:
        """Absolute address of a route below ``wc/v3``."""
        return f"{self.base}/wp-json/wc/v3/{path}"


@dataclass
class Answer:
    """Status, JSON body and extra headers."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def parse_query(text: str) -> Json:
    """Query text as PHP reads it: last one wins, ``a[]`` and ``a[0]`` make lists."""
    parsed: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        match = _BRACKET.match(name)
        if match is None:
            parsed[name] = value
            continue
        held = parsed.get(match[1])
        if isinstance(held, list):
            held.append(value)
        else:
            parsed[match[1]] = [value]
    return parsed


def build_query(query: Json) -> str:
    """Query text as WordPress prints it in ``Link``: lists with indexes, true as 1, an empty value without ``=``."""
    pieces: list[str] = []
    for name, value in query.items():
        if isinstance(value, list):
            pieces.extend(
                f"{quote_plus(f'{name}[{index}]')}={quote_plus(str(item))}" for index, item in enumerate(value)
            )
        elif value is not None:
            shown = {True: "1", False: "0"}[value] if isinstance(value, bool) else str(value)
            pieces.append(f"{quote_plus(name)}={quote_plus(shown)}" if shown else quote_plus(name))
    return "&".join(pieces)


def _invalid_json(number: int, text: str) -> ApiError:
    extra = {"json_error_code": number, "json_error_message": text}
    return ApiError("rest_invalid_json", "Invalid JSON body passed.", 400, extra)


def parse_body(raw: bytes, content_type: str) -> Any:
    """Body as PHP reads it; None when there is none or its type is not understood.

    Raises:
        ApiError: the bytes claim to be JSON and are not (WooCommerce recordings 89).
    """
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return parse_query(raw.decode("utf-8", "replace"))
    if not (kind == "application/json" or kind.endswith("+json")) or not raw:
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid_json(5, "Malformed UTF-8 characters, possibly incorrectly encoded") from None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid_json(4, "Syntax error") from None
    if "\\u" in text.lower() and _LONE_SURROGATE.search(json.dumps(parsed, ensure_ascii=False)):
        raise _invalid_json(10, "Single unpaired UTF-16 surrogate in unicode escape")
    return parsed


def _narrow(held: Any, wanted: Json) -> Any:
    if not isinstance(held, dict):
        return [] if isinstance(held, list) else held
    kept = {name: value for name, value in held.items() if name in wanted}
    for name, deeper in wanted.items():
        if name in kept and deeper and isinstance(kept[name], (dict, list)):
            kept[name] = _narrow(kept[name], deeper)
    return kept if kept else []


def trim_fields(body: Any, fields: str | list[str]) -> Any:
    """Keep only the fields named in ``_fields``; links of a single object stay.

    Lists inside an object cannot be narrowed, they come back empty: that is how a batch answers dotted names
    (WooCommerce recordings 28 to 31).
    """
    names = fields if isinstance(fields, list) else [piece for piece in re.split(r"[\s,]+", fields) if piece]
    if not names:
        return body
    wanted: Json = {}
    for name in names:
        place = wanted
        for part in str(name).split("."):
            place = place.setdefault(part, {})
    if isinstance(body, list):
        return [_narrow(item, wanted) for item in body]
    trimmed = _narrow(body, wanted)
    if isinstance(body, dict) and "_links" in body:
        trimmed = {**(trimmed or {}), "_links": body["_links"]}
    return trimmed

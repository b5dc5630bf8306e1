"""Checks of parameters as WordPress makes them, with its texts.

A batch skips these checks for its items; only single calls come through here (WooCommerce recordings 29, 81, 92).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .wire import ApiError, Json

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}(:?\d{2})?)?$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$")
_NUMBER = re.compile(r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$")


@dataclass(frozen=True)
class Arg:
    """What one parameter may be. An empty ``kind`` takes anything."""

    kind: str = ""
    enum: tuple[str, ...] = ()
    items: Arg | None = None
    properties: Mapping[str, Arg] = field(default_factory=dict)
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    layout: str = ""
    nullable: bool = False


ANY = Arg()
TEXT = Arg("string")
WHOLE = Arg("integer")
FLAG = Arg("boolean")
DATE = Arg("string", layout="date-time")
MOMENT = Arg("", nullable=True)
WHOLES = Arg("array", items=WHOLE)
TEXTS = Arg("array", items=TEXT)
META = Arg("array", items=Arg("object", properties={"key": TEXT}))


def one_of(*names: str) -> Arg:
    """A text out of a closed list."""
    return Arg("string", enum=names)


def record(**properties: Arg) -> Arg:
    """An object with some checked members."""
    return Arg("object", properties=properties)


def rows(**properties: Arg) -> Arg:
    """A list of objects with some checked members."""
    return Arg("array", items=record(**properties))


class _Refusal(Exception):
    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def whole_number(value: Any) -> int | None:
    """The integer PHP makes of a value, overflow included, or None when it is not a whole number."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return _wrap(value)
    if isinstance(value, str):
        if not _NUMBER.match(value):
            return None
        value = float(value)
    if (
        isinstance(value, float)
        and value == value
        and value not in (float("inf"), float("-inf"))
        and value == int(value)
    ):
        return _wrap(int(value))
    return None


def _wrap(value: int) -> int:
    low = value & (2**64 - 1)
    return low - 2**64 if low >= 2**63 else low


def _enumerate(names: tuple[str, ...]) -> str:
    if len(names) < 3:
        return " and ".join(names)
    return ", ".join(names[:-1]) + ", and " + names[-1]


def _split(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [piece for piece in re.split(r"[\s,]+", str(value)) if piece]


def _is_flag(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() in ("true", "false", "1", "0")
    return value in (True, False, 0, 1) and isinstance(value, (bool, int))


def _has_kind(value: Any, kind: str) -> bool:
    checks: dict[str, Callable[[Any], bool]] = {
        "": lambda _: True,
        "string": lambda held: isinstance(held, str),
        "integer": lambda held: whole_number(held) is not None,
        "boolean": _is_flag,
        "object": lambda held: isinstance(held, (dict, list)) or held == "",
        "array": lambda held: not isinstance(held, dict),
    }
    return checks[kind](value)


def _check_bounds(value: Any, arg: Arg, name: str) -> None:
    number = whole_number(value)
    if number is None:
        return
    if arg.maximum is not None and arg.minimum is not None:
        if not arg.minimum <= number <= arg.maximum:
            text = f"{name} must be between {arg.minimum} (inclusive) and {arg.maximum} (inclusive)"
            raise _Refusal("rest_out_of_bounds", text)
    elif arg.minimum is not None and number < arg.minimum:
        raise _Refusal("rest_out_of_bounds", f"{name} must be greater than or equal to {arg.minimum}")


def _check_text(value: Any, arg: Arg, name: str) -> None:
    if arg.enum and value not in arg.enum:
        raise _Refusal("rest_not_in_enum", f"{name} is not one of {_enumerate(arg.enum)}.")
    if arg.layout == "date-time" and not _DATE.match(value):
        raise _Refusal("rest_invalid_date", "Invalid date.")
    if arg.layout == "email" and not _EMAIL.match(value):
        raise _Refusal("rest_invalid_email", "Invalid email address.")


def _check_members(value: Any, arg: Arg, name: str) -> None:
    if arg.kind == "array" and arg.items is not None:
        for index, item in enumerate(_split(value)):
            _check(item, arg.items, f"{name}[{index}]")
    if arg.kind == "object" and isinstance(value, dict):
        for key, inner in arg.properties.items():
            if key in value:
                _check(value[key], inner, f"{name}[{key}]")


def _check(value: Any, arg: Arg, name: str) -> None:
    if value is None and arg.nullable:
        return
    if not _has_kind(value, arg.kind):
        raise _Refusal("rest_invalid_type", f"{name} is not of type {arg.kind}.", name)
    if arg.kind in ("array", "object"):
        _check_members(value, arg, name)
    elif arg.kind == "string":
        _check_text(value, arg, name)
    elif arg.kind == "integer":
        _check_bounds(value, arg, name)


def _clean(value: Any, arg: Arg) -> Any:
    if value is None:
        return {"integer": 0, "string": "", "boolean": False, "array": []}.get(arg.kind) if not arg.nullable else None
    if arg.kind == "integer":
        return whole_number(value)
    if arg.kind == "boolean":
        return value.lower() in ("true", "1") if isinstance(value, str) else bool(value)
    if arg.kind == "array" and arg.items is not None:
        return [_clean(item, arg.items) for item in _split(value)]
    if arg.kind == "object" and isinstance(value, dict):
        inner = arg.properties
        return {key: _clean(held, inner[key]) if key in inner else held for key, held in value.items()}
    return value


def check_params(params: Json, args: Mapping[str, Arg]) -> Json:
    """The parameters cleaned, or the error that names every bad one.

    Null skips the check and is turned into the empty value of its type (WooCommerce recordings 24, 26).

    Raises:
        ApiError: ``rest_missing_callback_param`` or ``rest_invalid_param``.
    """
    missing = [name for name, arg in args.items() if arg.required and params.get(name) is None]
    if missing:
        text = f"Missing parameter(s): {', '.join(missing)}"
        raise ApiError("rest_missing_callback_param", text, 400, {"params": missing})
    texts: Json = {}
    details: Json = {}
    for name, arg in args.items():
        if params.get(name) is None:
            continue
        try:
            _check(params[name], arg, name)
        except _Refusal as refusal:
            texts[name] = refusal.message
            inner = {"param": refusal.param} if refusal.param else None
            details[name] = {"code": refusal.code, "message": refusal.message, "data": inner}
    if texts:
        text = f"Invalid parameter(s): {', '.join(texts)}"
        raise ApiError("rest_invalid_param", text, 400, {"params": texts, "details": details})
    return {name: _clean(value, args[name]) if name in args else value for name, value in params.items()}

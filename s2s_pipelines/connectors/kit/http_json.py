"""Reads JSON bodies of servers on which other programs print, too. Decimals stay decimals."""

import codecs
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_MAX_JUNK = 65_536
_MAX_TRIES = 20
_BEGINNING = re.compile(r"^[ \t]*[\[{]", re.MULTILINE)


class UnreadableJson(ValueError):
    """The body is not one JSON value. The text says what it is instead, never what stands in it."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value and its own text, cut free of what stood before it."""

    value: Any
    text: str
    is_polluted: bool


def parse_json(body: bytes, content_type: str) -> Parsed:
    r"""The value of a body.

    A byte order mark and printed warnings before the JSON are cut away (WooCommerce recordings 95), but only where the body is
    declared JSON, does not itself begin like JSON (then it is a broken answer, and what an inner part of it says proves
    nothing), and from the beginning of some line on is exactly one value.

    Raises:
        UnreadableJson: it is anything else, such as a page for people or half an answer.

    >>> parse_json(b'[{"price": 1.10}]', "application/json").value
    [{'price': Decimal('1.10')}]
    >>> parse_json(b'<b>Warning</b>: x<br />\n{"id": 7}', "application/json; charset=UTF-8").text
    '{"id": 7}'
    """
    is_polluted = body.startswith(codecs.BOM_UTF8)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableJson("bytes that are not UTF-8") from None
    try:
        return Parsed(_value(text), text, is_polluted)
    except ValueError:
        pass
    kind = content_type.partition(";")[0].strip().lower()
    if not kind.endswith(("/json", "+json")):
        raise UnreadableJson(f"{kind or 'text of no declared kind'} instead of JSON")
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        raise UnreadableJson("broken JSON")
    for match in list(_BEGINNING.finditer(text, 0, _MAX_JUNK))[:_MAX_TRIES]:
        try:
            rest = text[match.start() :]
            return Parsed(_value(rest), rest, is_polluted=True)
        except ValueError:
            continue
    raise UnreadableJson("text that holds no JSON")


def split_array(text: str) -> list[str]:
    """The items of a JSON array, each exactly as it was spelt.

    Raises:
        UnreadableJson: it is no array.

    >>> split_array('[{"a": 1.10}, 2]')
    ['{"a": 1.10}', '2']
    """
    decoder = json.JSONDecoder()
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise UnreadableJson("something else than a list")
    items: list[str] = []
    position = _skip(text, position + 1)
    while text[position : position + 1] not in ("]", ""):
        _, end = decoder.raw_decode(text, position)
        items.append(text[position:end])
        position = _skip(text, end)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
    return items


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n\ufeff":
        position += 1
    return position


def _value(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")

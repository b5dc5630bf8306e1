"""A small part of XPath, relative to a row: enough for feeds, and nothing that could wander off or take long.

``title``, ``g:price``, ``*:id``, ``offer/price``, ``@code``, ``image/@url``, ``.``, and steps narrowed by ``[2]``,
``[@kind='main']`` or ``[wp:meta_key='_sku']``.
"""

import re
from collections.abc import Mapping
from typing import Any

from s2s_pipelines.connectors.kit.xml_document import expanded_name

_NAME = r"(?:\*:|[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*"
_STEP = re.compile(rf"({_NAME}|\*)((?:\[[^\[\]]+\])*)")
_CONDITION = re.compile(rf"\[(?:(\d+)|(@?)({_NAME})=(?:'([^']*)'|\"([^\"]*)\"))\]")


class XmlPath:
    """A path to texts below a row.

    Args:
        path: as written in the declaration.
        namespaces: by prefix.

    Raises:
        ValueError: it is not of the supported part of XPath, or a prefix is not declared.
    """

    def __init__(self, path: str, namespaces: Mapping[str, str]) -> None:
        self._attribute: str | None = None
        steps = _split(path)
        if steps and steps[-1].startswith("@"):
            self._attribute = expanded_name(_name(steps.pop()[1:]), namespaces)
        if steps == ["."]:
            steps = []
        self._steps = "/".join(_step(step, namespaces) for step in steps)

    def texts(self, row: Any) -> list[str]:
        """Every text the path reaches, in document order; none where nothing is there, empty where an element is empty.

        Raises:
            ValueError: an element reached holds elements, so it is no text.
        """
        elements = row.findall(self._steps) if self._steps else [row]
        if self._attribute is not None:
            return [e.get(self._attribute) for e in elements if e.get(self._attribute) is not None]
        if any(len(e) for e in elements):
            raise ValueError("an element with elements inside stands where a text is expected")
        return [e.text or "" for e in elements]


def _split(path: str) -> list[str]:
    """Steps of a path; slashes inside conditions do not count."""
    steps = re.findall(r"(?:[^/\[]|\[[^\]]*\])+", path)
    if not steps or "/".join(steps) != path:
        raise ValueError(f"{path!r} is no path relative to the row")
    return steps


def _name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError(f"{text!r} is no name")
    return text


def _step(step: str, namespaces: Mapping[str, str]) -> str:
    found = _STEP.fullmatch(step)
    if not found:
        raise ValueError(f"{step!r} is not supported in a path")
    name, conditions = found.groups()
    parsed = list(_CONDITION.finditer(conditions))
    if "".join(m.group() for m in parsed) != conditions:
        raise ValueError(f"{conditions!r} is not supported in a path")
    out = name if name == "*" else expanded_name(name, namespaces)
    for condition in parsed:
        position, at, key, single, double = condition.groups()
        value = single if single is not None else double
        quote = '"' if value is not None and "'" in value else "'"
        out += f"[{position}]" if position else f"[{at}{expanded_name(key, namespaces)}={quote}{value}{quote}]"
    return out

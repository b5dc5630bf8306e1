"""What a connection of a kind needs at least, as YAML with marked places: the beginning of a resource declaration."""

import json
from typing import Any

from pydantic import BaseModel

from s2s_pipelines.config.explanation import description, fields_of, flat_types, is_mapping, is_model
from s2s_pipelines.config.reference_page import spell_type
from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.config.value_check import MARK


def connection_skeleton(settings: type[BaseModel], kind: str, prefix: str) -> str:
    """The required keys of a kind, secrets as references, everything else marked to be filled in.

    Args:
        settings: the kind's settings model.
        kind: the word for ``kind``.
        prefix: what names of environment variables begin with, such as ``KAROO_ERP``.

    Returns:
        Lines of YAML, indented by four blanks.
    """
    return "\n".join([f"    kind: {kind}", *_lines(settings, prefix, "    ", {"kind"})]) + "\n"


def _lines(model: type[BaseModel], prefix: str, indent: str, told: set[str]) -> list[str]:
    lines: list[str] = []
    for name, field in fields_of(model).items():
        # Feeds may be left out where there is one location to read them from, and nowhere else.
        is_needed = field.is_required() or (name == "feeds" and "location" not in model.model_fields)
        if name in told or not is_needed:
            continue
        members = [m for m in flat_types(field.annotation) if m is not type(None)]
        if members == [SecretRef]:
            lines.append(f"{indent}{name}: {{env: {prefix}_{name.upper()}}}")
        elif len(members) == 1 and is_model(members[0]) and _required(members[0]):
            lines += [f"{indent}{name}:", *_lines(members[0], f"{prefix}_{name.upper()}", indent + "  ", set())]
        elif len(members) == 1 and is_mapping(members[0]):
            lines += [f"{indent}{name}:", *_feed_lines(members[0], prefix, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {_marked(description(model, (name,)) or spell_type(field.annotation))}")
    return lines


def _feed_lines(annotation: Any, prefix: str, indent: str) -> list[str]:
    """A mapping with one entry: products where its keys are feeds."""
    key_type, value_type = annotation.__args__
    is_by_feed = "products" in spell_type(key_type)
    key = "products" if is_by_feed else "name"
    members = flat_types(value_type)
    if len(members) == 1 and is_model(members[0]) and _required(members[0]):
        return [f"{indent}{key}:", *_lines(members[0], prefix, indent + "  ", set())]
    keys = [k for member in members if is_model(member) for k in fields_of(member)]
    return [f"{indent}{key}: {_marked('a mapping of: ' + ', '.join(keys) if keys else spell_type(value_type))}"]


def _required(model: Any) -> bool:
    return any(field.is_required() for field in fields_of(model).values())


def _marked(hint: str) -> str:
    plain = " ".join(hint.split()).replace("<", "(").replace(">", ")")
    return json.dumps(f"{MARK}: {plain}>", ensure_ascii=False)

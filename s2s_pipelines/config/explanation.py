"""Pydantic's findings in an operator's words: the key, the near miss, the fix. Values of connections are not repeated."""

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.yaml_file import Path, Tree
from s2s_pipelines.model.field import near_miss

_LISTED = 16
"""Names a message lists at most."""


def spell_path(path: Path) -> str:
    """A path as people read it.

    >>> spell_path(("channels", "shop", "policy", "flags", "variants.qty")), spell_path(("owners", 0))
    ('channels.shop.policy.flags[variants.qty]', 'owners[0]')
    """
    text = ""
    for step in path:
        if isinstance(step, int) or "." in step:
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def flat_types(annotation: Any) -> list[Any]:
    """The members of a union, or the annotation itself, with aliases and metadata taken off."""
    annotation = getattr(annotation, "__value__", annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return flat_types(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [member for part in get_args(annotation) for member in flat_types(part)]
    return [annotation]


def is_model(annotation: Any) -> bool:
    """Whether the annotation is a pydantic model."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def is_mapping(annotation: Any) -> bool:
    """Whether the annotation is a dictionary or another mapping, with types for keys and values."""
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def fields_of(model: type[BaseModel]) -> dict[str, Any]:
    """A model's fields by the name used in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _children(annotation: Any, step: str | int) -> list[Any]:
    found: list[Any] = []
    for member in flat_types(annotation):
        origin, args = get_origin(member), get_args(member)
        if is_model(member):
            field = fields_of(member).get(str(step))
            found += [field.annotation] if field is not None else []
        elif is_mapping(member):
            found.append(args[1])
        elif origin in (list, tuple) and isinstance(step, int):
            found.append(args[0])
    return found


def types_at(model: Any, path: Path) -> list[Any]:
    """What the models say stands at a path; steps that are tags of a union lead nowhere and are passed over."""
    here = [model]
    for step in path:
        here = [child for annotation in here for child in _children(annotation, step)] or here
    return [member for annotation in here for member in flat_types(annotation)]


def known_keys(model: Any, path: Path) -> list[str]:
    """The keys the models allow inside the mapping at a path."""
    keys: list[str] = []
    for member in types_at(model, path):
        if is_model(member):
            keys += fields_of(member)
        elif is_mapping(member):
            keys += [
                str(v) for name in flat_types(get_args(member)[0]) if get_origin(name) is Literal for v in name.__args__
            ]
    return list(dict.fromkeys(keys))


def description(model: Any, path: Path) -> str:
    """The first sentence of the documentation of the key at a path, or nothing."""
    for member in types_at(model, path[:-1]):
        if path and is_model(member) and (field := fields_of(member).get(str(path[-1]))) and field.description:
            return " ".join(field.description.split()).rstrip(".").replace("``", "`")
    return ""


def explain_invalid(
    error: ValidationError, model: Any, tree: Tree, file: str, *, prefix: Path = (), is_secretive: bool = False
) -> Iterator[Problem]:
    """One problem per wrong place.

    Args:
        error: what pydantic found.
        model: the model that refused.
        tree: the whole file.
        file: its path relative to the root.
        prefix: where in the file the refused value stands.
        is_secretive: the file may hold secrets, so no value of it is repeated.
    """
    faults: dict[Path, Any] = {}
    for fault in error.errors(include_url=False, include_input=False):
        path = _raw_path(tree, prefix, fault["loc"], is_missing=fault["type"] == "missing")
        faults.setdefault(path, fault)  # the other members of a union refuse the same value
    for path, fault in faults.items():
        is_of_key = fault["loc"][-1:] == ("[key]",)
        if not is_of_key and any(len(other) > len(path) and other[: len(path)] == path for other in faults):
            continue  # one member of a union got further than this one, and says more
        tail = path[len(prefix) :]
        value = None if is_secretive else tree.at(path)
        message, near, fix = _explain(fault, model, tail, value)
        yield Problem(file, tree.line_of(path), spell_path(path), message, near, fix)


def _raw_path(tree: Tree, prefix: Path, loc: tuple[str | int, ...], *, is_missing: bool) -> Path:
    """The place in the file: pydantic's location without union tags and without its mark for keys."""
    path = prefix
    for i, step in enumerate(loc):
        inside = tree.at(path)
        is_there = (isinstance(inside, dict) and step in inside) or (isinstance(inside, list) and isinstance(step, int))
        if is_there or (is_missing and i == len(loc) - 1):
            path = (*path, step)
    return path


_Explained = tuple[str, str | None, str]


def _explain(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    if fault["loc"] and fault["loc"][-1] == "[key]":
        return _explain_key(fault, model, path)
    teller = _TELLERS.get(fault["type"])
    if teller is not None:
        return teller(fault, model, path, value)
    message = fault["msg"].removeprefix("Value error, ").replace("Input should", "must").replace("Input must", "must")
    return message[:1].lower() + message[1:], None, _describe_fix(model, path)


def _describe_fix(model: Any, path: Path) -> str:
    text = description(model, path)
    return f"`{path[-1]}` means: {text}" if text else ""


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return shown + (", …" if len(names) > _LISTED else "")


def _explain_key(fault: Any, model: Any, path: Path) -> _Explained:
    word = str(path[-1])
    names = known_keys(model, path[:-1])
    if names:
        return f"`{word}` is not known here", near_miss(word, names), f"use one of: {_listed(names)}"
    return f"`{word}` cannot be a key", None, KEY_RULE


KEY_RULE = "keys start with a small letter and hold small letters, digits and underscores, at most 40 in all"


def _unknown(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    names = known_keys(model, path[:-1])
    return f"`{path[-1]}` is not known here", near_miss(str(path[-1]), names), f"use one of: {_listed(names)}"


def _missing(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    text = description(model, path)
    return f"`{path[-1]}` is missing", None, f"add `{path[-1]}:` ({text})" if text else f"add `{path[-1]}:`"


def _not_listed(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    names = [
        str(name) for member in types_at(model, path) if get_origin(member) is Literal for name in get_args(member)
    ]
    shown = f"`{value}`" if isinstance(value, str | int) and len(str(value)) <= 40 else "this"
    near = near_miss(str(value), names) if isinstance(value, str) else None
    listed = _listed([n or "empty text" for n in names])
    return f"{shown} is not one of: {listed}", near, _describe_fix(model, path) or "choose one of them"


def _not_text(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    if isinstance(value, bool) or not isinstance(value, int):
        return "text is expected here", None, _describe_fix(model, path)
    return "text is expected here, and unquoted this is a number", None, f'write it in quotes: "{value}"'


def _not_key(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    pattern = fault.get("ctx", {}).get("pattern", "")
    if pattern.startswith("^[a-z]"):
        return "this is not a key", None, KEY_RULE
    return f"must match {pattern}", None, _describe_fix(model, path)


def _not_mapping(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    names = known_keys(model, path)
    return (
        "a mapping is expected here",
        None,
        f"write keys below it: {_listed(names)}" if names else "write keys below it",
    )


def _not_list(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    return "a list is expected here", None, "write it in brackets: [one, two]"


def _too_short(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    return "this must not be empty", None, _describe_fix(model, path)


def _not_day(fault: Any, model: Any, path: Path, value: Any) -> _Explained:
    return "this is not a day", None, "write year, month and day, such as 2026-01-31"


_Teller = Callable[[Any, Any, Path, Any], _Explained]
_TELLERS: dict[str, _Teller] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "literal_error": _not_listed,
    "string_type": _not_text,
    "string_pattern_mismatch": _not_key,
    "model_type": _not_mapping,
    "model_attributes_type": _not_mapping,
    "dict_type": _not_mapping,
    "mapping_type": _not_mapping,
    "tuple_type": _not_list,
    "list_type": _not_list,
    "too_short": _too_short,
    "string_too_short": _too_short,
    "date_type": _not_day,
    "date_parsing": _not_day,
    "date_from_datetime_parsing": _not_day,
    "date_from_datetime_inexact": _not_day,
}

"""Connections: each is read by the settings model of its ``kind``, which comes in a table and is never looked up here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from pydantic import ValidationError

from s2s_pipelines.config.declaration import ConnectionsDeclaration
from s2s_pipelines.config.explanation import explain_invalid
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.yaml_file import Tree
from s2s_pipelines.errors import S2SError
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import near_miss
from s2s_pipelines.ports import Connector

Kinds = Mapping[str, Connector]
_DEFECTS = (ArithmeticError, AttributeError, LookupError, TypeError)
"""What a settings model with a defect raises; it must not keep other clients from loading."""


@dataclass(slots=True)
class Connections:
    """What ``resources/<client>.yaml`` declares.

    Attributes:
        named: keys of all connections in the file, readable or not.
        settings: settings by key, of those that could be read.
        kinds: connectors by key, of those whose kind is known.
        problems: what is wrong, without any value of the file.
    """

    named: list[str] = field(default_factory=list)
    settings: dict[str, Declared] = field(default_factory=dict)
    kinds: dict[str, Connector] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_connections(tree: Tree, file: str, kinds: Kinds) -> Connections:
    """The connections of one file.

    Args:
        tree: its content.
        file: its path relative to the root.
        kinds: connectors by the word that ``kind`` may say.
    """
    found = Connections()
    try:
        ConnectionsDeclaration.model_validate(tree.value)
    except ValidationError as error:
        found.problems += explain_invalid(error, ConnectionsDeclaration, tree, file, is_secretive=True)
    declared = tree.at(("connections",))
    for key, body in declared.items() if isinstance(declared, dict) else ():
        found.named.append(key)
        if isinstance(body, dict):
            _read_one(found, key, body, tree, file, kinds)
    return found


def _read_one(found: Connections, key: str, body: Mapping[str, object], tree: Tree, file: str, kinds: Kinds) -> None:
    path = ("connections", key)
    place = f"connections.{key}"
    listed = ", ".join(kinds)
    word = body.get("kind")
    if "kind" not in body:
        message = "`kind` is missing"
        found.problems.append(
            Problem(file, tree.line_of(path), place, message, None, f"add `kind:` and one of: {listed}")
        )
        return
    kind = kinds.get(word) if isinstance(word, str) else None
    if kind is None:
        near = near_miss(str(word), list(kinds))
        line = tree.line_of((*path, "kind"))
        found.problems.append(
            Problem(file, line, f"{place}.kind", "this kind is not known", near, f"use one of: {listed}")
        )
        return
    found.kinds[key] = kind
    model = cast("type[Declared]", kind.settings)
    try:
        found.settings[key] = model.model_validate(body)
    except ValidationError as error:
        found.problems += explain_invalid(error, model, tree, file, prefix=path, is_secretive=True)
    except _DEFECTS as error:
        message = f"the settings of kind {word} could not be read ({type(error).__name__})"
        fix = "this is a defect of the connector; report it"
        found.problems.append(Problem(file, tree.line_of(path), place, message, None, fix))
    except S2SError as error:
        found.problems.append(Problem(file, tree.line_of(path), place, error.message, None, error.next_step or ""))

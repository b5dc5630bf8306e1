"""JSON Schema of the declarations, from which editors complete and underline; ``s2s check`` knows more than it.

Point an editor at it with a first line such as ``# yaml-language-server: $schema=../../var/schema/client.schema.json``.
"""

from collections.abc import Mapping
from typing import Any, cast

from pydantic.json_schema import models_json_schema

from s2s_pipelines.config.declaration import ClientDeclaration
from s2s_pipelines.config.operations import Operations
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.identifier import KEY_PATTERN
from s2s_pipelines.ports import Connector

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def client_schema() -> Schema:
    """The schema of ``assets/<client>/client.yaml``."""
    schema = _tidy(ClientDeclaration.model_json_schema())
    return {"$schema": _DIALECT, **schema, "title": "What is made for one client"}


def operations_schema() -> Schema:
    """The schema of ``operations.yaml``."""
    schema = _tidy(Operations.model_json_schema())
    return {"$schema": _DIALECT, **schema, "title": "What concerns all clients of one installation"}


def resources_schema(kinds: Mapping[str, Connector]) -> Schema:
    """The schema of ``resources/<client>.yaml``: one shape per kind, told apart by ``kind``.

    Args:
        kinds: connectors by the word that ``kind`` may say.
    """
    models = {kind: cast("type[Declared]", connector.settings) for kind, connector in sorted(kinds.items())}
    references, together = models_json_schema([(model, "validation") for model in models.values()])
    shapes = {kind: references[model, "validation"] for kind, model in models.items()}
    definitions = _tidy(together.get("$defs", {}))
    for kind, shape in shapes.items():
        definition = definitions[shape["$ref"].rpartition("/")[2]]
        definition["title"] = kinds[kind].manifest.label
        definition["required"] = sorted({*definition.get("required", []), "kind"})
    connection: Schema = {
        "oneOf": list(shapes.values()),
        "discriminator": {
            "propertyName": "kind",
            "mapping": {kind: shape["$ref"] for kind, shape in shapes.items()},
        },
    }
    return {
        "$schema": _DIALECT,
        "title": "What one client is connected to",
        "type": "object",
        "additionalProperties": False,
        "required": ["connections"],
        "properties": {
            "connections": {
                "description": "Connections by key, each with its kind.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "patternProperties": {KEY_PATTERN: connection},
            }
        },
        "$defs": definitions,
    }


def _tidy(node: Any) -> Any:
    """The same schema without generated titles, with plain backticks, and with keys that fit no pattern refused."""
    if isinstance(node, list):
        return [_tidy(child) for child in node]
    if not isinstance(node, dict):
        return node.replace("``", "`") if isinstance(node, str) else node
    tidied: Schema = {
        key: {name: _tidy(child) for name, child in value.items()} if _is_named(key, value) else _tidy(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }
    if "patternProperties" in tidied:
        tidied.setdefault("additionalProperties", False)
    return tidied


def _is_named(key: str, value: Any) -> bool:
    """Whether the keys below are names of the declarations, among which ``title`` is one like any other."""
    return key in ("properties", "$defs", "patternProperties") and isinstance(value, dict)

"""The schemas accept what loads and refuse what an editor can see to be wrong."""

import re

import pytest

from s2s_pipelines.config.editor_schema import client_schema, resources_schema
from s2s_pipelines.config.yaml_file import read_yaml
from tests.unit.config.bad_declaration import BAD, GOOD
from tests.unit.config.fake_kind import KINDS

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def faults(schema, value, root=None, path="") -> list[str]:
    """Where a value breaks a schema, for the keywords our schemas use."""
    root = root or schema
    if "$ref" in schema:
        return faults(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root, path)
    found = []
    for word in ("anyOf", "oneOf"):
        if word in schema:
            fitting = sum(not faults(option, value, root, path) for option in schema[word])
            found += [] if fitting == 1 or (word == "anyOf" and fitting) else [f"{path}: {word}"]
    if "type" in schema and not is_of(schema["type"], value):
        return [*found, f"{path}: not {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: not in enum")
    if "const" in schema and value != schema["const"]:
        found.append(f"{path}: not const")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        found.append(f"{path}: pattern")
    if isinstance(value, int) and not isinstance(value, bool):
        found += (
            [f"{path}: bounds"] if value > schema.get("maximum", value) or value < schema.get("minimum", value) else []
        )
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += faults(schema.get("items", {}), item, root, f"{path}[{i}]")
    if isinstance(value, dict):
        found += object_faults(schema, value, root, path)
    return found


def is_of(name, value):
    if name == "number" and isinstance(value, str):
        return re.fullmatch(r"[0-9]+\.[0-9]+", value) is not None  # kept as text by us, a number to an editor
    if name in ("integer", "number"):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def object_faults(schema, value, root, path):
    found = [f"{path}.{name}: missing" for name in schema.get("required", ()) if name not in value]
    found += [f"{path}: too few"] if len(value) < schema.get("minProperties", 0) else []
    for name, child in value.items():
        at = f"{path}.{name}"
        found += faults(schema.get("propertyNames", {}), name, root, at)
        options = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        options += [s for pattern, s in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
        extra = schema.get("additionalProperties", True)
        if not options and extra is False:
            found.append(f"{at}: unknown")
        for option in options or ([extra] if isinstance(extra, dict) else []):
            found += faults(option, child, root, at)
    return found


def read(path):
    return read_yaml(path.read_text(encoding="utf-8")).value


@pytest.mark.parametrize("name", ["small", "every_key", "getting_started"])
def test_client_file_that_loads_fits_the_schema(name):
    assert faults(client_schema(), read(GOOD / name / "assets" / name / "client.yaml")) == []


@pytest.mark.parametrize("name", ["small", "every_key"])
def test_resource_file_that_loads_fits_the_schema(name):
    assert faults(resources_schema(KINDS), read(GOOD / name / "resources" / f"{name}.yaml")) == []


def test_real_kinds_fit_the_schema():
    from s2s_pipelines.connectors import registry

    name = "getting_started"
    assert faults(resources_schema(registry.connectors()), read(GOOD / name / "resources" / f"{name}.yaml")) == []


SEEN = [
    "unknown_key",
    "unknown_key_in_feed",
    "unknown_feed",
    "unknown_role",
    "every_missing",
    "basis_missing",
    "unknown_basis",
]
SEEN += ["source_key_with_capitals", "list_expected", "mapping_expected", "first_push_mistyped", "orders_without_from"]
SEEN_IN_RESOURCES = [
    "unknown_kind",
    "kind_missing",
    "unknown_setting",
    "setting_out_of_range",
    "secret_literal",
    "secret_from_both",
]
SEEN_IN_RESOURCES += ["secret_from_neither", "connection_without_body", "connection_key_with_dash"]


def case(name):
    return next(c for c in BAD.iterdir() if c.name[4:] == name)


@pytest.mark.parametrize("name", SEEN)
def test_editor_sees_what_is_wrong_in_a_client_file(name):
    assert faults(client_schema(), read(case(name) / "client.yaml")) != []


@pytest.mark.parametrize("name", SEEN_IN_RESOURCES)
def test_editor_sees_what_is_wrong_in_a_resource_file(name):
    assert faults(resources_schema(KINDS), read(case(name) / "resources.yaml")) != []


def test_every_kind_is_told_apart_by_its_word():
    schema = resources_schema(KINDS)
    connection = next(iter(schema["properties"]["connections"]["patternProperties"].values()))
    assert set(connection["discriminator"]["mapping"]) == set(KINDS)
    for kind, reference in connection["discriminator"]["mapping"].items():
        definition = schema["$defs"][reference.rpartition("/")[2]]
        assert definition["properties"]["kind"]["const"] == kind
        assert "kind" in definition["required"]


def test_key_called_title_survives_the_tidying():
    """Generated titles are taken out; a setting of that name is not."""
    from s2s_pipelines.config.editor_schema import _tidy

    assert _tidy({"title": "X", "properties": {"title": {"title": "Y", "type": "string"}}}) == {
        "properties": {"title": {"type": "string"}}
    }

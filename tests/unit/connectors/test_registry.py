"""The registry finds what is there and refuses what breaks the shape."""

import sys
import textwrap
from types import ModuleType

import pytest

from s2s_pipelines.connectors import registry
from s2s_pipelines.errors import ContractViolation

MODULE = """
from typing import Literal
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.ports import Connector, Manifest, Verified

class Settings(Declared):
    kind: Literal["{setting}"] = "{setting}"

MANIFEST = Manifest("{kind}", "{role}", "A system", frozenset({{"products"}}),
                    (Verified("documentation", "1", "2026-01-01"),))
CONNECTOR = Connector(MANIFEST, Settings, lambda settings, context: None)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of connector modules, written by the test."""
    count = 0

    def build(**modules: str) -> ModuleType:
        nonlocal count
        count += 1
        name = f"trial_connectors_{tmp_path.name}_{count}".replace("-", "_")
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(textwrap.dedent(text))
        monkeypatch.syspath_prepend(str(tmp_path))
        __import__(name)
        return sys.modules[name]

    return build


def _module(kind: str, role: str = "source", setting: str | None = None) -> str:
    return MODULE.format(kind=kind, role=role, setting=setting or kind)


def test_every_module_is_found_by_its_kind(package):
    found = registry.discover(package(one=_module("alpha"), two=_module("beta"), _kept_out="1/0"), ("source",))
    assert list(found) == ["alpha", "beta"]
    assert found["beta"].manifest.label == "A system"


def test_two_modules_of_one_kind_are_refused(package):
    with pytest.raises(ContractViolation, match="two connectors are of kind alpha"):
        registry.discover(package(one=_module("alpha"), two=_module("alpha")), ("source",))


def test_a_source_and_a_channel_of_one_kind_are_refused(package):
    source = registry.discover(package(one=_module("alpha")), ("source",))
    channel = registry.discover(package(one=_module("alpha", role="channel")), ("channel",))
    with pytest.raises(ContractViolation, match="two connectors are of kind alpha"):
        registry.joined(source, channel)


def test_a_module_without_a_connector_is_refused(package):
    with pytest.raises(ContractViolation, match="defines no CONNECTOR"):
        registry.discover(package(one="X = 1"), ("source",))


def test_a_channel_among_the_sources_is_refused(package):
    with pytest.raises(ContractViolation, match="does not belong there"):
        registry.discover(package(one=_module("alpha", role="channel")), ("source",))


def test_settings_of_another_kind_are_refused(package):
    with pytest.raises(ContractViolation, match='kind: Literal\\["alpha"\\]'):
        registry.discover(package(one=_module("alpha", setting="beta")), ("source",))


def test_the_real_connectors_are_found_without_heavy_imports():
    import subprocess

    heavy = ("sqlalchemy", "pandas", "pandera", "pyarrow", "duckdb", "gspread", "pyodbc", "lxml", "arrow_odbc")
    code = (
        "import sys; from s2s_pipelines.connectors import registry; "
        "assert 'sql' in registry.sources(); assert set(registry.settings_types()) == set(registry.connectors()); "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

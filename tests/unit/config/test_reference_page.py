from pathlib import Path

from s2s_pipelines.config.declaration import ClientDeclaration
from s2s_pipelines.config.explanation import fields_of
from s2s_pipelines.config.reference_page import reference_page
from s2s_pipelines.connectors import registry
from s2s_pipelines.model.field import TARGETS
from tests.unit.config.fake_kind import KINDS, ErpSettings

PAGE = Path(__file__).parents[3] / "docs" / "declarations.md"


def test_page_is_what_the_models_say():
    """Stale? Run: s2s schema --page docs/declarations.md"""
    assert PAGE.read_text(encoding="utf-8") == reference_page(registry.connectors())


def test_page_names_every_key_and_target():
    page = reference_page(KINDS)
    for name in (*fields_of(ClientDeclaration), *fields_of(ErpSettings), *TARGETS, "breakers", "overdue", "statuses"):
        assert f"| `{name}` |" in page, name


def test_every_key_has_a_meaning():
    """A key of client.yaml without a sentence is no use to the person who reads the page."""
    part = reference_page({}).partition("## resources/")[0]
    rows = [line for line in part.splitlines() if line.startswith("| `") and line.count("|") == 5]
    assert len(rows) > 50
    assert [line for line in rows if line.endswith("|  |")] == []

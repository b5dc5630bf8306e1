import json

from click.testing import CliRunner

from s2s_pipelines.cli import main
from s2s_pipelines.command import kind
from tests.unit.config.fake_kind import KINDS


def test_schemas_are_written_for_editors(tmp_path, monkeypatch):
    monkeypatch.setattr(kind, "all_kinds", lambda: KINDS)
    result = CliRunner().invoke(main, ["schema", "--out", str(tmp_path / "deep/schema")])
    assert result.exit_code == 0, result.output
    client = json.loads((tmp_path / "deep/schema/client.schema.json").read_text())
    resources = json.loads((tmp_path / "deep/schema/resources.schema.json").read_text())
    assert client["additionalProperties"] is False
    assert "fake_erp" in json.dumps(resources)
    operations = json.loads((tmp_path / "deep/schema/operations.schema.json").read_text())
    assert "receivers" in json.dumps(operations)


def test_page_is_written_where_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(kind, "all_kinds", lambda: KINDS)
    result = CliRunner().invoke(main, ["schema", "--page", str(tmp_path / "page.md")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "page.md").read_text().startswith("# Declarations\n")

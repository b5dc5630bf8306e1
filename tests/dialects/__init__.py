"""How well ``flat_file`` reads files of odd dialects, and whether it ever reads one wrong.

``tests/fixtures/dialects/odd`` and ``.../ordinary`` hold files written by hand; beside each stands a JSON file with its
true cells, also written by hand: ``header``, ``rows``, the physical ``lines`` they begin on, ``rejected_lines`` of rows
that nobody can cut, ``flagged`` where a note must warn, ``settings`` where an operator would declare something. Without
``header`` there is no certain reading: whatever is read is wrong. ``refused`` names the reason and line of a refusal
that is expected today.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.connectors.sources.flat_file import CONNECTOR
from s2s_pipelines.ports import BuildContext, Extract

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
Verdict = Literal["exact", "refused", "wrong"]


@dataclass(frozen=True)
class Judged:
    """What became of one file."""

    name: str
    verdict: Verdict
    why: str
    reason: str = ""
    line: int = 0


def cases(kind: str) -> list[Path]:
    """The JSON files of ``odd`` or ``ordinary``."""
    return sorted((FIXTURES / kind).glob("*.json"))


def judge(case: Path) -> Judged:
    """Read one file through the connector and compare it with its true cells."""
    true = json.loads(case.read_text(encoding="utf-8"))
    settings = CONNECTOR.settings.model_validate(
        {"kind": "flat_file", "location": true["file"], "settle_s": 0, **true.get("settings", {})}
    )
    context = BuildContext(client="trial", connection="file", folder=str(case.parent), timezone="UTC")
    try:
        extract = CONNECTOR.build(settings, context).read("products")
    except UnreadableFile as error:
        return Judged(case.stem, "refused", str(error), error.reason, error.line)
    fault = difference(extract, true)
    return Judged(case.stem, "wrong" if fault else "exact", fault or f"{extract.table.num_rows} rows")


def difference(extract: Extract, true: dict[str, Any]) -> str:
    """What differs from the true cells; empty when nothing does."""
    if "header" not in true:
        return f"there is no certain reading, yet it was read as {extract.table.column_names}"
    rows = [list(row.values()) for row in extract.table.to_pylist()] if extract.table.num_rows else []
    for name, seen, wanted in (
        ("header", extract.table.column_names, true["header"]),
        ("rows", rows, true["rows"]),
        ("lines", extract.rows.to_pylist(), true["lines"]),
        ("rejected lines", [r.row for r in extract.rejects], true.get("rejected_lines", [])),
        ("flag", any("Windows-1252" in note for note in extract.notes), true.get("flagged", False)),
    ):
        if seen != wanted:
            return f"{name}: {seen!r} instead of {wanted!r}"
    return ""

"""What an asset's page shows: counts, short tables, a small plot, and text that the UI renders as it stands."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

TABLE_ROWS = 30
"""Rows shown in the UI; a count and the command for the rest stand beside them (dagster notes 1)."""

_PLOT_BYTES = 50_000


def table(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, most: int = TABLE_ROWS
) -> dg.TableMetadataValue:
    """The first rows as a table; every cell as text, so that a code keeps its zeros."""
    records: list[dg.TableRecord] = []
    for row in rows:
        if len(records) == most:
            break
        records.append(dg.TableRecord({name: _cell(row.get(name)) for name in columns}))
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def _cell(value: Any) -> str:
    return "" if value is None else str(value)[:300]


def fenced(text: str) -> dg.MarkdownMetadataValue:
    """Text in a fenced block: a message may hold backticks or stars of its own."""
    fence = "```"
    while fence in text:
        fence += "`"
    return dg.MetadataValue.md(f"{fence}\n{text}\n{fence}")


def bars(counts: Mapping[str, int], title: str) -> dg.MarkdownMetadataValue | None:
    """A small bar chart as a picture inside the page; None when there is nothing to show or it came out too large."""
    shown = {name: count for name, count in counts.items() if count}
    if not shown:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 0.5 + 0.3 * len(shown)), dpi=80)
    axes = figure.subplots()
    drawn = axes.barh(list(shown), list(shown.values()), color="#4f6d7a")
    axes.invert_yaxis()
    axes.bar_label(drawn, padding=3)
    axes.set_title(title, fontsize=9)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_xticks([])
    axes.margins(x=0.15)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")
    encoded = base64.b64encode(picture.getvalue()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{encoded})") if len(encoded) < _PLOT_BYTES else None

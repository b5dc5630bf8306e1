"""The generated pages of docs/: ``python -m tests.docs`` fails when one is stale, ``--write`` writes them anew."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def _declarations() -> str:
    from s2s_pipelines.config.reference_page import reference_page
    from s2s_pipelines.connectors.registry import connectors

    return reference_page(connectors())


def _connectors() -> str:
    from s2s_pipelines.command.connector import connectors_page
    from s2s_pipelines.connectors.registry import channels, sources

    return connectors_page(sources(), channels())


def _orders() -> str:
    from s2s_pipelines.orders.hold import REMEDIES
    from s2s_pipelines.orders.state import drawing

    rows = [f"| `{reason}` | {remedy} |" for reason, remedy in sorted(REMEDIES.items())]
    reasons = "\n".join(["| reason | what a person can do |", "| --- | --- |", *rows])
    page = (DOCS / "orders.md").read_text(encoding="utf-8")
    return with_part(with_part(page, "states", drawing().strip()), "reasons", reasons)


def with_part(page: str, name: str, part: str) -> str:
    """The page with what stands between the two comments of that name replaced."""
    return re.sub(
        rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _: f"<!-- {name} -->\n{part}\n<!-- /{name} -->", page, flags=re.S
    )


def _operations() -> str:
    from s2s_pipelines.config.reference_page import operations_tables
    from s2s_pipelines.cycle.cause import KINDS

    when = {"error": "at once", "warning": "in the digest"}
    rows = [f"| `{kind}` | {of.label} | {when[of.severity]} |" for kind, of in KINDS.items()]
    causes = "\n".join(["| cause | meaning | told |", "| --- | --- | --- |", *rows])
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    return with_part(with_part(page, "keys of operations.yaml", operations_tables()), "causes", causes)


PAGES: Mapping[str, Callable[[], str]] = {
    "connectors.md": _connectors,
    "declarations.md": _declarations,
    "operations.md": _operations,
    "orders.md": _orders,
}


def stale() -> list[str]:
    """Names of the pages that are not what the program says."""
    found = []
    for name, write in PAGES.items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != write():
            found.append(name)
    return found


def main(arguments: list[str]) -> int:
    """Check, or write."""
    if "--write" in arguments:
        for name, write in PAGES.items():
            (DOCS / name).write_text(write(), encoding="utf-8")
        print(f"wrote {', '.join(PAGES)}")
        return 0
    old = stale()
    for name in old:
        print(f"docs/{name} is stale; write it anew with: make docs")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What must be true of connections as a whole: each is used, and the query files they name are there."""

from collections.abc import Iterator, Mapping

from s2s_pipelines.config.draft import Draft
from s2s_pipelines.config.explanation import spell_path
from s2s_pipelines.config.folder import QUERIES
from s2s_pipelines.config.problem import Problem, Severity
from s2s_pipelines.config.yaml_file import Path
from s2s_pipelines.model.field import near_miss


def check_connections(draft: Draft) -> Iterator[Problem]:
    """Connections nobody uses, queries that are not there, and query files nobody names."""
    used = {s.connection for s in draft.declaration.sources.values()}
    used |= {c.connection for c in draft.declaration.channels.values()}
    for key in draft.named:
        if key not in used:
            message = "no source and no channel uses this connection"
            fix = f"use it in {draft.client_file}, or take it out"
            yield _problem(draft, ("connections", key), message, fix, near_miss(key, sorted(used)), "warning")
    named = dict(_named_queries(draft))
    folder = f"assets/{draft.declaration.client}/{QUERIES}"
    for path, name in named.items():
        if name not in draft.queries:
            near = near_miss(name, list(draft.queries))
            yield _problem(draft, path, f"there is no file {folder}/{name}", "write it, or name another", near, "error")
    for name in draft.queries:
        if name not in named.values():
            near = near_miss(name, list(named.values()))
            fix = f"name it under a feed in {draft.resource_file}, or take it out"
            yield Problem(f"{folder}/{name}", 0, "", "no connection names this query", near, fix, "warning")


def _named_queries(draft: Draft) -> Iterator[tuple[Path, str]]:
    """Query files by the place that names them: the attribute ``query`` of a feed's settings, whatever the kind."""
    for key, settings in draft.connections.items():
        feeds = getattr(settings, "feeds", None)
        for feed, body in feeds.items() if isinstance(feeds, Mapping) else ():
            name = getattr(body, "query", None)
            if isinstance(name, str):
                yield ("connections", key, "feeds", feed, "query"), name


def _problem(draft: Draft, path: Path, message: str, fix: str, near: str | None, severity: Severity) -> Problem:
    line = draft.resource_tree.line_of(path)
    return Problem(draft.resource_file, line, spell_path(path), message, near, fix, severity)

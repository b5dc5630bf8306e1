"""Secrets that were written where only a reference belongs. What is found is named by its place, never repeated."""

import re
from collections.abc import Iterator

from s2s_pipelines.config.explanation import spell_path
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.yaml_file import Path, Tree

_SECRET_KEY = re.compile(
    r"(?:.*_)?(?:password|passwd|passphrase|pwd|secret|token|api_?key|private_?key|access_?key|secret_?key)"
)
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s@]*:[^/?#\s@]+@", re.IGNORECASE)
_QUERY_SECRET = re.compile(
    r"[?&](?:[a-z_]*(?:password|passwd|pwd|secret|token|api_?key|signature)|sig|consumer_key)=[^&\s]", re.IGNORECASE
)
_ODBC_PASSWORD = re.compile(r"(?:^|;)\s*(?:pwd|password)\s*=\s*[^;\s]", re.IGNORECASE)
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_TEXTS = (
    (
        _URL_PASSWORD,
        "a password stands inside this address",
        "refer to the whole address as {env: NAME} or {file: path}",
    ),
    (_QUERY_SECRET, "a secret stands inside this address", "refer to the whole address as {env: NAME} or {file: path}"),
    (
        _ODBC_PASSWORD,
        "a password stands inside this connection string",
        "refer to all of it as {env: NAME} or {file: path}",
    ),
    (
        _KEY_BLOCK,
        "a private key stands here",
        "keep it in a file outside the declarations and refer to it as {file: path}",
    ),
)


def find_written_secrets(tree: Tree, file: str, *, is_by_key: bool) -> Iterator[Problem]:
    """A problem for every place where a secret seems to be written out.

    Args:
        tree: a file's content.
        file: its path relative to the root.
        is_by_key: also go by keys such as ``password``; right where keys are settings, wrong where they are the names
            of fields.
    """
    for path, value in tree.scalars():
        if not isinstance(value, str | int) or isinstance(value, bool):
            continue
        found = _judge(path, str(value), is_by_key=is_by_key)
        if found:
            yield Problem(file, tree.line_of(path), spell_path(path), found[0], None, found[1])


def _judge(path: Path, text: str, *, is_by_key: bool) -> tuple[str, str] | None:
    for pattern, message, fix in _TEXTS:
        if pattern.search(text):
            return message, fix
    if is_by_key and path and isinstance(path[-1], str) and _SECRET_KEY.fullmatch(path[-1].lower()):
        return "a secret must not be written here", f"refer to it: {path[-1]}: {{env: NAME}} or {{file: path}}"
    return None

"""Just enough reading of SQL to hand one statement on: comments and quoted parts are told from the rest."""

import re

_QUOTED = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]\n]*\]|\$(\w*)\$.*?\$\1\$", re.DOTALL
)


def bare(statement: str) -> str:
    """The statement with every comment and quoted part blanked, so that what is left is SQL's own.

    >>> bare("SELECT 'a;b' -- c").split()
    ['SELECT']
    """
    return _QUOTED.sub(lambda match: " " * len(match.group()), statement)


def one_statement(text: str) -> str:
    r"""The only statement of a file, on one line, without comments (hints stay) and the semicolon at its end.

    Drivers read SQL too, and not well: sqliteodbc takes an apostrophe in a comment for a quotation mark, another cuts long
    statements of several lines (erp-sql research, section 1).

    >>> one_statement("SELECT 1, 'a -- b'  -- it's one\n  FROM t;  -- done")
    "SELECT 1, 'a -- b'   FROM t"

    Raises:
        ValueError: there is none, more than one, or one that does not begin like a query.
    """
    shape = bare(text)
    end = shape.find(";")
    if end >= 0 and shape[end + 1 :].strip():
        raise ValueError("it holds more than one statement")
    if not re.match(r"\s*(SELECT|WITH)\b", shape, re.IGNORECASE):
        raise ValueError("it does not begin with SELECT or WITH")
    parts, last = [], 0
    kept = text[:end] if end >= 0 else text
    for quoted in _QUOTED.finditer(kept):
        parts += [_one_line(kept[last : quoted.start()]), _without_comment(quoted.group())]
        last = quoted.end()
    return "".join([*parts, _one_line(kept[last:])]).strip()


def _one_line(plain: str) -> str:
    return re.sub(r"\s+", " ", plain)


def _without_comment(quoted: str) -> str:
    is_comment = quoted.startswith(("--", "/*")) and not quoted.startswith(("/*+", "/*!"))
    return " " if is_comment else quoted


def has_order(statement: str) -> bool:
    """Whether the whole statement has an ORDER BY, not only a part of it in parentheses.

    >>> has_order("SELECT a FROM t ORDER BY a"), has_order("SELECT a, row_number() OVER (ORDER BY a) FROM t")
    (True, False)
    """
    shape, depth = [], 0
    for letter in bare(statement):
        depth += (letter == "(") - (letter == ")")
        shape.append(letter if depth == 0 else " ")
    return re.search(r"\bORDER\s+BY\b", "".join(shape), re.IGNORECASE) is not None

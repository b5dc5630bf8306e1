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
    """The only statement of a file, without the semicolon at its end.

    >>> one_statement("SELECT 1;  -- done")
    'SELECT 1'

    Raises:
        ValueError: there is none, more than one, or one that does not begin like a query.
    """
    shape = bare(text)
    end = shape.find(";")
    if end >= 0 and shape[end + 1 :].strip():
        raise ValueError("it holds more than one statement")
    if not re.match(r"\s*(SELECT|WITH)\b", shape, re.IGNORECASE):
        raise ValueError("it does not begin with SELECT or WITH")
    return (text[:end] if end >= 0 else text).strip()


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

"""A query file holds one SELECT; what is quoted is not mistaken for SQL."""

import pytest

from s2s_pipelines.connectors.kit.sql_text import has_order, one_statement


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("SELECT 1", "SELECT 1"),
        ("select a\n  from t ; \n", "select a from t"),
        ("-- it's one\nSELECT ';' FROM t; /* done; */", "SELECT ';' FROM t"),
        ("WITH x AS (SELECT 1) SELECT * FROM x;", "WITH x AS (SELECT 1) SELECT * FROM x"),
        ('SELECT "a -- b" FROM t', 'SELECT "a -- b" FROM t'),
        ("SELECT /*+ FULL(t) */ a FROM t", "SELECT /*+ FULL(t) */ a FROM t"),
        ("SELECT 'a\n  b' FROM t", "SELECT 'a\n  b' FROM t"),
        ("SELECT $q$;--$q$", "SELECT $q$;--$q$"),
        ("SELECT [a;b] FROM t", "SELECT [a;b] FROM t"),
    ],
)
def test_one_statement_is_taken(text, wanted):
    assert one_statement(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "-- nothing", "DELETE FROM t", "SELECT 1; DELETE FROM t", "SELECT 1;;SELECT 2", "EXEC x"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="it "):
        one_statement(text)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("SELECT a FROM t order  by a", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a) x", False),
        ("SELECT 'ORDER BY' FROM t", False),
        ("SELECT a FROM t -- ORDER BY a", False),
        ('SELECT "order by" FROM t', False),
    ],
)
def test_only_an_order_of_the_whole_counts(text, wanted):
    assert has_order(text) is wanted

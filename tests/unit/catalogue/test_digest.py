"""The hash of columns: the same for the same cells however they are cut, another for any other."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s_pipelines.catalogue.digest import Digest, digest_of

SCHEMA = pa.schema(
    [
        ("sku", pa.string()),
        ("qty", pa.int64()),
        ("price", pa.decimal128(18, 4)),
        ("tags", pa.list_(pa.string())),
        ("is_conflict", pa.bool_()),
        ("read_at", pa.timestamp("us", "UTC")),
        ("origin", pa.dictionary(pa.int16(), pa.string())),
        ("nothing", pa.null()),
    ]
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROWS = [
    ["A", 1, Decimal("1.5"), ["x", None], True, NOON, "erp/products", None],
    [None, None, None, None, None, None, None, None],
    ["", 0, Decimal(0), [], False, NOON.replace(year=1970, month=1, day=1, hour=0), "", None],
]


def table_of(rows):
    return pa.table([pa.array([row[i] for row in rows], f.type) for i, f in enumerate(SCHEMA)], schema=SCHEMA)


@pytest.mark.parametrize("place", range(len(SCHEMA) - 1))
def test_null_differs_from_empty_zero_and_false(place):
    rows = [list(row) for row in ROWS]
    rows[2][place] = None
    assert digest_of(table_of(rows)) != digest_of(table_of(ROWS))


def test_names_types_and_order_of_rows_count():
    whole = table_of(ROWS)
    assert digest_of(whole) != digest_of(table_of(ROWS[::-1]))
    assert digest_of(whole) != digest_of(whole.rename_columns(["code", *whole.column_names[1:]]))
    assert digest_of(whole, ["sku"]) != digest_of(whole, ["sku", "nothing"])
    assert digest_of(whole.slice(0, 2)) != digest_of(whole)


def test_a_dictionary_counts_as_the_texts_it_stands_for():
    plain = pa.table({"origin": ["b", "a", None]})
    assert digest_of(plain.set_column(0, "origin", plain["origin"].combine_chunks().dictionary_encode())) == digest_of(
        plain
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.text(max_size=4), st.none() | st.lists(st.text(max_size=2), max_size=3)), max_size=8
    ),
    st.lists(
        st.tuples(st.none() | st.text(max_size=4), st.none() | st.lists(st.text(max_size=2), max_size=3)), max_size=8
    ),
    st.integers(0, 8),
)
def test_equal_tables_and_only_they_are_equal_however_they_are_cut(one, other, cut):
    kinds = (pa.string(), pa.list_(pa.string()))
    first, second = (
        pa.table([pa.array([row[i] for row in rows], kinds[i]) for i in (0, 1)], ["a", "b"]) for rows in (one, other)
    )
    digest = Digest(["a", "b"])
    for part in (first.slice(0, cut), first.slice(cut)):
        digest.add(part)
    assert digest.text() == digest_of(first)
    assert (digest_of(first) == digest_of(second)) == (one == other)

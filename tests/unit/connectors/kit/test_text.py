"""Cells of databases as exact text, and the fingerprint over them."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s_pipelines.connectors.kit.text import boolean_text, number_text, plain, text_column, trimmed
from s2s_pipelines.connectors.kit.text_table import fingerprint, in_content_order, tidied


@pytest.mark.parametrize(
    "value, text",
    [
        (Decimal("0.10"), "0.10"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (19.99, "19.99"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (date(2026, 11, 21), "2026-11-21"),
        (datetime(2026, 11, 21, 14, 0, tzinfo=timezone(timedelta(hours=2))), "2026-11-21 12:00:00+00:00"),
        (time(8, 30), "08:30:00"),
        (timedelta(hours=8, minutes=30), "8:30:00"),
        (b"\x00\x0f", "000f"),
        ("", ""),
        (None, None),
    ],
)
def test_values_are_plain_text(value, text):
    assert plain(value) == text


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))))
def test_floats_keep_their_value_without_exponents(values):
    for value, cell in zip(values, text_column(values).to_pylist(), strict=True):
        assert (cell is None) == (value is None)
        if value is not None:
            assert float(cell) == value
            assert "e" not in cell.lower()


def test_numbers_of_drivers_are_put_right():
    column = number_text(pa.array([".5", "-.25", "1e-05", "1.50", None, "NaN"]))
    assert column.to_pylist() == ["0.5", "-0.25", "0.00001", "1.50", None, "NaN"]


def test_truth_is_spelled_one_way():
    assert boolean_text(pa.array(["1", "f", "\x01", None, "maybe"])).to_pylist() == [
        "true",
        "false",
        "true",
        None,
        "maybe",
    ]


def test_padding_goes_and_blanks_in_front_stay():
    assert trimmed(pa.array(["ab   ", " ab", "  ", None, ""])).to_pylist() == ["ab", " ab", "", None, ""]


def _table(*rows):
    return pa.table(
        {"a": [row[0] for row in rows], "b": [row[1] for row in rows]},
        schema=pa.schema([("a", pa.string()), ("b", pa.string())]),
    )


def test_same_cells_have_the_same_fingerprint_however_they_are_chunked():
    whole = _table(("1", "x"), ("2", None), ("3", ""))
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    assert fingerprint(tidied(parts)) == fingerprint(tidied(whole))
    assert fingerprint(tidied(whole.slice(1))) == fingerprint(tidied(_table(("2", None), ("3", ""))))


@pytest.mark.parametrize(
    "other",
    [
        _table(("1", "x"), ("2", "")),
        _table(("1x", ""), ("2", None)),
        _table(("1", "x"), ("2", None), ("2", None)),
        _table(("2", None), ("1", "x")),
        _table(("1", "x"), ("2", None)).rename_columns(["a", "c"]),
        _table(("1", "x"), ("2", None)).select(["a"]),
    ],
)
def test_other_cells_have_another(other):
    assert fingerprint(tidied(other)) != fingerprint(tidied(_table(("1", "x"), ("2", None))))


def test_rows_are_sorted_by_content():
    table = in_content_order(_table(("b", "2"), ("a", None), ("b", "1"), ("a", "9")))
    assert list(zip(*table.to_pydict().values(), strict=True)) == [("a", "9"), ("a", None), ("b", "1"), ("b", "2")]
    assert in_content_order(pa.table({})).num_columns == 0


def test_times_keep_their_zone_in_utc():
    assert plain(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 00:00:00+00:00"

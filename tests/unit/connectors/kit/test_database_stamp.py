"""Stamps of modified columns keep the source's spelling and never hide a change."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s_pipelines.connectors.kit import database_stamp as stamp

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-11-21", "2026-11-21 12:00", "2026-11-21T12:00:00.123456789+02:00", "0", "2026-11-21 12:00:00+00"]
)
def test_times_and_numbers_are_stamps(text):
    assert stamp.is_stamp(text)


@pytest.mark.parametrize(
    "text", ["", "now", "2026-13-01", "1.5", "-1", "2026-11-21' OR 1=1 --", "0x00FF", "2026-11-21 25:00:00"]
)
def test_anything_else_is_none(text):
    assert not stamp.is_stamp(text)


@given(st.text())
def test_no_literal_holds_a_quotation_mark(text):
    if stamp.is_stamp(text):
        assert "'" not in stamp.literal(text)[1:-1]
    else:
        with pytest.raises(ValueError, match="only a stamp"):
            stamp.literal(text)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("2026-11-21 12:00:00", "2026-11-21 11:50:00"),
        ("2026-11-21T12:00:00.5Z", "2026-11-21T11:50:00.5Z"),
        ("2026-11-21 00:05:00.123+02", "2026-11-20 23:55:00.123+02"),
        ("2026-11-21", "2026-11-20"),
        ("2026-11-21 12:00", "2026-11-21 11:50"),
        ("1234", "1234"),
    ],
)
def test_overlap_keeps_the_spelling(text, wanted):
    assert stamp.earlier(text, 600) == wanted


@pytest.mark.parametrize(
    "cells, wanted",
    [
        (["2026-11-21 12:00:00", None, "2026-11-21 12:00:00.5"], "2026-11-21 12:00:00.5"),
        (["9", "10", "8"], "10"),
        (["9007199254740993", "9007199254740992"], "9007199254740993"),
        ([None], None),
        ([], None),
    ],
)
def test_newest_of_a_column(cells, wanted):
    assert stamp.newest_in(pa.chunked_array([pa.array(cells, pa.string())])) == wanted


@pytest.mark.parametrize("cell", ["soon", "2026-99-99", ""])
def test_a_column_of_anything_else_is_refused(cell):
    with pytest.raises(ValueError, match=r"stamp|month|range"):
        stamp.newest_in(pa.chunked_array([pa.array(["2026-01-01", cell], pa.string())]))


def test_a_stamp_from_the_future_is_held_at_the_present():
    assert stamp.not_after("2999-01-01T00:00:00Z", NOW, "UTC") == "2026-11-21T12:00:00Z"
    assert stamp.not_after("2999-01-01 00:00:00", NOW, "Africa/Johannesburg") == "2026-11-21 14:00:00"
    assert stamp.not_after("2026-11-21 13:59:59", NOW, "Africa/Johannesburg") == "2026-11-21 13:59:59"
    assert stamp.not_after("99999999", NOW, "UTC") == "99999999"

"""Fixed-width lines by declared columns."""

import pytest

from s2s_pipelines.connectors.kit.fixed_width import FixedColumn, read_fixed_width
from s2s_pipelines.connectors.kit.refusal import UnreadableFile

COLUMNS = (
    FixedColumn(name="code", start=1, length=6),
    FixedColumn(name="title", start=7, length=10),
    FixedColumn(name="price", start=17, length=8, implied_decimals=2),
)


def test_cells_are_cut_by_position_and_decimals_made_visible():
    grid = read_fixed_width("00012 Tent      00129990\r\n\n00014 Hook      \n", COLUMNS, 0)
    assert grid.header == ["code", "title", "price"]
    assert grid.rows == [["00012", "Tent", "1299.90"], ["00014", "Hook", ""]]
    assert grid.lines == [1, 3]


@pytest.mark.parametrize(
    "text, value", [("0001234", "12.34"), ("-0000005", "-0.05"), ("0000100-", "-1.00"), ("       7", "0.07")]
)
def test_implied_decimals(text, value):
    assert read_fixed_width(f"00012 Tent      {text:>8}\n" * 3, COLUMNS, 0).rows[0][2] == value


def test_lines_that_do_not_fit_are_rejected_with_their_number():
    good = "00012 Tent      00129990\n"
    grid = read_fixed_width(
        good * 8 + "00013 Rope\n" + "00014 Hook      00129990 and more\n" + "00015 Nail      12.34   \n", COLUMNS, 0
    )
    assert [(r.row, r.reason) for r in grid.rejects] == [(9, "short_line"), (10, "long_line"), (11, "bad_number")]
    assert len(grid.rows) == 8


def test_columns_that_fit_few_lines_are_refused():
    with pytest.raises(UnreadableFile) as caught:
        read_fixed_width("sku,title\nA1,Tent\nA2,Rope\n", COLUMNS, 0)
    assert (caught.value.reason, caught.value.line) == ("columns_do_not_fit", 1)


def test_tabs_are_refused():
    with pytest.raises(UnreadableFile) as caught:
        read_fixed_width("00012\tTent     00129990\n", COLUMNS, 0)
    assert caught.value.reason == "tab"

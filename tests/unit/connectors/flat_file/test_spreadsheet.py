"""Workbooks: numbers, dates, leading zeros, formulas nobody computed, several sheets, bombs."""

import io
import zipfile
from datetime import date, datetime

import openpyxl
import pytest

from s2s_pipelines.connectors.kit.layout import Wanted
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.connectors.kit.spreadsheet import read_workbook

LIMIT = 50_000_000


def workbook(*rows, **sheets):
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    for row in rows:
        book.active.append(row)
    for name, others in sheets.items():
        sheet = book.create_sheet(name)
        for row in others:
            sheet.append(row)
    return saved(book)


def saved(book):
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def read(body, wanted=None, *, sheet=None, limit=LIMIT):
    return read_workbook(body, wanted or Wanted(), sheet=sheet, max_expanded=limit)


def test_numbers_are_spelled_as_people_see_them():
    values = [1, 1.0, 0.1 + 0.2, 1299.9, 6001234567890, 0.00001, -4.5, 1e15]
    grid = read(workbook(["sku", "price"], *[[f"A{i}", v] for i, v in enumerate(values)]))
    spelled = ["1", "1", "0.3", "1299.9", "6001234567890", "0.00001", "-4.5", "1000000000000000"]
    assert [row[1] for row in grid.rows] == spelled


def test_text_cells_keep_leading_zeros_and_blanks():
    grid = read(workbook(["sku", "qty"], ["0012", 4], [" 7 ", 5]))
    assert grid.rows == [["0012", "4"], [" 7 ", "5"]]
    assert grid.lines == [2, 3]


def test_dates_times_and_flags_are_spelled_out():
    grid = read(
        workbook(
            ["sku", "from", "seen", "is new"],
            ["A1", date(2026, 6, 1), datetime.fromisoformat("2026-06-01 09:15"), True],
        )
    )
    assert grid.rows == [["A1", "2026-06-01", "2026-06-01 09:15:00", "TRUE"]]


def test_formula_without_a_stored_value_rejects_its_row():
    grid = read(workbook(["sku", "price"], ["A1", 10], ["A2", "=B2*2"], ["A3", 30]))
    assert grid.rows == [["A1", "10"], ["A3", "30"]]
    assert [(r.row, r.field, r.reason) for r in grid.rejects] == [(3, "price", "formula_without_value")]


def test_title_rows_and_empty_rows_are_left_out():
    grid = read(
        workbook(["Price list June"], [], ["sku", "title", "price"], ["A1", "Tent", 899], [], ["A2", "Rope", 199])
    )
    assert (grid.header, grid.lines) == (["sku", "title", "price"], [4, 6])


def test_header_row_may_be_declared():
    body = workbook(["a", "b"], ["sku", "price"], ["A1", 1])
    assert read(body, Wanted(header_row=2)).header == ["sku", "price"]


def test_the_only_sheet_with_rows_is_taken():
    assert read(workbook(["sku", "qty"], ["A1", 4], Notes=[])).rows == [["A1", "4"]]


def test_several_sheets_need_a_declaration():
    body = workbook(["sku", "qty"], ["A1", 4], Other=[["sku", "qty"], ["B1", 5]])
    with pytest.raises(UnreadableFile) as caught:
        read(body)
    assert caught.value.reason == "several_sheets"
    assert read(body, sheet="Other").rows == [["B1", "5"]]
    with pytest.raises(UnreadableFile) as caught:
        read(body, sheet="Third")
    assert caught.value.reason == "no_such_sheet"


def test_rows_wider_than_the_header_are_refused():
    with pytest.raises(UnreadableFile) as caught:
        read(workbook(["sku", "qty"], ["A1", 4, "stray"], ["A2", 5, "more"]))
    assert caught.value.reason == "empty_header_cell"


def test_header_only_is_an_empty_table():
    grid = read(workbook(["sku", "qty"]))
    assert (grid.header, grid.rows) == (["sku", "qty"], [])


def test_empty_sheet_is_refused():
    with pytest.raises(UnreadableFile) as caught:
        read(workbook())
    assert caught.value.reason == "empty_sheet"


def test_bomb_is_refused_before_it_is_opened():
    body = workbook(["sku", "qty"], ["A1", 4])
    stream = io.BytesIO(body)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/bomb.xml", b"\x00" * 20_000_000)
    assert len(stream.getvalue()) < 100_000
    with pytest.raises(UnreadableFile) as caught:
        read(stream.getvalue(), limit=10_000_000)
    assert caught.value.reason == "file_too_large"


def test_archive_that_lies_about_its_sizes_is_refused():
    stream = io.BytesIO(workbook(["sku", "qty"], ["A1", 4]))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/bomb.xml", b"\x00" * 20_000_000)
    size = (20_000_000).to_bytes(4, "little")
    assert size in stream.getvalue()
    with pytest.raises(UnreadableFile) as caught:
        read(stream.getvalue().replace(size, (1000).to_bytes(4, "little")), limit=10_000_000)
    assert caught.value.reason == "damaged_workbook"


@pytest.mark.parametrize("body", [b"PK\x03\x04 and nothing more", b"PK\x03\x04" + b"\x00" * 100])
def test_damaged_workbook_is_refused(body):
    with pytest.raises(UnreadableFile) as caught:
        read(body)
    assert caught.value.reason == "damaged_workbook"


def test_other_archives_are_no_workbooks():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("prices.csv", "sku,price\n")
    with pytest.raises(UnreadableFile) as caught:
        read(stream.getvalue())
    assert caught.value.reason == "no_workbook"


def test_repeated_names_are_refused():
    with pytest.raises(UnreadableFile) as caught:
        read(workbook(["sku", "price", "price"], ["A1", 1, 2]))
    assert caught.value.reason == "duplicate_header"

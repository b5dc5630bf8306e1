"""Reads one sheet of an XLSX workbook as text, after judging what the workbook would unpack to.

Facts checked with python-calamine 0.9 (sources research, section 10): every number arrives as a float, dates apart from
date-times, and a formula without a stored value as an empty cell, which must not become an empty price.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from s2s_pipelines.connectors.kit.delimited import Records
from s2s_pipelines.connectors.kit.layout import Grid, Wanted, find_table
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.model.reject import Reject

_MEMBERS = 2_000
_CHUNK = 1 << 20
_FORMULA_WITHOUT_VALUE = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]+)(\d+)"[^>]*>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)


def is_workbook(body: bytes) -> bool:
    """Whether the bytes are a ZIP archive, as XLSX workbooks are."""
    return body.startswith(b"PK\x03\x04")


def read_workbook(body: bytes, wanted: Wanted, *, sheet: str | None, max_expanded: int) -> Grid:
    """The table on one sheet.

    Args:
        body: the file.
        wanted: declared parts of the layout; ``header_row`` is the sheet's row.
        sheet: its name; None takes the only visible sheet with something on it.
        max_expanded: bytes the archive may unpack to.

    Raises:
        UnreadableFile: it is no workbook, would unpack to too much, or the table is not certain.
    """
    _check_archive(body, max_expanded)
    records, name = _records(body, sheet)
    if not records.cells:
        raise UnreadableFile(
            "empty_sheet", f"sheet {name!r} is empty", remedy="declare another sheet, or ask for the file again"
        )
    grid = find_table(records, wanted, width=0, is_padded=True)
    _reject_missing_values(grid, _missing_values(body, name))
    return grid


def _check_archive(body: bytes, max_expanded: int) -> None:
    """Unpack every member once, counting: what an archive says of itself is not believed."""
    left = max_expanded
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            if "xl/workbook.xml" not in archive.namelist():
                raise UnreadableFile("no_workbook", "this archive is no XLSX workbook", remedy="ask for XLSX or CSV")
            if len(members) > _MEMBERS or sum(m.file_size for m in members) > max_expanded:
                raise _bomb(max_expanded)
            for member in members:
                with archive.open(member) as stream:
                    while chunk := stream.read(_CHUNK):
                        left -= len(chunk)
                        if left < 0:
                            raise _bomb(max_expanded)
    # NotImplementedError is what zipfile raises for a compression that it does not know.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise UnreadableFile(
            "damaged_workbook",
            f"the workbook is damaged or locked ({type(error).__name__})",
            remedy="ask for the file again",
        ) from None


def _bomb(limit: int) -> UnreadableFile:
    return UnreadableFile(
        "file_too_large", f"the workbook unpacks to more than {limit} bytes", remedy="ask for less, or raise max_bytes"
    )


def _records(body: bytes, sheet: str | None) -> tuple[Records, str]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(body))
        chosen = _sheet(book, sheet)
        rows = chosen.to_python(skip_empty_area=False)
    except CalamineError as error:
        raise UnreadableFile(
            "damaged_workbook", f"the workbook cannot be read ({type(error).__name__})", remedy="ask for the file again"
        ) from None
    numbers = list(range(1, len(rows) + 1))
    return Records(cells=[list(map(_text, row)) for row in rows], lines=numbers, last_lines=numbers), chosen.name


def _sheet(book: Any, name: str | None) -> Any:
    """The sheet of that name, or else the only visible one with something on it."""
    from python_calamine import SheetVisibleEnum

    if name is not None:
        if name not in book.sheet_names:
            raise UnreadableFile(
                "no_such_sheet", f"there is no sheet {name!r}", remedy="declare `sheet` as it is named now"
            )
        return book.get_sheet_by_name(name)
    shown = [book.get_sheet_by_name(m.name) for m in book.sheets_metadata if m.visible == SheetVisibleEnum.Visible]
    filled = [sheet for sheet in shown if sheet.total_height] or shown
    if len(filled) != 1:
        raise UnreadableFile(
            "several_sheets",
            f"{len(filled)} sheets may be meant",
            remedy="declare `sheet` with the name of one",
        )
    return filled[0]


def _text(value: Any) -> str:
    """A cell as a person reads it in the formula bar: whole numbers without a point, dates in ISO order."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        # Spreadsheets keep 15 digits; what a float shows beyond them was never there.
        return str(int(value)) if value == int(value) else f"{Decimal(f'{value:.15g}'):f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return ""


def _missing_values(body: bytes, sheet: str) -> dict[int, int]:
    """By row, the first 1-based column with a formula whose value was never stored."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        content = archive.read(_part_of(archive, sheet))
    if b"<f" not in content:
        return {}
    found: dict[int, int] = {}
    for match in _FORMULA_WITHOUT_VALUE.finditer(content):
        found.setdefault(int(match.group(2)), _column_number(match.group(1).decode()))
    return found


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The archive's member that holds a sheet, by the workbook's relations (ECMA-376 part 1, 18.2.19)."""
    book = dict(_attributes(archive.read("xl/workbook.xml"), "sheet", "name", "id"))
    parts = dict(_attributes(archive.read("xl/_rels/workbook.xml.rels"), "Relationship", "Id", "Target"))
    target = parts.get(book.get(sheet, ""), "")
    path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    if path not in archive.namelist():
        raise UnreadableFile("damaged_workbook", f"sheet {sheet!r} is not in the file", remedy="ask for the file again")
    return path


def _attributes(content: bytes, tag: str, key: str, value: str) -> Iterator[tuple[str, str]]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        raise UnreadableFile("damaged_workbook", "the workbook is damaged", remedy="ask for the file again") from None
    for element in root.iter("{*}" + tag):
        own = {etree.QName(name).localname: text for name, text in element.attrib.items()}
        if key in own and value in own:
            yield own[key], own[value]


def _reject_missing_values(grid: Grid, missing: dict[int, int]) -> None:
    """A formula nobody computed looks like an empty cell; its row cannot be believed."""
    gone = {i for i, line in enumerate(grid.lines) if line in missing}
    for i in sorted(gone):
        column = missing[grid.lines[i]]
        name = grid.header[column - 1] if column <= len(grid.header) else ""
        grid.rejects.append(
            Reject(
                grid.lines[i],
                None,
                name,
                "formula_without_value",
                "",
                "a formula whose value was not stored",
                "open the workbook in a spreadsheet program and save it again",
            )
        )
    if gone:
        grid.rows = [r for i, r in enumerate(grid.rows) if i not in gone]
        grid.lines = [n for i, n in enumerate(grid.lines) if i not in gone]

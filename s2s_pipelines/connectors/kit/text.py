"""Values of a database as text, exactly: no float notation, no guessed types, null stays null."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def plain(value: object) -> str | None:
    r"""One value as text: amounts in plain digits, times in ISO 8601 with a blank, aware ones in UTC, bytes in hex.

    >>> plain(Decimal("1E+3")), plain(0.1), plain(1e22), plain(True), plain(None)
    ('1000', '0.1', '10000000000000000000000', 'true', None)
    >>> plain(datetime(2026, 11, 21, 12, 0, 5)), plain(date(2026, 11, 21)), plain(b"\x01\xff")
    ('2026-11-21 12:00:05', '2026-11-21', '01ff')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # repr is the shortest text that names this float; as a decimal it loses the exponent.
        return _digits(Decimal(repr(value)))
    if isinstance(value, Decimal):
        return _digits(value)
    if isinstance(value, date | time | timedelta):
        return _moment(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def _digits(value: Decimal) -> str:
    return format(value, "f") if value.is_finite() else str(value)


def _moment(value: date | time | timedelta) -> str:
    if isinstance(value, datetime):
        value = value.astimezone(UTC) if value.tzinfo else value
        return value.isoformat(sep=" ")
    return str(value) if isinstance(value, timedelta) else value.isoformat()


def text_column(values: Sequence[object]) -> "pa.Array":
    """One column of a fetched batch as an Arrow text array."""
    import pyarrow as pa

    if set(map(type, values)) <= {str, type(None)}:
        return pa.array(values, pa.string())
    return pa.array([plain(value) for value in values], pa.string())


_TRUE, _FALSE = ("1", "t", "true", "TRUE", "\x01"), ("0", "f", "false", "FALSE", "\x00")


def boolean_text(column: "pa.Array") -> "pa.Array":
    """Texts that drivers send for true and false as ``true`` and ``false``; others stay."""
    import pyarrow as pa
    import pyarrow.compute as pc

    yes, no = pc.is_in(column, pa.array(_TRUE)), pc.is_in(column, pa.array(_FALSE))
    return pc.if_else(yes, pa.scalar("true"), pc.if_else(no, pa.scalar("false"), column))


def number_text(column: "pa.Array") -> "pa.Array":
    """Texts of numbers in plain digits: ``.5`` gets its zero, ``1e-05`` loses its exponent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.match_substring_regex(column, r"^-?\.")).as_py():
        column = pc.replace_substring_regex(column, r"^(-?)\.", r"\10.")
    if pc.any(pc.match_substring_regex(column, r"[eE]")).as_py():
        column = pa.array([_without_exponent(text) for text in column.to_pylist()], pa.string())
    return column


def _without_exponent(text: str | None) -> str | None:
    if text is None or "e" not in text.lower():
        return text
    try:
        return _digits(Decimal(text))
    except ArithmeticError:
        return text


def moment_text(column: "pa.Array") -> "pa.Array":
    """Arrow dates and times as ISO 8601 text with a blank between date and time."""
    import pyarrow as pa

    return column.cast(pa.string())


def trimmed(column: "pa.Array | pa.ChunkedArray") -> "pa.Array | pa.ChunkedArray":
    """Without blanks at the end: fixed-width columns are padded, and no driver says reliably which columns those are.

    Source: erp-sql research, section 0.2 (Sage 300 and Pastel pad; SQL Server compares without regard to the padding).
    """
    import pyarrow.compute as pc

    if not pc.any(pc.ends_with(column, " ")).as_py():
        return column
    return pc.utf8_rtrim(column, characters=" ")

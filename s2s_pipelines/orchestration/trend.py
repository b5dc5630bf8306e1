"""A small picture of the last runs, drawn without a plotting library: every run's worker would pay for importing one.

The picture is a PNG with a palette (PNG specification, W3C, sections 11.2 and 11.3), some hundred bytes; the numbers stand beside
it as text.
"""

import base64
import struct
import zlib
from collections.abc import Sequence

import dagster as dg

RUNS = 30
"""Runs shown."""

_BAR, _GAP, _HEIGHT, _MARGIN = 12, 3, 72, 6
_PALETTE = ((255, 255, 255), (79, 109, 122), (192, 64, 48), (214, 220, 224))
_WHITE, _BLUE, _RED, _GREY = range(4)


def trend(
    counts: Sequence[tuple[int, int]], what: str, bad: str, each: str = "runs that changed it"
) -> dg.MarkdownMetadataValue | None:
    """Bars of the last runs, the oldest on the left; None where two runs are not there yet.

    Args:
        counts: per run, the oldest first, how many in all, and how many of those were ``bad``.
        what: what is counted, such as ``rows read``.
        bad: what the red part of a bar is, such as ``rejected``.
        each: what a bar stands for, in the plural.
    """
    shown = list(counts)[-RUNS:]
    if len(shown) < 2:
        return None
    totals = [total for total, _ in shown]
    text = f"{what}: {totals[-1]:,} now, {min(totals):,} to {max(totals):,} in the last {len(shown)} {each}"
    wrong = [part for _, part in shown]
    if any(wrong):
        text += f"; red: {bad}, {wrong[-1]:,} now"
    picture = base64.b64encode(_png(_drawn(shown))).decode()
    return dg.MetadataValue.md(f"{text}\n\n![{what}](data:image/png;base64,{picture})")


def _drawn(shown: Sequence[tuple[int, int]]) -> list[bytearray]:
    """Rows of palette numbers: a bar per run from the bottom, its bad part in red, a line at the height of the largest."""
    width = 2 * _MARGIN + len(shown) * (_BAR + _GAP) - _GAP
    rows = [bytearray([_WHITE]) * width for _ in range(_HEIGHT + 2 * _MARGIN)]
    for row in (_MARGIN - 1, _MARGIN + _HEIGHT):
        rows[row][_MARGIN : width - _MARGIN] = bytes([_GREY]) * (width - 2 * _MARGIN)
    largest = max(1, *(total for total, _ in shown))
    for place, (total, wrong) in enumerate(shown):
        left = _MARGIN + place * (_BAR + _GAP)
        height, red = _height(total, largest), _height(min(wrong, total), largest)
        for up in range(height):
            colour = _RED if up < red else _BLUE
            rows[_MARGIN + _HEIGHT - 1 - up][left : left + _BAR] = bytes([colour]) * _BAR
    return rows


def _height(count: int, largest: int) -> int:
    """Whatever is not nothing is seen.

    >>> [_height(count, 1000) for count in (0, 1, 500, 1000)]
    [0, 2, 36, 72]
    """
    return 0 if count <= 0 else max(2, round(_HEIGHT * count / largest))


def _png(rows: Sequence[bytearray]) -> bytes:
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    palette = bytes(part for colour in _PALETTE for part in colour)
    parts = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", lines), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

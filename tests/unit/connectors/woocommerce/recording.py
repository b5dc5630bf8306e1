"""Reads the recordings of a real shop, where they are at hand."""

import json
import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("S2S_RECORDINGS", "")) / "woocommerce"
needs_recordings = pytest.mark.skipif(
    not os.environ.get("S2S_RECORDINGS"), reason="S2S_RECORDINGS does not name the folder of the recordings"
)


def exchanges(number: int) -> list[dict]:
    """The exchanges of one file, as a list even when there is one."""
    (path,) = FOLDER.glob(f"{number:02}-*.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    return content if isinstance(content, list) else [content]


def raw_exchange(number: int, place: int = 0) -> tuple[dict, dict]:
    """Request and response of one exchange."""
    exchange = exchanges(number)[place]
    return exchange["request"], exchange["response"]

"""The pictures of docs/, made from those that the browser tests took: ``python -m tests.pictures``.

Each is cropped to what it is about and written with as many colours as keep it below the limit: a screenshot has few.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
TAKEN = ROOT / "build" / "screenshots"
SHOWN = ROOT / "docs" / "images"
MOST_BYTES = 60_000
_COLOURS = (128, 96, 64, 48, 32, 16)


@dataclass(frozen=True)
class Picture:
    """One picture of docs/.

    Attributes:
        name: of both files, without their ending.
        box: left, top, right and bottom of what is shown; None: all of it.
    """

    name: str
    box: tuple[int, int, int, int] | None = None


_LAUNCHPAD = (240, 0, 1440, 720)

PICTURES = (
    Picture("asset-graph"),
    Picture("failed-check"),
    Picture("launchpad"),
    Picture("orders-run"),
    Picture("wrong-field", (240, 0, 1440, 900)),
    Picture("resync-skus", _LAUNCHPAD),
    Picture("backfill-clients", (360, 70, 1080, 755)),
    Picture("plan", (144, 40, 1296, 900)),
    Picture("approve", _LAUNCHPAD),
    Picture("breaker", (240, 0, 1440, 490)),
    Picture("paused-check", (240, 0, 1440, 500)),
    Picture("fleet-paused"),
    Picture("explain-sku", (144, 124, 1296, 652)),
    Picture("rejects", (144, 86, 1296, 729)),
)


def write(picture: Picture) -> int:
    """Crop and write one picture; its size in bytes."""
    target = SHOWN / f"{picture.name}.png"
    with Image.open(TAKEN / f"{picture.name}.png") as taken:
        cropped = taken.convert("RGB").crop(picture.box) if picture.box else taken.convert("RGB")
    for colours in _COLOURS:
        # Without metadata: nothing of the machine that took it.
        cropped.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size < MOST_BYTES:
            break
    return target.stat().st_size


def main() -> int:
    """Write every picture that was taken."""
    for picture in PICTURES:
        if not (TAKEN / f"{picture.name}.png").exists():
            print(f"{picture.name}: not taken; run tests/e2e/test_browser.py and test_browser_actions.py first")
            continue
        print(f"{picture.name}: {write(picture):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The pictures of the docs: small, without metadata, each taken by a browser test, and each shown."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.pictures import MOST_BYTES, PICTURES, SHOWN

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
NAMES = sorted(path.stem for path in SHOWN.glob("*.png"))
TAKERS = "".join((ROOT / "tests" / "e2e" / name).read_text() for name in ("test_browser.py", "test_browser_actions.py"))


def _shown() -> list[str]:
    return sorted(
        {name for page in PAGES for name in re.findall(r"!\[.+?\]\(\S*images/(\S+)\.png\)", page.read_text())}
    )


def test_each_picture_is_shown_and_each_that_is_shown_is_there():
    assert _shown() == NAMES == sorted(picture.name for picture in PICTURES)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small_and_says_nothing_of_the_machine_that_took_it(name):
    path = SHOWN / f"{name}.png"
    assert path.stat().st_size < MOST_BYTES
    with Image.open(path) as picture:
        assert set(picture.info) <= {"transparency"}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_taken_by_a_browser_test(name):
    assert f'"{name}"' in TAKERS

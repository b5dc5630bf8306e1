"""The small picture of the last runs: a PNG that a real decoder reads, with bars where they belong."""

import base64
import io
import re

import pytest
from PIL import Image

from s2s_pipelines.orchestration.trend import trend

BLUE, RED, WHITE = (79, 109, 122), (192, 64, 48), (255, 255, 255)


def picture(shown):
    (data,) = re.findall(r"\(data:image/png;base64,([^)]+)\)", shown.value)
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return image.convert("RGB")


def bar(image, place):
    """Colours of a bar from its foot upwards."""
    return [image.getpixel((6 + place * 15 + 6, 6 + 71 - up)) for up in range(72)]


def test_one_bar_a_run_as_high_as_its_count_with_the_bad_part_in_red_at_its_foot():
    image = picture(trend([(50, 0), (100, 25), (0, 0)], "rows", "rejected"))
    assert image.size == (2 * 6 + 3 * 15 - 3, 72 + 12)
    assert bar(image, 0) == [BLUE] * 36 + [WHITE] * 36
    assert bar(image, 1) == [RED] * 18 + [BLUE] * 54
    assert bar(image, 2) == [WHITE] * 72


def test_the_numbers_stand_beside_it():
    text = trend([(1200, 0), (1100, 0), (1150, 3)], "rows of stock", "rejected").value
    assert text.startswith(
        "rows of stock: 1,150 now, 1,100 to 1,200 in the last 3 runs that changed it; red: rejected, 3 now\n"
    )
    assert "red" not in trend([(5, 0), (6, 0)], "rows", "rejected").value


def test_thirty_runs_are_shown_the_newest_on_the_right():
    shown = trend([(n, 0) for n in range(1, 101)], "rows", "rejected")
    assert "100 now, 71 to 100 in the last 30 runs" in shown.value
    image = picture(shown)
    assert bar(image, 29)[71] == BLUE
    assert bar(image, 0)[71] == WHITE
    assert len(shown.value) < 2_000


def test_a_single_bad_one_among_a_million_is_seen():
    image = picture(trend([(1_000_000, 1), (1_000_000, 0)], "rows", "rejected"))
    assert bar(image, 0)[:3] == [RED, RED, BLUE]


@pytest.mark.parametrize("counts", [[], [(5, 0)]])
def test_one_run_is_no_trend(counts):
    assert trend(counts, "rows", "rejected") is None

import pytest

from s2s_pipelines.config.value_check import find_bad_durations, judge_timezone
from s2s_pipelines.config.yaml_file import read_yaml


def judged(text):
    tree = read_yaml(f"channels: {{shop: {{push_every: {text}}}}}")
    return [(p.message, p.near_miss) for p in find_bad_durations(tree, "client.yaml")]


@pytest.mark.parametrize("text", ["PT15S", "PT3M", "PT1H30M", "P1D", "P7D", "P2W", "P1DT12H"])
def test_plain_duration_is_taken(text):
    assert judged(text) == []


@pytest.mark.parametrize(
    "text, near",
    [("P3M", "PT3M"), ("3m", "PT3M"), ("7D", "P7D"), ("pt3m", "PT3M"), ("P1Y", None), ("180", None), ("PT", None)],
)
def test_other_spelling_is_refused_with_the_near_miss(text, near):
    assert judged(text) == [("this is not a duration", near)]


@pytest.mark.parametrize("text", ["-PT3M", "PT0.5S", "P", "00:03:00", "true", "PT3M5"])
def test_what_is_no_duration_is_refused(text):
    assert judged(text) != []


@pytest.mark.parametrize("name", ["Africa/Johannesburg", "UTC", "Europe/Berlin"])
def test_known_time_zone_is_taken(name):
    assert judge_timezone(name) is None


@pytest.mark.parametrize("name", ["SAST", "Africa/Joburg", "../../etc/passwd", "/etc/localtime", "", "Africa", "A\0B"])
def test_unknown_time_zone_is_refused(name):
    assert judge_timezone(name) is not None

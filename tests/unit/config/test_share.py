"""Which clients a code server serves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s_pipelines.config.share import Share
from s2s_pipelines.errors import ConfigurationError

NAMES = [f"client_{number:04}" for number in range(1000)]


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "4", "2/", "/4", "a/b", "2/4/8", "-1/4", "1/0", "01/4", "1000/1000", "2 / 4"]
)
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ConfigurationError, match="which is no share"):
        Share.from_mapping({"S2S_SHARD": text})


@given(st.text(min_size=1, max_size=40), st.integers(1, 20))
def test_every_client_belongs_to_exactly_one_share(name, of):
    assert [Share(number, of).holds(name) for number in range(1, of + 1)].count(True) == 1


def test_shares_are_about_equal():
    counts = [sum(map(Share(number, 4).holds, NAMES)) for number in (1, 2, 3, 4)]
    assert sum(counts) == len(NAMES)
    assert min(counts) > 200


def test_only_the_first_looks_after_what_concerns_all():
    assert [Share(number, 3).is_first for number in (1, 2, 3)] == [True, False, False]
    assert (Share().is_first, Share().is_all, Share(1, 3).is_all) == (True, True, False)

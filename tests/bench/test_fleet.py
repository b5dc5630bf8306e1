"""The fleet's bench comes to its end on a small fleet, and everything in it is as it must be."""

import pytest

from bench.fleet import BARS, measure


@pytest.mark.slow
@pytest.mark.server("postgres")
@pytest.mark.timeout(600)
def test_the_bench_of_a_small_fleet_finds_everything_as_it_must_be(tmp_path, postgres_server):
    found, wrong = measure(3, 20, tmp_path)
    assert wrong == []
    assert set(found) == {"clients", "assets", *BARS}
    assert found["clients"] == 3
    assert found["cycle_runs"] >= 1

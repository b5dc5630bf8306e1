"""What may go and what must stay; every sentence of the list in docs/operations.md has its test here or beside the storage."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from s2s_pipelines.cycle.retention import OldPlan, OldSnapshot, Used, limit, plans_to_go, snapshots_to_go

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BEFORE = NOW - timedelta(days=30)


def snapshot(number, days, *, name="source/erp/products", current=False, complete=True, refused=False, read=None):
    """A snapshot kept so many days ago."""
    return OldSnapshot(number, name, current, complete, refused, NOW - timedelta(days=days), read)


def old(*numbers, upto=40):
    """Snapshots of past months, one a day, and the one that stands."""
    return [snapshot(n, upto + 20 - n) for n in numbers] + [snapshot(99, 1, current=True)]


def test_only_those_replaced_before_the_limit_go():
    kept = [
        snapshot(1, 90),
        snapshot(2, 60),
        snapshot(3, 40),
        snapshot(4, 29),
        snapshot(5, 2),
        snapshot(6, 1, current=True),
    ]
    assert snapshots_to_go(kept, Used(), BEFORE) == (1, 2)


def test_one_that_stood_until_yesterday_stays_however_old_it_is():
    kept = [snapshot(1, 200), snapshot(2, 1), snapshot(3, 0.5, current=True)]
    assert snapshots_to_go(kept, Used(), BEFORE) == ()


def test_one_that_stands_stays_however_old_it_is():
    refused = [snapshot(n, 100 - n, refused=True) for n in range(2, 6)]
    going = snapshots_to_go([snapshot(1, 300, current=True), *refused], Used(), BEFORE)
    assert going == (2, 3), "the newest refused reads stay for explain, what stands stays for ever"


def test_inputs_of_the_standing_catalogue_stay():
    assert snapshots_to_go(old(1, 2, 3), Used(ids={2}), BEFORE) == (1,)


def test_last_complete_one_stays_behind_partial_ones():
    partial = [snapshot(n, 100 - n, complete=False) for n in range(2, 8)]
    kept = [snapshot(1, 150), *partial, snapshot(9, 1, complete=False, current=True)]
    assert snapshots_to_go(kept, Used(), BEFORE) == (2, 3, 4, 5, 6)
    refused_too = [*kept, snapshot(10, 0.5, refused=True)]
    assert 1 not in snapshots_to_go(refused_too, Used(), BEFORE), "a refused one is no last good one"


def test_reads_that_standing_values_came_from_stay():
    kept = [snapshot(n, 100 - n, read=f"read {n}", complete=False) for n in range(1, 8)]
    kept += [snapshot(9, 1, current=True, read="read 9")]
    used = Used(reads={"source/erp/products": {"read 2", "read 9"}, "source/erp/stock": {"read 3"}})
    assert snapshots_to_go(kept, used, BEFORE) == (1, 3, 4, 5, 6)


def test_names_are_judged_apart():
    other = [snapshot(n + 100, 100 - n, name="catalogue") for n in (1, 2)]
    assert snapshots_to_go([*old(1, 2, 3), *other], Used(), BEFORE) == (1, 2)


def test_plans_replaced_long_ago_go_and_decisions_stay():
    plans = [
        OldPlan(1, "shop", False, NOW - timedelta(days=300)),
        OldPlan(2, "shop", True, NOW - timedelta(days=200)),
        OldPlan(3, "shop", False, NOW - timedelta(days=150)),
        OldPlan(4, "shop", False, NOW - timedelta(days=2)),
        OldPlan(5, "other", False, NOW - timedelta(days=300)),
    ]
    going = plans_to_go(plans, BEFORE)
    assert (going.whole, going.files_only) == ((1,), (2,))


def test_nothing_younger_than_a_day_goes_whatever_is_declared():
    assert limit(NOW, timedelta(0)) == NOW - timedelta(days=1)
    assert limit(NOW, timedelta(days=5)) == NOW - timedelta(days=5)


@st.composite
def histories(draw):
    """Histories as the store makes them: numbers grow with time, at most the newest of those that stood stands."""
    days = sorted(draw(st.lists(st.integers(0, 400), min_size=1, max_size=12, unique=True)), reverse=True)
    refused = draw(st.lists(st.booleans(), min_size=len(days), max_size=len(days)))
    complete = draw(st.lists(st.booleans(), min_size=len(days), max_size=len(days)))
    made = [
        snapshot(n, d, refused=r, complete=c, read=f"read {n}")
        for n, (d, r, c) in enumerate(zip(days, refused, complete, strict=True))
    ]
    stood = [s.id for s in made if not s.is_refused]
    return [
        OldSnapshot(
            s.id, s.name, bool(stood) and s.id == stood[-1], s.is_complete, s.is_refused, s.created_at, s.first_read_at
        )
        for s in made
    ]


@given(histories(), st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)))
def test_what_must_stay_always_stays(history, inputs, reads):
    used = Used(inputs, {"source/erp/products": {f"read {n}" for n in reads}})
    going = set(snapshots_to_go(history, used, BEFORE))
    complete = [s.id for s in history if s.is_complete and not s.is_refused]
    assert not going & {s.id for s in history if s.is_current}
    assert not going & inputs
    assert not going & reads
    assert not going & set(complete[-1:])
    assert not going & {s.id for s in history[-2:]}
    assert all(s.created_at < BEFORE for s in history if s.id in going)

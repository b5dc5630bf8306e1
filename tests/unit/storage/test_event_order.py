"""One order out of two: that of the common file, and that of each run's own."""

from hypothesis import given
from hypothesis import strategies as st

from s2s_pipelines.storage.event_order import NewNumbers, number_anew


def rows(text):
    """Rows of one run: capitals are in the common file as well."""
    return [(number, letter.encode()) for number, letter in enumerate(text, 1)]


def placed(common, **runs):
    """The new order as a text: each row as its run and letter."""
    known = [(n, run, letter.encode()) for n, (run, letter) in common]
    made = number_anew(known, {run: rows(text) for run, text in runs.items()})
    by_new = {made.common[n]: f"{run}{letter}" for n, (run, letter) in common}
    for run, text in runs.items():
        by_new |= {made.own[run][old]: f"{run}{text[old - 1]}" for old in made.own.get(run, {})}
    assert sorted(by_new) == list(range(1, made.count + 1))
    return [by_new[n] for n in sorted(by_new)]


def test_rows_of_a_run_stay_around_the_common_ones_they_stood_around():
    found = placed([(10, ("r", "A")), (11, ("r", "B"))], r="xAyzBw")
    assert found == ["rx", "rA", "ry", "rz", "rB", "rw"]


def test_common_rows_of_several_runs_keep_their_order():
    common = [(3, ("q", "A")), (4, ("r", "A")), (9, ("q", "B"))]
    found = placed(common, q="aAbBc", r="dAe")
    assert [row for row in found if row[1].isupper()] == ["qA", "rA", "qB"]
    assert [row for row in found if row[0] == "q"] == ["qa", "qA", "qb", "qB", "qc"]
    assert [row for row in found if row[0] == "r"] == ["rd", "rA", "re"]


def test_equal_events_of_one_run_are_taken_one_by_one():
    assert placed([(1, ("r", "A")), (2, ("r", "A"))], r="xAyAz") == ["rx", "rA", "ry", "rA", "rz"]


def test_rows_without_a_file_of_their_run_and_files_without_common_rows_are_kept():
    assert placed([(5, ("gone", "A"))], r="xy") == ["goneA", "rx", "ry"]


def test_pointer_to_a_row_that_was_deleted_points_before_the_ones_after_it():
    numbers = NewNumbers({2: 20, 5: 50})
    assert [numbers.of(old) for old in (0, 1, 2, 3, 4, 5, 99)] == [0, 0, 20, 20, 20, 50, 50]


@st.composite
def storages(draw):
    """What any number of runs, writing at the same time, leave behind."""
    runs = draw(st.integers(1, 4))
    events = draw(st.lists(st.tuples(st.integers(0, runs - 1), st.booleans(), st.sampled_from("ab")), max_size=40))
    common, own = [], {f"r{n}": [] for n in range(runs)}
    for number, (run, is_common, letter) in enumerate(events, 1):
        rows_of = own[f"r{run}"]
        digest = f"{letter}{is_common}".encode()
        rows_of.append((len(rows_of) + 1, digest))
        if is_common:
            common.append((number, f"r{run}", digest))
    return common, own


@given(storages())
def test_both_orders_are_kept_and_no_row_is_lost_or_doubled(storage):
    common, own = storage
    made = number_anew(common, own)
    new_common = [made.common[number] for number, _, _ in common]
    assert new_common == sorted(new_common)
    assert made.count == sum(map(len, own.values())), "every common row is one of its run"
    used = sorted([*made.common.values(), *(n for of_run in made.own.values() for n in of_run.values())])
    assert used == list(range(1, made.count + 1))
    for run, rows_of in own.items():
        mine = iter([number for number, of, _ in common if of == run])
        new = [made.own.get(run, {}).get(old) or made.common[next(mine)] for old, _ in rows_of]
        assert new == sorted(new)

"""The bar for files of odd dialects: read exactly or refused with line and reason, never read wrong."""

import json

import pytest

from tests.dialects import cases, judge

ODD, ORDINARY = cases("odd"), cases("ordinary")


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.stem)
def test_odd_file_is_read_exactly_or_refused_as_foreseen(case):
    true = json.loads(case.read_text(encoding="utf-8"))
    judged = judge(case)
    if "refused" in true:
        assert (judged.verdict, judged.reason, judged.line) == ("refused", *true["refused"].values()), judged.why
        assert f"line {judged.line}: " in judged.why
        assert " Next: " in judged.why
    else:
        assert judged.verdict == "exact", judged.why


@pytest.mark.parametrize("case", ORDINARY, ids=lambda case: case.stem)
def test_ordinary_file_is_read_exactly(case):
    judged = judge(case)
    assert judged.verdict == "exact", judged.why


def test_there_are_as_many_files_as_the_bar_asks():
    foreseen = [json.loads(case.read_text(encoding="utf-8")) for case in ODD]
    assert len(ODD) >= 60
    assert len(ORDINARY) >= 30
    assert sum("refused" not in true for true in foreseen) >= 45


def test_a_file_without_a_certain_reading_counts_as_wrong_once_it_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("sku,price\nA1,10.00\nA2,11.00\n")
    (tmp_path / "a.json").write_text(json.dumps({"file": "a.csv"}))
    assert judge(tmp_path / "a.json").verdict == "wrong"


@pytest.mark.parametrize(
    "change",
    [
        {"header": ["sku", "cost"]},
        {"rows": [["A1", "10.0"], ["A2", "11.00"]]},
        {"lines": [2, 4]},
        {"rejected_lines": [4]},
        {"flagged": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_one_differing_cell_counts_as_wrong(tmp_path, change):
    true = {"file": "a.csv", "header": ["sku", "price"], "rows": [["A1", "10.00"], ["A2", "11.00"]], "lines": [2, 3]}
    (tmp_path / "a.csv").write_text("sku,price\nA1,10.00\nA2,11.00\n")
    (tmp_path / "a.json").write_text(json.dumps(true))
    assert judge(tmp_path / "a.json").verdict == "exact"
    (tmp_path / "a.json").write_text(json.dumps(true | change))
    assert judge(tmp_path / "a.json").verdict == "wrong"

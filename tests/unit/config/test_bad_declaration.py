"""Every bad declaration is refused with exactly the words that its folder keeps."""

import pytest

from tests.unit.config.bad_declaration import BAD, load_case

CASES = sorted(case for case in BAD.iterdir() if case.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_declaration_is_told_in_these_words(case, tmp_path):
    fleet, told = load_case(case, tmp_path)
    assert told == (case / "expected.txt").read_text(encoding="utf-8")
    assert bool(fleet.broken) == ("  error: " in told)
    assert "  error: " in told or "  warning: " in told


def test_there_are_at_least_forty_cases_with_errors():
    with_errors = [case for case in CASES if "  error: " in (case / "expected.txt").read_text(encoding="utf-8")]
    assert len(with_errors) >= 40


def test_every_case_says_what_to_do():
    for case in CASES:
        text = (case / "expected.txt").read_text(encoding="utf-8")
        assert text.count("  fix: ") == text.count("  error: ") + text.count("  warning: "), case.name


def test_no_case_repeats_a_secret():
    written = [
        case
        for case in CASES
        if "not-a" in (case / "expected.txt").read_text() or "cs_not" in (case / "expected.txt").read_text()
    ]
    assert written == []

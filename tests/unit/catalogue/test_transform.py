import doctest
import importlib
from decimal import Decimal

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.number import Spelling, read_decimals
from s2s_pipelines.catalogue.policy import NumberFormat
from s2s_pipelines.catalogue.transform import TRANSFORMS, sample
from s2s_pipelines.errors import ConfigurationError

ROOM = (
    "bench", "binding", "column", "fault", "judgement", "layer", "linter", "mapping", "merge", "number", "overlay",
    "ownership", "reading", "tier", "transform", "variant",
)  # fmt: skip


@pytest.mark.parametrize("name", ROOM)
def test_examples_in_docstrings_hold(name):
    module = importlib.import_module(f"s2s_pipelines.catalogue.{name}")
    assert doctest.testmod(module).failed == 0


def test_every_transform_that_is_a_function_has_an_example():
    steps = {t.read for t in TRANSFORMS.values() if t.read.__name__ == t.name}
    assert len(steps) > 10
    assert [s.__name__ for s in steps if ">>>" not in s.__doc__] == []


def test_every_transform_keeps_the_number_of_cells_and_leaves_missing_cells_missing():
    cells = pa.array([None, "1", "x", ""], pa.string())
    for name, transform in TRANSFORMS.items():
        values = transform.read(cells, Spelling()).values
        assert len(values) == 4, name
        if name != "empty_is_zero":
            assert values[0].as_py() is None, name


def read(text, **marks):
    reading = read_decimals(pa.array([text], pa.string()), Spelling(NumberFormat(**marks)))
    flaws = [flaw.reason for flaw in reading.flaws]
    return flaws[0] if flaws else reading.values[0].as_py()


@pytest.mark.parametrize(
    "text, amount",
    [
        ("199", "199"),
        ("0199.90", "199.9"),
        (" R 1 234.50 ", "1234.5"),
        ("R1\u00a0234.50", "1234.5"),
        ("1\u202f234\u202f567.8", "1234567.8"),
        ("ZAR 12", "12"),
        ("12 zar", "12"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+5", "5"),
        ("-5", "-5"),
        ("\u22125", "-5"),
        ("R-5", "-5"),
        ("-R 5", "-5"),
        ("5.00-", "-5"),
        ("(1 234.50)", "-1234.5"),
        ("0" * 30 + "7", "7"),
        ("1.99999999999", "1.9999999999"),
    ],
)
def test_number_is_read_exactly(text, amount):
    assert read(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["1,234", "1,5", "1.234,56", "12 34", "1 2345", "1'234", "1.2.3", "1 234,50", ",5"])
def test_mark_that_was_not_declared_is_ambiguous(text):
    assert read(text) == "ambiguous_number"


@pytest.mark.parametrize(
    "text, marks, amount",
    [
        ("1,234", {"decimal_mark": ","}, "1.234"),
        ("1,234", {"thousands_mark": ","}, "1234"),
        ("1.234", {"decimal_mark": ",", "thousands_mark": "."}, "1234"),
        ("1.234.567,89", {"decimal_mark": ",", "thousands_mark": "."}, "1234567.89"),
        ("1 234,50", {"decimal_mark": ",", "thousands_mark": " "}, "1234.5"),
        ("1'234.50", {"thousands_mark": "'"}, "1234.5"),
    ],
)
def test_declared_marks_decide(text, marks, amount):
    assert read(text, **marks) == Decimal(amount)


@pytest.mark.parametrize("text", ["1.234", "1.5", "1,234.56", "1,23.4"])
def test_point_is_ambiguous_under_a_decimal_comma(text):
    assert read(text, decimal_mark=",") == "ambiguous_number"


@pytest.mark.parametrize("text", ["$5", "USD 5", "5 EUR", "5 €", "N$ 5"])
def test_amount_in_another_currency_is_refused(text):
    assert read(text) == "other_currency"


@pytest.mark.parametrize("text", ["POA", "1e5", "0x1F", "--5", "-", "５", "∞", "nan", "5 each", "1_000"])
def test_what_is_no_number_is_refused(text):
    assert read(text) == "not_a_number"


def test_thirteen_digits_are_too_large():
    assert read("9" * 12) == Decimal("9" * 12)
    assert read("9" * 13) == "too_large"


def test_currency_beside_a_weight_is_refused():
    assert sample("kilograms_to_grams", "R 5") == ["refused: not_a_number"]


def test_same_mark_for_decimals_and_thousands_is_a_mistake_of_the_declaration():
    with pytest.raises(ConfigurationError, match="both as decimal mark and as thousands mark"):
        read("1", decimal_mark=",", thousands_mark=",")


def test_parts_of_a_list_are_counted_from_the_front():
    row = "a, b ,,d"
    names = ["first_of_csv", "second_of_csv", "third_of_csv", "fourth_of_csv", "fifth_of_csv"]
    assert [sample(name, row)[0] for name in names] == ["a", "b", None, "d", None]


def test_text_of_markup_keeps_what_only_looks_like_a_tag():
    assert sample("html_to_text", "a < b and c > d", "<br/>x<!-- no -->&nbsp;y", "<style>p{}</style>z") == [
        "a < b and c > d",
        "x y",
        "z",
    ]

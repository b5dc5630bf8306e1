from decimal import Decimal

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.breaker import BREAKERS, Listed, judge
from s2s_pipelines.catalogue.diff import Plan, changes_schema, items_schema
from s2s_pipelines.catalogue.policy import Breakers


def plan_of(*changes):
    """Changes as (action, field, before, after), one variant each."""
    rows = [
        dict(zip(changes_schema().names, ("variant", "erp:P", f"S{i}", *c, "changed"), strict=True))
        for i, c in enumerate(changes)
    ]
    table = pa.Table.from_pylist(rows, changes_schema())
    return Plan(table, items_schema().empty_table(), pa.table({}), "hide", "0" * 64)


def tripped(plan, listed=100, with_stock=100, **limits):
    verdicts = judge(plan, Listed(listed, with_stock), Breakers(**limits))
    assert tuple(verdicts) == BREAKERS
    return {name for name, verdict in verdicts.items() if verdict.is_tripped}


DELIST = ("delist", None, None, None)
TO_ZERO = ("update", "qty", "3", "0")


def price(before, after):
    return ("update", "price", before, after)


def test_plan_at_the_limit_passes_and_one_more_item_trips():
    assert tripped(plan_of(*[DELIST] * 20)) == set()
    assert tripped(plan_of(*[DELIST] * 21)) == {"vanish"}
    assert tripped(plan_of(*[TO_ZERO] * 31)) == {"to_zero"}
    assert tripped(plan_of(*[price("100.00", "126.00")] * 31)) == {"price_change"}


def test_few_items_never_trip():
    assert tripped(plan_of(*[DELIST] * 4), listed=4) == set()
    assert tripped(plan_of(*[DELIST] * 4), listed=4, at_least=4) == {"vanish"}


def test_share_of_zero_is_of_what_has_stock():
    assert tripped(plan_of(*[TO_ZERO] * 5), with_stock=10) == {"to_zero"}


@pytest.mark.parametrize(
    "before, after, counts",
    [
        ("100.00", "125.00", False),
        ("100.00", "125.01", True),
        ("100.00", "75.00", False),
        ("100.00", "74.99", True),
        ("0.00", "0.01", True),
        ("0.03", "0.04", True),
        (None, "9.00", False),
    ],
)
def test_price_counts_when_it_moves_by_more_than_its_share_up_or_down(before, after, counts):
    verdict = judge(plan_of(price(before, after)), Listed(10, 10), Breakers())["price_change"]
    assert verdict.count == int(counts)


def test_creates_and_other_fields_trip_nothing():
    many = [
        ("create", "qty", None, "0"),
        ("create", "price", None, "1"),
        ("update", "qty", "5", "4"),
        ("update", "qty", None, "0"),
        ("update", "inventory_management", "true", "false"),
        ("update", "barcode", "600", "601x"),
    ]
    assert tripped(plan_of(*many * 50), listed=10, with_stock=10) == set()


def test_verdict_says_what_it_measured():
    verdict = judge(plan_of(*[DELIST] * 33), Listed(100, 0), Breakers())["vanish"]
    assert (verdict.count, verdict.of, verdict.measured, verdict.limit) == (33, 100, Decimal("0.3300"), Decimal("0.20"))
    assert verdict.message == "33 of 100 variants would be taken off; the limit is 20%"
    assert verdict.written()["measured"] == "0.3300"


def test_channel_that_shows_nothing_we_know_of_counts_as_the_whole():
    assert tripped(plan_of(*[DELIST] * 5), listed=0, with_stock=0) == {"vanish"}

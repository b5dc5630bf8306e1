from datetime import UTC, datetime, timedelta

import pytest

from s2s_pipelines.catalogue.flight import Figure, deductions, is_shown
from s2s_pipelines.ports import OpenQuantity

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def order(*, sku="A", qty=1, source="erp", ordered=0, raised=None):
    return OpenQuantity(sku, qty, source, at(ordered), None if raised is None else at(raised))


@pytest.mark.parametrize(
    "raised, read, is_over",
    [(None, 600, False), (5, 4, False), (5, 5, False), (5, 6, True)],
    ids=["not raised", "read before", "same moment", "read after"],
)
def test_primary_quantity_is_reduced_until_it_was_read_after_the_document(raised, read, is_over):
    assert is_shown(order(raised=raised), Figure("erp", "erp", at(read))) is is_over


@pytest.mark.parametrize(
    "raised, read, delivered, is_over",
    [
        (5, 60, -1, False),
        (5, 60, 0, False),
        (5, 60, 1, True),
        (None, 60, 1, True),
        (5, -1, 100, False),
        (5, 60, None, True),
        (5, -5, None, False),
    ],
    ids=["older file", "same moment", "newer file", "newer file, not raised", "stamp of the future", "no stamp", "old"],
)
def test_linked_quantity_is_reduced_until_a_newer_delivery(raised, read, delivered, is_over):
    stamp = None if delivered is None else at(delivered)
    assert is_shown(order(raised=raised), Figure("erp", "supplier", at(read), stamp)) is is_over


def test_open_units_of_a_sku_add_up_and_unknown_skus_deduct_nothing():
    figures = {"A": Figure("erp", "erp", at(0)), "B": Figure("erp", "erp", at(10))}
    orders = [
        order(qty=2, raised=1),
        order(qty=3, source=None),
        order(sku="B", qty=4, raised=1),
        order(sku="C", qty=5),
        order(qty=0),
    ]
    assert deductions(orders, figures) == {"A": 5}


def test_order_routed_to_another_source_is_not_taken_from_this_one():
    assert deductions([order(source="branch")], {"A": Figure("erp", "erp", at(0))}) == {}

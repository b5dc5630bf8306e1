"""Documents against totals worked out by hand; the odd cents are the story."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from s2s_pipelines.model.record import Hold
from s2s_pipelines.orders.routing import route
from s2s_pipelines.orders.tie_out import Frame, build
from tests.unit.orders.order_sample import channel_policy, fee, line, order, owner, shipping, target

D = Decimal
FRAME = Frame("karoo", "shop", ZoneInfo("Africa/Johannesburg"))


def documents(placed, targets=None, owners=None):
    targets = targets or {"erp": target()}
    first = next(iter(targets))
    owners = owners or {item.sku: owner(item.sku, first) for item in placed.lines if item.kind == "item"}
    found = route(placed, channel=channel_policy(), targets=targets, owners=owners, customer_codes={})
    assert not isinstance(found, Hold), found
    return build(placed, found, targets=targets, frame=FRAME)


def rows(document):
    return [(item.sku, item.qty, str(item.net), str(item.tax)) for item in document.lines]


def test_a_line_that_is_not_a_whole_cent_net_ties_by_its_unit_price():
    # 240.00 with 15 %: 208.70 net and 31.305 tax would come to 240.01; 208.6957 comes to 208.70 + 31.30.
    (document,) = documents(order(line("1", "TEE", 1, "208.70", "31.30"), total="240.00"))
    assert rows(document) == [("TEE", 1, "208.70", "31.30")]
    assert document.lines[0].price_excl == D("208.6957")
    assert document.lines[0].price_incl == D("240.0000")
    assert document.total == D("240.00")


def test_a_target_that_cannot_reach_the_total_holds_the_order_with_the_difference():
    # In whole cents net, 208.69 comes to 239.99 and 208.70 to 240.01: nothing makes 240.00.
    held = documents(order(line("1", "TEE", 1, "208.70", "31.30"), total="240.00"), {"erp": target(price_decimals=2)})
    assert isinstance(held, Hold)
    assert held.reason == "totals_do_not_tie"
    assert "difference of" in held.message
    assert "240.00" in held.message


def test_a_cent_nobody_else_can_take_goes_onto_a_smaller_line():
    # 240.01 for the first line, so the second gives the cent: 0.86 + 0.13 = 0.99 instead of 1.00.
    (document,) = documents(
        order(line("1", "TEE", 1, "208.70", "31.30"), line("2", "PIN", 1, "0.87", "0.13"), total="241.00"),
        {"erp": target(price_decimals=2)},
    )
    assert document.total == D("241.00")
    assert [str(item.total) for item in document.lines] == ["240.01", "0.99"]


def test_the_odd_cent_of_the_shop_goes_onto_the_largest_line():
    # The shop's lines come to 300.00, its total is 300.01.
    (document,) = documents(
        order(line("1", "SMALL", 1, "60.87", "9.13"), line("2", "BIG", 1, "200.00", "30.00"), total="300.01")
    )
    assert [(item.sku, str(item.total)) for item in document.lines] == [("SMALL", "70.00"), ("BIG", "230.01")]


def test_a_gap_that_is_no_rounding_is_not_hidden():
    held = documents(order(line("1", "A", 1, "100.00", "15.00"), total="105.00"))
    assert isinstance(held, Hold)
    assert held.reason == "totals_do_not_tie"
    assert "115.00" in held.message
    assert "10.00" in held.message


def test_free_lines_stay_free():
    (document,) = documents(
        order(line("1", "GIFT", 2, "0.00", "0.00"), line("2", "A", 1, "10.00", "1.50"), total="11.51")
    )
    assert [(item.sku, str(item.total)) for item in document.lines] == [("GIFT", "0.00"), ("A", "11.51")]


def test_an_inclusive_target_gets_inclusive_prices():
    (document,) = documents(order(line("1", "ODD", 3, "86.96", "13.04"), total="100.00"), {"erp": target(basis="incl")})
    assert document.lines[0].price_incl == D("33.3333")
    assert rows(document) == [("ODD", 3, "86.96", "13.04")]


def test_shipping_goes_to_the_document_with_the_largest_net():
    placed = order(
        line("1", "A", 1, "50.00", "7.50"),
        line("2", "B", 1, "60.00", "9.00"),
        shipping("86.96", "13.04"),
        total="226.50",
    )
    targets = {"erp_a": target("erp_a"), "erp_b": target("erp_b", shipping_item="CARTAGE")}
    a, b = documents(placed, targets, {"A": owner("A", "erp_a"), "B": owner("B", "erp_b")})
    assert rows(a) == [("A", 1, "50.00", "7.50")]
    assert rows(b) == [("B", 1, "60.00", "9.00"), ("CARTAGE", 1, "86.96", "13.04")]
    assert a.total + b.total == D("226.50")
    assert (a.source_customer_code, b.source_customer_code) == ("WEB-A", "WEB-B")
    assert (a.reference, b.reference) == ("SHOP-77-ERP_A", "SHOP-77-ERP_B")


def test_shipping_is_held_without_an_item_for_it_unless_it_is_free():
    placed = order(line("1", "A", 1, "50.00", "7.50"), shipping("10.00", "1.50"), total="69.00")
    held = documents(placed, {"erp": target(shipping_item=None)})
    assert isinstance(held, Hold)
    assert held.reason == "no_shipping_item"
    free = order(line("1", "A", 1, "50.00", "7.50"), shipping("0.00", "0.00"), total="57.50")
    (document,) = documents(free, {"erp": target(shipping_item=None)})
    assert len(document.lines) == 1


def test_fees_below_zero_are_lines_of_the_fee_item():
    placed = order(
        line("1", "A", 1, "80.00", "12.00"), fee("10.00", "1.50"), fee("-5.00", "-0.75", code="f2"), total="97.75"
    )
    (document,) = documents(placed)
    assert rows(document) == [("A", 1, "80.00", "12.00"), ("FEE", 1, "10.00", "1.50"), ("FEE", 1, "-5.00", "-0.75")]


def test_a_discount_line_below_zero_with_a_known_sku_is_raised():
    placed = order(line("1", "A", 1, "100.00", "15.00"), line("2", "DISC", 1, "-20.00", "-3.00"), total="92.00")
    (document,) = documents(placed)
    assert rows(document) == [("A", 1, "100.00", "15.00"), ("DISC", 1, "-20.00", "-3.00")]


def test_a_document_below_zero_is_held():
    placed = order(line("1", "A", 1, "10.00", "1.50"), fee("-20.00", "-3.00"), total="-11.50")
    held = documents(placed)
    assert isinstance(held, Hold)
    assert held.reason == "negative_total"


def test_a_foreign_buyer_without_tax_gets_the_code_of_rate_zero():
    (document,) = documents(order(line("1", "A", 2, "173.91", "0.00", rate=None), total="173.91"))
    assert (document.lines[0].tax_rate, document.lines[0].tax_code) == (D(0), "02")
    assert document.total == D("173.91")


def test_a_line_exempt_although_its_class_has_a_rate_is_raised_as_charged():
    (document,) = documents(order(line("1", "A", 1, "100.00", "0.00", rate="15"), total="100.00"))
    assert (document.lines[0].tax_rate, str(document.total)) == (D(0), "100.00")


def test_a_rate_that_the_channel_leaves_out_is_found_among_the_declared_ones():
    (document,) = documents(order(line("1", "A", 1, "100.00", "15.00", rate=None), total="115.00"))
    assert (document.lines[0].tax_rate, document.lines[0].tax_code) == (D(15), "01")


def test_a_tax_no_rate_explains_is_held():
    held = documents(order(line("1", "A", 1, "100.00", "9.00", rate=None), total="109.00"))
    assert isinstance(held, Hold)
    assert held.reason == "unknown_tax_rate"


def test_a_rate_without_a_code_is_held():
    held = documents(order(line("1", "A", 1, "100.00", "14.00", rate="14"), total="114.00"))
    assert isinstance(held, Hold)
    assert held.reason == "no_tax_code"
    assert "14 %" in held.message


def test_lines_of_a_source_that_needs_no_document_leave_the_total_with_their_share():
    placed = order(line("1", "A", 1, "50.00", "7.50"), line("2", "B", 1, "60.00", "9.00"), total="126.50")
    targets = {"erp_a": target("erp_a"), "erp_b": target("erp_b", raised_here="not_here")}
    (document,) = documents(placed, targets, {"A": owner("A", "erp_a"), "B": owner("B", "erp_b")})
    assert document.source == "erp_a"
    assert document.total == D("57.50")


def test_an_order_whose_lines_are_all_raised_elsewhere_has_no_documents():
    placed = order(line("1", "B", 1, "60.00", "9.00"), total="69.00")
    assert documents(placed, {"erp": target(raised_here="not_here")}) == ()


def test_the_document_carries_the_day_in_the_clients_time_zone():
    from datetime import UTC, datetime

    placed = order(
        line("1", "A", 1, "100.00", "15.00"), total="115.00", ordered_at=datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
    )
    (document,) = documents(placed)
    assert document.date_on.isoformat() == "2026-11-22"


def test_the_same_order_makes_the_same_document_every_time():
    placed = order(line("1", "A", 3, "86.95", "13.04"), shipping("100.00", "15.00"), total="214.99")
    assert documents(placed) == documents(placed)


@pytest.mark.parametrize(
    ("tax_on", "unit", "net", "tax"),
    [("exact", "86.9565", "173.91", "26.09"), ("rounded", "86.9565", "173.91", "26.09")],
)
def test_two_at_a_hundred_inclusive(tax_on, unit, net, tax):
    (document,) = documents(order(line("1", "PLATE", 2, net, tax), total="200.00"), {"erp": target(tax_on=tax_on)})
    assert document.lines[0].price_excl == D(unit)
    assert rows(document) == [("PLATE", 2, net, tax)]

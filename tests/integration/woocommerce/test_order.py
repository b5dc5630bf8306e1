"""Orders out of the sandbox, and receipts into it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from s2s_pipelines.errors import ContractViolation, RejectedError, TransientError
from s2s_pipelines.model.order import Receipt
from s2s_pipelines.ports import Channel, RawOrder
from tests.integration.woocommerce.conftest import Shop, simple

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
SECOND = int(NOON.timestamp())
RECEIPTS = {"erp": Receipt("SHOP-1-ERP", "SO-0042", Decimal("10.00"), NOON)}


def sweep(channel: Channel, since: str | None, limit: int = 100) -> Iterator[tuple[list[RawOrder], str | None]]:
    for _ in range(100):
        page = channel.orders(since, limit=limit)
        yield list(page.orders), page.next_cursor
        if page.is_last:
            return
        assert page.next_cursor is not None
        assert page.next_cursor != since
        since = page.next_cursor
    raise AssertionError("the pages never end")


def codes(channel: Channel, since: str | None, limit: int = 100) -> list[str]:
    return [order.channel_order_code for orders, _ in sweep(channel, since, limit) for order in orders]


def place_at(shop: Shop, second: int, count: int = 1) -> list[str]:
    with shop.moment(second):
        return [shop.place() for _ in range(count)]


@pytest.fixture(autouse=True)
def _stocked(shop: Shop) -> None:
    shop.channel().push([simple("A1", price=Decimal("115.00"), qty=1000)])


def test_more_orders_in_one_second_than_a_page_holds_are_all_shown(shop: Shop) -> None:
    placed = place_at(shop, SECOND - 1) + place_at(shop, SECOND, 120) + place_at(shop, SECOND + 1, 3)
    found = codes(shop.channel(), None)
    assert sorted(found) == sorted(placed)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
def test_page_edges_inside_equal_stamps_lose_nothing(shop: Shop, limit: int) -> None:
    placed = [code for n in range(4) for code in place_at(shop, SECOND + n, 3)]
    assert sorted(codes(shop.channel(), None, limit)) == sorted(placed)


def test_order_changed_between_two_pages_is_not_lost_and_neither_are_its_neighbours(shop: Shop) -> None:
    placed = [code for n in range(6) for code in place_at(shop, SECOND + n)]
    pages = sweep(shop.channel(), None, 2)
    found = [order.channel_order_code for order in next(pages)[0]]
    with shop.moment(SECOND + 60):
        shop.ask("PUT", f"orders/{placed[0]}", {"customer_note": "later"})
        shop.ask("PUT", f"orders/{placed[3]}", {"customer_note": "later"})
    found += [order.channel_order_code for orders, _ in pages for order in orders]
    assert set(found) == set(placed)
    assert found.count(placed[0]) == 2


def test_next_sweep_overlaps_by_ten_minutes_however_many_pages_the_last_had(shop: Shop) -> None:
    placed = [code for n in range(7) for code in place_at(shop, SECOND + n)]
    cursor = [cursor for _, cursor in sweep(shop.channel(), None, 2)][-1]
    assert sorted(codes(shop.channel(), cursor)) == sorted(placed)
    place_at(shop, SECOND + 3600)
    cursor = [cursor for _, cursor in sweep(shop.channel(), cursor)][-1]
    assert len(codes(shop.channel(), cursor)) == 1


def test_order_that_shows_late_with_an_older_stamp_is_still_found(shop: Shop) -> None:
    place_at(shop, SECOND)
    cursor = [cursor for _, cursor in sweep(shop.channel(), None)][-1]
    (late,) = place_at(shop, SECOND - 500)
    assert late in codes(shop.channel(), cursor)


def test_nothing_newer_leaves_the_cursor_where_it_is(shop: Shop) -> None:
    assert shop.channel().orders(None).next_cursor is None
    place_at(shop, SECOND)
    cursor = shop.channel().orders(None).next_cursor
    assert cursor is not None
    assert shop.channel().orders(cursor).next_cursor is None


def test_stamp_ahead_of_the_shops_clock_does_not_carry_the_cursor_away(shop: Shop) -> None:
    place_at(shop, int(datetime.now(UTC).timestamp()) + 86_400)
    cursor = [cursor for _, cursor in sweep(shop.channel(), None)][-1]
    today = shop.place()
    assert today in codes(shop.channel(), cursor)


def test_cursor_of_somebody_else_is_refused(shop: Shop) -> None:
    with pytest.raises(ContractViolation):
        shop.channel().orders("page-7")


def test_days_hold_more_than_a_page_and_exactly_their_orders(shop: Shop) -> None:
    inside = place_at(shop, SECOND, 101)
    outside = place_at(shop, SECOND + 86_400) + place_at(shop, SECOND - 1)
    found = [o.channel_order_code for o in shop.channel().orders_between(NOON, NOON + timedelta(days=1))]
    assert sorted(found) == sorted(inside)
    assert not set(found) & set(outside)


def test_part_of_a_second_belongs_to_its_bounds(shop: Shop) -> None:
    place_at(shop, SECOND)
    later = NOON + timedelta(microseconds=1)
    assert shop.channel().orders_between(later, NOON + timedelta(days=1)) == []
    assert len(shop.channel().orders_between(NOON, later)) == 1


def test_raw_body_is_the_shops_own_spelling(shop: Shop) -> None:
    (code,) = place_at(shop, SECOND)
    listed, single = shop.channel().orders(None).orders[0], shop.channel().order(code)
    assert single is not None
    assert listed.body == single.body
    assert listed.body.startswith("{")
    shop.sandbox.arm("polluted", times=None)
    polluted = shop.channel().order(code)
    assert polluted is not None
    assert (polluted.body, shop.channel().orders(None).orders[0].body) == (single.body, single.body)


def test_binned_order_leaves_the_poll_and_is_cancelled_when_asked_for(shop: Shop) -> None:
    (code,) = place_at(shop, SECOND)
    shop.ask("DELETE", f"orders/{code}")
    assert codes(shop.channel(), None) == []
    raw = shop.channel().order(code)
    assert raw is not None
    assert shop.channel().translate(raw).is_cancelled


@pytest.mark.parametrize("code", ["999999", "abc", "", "12/../1", "١٢"])
def test_order_that_is_not_there_is_none(shop: Shop, code: str) -> None:
    assert shop.channel().order(code) is None


def test_two_hundred_and_thirty_rand_are_read_as_they_were_charged(shop: Shop) -> None:
    code = shop.place(quantity=2, meta_data=[{"key": "account", "value": "00123"}])
    channel = shop.channel(customer_code_meta_key="account")
    raw = channel.order(code)
    assert raw is not None
    order = channel.translate(raw)
    assert [(line.net, line.tax, line.tax_rate) for line in order.lines] == [(Decimal(200), Decimal(30), Decimal(15))]
    assert (order.total, order.customer_code, order.is_reserving) == (Decimal(230), "00123", True)


# -- telling the shop


def notes_of(shop: Shop, code: str) -> list[str]:
    return [n for o in shop.sandbox.tables.orders() if str(o.id) == code for n in o.notes if "SO-0042" in n]


def test_receipt_is_told_by_meta_and_by_a_private_note(shop: Shop) -> None:
    code = shop.place()
    with shop.counting() as writes:
        shop.channel().acknowledge(code, RECEIPTS)
    assert writes == [2]
    order = shop.ask("GET", f"orders/{code}")
    assert {m["key"]: m["value"] for m in order["meta_data"]}["_s2s_erp"] == "SO-0042 SHOP-1-ERP"
    told = [n for n in shop.ask("GET", f"orders/{code}/notes") if "SO-0042" in n["note"]]
    assert [n["customer_note"] for n in told] == [False]


def test_telling_again_writes_nothing(shop: Shop) -> None:
    code = shop.place()
    shop.channel().acknowledge(code, RECEIPTS)
    stamp = shop.ask("GET", f"orders/{code}")["date_modified_gmt"]
    with shop.counting() as writes:
        shop.channel().acknowledge(code, RECEIPTS)
    assert writes == [0]
    assert shop.ask("GET", f"orders/{code}")["date_modified_gmt"] == stamp


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "timeout_after", "error_html", "truncated"])
@pytest.mark.parametrize("skip", [0, 1])
def test_telling_that_stumbles_is_transient_and_doubles_nothing(shop: Shop, kind: str, skip: int) -> None:
    code = shop.place()
    shop.sandbox.arm(kind, times=1, skip=skip, method="write", stall_s=2, cuts_connection=True)
    with pytest.raises(TransientError) as caught:
        shop.channel(timeout_s=1).acknowledge(code, RECEIPTS)
    assert caught.value.reference == code
    shop.channel().acknowledge(code, RECEIPTS)
    assert len(notes_of(shop, code)) == 1
    meta = {m["key"]: m["value"] for m in shop.ask("GET", f"orders/{code}")["meta_data"]}
    assert meta["_s2s_erp"] == "SO-0042 SHOP-1-ERP"


def test_shop_may_want_no_notes(shop: Shop) -> None:
    code = shop.place()
    shop.channel(has_receipt_note=False).acknowledge(code, RECEIPTS)
    assert notes_of(shop, code) == []


@pytest.mark.parametrize("code", ["999999", "abc"])
def test_order_that_is_gone_cannot_be_told(shop: Shop, code: str) -> None:
    with pytest.raises(RejectedError) as caught:
        shop.channel().acknowledge(code, RECEIPTS)
    assert caught.value.reason == "unknown_order"


def test_telling_moves_the_stamp_but_not_the_content(shop: Shop) -> None:
    channel = shop.channel()
    (code,) = place_at(shop, SECOND)
    before = channel.order(code)
    channel.acknowledge(code, RECEIPTS)
    after = channel.order(code)
    assert before is not None
    assert after is not None
    assert after.modified_at > before.modified_at
    assert channel.translate(after).content_hash() == channel.translate(before).content_hash()

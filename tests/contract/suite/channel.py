"""What every `Channel` promises."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from s2s_pipelines.errors import AccessError, DataError, S2SError, TransientError
from s2s_pipelines.model.change import Action, FieldValue, Outcome, ProductChange, VariantChange
from s2s_pipelines.model.order import Receipt
from s2s_pipelines.ports import Channel, Evidence, OrderPage, RawOrder
from tests.contract.suite import Basket, ChannelHarness, StoredItem, requires
from tests.contract.suite.source import assert_keeps_secrets

MORNING = datetime(2026, 11, 20, 8, 0, 0, tzinfo=UTC)


def simple(
    sku: str, action: Action = Action.CREATE, product_fields: dict[str, FieldValue] | None = None, **fields: FieldValue
):
    """A change of a simple product: creating gives it all it needs, updating only what is named."""
    if action is Action.CREATE:
        product_fields = {"title": f"Item {sku}", "body_html": f"<p>About {sku}</p>", **(product_fields or {})}
        fields = {"price": Decimal("199.90"), "qty": 5, "inventory_management": True, **fields}
    return ProductChange(
        action if action in (Action.CREATE, Action.DELIST) or product_fields else Action.NONE,
        f"erp:{sku}",
        product_fields or {},
        (VariantChange(action, sku, fields),),
        is_simple=True,
        all_skus=(sku,),
    )


def variable(code: str, skus: Sequence[str]) -> ProductChange:
    """A new product with one option, ``Size``, and a variant for each sku."""
    sizes = tuple(f"S{n}" for n in range(len(skus)))
    variants = tuple(
        VariantChange(
            Action.CREATE,
            sku,
            {"price": Decimal("50.00"), "qty": n, "inventory_management": True, "options": (sizes[n],)},
        )
        for n, sku in enumerate(skus)
    )
    return ProductChange(
        Action.CREATE,
        f"erp:{code}",
        {"title": f"Boots {code}"},
        variants,
        is_simple=False,
        option_names=("Size",),
        option_values={"Size": sizes},
        all_skus=tuple(skus),
    )


def linked(change: ProductChange, outcomes: Sequence[Outcome]) -> ProductChange:
    """The change with the channel's ids as they were told."""
    ids = {outcome.sku: outcome for outcome in outcomes if outcome.key == change.key}
    variants = tuple(replace(v, channel_variant_code=ids[v.sku].channel_variant_code) for v in change.variants)
    return replace(change, variants=variants, channel_product_code=ids[None].channel_product_code)


def assert_complete(changes: Sequence[ProductChange], outcomes: Sequence[Outcome]) -> None:
    """One outcome per product and one per variant: none missing, none doubled, none invented."""
    wanted = sorted((c.key, sku or "") for c in changes for sku in (None, *(v.sku for v in c.variants)))
    assert sorted((o.key, o.sku or "") for o in outcomes) == wanted


def assert_ok(changes: Sequence[ProductChange], outcomes: Sequence[Outcome]) -> None:
    """Everything asked for was confirmed."""
    assert_complete(changes, outcomes)
    assert [(o.sku, o.reason, o.message) for o in outcomes if not o.is_ok] == []


def the_only(harness: ChannelHarness, sku: str) -> StoredItem:
    """The one item of a sku."""
    found = harness.items(sku)
    assert len(found) == 1, f"{len(found)} items carry {sku}"
    return found[0]


def pages(channel: Channel, since: str | None, limit: int) -> list[OrderPage]:
    """Page after page as the sweep asks for them, until the last."""
    found = []
    for _ in range(50):
        page = channel.orders(since, limit=limit)
        found.append(page)
        if page.is_last:
            return found
        assert page.next_cursor is not None, "a page that is not the last says where the next begins"
        since = page.next_cursor
    raise AssertionError("the pages never end")


def kept_cursor(found: Sequence[OrderPage]) -> str | None:
    """The cursor the sweep is left with: None of a page means that the one before it still stands."""
    return next((page.next_cursor for page in reversed(found) if page.next_cursor is not None), None)


def codes(orders: Sequence[RawOrder]) -> list[str]:
    """Their ids."""
    return [order.channel_order_code for order in orders]


class ChannelContract:
    """One method per promise; each takes the harness and nothing else."""

    # -- reaching it

    def test_check_is_quiet_and_may_be_repeated(self, harness: ChannelHarness) -> None:
        channel = harness.channel()
        assert [channel.check(), channel.check()] == [None, None]

    def test_check_raises_when_unreachable(self, harness: ChannelHarness) -> None:
        with pytest.raises(TransientError):
            harness.unreachable().check()

    @requires("refuses")
    def test_refused_credentials_are_an_access_error(self, harness: ChannelHarness) -> None:
        channel = harness.refused()
        for call in (channel.check, lambda: channel.orders(None), lambda: channel.push([simple("A1")])):
            with pytest.raises(AccessError) as caught:
                call()
            assert_keeps_secrets(caught.value, harness.secrets)

    def test_errors_say_where_and_keep_secrets(self, harness: ChannelHarness) -> None:
        with pytest.raises(S2SError) as caught:
            harness.unreachable().orders(None)
        assert caught.value.client
        assert caught.value.connection
        assert caught.value.operation
        assert_keeps_secrets(caught.value, harness.secrets)

    def test_unreachable_shop_never_looks_empty(self, harness: ChannelHarness) -> None:
        channel = harness.unreachable()
        for call in (
            lambda: channel.orders(None),
            lambda: channel.order("1"),
            lambda: channel.orders_between(MORNING, MORNING + timedelta(days=1)),
            lambda: channel.push([simple("A1")]),
        ):
            with pytest.raises(TransientError):
                call()

    # -- pushing

    def test_nothing_to_push_is_nothing_pushed(self, harness: ChannelHarness) -> None:
        assert harness.channel().push([]) == []

    def test_every_item_gets_its_outcome_with_ids(self, harness: ChannelHarness) -> None:
        changes = [simple("A1"), variable("B", ["B1", "B2", "B3"]), simple("C1")]
        outcomes = harness.channel().push(changes)
        assert_ok(changes, outcomes)
        for outcome in outcomes:
            assert outcome.channel_product_code
            assert outcome.sku is None or outcome.channel_variant_code or outcome.sku in ("A1", "C1")

    def test_pushed_fields_stand_in_the_shop(self, harness: ChannelHarness) -> None:
        changes = [simple("0007", price=Decimal("1299.90"), qty=3), simple("A2", qty=0), variable("B", ["B1", "B2"])]
        assert_ok(changes, harness.channel().push(changes))
        first, second = the_only(harness, "0007"), the_only(harness, "A2")
        wanted = {"title": "Item 0007", "price": Decimal("1299.90"), "qty": 3}
        assert {name: first.fields.get(name) for name in wanted} == wanted
        assert second.fields.get("qty") == 0
        assert [the_only(harness, sku).fields.get("qty") for sku in ("B1", "B2")] == [0, 1]
        assert first.is_shown

    def test_pushing_twice_makes_nothing_twice(self, harness: ChannelHarness) -> None:
        changes = [simple("A1"), variable("B", ["B1", "B2"])]
        first = harness.channel().push(changes)
        again = harness.channel().push(changes)
        assert_ok(changes, again)
        for sku in ("A1", "B1", "B2"):
            the_only(harness, sku)
        assert {(o.key, o.sku): o.channel_product_code for o in first} == {
            (o.key, o.sku): o.channel_product_code for o in again
        }

    def test_known_ids_are_updated_in_place(self, harness: ChannelHarness) -> None:
        created = [simple("A1"), variable("B", ["B1", "B2"])]
        outcomes = harness.channel().push(created)
        changes = [linked(simple("A1", Action.UPDATE, qty=9), outcomes)]
        assert_ok(changes, harness.channel().push(changes))
        assert the_only(harness, "A1").fields.get("qty") == 9

    def test_only_given_fields_are_touched(self, harness: ChannelHarness) -> None:
        outcomes = harness.channel().push([simple("A1")])
        harness.edit("A1", "title", "Named by the shop keeper")
        changes = [linked(simple("A1", Action.UPDATE, qty=9), outcomes)]
        assert_ok(changes, harness.channel().push(changes))
        item = the_only(harness, "A1")
        assert item.fields.get("title") == "Named by the shop keeper"
        assert (item.fields.get("price"), item.fields.get("qty")) == (Decimal("199.90"), 9)

    def test_what_the_shop_already_has_is_matched_by_sku(self, harness: ChannelHarness) -> None:
        planted = harness.plant("A1", "Old name", Decimal("10.00"), 1)
        changes = [simple("A1", qty=4)]
        outcomes = harness.channel().push(changes)
        assert_ok(changes, outcomes)
        item = the_only(harness, "A1")
        assert item.channel_product_code == planted.channel_product_code
        assert {o.channel_product_code for o in outcomes} == {planted.channel_product_code}
        assert item.fields.get("qty") == 4

    @requires("rejects")
    def test_one_refused_item_does_not_stop_the_others(self, harness: ChannelHarness) -> None:
        changes = [simple("A1"), simple("BAD"), simple("C1")]
        outcomes = harness.rejecting("BAD").push(changes)
        assert_complete(changes, outcomes)
        failed = {o.key for o in outcomes if not o.is_ok}
        assert failed == {"erp:BAD"}
        assert all(o.reason for o in outcomes if not o.is_ok)
        assert the_only(harness, "A1")
        assert the_only(harness, "C1")
        assert harness.items("BAD") == []

    @requires("loses_pushes")
    def test_a_lost_answer_is_not_called_success_and_makes_nothing_twice(self, harness: ChannelHarness) -> None:
        changes = [simple("A1"), simple("A2")]
        try:
            outcomes = harness.losing_answer().push(changes)
        except TransientError:
            outcomes = []
        else:
            assert_complete(changes, outcomes)
        for outcome in outcomes:
            # The connector may have looked up what became of it; it must not claim what it cannot know.
            assert outcome.is_ok or outcome.is_uncertain or outcome.is_retriable
            assert not outcome.is_ok or outcome.channel_product_code
        assert_ok(changes, harness.channel().push(changes))
        assert [len(harness.items(sku)) for sku in ("A1", "A2")] == [1, 1]

    def test_delisted_items_are_no_longer_for_sale(self, harness: ChannelHarness) -> None:
        for mode, sku in (("hide", "A1"), ("delete", "A2")):
            outcomes = harness.channel().push([simple(sku)])
            change = replace(linked(simple(sku, Action.DELIST), outcomes), delist_mode=mode)
            assert_ok([change], harness.channel().push([change]))
            assert [item for item in harness.items(sku) if item.is_shown] == []
            assert_ok([change], harness.channel().push([change]))
        assert len(harness.items("A1")) == 1

    def test_many_items_are_all_pushed(self, harness: ChannelHarness) -> None:
        changes = [simple(f"M{n:03}", qty=n) for n in range(130)]
        assert_ok(changes, harness.channel().push(changes))
        assert [the_only(harness, f"M{n:03}").fields.get("qty") for n in (0, 99, 100, 129)] == [0, 99, 100, 129]

    # -- orders

    def test_no_orders_is_an_empty_last_page(self, harness: ChannelHarness) -> None:
        page = harness.channel().orders(None)
        assert (page.orders, page.is_last) == ((), True)

    def test_no_order_is_lost_between_pages(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        placed = [harness.place(Basket((("A1", 1),)), at=MORNING + timedelta(minutes=n)) for n in range(5)]
        found = pages(harness.channel(), None, 2)
        assert set(placed) == {code for page in found for code in codes(page.orders)}
        assert all(len(page.orders) <= 2 for page in found)

    def test_equal_stamps_lose_nothing(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        placed = [harness.place(Basket((("A1", 1),)), at=MORNING) for _ in range(7)]
        placed += [harness.place(Basket((("A1", 1),)), at=MORNING + timedelta(seconds=1))]
        found = pages(harness.channel(), None, 3)
        assert set(placed) == {code for page in found for code in codes(page.orders)}

    def test_same_cursor_gives_the_same_page(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        for n in range(5):
            harness.place(Basket((("A1", 1),)), at=MORNING + timedelta(minutes=n))
        channel = harness.channel()
        first = channel.orders(None, limit=2)
        assert codes(channel.orders(None, limit=2).orders) == codes(first.orders)
        second = channel.orders(first.next_cursor, limit=2)
        assert codes(harness.channel().orders(first.next_cursor, limit=2).orders) == codes(second.orders)

    def test_oldest_change_comes_first(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        for minutes in (30, 10, 20):
            harness.place(Basket((("A1", 1),)), at=MORNING + timedelta(minutes=minutes))
        stamps = [order.modified_at for order in harness.channel().orders(None).orders]
        assert len(stamps) == 3
        assert stamps == sorted(stamps)
        assert all(stamp.tzinfo is not None for stamp in stamps)

    def test_a_changed_order_comes_again(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        old = harness.place(Basket((("A1", 1),)), at=MORNING)
        for n in range(3):
            harness.place(Basket((("A1", 1),)), at=MORNING + timedelta(hours=1 + n))
        cursor = kept_cursor(pages(harness.channel(), None, 100))
        harness.change(old, at=MORNING + timedelta(hours=9))
        again = [order for page in pages(harness.channel(), cursor, 100) for order in page.orders]
        assert old in codes(again)

    def test_an_order_of_the_last_moment_comes_after_the_cursor(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        harness.place(Basket((("A1", 1),)), at=MORNING)
        cursor = kept_cursor(pages(harness.channel(), None, 100))
        late = harness.place(Basket((("A1", 1),)), at=MORNING)
        assert late in {code for page in pages(harness.channel(), cursor, 100) for code in codes(page.orders)}

    def test_a_start_cursor_shows_all_from_its_moment(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        placed = [harness.place(Basket((("A1", 1),)), at=MORNING + timedelta(days=n)) for n in range(3)]
        channel = harness.channel()
        cursor = channel.start_cursor(MORNING + timedelta(days=1))
        found = {code for page in pages(channel, cursor, 100) for code in codes(page.orders)}
        assert set(placed[1:]) <= found
        assert placed[0] not in found

    def test_days_are_closed_before_and_open_after(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        moments = [MORNING - timedelta(seconds=1), MORNING, MORNING + timedelta(hours=5), MORNING + timedelta(days=1)]
        placed = [harness.place(Basket((("A1", 1),)), at=moment) for moment in moments]
        harness.change(placed[1], at=MORNING + timedelta(days=30))
        found = harness.channel().orders_between(MORNING, MORNING + timedelta(days=1))
        assert sorted(codes(found)) == sorted(placed[1:3])

    def test_one_order_is_found_by_its_id_or_certainly_not_there(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        code = harness.place(Basket((("A1", 2),)), at=MORNING)
        channel = harness.channel()
        raw = channel.order(code)
        assert raw is not None
        assert raw.channel_order_code == code
        assert channel.order("99999999") is None

    def test_a_translated_order_adds_up(self, harness: ChannelHarness) -> None:
        harness.plant("0007", "Item", Decimal("115.00"), 100)
        harness.plant("A2", "Other", Decimal("19.99"), 100)
        code = harness.place(Basket((("0007", 2), ("A2", 3)), notes="Leave at the gate"), at=MORNING)
        channel = harness.channel()
        raw = channel.order(code)
        assert raw is not None
        order = channel.translate(raw)
        assert order == channel.translate(raw)
        assert order.channel_order_code == code
        assert [(line.sku, line.qty) for line in order.lines if line.kind == "item"] == [("0007", 2), ("A2", 3)]
        assert sum((line.net + line.tax for line in order.lines), Decimal(0)) == order.total
        assert order.total > 0
        assert order.email == "buyer@example.com"
        assert order.notes == "Leave at the gate"
        assert order.ordered_at == MORNING
        assert order.modified_at == raw.modified_at
        assert not order.is_cancelled

    def test_an_unreadable_order_is_a_data_error(self, harness: ChannelHarness) -> None:
        for body in ("", "not an order", "[]", "{}"):
            with pytest.raises(DataError):
                harness.channel().translate(RawOrder("1", body, MORNING))

    def test_telling_twice_leaves_one_note(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        code = harness.place(Basket((("A1", 1),)), at=MORNING)
        receipts = {"erp": Receipt("SHOP-1-ERP", "SO-0042", Decimal("10.00"), MORNING)}
        harness.channel().acknowledge(code, receipts)
        harness.channel().acknowledge(code, receipts)
        notes = harness.acknowledgements(code)
        assert len([note for note in notes if "SO-0042" in note]) == 1

    def test_a_second_source_is_told_too(self, harness: ChannelHarness) -> None:
        harness.plant("A1", "Item", Decimal("10.00"), 100)
        code = harness.place(Basket((("A1", 1),)), at=MORNING)
        first = {"erp": Receipt("SHOP-1-ERP", "SO-0042", None, MORNING)}
        harness.channel().acknowledge(code, first)
        harness.channel().acknowledge(code, {**first, "branch": Receipt("SHOP-1-BRANCH", "INV-7", None, MORNING)})
        notes = harness.acknowledgements(code)
        assert len([note for note in notes if "INV-7" in note]) == 1
        assert len([note for note in notes if "SO-0042" in note]) == 1

    def test_manifest_says_what_it_was_tried_against(self, harness: ChannelHarness) -> None:
        manifest = harness.manifest
        assert manifest.role in ("channel", "fulfilment")
        assert {"products", "orders"} <= manifest.capabilities
        assert manifest.option_limit >= 1
        assert manifest.verified_against
        for seen in manifest.verified_against:
            assert seen.evidence in get_args(Evidence)
            assert seen.version
            date.fromisoformat(seen.checked_on)

"""Channels that tell one lie each. ``LIARS`` says which clause must catch which."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from s2s_pipelines.errors import AccessError, DataError, S2SError, TransientError
from s2s_pipelines.model.change import FieldValue, Outcome, ProductChange
from s2s_pipelines.model.order import ChannelOrder, Receipt
from s2s_pipelines.ports import OrderPage, RawOrder
from tests.contract.broken.honest_channel import PLACES, HonestChannel, Product
from tests.contract.broken.honest_source import SECRET


class ChecksOnce(HonestChannel):
    asked = False

    def check(self) -> None:
        super().check()
        if self.asked:
            raise TransientError("busy", **PLACES)
        self.asked = True


class AlwaysGlad(HonestChannel):
    def check(self) -> None:
        return None


class RefusalIsAnEmptyPage(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        return OrderPage((), since, True) if self.state == "refused" else super().orders(since, limit=limit)


class SaysNowhere(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        try:
            return super().orders(since, limit=limit)
        except TransientError as error:
            raise TransientError(error.message) from None


class TellsTheKey(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        try:
            return super().orders(since, limit=limit)
        except (TransientError, AccessError) as error:
            raise type(error)(f"GET /orders?key={SECRET} failed", **PLACES) from None


class EmptyWhenUnreachable(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        return OrderPage((), since, True) if self.state == "unreachable" else super().orders(since, limit=limit)


class NoOrderWhenUnreachable(HonestChannel):
    def order(self, channel_order_code: str) -> RawOrder | None:
        return None if self.state == "unreachable" else super().order(channel_order_code)


class InventsAnOutcome(HonestChannel):
    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        return super().push(changes) or [Outcome("erp:none", None, True)]


class SwallowsAnOutcome(HonestChannel):
    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        return super().push(changes)[:-1]


class KeepsIdsToItself(HonestChannel):
    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        return [replace(o, channel_product_code=None, channel_variant_code=None) for o in super().push(changes)]


class SaysButDoesNot(HonestChannel):
    def wanted(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return {name: value for name, value in fields.items() if name != "price"}


class ZeroIsNothing(HonestChannel):
    def wanted(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return {name: value for name, value in fields.items() if value}


class CreatesAlways(HonestChannel):
    def known(self, change: ProductChange) -> Product | None:
        return None


class IgnoresIds(HonestChannel):
    def push_one(self, change: ProductChange) -> list[Outcome]:
        if change.channel_product_code:
            ids = [None, *(variant.sku for variant in change.variants)]
            return [Outcome(change.key, sku, True, change.channel_product_code) for sku in ids]
        return super().push_one(change)


class RewritesAll(HonestChannel):
    def push_one(self, change: ProductChange) -> list[Outcome]:
        title = f"Item {change.variants[0].sku}" if change.variants else "Item"
        return super().push_one(replace(change, fields={"title": title, **change.fields}))


class MatchesIdsOnly(HonestChannel):
    def known(self, change: ProductChange) -> Product | None:
        return self.shop.products.get(str(change.channel_product_code))


class OneBadSinksAll(HonestChannel):
    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        outcomes = super().push(changes)
        return (
            [replace(o, is_ok=False, reason="batch") for o in outcomes]
            if not all(o.is_ok for o in outcomes)
            else outcomes
        )


class CallsRefusalSuccess(HonestChannel):
    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        return [replace(outcome, is_ok=True) for outcome in super().push(changes)]


class CallsLossSuccess(HonestChannel):
    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        try:
            return super().push(changes)
        except TransientError:
            if self.state != "ok":
                raise
            ids = [(c.key, sku) for c in changes for sku in (None, *(v.sku for v in c.variants))]
            return [Outcome(key, sku, True) for key, sku in ids]


class LeavesDelisted(HonestChannel):
    def delist(self, change: ProductChange) -> list[Outcome]:
        return [Outcome(change.key, sku, True, "1", "1") for sku in (None, *(v.sku for v in change.variants))]


class PushesOneBatch(HonestChannel):
    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        return super().push(changes[:100])


class NeverTheLastPage(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        return replace(super().orders(since, limit=limit), is_last=False)


class LosesTheLastPage(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        page = super().orders(since, limit=limit)
        return page if len(page.orders) == limit else replace(page, orders=())


class IgnoresTheLimit(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        return super().orders(since, limit=limit + 1)


class StrictlyAfterTheStamp(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        page = super().orders(since, limit=limit)
        if page.orders:
            moment = page.orders[-1].modified_at + timedelta(seconds=1)
            page = replace(page, next_cursor=f"{moment.isoformat()}|")
        return page


class RemembersWhereItWas(HonestChannel):
    place: str | None = None

    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        page = super().orders(self.place or since, limit=limit)
        self.place = page.next_cursor
        return page


class ComesInAnyOrder(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        page = super().orders(since, limit=limit)
        orders = list(page.orders)
        random.Random(3).shuffle(orders)
        return replace(page, orders=tuple(orders))


class NaiveStamps(HonestChannel):
    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        page = super().orders(since, limit=limit)
        return replace(
            page, orders=tuple(replace(o, modified_at=o.modified_at.replace(tzinfo=None)) for o in page.orders)
        )


class KnowsNewOrdersOnly(HonestChannel):
    def sorted_orders(self) -> list[RawOrder]:
        found = []
        for order in self.shop.orders.values():
            raw = self.raw(order)
            found.append(replace(raw, modified_at=datetime.fromisoformat(str(order["ordered_at"]))))
        return sorted(found, key=lambda raw: (raw.modified_at, raw.channel_order_code.zfill(9)))


class StartsAtTheBeginning(HonestChannel):
    def start_cursor(self, at: datetime) -> str:
        return super().start_cursor(at - timedelta(days=365))


class StartsAfterTheMoment(HonestChannel):
    def start_cursor(self, at: datetime) -> str:
        return super().start_cursor(at + timedelta(seconds=1))


class ClosedAtTheEnd(HonestChannel):
    def orders_between(self, start: datetime, end: datetime) -> Sequence[RawOrder]:
        return super().orders_between(start, end + timedelta(seconds=1))


class BetweenByChange(HonestChannel):
    def orders_between(self, start: datetime, end: datetime) -> Sequence[RawOrder]:
        super().orders_between(start, end)
        return [raw for raw in self.sorted_orders() if start <= raw.modified_at < end]


class InventsOrders(HonestChannel):
    def order(self, channel_order_code: str) -> RawOrder | None:
        return super().order(channel_order_code) or RawOrder(channel_order_code, "{}", datetime.now(UTC))


class DropsALine(HonestChannel):
    def translate(self, raw: RawOrder) -> ChannelOrder:
        order = super().translate(raw)
        return replace(order, lines=order.lines[:1])


class RoundsTheLines(HonestChannel):
    def translate(self, raw: RawOrder) -> ChannelOrder:
        order = super().translate(raw)
        lines = tuple(replace(line, net=Decimal(round(line.net))) for line in order.lines)
        return replace(order, lines=lines)


class TranslatesAnything(HonestChannel):
    def translate(self, raw: RawOrder) -> ChannelOrder:
        try:
            return super().translate(raw)
        except DataError:
            return super().understood(
                {
                    "id": "1",
                    "lines": [],
                    "total": "0",
                    "email": "",
                    "notes": "",
                    "ordered_at": "2026-11-21T00:00:00+00:00",
                    "modified_at": "2026-11-21T00:00:00+00:00",
                }
            )


class NotesTwice(HonestChannel):
    def acknowledge(self, channel_order_code: str, receipts: Mapping[str, Receipt]) -> None:
        notes = self.shop.notes.setdefault(channel_order_code, [])
        notes += [f"{source}: {receipt.source_order_code}" for source, receipt in receipts.items()]


class NotesTheFirstOnly(HonestChannel):
    def acknowledge(self, channel_order_code: str, receipts: Mapping[str, Receipt]) -> None:
        if not self.shop.notes.get(channel_order_code):
            super().acknowledge(channel_order_code, receipts)


class TellsTheKeyWhenRefused(HonestChannel):
    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        try:
            return super().push(changes)
        except S2SError as error:
            raise type(error)(f"key {SECRET} refused", **PLACES) from None


class NeverTried(HonestChannel):
    manifest = replace(HonestChannel.manifest, verified_against=())


class ClaimsNoOrders(HonestChannel):
    manifest = replace(HonestChannel.manifest, capabilities=frozenset({"products"}))


LIARS: dict[str, list[type[HonestChannel]]] = {
    "test_check_is_quiet_and_may_be_repeated": [ChecksOnce],
    "test_check_raises_when_unreachable": [AlwaysGlad],
    "test_refused_credentials_are_an_access_error": [AlwaysGlad, RefusalIsAnEmptyPage, TellsTheKeyWhenRefused],
    "test_errors_say_where_and_keep_secrets": [SaysNowhere, TellsTheKey],
    "test_unreachable_shop_never_looks_empty": [EmptyWhenUnreachable, NoOrderWhenUnreachable],
    "test_nothing_to_push_is_nothing_pushed": [InventsAnOutcome],
    "test_every_item_gets_its_outcome_with_ids": [SwallowsAnOutcome, KeepsIdsToItself],
    "test_pushed_fields_stand_in_the_shop": [SaysButDoesNot, ZeroIsNothing],
    "test_pushing_twice_makes_nothing_twice": [CreatesAlways],
    "test_known_ids_are_updated_in_place": [IgnoresIds],
    "test_only_given_fields_are_touched": [RewritesAll],
    "test_what_the_shop_already_has_is_matched_by_sku": [MatchesIdsOnly],
    "test_one_refused_item_does_not_stop_the_others": [OneBadSinksAll, CallsRefusalSuccess],
    "test_a_lost_answer_is_not_called_success_and_makes_nothing_twice": [CallsLossSuccess, MatchesIdsOnly],
    "test_delisted_items_are_no_longer_for_sale": [LeavesDelisted],
    "test_many_items_are_all_pushed": [PushesOneBatch],
    "test_no_orders_is_an_empty_last_page": [NeverTheLastPage],
    "test_no_order_is_lost_between_pages": [LosesTheLastPage, IgnoresTheLimit],
    "test_equal_stamps_lose_nothing": [StrictlyAfterTheStamp],
    "test_same_cursor_gives_the_same_page": [RemembersWhereItWas],
    "test_oldest_change_comes_first": [ComesInAnyOrder, NaiveStamps],
    "test_a_changed_order_comes_again": [KnowsNewOrdersOnly],
    "test_an_order_of_the_last_moment_comes_after_the_cursor": [StrictlyAfterTheStamp],
    "test_a_start_cursor_shows_all_from_its_moment": [StartsAtTheBeginning, StartsAfterTheMoment],
    "test_days_are_closed_before_and_open_after": [ClosedAtTheEnd, BetweenByChange],
    "test_one_order_is_found_by_its_id_or_certainly_not_there": [InventsOrders],
    "test_a_translated_order_adds_up": [DropsALine, RoundsTheLines],
    "test_an_unreadable_order_is_a_data_error": [TranslatesAnything],
    "test_telling_twice_leaves_one_note": [NotesTwice],
    "test_a_second_source_is_told_too": [NotesTheFirstOnly],
    "test_manifest_says_what_it_was_tried_against": [NeverTried, ClaimsNoOrders],
}

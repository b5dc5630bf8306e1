"""A shop in memory and a channel that keeps every promise; the liars beside it break one each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from s2s_pipelines.errors import AccessError, DataError, TransientError
from s2s_pipelines.model.change import Action, FieldValue, Outcome, ProductChange
from s2s_pipelines.model.order import ChannelOrder, ChannelOrderLine, Receipt
from s2s_pipelines.ports import Manifest, OrderPage, RawOrder, Verified
from tests.contract.broken.honest_source import SECRET
from tests.contract.suite import Basket, StoredItem

PLACES = {"client": "karoo_outdoor", "connection": "shop", "operation": "talk to the shop"}


@dataclass
class Item:
    """A variant in the shop."""

    id: str
    sku: str
    fields: dict[str, FieldValue]


@dataclass
class Product:
    """A product in the shop."""

    id: str
    fields: dict[str, FieldValue]
    items: dict[str, Item] = field(default_factory=dict)
    is_shown: bool = True


@dataclass
class Shop:
    """All there is."""

    products: dict[str, Product] = field(default_factory=dict)
    orders: dict[str, dict[str, object]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    answers_to_lose: int = 0
    counter: int = 100

    def next_id(self) -> str:
        self.counter += 1
        return str(self.counter)


class HonestChannel:
    """Talks to a `Shop`. ``state``: ok, unreachable or refused."""

    manifest = Manifest(
        "fake",
        "channel",
        "A shop in memory",
        frozenset({"products", "orders"}),
        (Verified("emulator", "1", "2026-11-21"),),
    )

    def __init__(self, shop: Shop, state: str = "ok") -> None:
        self.shop, self.state = shop, state

    def check(self) -> None:
        if self.state == "unreachable":
            raise TransientError("nobody answers", **PLACES)
        if self.state == "refused":
            raise AccessError("the key was refused", **PLACES)

    # -- pushing

    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        if changes:
            HonestChannel.check(self)
        outcomes = [outcome for change in changes for outcome in self.push_one(change)]
        if self.shop.answers_to_lose and changes:
            self.shop.answers_to_lose -= 1
            raise TransientError("the answer never came", **PLACES)
        return outcomes

    def push_one(self, change: ProductChange) -> list[Outcome]:
        skus = [variant.sku for variant in change.variants]
        if self.shop.rejected & set(skus):
            return [
                Outcome(change.key, sku, False, reason="refused", message="the shop refuses it")
                for sku in (None, *skus)
            ]
        if change.action is Action.DELIST:
            return self.delist(change)
        product = self.known(change) or self.create(change)
        product.fields.update(self.wanted(change.fields))
        for variant in change.variants:
            item = product.items.setdefault(variant.sku, Item(self.shop.next_id(), variant.sku, {}))
            item.fields.update(self.wanted(variant.fields))
        return [Outcome(change.key, None, True, product.id)] + [
            Outcome(change.key, variant.sku, True, product.id, product.items[variant.sku].id)
            for variant in change.variants
        ]

    def wanted(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return fields

    def create(self, change: ProductChange) -> Product:
        product = Product(self.shop.next_id(), {})
        self.shop.products[product.id] = product
        return product

    def known(self, change: ProductChange) -> Product | None:
        if change.channel_product_code in self.shop.products:
            return self.shop.products[str(change.channel_product_code)]
        skus = set(change.all_skus)
        return next((p for p in self.shop.products.values() if skus & set(p.items)), None)

    def delist(self, change: ProductChange) -> list[Outcome]:
        product = self.known(change)
        if product is not None and change.delist_mode == "delete":
            del self.shop.products[product.id]
        elif product is not None:
            product.is_shown = False
        code = product.id if product else change.channel_product_code
        return [Outcome(change.key, sku, True, code, "gone") for sku in (None, *(v.sku for v in change.variants))]

    # -- orders

    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        HonestChannel.check(self)
        moment, code = (since or "0001-01-01T00:00:00+00:00|").split("|")
        floor = datetime.fromisoformat(moment), code.zfill(9)
        due = [raw for raw in self.sorted_orders() if (raw.modified_at, raw.channel_order_code.zfill(9)) >= floor]
        page, rest = due[:limit], due[limit:]
        if rest:
            cursor = f"{rest[0].modified_at.isoformat()}|{rest[0].channel_order_code}"
        else:
            cursor = f"{page[-1].modified_at.isoformat()}|" if page else since
        return OrderPage(tuple(page), cursor, not rest)

    def sorted_orders(self) -> list[RawOrder]:
        raws = [self.raw(order) for order in self.shop.orders.values()]
        return sorted(raws, key=lambda raw: (raw.modified_at, raw.channel_order_code.zfill(9)))

    def raw(self, order: Mapping[str, object]) -> RawOrder:
        return RawOrder(str(order["id"]), json.dumps(order), datetime.fromisoformat(str(order["modified_at"])))

    def start_cursor(self, at: datetime) -> str:
        return f"{at.isoformat()}|"

    def orders_between(self, start: datetime, end: datetime) -> Sequence[RawOrder]:
        HonestChannel.check(self)
        orders = self.shop.orders.values()
        return [self.raw(o) for o in orders if start <= datetime.fromisoformat(str(o["ordered_at"])) < end]

    def order(self, channel_order_code: str) -> RawOrder | None:
        HonestChannel.check(self)
        found = self.shop.orders.get(channel_order_code)
        return self.raw(found) if found else None

    def translate(self, raw: RawOrder) -> ChannelOrder:
        try:
            return self.understood(json.loads(raw.body))
        except (ValueError, TypeError, KeyError, InvalidOperation) as error:
            raise DataError("the order cannot be understood", reference=raw.channel_order_code) from error

    def understood(self, body: dict[str, object]) -> ChannelOrder:
        lines = tuple(
            ChannelOrderLine(str(i), "item", sku, sku, qty, Decimal(net), Decimal(tax), Decimal(15))
            for i, (sku, qty, net, tax) in enumerate(body["lines"])  # type: ignore[arg-type, var-annotated]
        )
        return ChannelOrder(
            channel_order_code=str(body["id"]),
            number=str(body["id"]),
            status="processing",
            currency="ZAR",
            ordered_at=datetime.fromisoformat(str(body["ordered_at"])),
            modified_at=datetime.fromisoformat(str(body["modified_at"])),
            is_reserving=True,
            is_cancelled=False,
            prices_include_tax=True,
            lines=lines,
            total=Decimal(str(body["total"])),
            tax_total=sum((line.tax for line in lines), Decimal(0)),
            email=str(body["email"]),
            notes=str(body["notes"]),
        )

    def acknowledge(self, channel_order_code: str, receipts: Mapping[str, Receipt]) -> None:
        HonestChannel.check(self)
        notes = self.shop.notes.setdefault(channel_order_code, [])
        for source, receipt in receipts.items():
            note = f"{source} took the order as {receipt.source_order_code}"
            if note not in notes:
                notes.append(note)

    def product_url(self, channel_product_code: str) -> str | None:
        return None


class ChannelStage:
    """The harness; ``kind`` is the class on trial."""

    secrets = (SECRET,)

    def __init__(self, kind: type[HonestChannel]) -> None:
        self.kind, self.manifest = kind, kind.manifest
        self.shop = Shop()

    def channel(self) -> HonestChannel:
        return self.kind(self.shop)

    def unreachable(self) -> HonestChannel:
        return self.kind(self.shop, "unreachable")

    def refused(self) -> HonestChannel:
        return self.kind(self.shop, "refused")

    def rejecting(self, sku: str) -> HonestChannel:
        self.shop.rejected.add(sku)
        return self.channel()

    def losing_answer(self) -> HonestChannel:
        self.shop.answers_to_lose = 1
        return self.channel()

    def items(self, sku: str) -> list[StoredItem]:
        return [
            StoredItem(product.id, item.id, {**product.fields, **item.fields}, product.is_shown)
            for product in self.shop.products.values()
            for item in product.items.values()
            if item.sku == sku
        ]

    def plant(self, sku: str, title: str, price: Decimal, qty: int) -> StoredItem:
        product = Product(self.shop.next_id(), {"title": title})
        product.items[sku] = Item(self.shop.next_id(), sku, {"price": price, "qty": qty})
        self.shop.products[product.id] = product
        return self.items(sku)[-1]

    def edit(self, sku: str, field_name: str, value: FieldValue) -> None:
        for product in self.shop.products.values():
            if sku in product.items:
                (product.fields if field_name == "title" else product.items[sku].fields)[field_name] = value

    def place(self, basket: Basket, *, at: datetime | None = None) -> str:
        moment = (at or datetime.now(UTC)).isoformat()
        lines, total = [], Decimal(0)
        for sku, qty in basket.items:
            gross = Decimal(str(self.items(sku)[0].fields["price"])) * qty
            net = (gross / Decimal("1.15")).quantize(Decimal("0.01"))
            lines.append((sku, qty, str(net), str(gross - net)))
            total += gross
        code = self.shop.next_id()
        self.shop.orders[code] = {
            "id": code, "ordered_at": moment, "modified_at": moment, "lines": lines, "total": str(total),
            "email": basket.email, "notes": basket.notes,
        }  # fmt: skip
        return code

    def change(self, channel_order_code: str, *, at: datetime) -> None:
        self.shop.orders[channel_order_code]["modified_at"] = at.isoformat()

    def acknowledgements(self, channel_order_code: str) -> list[str]:
        return self.shop.notes.get(channel_order_code, [])

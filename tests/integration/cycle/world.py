"""A client on real storage, with sources that say what a test tells them and a shop that keeps its rules."""

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa

from s2s_pipelines.catalogue.policy import ChannelPolicy, Terms
from s2s_pipelines.cycle.client_memory import ClientMemory
from s2s_pipelines.cycle.client_plan import ChannelPlan, ClientPlan, FeedPlan, SourcePlan
from s2s_pipelines.cycle.publish import Stores, make_plan
from s2s_pipelines.cycle.push import push_plan
from s2s_pipelines.cycle.refresh import refresh_client
from s2s_pipelines.model.change import Action, Outcome
from s2s_pipelines.model.field import FieldRow
from s2s_pipelines.ports import Extract
from s2s_pipelines.storage.catalogue_store import ParquetCatalogue
from s2s_pipelines.storage.item_store import Items
from s2s_pipelines.storage.lease import Leases
from s2s_pipelines.storage.plan_store import Plans
from tests.unit.storage.stores import HandClock, make_database

ERP_FIELDS = {
    "source_product_code": "CODE",
    "source_variant_code": "ITEM",
    "title": "NAME",
    "product_active": "WEB",
    "variants.sku": "SKU",
    "variants.qty": "ONHAND",
    "variants.retail_price": "PRICE",
    "variants.inventory_management": None,
    "vendor": "BRAND",
    "option1_name": "OPT",
    "variants.option1_value": "OPTVAL",
}
ERP_ROW = {"WEB": "active", "ONHAND": "5", "PRICE": "115.00", "BRAND": None, "OPT": None, "OPTVAL": None}


def field_rows(feed, mapping):
    return tuple(FieldRow(feed, target, column, None if column else "true") for target, column in mapping.items())


class ToldSource:
    """Says what it is told, text only, or fails as it is told."""

    def __init__(self, clock):
        self.clock = clock
        self.feeds = {}
        self.error = None
        self.modified_at = None
        self.asked = []
        self.increment = None

    def tell(self, feed, rows, columns=None):
        names = columns or list(dict.fromkeys(name for row in rows for name in row))
        self.feeds[feed] = pa.table({n: pa.array([row.get(n) for row in rows], pa.string()) for n in names})

    def check(self):
        if self.error is not None:
            raise self.error

    def read(self, feed, since=None):
        self.asked.append((feed, since))
        self.check()
        table, is_complete = self.feeds[feed], True
        if since is not None and self.increment is not None:
            table, is_complete = table.filter(pa.array([s in self.increment for s in table["SKU"].to_pylist()])), False
        digest = hashlib.sha256(repr(table.to_pydict()).encode()).hexdigest()
        rows = pa.array(range(2, table.num_rows + 2), pa.int64())
        now = self.clock.now()
        return Extract(
            feed, table, rows, now, is_complete, digest, cursor=now.isoformat(), modified_at=self.modified_at
        )


class StrictShop:
    """A channel in memory. It knows its own ids only, takes no sku twice, and refuses or dies as it is told."""

    def __init__(self):
        self.products, self.variants, self.number = {}, {}, 0
        self.pushes = []
        self.refuse, self.forget, self.lost = {}, set(), set()
        self.error_after = None
        self.dies_at = None

    def seen(self, sku):
        found = [v for v in self.variants.values() if v["sku"] == sku]
        assert len(found) < 2, "the shop has this sku twice"
        return None if not found else {**self.products[found[0]["product"]], **found[0]}

    @property
    def skus(self):
        return sorted(v["sku"] for v in self.variants.values())

    def push(self, changes):
        self.pushes.append(changes)
        if self.error_after is not None and len(self.pushes) > self.error_after[0]:
            raise self.error_after[1]
        outcomes = [o for change in changes for o in self._take(change)]
        if self.dies_at == len(self.pushes):
            raise KeyboardInterrupt
        return [o for o in outcomes if o.sku not in self.lost]

    def _new(self):
        self.number += 1
        return str(self.number)

    def _take(self, change):
        product = change.channel_product_code
        if product is None and change.action is Action.CREATE:
            known = [v["product"] for v in self.variants.values() if v["sku"] in change.all_skus]
            product = known[0] if known else self._new()
            self.products.setdefault(product, {})
        if product not in self.products:
            gone = Outcome(change.key, None, False, reason="gone", message="no such product", is_retriable=True)
            return [gone, *(replace(gone, sku=v.sku) for v in change.variants)]
        if change.action is Action.DELIST:
            self.variants = {i: v for i, v in self.variants.items() if v["product"] != product}
            del self.products[product]
            return [Outcome(change.key, sku, True) for sku in (None, *(v.sku for v in change.variants))]
        self.products[product] |= change.fields
        told = [Outcome(change.key, None, True, channel_product_code=product)]
        return told + [self._variant(change, product, v) for v in change.variants]

    def _variant(self, change, product, variant):
        if variant.sku in self.refuse:
            reason, is_retriable = self.refuse[variant.sku]
            words = "the shop's own words"
            return Outcome(change.key, variant.sku, False, reason=reason, message=words, is_retriable=is_retriable)
        code = variant.channel_variant_code
        if code is None:
            code = next((i for i, v in self.variants.items() if v["sku"] == variant.sku), None) or self._new()
        if variant.action is Action.DELIST:
            del self.variants[code]
            return Outcome(change.key, variant.sku, True)
        row = self.variants.setdefault(code, {"sku": variant.sku, "product": product})
        row |= variant.fields
        return Outcome(change.key, variant.sku, True, channel_product_code=product, channel_variant_code=code)


class World:
    """One client with an ERP, perhaps more sources, and a shop."""

    def __init__(self, folder, **policy):
        self.clock = HandClock()
        self.engine = make_database(folder)
        self.stores = Stores(
            ParquetCatalogue(self.engine, folder / "catalogue", self.clock),
            Items(self.engine),
            Plans(self.engine, folder / "catalogue"),
        )
        self.leases = Leases(self.engine, self.clock)
        self.sources = {}
        self.declared = []
        self.orders = []
        self.shop = StrictShop()
        self.channel = ChannelPlan("shop", ChannelPolicy(**{"delist": "delete", **policy}))
        self.add("erp", "products", ERP_FIELDS, role="primary")

    def add(self, source, feed, fields, *, role="linked", feed_plan=None, **declared):
        self.sources[source] = ToldSource(self.clock)
        known = {"basis": "incl", "fields": field_rows(feed, fields)}
        feeds = (feed_plan or FeedPlan(feed, timedelta(minutes=3)),)
        linked = {"of": "erp"} if role == "linked" else {}
        self.declared.append(SourcePlan(source, role, feeds=feeds, **{**known, **linked, **declared}))
        return self.sources[source]

    def declare(self, source, **changed):
        self.declared = [replace(s, **changed) if s.source == source else s for s in self.declared]

    def declare_policy(self, **changed):
        policy = self.channel.policy.model_copy(update=changed)
        self.channel = ChannelPlan("shop", policy)

    @property
    def plan(self):
        return ClientPlan("karoo", "Africa/Johannesburg", Terms(), tuple(self.declared))

    def erp(self, *rows):
        full = [{"CODE": r.get("SKU"), "ITEM": r.get("SKU"), "NAME": f"T {r.get('SKU')}", **ERP_ROW, **r} for r in rows]
        columns = ["CODE", "ITEM", "NAME", "WEB", "SKU", "ONHAND", "PRICE", "BRAND", "OPT", "OPTVAL"]
        self.sources["erp"].tell("products", full, columns)

    def refresh(self, **asked):
        ports = {name: (lambda port=port: port) for name, port in self.sources.items()}
        memory = ClientMemory(self.stores.catalogue, "karoo")
        try:
            return refresh_client(self.plan, ports, memory, self.clock, **asked)
        finally:
            memory.flush()

    def refresh_all(self, **values):
        self.clock.move(minutes=5)
        asked = {s.source: [f.feed for f in s.feeds] for s in self.declared}
        return self.refresh(asked=asked, **values)

    def make_plan(self):
        return make_plan(self.plan, self.channel, self.stores, lambda _: self.orders, self.clock)

    def push(self, plan_id, **values):
        return push_plan(
            "karoo", "shop", plan_id, self.shop, self.stores, self.leases, self.clock, holder="test", **values
        )

    def publish(self, **values):
        return self.push(self.make_plan().stored.id, **values)

    def cycle(self):
        """Refresh everything, plan and push; all must go well."""
        result = self.refresh_all()
        assert result.is_ok, result
        pushed = self.publish()
        assert (pushed.status, pushed.failed) == ("pushed", 0), pushed
        return pushed

    def qty(self, sku):
        return self.shop.seen(sku)["qty"]

    def catalogue(self):
        return self.stores.catalogue.read(self.stores.catalogue.current("karoo", "catalogue"))


@contextmanager
def world_in(folder, **policy):
    """A world whose database is let go at the end."""
    made = World(folder, **policy)
    try:
        yield made
    finally:
        made.engine.dispose()


def price(text):
    return Decimal(text)

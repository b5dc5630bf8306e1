"""The smallest shop that can be right or wrong: it applies changes to the letter and refuses what a shop cannot know."""

import json
from itertools import count

import pyarrow as pa

from s2s_pipelines.catalogue.diff import diff, state_keys
from s2s_pipelines.catalogue.held import DELIST_HASH, held_schema, states_schema
from s2s_pipelines.catalogue.touched import touched
from s2s_pipelines.model.change import Action


class ShopModel:
    """Products and variants by the shop's own ids; what is taken off is gone."""

    def __init__(self):
        self.ids = count(1)
        self.products = {}
        self.variants = {}

    def apply(self, change):
        """Ids given by this change: None -> product id, sku -> variant id."""
        code = change.channel_product_code
        if change.action is Action.CREATE and code is None:
            code = f"p{next(self.ids)}"
            self.products[code] = {}
        assert code in self.products, f"the shop has no product {code}"
        given = {None: code}
        if change.action is Action.DELIST:
            assert {v.action for v in change.variants} <= {Action.DELIST}
            self.variants = {i: v for i, v in self.variants.items() if v["product"] != code}
            del self.products[code]
            return {None: None, **{v.sku: None for v in change.variants}}
        self.products[code] |= change.fields | {"axes": change.option_values, "simple": change.is_simple}
        for v in change.variants:
            given[v.sku] = self._apply_variant(code, v)
        skus = sorted(v["sku"] for v in self.variants.values() if v["product"] == code)
        assert skus == sorted(change.all_skus), "all_skus names what the product has after the change"
        return given

    def _apply_variant(self, code, change):
        found = change.channel_variant_code
        if change.action is Action.DELIST:
            del self.variants[found]
            return None
        if change.action is Action.CREATE and found is None:
            assert change.sku not in {v["sku"] for v in self.variants.values()}, "the shop refuses a second sku"
            found = f"v{next(self.ids)}"
            self.variants[found] = {"sku": change.sku, "product": code}
        self.variants[found] |= change.fields
        return found

    def seen(self):
        """What a visitor sees, by sku; empty values are not seen."""
        shown = {}
        for v in self.variants.values():
            whole = {**self.products[v["product"]], **v}
            del whole["product"], whole["axes"]
            shown[whole.pop("sku")] = {k: x for k, x in whole.items() if x not in (None, ())}
        return shown


class Records:
    """What we know of the shop, as the store keeps it."""

    def __init__(self):
        self.rows = {}

    def held(self):
        rows = [{"level": k[0], "item_key": k[1], **v} for k, v in self.rows.items()]
        return pa.Table.from_pylist([{n: r.get(n) for n in held_schema().names} for r in rows], held_schema())

    def states(self, keys):
        rows = [
            {**key, "acknowledged": self.rows[key["level"], key["item_key"]].get("state"), "images": "{}"}
            for key in keys.to_pylist()
        ]
        return pa.Table.from_pylist(rows, states_schema())

    def plan(self, wanted, delist="delete"):
        held = self.held()
        candidates = touched(wanted, held, delist)
        return diff(wanted, candidates, held, self.states(state_keys(candidates, held)), delist)

    def confirm(self, item, given):
        """The shop took it."""
        is_gone = item["action"] == "delist"
        state = json.dumps(json.loads(item["state"])) if item["state"] else None
        self.rows[item["level"], item["sku"] or item["product_key"]] = {
            "product_key": item["product_key"],
            "channel_product_code": given.get(None),
            "channel_variant_code": given.get(item["sku"]) if item["sku"] else None,
            "acknowledged_hash": item["content_hash"],
            "attempted_hash": None,
            "is_listed": not is_gone,
            "is_uncertain": False,
            "is_waiting": False,
            "is_simple": item["is_simple"],
            "state": state,
        }

    def fail(self, item, *, is_uncertain=False, is_waiting=False):
        """The shop did not take it, or was not heard of."""
        key = item["level"], item["sku"] or item["product_key"]
        row = self.rows.setdefault(key, {"product_key": item["product_key"], "is_listed": False})
        row["attempted_hash"] = item["content_hash"] or DELIST_HASH
        row["is_uncertain"], row["is_waiting"] = is_uncertain, is_waiting


def push(plan, shop, records, changes):
    """Apply all changes and confirm every item of the plan."""
    given = {change.key: shop.apply(change) for change in changes}
    for item in plan.items.to_pylist():
        known = records.rows.get((item["level"], item["sku"] or item["product_key"]), {})
        if item["action"] == "settle":
            known |= {"acknowledged_hash": item["content_hash"], "state": item["state"]}
        elif item["action"] in ("create", "update", "delist"):
            records.confirm(item, given[item["product_key"]])

"""Two demo clients that stand still unless somebody does something: their rhythms are a day, and the sensors are off.

One of them has a second channel that nothing was ever sent to, and an ERP that tells which rows changed.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.cycle.port import Snapshot
from s2s_pipelines.demo.dagster_client import free_port
from s2s_pipelines.demo.erp import DemoErp, ErpDocument
from s2s_pipelines.demo.shopper import Placed, Wish
from s2s_pipelines.demo.stage import Stage
from s2s_pipelines.demo.world import SHOP_KEY, SHOP_SECRET
from s2s_pipelines.orchestration.assets import source_feeds
from s2s_pipelines.orchestration.keys import catalogue_key, plan_key, push_key
from s2s_pipelines.sandboxes.woocommerce import ShopTables, WooSandbox
from tests.e2e.browser import WAIT_S, stop_sensor
from tests.e2e.floor import ROOT, workshop_of

TWIN, STOKVEL = "twin_branches", "stokvel_direct"
CLIENTS = (TWIN, STOKVEL)
LAUNCHING = ("cycle_due", "orders_due")
"""The sensors that launch runs."""

_STAMPED = ("i.web_status\nFROM", "i.web_status,\n    i.changed_at\nFROM")


@dataclass
class ConsoleStage:
    """Everything that runs."""

    stage: Stage
    workshop: Workshop
    outlet: WooSandbox

    def shop(self, client: str) -> ShopTables:
        """The tables of a client's web shop."""
        return self.stage.shops[client].tables

    def erp(self, name: str) -> DemoErp:
        """An ERP."""
        return self.stage.world.erps[name]

    def skus(self, client: str, erp: str) -> list[str]:
        """Skus of this ERP that the shop has in stock."""
        owned = self.erp(erp).available()
        products = self.shop(client).products().items()
        return sorted(s for s, p in products if s in owned and p.status == "publish" and (p.stock_quantity or 0) >= 8)

    def price(self, client: str, sku: str) -> Decimal:
        """What the shop asks for it."""
        return Decimal(self.shop(client).products()[sku].regular_price)

    def erp_price(self, erp: str, sku: str) -> Decimal:
        """What the ERP asks for it."""
        with closing(sqlite3.connect(self.erp(erp).path)) as db:
            return Decimal(db.execute("SELECT price_incl FROM item WHERE code = ?", (sku,)).fetchone()[0])

    def read_price(self, client: str, feed: str, sku: str) -> Decimal:
        """What was last read of it."""
        table = self.workshop.catalogues.read(self.snapshots(client)[feed], skus=[sku])
        return Decimal(table.to_pylist()[0]["retail_price"])

    def snapshots(self, client: str) -> Mapping[str, Snapshot]:
        """What stands of each of its feeds in our database."""
        return self.workshop.catalogues.standing(client)

    def place(self, client: str, erp: str) -> tuple[str, Placed]:
        """An order that this ERP has to get, of a buyer it knows."""
        wish = Wish(client, ((self.skus(client, erp)[0], 1),), "buyer1@example.com")
        return erp, self.stage.shoppers[client].place(wish)

    def documents(self, erp: str, order: Placed) -> list[ErpDocument]:
        """What the ERP has of an order."""
        return [found for found in self.erp(erp).documents() if found.web_number == order.number]

    def settle(self, client: str) -> None:
        """Read and push what earlier tests left, without Dagster."""
        sources = list(self.workshop.client(client).declaration.sources)
        done = self.workshop.cycle_client(client, sources=sources)
        assert not done.faults, done.faults


@contextmanager
def console_stage(folder: Path) -> Iterator[ConsoleStage]:
    """Build the world, fill the old channels, start Dagster, and switch off what launches runs by itself."""
    port = free_port()
    outlet_file = folder / "home" / "outside" / "outlet.shop.db"
    outlet_file.parent.mkdir(parents=True)
    with WooSandbox(outlet_file, consumer_key=SHOP_KEY, consumer_secret=SHOP_SECRET, name="outlet") as outlet:
        root = _derived(folder / "root", f"http://127.0.0.1:{port}")
        more = {"DEMO_OUTLET_SHOP": outlet.url}
        with Stage(root, folder / "home", lambda _: None, port=port, more=more, has_dagster=False) as stage:
            _prepare(stage)
            with workshop_of(stage.environment) as workshop, pytest.MonkeyPatch.context() as patch:
                for name, value in stage.environment.items():
                    patch.setenv(name, value)
                _fill(workshop)
                try:
                    stage.dagster.start()
                    for sensor in LAUNCHING:
                        stop_sensor(stage.dagster, sensor)
                    _show(stage, workshop)
                    yield ConsoleStage(stage, workshop, outlet)
                finally:
                    stage.dagster.stop()


def _fill(workshop: Workshop) -> None:
    for client in CLIENTS:
        done = workshop.cycle_client(client)
        assert not done.faults, done.faults
        assert not done.troubled_feeds, done.troubled_feeds


def _show(stage: Stage, workshop: Workshop) -> None:
    """Every asset was seen by Dagster once, else it asks whether one may go without those it is made from."""
    keys = []
    for client in CLIENTS:
        declared = workshop.client(client)
        channels = declared.declaration.channels
        keys += [*source_feeds(declared), catalogue_key(client)]
        keys += [of(client, channel) for channel in channels for of in (plan_key, push_key)]
    launched = stage.dagster.launch_assets(key.path for key in keys)
    assert stage.dagster.wait_for([launched], timeout_s=WAIT_S)[0].status == "SUCCESS"


def _prepare(stage: Stage) -> None:
    """Rows that are rejected, and rows that say when they changed."""
    south = stage.world.erps["twin_south"]
    for sku in sorted(south.available())[:2]:
        south.execute("UPDATE item SET price_incl = 'P.O.A.' WHERE code = ?", (sku,))
    south.execute("UPDATE item SET description = '' WHERE code = ?", (sorted(south.available())[2],))
    erp = stage.world.erps["stokvel_erp"]
    erp.execute("ALTER TABLE item ADD COLUMN changed_at TEXT DEFAULT '2026-01-02 00:00:00'")
    erp.execute("UPDATE item SET changed_at = '2026-01-03 00:00:00' WHERE stock_id = 1")


def _derived(root: Path, ui_url: str) -> Path:
    """The shipped declarations of two demo clients, changed where the tests need it."""
    for name in ("dagster.yaml", "workspace.yaml"):
        root.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for client in CLIENTS:
        shutil.copytree(ROOT / "assets" / client, root / "assets" / client)
        (root / "resources").mkdir(exist_ok=True)
        shutil.copy(ROOT / "resources" / f"{client}.yaml", root / "resources" / f"{client}.yaml")
        with _edited(root / "assets" / client / "client.yaml") as declared:
            for source in declared["sources"].values():
                for feed in source["feeds"].values():
                    feed["every"] = "P1D"
            for channel in declared["channels"].values():
                channel["push_every"] = "P1D"
    with _edited(root / "assets" / STOKVEL / "client.yaml") as declared:
        declared["sources"]["erp"]["feeds"]["products"]["ignore"] = ["changed_at"]
        shop = deepcopy(declared["channels"]["shop"])
        outlet = {name: value for name, value in shop.items() if name != "orders"}
        declared["channels"]["outlet"] = {
            **outlet, "label": "Outlet", "connection": "outlet", "first_push": "approve",
        }  # fmt: skip
    with _edited(root / "resources" / f"{STOKVEL}.yaml") as resources:
        connections = resources["connections"]
        connections["outlet"] = {**deepcopy(connections["shop"]), "url": {"env": "DEMO_OUTLET_SHOP"}}
        connections["erp"]["feeds"]["products"]["modified_column"] = "changed_at"
        connections["erp"]["overlap_s"] = 0
    query = root / "assets" / STOKVEL / "queries" / "erp.products.sql"
    query.write_text(query.read_text(encoding="utf-8").replace(*_STAMPED), encoding="utf-8")
    (root / "operations.yaml").write_text(f"ui_url: {ui_url}\n", encoding="utf-8")
    return root


@contextmanager
def _edited(path: Path) -> Iterator[dict[str, Any]]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    yield content
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

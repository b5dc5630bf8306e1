"""What stands outside of the system in a storm: small clients, each with an ERP, a supplier and a shop of its own.

Rhythms are declared three times as short as usual (``FACTOR``): a minute stands for three, ten seconds for thirty. Everything
else is as shipped and in real time: waits after failures, time-outs, leases, sensors.
"""

import random
import shutil
from contextlib import ExitStack
from pathlib import Path

from s2s_pipelines.demo.assortment import Item, simple_items
from s2s_pipelines.demo.erp import DemoErp
from s2s_pipelines.demo.shopper import Placed, Shopper, Wish
from s2s_pipelines.demo.world import SHOP_KEY, SHOP_SECRET
from s2s_pipelines.sandboxes.woocommerce import WooSandbox
from tests.storm.ear import HOOK_SECRET
from tests.storm.supplier import Suppliers

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "assets" / "twin_branches"
"""The demo client whose field map and query are used as they are, less its customers."""

FACTOR = 3
EVERY_S, POLL_S, DELIVERY_S, GRACE_S = 60, 10, 150, 30
SHOP_TIMEOUT_S = 20
"""A shop that takes 30 s is given up before."""
SKUS = 60
UNKNOWN_SKU = "GIFT-WRAP"

_CLIENT = """\
client: {name}
label: Client {number}
timezone: Africa/Johannesburg
owners: [ops]
terms: {{currency: ZAR, basis: incl, tax_rate: "15"}}
sources:
  erp:
    role: primary
    connection: erp
    basis: incl
    feeds:
      products: {{every: PT{every}S, stale_after: PT{stale}S}}
    orders: {{document: sales_order, basis: excl, tax_codes: {{"15": "01", "0": "02"}}, shipping_item: FREIGHT}}
  supplier:
    role: linked
    of: erp
    connection: supplier
    precedence: 1
    match: sku
    basis: incl
    feeds:
      stock: {{every: PT{every}S, stale_after: PT{stale}S}}
    flags: {{variants.qty: source}}
    rhythm: {{every: PT{delivery}S, grace: PT{grace}S, overdue: hold}}
channels:
  shop:
    connection: shop
    policy: {{basis: incl, delist: hide}}
    push_every: PT{every}S
    first_push: free
    orders:
      from: 2026-01-01
      statuses: [processing]
      default_customers: {{erp: WEB001}}
      poll_every: PT{poll}S
"""
_CONNECTIONS = """\
connections:
  erp:
    kind: sql
    url: {{file: "{folder}/erp.url"}}
    feeds:
      products: {{query: erp.products.sql}}
    orders:
      url: {{file: "{folder}/erp.url"}}
      header: {{table: sales_order, reference: external_ref, number: doc_no, key: doc_id}}
      line: {{table: sales_order_line, parent: doc_id}}
  supplier:
    kind: flat_file
    location: "{supplier}/{name}/stock.csv"
    allow_private: ["127.0.0.1"]
  shop:
    kind: woocommerce
    url: "{shop}"
    consumer_key: {{env: STORM_SHOP_KEY}}
    consumer_secret: {{env: STORM_SHOP_SECRET}}
    timeout_s: {timeout}
"""
_STOCK_MAP = """\
feed,target,column,constant,transform,note
stock,variants.sku,sku,,,
stock,variants.qty,units,,,
"""


class Merchant:
    """One client and what is its own.

    Args:
        number: 1 and up; decides name and goods.
        root: the folder that gets ``assets/`` and ``resources/``.
        folder: where the ERP and the shop keep their files.
        suppliers: who serve its stock file.
    """

    def __init__(self, number: int, root: Path, folder: Path, suppliers: Suppliers) -> None:
        self.number, self.name = number, f"client_{number:02}"
        self.root, self.folder, self.suppliers = root, folder, suppliers
        folder.mkdir(parents=True)
        self._rng = random.Random(number)
        self.items: list[Item] = list(simple_items(self._rng, SKUS, "K"))
        self.stock = {item.sku: self._rng.randrange(100, 900) for item in self.items}
        self.erp = DemoErp(folder / "erp.db")
        self.shop = WooSandbox(folder / "shop.db", consumer_key=SHOP_KEY, consumer_secret=SHOP_SECRET, name=self.name)
        self.placed: list[Placed] = []
        self.is_delivering = True

    @property
    def declaration(self) -> Path:
        """Its ``client.yaml``."""
        return self.root / "assets" / self.name / "client.yaml"

    def create(self) -> None:
        """Fill the ERP and the supplier's file, and write the declarations."""
        self.erp.create(self.items)
        # One file and no log beside it, as the ERP that refuses to be written needs it.
        self.erp.execute("PRAGMA journal_mode=DELETE")
        self.erp.add_debtors([("WEB001", "Web", "Sales", "web@example.com", "A")])
        (self.folder / "erp.url").write_text(f"sqlite:///{self.erp.path}")
        self.suppliers.deliver(self.name, self.stock)
        self._declare()

    def _declare(self) -> None:
        assets = self.root / "assets" / self.name
        for part in ("fields", "queries"):
            (assets / part).mkdir(parents=True)
        (self.root / "resources").mkdir(exist_ok=True)
        self.declaration.write_text(
            _CLIENT.format(
                name=self.name, number=self.number, every=EVERY_S, poll=POLL_S, delivery=DELIVERY_S, grace=GRACE_S,
                stale=5 * EVERY_S,
            )
        )  # fmt: skip
        model = (MODEL / "fields" / "north.csv").read_text().splitlines(keepends=True)
        (assets / "fields" / "erp.csv").write_text("".join(row for row in model if not row.startswith("customers,")))
        (assets / "fields" / "supplier.csv").write_text(_STOCK_MAP)
        shutil.copy(MODEL / "queries" / "north.products.sql", assets / "queries" / "erp.products.sql")
        (self.root / "resources" / f"{self.name}.yaml").write_text(
            _CONNECTIONS.format(
                name=self.name, folder=self.folder, supplier=self.suppliers.url, shop=self.shop.url,
                timeout=SHOP_TIMEOUT_S,
            )
        )  # fmt: skip

    def count_again(self) -> None:
        """The supplier delivers other quantities for a few skus."""
        for sku in self._rng.sample(sorted(self.stock), 3):
            self.stock[sku] = self._rng.randrange(100, 900)
        self.suppliers.deliver(self.name, self.stock)

    def order(self) -> Placed:
        """A buyer orders two things in the shop."""
        chosen = self._rng.sample([item.sku for item in self.items[:40]], 2)
        lines = tuple((sku, self._rng.randrange(1, 3)) for sku in chosen)
        placed = Shopper(self.shop.url).place(Wish(self.name, lines, f"guest{len(self.placed)}@example.com", "95.00"))
        self.placed.append(placed)
        return placed

    def order_unknown(self) -> None:
        """A buyer orders something that the shop made by hand and no ERP knows."""
        shopper = Shopper(self.shop.url)
        shopper.add_product(UNKNOWN_SKU, "Gift wrapping", "25.00")
        shopper.place(Wish(self.name, ((UNKNOWN_SKU, 1),), "guest@example.com"))

    def polls(self) -> int:
        """How often the shop was asked for its orders, by its own count."""
        return self.shop.site.reads["/wc/v3/orders"]

    def wrong_documents(self) -> int:
        """Orders placed that do not stand as exactly one document in the ERP."""
        numbers = [document.web_number for document in self.erp.documents()]
        return sum(numbers.count(order.number) != 1 for order in self.placed)


class World:
    """All of it, served for as long as the context lasts.

    Args:
        folder: empty; everything is written below it.
        clients: how many.
    """

    def __init__(self, folder: Path, clients: int) -> None:
        self.root, self.home = folder / "root", folder / "home"
        self.root.mkdir(parents=True)
        self.suppliers = Suppliers()
        self.merchants = [
            Merchant(number, self.root, folder / "outside" / f"{number:02}", self.suppliers)
            for number in range(1, clients + 1)
        ]
        self._open = ExitStack()

    def __enter__(self) -> "World":
        self._open.enter_context(self.suppliers)
        for merchant in self.merchants:
            self._open.enter_context(merchant.shop)
            merchant.create()
        return self

    def __exit__(self, *ending: object) -> None:
        self._open.close()

    @property
    def environment(self) -> dict[str, str]:
        """What Dagster's processes need to find it all; what the shell says of a production system must not reach them."""
        return {
            "S2S_ROOT": str(self.root),
            "S2S_HOME": str(self.home),
            "S2S_DATABASE_URL": "",
            "S2S_DAGSTER_DATABASE_URL": "",
            "STORM_SHOP_KEY": SHOP_KEY,
            "STORM_SHOP_SECRET": SHOP_SECRET,
            "STORM_HOOK_SECRET": HOOK_SECRET,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
        }

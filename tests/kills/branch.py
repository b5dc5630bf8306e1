"""A shop with two branches: the WooCommerce sandbox, two demo ERPs that would take a document twice, and real declarations.

Each ERP is the demo's own, less the unique key on the reference: nothing in it forbids a second document. The shipped check of a
connection would refuse it for that; the kills are to show what holds without it.
"""

import os
import random
import shutil
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.demo.assortment import simple_items
from s2s_pipelines.demo.erp import SCHEMA, DemoErp
from s2s_pipelines.demo.shopper import Shopper, Wish
from s2s_pipelines.demo.world import SHOP_KEY, SHOP_SECRET
from s2s_pipelines.sandboxes.woocommerce import ShopOrder, WooSandbox
from tests.kills.subject import Standing

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "assets" / "twin_branches"
"""The demo client whose field maps and queries are used as they are."""

SOURCES = ("north", "south")
SKUS = 6
CLIENT_YAML = """\
client: {client}
label: Branches
timezone: Africa/Johannesburg
owners: [ops]
terms: {{currency: ZAR, basis: incl, tax_rate: "15"}}
sources:
  north:
    role: primary
    connection: north
    basis: incl
    feeds: {{products: {{every: P30D}}, customers: {{every: P30D}}}}
    orders: {{document: sales_order, basis: excl, tax_codes: {{"15": "01", "0": "02"}}, shipping_item: FREIGHT}}
  south:
    role: primary
    connection: south
    basis: incl
    feeds: {{products: {{every: P30D}}, customers: {{every: P30D}}}}
    orders: {{document: invoice, basis: incl, tax_codes: {{"15": "01", "0": "02"}}, shipping_item: FREIGHT}}
channels:
  shop:
    connection: shop
    policy: {{basis: incl, delist: hide}}
    push_every: P30D
    first_push: free
    orders:
      from: 2020-01-01
      statuses: [processing]
      default_customers: {{north: WEB001, south: WEB001}}
      poll_every: PT2S
"""
ERP_YAML = """\
  {source}:
    kind: sql
    url: {{env: {variable}}}
    feeds:
      products: {{query: {source}.products.sql}}
      customers: {{query: {source}.customers.sql}}
    orders:
      url: {{env: {variable}}}
      header: {{table: sales_order, reference: external_ref, number: doc_no, key: doc_id}}
      line: {{table: sales_order_line, parent: doc_id}}
"""
SHOP_YAML = """\
  shop:
    kind: woocommerce
    url: {{env: {variable}}}
    consumer_key: {{env: KILLS_SHOP_KEY}}
    consumer_secret: {{env: KILLS_SHOP_SECRET}}
"""


class Branch:
    """One such client; a context manager that serves its shop.

    Args:
        root: the folder that gets ``assets/`` and ``resources/``.
        folder: where shop and ERPs keep their files.
    """

    def __init__(self, root: Path, folder: Path, client: str) -> None:
        self.client = client
        self._root = root
        folder.mkdir(parents=True, exist_ok=True)
        self._erps = {source: DemoErp(folder / f"{source}.db") for source in SOURCES}
        self._items = {
            source: [replace(item, on_hand=1_000_000) for item in simple_items(random.Random(source), SKUS, letter)]
            for source, letter in (("north", "N"), ("south", "S"))
        }
        self.shop = WooSandbox(folder / "shop.db", consumer_key=SHOP_KEY, consumer_secret=SHOP_SECRET, name=client)

    def __enter__(self) -> "Branch":
        self.shop.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self.shop.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables its declarations refer to."""
        name = self.client.upper()
        erps = {f"KILLS_{name}_{source.upper()}": f"sqlite:///{erp.path}" for source, erp in self._erps.items()}
        keys = {"KILLS_SHOP_KEY": SHOP_KEY, "KILLS_SHOP_SECRET": SHOP_SECRET}
        return {**erps, **keys, f"KILLS_{name}_SHOP": self.shop.url}

    def create(self) -> None:
        """Write the declarations and fill the ERPs."""
        assets = self._root / "assets" / self.client
        for part in ("fields", "queries"):
            shutil.copytree(MODEL / part, assets / part)
        (assets / "client.yaml").write_text(CLIENT_YAML.format(client=self.client))
        name = self.client.upper()
        connections = [ERP_YAML.format(source=s, variable=f"KILLS_{name}_{s.upper()}") for s in SOURCES]
        connections.append(SHOP_YAML.format(variable=f"KILLS_{name}_SHOP"))
        (self._root / "resources").mkdir(exist_ok=True)
        (self._root / "resources" / f"{self.client}.yaml").write_text("connections:\n" + "".join(connections))
        for source, erp in self._erps.items():
            erp.create(self._items[source])
            _allow_doubles(erp)
            erp.add_debtors(
                [
                    ("WEB001", "Web", "Sales", "web@example.com", "A"),
                    ("C001", "Known", "Example", "known@example.com", "A"),
                ]
            )

    def open_shop(self, workshop: Workshop) -> None:
        """Read the ERPs and put the goods on show, as a cycle does."""
        workshop.refresh(self.client, asked=None, is_full=True)
        workshop.plan(self.client, "shop")
        pushed = workshop.push(self.client, "shop")
        if len(self.shop.tables.products()) != SKUS * len(SOURCES):
            raise RuntimeError(f"the shop does not show its goods: {pushed}")

    def place(self, number: int) -> str:
        """Place an order over both branches; its code. Amounts, customer and delivery differ from order to order."""
        north, south = (self._items[source] for source in SOURCES)
        lines = (
            (north[number % SKUS].sku, 1 + number % 3),
            (south[number // 2 % SKUS].sku, 1 + number % 2),
            (north[(number + 1 + number % 4) % SKUS].sku, 2),
        )
        email = "known@example.com" if number % 2 else f"guest{number}@example.com"
        placed = Shopper(self.shop.url).place(Wish(self.client, lines, email, ("95.00", "", "120.55")[number % 3]))
        return str(placed.order_id)

    def totals(self) -> dict[str, Decimal]:
        """From the shop's tables: total with tax by order code."""
        return {order.number: order.total for order in self.shop.tables.orders()}

    def expected(self) -> list[Standing]:
        """From the shop's tables: every document that must stand."""
        return [standing for order in self.shop.tables.orders() for standing in self._split(order)]

    def documents(self) -> list[Standing]:
        """From the ERPs' tables: every document that stands."""
        return [
            Standing(document.web_number, source, document.total, _goods(document.lines))
            for source, erp in self._erps.items()
            for document in erp.documents()
        ]

    def told(self) -> Counter[tuple[str, str]]:
        """From the shop's tables: private notes that name a document, by (order code, source)."""
        notes = [(order.number, note) for order in self.shop.tables.orders() for note in order.notes]
        return Counter((n, source) for n, note in notes for source in SOURCES if note.startswith(f"Raised in {source}"))

    def _split(self, order: ShopOrder) -> list[Standing]:
        """Goods to the branch that has the sku, delivery with the larger net."""
        owner = {item.sku: source for source, items in self._items.items() for item in items}
        lines = {source: [line for line in order.lines if owner[line.sku] == source] for source in SOURCES}
        net = {source: sum((line.total for line in lines[source]), Decimal(0)) for source in SOURCES}
        amounts = {s: net[s] + sum((line.total_tax for line in lines[s]), Decimal(0)) for s in SOURCES}
        delivery = order.total - sum(amounts.values(), Decimal(0))
        amounts[max(SOURCES, key=lambda source: net[source])] += delivery
        return [
            Standing(order.number, s, amounts[s], _goods(tuple((line.sku, line.quantity) for line in lines[s])))
            for s in SOURCES
        ]


def _goods(lines: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((sku, units) for sku, units in lines if sku != "FREIGHT"))


def _allow_doubles(erp: DemoErp) -> None:
    """Make the table of documents anew without its unique key."""
    start = SCHEMA.index("CREATE TABLE sales_order (")
    statement = SCHEMA[start : SCHEMA.index(";", start)]
    lax = statement.replace("external_ref TEXT NOT NULL UNIQUE", "external_ref TEXT NOT NULL")
    if lax == statement:
        raise RuntimeError("the demo ERP's table has no unique key to leave out")
    erp.execute("DROP TABLE sales_order")
    erp.execute(lax)


def environment_of(root: Path, home: Path, branches: list[Branch]) -> dict[str, str]:
    """Everything a program needs to find the declarations, our own database, the shops and the ERPs."""
    found = {"S2S_ROOT": str(root), "S2S_HOME": str(home), "S2S_DATABASE_URL": "", "S2S_DAGSTER_DATABASE_URL": ""}
    for branch in branches:
        found |= branch.environment
    return found


def open_all(environment: dict[str, str], branches: list[Branch]) -> None:
    """Put the goods of all on show."""
    os.environ.update(environment)
    workshop = Workshop(Environment.from_mapping(environment))
    try:
        for branch in branches:
            branch.open_shop(workshop)
    finally:
        workshop.close()

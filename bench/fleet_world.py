"""A generated fleet: declarations that set every key, and what stands outside of them: two ERPs and two suppliers a client.

The same every time. All clients of a fleet sell the same goods, each from files of its own and to an account of its own, so that
what one client's first cycle left behind can stand for every client's (``bench.fleet_seed``).
"""

import os
import random
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from s2s_pipelines.demo.assortment import simple_items
from s2s_pipelines.demo.erp import DemoErp

SEED = 20260401
PRIMARIES = ("north", "south")
LINKED = {"supplier": "north", "texts": "south"}
SHOP_KEY = "ck_bench000000000000000000000000000000000"
SHOP_SECRET = "cs_bench000000000000000000000000000000000"

_CLIENT = """\
client: {client}
label: Client {number}
timezone: Africa/Johannesburg
owners: [ops, web_team]
terms: {{currency: ZAR, basis: incl, tax_rate: "15"}}
sources:
{sources}channels:
  shop:
    label: Web shop
    connection: shop
    policy:
      compare_at_tier: advised
      basis: incl
      quantity: {{buffer: 2, cap: 50}}
      rules:
        match: any
        include:
          - {{field: product_type, op: is_not_empty}}
        exclude:
          - {{field: product_type, op: equals, value: Internal}}
      flags: {{options: channel}}
      delist: hide
      breakers: {{vanish: "0.2", to_zero: "0.30", price_change: "0.3", price_beyond: "0.25", at_least: 5}}
    push_every: {push_every}
    first_push: free
    orders:
      from: 2026-01-01
      statuses: [processing, on-hold]
      default_customers: {{north: WEB001, south: WEB001}}
      poll_every: {poll_every}
      quiet_after: P30D
"""
_PRIMARY = """\
  {source}:
    label: Branch {source}
    role: primary
    connection: {source}
    basis: incl
    numbers: {{decimal_mark: ".", thousands_mark: ""}}
    feeds:
      products:
        {{every: {every}, full_at: "{full_at}", stale_after: PT12H, ignore: [buyer_note], shrink_limit: "0.25",
          absent: keep, absent_limit: "0.1"}}
      customers: {{every: {every}, stale_after: P2D, shrink_limit: "0.5"}}
    flags: {{body_html: source, "variants.weight": source}}
    rhythm: {{every: P7D, grace: P1D, overdue: hold}}
    orders:
      document: sales_order
      basis: excl
      tax_codes: {{"15": "01", "0": "02"}}
      shipping_item: FREIGHT
      fee_item: "0099"
      price_decimals: 4
      tax_on: exact
      raised_here: "yes"
"""
_LINKED = """\
  {source}:
    label: Supplier {source}
    role: linked
    of: {of}
    connection: {source}
    precedence: 1
    match: sku
    basis: incl
    numbers: {{decimal_mark: ",", thousands_mark: " "}}
    feeds:
      products: {{every: {every}, stale_after: P2D, shrink_limit: "0.5"}}
    rhythm: {{every: P7D, grace: P1D, overdue: hold}}
    flags: {{"*": system, vendor: source, price_advised: source}}
"""
_DATABASE = """\
  {source}:
    kind: sql
    url: {{file: "{outside}/{source}.url"}}
    feeds:
      products: {{query: {source}.products.sql}}
      customers: {{query: {source}.customers.sql}}
    statement_timeout_s: 60
    row_limit: 100000
    overlap_s: 600
    orders:
      url: {{file: "{outside}/{source}.url"}}
      header: {{table: sales_order, reference: external_ref, number: doc_no, key: doc_id}}
      line: {{table: sales_order_line, parent: doc_id}}
"""
_FILE = """\
  {source}:
    kind: flat_file
    location: "file://{outside}/{source}.csv"
    format: delimited
    encoding: utf-8
    delimiter: ";"
    max_bytes: 16777216
    max_rows: 100000
    timeout_s: 10
    total_s: 60
    settle_s: 1
"""
_SHOP = """\
  shop:
    kind: woocommerce
    url: "{shop}"
    consumer_key: {{env: BENCH_SHOP_KEY}}
    consumer_secret: {{env: BENCH_SHOP_SECRET}}
    timeout_s: 60
    batch_size: 100
"""
_LINKED_MAP = """\
feed,target,column,constant,transform,note
products,variants.sku,Code,,,
products,vendor,Brand,,,
products,price_advised,Advised,,,the supplier's advised price
"""
_ROOT = Path(__file__).parents[1]
_MAP = (_ROOT / "assets/twin_branches/fields/north.csv").read_text()
_PRODUCTS = (_ROOT / "assets/twin_branches/queries/north.products.sql").read_text()
_CUSTOMERS = (_ROOT / "assets/twin_branches/queries/north.customers.sql").read_text()


def client_name(number: int) -> str:
    """The key of a client, 1 and up."""
    return f"client_{number:04d}"


@dataclass(frozen=True, slots=True)
class Rhythms:
    """How often things are due: ISO durations, and the hour of the nightly read, far from now so that it is none of the cycle."""

    every: str = "PT1H"
    push_every: str = "PT2H"
    poll_every: str = "P1D"
    full_at: str = "02:00"


def declare(root: Path, outside: Path, number: int, *, shop: str, rhythms: Rhythms) -> None:
    """Write one client's declarations below ``root``; its files will stand below ``outside/<client>``."""
    client = client_name(number)
    folder, place = root / "assets" / client, outside / client
    for name in ("fields", "queries"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (root / "resources").mkdir(exist_ok=True)
    every = asdict(rhythms)
    sources = [_PRIMARY.format(source=s, **every) for s in PRIMARIES]
    sources += [_LINKED.format(source=s, of=of, **every) for s, of in LINKED.items()]
    words = {"client": client, "number": number, "sources": "".join(sources), **every}
    (folder / "client.yaml").write_text(_CLIENT.format(**words))
    for source in PRIMARIES:
        (folder / "fields" / f"{source}.csv").write_text(_MAP)
        (folder / "queries" / f"{source}.products.sql").write_text(_PRODUCTS)
        (folder / "queries" / f"{source}.customers.sql").write_text(_CUSTOMERS)
    for source in LINKED:
        (folder / "fields" / f"{source}.csv").write_text(_LINKED_MAP)
    connections = [_DATABASE.format(source=s, outside=place) for s in PRIMARIES]
    connections += [_FILE.format(source=s, outside=place) for s in LINKED]
    connections += [_SHOP.format(shop=shop)]
    (root / "resources" / f"{client}.yaml").write_text("connections:\n" + "".join(connections))


def build_goods(folder: Path, skus: int) -> None:
    """One client's ERPs and suppliers' files, to be copied for every client; half of the skus in each branch."""
    rng = random.Random(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    for source, prefix in zip(PRIMARIES, "NS", strict=True):
        items = list(simple_items(rng, skus // 2, prefix))
        erp = DemoErp(folder / f"{source}.db")
        erp.create(items)
        people = [(f"C{n:03d}", f"Buyer{n}", "Example", f"buyer{n}@example.com", "A") for n in range(1, 21)]
        erp.add_debtors([("WEB001", "Web", "Sales", "web@example.com", "A"), *people])
        with closing(sqlite3.connect(erp.path)) as db:
            db.execute("PRAGMA journal_mode=DELETE")  # one file, so that copying it copies everything
        linked = next(name for name, of in LINKED.items() if of == source)
        lines = ["Code;Brand;Advised"]
        lines += [
            f"{item.sku};{rng.choice(('Veld', 'Touareg', 'Karoo'))};{item.price * 2}".replace(".", ",")
            for item in items
        ]
        (folder / f"{linked}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    an_hour_ago = time.time() - 3600  # a file that just changed is looked at twice
    for file in folder.iterdir():
        os.utime(file, (an_hour_ago, an_hour_ago))


def deliver(goods: Path, outside: Path, number: int) -> None:
    """Copy the goods to one client's own files, all of the same age: another one would be another delivery."""
    place = outside / client_name(number)
    place.mkdir(parents=True, exist_ok=True)
    for file in goods.iterdir():
        shutil.copy2(file, place / file.name)
    for source in PRIMARIES:
        (place / f"{source}.url").write_text(f"sqlite:///{place / source}.db")


def sell(outside: Path, number: int, skus: int = 20) -> None:
    """Somebody at the branch counts again: other quantities for some skus of one client."""
    with closing(sqlite3.connect(outside / client_name(number) / "north.db")) as db, db:
        db.execute("UPDATE stock SET on_hand = on_hand % 40 + 3 WHERE stock_id <= ?", (skus,))

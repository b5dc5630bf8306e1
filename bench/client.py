"""One generated client as the system knows it: its declarations, its tables and files, and a channel that only counts."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.generator import EXTRACT, Generator, Shape, item_schema, item_targets
from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.config.fleet import Client
from s2s_pipelines.model.change import Action, Outcome, ProductChange
from s2s_pipelines.ports import Channel

if TYPE_CHECKING:
    import sqlalchemy as sa

CLIENT, CHANNEL = "bench", "shop"
EXTRACT_CLIENT = "extract"
URL_VARIABLE = "BENCH_ERP_URL"

_CLIENT = """client: bench
label: Generated client
timezone: Africa/Johannesburg
terms: {currency: ZAR, basis: incl, tax_rate: "15"}
sources:
  erp:
    role: primary
    connection: erp
    basis: incl
    feeds:
      products: {every: PT10M}
  prices:
    role: linked
    of: erp
    connection: prices
    precedence: 2
    match: sku
    basis: incl
    numbers: {decimal_mark: ",", thousands_mark: " "}
    feeds:
      products: {every: P1D}
    flags: {vendor: source, price_advised: source, variants.weight: source}
  stock:
    role: linked
    of: erp
    connection: stock
    precedence: 1
    match: sku
    basis: incl
    feeds:
      stock: {every: PT1H}
    flags: {variants.qty: source}
  texts:
    role: linked
    of: erp
    connection: texts
    precedence: 3
    match: code
    basis: incl
    feeds:
      products: {every: P1D}
    flags: {body_html: source, tags: source, collection: source}
channels:
  shop:
    connection: shop
    first_push: free
    policy:
      basis: incl
      compare_at_tier: advised
      delist: hide
"""
_RESOURCES = """connections:
  erp:
    kind: sql
    url: {env: BENCH_ERP_URL}
    feeds:
      products: {table: item, columns: [COLUMNS], key: [item_id]}
  prices: {kind: flat_file, location: FOLDER/prices.csv, settle_s: 0}
  stock: {kind: flat_file, location: FOLDER/stock.csv, settle_s: 0}
  texts: {kind: flat_file, location: FOLDER/texts.csv, settle_s: 0}
  shop: {kind: woocommerce, url: "https://shop.example.com", consumer_key: {env: BENCH_KEY}, consumer_secret: {env: BENCH_KEY}}
"""
_MAPS = {
    "prices": [
        ("products", "variants.sku", "Artikelkode", ""),
        ("products", "vendor", "Handelsmerk", ""),
        ("products", "price_advised", "Adviesprys", ""),
        ("products", "variants.weight", "Massa kg", "kilograms_to_grams"),
    ],
    "stock": [("stock", "variants.sku", "sku", ""), ("stock", "variants.qty", "units", "")],
    "texts": [
        ("products", "source_product_code", "product", ""),
        ("products", "body_html", "text", ""),
        ("products", "tags", "tags", ""),
        ("products", "collection", "collection", ""),
    ],
}


def write_declarations(root: Path, files: Path, shape: Shape) -> None:
    """The client's ``assets/`` and ``resources/`` below ``root``; its linked files are in ``files``."""
    assets = root / "assets" / CLIENT
    (assets / "fields").mkdir(parents=True, exist_ok=True)
    (root / "resources").mkdir(exist_ok=True)
    (assets / "client.yaml").write_text(_CLIENT, encoding="utf-8")
    columns = ", ".join(name for name, _ in item_schema(shape))
    resources = _RESOURCES.replace("COLUMNS", columns).replace("FOLDER", str(files))
    (root / "resources" / f"{CLIENT}.yaml").write_text(resources, encoding="utf-8")
    own = [("products", target, column, transform or "") for column, (target, transform) in item_targets(shape).items()]
    for source, rows in {"erp": own, **_MAPS}.items():
        with (assets / "fields" / f"{source}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["feed", "target", "column", "constant", "transform", "note"])
            writer.writerows([feed, target, column, "", transform, ""] for feed, target, column, transform in rows)


def load_items(engine: "sa.Engine", generator: Generator, folder: Path) -> None:
    """The ERP's item table."""
    path = folder / "item.csv"
    generator.write_items(path)
    _load(engine, "item", item_schema(generator.shape), path)
    path.unlink()


def load_extract(engine: "sa.Engine", generator: Generator, folder: Path, rows: int) -> None:
    """The table that every contender reads."""
    path = folder / "extract_item.csv"
    generator.write_extract(path, rows)
    _load(engine, "extract_item", EXTRACT, path)
    path.unlink()


def change(engine: "sa.Engine", generator: Generator, folder: Path, files: Path) -> None:
    """Change the declared share of rows: prices in the ERP, quantities in the supplier's file."""
    generator.change()
    path = folder / "repriced.csv"
    generator.write_repriced(path)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TEMP TABLE repriced (item_id bigint PRIMARY KEY, price numeric(18,4))")
        _copy(connection, "repriced", path)
        connection.exec_driver_sql("UPDATE item SET price_incl = price FROM repriced r WHERE r.item_id = item.item_id")
        connection.exec_driver_sql("DROP TABLE repriced")
    path.unlink()
    generator.write_linked(files)


def _load(engine: "sa.Engine", table: str, schema: Sequence[tuple[str, str]], path: Path) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in schema)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {table} ({columns}, PRIMARY KEY (item_id))")
        _copy(connection, table, path)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM ANALYZE {table}")


def _copy(connection: "sa.Connection", table: str, path: Path) -> None:
    with connection.connection.cursor() as cursor, path.open("rb") as file:
        cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", file)


def product_code(key: str) -> str:
    """The counting channel's id of a product."""
    return f"p-{key}"


def variant_code(sku: str) -> str:
    """The counting channel's id of a variant."""
    return f"v-{sku}"


class CountingChannel:
    """Takes everything, gives ids, and counts what was written."""

    def __init__(self) -> None:
        self.items: dict[Action, int] = dict.fromkeys(Action, 0)
        self.skus: set[str] = set()

    @property
    def writes(self) -> int:
        """Items written so far."""
        return sum(count for action, count in self.items.items() if action != Action.NONE)

    def check(self) -> None:
        """Always there."""

    def push(self, changes: Sequence[ProductChange]) -> Sequence[Outcome]:
        """Confirm every item."""
        outcomes = []
        for change in changes:
            code = change.channel_product_code or product_code(change.key)
            outcomes.append(Outcome(change.key, None, is_ok=True, channel_product_code=code))
            self.items[change.action] += 1
            for variant in change.variants:
                own = variant.channel_variant_code or variant_code(variant.sku)
                outcomes.append(
                    Outcome(change.key, variant.sku, is_ok=True, channel_product_code=code, channel_variant_code=own)
                )
                self.items[variant.action] += 1
                self.skus.add(variant.sku)
        return outcomes


class BenchWorkshop(Workshop):
    """The shipped workshop with a counting channel in place of the shop's client; everything else is as shipped."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.counting = CountingChannel()

    def channel_port(self, client: Client, channel: str) -> Channel:
        """The counting channel; nobody orders there, so pushing is all it can."""
        return cast("Channel", self.counting)


def open_workshop(root: Path, home: Path, database_url: str | None = None) -> BenchWorkshop:
    """The workshop on a generated client's declarations."""
    values: Mapping[str, str] = {"S2S_ROOT": str(root), "S2S_HOME": str(home), "S2S_DATABASE_URL": database_url or ""}
    return BenchWorkshop(Environment.from_mapping(values))

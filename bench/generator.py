"""Generated clients: the same rows for the same seed, made by DuckDB, written as files and tables.

A client has one primary source, an ERP's item table of 30 columns, and three linked ones that come as files: a supplier's price
list (60 % of the skus), a supplier's stock list (50 %), and texts by product (30 % of the products). Dirt is what the trade
knows: no price, a negative quantity, a switch nobody understands, one sku twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

VARIANTS = 4
"""Variants of a product that has any."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a client looks like; shares are of skus unless said.

    Attributes:
        skus: rows of the primary source.
        variations: share that are variants of a product with options.
        warehouses: quantities beside the default one.
        tiers: prices beside the retail price.
        priced: share the supplier's price list knows.
        stocked: share the supplier's stock list knows; it owns their quantities.
        told: share of products that have texts of their own.
        dirt: share of primary rows with something wrong.
        changed: share that ``change`` changes: prices in the primary source, quantities in the stock list.
        seed: other seeds, other rows.
    """

    skus: int
    variations: float = 0.4
    warehouses: int = 3
    tiers: int = 3
    priced: float = 0.6
    stocked: float = 0.5
    told: float = 0.3
    dirt: float = 0.004
    changed: float = 0.01
    seed: int = 7


SCHEMA = (
    ("item_id", "bigint"),
    ("code", "varchar(40)"),
    ("style", "varchar(40)"),
    ("description", "varchar(200)"),
    ("long_text", "text"),
    ("brand", "varchar(60)"),
    ("category", "varchar(60)"),
    ("range_name", "varchar(60)"),
    ("keywords", "varchar(200)"),
    ("axis1", "varchar(20)"),
    ("axis2", "varchar(20)"),
    ("colour", "varchar(20)"),
    ("size", "varchar(20)"),
    ("barcode", "varchar(20)"),
    ("mass_kg", "numeric(12,3)"),
    ("price_incl", "numeric(18,4)"),
    ("available", "numeric(12,2)"),
    ("is_tracked", "boolean"),
    ("web_status", "varchar(10)"),
    ("picture1", "varchar(200)"),
    ("picture2", "varchar(200)"),
    ("material", "varchar(60)"),
    ("season", "varchar(20)"),
    ("origin", "varchar(40)"),
)
"""The item table's columns beside warehouses and tiers; with three of each there are 30."""

EXTRACT = (
    ("item_id", "bigint"),
    ("code", "varchar(40)"),
    ("style", "varchar(40)"),
    ("description", "varchar(200)"),
    ("category", "varchar(60)"),
    ("brand", "varchar(60)"),
    ("barcode", "varchar(20)"),
    ("price_incl", "numeric(18,4)"),
    ("cost", "numeric(18,4)"),
    ("available", "numeric(12,2)"),
    ("is_tracked", "boolean"),
    ("modified_at", "timestamp"),
)
"""The table of which every contender reads all rows."""

TARGETS = {
    "item_id": ("source_variant_code", None),
    "code": ("variants.sku", None),
    "style": ("source_product_code", None),
    "description": ("title", None),
    "long_text": ("body_html", None),
    "brand": ("vendor", None),
    "category": ("product_type", None),
    "range_name": ("collection", None),
    "keywords": ("tags", None),
    "axis1": ("option1_name", None),
    "axis2": ("option2_name", None),
    "colour": ("variants.option1_value", None),
    "size": ("variants.option2_value", None),
    "barcode": ("variants.barcode", None),
    "mass_kg": ("variants.weight", "kilograms_to_grams"),
    "price_incl": ("variants.retail_price", None),
    "available": ("variants.qty", None),
    "is_tracked": ("variants.inventory_management", None),
    "web_status": ("product_active", None),
    "picture1": ("image1", None),
    "picture2": ("image2", None),
    "material": ("meta_material", None),
    "season": ("meta_season", None),
    "origin": ("meta_origin", None),
}


def item_schema(shape: Shape) -> tuple[tuple[str, str], ...]:
    """The item table's columns and their PostgreSQL types."""
    stock = [(f"stock_{n}", "numeric(12,2)") for n in range(1, shape.warehouses + 1)]
    price = [(f"price_{n}", "numeric(18,4)") for n in range(1, shape.tiers + 1)]
    return (*SCHEMA, *stock, *price)


def item_targets(shape: Shape) -> Mapping[str, tuple[str, str | None]]:
    """What each column of the item table is mapped to, and through which transform."""
    stock = {f"stock_{n}": (f"qty_depot{n}", None) for n in range(1, shape.warehouses + 1)}
    price = {f"price_{n}": (f"price_list{n}", None) for n in range(1, shape.tiers + 1)}
    return {**TARGETS, **stock, **price}


class Generator:
    """Makes one client's rows and writes them; the rows stand in a DuckDB of its own, in memory."""

    def __init__(self, shape: Shape) -> None:
        import duckdb

        self.shape = shape
        self._db: duckdb.DuckDBPyConnection = duckdb.connect(":memory:")
        self._db.execute("SET TimeZone = 'UTC'")
        self._db.execute("SET preserve_insertion_order = true")
        _lay_macros(self._db, shape)
        self._db.execute(f"CREATE TABLE item AS {_items(shape)} ORDER BY item_id")

    def close(self) -> None:
        """Let go of the rows."""
        self._db.close()

    def write_items(self, path: Path) -> None:
        """The item table as CSV, in the order of its columns, for PostgreSQL's COPY."""
        columns = ", ".join(name for name, _ in item_schema(self.shape))
        self._copy(f"SELECT {columns} FROM item ORDER BY item_id", path, header=False)

    def write_extract(self, path: Path, rows: int) -> None:
        """The table all contenders read, as CSV for PostgreSQL's COPY."""
        self._copy(_extract(rows), path, header=False)

    def write_linked(self, folder: Path) -> None:
        """The three linked sources' files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, sql in LINKED.items():
            self._copy(sql, folder / f"{name}.csv", header=True, delimiter=";" if name == "prices" else ",")

    def change(self) -> None:
        """Change prices of the primary source and quantities of the stock list, each of the declared share of all skus."""
        self._db.execute("UPDATE item SET price_incl = price_incl + 1 WHERE is_repriced")
        self._db.execute("UPDATE item SET supplier_units = supplier_units + 1 WHERE is_restocked")

    def expected_changes(self) -> int:
        """Skus of which a channel must be told after ``change``: those changed, sound, and offered."""
        return self._count("is_offered AND ((is_repriced) OR (is_restocked AND is_tracked))")

    def offered(self) -> int:
        """Skus that a channel shows."""
        return self._count("is_offered")

    def rejected(self) -> int:
        """Rows of the primary source that must be rejected."""
        return self._count("dirt IN ('no_price', 'odd_switch')") + 2 * self._count("dirt = 'twice'")

    def ignored(self) -> int:
        """Sound rows of the primary source that it does not offer."""
        return self._count("web_status = 'Ignore' AND coalesce(dirt, '') IN ('', 'below_zero')")

    def write_repriced(self, path: Path) -> int:
        """Ids and new prices of what ``change`` changed in the primary source, as CSV; how many."""
        self._copy("SELECT item_id, price_incl FROM item WHERE is_repriced ORDER BY item_id", path, header=False)
        return self._count("is_repriced")

    def _count(self, condition: str) -> int:
        found = self._db.execute(f"SELECT count(*) FROM item WHERE {condition}").fetchone()
        return int(found[0]) if found else 0

    def _copy(self, sql: str, path: Path, *, header: bool, delimiter: str = ",") -> None:
        options = f"FORMAT csv, HEADER {str(header).lower()}, DELIMITER '{delimiter}'"
        self._db.execute(f"COPY ({sql}) TO '{path}' ({options})")


def _lay_macros(db: "duckdb.DuckDBPyConnection", shape: Shape) -> None:
    """A number below n for each row and purpose: the same in every version of DuckDB, because it is plain arithmetic."""
    first = f"(CAST(i AS BIGINT) + {shape.seed * 7919}) * 2654435761 % 2147483647"
    second = f"xor({first}, ({first}) >> 15) % 2147483647 * 2246822519 % 2147483629 + CAST(salt AS BIGINT) * 40503001"
    third = "xor(h, h >> 13) % 2147483647 * 3266489917 % 2147483587"
    db.execute(f"CREATE MACRO stirred(h) AS {third}")
    db.execute(f"CREATE MACRO draw(i, salt, n) AS CAST(xor(stirred({second}), stirred({second}) >> 16) % n AS BIGINT)")
    db.execute("CREATE MACRO chance(i, salt, share) AS draw(i, salt, 1000000) < CAST(share * 1000000 AS BIGINT)")
    db.execute("CREATE MACRO word(i, salt, words) AS words[1 + draw(i, salt, len(words))]")


_BRANDS = ["Touareg", "Café Veld", "Bôland", "Northgate", "Kühlmann", "Ridge & Sons", "Umoya", "Blackwood"]
_KINDS = [
    "Tent",
    "Lantern",
    "Cooler",
    "Jacket",
    "Boot",
    "Stove",
    "Blanket",
    "Torch",
    "Chair",
    "Backpack",
    "Bottle",
    "Rope",
]
_COLOURS = ["Black", "Olive", "Sand", "Navy"]
_SIZES = ["S", "M", "L", "XL"]
_DIRT = ["no_price", "below_zero", "odd_switch", "twice"]


def _list(words: list[str]) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"


def _items(shape: Shape) -> str:
    """One row per sku. Sixteen variants of a product would be unusual; it has four, told apart by colour and size."""
    varied = int(shape.skus * shape.variations) // VARIANTS * VARIANTS
    stock = ", ".join(
        f"CAST(draw(i, {40 + n}, 60) AS DECIMAL(12,2)) AS stock_{n}" for n in range(1, shape.warehouses + 1)
    )
    price = ", ".join(f"round(base * {100 - 7 * n} / 100, 2) AS price_{n}" for n in range(1, shape.tiers + 1))
    return f"""
    WITH numbered AS (
        SELECT range AS i, range < {varied} AS is_varied,
               CASE WHEN range < {varied} THEN range // {VARIANTS} ELSE {varied // VARIANTS} + range - {varied} END AS p,
               CASE WHEN range >= {varied} AND range % 3 = 0 AND chance(range, 1, 3 * {shape.dirt})
                    THEN word(range, 2, {_list(_DIRT)}) END AS spot
        FROM range({shape.skus})
    ), drawn AS (
        SELECT *, CASE WHEN draw(p, 10, 200) > 0 AND draw(p - 1, 10, 200) > 0 THEN spot END AS dirt,
               CAST(2000 + draw(p, 3, 400000) AS DECIMAL(18,4)) / 100 AS base, word(p, 4, {_list(_BRANDS)}) AS brand,
               word(p, 5, {_list(_KINDS)}) AS kind, draw(i, 6, 40) AS units FROM numbered
    )
    SELECT 100000000 + i AS item_id,
        -- two rows with one sku: this one takes that of the row before it
        printf('%08d', CASE WHEN dirt = 'twice' THEN i - 1 ELSE i END) AS code,
        printf('ST%07d', p) AS style,
        printf('%s %s %d', brand, kind, p) AS description,
        printf('<p>%s by %s, model %d.</p><ul><li>Tested on gravel</li><li>Two years of warranty</li></ul>', kind, brand, p)
            AS long_text,
        brand, kind AS category, 'Outdoor > ' || kind AS range_name,
        printf('outdoor,%s,series-%d', lower(kind), draw(p, 7, 50)) AS keywords,
        CASE WHEN is_varied THEN 'Colour' END AS axis1, CASE WHEN is_varied THEN 'Size' END AS axis2,
        CASE WHEN is_varied THEN {_list(_COLOURS)}[1 + i % 2] END AS colour,
        CASE WHEN is_varied THEN {_list(_SIZES)}[1 + (i // 2) % 2] END AS size,
        printf('600%010d', i * 7) AS barcode,
        CAST(100 + draw(p, 8, 20000) AS DECIMAL(12,3)) / 1000 AS mass_kg,
        CASE WHEN dirt = 'no_price' THEN NULL ELSE base END AS price_incl,
        CASE WHEN dirt = 'below_zero' THEN -3 ELSE units END AS available,
        draw(i, 9, 50) > 0 AS is_tracked,
        CASE WHEN dirt = 'odd_switch' THEN 'perhaps' WHEN draw(p, 10, 200) = 0 THEN 'Ignore' ELSE 'Active' END AS web_status,
        printf('https://images.example.com/%d/front.jpg', p) AS picture1,
        CASE WHEN draw(p, 11, 3) > 0 THEN printf('https://images.example.com/%d/side.jpg', p) END AS picture2,
        word(p, 12, ['Canvas', 'Steel', 'Nylon', 'Wool', 'Aluminium']) AS material,
        word(p, 13, ['Winter', 'Summer', 'All year']) AS season,
        word(p, 14, ['South Africa', 'Namibia', 'Portugal', 'Viet Nam']) AS origin,
        {stock}, {price},
        i, p, dirt, base, units + 5 AS supplier_units,
        chance(i, 20, {shape.priced}) AS is_priced, chance(i, 21, {shape.stocked}) AS is_stocked,
        chance(p, 22, {shape.told}) AS is_told,
        chance(i, 23, {shape.changed}) AND coalesce(dirt, '') <> 'no_price' AS is_repriced,
        chance(i, 21, {shape.stocked}) AND chance(i, 24, {shape.changed}) AS is_restocked,
        draw(p, 10, 200) > 0 AND coalesce(dirt, 'below_zero') = 'below_zero'
            AND coalesce(lead(dirt) OVER (ORDER BY i), '') <> 'twice' AS is_offered
    FROM drawn"""


LINKED = {
    # as a supplier's own program writes it: semicolons, decimal commas, some codes that the ERP never heard of
    "prices": """SELECT code AS "Artikelkode", brand AS "Handelsmerk", replace(CAST(round(base * 1.2, 2) AS VARCHAR), '.', ',')
                        AS "Adviesprys", replace(CAST(mass_kg AS VARCHAR), '.', ',') AS "Massa kg"
                 FROM item WHERE is_priced AND coalesce(dirt, '') <> 'twice'
                 UNION ALL SELECT 'OLD-' || range, 'Bôland', '10,00', '1,000' FROM range(20)""",
    "stock": """SELECT code AS sku, supplier_units AS units FROM item
                WHERE is_stocked AND coalesce(dirt, '') <> 'twice' ORDER BY item_id""",
    "texts": """SELECT style AS product,
                       any_value('<p>' || category || ' tested on gravel & sand by ' || brand || '.</p>') AS text,
                       any_value('tested,' || lower(category)) AS tags, any_value('Web > ' || category) AS collection
                FROM item WHERE is_told GROUP BY style ORDER BY style""",
}
"""What the linked sources' files hold."""


def _extract(rows: int) -> str:
    return f"""
    SELECT range AS item_id, printf('%08d', range) AS code, printf('ST%07d', range // 3) AS style,
        printf('%s %s %d', word(range, 4, {_list(_BRANDS)}), word(range, 5, {_list(_KINDS)}), range) AS description,
        word(range, 5, {_list(_KINDS)}) AS category, word(range, 4, {_list(_BRANDS)}) AS brand,
        printf('600%010d', range * 7) AS barcode, CAST(2000 + draw(range, 3, 400000) AS DECIMAL(18,4)) / 100 AS price_incl,
        CAST(1000 + draw(range, 31, 300000) AS DECIMAL(18,4)) / 100 AS cost,
        CAST(draw(range, 6, 4000) AS DECIMAL(12,2)) / 10 AS available, draw(range, 9, 50) > 0 AS is_tracked,
        TIMESTAMP '2026-01-01 06:00:00' + to_seconds(draw(range, 32, 20000000)) AS modified_at
    FROM range({rows})"""

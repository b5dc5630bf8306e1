"""Three invented clients: what stands in their ERPs, what their suppliers send, and where their shops are.

- ``karoo_outdoor``: one ERP, a supplier's CSV, an XML feed, a sheet, one shop; its catalogue is deliberately dirty.
- ``twin_branches``: two ERPs with different skus and one shop, so that one order may need two documents.
- ``stokvel_direct``: drop shipping; an ERP that only transacts, two suppliers' sheets that own the quantities.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

from s2s_pipelines.demo.assortment import Item, simple_items, wear_items
from s2s_pipelines.demo.erp import DemoErp
from s2s_pipelines.sandboxes.google_sheets import Cell, GoogleSheetsSandbox

SEED = 20260101
SHEETS = {
    "karoo_sheet": "karoo-enrichment-sheet-01",
    "stokvel_home": "stokvel-homeware-sheet-01",
    "stokvel_garden": "stokvel-garden-sheet-01",
}


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside the system under demonstration, below one folder."""

    folder: Path
    erps: dict[str, DemoErp]
    sheets: GoogleSheetsSandbox
    skus: int
    variations: int

    def environment(self, *, shops: dict[str, str], sheets_url: str, files_url: str) -> dict[str, str]:
        """The variables that the demo clients' resources refer to.

        Args:
            shops: client key -> address of its shop.
            sheets_url: address of the stand-in for Google's services.
            files_url: address under which the suppliers' files are served.
        """
        values = {f"DEMO_{name.upper()}_URL": f"sqlite:///{erp.path}" for name, erp in self.erps.items()}
        values |= {f"DEMO_{client.upper()}_SHOP": url for client, url in shops.items()}
        return values | {
            "DEMO_SHOP_KEY": SHOP_KEY,
            "DEMO_SHOP_SECRET": SHOP_SECRET,
            "DEMO_SHEETS_URL": sheets_url,
            "DEMO_SHEETS_ACCOUNT": self.sheets.service_account(sheets_url),
            "DEMO_SUPPLIER_CSV": f"{files_url}/voorraad.csv",
            "DEMO_FEED_XML": f"{files_url}/feed.xml",
        }


# The sandbox shops accept this pair and exist on this machine only.
SHOP_KEY = "ck_demo0000000000000000000000000000000000"
SHOP_SECRET = "cs_demo0000000000000000000000000000000000"  # noqa: S105 # opens nothing but the sandbox


def build_world(folder: Path) -> World:
    """Make all ERPs, files and sheets anew; the same every time."""
    rng = random.Random(SEED)
    karoo = [*simple_items(rng, 880, "K"), *wear_items(rng, 45, "K")]
    north, south = list(simple_items(rng, 150, "N")), list(simple_items(rng, 150, "S"))
    stokvel = list(simple_items(rng, 160, "D"))
    erps = {
        name: DemoErp(folder / "erp" / f"{name}.db")
        for name in ("karoo_erp", "twin_north", "twin_south", "stokvel_erp")
    }
    erps["karoo_erp"].create(karoo)
    _dirty(erps["karoo_erp"], karoo)
    erps["twin_north"].create(north)
    erps["twin_south"].create(south)
    erps["stokvel_erp"].create(stokvel, has_stock=False)
    _debtors(erps)
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    (files / "voorraad.csv").write_bytes(_supplier_csv(rng, karoo))
    (files / "feed.xml").write_text(_supplier_xml(karoo), encoding="utf-8")
    sheets = GoogleSheetsSandbox(folder / "sheets")
    sheets.write(SHEETS["karoo_sheet"], "Web", _enrichment(karoo))
    half = len(stokvel) // 2
    sheets.write(SHEETS["stokvel_home"], "Stock", _stock_sheet(rng, stokvel[:half]))
    sheets.write(SHEETS["stokvel_garden"], "Stock", _stock_sheet(rng, stokvel[half:]))
    everything = [*karoo, *north, *south, *stokvel]
    return World(folder, erps, sheets, len(everything), sum(item.is_variation for item in everything))


def _dirty(erp: DemoErp, items: list[Item]) -> None:
    """What twenty years of capturing by hand leave behind; each kind of dirt has its own reason when it is rejected."""
    simple = [item for item in items if not item.is_variation]
    for twice in simple[10:13]:
        erp.execute(
            "INSERT INTO item (code, style, description, price_incl, web_status) VALUES (?, ?, ?, ?, 'Active')",
            (twice.sku, twice.style, twice.title + " (old)", str(twice.price)),
        )
    erp.execute(
        "INSERT INTO item (code, style, description, price_incl, web_status) VALUES ('', 'X', 'No code', '5', 'Active')"
    )
    edits: list[tuple[slice, str, object]] = [
        (slice(20, 25), "price_incl", None),
        (slice(30, 33), "price_incl", "1249,50"),
        (slice(40, 42), "price_incl", "P.O.A."),
        (slice(45, 46), "description", ""),
        (slice(46, 47), "web_status", "perhaps"),
        (slice(50, 60), "web_status", "Ignore"),
        (slice(60, 64), "web_status", "Delete"),
        (slice(70, 80), "long_text", "<h2>Facts</h2><script>track('x')</script><table><tr><td>Mass</td></tr></table>"),
        (slice(90, 94), "category", "Internal"),
    ]
    for which, column, value in edits:
        for item in simple[which]:
            erp.execute(f"UPDATE item SET {column} = ? WHERE code = ?", (value, item.sku))  # noqa: S608 # names from above
    for item in simple[80:83]:
        erp.execute(
            "UPDATE stock SET on_hand = -3 WHERE stock_id = (SELECT stock_id FROM item WHERE code = ?)", (item.sku,)
        )


def _debtors(erps: dict[str, DemoErp]) -> None:
    walk_in = ("WEB001", "Web", "Sales", "web@example.com", "A")
    people = [(f"C{n:03d}", f"Buyer{n}", "Example", f"buyer{n}@example.com", "A") for n in range(1, 13)]
    for name, erp in erps.items():
        erp.add_debtors(people if name == "stokvel_erp" else [walk_in, *people])
    erps["karoo_erp"].add_debtors(
        [("C099", "Left", "Example", "left@example.com", "D"), ("C098", "Blank", "Example", "", "A")]
    )


def _supplier_csv(rng: random.Random, items: list[Item]) -> bytes:
    """A file as a supplier's own program writes it: cp1252, semicolons, decimal commas, a banner line, a repeated code."""
    simple = [item for item in items if not item.is_variation][100:420]
    lines = ["Artikelkode;Handelsmerk;Adviesprys;Massa kg"]
    lines += [
        f"{item.sku};{rng.choice(('Kühlmann', 'Café Veld', 'Bôland', 'Touareg'))};{_comma(item.price * Decimal('1.2'))};"
        f"{_comma(Decimal(item.mass_g) / 1000, 3)}"
        for item in simple
    ]
    lines += [f"{simple[5].sku};Bôland;{_comma(simple[5].price)};1,000", "NOTOURS1;Bôland;10,00;1,000"]
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


def _comma(value: Decimal, places: int = 2) -> str:
    whole, _, rest = f"{value:.{places}f}".partition(".")
    return f"{int(whole):,}".replace(",", " ") + "," + rest


def _supplier_xml(items: list[Item]) -> str:
    """A product feed with long texts, keyed by the product's own code."""
    chosen: dict[str, Item] = {item.style: item for item in items if item.category in ("Clothing", "Hiking")}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<catalogue>"]
    for style, item in chosen.items():
        text = f"<p>{escape(item.title)}: tested on gravel &amp; sand.</p>"
        words = f"{item.category.lower()},outdoor"
        lines.append(
            f'<product code="{escape(style)}"><text><![CDATA[{text}]]></text><keywords>{words}</keywords>'
            f"<image>https://images.example/{escape(style)}.jpg</image></product>"
        )
    return "\n".join([*lines, "</catalogue>", ""])


def _enrichment(items: list[Item]) -> list[list[Cell]]:
    rows: list[list[Cell]] = [["variant.sku", "product.collection", "season"]]
    wear = [item for item in items if item.is_variation][:120]
    rows += [
        [item.sku, f"Outdoor > {item.category}", "Winter" if "Fleece" in item.title else "All year"] for item in wear
    ]
    rows.append(["UNKNOWN-TO-THE-ERP", "Outdoor", "Never"])
    return rows


def _stock_sheet(rng: random.Random, items: list[Item]) -> list[list[Cell]]:
    rows: list[list[Cell]] = [["Code", "Units"]]
    rows += [[item.sku, rng.randrange(5, 60)] for item in items]
    return rows


def replaced_stock(rows: list[list[Cell]], by: int) -> Iterator[list[Cell]]:
    """The same stock sheet with other figures: what a supplier's next delivery looks like."""
    for row in rows:
        yield [row[0], row[1] + by] if isinstance(row[1], int) else row


__all__ = ["SHEETS", "SHOP_KEY", "SHOP_SECRET", "World", "build_world", "replaced_stock"]

"""The bare DuckDB statement that does what our merge does for the generated client: Parquet in, Parquet out, and nothing else.

No checks, no fingerprint, no row that says what stands, nothing brought to disk for good. It is written for this client by hand:
which source speaks for which column is spelled out, where ours finds it in the declaration.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.column import is_product_level

if TYPE_CHECKING:
    import pyarrow as pa

BASE, TEXTS = "erp/products", "texts/products"
IDENTITY = ("sku", "source_product_code", "source_variant_code")
OVER: Mapping[str, tuple[str, str]] = {
    "vendor": ("p", "prices/products"),
    "price_advised": ("p", "prices/products"),
    "weight_g": ("p", "prices/products"),
    "qty": ("s", "stock/stock"),
    "body_html": ("t", TEXTS),
    "tags": ("t", TEXTS),
    "collection": ("t", TEXTS),
}
ALIASES = {BASE: "e", "prices/products": "p", "stock/stock": "s", TEXTS: "t"}
STRENGTH = {"stock/stock": 0, "prices/products": 1, TEXTS: 2, BASE: 3}


def statement(paths: Mapping[str, Path], base_columns: list[str], out: Path) -> str:
    """The statement; ``paths`` are the snapshots by label."""
    own = [name for name in base_columns if not name.startswith("_") and name not in IDENTITY]
    names = sorted({*own, *OVER})
    values = ",\n".join(_value(name, name in own) for name in names)
    rows = ", ".join(
        f'{alias}._row AS "_row.{label}", {alias}._read_at AS "_read_at.{label}"' for label, alias in ALIASES.items()
    )
    shared = [name for name in names if is_product_level(name)]
    firsts = ", ".join(
        f'arg_min(struct_pack(v := {n}, f := "_from.{n}"), ({_rank(n)}, sku)) FILTER ({n} IS NOT NULL '
        f"AND product_active IS DISTINCT FROM 'delete') AS {n}"
        for n in shared
    )
    replaced = ", ".join(
        f'coalesce(f.{n}.v, j.{n}) AS {n}, coalesce(f.{n}.f, j."_from.{n}") AS "_from.{n}"' for n in shared
    )
    return f"""COPY (
        WITH joined AS (
            SELECT 'erp' AS source, e.sku, e.source_product_code, e.source_variant_code,
                   'erp:' || e.source_product_code AS product_key, {values}, {rows}
            FROM '{paths[BASE]}' e
            LEFT JOIN '{paths["stock/stock"]}' s ON s.sku = e.sku
            LEFT JOIN '{paths["prices/products"]}' p ON p.sku = e.sku
            LEFT JOIN '{paths[TEXTS]}' t ON t.source_product_code = e.source_product_code),
        several AS (SELECT source_product_code FROM joined GROUP BY ALL HAVING count(*) > 1),
        firsts AS (SELECT source_product_code, {firsts} FROM joined SEMI JOIN several USING (source_product_code)
                   GROUP BY source_product_code)
        SELECT j.* REPLACE ({replaced}), count(*) OVER (PARTITION BY sku) > 1 AS is_conflict
        FROM joined j LEFT JOIN firsts f USING (source_product_code) ORDER BY sku, source
    ) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"""


def _value(name: str, is_own: bool) -> str:
    alias, label = OVER.get(name, ("e", BASE))
    if alias == "e":
        return f"e.{name} AS {name}, CASE WHEN e.{name} IS NOT NULL THEN '{BASE}' END AS \"_from.{name}\""
    if not is_own:
        return f"{alias}.{name} AS {name}, CASE WHEN {alias}.{name} IS NOT NULL THEN '{label}' END AS \"_from.{name}\""
    return (
        f"coalesce({alias}.{name}, e.{name}) AS {name}, CASE WHEN {alias}.{name} IS NOT NULL THEN '{label}' "
        f"WHEN e.{name} IS NOT NULL THEN '{BASE}' END AS \"_from.{name}\""
    )


def _rank(name: str) -> str:
    whens = " ".join(f"WHEN '{label}' THEN {rank}" for label, rank in STRENGTH.items())
    return f'CASE "_from.{name}" {whens} END'


def differences(ours: "pa.Table", bare: "pa.Table") -> list[str]:
    """Columns of our merge that the bare statement made otherwise; values, provenance and rows alike."""
    wrong = [] if ours.num_rows == bare.num_rows else [f"{ours.num_rows} rows, not {bare.num_rows}"]
    for name in ours.column_names:
        if (name.startswith("_from.") and name.removeprefix("_from.") in IDENTITY) or name == "qty_source":
            continue
        if name not in bare.column_names:
            if ours[name].null_count < ours.num_rows:
                wrong.append(f"{name} is missing")
        elif not ours[name].combine_chunks().cast(bare[name].type).equals(bare[name].combine_chunks()):
            wrong.append(name)
    return wrong

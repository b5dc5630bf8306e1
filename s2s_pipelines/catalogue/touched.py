"""Which items of a channel differ from what it should show, told by their hashes alone.

Only these items' acknowledged states need to be fetched and compared field by field; at rest there are none.
"""

# ruff: noqa: S608 - the statements are put together from our own words only

from typing import TYPE_CHECKING, Literal

from s2s_pipelines.catalogue.desired import Desired
from s2s_pipelines.catalogue.held import DELIST_HASH
from s2s_pipelines.catalogue.query import Desk, desk

if TYPE_CHECKING:
    import pyarrow as pa

Delist = Literal["delete", "hide", "leave"]

_ROW = """level, product_key, sku, action, reason, state, content_hash, basis_hash, is_basis_listed, is_uncertain,
channel_product_code, channel_variant_code"""


def touched(wanted: Desired, held: "pa.Table", delist: Delist) -> "pa.Table":
    """One row per item that may have to be written, or that waits after a failure.

    ``action`` is create (also for an item that was taken off and comes back), update, delist, or wait. A product that is created
    or taken off brings all its variants; a variant whose product is not on the channel waits with it.

    Args:
        wanted: the desired state.
        held: what we know of the channel's items, ``held.held_schema``.
        delist: the channel's declaration; with ``leave`` nothing is taken off.
    """
    with desk(
        wanted_products=wanted.products, wanted_variants=wanted.variants, held=held, left_out=wanted.left_out
    ) as table:
        _split_held(table)
        _variants(table, delist)
        _products(table, delist)
        return _together(table)


def _split_held(table: Desk) -> None:
    table.make("held_products", "SELECT * FROM held WHERE level = 'product'")
    table.make("held_variants", "SELECT * FROM held WHERE level = 'variant'")
    table.make("leaving", f"SELECT sku, {_source('product_key')} AS source, reason, is_frozen FROM left_out")


def _source(key: str) -> str:
    """The source of a product key; what one source says of a sku does not take off another source's item."""
    return f"split_part({key}, ':', 1)"


def _action(wanted: str) -> str:
    return f"""CASE WHEN {wanted} IS NULL THEN 'delist'
                    WHEN h.item_key IS NULL OR NOT h.is_listed THEN 'create'
                    WHEN h.is_uncertain AND h.attempted_hash = '{DELIST_HASH}' THEN 'create'
                    ELSE 'update' END"""


_DUE = f"""coalesce(h.is_waiting, false)
           AND h.attempted_hash IS NOT DISTINCT FROM coalesce(w.content_hash, '{DELIST_HASH}') AS is_waiting"""
_REASON = """CASE WHEN h.item_key IS NULL THEN 'new'
                  WHEN coalesce(h.is_uncertain, false) THEN 'uncertain'
                  WHEN NOT h.is_listed AND h.acknowledged_hash IS NULL AND h.channel_product_code IS NOT NULL THEN 'relisted'
                  WHEN h.attempted_hash IS NOT NULL THEN 'again'
                  WHEN NOT h.is_listed THEN 'new'
                  ELSE 'changed' END"""
_BASIS = """h.acknowledged_hash AS basis_hash, coalesce(h.is_listed, false) AS is_basis_listed,
            coalesce(h.is_uncertain, false) AS is_uncertain"""
_DIFFERS = (
    "(h.item_key IS NULL OR NOT h.is_listed OR h.is_uncertain OR h.acknowledged_hash IS DISTINCT FROM w.content_hash)"
)


def _variants(table: Desk, delist: Delist) -> None:
    """Variants to create or update, and those that should no longer be shown."""
    table.make(
        "variants",
        f"""SELECT 'variant' AS level, w.product_key, w.sku, {_action("w.sku")} AS action, {_REASON} AS reason,
                   w.state, w.content_hash, {_BASIS}, {_DUE}, {_DIFFERS} AS is_different,
                   CASE WHEN h.product_key = w.product_key THEN h.channel_product_code END AS channel_product_code,
                   CASE WHEN h.product_key = w.product_key THEN h.channel_variant_code END AS channel_variant_code
            FROM wanted_variants w LEFT JOIN held_variants h ON h.item_key = w.sku""",
    )
    allowed = str(delist != "leave").lower()
    table.make(
        "departures",
        f"""SELECT 'variant' AS level, h.product_key, h.item_key AS sku, 'delist' AS action, l.reason,
                   CAST(NULL AS VARCHAR) AS state, CAST(NULL AS VARCHAR) AS content_hash, {_BASIS},
                   coalesce(h.is_waiting, false) AND h.attempted_hash = '{DELIST_HASH}' AS is_waiting,
                   h.channel_product_code, h.channel_variant_code
            FROM held_variants h JOIN leaving l ON l.sku = h.item_key AND l.source = {_source("h.product_key")}
            WHERE h.is_listed AND NOT l.is_frozen AND {allowed}
                  AND h.item_key NOT IN (SELECT sku FROM wanted_variants)""",
    )


def _products(table: Desk, delist: Delist) -> None:
    """Products to create or update, and those all of whose variants leave."""
    table.make(
        "products",
        f"""SELECT 'product' AS level, w.product_key, CAST(NULL AS VARCHAR) AS sku, {_action("w.product_key")} AS action,
                   {_REASON} AS reason, w.state, w.content_hash, {_BASIS}, {_DUE}, {_DIFFERS} AS is_different,
                   h.channel_product_code, CAST(NULL AS VARCHAR) AS channel_variant_code
            FROM wanted_products w LEFT JOIN held_products h ON h.item_key = w.product_key""",
    )
    table.make(
        "closures",
        f"""WITH listed AS (SELECT product_key, count(*) AS n FROM held_variants WHERE is_listed GROUP BY product_key),
                 going AS (SELECT product_key, count(*) AS n, min(reason) AS reason FROM departures GROUP BY product_key)
            SELECT 'product' AS level, h.item_key AS product_key, CAST(NULL AS VARCHAR) AS sku, 'delist' AS action, g.reason,
                   CAST(NULL AS VARCHAR) AS state, CAST(NULL AS VARCHAR) AS content_hash, {_BASIS},
                   coalesce(h.is_waiting, false) AND h.attempted_hash = '{DELIST_HASH}' AS is_waiting,
                   h.channel_product_code, CAST(NULL AS VARCHAR) AS channel_variant_code
            FROM held_products h JOIN listed l ON l.product_key = h.item_key JOIN going g ON g.product_key = h.item_key
            WHERE h.is_listed AND g.n = l.n AND {str(delist != "leave").lower()}
                  AND h.item_key NOT IN (SELECT product_key FROM wanted_products)""",
    )


def _together(table: Desk) -> "pa.Table":
    """Products and variants in one table, waiting and moving together where they must."""
    # A product that waits although the channel has it, say for a picture, keeps none of its variants waiting.
    fate = """SELECT product_key, CASE WHEN is_waiting AND channel_product_code IS NOT NULL THEN 'none' ELSE action END AS action,
                     is_waiting FROM products WHERE is_different
              UNION ALL SELECT product_key, action, is_waiting FROM closures
              UNION ALL SELECT product_key, 'none', false FROM products WHERE NOT is_different"""
    table.make("fates", fate)
    variant = _ROW.replace(" action,", " CASE WHEN waits THEN 'wait' ELSE action END AS action,")
    return table.ask(
        f"""WITH whole AS (SELECT *, CASE WHEN is_waiting THEN 'wait' ELSE action END AS fate FROM fates),
        arriving AS (
            SELECT v.* REPLACE (CASE WHEN f.action = 'create' THEN 'create' ELSE v.action END AS action),
                   (f.action = 'create' AND f.is_waiting) OR (f.action <> 'create' AND v.is_waiting) AS waits
            FROM variants v JOIN whole f USING (product_key) WHERE v.is_different OR f.action = 'create'),
        going AS (
            SELECT d.*, CASE WHEN f.action = 'delist' THEN f.is_waiting ELSE d.is_waiting END AS waits
            FROM departures d LEFT JOIN whole f USING (product_key)),
        own AS (SELECT *, is_waiting AS waits FROM products WHERE is_different
                UNION ALL BY NAME SELECT *, is_waiting AS waits FROM closures)
        SELECT {variant} FROM own UNION ALL SELECT {variant} FROM arriving UNION ALL SELECT {variant} FROM going
        ORDER BY product_key, level, sku"""
    )

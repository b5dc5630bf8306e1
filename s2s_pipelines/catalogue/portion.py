"""A large catalogue compared with its channel in portions, so that memory follows the portion and not the catalogue.

Products do not depend on each other, so each portion holds whole products with all that the channel has of them. Only a sku that
is known under more than one product, in the catalogue or on the channel, ties products together: all of these share a portion.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.desired import Desired, desired
from s2s_pipelines.catalogue.held import shown
from s2s_pipelines.catalogue.policy import ChannelPolicy, Terms
from s2s_pipelines.catalogue.query import desk
from s2s_pipelines.catalogue.touched import touched

if TYPE_CHECKING:
    import pyarrow as pa

PORTION_ROWS = 125_000
"""Variants of one portion; a smaller catalogue is compared in one piece."""


def compared(
    merged: "pa.Table",
    held: "pa.Table",
    policy: ChannelPolicy,
    terms: Terms,
    deductions: Mapping[str, int],
    *,
    portion_rows: int = PORTION_ROWS,
) -> "tuple[Desired, pa.Table]":
    """The desired state as far as ``diff`` needs it, and the items that may have to be written (``touched``).

    What is left out is told of the whole catalogue; products and variants are those of products that may have to be written.

    Args:
        merged: the catalogue's values, one row per source and sku.
        held: what we know of the channel's items, ``held.held_schema``.
        policy: the channel's.
        terms: what the catalogue's prices mean.
        deductions: units per sku to take off.
        portion_rows: rows of the catalogue that are looked at together.
    """
    import pyarrow as pa

    if merged.num_rows <= portion_rows:
        wanted = desired(merged, policy, terms, deductions, shown(held))
        return wanted, touched(wanted, held, policy.delist)
    parts, candidates = [], []
    for rows, own in _portions(merged, held, portion_rows):
        wanted = desired(rows, policy, terms, deductions, shown(own))
        found = touched(wanted, own, policy.delist)
        parts.append(_needed(wanted, found, own))
        candidates.append(found)
    left_out = pa.concat_tables([part.left_out for part in parts])
    whole = Desired(
        pa.concat_tables([part.products for part in parts]),
        pa.concat_tables([part.variants for part in parts]),
        left_out.sort_by([("sku", "ascending"), ("product_key", "ascending")]).combine_chunks(),
    )
    return whole, pa.concat_tables(candidates)


def _portions(merged: "pa.Table", held: "pa.Table", portion_rows: int) -> "Iterator[tuple[pa.Table, pa.Table]]":
    """Rows of the catalogue with the channel's items of the same products; first those that a sku ties together."""
    import pyarrow.compute as pc

    tied = _tied(merged, held)
    is_tied = [pc.is_in(table["product_key"], value_set=tied) for table in (merged, held)]
    yield merged.filter(is_tied[0]), held.filter(is_tied[1])
    keys = pc.drop_null(merged["product_key"].filter(pc.invert(is_tied[0]))).combine_chunks()
    ordered = keys.take(pc.sort_indices(keys))
    cuts = [None, *(ordered[at] for at in range(portion_rows, len(ordered), portion_rows)), None]
    for low, high in pairwise(cuts):
        masks = [
            pc.and_not(_between(table["product_key"], low, high), of_tied)
            for table, of_tied in zip((merged, held), is_tied, strict=True)
        ]
        yield merged.filter(masks[0]), held.filter(masks[1])


def _between(keys: "pa.ChunkedArray", low: "pa.Scalar | None", high: "pa.Scalar | None") -> "pa.ChunkedArray":
    """Where a key is not below the one and below the other; everywhere where neither is given."""
    import pyarrow.compute as pc

    found = pc.is_valid(keys)
    if low is not None:
        found = pc.and_(found, pc.greater_equal(keys, low))
    return found if high is None else pc.and_(found, pc.less(keys, high))


def _tied(merged: "pa.Table", held: "pa.Table") -> "pa.Array":
    """Products that have a sku in common with another one; a row without a product is among them."""
    with desk(catalogue=merged.select(["sku", "product_key"]), held=held.select(["level", "item_key", "product_key"])) as table:
        found = table.ask(
            """WITH pairs AS (SELECT sku, product_key FROM catalogue
                              UNION SELECT item_key, product_key FROM held WHERE level = 'variant')
               SELECT DISTINCT product_key FROM pairs
               WHERE product_key IS NULL OR sku IN (SELECT sku FROM pairs GROUP BY sku HAVING count(*) > 1)"""
        )
    return found["product_key"].combine_chunks()


def _needed(wanted: Desired, candidates: "pa.Table", held: "pa.Table") -> Desired:
    """What ``diff`` looks at: the products of the candidates, and wherever else the catalogue has one of their skus."""
    import pyarrow.compute as pc

    if candidates.num_rows == 0:
        return Desired(wanted.products.slice(0, 0), wanted.variants.slice(0, 0), wanted.left_out)
    keys = pc.unique(candidates["product_key"])
    skus = held.filter(pc.is_in(held["product_key"], value_set=keys))["item_key"]
    is_own = pc.is_in(wanted.variants["product_key"], value_set=keys)
    is_known = pc.is_in(wanted.variants["sku"], value_set=skus.combine_chunks())
    return Desired(
        wanted.products.filter(pc.is_in(wanted.products["product_key"], value_set=keys)),
        wanted.variants.filter(pc.or_(is_own, is_known)),
        wanted.left_out,
    )

"""A large catalogue compared with its channel in portions, so that memory follows the portion and not the catalogue.

Products do not depend on each other, so each portion holds whole products with all that the channel has of them. Only a sku that
is known under more than one product, in the catalogue or on the channel, ties products together: all of these share a portion.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.desired import Desired, desired
from s2s_pipelines.catalogue.held import shown
from s2s_pipelines.catalogue.policy import ChannelPolicy, Terms
from s2s_pipelines.catalogue.query import desk
from s2s_pipelines.catalogue.touched import touched

if TYPE_CHECKING:
    import pyarrow as pa

ReadPieces = Callable[[Sequence[str]], "Iterable[pa.Table]"]
Choose = Callable[["pa.Table"], "pa.Table"]

PORTION_ROWS = 100_000
"""Variants of one portion; a smaller catalogue is compared in one piece."""


def compared(
    read: ReadPieces,
    names: Sequence[str],
    row_count: int,
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
        read: gives the named columns of the catalogue piece by piece; asked once for each portion.
        names: the catalogue's columns, without provenance.
        row_count: its rows, one per source and sku.
        held: what we know of the channel's items, ``held.held_schema``.
        policy: the channel's.
        terms: what the catalogue's prices mean.
        deductions: units per sku to take off.
        portion_rows: rows of the catalogue that are looked at together.
    """
    import pyarrow as pa

    if row_count <= portion_rows:
        wanted = desired(pa.concat_tables(read(names)), policy, terms, deductions, shown(held))
        return wanted, touched(wanted, held, policy.delist)
    parts, candidates = [], []
    for choose in _portions(pa.concat_tables(read(["sku", "product_key"])), held, portion_rows):
        own = choose(held)
        wanted = desired(pa.concat_tables(map(choose, read(names))), policy, terms, deductions, shown(own))
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


def _portions(keys: "pa.Table", held: "pa.Table", portion_rows: int) -> "Iterator[Choose]":
    """What chooses the rows of each portion by their product; the first are those that a sku ties together."""
    import pyarrow.compute as pc

    tied = _tied(keys, held)
    free = keys["product_key"].filter(pc.invert(pc.is_in(keys["product_key"], value_set=tied))).combine_chunks()
    ordered = free.take(pc.sort_indices(free))
    cuts = [None, *(ordered[at] for at in range(portion_rows, len(ordered), portion_rows)), None]
    del keys, free, ordered
    yield lambda table: table.filter(pc.is_in(table["product_key"], value_set=tied))
    for low, high in pairwise(cuts):
        yield partial(_untied_between, tied=tied, low=low, high=high)


def _untied_between(
    table: "pa.Table", *, tied: "pa.Array", low: "pa.Scalar | None", high: "pa.Scalar | None"
) -> "pa.Table":
    import pyarrow.compute as pc

    found = table.filter(_between(table["product_key"], low, high))
    return found.filter(pc.invert(pc.is_in(found["product_key"], value_set=tied))) if len(tied) else found


def _between(keys: "pa.ChunkedArray", low: "pa.Scalar | None", high: "pa.Scalar | None") -> "pa.ChunkedArray":
    """Where a key is not below the one and below the other; everywhere where neither is given."""
    import pyarrow.compute as pc

    found = pc.is_valid(keys)
    if low is not None:
        found = pc.and_(found, pc.greater_equal(keys, low))
    return found if high is None else pc.and_(found, pc.less(keys, high))


def _tied(merged: "pa.Table", held: "pa.Table") -> "pa.Array":
    """Products that have a sku in common with another one; a row without a product is among them."""
    with desk(
        catalogue=merged.select(["sku", "product_key"]), held=held.select(["level", "item_key", "product_key"])
    ) as table:
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
        return Desired(_none(wanted.products), _none(wanted.variants), wanted.left_out)
    keys = pc.unique(candidates["product_key"])
    skus = held.filter(pc.is_in(held["product_key"], value_set=keys))["item_key"]
    is_own = pc.is_in(wanted.variants["product_key"], value_set=keys)
    is_known = pc.is_in(wanted.variants["sku"], value_set=skus.combine_chunks())
    return Desired(
        wanted.products.filter(pc.is_in(wanted.products["product_key"], value_set=keys)),
        wanted.variants.filter(pc.or_(is_own, is_known)),
        wanted.left_out,
    )


def _none(table: "pa.Table") -> "pa.Table":
    """No row of it; a slice of none would keep all of them in memory."""
    return table.schema.empty_table()

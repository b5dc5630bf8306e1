"""What we know of a channel's items: the links and the last acknowledged states, as tables the difference is taken with."""

from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.query import desk

if TYPE_CHECKING:
    import pyarrow as pa

DELIST_HASH = "delist"
"""Stands for a content hash where what was attempted was to take an item off."""


def held_schema() -> "pa.Schema":
    """One row per item we ever tried to write to a channel.

    ``level`` is product or variant, ``item_key`` a product key or a sku. ``acknowledged_hash`` is of the state the channel last
    confirmed; ``attempted_hash`` of one it did not. ``is_uncertain``: something was sent and never heard of, so the channel may
    differ from what it acknowledged. ``is_waiting``: a failed attempt is not to be repeated yet while the state is the same.
    """
    import pyarrow as pa

    text = ("level", "item_key", "product_key", "channel_product_code", "channel_variant_code")
    return pa.schema(
        [
            *((name, pa.string()) for name in text),
            ("acknowledged_hash", pa.string()),
            ("attempted_hash", pa.string()),
            ("is_listed", pa.bool_()),
            ("is_uncertain", pa.bool_()),
            ("is_waiting", pa.bool_()),
            ("is_simple", pa.bool_()),
        ]
    )


def states_schema() -> "pa.Schema":
    """The acknowledged state (JSON text) and known images (JSON text: address to channel id) of some items."""
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in ("level", "item_key", "acknowledged", "images")])


def shown(held: "pa.Table") -> "pa.Table":
    """The variants a channel has, hidden ones included: ``sku``, ``product_key``, and whether their product is a simple one."""
    with desk(held=held) as table:
        return table.ask(
            """SELECT v.item_key AS sku, v.product_key, coalesce(p.is_simple, false) AS is_simple
               FROM held v LEFT JOIN held p ON p.level = 'product' AND p.item_key = v.product_key
               WHERE v.level = 'variant' AND (v.is_listed OR v.channel_product_code IS NOT NULL)"""
        )

"""The columns of our frames: their Arrow types, their order, and the vocabulary's name behind each.

A frame's column is called ``Target.column``; only here is the way back from a column to its target.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from s2s_pipelines.model.field import TARGETS, Level, Target, ValueType, find_target, flag_name

if TYPE_CHECKING:
    import pyarrow as pa

ROW = "_row"
READ_AT = "_read_at"
IMAGES = "images"
IMAGE_LIMIT = 20
KEY_COLUMNS = ("sku", "source_variant_code", "source_product_code", "source_customer_code")
"""By which column a frame's rows are told apart: the first of these that the frame has."""

_BY_COLUMN = {t.column: t for t in TARGETS.values()}
_RANK = {column: rank for rank, column in enumerate(_BY_COLUMN)}
_LATE = ("price_", "qty_", "meta_")


@lru_cache(maxsize=4096)
def target_of(column: str) -> Target:
    """The target behind a frame's column; the list of images answers as ``image1``.

    Raises:
        KeyError: no target writes such a column.

    >>> target_of("sku").name, target_of("qty_cpt").name, target_of("images").name
    ('variants.sku', 'qty_cpt', 'image1')
    """
    if column == IMAGES:
        column = "image1"
    found = _BY_COLUMN.get(column) or find_target(column)
    if found is None:
        raise KeyError(column)
    return found


def flag_of(column: str) -> str:
    """The name under which a column's ownership is flagged.

    >>> flag_of("weight_g"), flag_of("images"), flag_of("meta_brand")
    ('variants.weight', 'images', 'meta_brand')
    """
    return flag_name(target_of(column).name)


def is_quantity(column: str) -> bool:
    """Whether a column holds units on hand.

    >>> is_quantity("qty"), is_quantity("qty_jhb"), is_quantity("meta_qty_note")
    (True, True, False)
    """
    return target_of(column).type is ValueType.QUANTITY


def is_product_level(column: str) -> bool:
    """Whether all variants of a product share the column's value.

    The product code groups and the active switch takes single variants off, so neither is shared in this sense.

    >>> is_product_level("title"), is_product_level("sku"), is_product_level("product_active")
    (True, False, False)
    """
    shared = column not in {"source_product_code", "product_active"}
    return shared and target_of(column).level is Level.PRODUCT


def in_order(columns: Iterable[str]) -> list[str]:
    """Columns in the vocabulary's order, then price tiers, warehouses, meta keys and images.

    >>> in_order(["images", "meta_b", "qty_cpt", "qty", "sku", "meta_a"])
    ['sku', 'qty', 'qty_cpt', 'meta_a', 'meta_b', 'images']
    """

    def rank(column: str) -> tuple[int, int, str]:
        if column in _RANK:
            return (0, _RANK[column], "")
        late = next((place for place, prefix in enumerate(_LATE) if column.startswith(prefix)), len(_LATE))
        return (1, late, column)

    return sorted(columns, key=rank)


def key_column(columns: Iterable[str]) -> str:
    """The column that tells a frame's rows apart.

    Raises:
        KeyError: there is none.

    >>> key_column(["qty", "source_variant_code", "sku"])
    'sku'
    """
    names = set(columns)
    for name in KEY_COLUMNS:
        if name in names:
            return name
    raise KeyError("a frame needs a sku or a code")


def arrow_type(column: str) -> "pa.DataType":
    """The Arrow type of a frame's column.

    >>> str(arrow_type("retail_price")), str(arrow_type("qty")), str(arrow_type("sku"))
    ('decimal128(18, 4)', 'int64', 'string')
    """
    import pyarrow as pa

    if column in {IMAGES, "tags"}:
        return pa.list_(pa.string())
    types = {
        ValueType.PRICE: pa.decimal128(18, 4),
        ValueType.QUANTITY: pa.int64(),
        ValueType.WEIGHT: pa.int64(),
        ValueType.BOOL: pa.bool_(),
    }
    return types.get(target_of(column).type, pa.string())

"""Merged catalogues made by hand, and looks at what becomes of them."""

from decimal import Decimal

import pyarrow as pa

from s2s_pipelines.catalogue.desired import desired
from s2s_pipelines.catalogue.policy import ChannelPolicy, Terms

TYPES = {
    "source": pa.string(),
    "sku": pa.string(),
    "product_key": pa.string(),
    "title": pa.string(),
    "product_active": pa.string(),
    "vendor": pa.string(),
    "tags": pa.list_(pa.string()),
    "images": pa.list_(pa.string()),
    "option1_name": pa.string(),
    "option1_value": pa.string(),
    "option2_name": pa.string(),
    "option2_value": pa.string(),
    "barcode": pa.string(),
    "qty": pa.int64(),
    "qty_cpt": pa.int64(),
    "retail_price": pa.decimal128(18, 4),
    "price_web": pa.decimal128(18, 4),
    "price_rrp": pa.decimal128(18, 4),
    "inventory_management": pa.bool_(),
    "weight_g": pa.int64(),
    "meta_colour": pa.string(),
    "is_conflict": pa.bool_(),
    "qty_source": pa.string(),
}
DEFAULTS = {
    "source": "erp",
    "product_active": "active",
    "qty": 5,
    "retail_price": Decimal("115.0000"),
    "inventory_management": True,
    "is_conflict": False,
    "qty_source": "erp",
}


def merged(*rows):
    """Rows as dicts; ``code`` groups variants and is the sku where left out."""
    full = []
    for row in rows:
        code = row.get("code", row["sku"])
        full.append({"title": f"T {code}", **DEFAULTS, "product_key": f"erp:{code}", **row})
    return pa.table({name: pa.array([r.get(name) for r in full], type_) for name, type_ in TYPES.items()})


def want(*rows, deductions=None, held=None, terms=None, **policy):
    return desired(merged(*rows), ChannelPolicy(**policy), terms or Terms(), deductions or {}, held)


def variant(result, sku):
    return next(row for row in result.variants.to_pylist() if row["sku"] == sku)


def product(result, code):
    return next(row for row in result.products.to_pylist() if row["product_key"] == f"erp:{code}")


def left_out(result):
    return {row["sku"]: row["reason"] for row in result.left_out.to_pylist()}


def held(*rows):
    types = {"sku": pa.string(), "product_key": pa.string(), "is_simple": pa.bool_()}
    return pa.table({n: pa.array([r[i] for r in rows], t) for i, (n, t) in enumerate(types.items())})

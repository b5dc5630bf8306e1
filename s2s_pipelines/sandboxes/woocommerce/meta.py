"""Free fields of any record (WooCommerce recordings 49, 74, 77)."""

from __future__ import annotations

import re
from typing import Any

from .store import Store
from .wire import Json

INTERNAL_PRODUCT_KEYS = frozenset(
    re.findall(
        r"\S+",
        "_visibility _sku _global_unique_id _price _regular_price _sale_price _sale_price_dates_from "
        "_sale_price_dates_to total_sales _tax_status _tax_class _manage_stock _stock _stock_status _backorders "
        "_low_stock_amount _sold_individually _weight _length _width _height _upsell_ids _crosssell_ids _purchase_note "
        "_default_attributes _product_attributes _virtual _downloadable _download_limit _download_expiry _featured "
        "_downloadable_files _wc_rating_count _wc_average_rating _wc_review_count _variation_description _thumbnail_id "
        "_file_paths _product_image_gallery _product_version _wp_old_slug _edit_last _edit_lock _cogs_total_value "
        "_cogs_value",
    )
)


def stored_value(value: Any) -> Any:
    """A value as the database gives it back: numbers and booleans become text, objects survive."""
    if value is True:
        return "1"
    if value is False:
        return ""
    return str(value) if isinstance(value, (int, float)) else value


def write_meta(store: Store, held: list[Json], sent: Any, internal: frozenset[str] = frozenset()) -> None:
    """Merge sent meta into the list in place.

    By id when that id exists here, else the first entry of the same key; ``null`` deletes; an unknown id with a key adds.
    """
    for item in sent if isinstance(sent, list) else []:
        if not isinstance(item, dict):
            continue
        key, value = item.get("key"), item.get("value")
        if not isinstance(key, str) or not key or key in internal:
            continue
        match = next((entry for entry in held if item.get("id") and entry["id"] == item["id"]), None)
        if match is None and not item.get("id"):
            match = next((entry for entry in held if entry["key"] == key), None)
        if value is None:
            if match is not None:
                held.remove(match)
        elif match is not None:
            match.update(key=key, value=stored_value(value))
        else:
            held.append({"id": store.next_id("meta"), "key": key, "value": stored_value(value)})

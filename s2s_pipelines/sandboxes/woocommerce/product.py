"""Routes of products and variations.

Sources: WooCommerce recordings 13 to 38, 50 to 52, 89 to 92.
"""

from __future__ import annotations

from typing import Any

from .html import clean_text
from .listing import DATES, PAGING, Page, Where, add_dates, add_ids, answer_list, order_clause
from .price import amount, settle_price, settle_stock
from .product_view import show_product, show_variation
from .product_write import PRODUCT_TYPES, blank_product, write_product, write_variation
from .schema import (
    ANY,
    FLAG,
    META,
    MOMENT,
    TEXT,
    TEXTS,
    WHOLE,
    WHOLES,
    Arg,
    one_of,
    record,
    rows,
    whole_number,
)
from .shop import Shop
from .store import sku_key
from .wire import Answer, ApiError, Ask, Json

_STATUSES = ("draft", "pending", "private", "publish", "future", "auto-draft", "trash")
_ORDER = (
    "date", "id", "include", "title", "slug", "modified", "popularity", "rating", "post__in", "price", "sales", "menu_order",
    "random", "popularity", "rating", "menu_order", "price", "popularity", "rating",
)  # fmt: skip
_STOCK = ("instock", "outofstock", "onbackorder")
_SIZES = record(length=TEXT, width=TEXT, height=TEXT)
_IMAGE = {"id": WHOLE, "src": TEXT, "name": TEXT, "alt": TEXT}
LIST_ARGS = {
    **PAGING, **DATES, "orderby": Arg("string", enum=_ORDER), "parent": WHOLES, "parent_exclude": WHOLES, "slug": TEXT,
    "status": one_of("any", "future", "trash", *_STATUSES[:4]), "type": one_of(*PRODUCT_TYPES), "sku": TEXT, "search_sku": TEXT,
    "category": TEXT, "tag": TEXT, "featured": FLAG, "on_sale": FLAG, "min_price": TEXT, "max_price": TEXT,
    "stock_status": one_of(*_STOCK), "virtual": FLAG, "downloadable": FLAG,
}  # fmt: skip
_SHARED = {
    "description": TEXT, "sku": TEXT, "global_unique_id": TEXT, "regular_price": TEXT, "sale_price": TEXT,
    "date_on_sale_from": MOMENT, "date_on_sale_from_gmt": MOMENT, "date_on_sale_to": MOMENT, "date_on_sale_to_gmt": MOMENT,
    "virtual": FLAG, "downloadable": FLAG, "download_limit": WHOLE, "download_expiry": WHOLE,
    "tax_status": one_of("taxable", "shipping", "none"), "tax_class": TEXT, "manage_stock": FLAG, "stock_quantity": WHOLE,
    "stock_status": one_of(*_STOCK), "backorders": one_of("no", "notify", "yes"),
    "low_stock_amount": Arg("integer", nullable=True), "weight": TEXT, "dimensions": _SIZES, "shipping_class": TEXT,
    "menu_order": WHOLE, "meta_data": META,
}  # fmt: skip
WRITE_ARGS = {
    "name": TEXT, "slug": TEXT, "date_created": MOMENT, "date_created_gmt": MOMENT, "type": one_of(*PRODUCT_TYPES),
    "status": one_of(*_STATUSES), "featured": FLAG, "catalog_visibility": one_of("visible", "catalog", "search", "hidden"),
    "short_description": TEXT, **_SHARED, "external_url": TEXT, "button_text": TEXT, "sold_individually": FLAG,
    "reviews_allowed": FLAG, "post_password": TEXT, "upsell_ids": WHOLES, "cross_sell_ids": WHOLES, "parent_id": WHOLE,
    "purchase_note": TEXT, "categories": rows(id=WHOLE), "brands": rows(id=WHOLE), "tags": rows(id=WHOLE),
    "images": rows(**_IMAGE), "grouped_products": WHOLES, "downloads": rows(id=TEXT, name=TEXT, file=TEXT),
    "attributes": rows(id=WHOLE, name=TEXT, position=WHOLE, visible=FLAG, variation=FLAG, options=TEXTS),
    "default_attributes": rows(id=WHOLE, name=TEXT, option=TEXT),
}  # fmt: skip
VARIATION_ARGS = {
    **_SHARED, "status": one_of("draft", "pending", "private", "publish"), "image": record(**_IMAGE),
    "attributes": rows(id=WHOLE, name=TEXT, option=TEXT), "downloads": ANY,
}  # fmt: skip
_COLUMNS = {"date": "created_s", "modified": "modified_s", "id": "id", "include": "id", "title": "name", "slug": "slug",
            "price": "CAST(price AS REAL)", "menu_order": "menu_order", "random": "random()"}  # fmt: skip
_WRONG_ROUTE = (
    "To manipulate product variations you should use the /products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
)


def _invalid(status: int, is_variation: bool = False) -> ApiError:
    noun = "product_variation" if is_variation else "product"
    return ApiError(f"woocommerce_rest_{noun}_invalid_id", "Invalid ID.", status)


def save_product(shop: Shop, doc: Json, event: str = "product.updated") -> None:
    """Derive price and stock status, move the stamp, store, announce, and bring a variable parent up to date.

    A parent that only follows its variation is not announced (recordings 85).
    """
    now = doc["modified_s"] = shop.clock.now()
    settle_stock(doc)
    if doc["type"] == "variable":
        _settle_parent(shop, doc)
    else:
        settle_price(doc, now)
    shop.store.save_product(doc)
    if doc["type"] == "variation":
        parent = shop.store.product(doc["parent_id"])
        if parent is not None and parent["type"] == "variable":
            save_product(shop, parent, "")
    if event:
        shop.notify(event, doc["id"])


def _settle_parent(shop: Shop, doc: Json) -> None:
    sql = "SELECT price, stock_status FROM products WHERE parent_id = ? AND type = 'variation' AND status = 'publish'"
    children = shop.store.all(sql, (doc["id"],))
    prices = [row[0] for row in children if row[0] != ""]
    doc["price"] = min(prices, key=amount) if prices else ""
    doc["regular_price"] = doc["sale_price"] = ""
    if doc["manage_stock"] is not True:
        statuses = {row[1] for row in children}
        found = [status for status in ("instock", "onbackorder") if status in statuses]
        doc["stock_status"] = found[0] if found else "outofstock"


def _where(shop: Shop, ask: Ask) -> Where:
    where = Where()
    wanted = ask.params
    status = wanted.get("status") or "any"
    if status == "any":
        where.add("status NOT IN ('trash', 'auto-draft')")
    else:
        where.add("status = ?", status)
    sku = clean_text(wanted.get("sku") or "")
    if sku:
        codes = [*sku.split(","), sku] if "," in sku else [sku]
        where.among("sku_key", [sku_key(code.strip()) for code in codes])
    elif wanted.get("search_sku"):
        where.add("sku_key LIKE ?", f"%{sku_key(wanted['search_sku'])}%")
    else:
        where.add("type <> 'variation'")
    add_ids(where, ask)
    add_dates(where, ask, shop.clock)
    _add_filters(where, wanted)
    return where


def _add_filters(where: Where, wanted: Json) -> None:
    _add_values(where, wanted)
    if wanted.get("search"):
        where.add("(name LIKE ? OR doc ->> '$.description' LIKE ?)", *[f"%{wanted['search']}%"] * 2)
    for name in ("type", "slug", "stock_status"):
        if wanted.get(name):
            where.add(f"{name} = ?", wanted[name])
    if wanted.get("parent"):
        where.among("parent_id", wanted["parent"])
    for name in ("category", "tag"):
        if wanted.get(name):
            _add_terms(where, wanted[name])


def _add_values(where: Where, wanted: Json) -> None:
    for name in ("featured", "virtual", "downloadable"):
        if wanted.get(name) is not None:
            where.add(f"doc ->> '$.{name}' = ?", int(wanted[name]))
    for name, sign in (("min_price", ">="), ("max_price", "<=")):
        if wanted.get(name):
            where.add(f"CAST(price AS REAL) {sign} CAST(? AS REAL)", wanted[name])


def _add_terms(where: Where, listed: str) -> None:
    numbers = [number for piece in listed.split(",") if (number := whole_number(piece)) is not None]
    marks = ", ".join("?" * len(numbers))
    where.add(f"id IN (SELECT product_id FROM product_terms WHERE term_id IN ({marks}))", *numbers)  # noqa: S608 (marks)


def _select(shop: Shop, ask: Ask, where: Where) -> tuple[int, list[Json], Page]:
    page = Page.of(ask)
    total = shop.store.one(f"SELECT count(*) FROM products WHERE {where.text}", where.values)[0]  # noqa: S608 (constants)
    column = _COLUMNS.get(ask.params.get("orderby") or "date", "id")
    order = order_clause(column, ask, page, total)
    found = shop.store.all(f"SELECT id FROM products WHERE {where.text} {order}", where.values)  # noqa: S608 (constants)
    if not found and page.number == 1:
        total = 0
    return total, shop.store.products(row[0] for row in found), page


def list_products(shop: Shop, ask: Ask) -> Answer:
    """Products; with a code filter variations too."""
    total, found, page = _select(shop, ask, _where(shop, ask))
    return answer_list(ask, total, [show_product(shop, ask, doc) for doc in found], page)


def _existing(shop: Shop, ask: Ask, status: int) -> Json:
    doc = shop.store.product(whole_number(ask.params.get("id")) or 0)
    if doc is None:
        raise _invalid(status)
    return doc


def read_product(shop: Shop, ask: Ask) -> Answer:
    """One product or variation."""
    doc = _existing(shop, ask, 404)
    return Answer(show_product(shop, ask, doc))


def create_product(shop: Shop, ask: Ask) -> Answer:
    """A new product; without a name it is called "Product" (recordings 15, 89)."""
    if ask.has("id"):
        raise ApiError("woocommerce_rest_product_exists", "Cannot create existing product.", 400)
    doc = blank_product(shop, "simple")
    write_product(shop, doc, ask.params)
    doc["id"] = shop.store.next_id("post")
    save_product(shop, doc, "product.created")
    return Answer(show_product(shop, ask, doc), 201, {"Location": ask.link(f"products/{doc['id']}")})


def update_product(shop: Shop, ask: Ask) -> Answer:
    """Change a product; an unknown id is 400 here, unlike when reading (recordings 34, 50)."""
    doc = _existing(shop, ask, 400)
    if doc["type"] == "variation":
        raise ApiError("woocommerce_rest_invalid_product_id", _WRONG_ROUTE, 404)
    write_product(shop, doc, ask.params)
    save_product(shop, doc)
    return Answer(show_product(shop, ask, doc))


def delete_product(shop: Shop, ask: Ask) -> Answer:
    """Bin a product, or delete it for good with ``force``; answers the state before."""
    doc = _existing(shop, ask, 404)
    if doc["type"] == "variation":
        raise ApiError("woocommerce_rest_invalid_product_id", _WRONG_ROUTE, 404)
    shown = show_product(shop, ask, doc)
    children = shop.store.all("SELECT id FROM products WHERE parent_id = ? AND type = 'variation'", (doc["id"],))
    if ask.params.get("force"):
        for row in children:
            shop.store.drop_product(row[0])
        shop.store.drop_product(doc["id"])
    else:
        if doc["status"] == "trash":
            raise ApiError("woocommerce_rest_already_trashed", "The product has already been deleted.", 410)
        doc["status"], doc["modified_s"] = "trash", shop.clock.now()
        shop.store.save_product(doc)
        for child in shop.store.products(row[0] for row in children):
            shop.store.save_product({**child, "status": "trash"})
    shop.notify("product.deleted", doc["id"])
    return Answer(shown)


def _parent(shop: Shop, ask: Ask) -> Json | None:
    return shop.store.product(int(ask.url["product_id"]))


def _variation(shop: Shop, ask: Ask) -> tuple[Json, Json]:
    doc = shop.store.product(whole_number(ask.params.get("id")) or 0)
    parent = _parent(shop, ask)
    if doc is None or parent is None or doc["type"] != "variation" or doc["parent_id"] != parent["id"]:
        raise _invalid(404, is_variation=True)
    return doc, parent


def list_variations(shop: Shop, ask: Ask) -> Answer:
    """Variations of a product; none for an unknown or simple one (recordings 20)."""
    where = Where()
    where.add("parent_id = ? AND type = 'variation'", int(ask.url["product_id"]))
    status = ask.params.get("status") or "any"
    where.add("status NOT IN ('trash', 'auto-draft')") if status == "any" else where.add("status = ?", status)
    if ask.params.get("sku"):
        where.among("sku_key", [sku_key(code.strip()) for code in clean_text(ask.params["sku"]).split(",")])
    add_ids(where, ask)
    add_dates(where, ask, shop.clock)
    total, found, page = _select(shop, ask, where)
    parent: Any = _parent(shop, ask)
    return answer_list(ask, total, [show_variation(shop, ask, doc, parent) for doc in found], page)


def read_variation(shop: Shop, ask: Ask) -> Answer:
    """One variation."""
    doc, parent = _variation(shop, ask)
    return Answer(show_variation(shop, ask, doc, parent))


def create_variation(shop: Shop, ask: Ask) -> Answer:
    """A new variation, even under a simple product (recordings 20)."""
    parent = _parent(shop, ask)
    if parent is None:
        raise ApiError("woocommerce_rest_product_variation_invalid_parent", "Invalid parent product.", 404)
    doc = blank_product(shop, "variation", parent["id"])
    write_variation(shop, doc, parent, ask.params)
    doc["id"] = shop.store.next_id("post")
    save_product(shop, doc, "product.created")
    location = ask.link(f"products/(?P<product_id>[\\d]+)/variations/{doc['id']}")
    return Answer(show_variation(shop, ask, doc, parent), 201, {"Location": location})


def update_variation(shop: Shop, ask: Ask) -> Answer:
    """Change a variation."""
    doc, parent = _variation(shop, ask)
    write_variation(shop, doc, parent, ask.params)
    save_product(shop, doc)
    return Answer(show_variation(shop, ask, doc, parent))


def delete_variation(shop: Shop, ask: Ask) -> Answer:
    """Bin a variation, or delete it with ``force``; answers the state before (recordings 51)."""
    doc, parent = _variation(shop, ask)
    if ask.params.get("force"):
        shop.store.drop_product(doc["id"])
        shown = show_variation(shop, ask, doc, parent)
        shown["_links"]["self"][0].pop("targetHints")
    else:
        shown = show_variation(shop, ask, doc, parent)
        now = shop.clock.now()
        left = (("status", doc["status"]), ("time", str(now)))
        marks = [(f"_wp_trash_meta_{name}", value) for name, value in left] + [("_wp_desired_post_slug", doc["slug"])]
        doc["meta"] += [{"id": shop.store.next_id("meta"), "key": key, "value": value} for key, value in marks]
        doc["status"] = "trash"
        shop.store.save_product(doc)
    if parent["type"] == "variable":
        save_product(shop, parent, "")
    return Answer(shown)

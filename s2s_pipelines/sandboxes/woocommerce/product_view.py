"""How products and variations are printed.

Sources: WooCommerce recordings 13, 15, 16, 19 (products), 17, 20, 21 (variations), 32, 34, 47 (reading adds paragraphs).
"""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import unquote

from .html import add_paragraphs, make_slug
from .image import show_image
from .price import is_on_sale, price_html, range_html
from .shop import Shop
from .wire import Ask, Json

_ALLOW = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_RELATED = 5
_MOST_REMEMBERED = 20_000


def self_link(address: str, allow: list[str] | None = None) -> list[Json]:
    """A ``self`` link with the methods it allows."""
    return [{"href": address, "targetHints": {"allow": _ALLOW if allow is None else allow}}]


def children_of(shop: Shop, number: int) -> list[Json]:
    """Variations of a product in menu and id order, binned ones left out."""
    sql = "SELECT id FROM products WHERE parent_id = ? AND type = 'variation' AND status <> 'trash' ORDER BY menu_order, id"
    return shop.store.products(row[0] for row in shop.store.all(sql, (number,)))


def attribute_label(shop: Shop, key: str, parent: Json) -> str:
    """Name of an attribute of a variable product."""
    return next((held["name"] for held in parent["attributes"] if held["key"] == key), key)


def option_label(shop: Shop, attribute: Json, value: str) -> str:
    """Name of an option: the term's name for shop-wide attributes, the text itself otherwise."""
    if attribute["id"]:
        for term in shop.store.records("term", -attribute["id"]):
            if term["slug"] == value:
                return str(term["name"])
    return value


def variation_options(shop: Shop, doc: Json, parent: Json) -> list[Json]:
    """Options of a variation in the parent's order; what the parent no longer has is not shown (recordings 22)."""
    rows = []
    for held in parent["attributes"]:
        value = doc["options"].get(held["key"], "")
        if held["variation"] and value:
            name = option_label(shop, held, value)
            rows.append({"id": held["id"], "name": held["name"], "slug": held["key"], "option": name, "value": value})
    return rows


def permalink(ask: Ask, doc: Json, rows: list[Json] | None = None, parent: Json | None = None) -> str:
    """Address of the product's page."""
    page = parent if parent is not None else doc
    if page["status"] in ("draft", "pending", "auto-draft"):
        return f"{ask.base}/?post_type=product&p={page['id']}"
    query = "&".join(f"attribute_{row['slug']}={row['value'].replace(' ', '+')}" for row in rows or [])
    return f"{ask.base}/product/{page['slug']}/{'?' if query else ''}{query}"


def _dates(shop: Shop, doc: Json) -> Json:
    clock = shop.clock
    shown: Json = {}
    for name, key in (("date_created", "created_s"), ("date_modified", "modified_s")):
        shown[name], shown[f"{name}_gmt"] = clock.local(doc[key]), clock.gmt(doc[key])
    return shown


def _sale_dates(shop: Shop, doc: Json) -> Json:
    clock = shop.clock
    shown: Json = {}
    for name, key in (("date_on_sale_from", "sale_from_s"), ("date_on_sale_to", "sale_to_s")):
        shown[name], shown[f"{name}_gmt"] = clock.local(doc[key]), clock.gmt(doc[key])
    return shown


def _stock(doc: Json) -> Json:
    is_short = doc["manage_stock"] is not False and (doc["stock_quantity"] or 0) <= 0
    return {
        "manage_stock": doc["manage_stock"],
        "stock_quantity": doc["stock_quantity"],
        "stock_status": doc["stock_status"],
        "backorders": doc["backorders"],
        "backorders_allowed": doc["backorders"] != "no",
        "backordered": is_short and doc["backorders"] == "notify",
        "low_stock_amount": doc["low_stock_amount"],
    }


def _shared(shop: Shop, doc: Json) -> Json:
    """Fields products and variations print alike."""
    return {
        "id": doc["id"], **_dates(shop, doc), "status": doc["status"], "sku": doc["sku"],
        "global_unique_id": doc["global_unique_id"], "price": doc["price"], "regular_price": doc["regular_price"],
        "sale_price": doc["sale_price"], **_sale_dates(shop, doc), "on_sale": is_on_sale(doc, shop.clock.now()),
        "virtual": doc["virtual"], "downloadable": doc["downloadable"], "downloads": doc["downloads"],
        "download_limit": doc["download_limit"], "download_expiry": doc["download_expiry"], "tax_status": doc["tax_status"],
        **_stock(doc), "weight": doc["weight"], "dimensions": dict(doc["dimensions"]), "shipping_class": doc["shipping_class"],
        "shipping_class_id": doc["shipping_class_id"], "menu_order": doc["menu_order"],
        "meta_data": [dict(entry) for entry in doc["meta"]],
    }  # fmt: skip


def _terms(shop: Shop, numbers: list[int]) -> list[Json]:
    held = [shop.store.record("term", number) for number in numbers]
    return [{"id": term["id"], "name": term["name"], "slug": term["slug"]} for term in held if term is not None]


def _attributes(shop: Shop, doc: Json) -> list[Json]:
    rows = []
    for held in doc["attributes"]:
        options = held["options"]
        if held["id"]:
            terms = [term for number in held["terms"] if (term := shop.store.record("term", number)) is not None]
            options = [
                term["name"] for term in sorted(terms, key=lambda term: (term["menu_order"], term["name"].casefold()))
            ]
        slug = held["key"] if held["id"] else held["name"]
        row = {"id": held["id"], "name": held["name"], "slug": slug, "position": held["position"]}
        rows.append({**row, "visible": held["visible"], "variation": held["variation"], "options": options})
    return rows


def _default_attributes(shop: Shop, doc: Json) -> list[Json]:
    rows = []
    for key, value in doc["default_attributes"].items():
        held = next((held for held in doc["attributes"] if held["key"] == key), None)
        number = held["id"] if held else 0
        name = held["name"] if held else key
        rows.append({"id": number, "name": name, "option": option_label(shop, held, value) if held else value})
    return rows


def _related(shop: Shop, doc: Json) -> list[int]:
    """Up to five of the products that shared a term when the product was first shown (recordings 15, 29)."""
    if len(shop.related) > _MOST_REMEMBERED:
        shop.related.clear()
    if doc["id"] not in shop.related:
        shop.related[doc["id"]] = _sharing(shop, doc)
    found = list(shop.related[doc["id"]])
    random.shuffle(found)
    return found[:_RELATED]


def _sharing(shop: Shop, doc: Json) -> list[int]:
    terms = [*doc["categories"], *doc["tags"]]
    marks = ", ".join("?" * len(terms))
    sql = (
        "SELECT DISTINCT products.id FROM product_terms JOIN products ON products.id = product_id"  # noqa: S608 (marks only)
        f" WHERE term_id IN ({marks}) AND status = 'publish' AND products.id <> ? LIMIT 15"
    )
    return [row[0] for row in shop.store.all(sql, (*terms, doc["id"]))]


def _price_fields(shop: Shop, doc: Json) -> Json:
    if doc["type"] != "variable":
        html = price_html(shop, doc, doc["price"])
        return {
            "price_html": html,
            "purchasable": doc["price"] != "" and doc["status"] == "publish",
            "has_options": False,
        }
    children = [
        child for child in children_of(shop, doc["id"]) if child["price"] != "" and child["status"] == "publish"
    ]
    is_sold = bool(doc["price"]) and doc["status"] == "publish"
    return {"price_html": range_html(shop, doc, children), "purchasable": is_sold, "has_options": True}


def show_product(shop: Shop, ask: Ask, doc: Json) -> Json:
    """A product as ``products`` prints it; variations too when read there (recordings 20)."""
    if doc["type"] == "variation":
        return show_variation_as_product(shop, ask, doc)
    is_edit = ask.context == "edit"
    paragraphs = (lambda text: text) if is_edit else add_paragraphs
    children = children_of(shop, doc["id"]) if doc["type"] == "variable" else []
    shown: Json = {
        **_shared(shop, doc), "name": doc["name"], "slug": doc["slug"], "permalink": permalink(ask, doc), "type": doc["type"],
        "featured": doc["featured"], "catalog_visibility": doc["catalog_visibility"],
        "description": paragraphs(doc["description"]), "short_description": paragraphs(doc["short_description"]),
        "total_sales": doc["total_sales"], "external_url": doc["external_url"], "button_text": doc["button_text"],
        "tax_class": doc["tax_class"], "sold_individually": doc["sold_individually"],
        "shipping_required": not doc["virtual"], "shipping_taxable": not doc["virtual"] and doc["tax_status"] in
        ("taxable", "shipping"), "reviews_allowed": doc["reviews_allowed"], "average_rating": "0" if is_edit else "0.00",
        "rating_count": 0, "upsell_ids": doc["upsell_ids"], "cross_sell_ids": doc["cross_sell_ids"],
        "parent_id": doc["parent_id"], "purchase_note": doc["purchase_note"], "categories": _terms(shop, doc["categories"]),
        "brands": [], "tags": _terms(shop, doc["tags"]),
        "images": [image for number in doc["images"] if (image := show_image(shop, ask, number)) is not None],
        "attributes": _attributes(shop, doc), "default_attributes": _default_attributes(shop, doc),
        "variations": [child["id"] for child in children], "grouped_products": doc["grouped_products"],
        **_price_fields(shop, doc), "related_ids": _related(shop, doc), "post_password": doc["post_password"],
    }  # fmt: skip
    if is_edit:
        shown["permalink_template"] = f"{ask.base}/product/%pagename%/"
        shown["generated_slug"] = unquote(doc["slug"] or make_slug(doc["name"]))
    address = ask.link("products")
    shown["_links"] = {"self": self_link(f"{address}/{doc['id']}"), "collection": [{"href": address}]}
    return shown


def inherit(doc: Json, parent: Json) -> Json:
    """A variation with what it takes over from its parent: stock, weight, sizes, tax class (recordings 20, 21)."""
    merged = dict(doc)
    if doc["manage_stock"] is False and parent["manage_stock"] is True:
        taken = ("stock_quantity", "stock_status", "backorders", "low_stock_amount")
        merged.update({name: parent[name] for name in taken}, manage_stock="parent")
    merged["weight"] = doc["weight"] or parent["weight"]
    merged["dimensions"] = {name: size or parent["dimensions"][name] for name, size in doc["dimensions"].items()}
    if doc["tax_class"] == "parent":
        merged["tax_class"] = parent["tax_class"]
    return merged


def variation_name(shop: Shop, doc: Json, parent: Json) -> str:
    """Full name of a variation, ``Tee - S, Red``, in the parent's present attribute order."""
    names = ", ".join(row["option"] for row in variation_options(shop, doc, parent))
    return f"{parent['name']} - {names}" if names else str(parent["name"])


def _options(rows: list[Json]) -> list[Json]:
    return [{name: value for name, value in row.items() if name != "value"} for row in rows]


def show_variation(shop: Shop, ask: Ask, doc: Json, parent: Json, allow: list[str] | None = None) -> Json:
    """A variation as its own route prints it."""
    merged = inherit(doc, parent)
    rows = variation_options(shop, doc, parent)
    tax_class = doc["tax_class"] if ask.context == "edit" else merged["tax_class"]
    description = doc["description"] if ask.context == "edit" else add_paragraphs(doc["description"])
    address = ask.link(f"products/{doc['parent_id']}/variations")
    return {
        **_shared(shop, merged), "type": "variation", "description": description,
        "permalink": permalink(ask, doc, rows, parent), "purchasable": doc["price"] != "" and doc["status"] == "publish",
        "tax_class": tax_class, "image": show_image(shop, ask, doc["images"][0]) if doc["images"] else None,
        "attributes": _options(rows), "name": ", ".join(row["option"] for row in rows), "parent_id": doc["parent_id"],
        "_links": {
            "self": self_link(f"{address}/{doc['id']}", allow), "collection": [{"href": address}],
            "up": [{"href": ask.link(f"products/{doc['parent_id']}")}],
        },
    }  # fmt: skip


def show_variation_as_product(shop: Shop, ask: Ask, doc: Json) -> Json:
    """A variation read through ``products``: product fields, names without the variation's own image field."""
    parent = shop.store.product(doc["parent_id"])
    if parent is None:
        parent = {**doc, "attributes": [], "name": ""}
    shown: Json = show_variation(shop, ask, doc, parent)
    merged = inherit(doc, parent)
    image = shown.pop("image")
    parts: list[Any] = [] if image is None else [image]
    address = ask.link("products")
    shown.update(
        name=variation_name(shop, doc, parent), slug=doc["slug"], featured=False,
        catalog_visibility=parent["catalog_visibility"], short_description="", total_sales=str(doc["total_sales"]),
        external_url="", button_text="", sold_individually=parent["sold_individually"], shipping_required=not doc["virtual"],
        shipping_taxable=not doc["virtual"], reviews_allowed=False, average_rating="0.00", rating_count=0, upsell_ids=[],
        cross_sell_ids=[], purchase_note="", categories=[], brands=[], tags=[], images=parts, default_attributes=[],
        variations=[], grouped_products=[], price_html=price_html(shop, merged, doc["price"]), related_ids=[],
        has_options=False, post_password="",
    )  # fmt: skip
    shown["_links"]["self"] = self_link(f"{address}/{doc['id']}")
    shown["_links"]["collection"] = [{"href": address}]
    return shown

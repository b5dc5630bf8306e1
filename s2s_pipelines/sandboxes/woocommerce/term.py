"""Categories, tags, shop-wide attributes and their terms (WooCommerce recordings 44 to 46)."""

from __future__ import annotations

from typing import Any

from .html import clean_text, filter_markup, filter_term_text, make_slug
from .listing import PAGING, Page, answer_list
from .product_view import self_link
from .schema import ANY, FLAG, TEXT, WHOLE, Arg, one_of, whole_number
from .shop import Shop
from .wire import Answer, ApiError, Ask, Json

SLUG_LETTERS = 28
LIST_ARGS = {
    **PAGING,
    "orderby": one_of("id", "include", "name", "slug", "term_group", "description", "count"),
    "hide_empty": FLAG,
    "parent": WHOLE,
    "product": WHOLE,
    "slug": TEXT,
}
WRITE_ARGS = {"name": TEXT, "slug": TEXT, "parent": WHOLE, "description": TEXT, "menu_order": WHOLE, "image": ANY}
CREATE_ARGS = {**WRITE_ARGS, "name": Arg("string", required=True)}
ATTRIBUTE_ARGS = {"name": TEXT, "slug": TEXT, "type": TEXT, "order_by": TEXT, "has_archives": FLAG}


def _parent_key(attribute: int) -> int:
    """Terms of a shop-wide attribute are stored under its negative id, categories and tags under 0."""
    return -attribute


def _free_slug(shop: Shop, taxonomy: str, slug: str, parent: int) -> str:
    taken = {term["slug"] for term in shop.store.records("term") if term["taxonomy"] == taxonomy}
    if slug not in taken:
        return slug
    above = shop.store.record("term", parent) if parent else None
    if above is not None and f"{slug}-{above['slug']}" not in taken:
        return f"{slug}-{above['slug']}"
    number = 2
    while f"{slug}-{number}" in taken:
        number += 1
    return f"{slug}-{number}"


def _term_name(text: Any) -> str:
    return filter_markup(clean_text(str(text)), set()).strip()


def create_term(shop: Shop, taxonomy: str, sent: Json, attribute: int = 0) -> Json:
    """Store a new term.

    Raises:
        ApiError: no name, unknown parent, or the name exists under the same parent.
    """
    name = _term_name(sent.get("name") or "")
    parent = whole_number(sent.get("parent")) or 0
    if not name:
        raise ApiError("empty_term_name", "A name is required for this term.", 400)
    if parent and shop.store.record("term", parent) is None:
        raise ApiError("missing_parent", "Parent term does not exist.", 400)
    for held in shop.store.records("term", _parent_key(attribute)):
        if held["taxonomy"] == taxonomy and held["parent"] == parent and held["name"].casefold() == name.casefold():
            place = "with this parent" if taxonomy == "category" else "in this taxonomy"
            text = f"A term with the name provided already exists {place}."
            raise ApiError("term_exists", text, 400, {"resource_id": held["id"]})
    slug = _free_slug(shop, taxonomy, make_slug(str(sent.get("slug") or name)), parent)
    term = {
        "id": shop.store.next_id("term"), "taxonomy": taxonomy, "name": name, "slug": slug, "parent": parent,
        "description": filter_term_text(str(sent.get("description") or "")), "display": sent.get("display") or "default",
        "menu_order": whole_number(sent.get("menu_order")) or 0,
    }  # fmt: skip
    shop.store.save_record("term", term, _parent_key(attribute))
    return term


def named_term(shop: Shop, taxonomy: str, name: str, attribute: int = 0) -> int:
    """Id of the term of that name, made when absent."""
    wanted = _term_name(name).casefold()
    for term in shop.store.records("term", _parent_key(attribute)):
        if term["taxonomy"] == taxonomy and term["name"].casefold() == wanted:
            return int(term["id"])
    return int(create_term(shop, taxonomy, {"name": name}, attribute)["id"])


def option_value(shop: Shop, held: Json, option: str) -> str:
    """What a variation stores for an option: the term's slug for shop-wide attributes, the text otherwise."""
    if not held["id"]:
        return option
    for term in shop.store.records("term", _parent_key(held["id"])):
        if term["name"] == option:
            return str(term["slug"])
    return make_slug(option)


def _sent_attribute(shop: Shop, item: Json) -> Json | None:
    number = whole_number(item.get("id")) or 0
    options = item.get("options")
    listed = [str(option) for option in options] if isinstance(options, list) else str(options or "").split("|")
    row = {
        "position": whole_number(item.get("position")) or 0,
        "visible": item.get("visible") in (True, 1, "true", "1"),
    }
    row["variation"] = item.get("variation") in (True, 1, "true", "1")
    if number:
        attribute = shop.store.record("attribute", number)
        names = [clean_text(option) for option in listed if clean_text(option)]
        if attribute is None or not names:
            return None
        terms = [named_term(shop, attribute["slug"], name, number) for name in names]
        return {"id": number, "name": attribute["name"], "key": attribute["slug"], "options": [], "terms": terms, **row}
    name = clean_text(str(item.get("name") or ""))
    if not name:
        return None
    pieces = [piece.strip() for option in listed for piece in option.split("|")]
    return {
        "id": 0,
        "name": name,
        "key": make_slug(name),
        "options": [piece for piece in pieces if piece],
        "terms": [],
        **row,
    }


def sent_attributes(shop: Shop, held: list[Json], sent: list[Any]) -> list[Json]:
    """The attribute list that replaces the held one; names that stay keep their place (recordings 22)."""
    slots: dict[str, Json | None] = {row["key"]: None for row in held}
    for item in sent:
        row = _sent_attribute(shop, item) if isinstance(item, dict) else None
        if row is not None:
            slots[row["key"]] = row
    return sorted((row for row in slots.values() if row is not None), key=lambda row: row["position"])


def _count(shop: Shop, number: int) -> int:
    sql = (
        "SELECT count(*) FROM product_terms JOIN products ON products.id = product_id"
        " WHERE term_id = ? AND status = 'publish' AND type <> 'variation'"
    )
    return int(shop.store.one(sql, (number,))[0])


def _show(shop: Shop, ask: Ask, term: Json, path: str) -> Json:
    shown: Json = {"id": term["id"], "name": term["name"], "slug": term["slug"]}
    if term["taxonomy"] == "category":
        shown["parent"] = term["parent"]
    shown["description"] = term["description"]
    if term["taxonomy"] == "category":
        shown.update(display=term["display"], image=None)
    if term["taxonomy"] != "tag":
        shown["menu_order"] = term["menu_order"]
    shown["count"] = _count(shop, term["id"])
    address = ask.link(path)
    shown["_links"] = {"self": self_link(f"{address}/{term['id']}"), "collection": [{"href": address}]}
    if ask.is_batch and "attribute_id" in ask.url:
        address = address.replace(f"/{ask.url['attribute_id']}/", "/(?P<attribute_id>[\\d]+)/")
        shown["_links"] = {"self": [{"href": f"{address}/{term['id']}"}], "collection": [{"href": address}]}
    if term["parent"]:
        shown["_links"]["up"] = [{"href": f"{address}/{term['parent']}"}]
    return shown


class Terms:
    """Routes of one taxonomy: categories, tags, or the terms of an attribute.

    Args:
        taxonomy: ``category``, ``tag`` or empty for the terms of the attribute in the route.
        path: route below ``wc/v3``, with ``{attribute_id}`` filled per request.
    """

    def __init__(self, taxonomy: str, path: str) -> None:
        self._taxonomy = taxonomy
        self._path = path

    def _place(self, shop: Shop, ask: Ask) -> tuple[str, int, str]:
        if self._taxonomy:
            return self._taxonomy, 0, self._path
        number = int(ask.url["attribute_id"])
        attribute = shop.store.record("attribute", number)
        if attribute is None:
            raise ApiError("woocommerce_rest_taxonomy_invalid", "Taxonomy does not exist.", 404)
        return attribute["slug"], number, self._path.format(attribute_id=number)

    def _get(self, shop: Shop, ask: Ask, number: Any) -> Json:
        taxonomy, _, _ = self._place(shop, ask)
        term = shop.store.record("term", whole_number(number) or 0)
        if term is None or term["taxonomy"] != taxonomy:
            raise ApiError("woocommerce_rest_term_invalid", "Resource does not exist.", 404)
        return term

    def list_all(self, shop: Shop, ask: Ask) -> Answer:
        """List with search, slug, parent and paging, by name."""
        taxonomy, attribute, path = self._place(shop, ask)
        rows = [term for term in shop.store.records("term", _parent_key(attribute)) if term["taxonomy"] == taxonomy]
        wanted = ask.params
        if wanted.get("search"):
            rows = [term for term in rows if wanted["search"].casefold() in f"{term['name']} {term['slug']}".casefold()]
        if wanted.get("slug"):
            rows = [term for term in rows if term["slug"] in wanted["slug"].split(",")]
        if ask.has("parent"):
            rows = [term for term in rows if term["parent"] == wanted["parent"]]
        if wanted.get("include"):
            rows = [term for term in rows if term["id"] in wanted["include"]]
        if wanted.get("exclude"):
            rows = [term for term in rows if term["id"] not in wanted["exclude"]]
        if wanted.get("hide_empty"):
            rows = [term for term in rows if _count(shop, term["id"])]
        order = wanted.get("orderby") or "name"
        rows.sort(
            key=lambda term: (str(term.get(order, "")).casefold() if order in ("name", "slug") else 0, term["id"])
        )
        if wanted.get("order") == "desc":
            rows.reverse()
        page = Page.of(ask)
        shown = [_show(shop, ask, term, path) for term in rows[page.offset : page.offset + page.size]]
        return answer_list(ask, len(rows), shown, page)

    def read(self, shop: Shop, ask: Ask) -> Answer:
        """One term."""
        return Answer(_show(shop, ask, self._get(shop, ask, ask.url["id"]), self._place(shop, ask)[2]))

    def create(self, shop: Shop, ask: Ask) -> Answer:
        """Create a term."""
        taxonomy, attribute, path = self._place(shop, ask)
        term = create_term(shop, taxonomy, ask.params, attribute)
        return Answer(_show(shop, ask, term, path), 201, {"Location": ask.link(f"{path}/{term['id']}")})

    def update(self, shop: Shop, ask: Ask) -> Answer:
        """Change a term."""
        _, attribute, path = self._place(shop, ask)
        term = dict(self._get(shop, ask, ask.params.get("id")))
        if ask.params.get("name"):
            term["name"] = _term_name(ask.params["name"])
        if ask.params.get("slug"):
            term["slug"] = make_slug(ask.params["slug"])
        if ask.has("parent"):
            term["parent"] = ask.params["parent"]
        if ask.has("description"):
            term["description"] = filter_term_text(ask.params["description"])
        shop.store.save_record("term", term, _parent_key(attribute))
        return Answer(_show(shop, ask, term, path))

    def delete(self, shop: Shop, ask: Ask) -> Answer:
        """Delete a term; only with ``force``."""
        term = self._get(shop, ask, ask.params.get("id"))
        if not ask.params.get("force"):
            raise ApiError("woocommerce_rest_trash_not_supported", "Resource does not support trashing.", 501)
        shown = _show(shop, ask, term, self._place(shop, ask)[2])
        shop.store.drop_record("term", term["id"])
        shop.store.run("DELETE FROM product_terms WHERE term_id = ?", (term["id"],))
        return Answer(shown)


def _show_attribute(ask: Ask, held: Json) -> Json:
    address = ask.link("products/attributes")
    links = {"self": self_link(f"{address}/{held['id']}"), "collection": [{"href": address}]}
    return {**held, "_links": links}


def _attribute(shop: Shop, ask: Ask) -> Json:
    held = shop.store.record("attribute", whole_number(ask.params.get("id")) or 0)
    if held is None:
        raise ApiError("woocommerce_rest_taxonomy_invalid", "Resource does not exist.", 404)
    return held


def list_attributes(shop: Shop, ask: Ask) -> Answer:
    """All shop-wide attributes, never paged."""
    return Answer([_show_attribute(ask, held) for held in shop.store.records("attribute")])


def read_attribute(shop: Shop, ask: Ask) -> Answer:
    """One shop-wide attribute."""
    return Answer(_show_attribute(ask, _attribute(shop, ask)))


def create_attribute(shop: Shop, ask: Ask) -> Answer:
    """Create a shop-wide attribute; its slug gets the prefix ``pa_``."""
    name = clean_text(str(ask.params.get("name") or ""))
    slug = make_slug(str(ask.params.get("slug") or name)).removeprefix("pa_")
    if len(slug) > SLUG_LETTERS:
        text = f'Slug "{slug}" is too long ({SLUG_LETTERS} characters max). Shorten it, please.'
        raise ApiError("woocommerce_rest_cannot_create", text, 400)
    if any(held["slug"] == f"pa_{slug}" for held in shop.store.records("attribute")):
        text = f'Slug "{slug}" is already in use. Change it, please.'
        raise ApiError("woocommerce_rest_cannot_create", text, 400)
    held = {
        "id": shop.store.next_id("attribute"), "name": name, "slug": f"pa_{slug}", "type": ask.params.get("type") or "select",
        "order_by": ask.params.get("order_by") or "menu_order", "has_archives": bool(ask.params.get("has_archives")),
    }  # fmt: skip
    shop.store.save_record("attribute", held)
    return Answer(_show_attribute(ask, held), 201, {"Location": ask.link(f"products/attributes/{held['id']}")})


def update_attribute(shop: Shop, ask: Ask) -> Answer:
    """Change name, type or order of a shop-wide attribute."""
    held = dict(_attribute(shop, ask))
    for name in ("name", "type", "order_by", "has_archives"):
        if ask.has(name):
            held[name] = ask.params[name]
    shop.store.save_record("attribute", held)
    return Answer(_show_attribute(ask, held))


def delete_attribute(shop: Shop, ask: Ask) -> Answer:
    """Delete a shop-wide attribute and its terms; only with ``force``."""
    held = _attribute(shop, ask)
    if not ask.params.get("force"):
        raise ApiError("woocommerce_rest_trash_not_supported", "Resource does not support trashing.", 501)
    for term in shop.store.records("term", _parent_key(held["id"])):
        shop.store.drop_record("term", term["id"])
    shop.store.drop_record("attribute", held["id"])
    return Answer(_show_attribute(ask, held))

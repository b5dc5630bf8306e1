"""Customers (WooCommerce recordings 53)."""

from __future__ import annotations

import hashlib
from typing import Any

from .html import clean_text
from .listing import PAGING, Page, answer_list
from .meta import write_meta
from .product_view import self_link
from .schema import META, TEXT, Arg, one_of, record, whole_number
from .shop import Shop
from .wire import Answer, ApiError, Ask, Json

_BILLING = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "postcode",
    "country",
    "state",
    "email",
    "phone",
)
_SHIPPING = tuple(name for name in _BILLING if name != "email")
_TEXTS = dict.fromkeys(_SHIPPING, TEXT)
LIST_ARGS = {
    **PAGING, "orderby": one_of("id", "include", "name", "registered_date"), "email": Arg("string", layout="email"),
    "role": one_of("all", "administrator", "editor", "author", "contributor", "subscriber", "customer", "shop_manager"),
}  # fmt: skip
WRITE_ARGS = {
    "email": TEXT, "first_name": TEXT, "last_name": TEXT, "username": TEXT, "password": TEXT, "meta_data": META,
    "billing": record(**_TEXTS, email=Arg("string", layout="email", nullable=True)), "shipping": record(**_TEXTS),
}  # fmt: skip
CREATE_ARGS = {**WRITE_ARGS, "email": Arg("string", required=True)}


def _name(held: Json) -> str:
    return (f"{held['first_name']} {held['last_name']}".strip() or held["username"]).casefold()


def _show(shop: Shop, ask: Ask, held: Json) -> Json:
    clock, address = shop.clock, ask.link("customers")
    face = hashlib.sha256(held["email"].strip().lower().encode()).hexdigest()
    spent = shop.store.one(
        "SELECT count(*) FROM orders WHERE customer_id = ? AND status IN ('processing', 'completed')", (held["id"],)
    )[0]
    return {
        "id": held["id"], "date_created": clock.local(held["created_s"]), "date_created_gmt": clock.gmt(held["created_s"]),
        "date_modified": clock.local(held["modified_s"]), "date_modified_gmt": clock.gmt(held["modified_s"]),
        "email": held["email"], "first_name": held["first_name"], "last_name": held["last_name"], "role": held["role"],
        "username": held["username"], "billing": {name: held["billing"].get(name, "") for name in _BILLING},
        "shipping": {name: held["shipping"].get(name, "") for name in _SHIPPING}, "is_paying_customer": bool(spent),
        "avatar_url": f"https://secure.gravatar.com/avatar/{face}?s=96&d=mm&r=g",
        "meta_data": [dict(entry) for entry in held["meta"]],
        "_links": {"self": self_link(f"{address}/{held['id']}"), "collection": [{"href": address}]},
    }  # fmt: skip


def _existing(shop: Shop, ask: Ask, status: int, code: str) -> Json:
    held = shop.store.record("customer", whole_number(ask.params.get("id")) or 0)
    if held is None:
        raise ApiError(code, "Invalid user ID." if status == 404 else "Invalid resource ID.", status)
    return held


def _write(shop: Shop, held: Json, sent: Json) -> None:
    for name in ("first_name", "last_name", "email"):
        if sent.get(name) is not None:
            held[name] = clean_text(str(sent[name]))
    for side, names in (("billing", _BILLING), ("shipping", _SHIPPING)):
        if isinstance(sent.get(side), dict):
            taken = {name: clean_text(str(sent[side][name])) for name in names if sent[side].get(name) is not None}
            held[side] = {**held[side], **taken}
    write_meta(shop.store, held["meta"], sent.get("meta_data"))
    held["modified_s"] = shop.clock.now()
    shop.store.save_record("customer", held)


def list_customers(shop: Shop, ask: Ask) -> Answer:
    """Customers by name; there is no filter by stamp (recordings 53)."""
    role = ask.params.get("role") or "customer"
    rows = [held for held in shop.store.records("customer") if role in ("all", held["role"])]
    if ask.params.get("email"):
        rows = [held for held in rows if held["email"].casefold() == ask.params["email"].casefold()]
    if ask.params.get("search"):
        text = ask.params["search"].casefold()
        rows = [held for held in rows if text in f"{held['email']} {held['username']} {_name(held)}".casefold()]
    if ask.params.get("include"):
        rows = [held for held in rows if held["id"] in ask.params["include"]]
    if (ask.params.get("orderby") or "name") == "name":
        rows.sort(key=_name)
    if ask.params.get("order") == "desc":
        rows.reverse()
    page = Page.of(ask)
    found = [_show(shop, ask, held) for held in rows[page.offset : page.offset + page.size]]
    return answer_list(ask, len(rows), found, page)


def read_customer(shop: Shop, ask: Ask) -> Answer:
    """One customer."""
    return Answer(_show(shop, ask, _existing(shop, ask, 404, "wc_user_invalid_id")))


def create_customer(shop: Shop, ask: Ask) -> Answer:
    """A new customer; one per e-mail address."""
    email = clean_text(str(ask.params.get("email") or ""))
    if "@" not in email or "." not in email.rpartition("@")[2]:
        raise ApiError("customer_invalid_email", "Invalid email address", 400)
    people = shop.store.records("customer")
    if any(held["email"].casefold() == email.casefold() for held in people):
        text = f"An account is already registered with {email}. Please log in or use a different email address."
        raise ApiError("registration-error-email-exists", text, 400)
    wanted = clean_text(str(ask.params.get("username") or email.partition("@")[0]))
    taken, username, number = {held["username"] for held in people}, wanted, 1
    while username in taken:
        number += 1
        username = f"{wanted}{number}"
    nag = (
        []
        if ask.params.get("password")
        else [{"id": shop.store.next_id("meta"), "key": "default_password_nag", "value": "1"}]
    )
    held: Any = {
        "id": shop.store.next_id("customer"), "email": email, "first_name": "", "last_name": "", "role": "customer",
        "username": username, "billing": {}, "shipping": {}, "meta": nag, "created_s": shop.clock.now(),
    }  # fmt: skip
    _write(shop, held, ask.params)
    shop.notify("customer.created", held["id"])
    return Answer(_show(shop, ask, held), 201, {"Location": ask.link(f"customers/{held['id']}")})


def update_customer(shop: Shop, ask: Ask) -> Answer:
    """Change a customer."""
    held = dict(_existing(shop, ask, 400, "woocommerce_rest_invalid_id"))
    _write(shop, held, ask.params)
    shop.notify("customer.updated", held["id"])
    return Answer(_show(shop, ask, held))


def delete_customer(shop: Shop, ask: Ask) -> Answer:
    """Delete a customer; only with ``force``."""
    held = _existing(shop, ask, 400, "woocommerce_rest_invalid_id")
    if not ask.params.get("force"):
        raise ApiError("woocommerce_rest_trash_not_supported", "Customers do not support trashing.", 501)
    shop.store.drop_record("customer", held["id"])
    return Answer(_show(shop, ask, held))

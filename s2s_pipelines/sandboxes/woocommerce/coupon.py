"""Coupons (WooCommerce recordings 56 to 58).

Which coupons an order may use is checked for existence, expiry, usage limit and spend; the texts of all but the first are
not recorded. Restrictions to products, categories and e-mails are stored but not applied.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .arithmetic import shown
from .html import clean_text
from .listing import DATES, PAGING, Page, answer_list
from .meta import write_meta
from .price import amount, parse_price
from .product_view import self_link
from .schema import FLAG, META, MOMENT, TEXT, TEXTS, WHOLE, WHOLES, Arg, one_of, whole_number
from .shop import Shop
from .wire import Answer, ApiError, Ask, Json

LIST_ARGS = {**PAGING, **DATES, "orderby": one_of("date", "id", "include", "title", "slug", "modified"), "code": TEXT}
WRITE_ARGS = {
    "code": TEXT, "amount": TEXT, "status": TEXT, "discount_type": one_of("percent", "fixed_cart", "fixed_product"),
    "description": TEXT, "date_expires": MOMENT, "date_expires_gmt": MOMENT, "individual_use": FLAG, "product_ids": WHOLES,
    "excluded_product_ids": WHOLES, "usage_limit": WHOLE, "usage_limit_per_user": WHOLE, "limit_usage_to_x_items": WHOLE,
    "free_shipping": FLAG, "product_categories": WHOLES, "excluded_product_categories": WHOLES, "exclude_sale_items": FLAG,
    "minimum_amount": TEXT, "maximum_amount": TEXT, "email_restrictions": TEXTS, "meta_data": META,
}  # fmt: skip
CREATE_ARGS = {**WRITE_ARGS, "code": Arg("string", required=True)}
_LISTS = (
    "product_ids",
    "excluded_product_ids",
    "product_categories",
    "excluded_product_categories",
    "email_restrictions",
)
_FLAGS = ("individual_use", "free_shipping", "exclude_sale_items")
_LIMITS = ("usage_limit", "usage_limit_per_user", "limit_usage_to_x_items")
_MONEY = ("amount", "minimum_amount", "maximum_amount")


def coupon_by_code(shop: Shop, code: str) -> Json | None:
    """The coupon of that code, or None."""
    return next((held for held in shop.store.records("coupon") if held["code"] == code), None)


def check_coupon(shop: Shop, coupon: Json | None, code: str, order: Json) -> None:
    """Whether an order may use a coupon.

    Raises:
        ApiError: 400 with the reason.
    """
    reason = ""
    spent = sum((Decimal(line["subtotal"]) for line in order["line_items"]), Decimal(0))
    if coupon is None:
        reason = f"Coupon &quot;{code}&quot; cannot be applied because it does not exist."
    elif coupon["expires_s"] is not None and coupon["expires_s"] < shop.clock.now():
        reason = f"Coupon &quot;{code}&quot; has expired."
    elif coupon["usage_limit"] and coupon["usage_count"] >= coupon["usage_limit"]:
        reason = f"Usage limit for coupon &quot;{code}&quot; has been reached."
    elif amount(coupon["minimum_amount"]) > spent:
        reason = f"The minimum spend for coupon &quot;{code}&quot; is not reached."
    elif Decimal(0) < amount(coupon["maximum_amount"]) < spent:
        reason = f"The maximum spend for coupon &quot;{code}&quot; is exceeded."
    if reason:
        raise ApiError("woocommerce_rest_invalid_coupon", reason, 400)


def _show(shop: Shop, ask: Ask, held: Json) -> Json:
    clock, address = shop.clock, ask.link("coupons")
    return {
        "id": held["id"], "code": held["code"], "amount": shown(held["amount"], shop.decimals), "status": held["status"],
        "date_created": clock.local(held["created_s"]), "date_created_gmt": clock.gmt(held["created_s"]),
        "date_modified": clock.local(held["modified_s"]), "date_modified_gmt": clock.gmt(held["modified_s"]),
        "discount_type": held["discount_type"], "description": held["description"],
        "date_expires": clock.local(held["expires_s"]), "date_expires_gmt": clock.gmt(held["expires_s"]),
        "usage_count": held["usage_count"], **{name: held[name] or None for name in _LIMITS},
        **{name: held[name] for name in (*_LISTS, *_FLAGS)}, "minimum_amount": shown(held["minimum_amount"], shop.decimals),
        "maximum_amount": shown(held["maximum_amount"], shop.decimals), "used_by": held["used_by"],
        "meta_data": [dict(entry) for entry in held["meta"]],
        "_links": {"self": self_link(f"{address}/{held['id']}"), "collection": [{"href": address}]},
    }  # fmt: skip


def _write(shop: Shop, held: Json, sent: Json) -> None:
    if sent.get("code"):
        code = clean_text(str(sent["code"])).lower()
        other = coupon_by_code(shop, code)
        if other is not None and other["id"] != held["id"]:
            raise ApiError("woocommerce_rest_coupon_code_already_exists", "The coupon code already exists", 400)
        held["code"] = code
    held.update({name: parse_price(sent[name]) or "0" for name in _MONEY if sent.get(name) is not None})
    for name in ("description", "discount_type", "status", *_LISTS, *_FLAGS, *_LIMITS):
        if sent.get(name) is not None:
            held[name] = sent[name]
    for name, is_gmt in (("date_expires", False), ("date_expires_gmt", True)):
        if sent.get(name) is not None:
            held["expires_s"] = shop.clock.parse(str(sent[name]), is_gmt)
    write_meta(shop.store, held["meta"], sent.get("meta_data"))
    held["modified_s"] = shop.clock.now()
    shop.store.save_record("coupon", held)


def _existing(shop: Shop, ask: Ask, status: int) -> Json:
    held = shop.store.record("coupon", whole_number(ask.params.get("id")) or 0)
    if held is None:
        raise ApiError("woocommerce_rest_shop_coupon_invalid_id", "Invalid ID.", status)
    return held


def list_coupons(shop: Shop, ask: Ask) -> Answer:
    """Coupons, newest first; by code when asked."""
    rows = list(reversed(shop.store.records("coupon")))
    if ask.params.get("code"):
        rows = [held for held in rows if held["code"] == ask.params["code"].lower()]
    page = Page.of(ask)
    found = [_show(shop, ask, held) for held in rows[page.offset : page.offset + page.size]]
    return answer_list(ask, len(rows), found, page)


def read_coupon(shop: Shop, ask: Ask) -> Answer:
    """One coupon."""
    return Answer(_show(shop, ask, _existing(shop, ask, 404)))


def create_coupon(shop: Shop, ask: Ask) -> Answer:
    """A new coupon; codes are kept in small letters."""
    now = shop.clock.now()
    held: Json = {
        "id": 0, "code": "", "status": "publish", "discount_type": "fixed_cart", "description": "", "expires_s": None,
        "usage_count": 0, "used_by": [], "meta": [], "created_s": now, **dict.fromkeys(_MONEY, "0"),
        **dict.fromkeys(_LIMITS, 0), **dict.fromkeys(_FLAGS, False), **{name: [] for name in _LISTS},
    }  # fmt: skip
    if coupon_by_code(shop, clean_text(str(ask.params.get("code") or "")).lower()) is None:
        held["id"] = shop.store.next_id("post")
    _write(shop, held, ask.params)
    return Answer(_show(shop, ask, held), 201, {"Location": ask.link(f"coupons/{held['id']}")})


def update_coupon(shop: Shop, ask: Ask) -> Answer:
    """Change a coupon."""
    held: Any = dict(_existing(shop, ask, 400))
    _write(shop, held, ask.params)
    return Answer(_show(shop, ask, held))


def delete_coupon(shop: Shop, ask: Ask) -> Answer:
    """Delete a coupon; only with ``force`` (the sandbox has no bin for coupons)."""
    held = _existing(shop, ask, 404)
    if not ask.params.get("force"):
        raise ApiError("woocommerce_rest_trash_not_supported", "Coupons are only deleted with force here.", 501)
    shop.store.drop_record("coupon", held["id"])
    return Answer(_show(shop, ask, held))

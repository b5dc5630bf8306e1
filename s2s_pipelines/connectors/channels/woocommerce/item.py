"""Products and variations as bodies of requests. Pure.

Values are checked here because batches do not check them: a batch takes a price that is a number, a text or negative, and a
type it does not know (WooCommerce recordings 24, 29). Prices go as text, weights in the shop's own unit, stock with the switch
that makes it count (recordings 25 to 27). Meta goes by key, null removes (49). Lists replace what was there (22, 45).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from s2s_pipelines.connectors.kit.html import clean_html, plain_line, without_control
from s2s_pipelines.model.change import FieldValue, ProductChange

Body = dict[str, Any]
CategorySource = Literal["collection", "product_type"]

GRAMS: Mapping[str, Decimal] = {
    "g": Decimal(1),
    "kg": Decimal(1000),
    "lbs": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
}
"""Grams per unit of weight that a shop can be set to (recordings 07)."""

_MOST_UNITS = 2**31 - 1
_GTIN = re.compile(r"\d{8}|\d{12,14}")
# What the shop's text filter would change: tags, percent-encoded bytes, tabs, doubled and outer blanks (recordings 52).
_CHANGED_SKU = re.compile(r"<|%[0-9a-fA-F]{2}|\s{2,}|^\s|\s$|[\x00-\x1f\x7f]|[^\S ]")


class Unsendable(ValueError):
    """A value that the shop would bend or drop without a word.

    Args:
        reason: a stable code.
        remedy: what the owner of the data does.
    """

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.remedy = remedy


def is_kept_sku(sku: str) -> bool:
    """Whether the shop stores the sku as it is sent.

    >>> is_kept_sku("A/B C, 100%"), is_kept_sku("A  B"), is_kept_sku("<b>x</b>"), is_kept_sku(" x")
    (True, False, False, False)
    """
    return bool(sku) and len(sku) <= 190 and not _CHANGED_SKU.search(sku)


def checked_sku(sku: str) -> str:
    """The sku itself.

    Raises:
        Unsendable: the shop would store another one, so that it could never be found again.
    """
    if not is_kept_sku(sku):
        raise Unsendable(
            "unusable_sku", "the shop would store this sku differently", "use a sku without markup and doubled blanks"
        )
    return sku


def parent_sku(key: str) -> str:
    """The sku of a product that has variants: its key, so that the shop itself refuses to have it twice.

    >>> parent_sku("erp:0042")
    'erp:0042'
    """
    if is_kept_sku(key) and "," not in key:
        return key
    source = re.sub(r"[^A-Za-z0-9_]", "", key.partition(":")[0])[:40]
    return f"{source}:{hashlib.sha256(key.encode()).hexdigest()[:20]}"


def product_fields(fields: Mapping[str, FieldValue], category_from: CategorySource, category_id: int | None) -> Body:
    """The product's own part of a body; images travel apart.

    ``category_from`` names the field that is shown as a category, ``category_id`` the category it means, if any; the shop
    has no place of its own for the rest, which becomes meta.
    """
    body: Body = {}
    if "title" in fields:
        body["name"] = plain_line(_text(fields["title"]))
    if "body_html" in fields:
        body["description"] = clean_html(_text(fields["body_html"]))
    if "tags" in fields:
        body["tags"] = [{"name": plain_line(tag)} for tag in _texts(fields["tags"])]
    if category_from in fields:
        body["categories"] = [] if category_id is None else [{"id": category_id}]
    others = [name for name in ("vendor", "collection", "product_type") if name in fields and name != category_from]
    metas = [name for name in fields if name.startswith("meta_")]
    if others or metas:
        body["meta_data"] = [_meta(name.removeprefix("meta_"), fields[name]) for name in (*others, *metas)]
    return body


def variant_fields(fields: Mapping[str, FieldValue], weight_unit: str, *, with_gtin: bool = True) -> Body:
    """The part of a body that a simple product and a variation share.

    Raises:
        Unsendable: a value that the shop would bend.
    """
    body = {**_prices(fields), **_stock(fields)}
    if "weight_g" in fields:
        body["weight"] = _weight(fields["weight_g"], weight_unit)
    if "barcode" in fields:
        barcode = _text(fields["barcode"]).strip()
        is_gtin = bool(_GTIN.fullmatch(barcode))
        if with_gtin:
            body["global_unique_id"] = barcode if is_gtin else ""
        body["meta_data"] = [_meta("barcode", None if is_gtin else barcode)]
    return body


def joined(first: Body, second: Body) -> Body:
    """One body out of two; their meta is put together."""
    meta = [*first.get("meta_data", ()), *second.get("meta_data", ())]
    return {**first, **second, **({"meta_data": meta} if meta else {})}


def without_empty(body: Body) -> Body:
    """A body for something new: what clears a field that never was is left out."""
    kept = {name: value for name, value in body.items() if value not in ("", [], None)}
    if "meta_data" in body:
        kept["meta_data"] = [entry for entry in body["meta_data"] if entry["value"] is not None]
    return {name: value for name, value in kept.items() if value != []}


def option_text(value: str) -> str:
    """An option as the shop keeps it in one piece: it cuts at a pipe (recordings 46).

    >>> option_text(" Enamel | glass ")
    'Enamel / glass'
    """
    return plain_line(value).replace("|", "/")


def merged_attributes(change: ProductChange, existing: Sequence[Mapping[str, Any]]) -> list[Body] | None:
    """The parent's attribute list with all option values of ours, or None when it lists them already.

    What others put there stays; a global attribute of the same name stays global. The list is the whole truth for the shop.
    """
    by_name = {str(a.get("name", "")).casefold(): a for a in existing}
    ours = [option_text(name) for name in change.option_names]
    wanted, has_news = [], False
    for name, spelt in zip(change.option_names, ours, strict=True):
        values = list(dict.fromkeys(option_text(v) for v in change.option_values.get(name, ())))
        old = by_name.get(spelt.casefold(), {})
        listed = [str(o) for o in old.get("options", ())]
        # Values that are gone from our side stay listed while a hidden variation may still use them.
        options = [*listed, *(v for v in values if v not in listed)]
        has_news |= options != listed or not old.get("variation")
        wanted.append({**_attribute_name(old, spelt), "visible": True, "variation": True, "options": options})
    others = [_kept_attribute(a) for a in existing if str(a.get("name", "")).casefold() not in map(str.casefold, ours)]
    return [*wanted, *others] if has_news else None


def variation_attributes(
    change: ProductChange, options: Sequence[str], existing: Sequence[Mapping[str, Any]]
) -> list[Body]:
    """A variation's own choice of options.

    Raises:
        Unsendable: it does not choose one value for each option.
    """
    if len(options) != len(change.option_names) or not all(o.strip() for o in options):
        raise Unsendable("missing_options", "the variant lacks a value for an option", "give it one value per option")
    by_name = {str(a.get("name", "")).casefold(): a for a in existing}
    return [
        {
            **_attribute_name(by_name.get(option_text(name).casefold(), {}), option_text(name)),
            "option": option_text(value),
        }
        for name, value in zip(change.option_names, options, strict=True)
    ]


def echo_problem(body: Body, item: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Reason, message and remedy when the shop's answer shows that it did not keep what it was sent."""
    if item.get("status") == "trash":
        return "in_bin", "the shop has this item in its bin", "restore it in the shop, or delete it there for good"
    for name in ("regular_price", "sale_price"):
        if name in body and name in item and not _is_same_amount(body[name], item[name]):
            return "not_stored", f"the shop did not keep the {name}", "see whether a plugin rules the item's prices"
    if body.get("manage_stock") is True and item.get("manage_stock", True) is not True:
        return "not_stored", "the shop does not keep stock for this item", "switch stock management on in the shop"
    return None


def _prices(fields: Mapping[str, FieldValue]) -> Body:
    """Regular and sale price. A struck-through price that is not above the price would be dropped silently, so it is not sent."""
    if "price" not in fields:
        if "compare_at_price" not in fields:
            return {}
        raise Unsendable("no_price", "a struck-through price came without the price beside it", "send both together")
    price = _amount(fields["price"])
    compare = _amount(fields.get("compare_at_price"))
    if price is None:
        raise Unsendable("no_price", "a product without a price cannot be sold", "give it a price")
    if compare is not None and compare > price:
        return {"regular_price": _spelt(compare), "sale_price": _spelt(price)}
    body = {"regular_price": _spelt(price)}
    if "compare_at_price" in fields:
        body["sale_price"] = ""
    return body


def _amount(value: FieldValue) -> Decimal | None:
    if value is None:
        return None
    if not isinstance(value, Decimal) or not value.is_finite() or value < 0 or value >= Decimal(10) ** 12:
        raise Unsendable("bad_price", "the price is no amount that a shop can ask", "correct the price")
    return value


def _spelt(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    if cents != amount:
        raise Unsendable("bad_price", "the price has parts of a cent", "round prices to cents")
    return format(cents, "f")


def _stock(fields: Mapping[str, FieldValue]) -> Body:
    quantity = fields.get("qty")
    if fields.get("inventory_management") is False:
        return {"manage_stock": False, "stock_status": "instock"}
    if quantity is None:
        return {"manage_stock": True} if fields.get("inventory_management") else {}
    if not isinstance(quantity, int) or isinstance(quantity, bool) or abs(quantity) > _MOST_UNITS:
        raise Unsendable("bad_quantity", "the quantity is not a whole number a shop can keep", "correct the quantity")
    return {"manage_stock": True, "stock_quantity": quantity}


def _weight(grams: FieldValue, unit: str) -> str:
    if grams is None:
        return ""
    if not isinstance(grams, int) or isinstance(grams, bool) or grams < 0:
        raise Unsendable("bad_weight", "the weight is not a whole number of grams", "correct the weight")
    text = format((Decimal(grams) / GRAMS[unit]).quantize(Decimal("0.0001")), "f")
    return text.rstrip("0").rstrip(".") or "0"


def _meta(key: str, value: FieldValue) -> Body:
    text = without_control(_text(value))
    return {"key": key, "value": text if text else None}


def _attribute_name(old: Mapping[str, Any], name: str) -> Body:
    return {"id": old["id"]} if old.get("id") else {"name": str(old.get("name") or name)}


def _kept_attribute(old: Mapping[str, Any]) -> Body:
    names = ("position", "visible", "variation", "options")
    return {**_attribute_name(old, ""), **{name: old[name] for name in names if name in old}}


def _is_same_amount(sent: str, kept: Any) -> bool:
    if str(sent) == "" or str(kept) == "":
        return str(sent) == str(kept)
    return Decimal(str(sent)) == Decimal(str(kept))


def _text(value: FieldValue) -> str:
    return "" if value is None else str(value)


def _texts(value: FieldValue) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()

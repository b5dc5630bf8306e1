"""The trade's flat vocabulary: every target a field map may name, and what it means.

Source: Stock2Shop's public setup pages and data-transfer classes as gathered in the domain research, sections 3.3 to
3.5, 5.1, 8 and 16. Families (``price_<tier>``, ``qty_<warehouse>``, ``meta_<key>``, ``image<n>``) are its CSV columns.
"""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

Feed = Literal["products", "stock", "prices", "customers"]
FEEDS: tuple[Feed, ...] = get_args(Feed)
MapFeed = Literal["products", "stock", "prices", "customers", "orders"]
MAP_FEEDS: tuple[MapFeed, ...] = get_args(MapFeed)


class Level(StrEnum):
    """Whom a field belongs to."""

    PRODUCT = "product"
    VARIANT = "variant"
    CUSTOMER = "customer"
    ORDER = "order"
    LINE = "line"


class ValueType(StrEnum):
    """How a field's text is read."""

    CODE = "code"  # text, outer blanks off, leading zeros kept
    TEXT = "text"
    HTML = "html"
    BOOL = "bool"
    TRISTATE = "tristate"  # active, delete, ignore
    PRICE = "price"  # Decimal, in the source's currency and tax basis
    QUANTITY = "quantity"  # whole units
    WEIGHT = "weight"  # grams
    TAGS = "tags"  # comma separated
    URL = "url"
    TIERS = "tiers"  # csv_price_tiers: "tier:price" pairs, comma separated
    EMAIL = "email"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Target:
    """One name a field map may write to.

    Attributes:
        name: the vocabulary's name, as written in a field map.
        column: the name inside our frames.
        level: whom it belongs to.
        type: how its text is read.
        feeds: the feeds whose maps may name it.
        minimum: the feeds whose maps must reach it.
    """

    name: str
    column: str
    level: Level
    type: ValueType
    feeds: tuple[MapFeed, ...]
    minimum: tuple[MapFeed, ...] = ()


_P, _V, _C, _O, _L = Level.PRODUCT, Level.VARIANT, Level.CUSTOMER, Level.ORDER, Level.LINE
_T = ValueType
_KEYED: tuple[MapFeed, ...] = ("products", "stock", "prices")
_ONLY: tuple[MapFeed, ...] = ("products",)
_ACCOUNT: tuple[MapFeed, ...] = ("customers", "orders")


def _product(name: str, type_: ValueType, *, minimum: bool = False) -> Target:
    return Target(name, name, _P, type_, _ONLY, _ONLY if minimum else ())


def _customer(name: str, type_: ValueType = _T.TEXT, *, minimum: bool = False) -> Target:
    return Target(name, name, _C, type_, ("customers",), ("customers",) if minimum else ())


def _order(name: str, level: Level, type_: ValueType = _T.TEXT, *, minimum: bool = False) -> Target:
    return Target(name, name, level, type_, ("orders",), ("orders",) if minimum else ())


_ADDRESS = ("first_name", "last_name", "company", "address1", "address2", "city", "province", "country_code", "zip")

TARGETS: dict[str, Target] = {
    t.name: t
    for t in (
        Target("source_product_code", "source_product_code", _P, _T.CODE, _KEYED, _ONLY),
        Target("source_variant_code", "source_variant_code", _V, _T.CODE, _KEYED, _ONLY),
        _product("title", _T.TEXT, minimum=True),
        _product("product_active", _T.TRISTATE, minimum=True),
        _product("body_html", _T.HTML),
        _product("collection", _T.TEXT),
        _product("product_type", _T.TEXT),
        _product("tags", _T.TAGS),
        _product("vendor", _T.TEXT),
        _product("option1_name", _T.TEXT),
        _product("option2_name", _T.TEXT),
        _product("option3_name", _T.TEXT),
        Target("variants.sku", "sku", _V, _T.CODE, _KEYED, _ONLY),
        Target("variants.barcode", "barcode", _V, _T.CODE, _ONLY),
        Target("variants.qty", "qty", _V, _T.QUANTITY, ("products", "stock"), _ONLY),
        Target("variants.retail_price", "retail_price", _V, _T.PRICE, ("products", "prices"), _ONLY),
        Target("variants.inventory_management", "inventory_management", _V, _T.BOOL, _ONLY, _ONLY),
        Target("variants.weight", "weight_g", _V, _T.WEIGHT, _ONLY),
        Target("variants.option1_value", "option1_value", _V, _T.TEXT, _ONLY),
        Target("variants.option2_value", "option2_value", _V, _T.TEXT, _ONLY),
        Target("variants.option3_value", "option3_value", _V, _T.TEXT, _ONLY),
        Target("csv_price_tiers", "csv_price_tiers", _V, _T.TIERS, ("products", "prices")),
        _customer("customer_active", _T.TRISTATE, minimum=True),
        Target("source_customer_code", "source_customer_code", _C, _T.CODE, _ACCOUNT, _ACCOUNT),
        _customer("first_name", minimum=True),
        _customer("last_name", minimum=True),
        _customer("email", _T.EMAIL, minimum=True),
        *(
            _customer(n)
            for n in ("company", "phone", "address1", "address2", "city", "province", "country_code", "zip")
        ),
        _customer("price_tier"),
        _customer("warehouse"),
        _order("external_reference", _O, _T.CODE),
        _order("date", _O, _T.DATE, minimum=True),
        _order("document_kind", _O, _T.CODE),
        _order("channel", _O, _T.CODE),
        _order("channel_order_code", _O, _T.CODE),
        _order("order_number", _O, _T.CODE),
        _order("currency", _O, _T.CODE),
        _order("net_total", _O, _T.PRICE),
        _order("tax_total", _O, _T.PRICE),
        _order("total", _O, _T.PRICE),
        _order("notes", _O),
        _order("customer.email", _O, _T.EMAIL),
        _order("customer.phone", _O),
        *(_order(f"billing.{n}", _O) for n in _ADDRESS),
        *(_order(f"shipping.{n}", _O) for n in _ADDRESS),
        _order("line_item.number", _L, _T.QUANTITY),
        _order("line_item.kind", _L, _T.CODE),
        _order("line_item.sku", _L, _T.CODE, minimum=True),
        _order("line_item.source_variant_code", _L, _T.CODE),
        _order("line_item.title", _L),
        _order("line_item.qty", _L, _T.QUANTITY, minimum=True),
        _order("line_item.price", _L, _T.PRICE, minimum=True),
        _order("line_item.price_incl", _L, _T.PRICE),
        _order("line_item.net", _L, _T.PRICE),
        _order("line_item.tax", _L, _T.PRICE),
        _order("line_item.total", _L, _T.PRICE),
        _order("line_item.tax_code", _L, _T.CODE),
    )
}


@dataclass(frozen=True, slots=True)
class Family:
    """A group of targets with a free last part, such as one price list each."""

    prefix: str
    pattern: re.Pattern[str]
    level: Level
    type: ValueType
    feeds: tuple[MapFeed, ...]
    spelling: str


FAMILIES: tuple[Family, ...] = (
    Family(
        "price_", re.compile(r"price_[a-z0-9][a-z0-9_]{0,39}"), _V, _T.PRICE, ("products", "prices"), "price_<tier>"
    ),
    Family(
        "qty_", re.compile(r"qty_[a-z0-9][a-z0-9_]{0,39}"), _V, _T.QUANTITY, ("products", "stock"), "qty_<warehouse>"
    ),
    Family("meta_", re.compile(r"meta_[A-Za-z0-9][A-Za-z0-9_.-]{0,59}"), _P, _T.TEXT, _ONLY, "meta_<key>"),
    Family("image", re.compile(r"image(?:[1-9]|1[0-9]|20)"), _P, _T.URL, _ONLY, "image1 to image20"),
)
_OWN_NAMES = {"price_tier"}


def find_target(name: str) -> Target | None:
    """The target of that name, or None when the vocabulary has none.

    >>> find_target("variants.qty").column
    'qty'
    >>> find_target("price_wholesale").type.value
    'price'
    >>> find_target("quantity") is None
    True
    """
    if name in TARGETS:
        return TARGETS[name]
    for family in FAMILIES:
        if family.pattern.fullmatch(name) and name not in _OWN_NAMES:
            return Target(name, name, family.level, family.type, family.feeds)
    return None


def near_miss(name: str, names: list[str] | None = None) -> str | None:
    """The closest name of the vocabulary (or of the names given), or None when nothing is close.

    >>> near_miss("variant.qty")
    'variants.qty'
    """
    found = difflib.get_close_matches(name, names if names is not None else list(TARGETS), n=1, cutoff=0.6)
    return found[0] if found else None


def minimum_targets(feed: MapFeed) -> tuple[str, ...]:
    """The targets that every map of this feed must reach (domain research, section 16).

    >>> minimum_targets("orders")
    ('source_customer_code', 'date', 'line_item.sku', 'line_item.qty', 'line_item.price')
    """
    return tuple(t.name for t in TARGETS.values() if feed in t.minimum)


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One row of a field map: where a target's value comes from (or, for orders, which ERP column receives it).

    Attributes:
        feed: the feed whose map this is.
        target: a name of the vocabulary.
        column: the source's column; None when the value is a constant. For orders ``header.<column>`` or
            ``line.<column>`` of the ERP's tables.
        constant: the text every row gets; None when a column feeds the target.
        transform: the name of a registered transform, or None for the target type's own reading.
        note: for people.
    """

    feed: MapFeed
    target: str
    column: str | None = None
    constant: str | None = None
    transform: str | None = None
    note: str = ""


def flag_name(target: str) -> str:
    """The name under which a target's ownership is flagged: its own, but all images share ``images``.

    >>> flag_name("image3"), flag_name("variants.qty")
    ('images', 'variants.qty')
    """
    return "images" if re.fullmatch(r"image\d+", target) else target

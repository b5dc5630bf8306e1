"""The shop as one object: its tables, clock, terms of trade and the rules that read settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path

from .clock import ShopClock
from .store import Store
from .wire import Json

VERSION = "10.0.2"
DEFAULT_CATEGORY = 15
SYMBOLS = {
    "ZAR": "&#82;", "USD": "&#36;", "EUR": "&euro;", "GBP": "&pound;", "BWP": "P", "AUD": "&#36;", "CAD": "&#36;",
    "KES": "KSh", "NGN": "&#8358;", "MZN": "MT", "ZMW": "ZK", "INR": "&#8377;", "NZD": "&#36;",
}  # fmt: skip
CURRENCY_NAMES = {
    "ZAR": "South African rand", "USD": "United States (US) dollar", "EUR": "Euro", "GBP": "Pound sterling",
    "BWP": "Botswana pula", "AUD": "Australian dollar", "CAD": "Canadian dollar", "KES": "Kenyan shilling",
    "NGN": "Nigerian naira", "MZN": "Mozambican metical", "ZMW": "Zambian kwacha", "INR": "Indian rupee",
    "NZD": "New Zealand dollar",
}  # fmt: skip


@dataclass(frozen=True)
class ApiKey:
    """One pair of REST keys.

    Attributes:
        permissions: ``read``, ``write`` or ``read_write``.
    """

    consumer_key: str
    consumer_secret: str
    permissions: str = "read_write"


@dataclass
class Shop:
    """Everything a request needs.

    Attributes:
        image_hosts: hosts whose image addresses are taken as existing; nothing is ever fetched from the network.
        related: related products by id, fixed the first time they are asked for (a cache of the real shop).
        notify: called with topic and resource id after a change that webhooks may announce.
    """

    store: Store
    clock: ShopClock
    keys: list[ApiKey]
    name: str
    image_hosts: frozenset[str]
    notify: Callable[[str, int], None] = field(default=lambda topic, number: None)
    related: dict[int, list[int]] = field(default_factory=dict)

    def setting(self, name: str) -> str:
        """Value of a setting, without its ``woocommerce_`` prefix."""
        return self.store.settings.get(f"woocommerce_{name}", "")

    @property
    def is_tax_inclusive(self) -> bool:
        """Whether prices are typed with tax."""
        return self.setting("prices_include_tax") == "yes"

    @property
    def currency(self) -> str:
        """ISO code of the shop's money."""
        return self.setting("currency")

    @property
    def decimals(self) -> int:
        """Decimals of shown money."""
        return int(self.setting("price_num_decimals") or 0)

    @property
    def base_country(self) -> str:
        """Country of the shop's own address."""
        return self.setting("default_country").partition(":")[0]

    def tax_rates(self, tax_class: str, country: str) -> list[Json]:
        """Rates that apply to a class and country, in their order."""
        wanted = tax_class or "standard"
        rates = [rate for rate in self.store.records("tax") if rate["class"] == wanted]
        rates = [rate for rate in rates if rate["country"] in ("", country)]
        return sorted(rates, key=lambda rate: (rate["priority"], rate["order"], rate["id"]))

    def tax_classes(self) -> list[Json]:
        """The classes of goods, standard first."""
        return [{"slug": "standard", "name": "Standard rate"}, *self.store.records("tax_class")]

    def round_money(self, amount: Decimal) -> Decimal:
        """Money as shown, halves away from zero."""
        return amount.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)

    def round_tax(self, amount: Decimal, is_inclusive: bool) -> Decimal:
        """Tax as shown: halves toward zero where prices are typed with tax (WooCommerce recordings 63)."""
        mode = ROUND_HALF_DOWN if is_inclusive else ROUND_HALF_UP
        return amount.quantize(Decimal(1).scaleb(-self.decimals), mode)

    def net_price(self, price: Decimal, tax_class: str, is_taxable: bool) -> Decimal:
        """A typed price without tax; taken off at the shop's own rate whoever buys (WooCommerce recordings 66)."""
        if not (is_taxable and self.is_tax_inclusive):
            return price
        return price - sum(inclusive_taxes(price, self.tax_rates(tax_class, self.base_country)).values())

    def price_html(self, amount: Decimal, is_hidden: bool = False) -> str:
        """Money as the shop front prints it."""
        shown = f"{abs(self.round_money(amount)):,.{self.decimals}f}"
        sign = "-" if amount < 0 else ""
        symbol = f'<span class="woocommerce-Price-currencySymbol">{self.symbol(self.currency)}</span>'
        hidden = ' aria-hidden="true"' if is_hidden else ""
        return f'<span class="woocommerce-Price-amount amount"{hidden}><bdi>{sign}{symbol}{shown}</bdi></span>'

    def price_text(self, amount: Decimal) -> str:
        """Money for screen readers."""
        return f"{self.symbol(self.currency)}{self.round_money(amount):,.{self.decimals}f}"

    @staticmethod
    def symbol(currency: str) -> str:
        """HTML of a currency's sign; the code itself for currencies the sandbox has no sign for."""
        return SYMBOLS.get(currency, currency)


def inclusive_taxes(amount: Decimal, rates: list[Json]) -> dict[int, Decimal]:
    """Tax held in a gross amount per rate id, six decimals, as the core keeps it (WooCommerce recordings 57, 67)."""
    whole = sum((Decimal(rate["rate"]) for rate in rates), Decimal(0))
    if not whole:
        return {rate["id"]: Decimal(0) for rate in rates}
    net = amount / (1 + whole / 100)
    return {rate["id"]: round6(net * Decimal(rate["rate"]) / 100) for rate in rates}


def exclusive_taxes(amount: Decimal, rates: list[Json]) -> dict[int, Decimal]:
    """Tax on a net amount per rate id, six decimals."""
    return {rate["id"]: round6(amount * Decimal(rate["rate"]) / 100) for rate in rates}


def round6(amount: Decimal) -> Decimal:
    """Six decimals, halves away from zero."""
    return amount.quantize(Decimal("0.000001"), ROUND_HALF_UP)


def floor_cent(amount: Decimal) -> Decimal:
    """Whole cents, the rest dropped."""
    return amount.quantize(Decimal(1), ROUND_DOWN)


_FIRST_SETTINGS = {
    "calc_taxes": "yes", "default_country": "ZA:WC", "price_num_decimals": "2", "manage_stock": "yes", "weight_unit": "lbs",
    "dimension_unit": "in", "hold_stock_minutes": "60",
}  # fmt: skip


def open_shop(
    path: Path,
    keys: list[ApiKey],
    *,
    currency: str,
    prices_include_tax: bool,
    timezone: str,
    name: str,
    tax_rate: str,
    image_hosts: frozenset[str],
) -> Shop:
    """Open the shop file, furnishing a new one: settings, one VAT rate, the default category, an administrator.

    Terms of trade are those of the call for a new file; an existing one keeps its own.
    """
    store = Store(path)
    shop = Shop(store, ShopClock(timezone), keys, name, image_hosts)
    if store.settings.get("woocommerce_currency"):
        return shop
    with store.writing():
        first = {**_FIRST_SETTINGS, "currency": currency, "prices_include_tax": "yes" if prices_include_tax else "no"}
        for key, value in first.items():
            store.set_setting(f"woocommerce_{key}", value)
        category = {"id": DEFAULT_CATEGORY, "taxonomy": "category", "name": "Uncategorized", "slug": "uncategorized"}
        store.save_record("term", {**category, "parent": 0, "description": "", "display": "default", "menu_order": 0})
        for number, label in ((1, "Reduced rate"), (2, "Zero rate")):
            slug = label.lower().replace(" ", "-")
            store.save_record("tax_class", {"id": number, "slug": slug, "name": label})
        _furnish(shop, tax_rate)
    return shop


def _furnish(shop: Shop, tax_rate: str) -> None:
    store = shop.store
    rate = {"country": shop.base_country, "state": "", "postcode": "", "city": "", "rate": f"{Decimal(tax_rate):.4f}"}
    more = {"name": "VAT", "priority": 1, "compound": False, "shipping": True, "order": 0, "class": "standard"}
    store.save_record("tax", {"id": store.next_id("tax"), **rate, **more, "postcodes": [], "cities": []})
    now = shop.clock.now()
    person = {
        "email": "owner@shop.example",
        "first_name": "",
        "last_name": "",
        "role": "administrator",
        "username": "admin",
    }
    empty = {"billing": {}, "shipping": {}, "meta": [], "created_s": now, "modified_s": now}
    store.save_record("customer", {"id": store.next_id("customer"), **person, **empty})
    for name, value in (("post", 9), ("term", DEFAULT_CATEGORY), ("note", 1)):
        store.run("INSERT OR IGNORE INTO sequences VALUES (?, ?)", (name, value))

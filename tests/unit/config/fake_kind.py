"""Connector kinds that only declarations ever see: they can be declared and built, and talk to nothing."""

from typing import Annotated, Literal

from pydantic import Field

from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.errors import AccessError
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import Feed, FieldRow
from s2s_pipelines.ports import BuildContext, Connector, Manifest, Verified

_VERIFIED = (Verified("documentation", "1", "2026-01-01"),)


class Extraction(Declared):
    table: str | None = None
    """Table or view to read."""
    query: str | None = None
    """File in the client's queries."""
    columns: tuple[str, ...] = ()
    """Columns to read; all when left out."""


class ErpSettings(Declared):
    kind: Literal["fake_erp"]
    url: SecretRef
    """The database's address with its reading login."""
    feeds: Annotated[dict[Feed, Extraction], Field(min_length=1)]
    """Where each feed comes from."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 30
    """Seconds to wait for an answer."""


class LedgerSettings(Declared):
    kind: Literal["fake_ledger"]
    url: SecretRef
    """The database's address."""
    feeds: dict[Feed, Extraction] = {}
    """Where each feed comes from."""
    orders: Extraction | None = None
    """Where documents are written; without it none are."""


class PresetSettings(Declared):
    kind: Literal["fake_preset"]
    password: SecretRef
    """The account's password."""
    company: str
    """The company's database."""


class SheetSettings(Declared):
    kind: Literal["fake_sheet"]
    location: str
    """Address of the file."""
    delimiter: Literal[",", ";"] = ","
    """The character between cells."""


class ShopSettings(Declared):
    kind: Literal["fake_shop"]
    url: str
    """The shop's address."""
    consumer_secret: SecretRef
    """The shop's secret."""


class BoardSettings(Declared):
    kind: Literal["fake_board"]
    location: str
    """Where the board stands."""


class Port:
    """Answers ``check`` as its settings say; everything else is out of scope here."""

    def __init__(self, settings: Declared, context: BuildContext) -> None:
        self._settings, self._context = settings, context

    def check(self) -> None:
        secret = next((s for s in dict(self._settings).values() if isinstance(s, SecretRef)), None)
        if secret is not None and "wrong" in secret.reveal():
            raise AccessError(f"login with {secret.reveal()} was refused", next_step="renew the password")


def _kind(settings: type[Declared], role, capabilities, **more) -> Connector:
    kind = settings.model_fields["kind"].annotation.__args__[0]
    fields = more.pop("fields", {})
    label = kind.replace("_", " ").title()
    manifest = Manifest(kind, role, label, frozenset(capabilities), _VERIFIED, **more)
    return Connector(manifest, settings, lambda s, c: Port(s, c), fields)


def _rows(feed, pairs: dict[str, str]) -> tuple[FieldRow, ...]:
    return tuple(FieldRow(feed, target, column) for target, column in pairs.items())


_PRESET = {
    "products": (
        *_rows(
            "products",
            {
                "source_product_code": "StockLink",
                "source_variant_code": "Code",
                "title": "Description_1",
                "product_active": "ItemActive",
                "variants.retail_price": "fExclPrice",
                "variants.qty": "QtyOnHand",
                "variants.sku": "Code",
            },
        ),
        FieldRow("products", "variants.inventory_management", constant="true"),
    ),
    "orders": _rows(
        "orders",
        {
            "external_reference": "header.ExtOrderNum",
            "source_customer_code": "header.AccountID",
            "date": "header.OrderDate",
            "line_item.sku": "line.ItemCode",
            "line_item.qty": "line.Qty",
            "line_item.price": "line.UnitPrice",
        },
    ),
}
_WITH_ORDERS = {"document_kinds": ("quotation", "sales_order"), "reference_length": 40}

KINDS: dict[str, Connector] = {
    "fake_board": _kind(BoardSettings, "channel", ["products"]),
    "fake_erp": _kind(
        ErpSettings, "source", ["products", "stock", "prices", "customers", "orders", "incremental"], **_WITH_ORDERS
    ),
    "fake_ledger": _kind(LedgerSettings, "source", ["products", "stock", "orders"], **_WITH_ORDERS),
    "fake_preset": _kind(PresetSettings, "source", ["products", "orders"], fields=_PRESET, **_WITH_ORDERS),
    "fake_sheet": _kind(SheetSettings, "source", ["products", "stock", "prices"]),
    "fake_shop": _kind(ShopSettings, "channel", ["products", "orders"]),
}

"""Orders as a channel told them, and the documents they become. Amounts are Decimal in the order's currency."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

DocumentKind = Literal["quotation", "sales_order", "invoice"]
LineKind = Literal["item", "shipping", "fee"]


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address in the vocabulary of domain research section 3.4. Personal: never logged."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    province: str = ""
    country_code: str = ""
    zip: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class ChannelOrderLine:
    """One line as the channel charged it, after its discounts.

    Attributes:
        line_code: the channel's id of the line, unique within the order.
        sku: the sku at the time of sale; empty when the channel sent none.
        qty: whole units.
        net: line total without tax, as the channel rounded it.
        tax: tax on the line, as the channel rounded it.
        tax_rate: percent; None when the channel does not say.
    """

    line_code: str
    kind: LineKind
    sku: str
    title: str
    qty: int
    net: Decimal
    tax: Decimal
    tax_rate: Decimal | None = None
    channel_product_code: str = ""
    channel_variant_code: str = ""


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """A channel's order, translated into our words; nothing decided yet.

    Attributes:
        channel_order_code: the channel's stable id; the order's identity together with client and channel.
        number: the human number, which may differ from the id.
        status: the channel's own word.
        is_reserving: whether the channel counts these goods as taken although nobody may raise them yet.
        is_cancelled: whether the channel says the goods will not be delivered.
        lines: items, shipping and fees, in the channel's order.
        total: what the buyer pays; the only figure of the order that is trusted as it stands.
        total_refunded: what was paid back so far, as a positive amount.
        customer_code: the buyer's ERP account when the channel carries one in an agreed field.
    """

    channel_order_code: str
    number: str
    status: str
    currency: str
    ordered_at: datetime
    modified_at: datetime
    is_reserving: bool
    is_cancelled: bool
    prices_include_tax: bool
    lines: tuple[ChannelOrderLine, ...]
    total: Decimal
    tax_total: Decimal
    total_refunded: Decimal = Decimal(0)
    customer_code: str = ""
    email: str = ""
    phone: str = ""
    billing: Address = field(default_factory=Address)
    shipping: Address = field(default_factory=Address)
    payment_method: str = ""
    notes: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)

    def content_hash(self) -> str:
        """A hash of what a person would call the order: our own notes and modified stamps do not move it."""
        values = asdict(self)
        del values["modified_at"], values["meta"]
        return hashlib.sha256(json.dumps(values, default=str, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line of a document; ``net + tax`` is what the buyer pays for it.

    Attributes:
        number: 1 and up, in document order.
        sku: the item code; for shipping and fees the source's declared service item.
        source_variant_code: the ERP's own key of the item, empty for service items.
        tax_rate: percent.
        tax_code: the target's own code for that rate; empty where the source declares none.
        price_excl: unit price without tax as it is written to the target; None when nobody worked it out.
        price_incl: unit price with tax, likewise. Of the two, the one in the target's own basis gives ``net`` and ``tax``
            again when the target computes with it; the other is the same price for targets that show both.
    """

    number: int
    kind: LineKind
    sku: str
    source_variant_code: str
    title: str
    qty: int
    net: Decimal
    tax: Decimal
    tax_rate: Decimal
    tax_code: str = ""
    price_excl: Decimal | None = None
    price_incl: Decimal | None = None

    @property
    def total(self) -> Decimal:
        """Net and tax."""
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class Document:
    """What is raised in one source for one order: complete, decided, and the same on every attempt.

    Attributes:
        reference: the unique external reference; looked up before anything is written.
        date_on: the document's date in the client's time zone.
    """

    reference: str
    kind: DocumentKind
    client: str
    channel: str
    channel_order_code: str
    order_number: str
    source: str
    source_customer_code: str
    date_on: date
    currency: str
    lines: tuple[DocumentLine, ...]
    email: str = ""
    phone: str = ""
    billing: Address = field(default_factory=Address)
    shipping: Address = field(default_factory=Address)
    notes: str = ""

    @property
    def net_total(self) -> Decimal:
        """Sum of the lines' net amounts."""
        return sum((line.net for line in self.lines), Decimal(0))

    @property
    def tax_total(self) -> Decimal:
        """Sum of the lines' taxes."""
        return sum((line.tax for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        """Net and tax of all lines."""
        return self.net_total + self.tax_total


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a document stands in a source.

    Attributes:
        reference: our external reference, as found on the document.
        source_order_code: the ERP's own number.
        total: the document's total including tax as the ERP holds it; None when it does not tell.
        raised_at: when the ERP says it was written (aware), or when we learnt of it.
        was_found: True when the document had been there before this call.
    """

    reference: str
    source_order_code: str
    total: Decimal | None
    raised_at: datetime
    was_found: bool = False

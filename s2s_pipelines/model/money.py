"""Money: decimals with a currency, a tax basis and a named rounding. No float ever touches a price."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

TaxBasis = Literal["incl", "excl"]
"""Whether an amount includes the sales tax."""

CENT = Decimal("0.01")
PRICE_STEP = Decimal("0.0001")
"""Prices are kept at four decimals inside the catalogue, so that a change of tax basis and back keeps the cent."""


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """What a price means: currency (ISO 4217), tax basis, and the tax rate in percent."""

    currency: str
    basis: TaxBasis
    tax_rate: Decimal


def to_cents(amount: Decimal) -> Decimal:
    """Round half up to two decimals, away from zero on a tie.

    >>> to_cents(Decimal("1.005")), to_cents(Decimal("-1.005"))
    (Decimal('1.01'), Decimal('-1.01'))
    """
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def to_basis(amount: Decimal, *, have: TaxBasis, want: TaxBasis, tax_rate: Decimal) -> Decimal:
    """Convert between tax inclusive and exclusive, rounded half up to four decimals.

    >>> to_basis(Decimal("100"), have="excl", want="incl", tax_rate=Decimal("15"))
    Decimal('115.0000')
    >>> to_basis(Decimal("200"), have="incl", want="excl", tax_rate=Decimal("15"))
    Decimal('173.9130')
    """
    factor = 1 + tax_rate / 100
    if have == want:
        result = amount
    elif want == "incl":
        result = amount * factor
    else:
        result = amount / factor
    return result.quantize(PRICE_STEP, rounding=ROUND_HALF_UP)


def largest_remainder(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Divide an amount in whole cents by weights so that the parts add up exactly.

    Equal weights are used when all weights are zero. Cents that are left go to the parts with the largest
    remainders, the earlier part first.

    >>> largest_remainder(Decimal("10.00"), [Decimal(1), Decimal(1), Decimal(1)])
    [Decimal('3.34'), Decimal('3.33'), Decimal('3.33')]
    """
    if not weights:
        return []
    if any(w < 0 for w in weights):
        raise ValueError("weights must not be negative")
    share = sum(weights, Decimal(0))
    used = list(weights) if share else [Decimal(1)] * len(weights)
    share = share or Decimal(len(weights))
    cents = int((total / CENT).to_integral_value(rounding=ROUND_HALF_UP))
    sign, cents = (-1 if cents < 0 else 1), abs(cents)
    exact = [Decimal(cents) * w / share for w in used]
    floors = [int(e) for e in exact]
    order = sorted(range(len(used)), key=lambda i: (floors[i] - exact[i], i))
    for i in order[: cents - sum(floors)]:
        floors[i] += 1
    return [sign * f * CENT for f in floors]

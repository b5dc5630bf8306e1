"""How a target computes a line from unit price, quantity and tax code: done here first, so that nothing surprises later. Pure.

Sources receive unit prices without or with tax and add the tax by code themselves (domain research, section 10.8). What
they will come to is therefore computed with their own basis, decimals and rounding before a document is sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from s2s_pipelines.model.money import CENT, to_cents
from s2s_pipelines.orders.policy import SourceOrders

_STEPS = (0, 1, -1, 2, -2)


@dataclass(frozen=True, slots=True)
class Priced:
    """A unit price in the target's basis and what the target makes of it."""

    unit: Decimal
    net: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        """Net and tax."""
        return self.net + self.tax


def compute(unit: Decimal, qty: int, tax_rate: Decimal, policy: SourceOrders) -> Priced:
    """A line as the target computes it.

    >>> compute(Decimal("208.6957"), 1, Decimal(15), SourceOrders(basis="excl"))
    Priced(unit=Decimal('208.6957'), net=Decimal('208.70'), tax=Decimal('31.30'))
    >>> compute(Decimal("208.70"), 1, Decimal(15), SourceOrders(basis="excl", tax_on="rounded")).total
    Decimal('240.01')
    >>> compute(Decimal("33.3333"), 3, Decimal(15), SourceOrders(basis="incl"))
    Priced(unit=Decimal('33.3333'), net=Decimal('86.96'), tax=Decimal('13.04'))
    """
    exact = unit * qty
    if policy.basis == "incl":
        gross = to_cents(exact)
        tax = to_cents(gross * tax_rate / (100 + tax_rate))
        return Priced(unit, gross - tax, tax)
    net = to_cents(exact)
    taxed = net if policy.tax_on == "rounded" else exact
    return Priced(unit, net, to_cents(taxed * tax_rate / 100))


def price_line(
    *, net: Decimal, total: Decimal, qty: int, tax_rate: Decimal, policy: SourceOrders, prefers_net: bool
) -> Priced:
    """The unit price with which the target comes closest to the total the shop charged, then to its net.

    Args:
        net: the shop's line net.
        total: the shop's line total with tax.
        qty: units on the line.
        tax_rate: percent.
        policy: how the target computes.
        prefers_net: try the price that follows from the net before the one that follows from the total; the shop typed
            its prices without tax.
    """
    units = _candidates(net, total, qty, tax_rate, policy, prefers_net)
    computed = [compute(unit, qty, tax_rate, policy) for unit in units]
    return min(computed, key=lambda p: (abs(p.total - total), abs(p.net - net)))


def price_moved(priced: Priced, delta: Decimal, *, qty: int, tax_rate: Decimal, policy: SourceOrders) -> Priced | None:
    """The same line made dearer or cheaper by exactly ``delta``, or None when the target cannot reach that."""
    total = priced.total + delta
    if (total < 0) != (priced.total < 0):
        return None  # no line changes its sign, and none becomes free, for the sake of a cent
    net = priced.net + delta
    moved = price_line(net=net, total=total, qty=qty, tax_rate=tax_rate, policy=policy, prefers_net=False)
    return moved if moved.total == total else None


def other_basis(priced: Priced, qty: int, policy: SourceOrders) -> Decimal:
    """The unit price in the basis that is not the target's, at the same decimals; for show only."""
    amount = priced.net if policy.basis == "incl" else priced.total
    return _rounded(amount / qty, policy)


def _candidates(
    net: Decimal, total: Decimal, qty: int, tax_rate: Decimal, policy: SourceOrders, prefers_net: bool
) -> Iterator[Decimal]:
    from_total = total / qty if policy.basis == "incl" else total / (1 + tax_rate / 100) / qty
    bases = [from_total]
    if policy.basis == "excl":
        bases.insert(0 if prefers_net else 1, net / qty)
    step = Decimal(1).scaleb(-policy.price_decimals)
    for base in bases:
        for count in _STEPS:
            yield _rounded(base, policy) + count * step


def _rounded(amount: Decimal, policy: SourceOrders) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-policy.price_decimals), rounding=ROUND_HALF_UP)


def is_taxed(net: Decimal, tax_rate: Decimal) -> bool:
    """Whether the rate makes at least half a cent of tax on that amount."""
    return abs(net) * tax_rate / 100 >= CENT / 2

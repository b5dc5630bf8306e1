"""Which tax rate and which of the target's tax codes a line has. Pure.

What was charged decides: a line that a foreign buyer paid no tax on has the rate 0, whatever the shop's table says
(WooCommerce recordings 65 and 66).
"""

from decimal import Decimal

from s2s_pipelines.model.money import CENT
from s2s_pipelines.model.order import ChannelOrder, ChannelOrderLine
from s2s_pipelines.model.record import Hold
from s2s_pipelines.orders.arithmetic import is_taxed
from s2s_pipelines.orders.hold import hold
from s2s_pipelines.orders.policy import SourceOrders

_ZERO = Decimal(0)


def tax_rate_of(line: ChannelOrderLine, order: ChannelOrder, policy: SourceOrders) -> Decimal | Hold:
    """The line's rate in percent: as the channel says, else the known rate that explains its tax."""
    if line.tax_rate is not None:
        is_exempt = not line.tax and is_taxed(line.net, line.tax_rate)
        return _ZERO if is_exempt else line.tax_rate
    if not line.tax:
        return _ZERO if line.net else _main_rate(order)
    known = {other.tax_rate for other in order.lines if other.tax_rate is not None} | set(rates(policy))
    fitting = [rate for rate in known if abs(line.net * rate / 100 - line.tax) <= CENT]
    if not fitting:
        return hold("unknown_tax_rate", f"tax of {line.tax} on {line.net} on line {line.line_code} fits no known rate")
    return min(fitting, key=lambda rate: (abs(line.net * rate / 100 - line.tax), rate))


def tax_code_of(rate: Decimal, line: ChannelOrderLine, policy: SourceOrders) -> str | Hold:
    """The target's code for a rate; empty where the source declares no codes at all."""
    if not policy.tax_codes:
        return ""
    code = rates(policy).get(rate)
    if code is None:
        return hold("no_tax_code", f"no tax code is declared for {rate.normalize():f} % of line {line.line_code}")
    return code


def rates(policy: SourceOrders) -> dict[Decimal, str]:
    """The declared rates and their codes; equal rates are equal however they are spelled.

    >>> rates(SourceOrders(tax_codes={"15.0": "01"}))[Decimal(15)]
    '01'
    """
    return {Decimal(rate): code for rate, code in policy.tax_codes.items()}


def _main_rate(order: ChannelOrder) -> Decimal:
    """The rate of the largest line that has one, for lines that are free."""
    rated = [line for line in order.lines if line.tax_rate is not None]
    largest = max(rated, key=lambda line: abs(line.net), default=None)
    return largest.tax_rate or _ZERO if largest else _ZERO

"""Which source gets which line of an order, and under which customer account. Pure.

An order is raised in the sources that own its goods, one document per source (domain research, section 10.5). What
cannot be routed without a guess is held.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from s2s_pipelines.model.order import ChannelOrder, ChannelOrderLine, DocumentKind
from s2s_pipelines.model.record import Hold
from s2s_pipelines.orders.hold import hold, shown
from s2s_pipelines.orders.policy import ChannelOrders, SourceOrders
from s2s_pipelines.ports import SkuOwner


@dataclass(frozen=True, slots=True)
class OrderTarget:
    """What routing and tie-out must know of a source.

    Attributes:
        takes_orders: whether its connector can take documents at all.
        document_kinds: what its connector can make.
        reference_length: characters of the field that holds our reference.
    """

    source: str
    policy: SourceOrders
    takes_orders: bool
    document_kinds: tuple[DocumentKind, ...]
    reference_length: int

    @property
    def is_raised_here(self) -> bool:
        """False when the client declared that lines of this source need no document."""
        return self.policy.raised_here == "yes"


@dataclass(frozen=True, slots=True)
class RoutedLine:
    """A line with goods and its owner."""

    line: ChannelOrderLine
    source: str
    sku: str
    source_variant_code: str


@dataclass(frozen=True, slots=True)
class Route:
    """Where an order goes.

    Attributes:
        lines: lines with goods that get a document, in the channel's order.
        elsewhere: lines with goods whose source needs no document.
        customers: source -> account, one entry per document, in the order in which the sources first appear.
    """

    lines: tuple[RoutedLine, ...]
    elsewhere: tuple[RoutedLine, ...]
    customers: Mapping[str, str]


def goods(order: ChannelOrder) -> list[ChannelOrderLine]:
    """The lines that stand for goods."""
    return [line for line in order.lines if line.kind == "item"]


def route(
    order: ChannelOrder,
    *,
    channel: ChannelOrders,
    targets: Mapping[str, OrderTarget],
    owners: Mapping[str, SkuOwner],
    customer_codes: Mapping[str, Mapping[str, str]],
) -> Route | Hold:
    """Give every line with goods to the source that owns it, and find each source's customer.

    Args:
        order: one that is due.
        channel: the policy of the channel it came from.
        targets: the client's primary sources by key.
        owners: by sku, from the last good catalogue; unknown ones are absent.
        customer_codes: source -> lower-case e-mail address -> source customer code.

    Returns:
        The route, or why a person must look first.
    """
    problem = _unowned(order, owners)
    if problem:
        return problem
    routed = [_routed(line, owners[line.sku]) for line in goods(order)]
    here = tuple(r for r in routed if _is_here(r.source, targets))
    elsewhere = tuple(r for r in routed if not _is_here(r.source, targets))
    problem = _untaken(here, targets)
    if problem:
        return problem
    customers: dict[str, str] = {}
    for source in dict.fromkeys(r.source for r in here):
        code = customer_of(order, source, channel=channel, customer_codes=customer_codes)
        if code is None:
            return hold("no_customer", f"no account in {source} for this buyer, and no default account is declared")
        customers[source] = code
    return Route(here, elsewhere, customers)


def customer_of(
    order: ChannelOrder,
    source: str,
    *,
    channel: ChannelOrders,
    customer_codes: Mapping[str, Mapping[str, str]],
) -> str | None:
    """The account of an order's buyer in one source: given, else by e-mail address, else the default, else None.

    The order of these steps is domain research, section 10.7.
    """
    if order.customer_code:
        return order.customer_code
    by_email = customer_codes.get(source, {}).get(order.email.strip().lower()) if order.email.strip() else None
    return by_email or channel.default_customers.get(source) or None


def _routed(line: ChannelOrderLine, owner: SkuOwner) -> RoutedLine:
    return RoutedLine(line, owner.source, owner.sku, owner.source_variant_code)


def _is_here(source: str, targets: Mapping[str, OrderTarget]) -> bool:
    target = targets.get(source)
    return target is None or target.is_raised_here


def _unowned(order: ChannelOrder, owners: Mapping[str, SkuOwner]) -> Hold | None:
    lines = goods(order)
    checks: Sequence[tuple[str, str, Callable[[ChannelOrderLine], bool]]] = (
        ("line_without_sku", "no sku on line {}", lambda line: not line.sku.strip()),
        ("unknown_sku", "no primary source knows {}", lambda line: line.sku not in owners),
        ("conflict_sku", "more than one primary source claims {}", lambda line: owners[line.sku].is_conflict),
    )
    for reason, text, is_bad in checks:
        bad = [line.line_code if reason == "line_without_sku" else line.sku for line in lines if is_bad(line)]
        if bad:
            return hold(reason, text.format(shown(bad)))
    return None


def _untaken(lines: Sequence[RoutedLine], targets: Mapping[str, OrderTarget]) -> Hold | None:
    for source in dict.fromkeys(r.source for r in lines):
        target = targets.get(source)
        if target is None or not target.takes_orders:
            skus = shown([r.sku for r in lines if r.source == source])
            return hold("source_takes_no_orders", f"{source} owns {skus} and takes no orders")
        if target.policy.document not in target.document_kinds:
            return hold("document_kind_not_offered", f"{source} offers no document of kind {target.policy.document}")
        if target.reference_length < 12:
            return hold("reference_too_short", f"{source} holds {target.reference_length} characters of a reference")
    return None

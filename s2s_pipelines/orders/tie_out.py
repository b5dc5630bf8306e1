"""Makes an order's documents and ties them to the shop's total, to the cent. Pure.

Only the order's total is trusted as it stands: line amounts are rounded one by one and may miss it by a cent (WooCommerce
recordings 57 and 68). Each line is priced so that its target will compute what the shop charged; the cent that is left goes
onto the largest line whose target can take it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from decimal import Decimal
from itertools import combinations

from s2s_pipelines.model.identifier import external_reference
from s2s_pipelines.model.money import CENT
from s2s_pipelines.model.order import ChannelOrder, ChannelOrderLine, Document, DocumentLine
from s2s_pipelines.model.record import Hold
from s2s_pipelines.orders.arithmetic import Priced, other_basis, price_line, price_moved
from s2s_pipelines.orders.hold import hold, totals_do_not_tie
from s2s_pipelines.orders.intake import ordered_on
from s2s_pipelines.orders.policy import TIE_OUT_TOLERANCE
from s2s_pipelines.orders.routing import OrderTarget, Route
from s2s_pipelines.orders.tax import tax_code_of, tax_rate_of

_PAIRED_LINES = 20
_PAIRED_CENTS = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """What documents need beside the order itself."""

    client: str
    channel: str
    timezone: tzinfo


@dataclass(frozen=True, slots=True)
class _Draft:
    """A line on its way into a document."""

    source: str
    origin: ChannelOrderLine
    sku: str
    source_variant_code: str
    qty: int
    tax_rate: Decimal
    tax_code: str
    priced: Priced


def build(
    order: ChannelOrder, route: Route, *, targets: Mapping[str, OrderTarget], frame: Frame
) -> tuple[Document, ...] | Hold:
    """The documents of a routed order, one per source, together exactly the shop's total.

    Lines of sources without documents are left out, with their share of the total. Shipping and fees go into the document
    with the largest net, against the source's declared service items; those that cost nothing are left out.

    Returns:
        The documents in the route's order (none when every line is raised elsewhere), or why a person must look first.
    """
    if not route.lines:
        return ()
    drafts: list[_Draft] = []
    for routed in route.lines:
        draft = _draft(order, routed.line, targets[routed.source], routed.sku, routed.source_variant_code)
        if isinstance(draft, Hold):
            return draft
        drafts.append(draft)
    services = _services(order, targets[_largest(drafts)])
    if isinstance(services, Hold):
        return services
    expected = order.total - sum((r.line.net + r.line.tax for r in route.elsewhere), Decimal(0))
    tied = _tie([*drafts, *services], expected, targets)
    if tied is None:
        reached = sum((draft.priced.total for draft in [*drafts, *services]), Decimal(0))
        return totals_do_not_tie(expected=expected, reached=reached, currency=order.currency)
    documents = tuple(_document(order, source, route, tied, targets, frame) for source in route.customers)
    below = next((document for document in documents if document.total < 0), None)
    if below is not None:
        return hold("negative_total", f"the document for {below.source} would come to {below.total} {order.currency}")
    return documents


def _draft(
    order: ChannelOrder, line: ChannelOrderLine, target: OrderTarget, sku: str, source_variant_code: str
) -> _Draft | Hold:
    rate = tax_rate_of(line, order, target.policy)
    if isinstance(rate, Hold):
        return rate
    code = tax_code_of(rate, line, target.policy)
    if isinstance(code, Hold):
        return code
    qty = line.qty if line.kind == "item" else 1
    priced = price_line(
        net=line.net,
        total=line.net + line.tax,
        qty=qty,
        tax_rate=rate,
        policy=target.policy,
        prefers_net=not order.prices_include_tax,
    )
    return _Draft(target.source, line, sku, source_variant_code, qty, rate, code, priced)


def _services(order: ChannelOrder, target: OrderTarget) -> list[_Draft] | Hold:
    """Shipping and fee lines, drafted for one source."""
    drafts = []
    for line in order.lines:
        if line.kind == "item" or not (line.net or line.tax):
            continue
        is_shipping = line.kind == "shipping"
        item = target.policy.shipping_item if is_shipping else target.policy.fee_item
        if not item:
            reason = "no_shipping_item" if is_shipping else "no_fee_item"
            return hold(
                reason, f"{target.source} declares no item for {line.kind} of {line.net + line.tax} {order.currency}"
            )
        draft = _draft(order, line, target, item, "")
        if isinstance(draft, Hold):
            return draft
        drafts.append(draft)
    return drafts


def _largest(drafts: Sequence[_Draft]) -> str:
    """The source with the largest net; of equal ones the first."""
    nets: dict[str, Decimal] = {}
    for draft in drafts:
        nets[draft.source] = nets.get(draft.source, Decimal(0)) + draft.priced.net
    return max(nets, key=lambda source: nets[source])


def _tie(drafts: list[_Draft], expected: Decimal, targets: Mapping[str, OrderTarget]) -> list[_Draft] | None:
    """The same lines with the odd cents placed, or None when they cannot be made to meet the total.

    Shop and target each round a line by at most a cent between them; a larger gap is no rounding and is not hidden.
    """
    left = expected - sum((draft.priced.total for draft in drafts), Decimal(0))
    if abs(left) <= TIE_OUT_TOLERANCE:
        return drafts
    if abs(left) > CENT * len(drafts):
        return None
    payable = [i for i, draft in enumerate(drafts) if draft.priced.total]
    by_size = sorted(payable, key=lambda i: (-abs(drafts[i].priced.total), i))
    for index in by_size:
        moved = _moved(drafts[index], left, targets)
        if moved:
            return _with(drafts, {index: moved})
    return _tie_in_pairs(drafts, by_size[:_PAIRED_LINES], left, targets)


def _tie_in_pairs(
    drafts: list[_Draft], indexes: Sequence[int], left: Decimal, targets: Mapping[str, OrderTarget]
) -> list[_Draft] | None:
    """Where no line can take the rest alone, two may: one a little more, the other a little less."""
    cents = [CENT * count for count in range(-_PAIRED_CENTS, _PAIRED_CENTS + 1) if count]
    reach = {i: {delta: moved for delta in cents if (moved := _moved(drafts[i], delta, targets))} for i in indexes}
    for first, second in combinations(indexes, 2):
        for delta, moved in reach[first].items():
            if left - delta in reach[second]:
                return _with(drafts, {first: moved, second: reach[second][left - delta]})
    return None


def _moved(draft: _Draft, delta: Decimal, targets: Mapping[str, OrderTarget]) -> _Draft | None:
    policy = targets[draft.source].policy
    priced = price_moved(draft.priced, delta, qty=draft.qty, tax_rate=draft.tax_rate, policy=policy)
    return replace(draft, priced=priced) if priced else None


def _with(drafts: list[_Draft], changed: Mapping[int, _Draft]) -> list[_Draft]:
    return [changed.get(index, draft) for index, draft in enumerate(drafts)]


def _document(
    order: ChannelOrder,
    source: str,
    route: Route,
    drafts: Sequence[_Draft],
    targets: Mapping[str, OrderTarget],
    frame: Frame,
) -> Document:
    target = targets[source]
    lines = [draft for draft in drafts if draft.source == source]
    return Document(
        reference=external_reference(
            channel=frame.channel,
            channel_order_code=order.channel_order_code,
            source=source,
            max_length=target.reference_length,
        ),
        kind=target.policy.document,
        client=frame.client,
        channel=frame.channel,
        channel_order_code=order.channel_order_code,
        order_number=order.number,
        source=source,
        source_customer_code=route.customers[source],
        date_on=ordered_on(order, frame.timezone),
        currency=order.currency,
        lines=tuple(_line(number, draft, target) for number, draft in enumerate(lines, start=1)),
        email=order.email,
        phone=order.phone,
        billing=order.billing,
        shipping=order.shipping,
        notes=order.notes,
    )


def _line(number: int, draft: _Draft, target: OrderTarget) -> DocumentLine:
    other = other_basis(draft.priced, draft.qty, target.policy)
    is_excl = target.policy.basis == "excl"
    return DocumentLine(
        number=number,
        kind=draft.origin.kind,
        sku=draft.sku,
        source_variant_code=draft.source_variant_code,
        title=draft.origin.title,
        qty=draft.qty,
        net=draft.priced.net,
        tax=draft.priced.tax,
        tax_rate=draft.tax_rate,
        tax_code=draft.tax_code,
        price_excl=draft.priced.unit if is_excl else other,
        price_incl=other if is_excl else draft.priced.unit,
    )

"""Whatever the order, what is raised adds up to the cent, and each document is what its target will compute."""

from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from s2s_pipelines.model.record import Hold
from s2s_pipelines.orders.routing import route
from s2s_pipelines.orders.tie_out import Frame, build
from tests.unit.orders.order_sample import channel_policy, fee, line, order, owner, shipping, target

FRAME = Frame("karoo", "shop", ZoneInfo("Africa/Johannesburg"))
CENT = Decimal("0.01")
SOURCES = ("erp_a", "erp_b", "erp_c")


def cents(amount):
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


amounts = st.decimals(min_value="0.00", max_value="9999.99", places=2)
rates = st.sampled_from(["15", "0"])


@st.composite
def placed_lines(draw):
    """Lines as a shop makes them: a total with or without tax, rounded once."""
    lines = []
    for number in range(draw(st.integers(1, 8))):
        rate, amount = draw(rates), draw(amounts)
        if draw(st.booleans()):  # typed with tax
            net = cents(amount / (1 + Decimal(rate) / 100))
            tax = amount - net
        else:
            net, tax = amount, cents(amount * Decimal(rate) / 100)
        lines.append(line(str(number), f"S{number}", draw(st.integers(1, 12)), net, tax, rate=rate))
    return lines


@st.composite
def policies(draw):
    return {
        source: target(
            source,
            basis=draw(st.sampled_from(["excl", "incl"])),
            price_decimals=draw(st.integers(2, 6)),
            tax_on=draw(st.sampled_from(["exact", "rounded"])),
        )
        for source in SOURCES
    }


def recomputed(item, policy):
    """The target's arithmetic, written a second time: unit price, quantity and rate, nothing else."""
    rate = item.tax_rate / 100
    if policy.basis == "incl":
        gross = cents(item.price_incl * item.qty)
        return gross - cents(gross * rate / (1 + rate)), cents(gross * rate / (1 + rate))
    exact = item.price_excl * item.qty
    net = cents(exact)
    return net, cents((net if policy.tax_on == "rounded" else exact) * rate)


@settings(deadline=None)
@given(
    lines=placed_lines(),
    targets=policies(),
    split=st.lists(st.sampled_from(SOURCES), min_size=8, max_size=8),
    freight=amounts,
    charge=st.decimals(min_value="-5.00", max_value="20.00", places=2),
    odd=st.integers(-2, 2),
    prefers_incl=st.booleans(),
)
def test_any_split_adds_up_to_the_cent_or_is_held_with_the_difference(
    lines, targets, split, freight, charge, odd, prefers_incl
):
    everything = [
        *lines,
        shipping(freight, cents(freight * Decimal("0.15"))),
        fee(charge, cents(charge * Decimal("0.15"))),
    ]
    total = sum((item.net + item.tax for item in everything), Decimal(0)) + odd * CENT
    assume(total > 0)
    placed = order(*everything, total=total, prices_include_tax=prefers_incl)
    owners = {item.sku: owner(item.sku, source) for item, source in zip(lines, split, strict=False)}
    channel = channel_policy(default_customers=dict.fromkeys(SOURCES, "WEB"))
    found = route(placed, channel=channel, targets=targets, owners=owners, customer_codes={})
    built = build(placed, found, targets=targets, frame=FRAME)
    if isinstance(built, Hold):
        assert built.reason in ("totals_do_not_tie", "negative_total")
        return
    assert sum(document.total for document in built) == total
    assert (
        len({document.reference for document in built})
        == len(built)
        == len({owners[item.sku].source for item in lines})
    )
    for document in built:
        for item in document.lines:
            assert (item.net, item.tax) == recomputed(item, targets[document.source].policy)
    assert sum(len(document.lines) for document in built) == len(lines) + bool(freight) + bool(charge)


@settings(deadline=None)
@given(
    lines=placed_lines(),
    basis=st.sampled_from(["excl", "incl"]),
    split=st.lists(st.sampled_from(SOURCES), min_size=8, max_size=8),
)
def test_an_ordinary_order_always_ties_where_four_decimals_are_kept(lines, basis, split):
    total = sum((item.net + item.tax for item in lines), Decimal(0))
    placed = order(*lines, total=total)
    owners = {item.sku: owner(item.sku, source) for item, source in zip(lines, split, strict=False)}
    targets = {source: target(source, basis=basis) for source in SOURCES}
    channel = channel_policy(default_customers=dict.fromkeys(SOURCES, "WEB"))
    found = route(placed, channel=channel, targets=targets, owners=owners, customer_codes={})
    built = build(placed, found, targets=targets, frame=FRAME)
    assert not isinstance(built, Hold), built
    assert sum(document.total for document in built) == total

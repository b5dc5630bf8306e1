"""Breakers: a plan that would take off, zero or reprice too much of a channel at once stops until a person lets it through.

Shares are of what the channel shows now (of what it shows with stock, for ``to_zero``), so a first publication trips nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal

from s2s_pipelines.catalogue.diff import Plan
from s2s_pipelines.catalogue.policy import Breakers
from s2s_pipelines.catalogue.query import desk

BREAKERS = ("vanish", "to_zero", "price_change")
_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Listed:
    """How much a channel shows before a plan.

    Attributes:
        variants: variants it shows.
        with_stock: those of them with a quantity above zero.
    """

    variants: int
    with_stock: int


@dataclass(frozen=True, slots=True)
class BreakerVerdict:
    """What one breaker says of one plan.

    Attributes:
        count: items concerned.
        of: items the share is of.
        measured: the share, to four decimals.
        limit: the share beyond which it trips.
    """

    name: str
    count: int
    of: int
    measured: Decimal
    limit: Decimal
    is_tripped: bool
    message: str

    def written(self) -> dict[str, str | int | bool]:
        """The verdict as it is stored: shares as text."""
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(self).items()}


def judge(plan: Plan, listed: Listed, breakers: Breakers) -> Mapping[str, BreakerVerdict]:
    """Each breaker's verdict on a plan, by name.

    ``vanish`` counts variants that are taken off. ``to_zero`` counts updates of a known quantity above zero to zero.
    ``price_change`` counts updates of a known price by more than ``price_beyond`` of it; any change of a price of zero counts.
    """
    vanish, to_zero, price_change = _measured(plan, breakers.price_beyond)
    found = (
        _verdict("vanish", vanish, listed.variants, breakers.vanish, breakers, "variants would be taken off"),
        _verdict(
            "to_zero", to_zero, listed.with_stock, breakers.to_zero, breakers, "variants in stock would go to zero"
        ),
        _verdict(
            "price_change",
            price_change,
            listed.variants,
            breakers.price_change,
            breakers,
            f"prices would change by more than {breakers.price_beyond:%}",
        ),
    )
    return {verdict.name: verdict for verdict in found}


def _measured(plan: Plan, beyond: Decimal) -> tuple[int, int, int]:
    # Only prices and quantities are read as numbers: another field's text, a barcode say, fits no amount.
    with desk(changes=plan.changes) as table:
        row = table.ask(
            """WITH amounts AS (
                   SELECT field, TRY_CAST(before AS DECIMAL(18, 2)) AS b, TRY_CAST(after AS DECIMAL(18, 2)) AS a
                   FROM changes WHERE level = 'variant' AND action = 'update' AND field IN ('qty', 'price'))
               SELECT (SELECT count(*) FROM changes WHERE level = 'variant' AND action = 'delist') AS vanish,
                      count(*) FILTER (field = 'qty' AND b > 0 AND a = 0) AS to_zero,
                      count(*) FILTER (field = 'price' AND abs(a - b)
                                       > CAST(b AS DECIMAL(24, 2)) * CAST(? AS DECIMAL(12, 6))) AS price_change
               FROM amounts""",
            [str(beyond)],
        ).to_pylist()[0]
    return row["vanish"], row["to_zero"], row["price_change"]


def _verdict(name: str, count: int, of: int, limit: Decimal, breakers: Breakers, what: str) -> BreakerVerdict:
    share = Decimal(count) / Decimal(of) if of else Decimal(0 if count == 0 else 1)
    is_tripped = count >= breakers.at_least and share > limit
    message = f"{count} of {of} {what}; the limit is {limit:%}"
    return BreakerVerdict(name, count, of, share.quantize(_STEP, rounding=ROUND_HALF_UP), limit, is_tripped, message)

"""The orders that the demo's buyers place: chosen from what the shops show, the same for the same seed."""

import random
from collections.abc import Mapping, Sequence

from s2s_pipelines.demo.shopper import Wish
from s2s_pipelines.demo.world import SEED

UNKNOWN_SKU = "GIFT-WRAP"
"""A product made by hand in the shop, which no ERP knows: an order for it must be held."""


def choose_wishes(on_show: Mapping[str, Sequence[str]]) -> list[Wish]:
    """36 orders: 24 at karoo_outdoor, 8 at twin_branches of which 3 need both branches, 4 at stokvel_direct.

    Two of them cannot be raised: one names a sku that no ERP knows, one a buyer without an account.

    Args:
        on_show: for ``karoo_outdoor``, ``north``, ``south`` and ``stokvel_direct`` skus that are in stock in the shop.
    """
    rng = random.Random(SEED)
    wishes = [_wish(rng, "karoo_outdoor", on_show["karoo_outdoor"], n) for n in range(23)]
    wishes.append(Wish("karoo_outdoor", ((on_show["karoo_outdoor"][0], 1), (UNKNOWN_SKU, 1)), "buyer1@example.com"))
    for number in range(8):
        lines = [(rng.choice(on_show["north" if number % 2 else "south"]), rng.randrange(1, 4))]
        if number < 3:
            lines.append((rng.choice(on_show["south" if number % 2 else "north"]), 2))
        wishes.append(
            Wish("twin_branches", tuple(lines), f"buyer{number + 1}@example.com", "95.00" if number % 3 == 0 else "")
        )
    for number in range(4):
        email = "stranger@example.com" if number == 3 else f"buyer{number + 1}@example.com"
        lines = [(rng.choice(on_show["stokvel_direct"]), 1)]
        wishes.append(Wish("stokvel_direct", tuple(lines), email))
    return wishes


def _wish(rng: random.Random, client: str, skus: Sequence[str], number: int) -> Wish:
    chosen = rng.sample(list(skus), rng.randrange(1, 5))
    email = f"buyer{number % 12 + 1}@example.com" if number % 4 else f"guest{number}@example.com"
    return Wish(client, tuple((sku, rng.randrange(1, 4)) for sku in chosen), email, "120.00" if number % 2 else "")

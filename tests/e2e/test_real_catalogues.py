"""Catalogues that other people exported, through the whole system as primary sources into sandbox shops.

The files are not part of the project. ``S2S_DATA`` names the folder that holds them; without it these tests are left out, and a
line says so. Declarations are in ``tests/fixtures/real_catalogues``. No image is fetched: the sandbox takes addresses of the
hosts named here as existing.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.cycle.refresh import ClientResult
from s2s_pipelines.demo.shopper import Shopper, Wish
from s2s_pipelines.demo.world import SHOP_KEY, SHOP_SECRET
from s2s_pipelines.sandboxes.woocommerce import WooSandbox

ROOT = Path(__file__).parents[1] / "fixtures" / "real_catalogues"
IMAGE_HOSTS = frozenset({"woocommercecore.mystagingwebsite.com", "burst.shopifycdn.com"})


@dataclass(frozen=True)
class Case:
    """A file, and what must come of it; ``reasons`` counts rejected rows by each reason they carry."""

    client: str
    variable: str
    file: str
    rows_in: int
    rows_out: int
    rejected: int
    reasons: Mapping[str, int]
    left_out: int = 0
    shown: Mapping[str, int] | None = None
    wished: tuple[str, ...] = ()


CASES = [
    Case(
        "magento_clothing",
        "REAL_CATALOGUE_MAGENTO",
        "magento-sample-configurable-products.csv",
        1994,
        1994,
        0,
        {},
        left_out=147,
        shown={"simple": 1847},
        wished=("MH01-XS-Black", "MH01-S-Gray", "WS12-M-Blue"),
    ),
    Case(
        "shopify_apparel",
        "REAL_CATALOGUE_APPAREL",
        "shopify-sample-apparel.csv",
        22,
        0,
        22,
        {"missing_sku": 22, "empty_value": 22},
    ),
    Case(
        "shopify_home",
        "REAL_CATALOGUE_HOME",
        "shopify-sample-home-and-garden.csv",
        21,
        0,
        21,
        {"missing_sku": 21, "empty_value": 21},
    ),
    Case(
        "shopify_jewellery",
        "REAL_CATALOGUE_JEWELLERY",
        "shopify-sample-jewelery.csv",
        41,
        0,
        41,
        # 18 rows bring further images only: they have neither price nor quantity.
        {"missing_sku": 41, "empty_value": 41, "empty_price": 18, "empty_quantity": 18},
    ),
    Case(
        "woo_csv",
        "REAL_CATALOGUE_WOO_CSV",
        "woocommerce-sample-products.csv",
        25,
        22,
        3,
        {"empty_price": 3},
        shown={"simple": 22},
        wished=("woo-cap", "woo-vneck-tee-red", "woo-hoodie-blue-logo"),
    ),
    Case(
        "woo_wxr",
        "REAL_CATALOGUE_WXR",
        "woocommerce-sample-products.xml",
        47,
        22,
        25,
        # 22 items are images; of the products, the two variable ones and the grouped one carry no price.
        {"missing_sku": 22, "empty_value": 22, "empty_price": 25},
        shown={"simple": 22},
        wished=("woo-cap", "woo-vneck-tee-red", "woo-hoodie-blue-logo"),
    ),
]


if not os.environ.get("S2S_DATA"):
    pytest.skip("S2S_DATA is not set: real catalogues are left out", allow_module_level=True)


@contextmanager
def opened(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Workshop, WooSandbox]]:
    """A shop without products, and everything that can be done for the case's client."""
    shop = WooSandbox(
        folder / "shop.db",
        consumer_key=SHOP_KEY,
        consumer_secret=SHOP_SECRET,
        currency="USD",
        prices_include_tax=False,
        image_hosts=IMAGE_HOSTS,
    )
    with shop:
        file = Path(os.environ["S2S_DATA"]).resolve() / case.file
        said = {
            case.variable: file.as_uri(),
            "REAL_CATALOGUE_SHOP": shop.url,
            "REAL_CATALOGUE_KEY": SHOP_KEY,
            "REAL_CATALOGUE_SECRET": SHOP_SECRET,
        }
        for name, value in said.items():
            monkeypatch.setenv(name, value)
        workshop = Workshop(Environment(ROOT, folder / "s2s", f"sqlite:///{folder / 's2s.db'}", None))
        try:
            yield workshop, shop
        finally:
            workshop.close()


def cycle(workshop: Workshop, client: str, shop: WooSandbox) -> int:
    """Read, plan and push once more; writing requests that reached the shop."""
    mark = shop.tables.mark()
    assert workshop.refresh(client, asked={"file": ["products"]}, is_full=True).is_ok
    workshop.plan(client, "shop")
    pushed = workshop.push(client, "shop")
    assert (pushed.status, pushed.failures, pushed.broken_promises) == ("pushed", [], [])
    return shop.tables.write_count(mark)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.client)
def test_every_row_of_a_real_catalogue_ends_in_exactly_one_place(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(case, tmp_path, monkeypatch) as (workshop, shop):
        first = workshop.refresh(case.client, asked=None, is_full=True)
        feed = first.sources["file"].feeds[0]
        assert (feed.rows_in, feed.rows_out, feed.rejected, feed.ignored) == (
            case.rows_in,
            case.rows_out,
            case.rejected,
            0,
        )
        assert feed.rows_in == feed.rows_out + feed.rejected + feed.ignored
        rejects = workshop.all_rejects(case.client)
        rows = {str(r["reason"]): {q["row"] for q in rejects if q["reason"] == r["reason"]} for r in rejects}
        assert {reason: len(found) for reason, found in rows.items()} == case.reasons
        assert all(r["row"] and r["field"] and r["message"] and r["remedy"] for r in rejects)
        if case.shown is None:
            _nothing_is_shown(case, first, workshop, shop)
        else:
            _published_once_and_orders_held(case, workshop, shop)


def _nothing_is_shown(case: Case, first: ClientResult, workshop: Workshop, shop: WooSandbox) -> None:
    """A file whose rows are all rejected does not stand, and a second read of it changes nothing."""
    assert [u.check for u in first.sources["file"].feeds[0].unfit] == ["all_rejected"]
    again = workshop.refresh(case.client, asked={"file": ["products"]}, is_full=True)
    assert again.sources["file"].feeds[0].rejected == case.rejected
    assert shop.tables.product_count() == 0
    assert shop.tables.write_count() == 0


def _published_once_and_orders_held(case: Case, workshop: Workshop, shop: WooSandbox) -> None:
    plan = workshop.plan(case.client, "shop")
    assert (plan.stored.verdict, plan.stored.counts["left_out"]) == ("clear", case.left_out)
    pushed = workshop.push(case.client, "shop")
    assert (pushed.status, pushed.failed, pushed.failures, pushed.broken_promises) == ("pushed", 0, [], [])
    products = shop.tables.products()
    assert Counter(p.type for p in products.values()) == case.shown
    assert all(p.status == "publish" for p in products.values())
    assert cycle(workshop, case.client, shop) == 0

    shopper = Shopper(shop.url)
    wishes = [Wish(case.client, ((sku, 2),), f"buyer{n}@example.com") for n, sku in enumerate(case.wished)]
    numbers = {shopper.place(wish).number for wish in wishes}
    workshop.sweep(case.client, only_orders=None, days=None, poll=True)
    held = {order.number: order.hold.reason for order in workshop.ledger.held(case.client) if order.hold}
    assert held == dict.fromkeys(numbers, "source_takes_no_orders")

    cycle(workshop, case.client, shop)  # what the shop sold is sent as the file has it, less the held orders
    assert cycle(workshop, case.client, shop) == 0

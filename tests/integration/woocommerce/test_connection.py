"""Getting in, and finding out what the shop is set to."""

from dataclasses import replace
from decimal import Decimal

import pytest

from s2s_pipelines.errors import AccessError, ConfigurationError, TransientError
from s2s_pipelines.model.money import PriceTerms
from tests.integration.woocommerce.conftest import KEY, TERMS, Shop, simple


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"auth": "oauth1"},
        {"is_https_outside": True},
        {"is_https_outside": True, "auth": "basic"},
        {"is_https_outside": True, "auth": "query"},
    ],
)
def test_keys_travel_in_every_way_the_shop_takes_them(shop: Shop, settings: dict) -> None:
    channel = shop.channel(**settings)
    channel.check()
    # Characters that signatures stumble over when they are encoded twice or not at all.
    outcomes = channel.push([simple("A+B&C=D ~100%/é")])
    assert [o.is_ok for o in outcomes] == [True, True]
    assert channel.push([simple("A+B&C=D ~100%/é")])[0].channel_product_code == outcomes[0].channel_product_code


@pytest.mark.parametrize("settings", [{}, {"is_https_outside": True}, {"is_https_outside": True, "auth": "query"}])
def test_wrong_secret_is_an_access_error_that_keeps_it(shop: Shop, settings: dict) -> None:
    wrong = "cs_wrong0000000000000"
    for call in ("check", "orders"):
        channel = shop.channel(keys=(KEY, wrong), **settings)
        with pytest.raises(AccessError) as caught:
            channel.check() if call == "check" else channel.orders(None)
        text = f"{caught.value} {vars(caught.value)}"
        assert wrong not in text
        assert KEY not in text
        assert caught.value.next_step


def test_retried_reading_is_signed_anew(shop: Shop) -> None:
    shop.sandbox.arm("error_html", times=2, method="GET")
    shop.channel().check()


def test_basic_credentials_are_never_declared_over_plain_http(shop: Shop) -> None:
    for mode in ("basic", "query"):
        with pytest.raises(ValueError, match="needs an https address"):
            shop.channel(auth=mode)


@pytest.mark.parametrize(
    "path, value, named",
    [
        ("general/woocommerce_currency", "EUR", "EUR"),
        ("tax/woocommerce_prices_include_tax", "no", "exclusive"),
        ("general/woocommerce_price_num_decimals", "0", "decimals"),
        ("products/woocommerce_manage_stock", "no", "stock"),
    ],
)
def test_setting_that_contradicts_ours_is_named(shop: Shop, path: str, value: str, named: str) -> None:
    shop.ask("PUT", f"settings/{path}", {"value": value})
    with pytest.raises(ConfigurationError, match=named) as caught:
        shop.channel().check()
    assert (caught.value.client, caught.value.connection) == ("karoo", "shop")
    assert caught.value.next_step


def test_settings_are_held_against_what_is_declared_only(shop: Shop) -> None:
    shop.channel(terms=PriceTerms("ZAR", "incl", Decimal(15))).check()
    shop.channel(terms=None).check()
    with pytest.raises(ConfigurationError):
        shop.channel(terms=replace(TERMS, basis="excl")).check()


def test_check_writes_nothing(shop: Shop) -> None:
    with shop.counting() as writes:
        shop.channel().check()
    assert writes == [0]


@pytest.mark.parametrize("unit, weight", [("kg", "0.35"), ("g", "350"), ("lbs", "0.7716"), ("oz", "12.3459")])
def test_weights_go_in_the_shops_own_unit(shop: Shop, unit: str, weight: str) -> None:
    shop.ask("PUT", "settings/products/woocommerce_weight_unit", {"value": unit})
    shop.channel().push([simple("A1", weight_g=350)])
    assert shop.item("A1")["weight"] == weight


def test_page_for_people_is_neither_an_empty_shop_nor_a_missing_order(shop: Shop) -> None:
    channel = shop.channel(url=f"{shop.sandbox.url}/blog")
    for call in (channel.check, lambda: channel.orders(None), lambda: channel.order("1")):
        with pytest.raises(TransientError, match="instead of JSON"):  # the page for people that the site has there
            call()


def test_shop_without_these_routes_is_a_matter_of_configuration(shop: Shop) -> None:
    api = shop.channel()._api
    with pytest.raises(ConfigurationError, match="no address"):
        api.get("nothing-here", operation="check")
    with pytest.raises(ConfigurationError, match="no address"):
        api.find("nothing-here/1", operation="read", reference="1")
    with pytest.raises(ConfigurationError, match="no address"):
        api.write("POST", "nothing-here", {}, operation="push")


def test_product_page_is_told_without_asking(shop: Shop) -> None:
    assert shop.channel().product_url("77") == f"{shop.sandbox.url}/?post_type=product&p=77"


def test_secret_that_is_not_there_is_missed_at_the_first_call_only(shop: Shop) -> None:
    channel = shop.channel(consumer_secret={"env": "S2S_NO_SUCH_SECRET"})
    with pytest.raises(ConfigurationError, match="S2S_NO_SUCH_SECRET"):
        channel.check()

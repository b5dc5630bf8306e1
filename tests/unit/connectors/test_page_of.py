"""Where people look at the system itself: whole addresses without a secret, or nothing."""

from typing import get_args
from urllib.parse import urlsplit

import pytest

from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.connectors import registry
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.ports import Page

SECRET = SecretRef(env="A_SECRET")
SETTINGS = {
    "woocommerce": {"url": "https://shop.example/", "consumer_key": SECRET, "consumer_secret": SECRET},
    "google_sheet": {"spreadsheet": "1a2B3c4D5e6F7g8H9i0J", "credentials": SECRET, "feeds": {}},
}
PAGES = {
    ("woocommerce", "products"): "https://shop.example/wp-admin/edit.php?post_type=product",
    ("woocommerce", "product"): "https://shop.example/wp-admin/post.php?post=77&action=edit",
    ("woocommerce", "orders"): "https://shop.example/wp-admin/edit.php?post_type=shop_order",
    ("woocommerce", "order"): "https://shop.example/wp-admin/post.php?post=77&action=edit",
    ("google_sheet", "products"): "https://docs.google.com/spreadsheets/d/1a2B3c4D5e6F7g8H9i0J",
}
OFFERING = sorted(kind for kind, connector in registry.connectors().items() if connector.page_of is not None)


def page_of(kind, page, code=None, **changed):
    connector = registry.connectors()[kind]
    return connector.page_of(connector.settings(kind=kind, **{**SETTINGS[kind], **changed}), page, code)


def test_every_connector_that_offers_pages_is_tried_here():
    assert sorted(SETTINGS) == OFFERING


@pytest.mark.parametrize("kind", OFFERING)
@pytest.mark.parametrize("page", get_args(Page))
def test_a_page_is_a_whole_address_without_a_secret_or_there_is_none(kind, page, monkeypatch):
    monkeypatch.setenv("A_SECRET", "s3cret")
    address = page_of(kind, page, "77")
    assert address == PAGES.get((kind, page))
    if address is not None:
        parts = urlsplit(address)
        assert parts.scheme == "https"
        assert parts.username is parts.password is None
        assert "s3cret" not in address


def test_a_code_that_is_none_of_the_shops_leads_nowhere():
    for code in (None, "", "7&post=8", "../77"):
        assert page_of("woocommerce", "product", code) is None


def test_an_address_that_is_named_and_not_there_is_a_matter_of_the_declaration(monkeypatch):
    monkeypatch.delenv("SHOP_URL", raising=False)
    with pytest.raises(ConfigurationError):
        page_of("woocommerce", "products", url=SecretRef(env="SHOP_URL"))

"""Who gets in, and what the others are told."""

import hashlib
import hmac
import secrets
import time
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
import requests
from authlib.oauth1.rfc5849 import signature as reference
from authlib.oauth1.rfc5849.signature import construct_base_string

from s2s_pipelines.sandboxes.woocommerce import ApiKey, WooSandbox
from s2s_pipelines.sandboxes.woocommerce.auth import base_string, sign

from .conftest import OWNER

HTTPS = {"X-Forwarded-Proto": "https"}


def products(sandbox: WooSandbox) -> str:
    return f"{sandbox.url}/wp-json/wc/v3/products"


def signed(sandbox: WooSandbox, method: str, query: dict[str, str], digest: str = "HMAC-SHA256", **changes: str) -> str:
    """An address signed here, with nothing of the sandbox's own code."""
    query = {
        **query,
        "oauth_consumer_key": OWNER[0],
        "oauth_nonce": secrets.token_hex(8),
        "oauth_timestamp": str(sandbox.clock.now()),
        "oauth_signature_method": digest,
        **changes,
    }
    text = construct_base_string(method, products(sandbox), list(query.items()))
    made = hmac.new(
        f"{OWNER[1]}&".encode(), text.encode(), {"HMAC-SHA1": hashlib.sha1}.get(digest, hashlib.sha256)
    ).digest()
    query["oauth_signature"] = b64encode(made).decode()
    return f"{products(sandbox)}?{urlencode(query, quote_via=quote)}"


def test_basic_works_where_the_shop_believes_in_https(sandbox: WooSandbox) -> None:
    assert requests.get(products(sandbox), auth=OWNER, headers=HTTPS, timeout=5).status_code == 200


def test_basic_over_plain_http_is_as_good_as_nothing(sandbox: WooSandbox) -> None:
    answer = requests.get(products(sandbox), auth=OWNER, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["code"] == "woocommerce_rest_cannot_view"


def test_keys_in_the_query_work_over_https_only(sandbox: WooSandbox) -> None:
    query = {"consumer_key": OWNER[0], "consumer_secret": OWNER[1]}
    assert requests.get(products(sandbox), params=query, headers=HTTPS, timeout=5).status_code == 200
    assert requests.get(products(sandbox), params=query, timeout=5).status_code == 401


def test_unknown_key_looks_like_no_key_and_only_a_wrong_secret_says_so(sandbox: WooSandbox) -> None:
    stranger = requests.get(products(sandbox), auth=("ck_x", "cs_x"), headers=HTTPS, timeout=5).json()
    wrong = requests.get(products(sandbox), auth=(OWNER[0], "cs_x"), headers=HTTPS, timeout=5).json()
    assert stranger["code"] == "woocommerce_rest_cannot_view"
    assert wrong["code"] == "woocommerce_rest_authentication_error"
    assert "secret" in wrong["message"]


@pytest.mark.parametrize("digest", ["HMAC-SHA256", "HMAC-SHA1"])
def test_one_legged_oauth_works_over_plain_http(sandbox: WooSandbox, digest: str) -> None:
    address = signed(sandbox, "GET", {"sku": "a b+c&d=é", "per_page": "1"}, digest)
    assert requests.get(address, timeout=5).status_code == 200


def test_oauth_in_the_header_works_too(sandbox: WooSandbox) -> None:
    query = dict(pair.split("=", 1) for pair in signed(sandbox, "GET", {}).partition("?")[2].split("&"))
    header = "OAuth " + ", ".join(f'{name}="{value}"' for name, value in query.items())
    assert requests.get(products(sandbox), headers={"Authorization": header}, timeout=5).status_code == 200


def test_signature_covers_method_and_query(sandbox: WooSandbox) -> None:
    address = signed(sandbox, "GET", {"per_page": "1"})
    assert requests.post(address, json={}, timeout=5).status_code == 401
    assert requests.get(f"{address}&page=2", timeout=5).status_code == 401


def test_a_nonce_counts_once_and_an_old_stamp_not_at_all(sandbox: WooSandbox) -> None:
    address = signed(sandbox, "GET", {})
    assert requests.get(address, timeout=5).status_code == 200
    assert "nonce" in requests.get(address, timeout=5).json()["message"]
    stale = signed(sandbox, "GET", {}, oauth_timestamp=str(sandbox.clock.now() - 3600))
    assert requests.get(stale, timeout=5).json()["message"] == "Invalid timestamp."
    unknown = signed(sandbox, "GET", {}, digest="PLAINTEXT")
    assert "method is invalid" in requests.get(unknown, timeout=5).json()["message"]


def test_base_string_and_sha1_agree_with_authlib() -> None:
    pairs = [("z", "1 2"), ("a", "ü&=+%"), ("a", "0"), ("oauth_nonce", "n~-._"), ("include[0]", "5")]
    ours = base_string("get", "http://shop.example/wp-json/wc/v3/products", pairs)
    theirs = construct_base_string("GET", "http://shop.example/wp-json/wc/v3/products", pairs)
    assert ours == theirs
    assert sign(ours, "cs_&secret", "HMAC-SHA1") == reference.hmac_sha1_signature(ours, "cs_&secret", "")


def test_read_only_key_reads_and_is_told_why_it_may_not_write(tmp_path: Path) -> None:
    reader = ApiKey("ck_reader", "cs_reader", "read")
    options = {"consumer_key": OWNER[0], "consumer_secret": OWNER[1]}
    with WooSandbox(tmp_path / "shop.sqlite", **options, more_keys=(reader,)) as sandbox:
        auth = (reader.consumer_key, reader.consumer_secret)
        assert requests.get(products(sandbox), auth=auth, headers=HTTPS, timeout=5).status_code == 200
        refused = requests.post(products(sandbox), json={"name": "x"}, auth=auth, headers=HTTPS, timeout=5)
        assert refused.status_code == 401
        assert "write permissions" in refused.json()["message"]
        assert sandbox.tables.product_count() == 0


def test_rest_route_form_ignores_basic(sandbox: WooSandbox) -> None:
    query = {"rest_route": "/wc/v3/products"}
    assert requests.get(f"{sandbox.url}/", params=query, auth=OWNER, headers=HTTPS, timeout=5).status_code == 401


def test_nonces_are_forgotten_with_their_window() -> None:
    from s2s_pipelines.sandboxes.woocommerce.auth import NONCE_WINDOW_S, Doorkeeper

    clock = SimpleNamespace(now=lambda: now)
    doorkeeper = Doorkeeper(SimpleNamespace(clock=clock, keys=[ApiKey(*OWNER)]))
    now = int(time.time())
    for number in range(50):
        doorkeeper._check_nonce(ApiKey(*OWNER), {"oauth_timestamp": str(now), "oauth_nonce": str(number)})
    assert len(doorkeeper._nonces) == 50
    now += NONCE_WINDOW_S + 1
    doorkeeper._check_nonce(ApiKey(*OWNER), {"oauth_timestamp": str(now), "oauth_nonce": "late"})
    assert len(doorkeeper._nonces) == 1

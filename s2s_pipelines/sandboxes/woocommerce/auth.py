"""Who may call: Basic or query keys over https, one-legged OAuth 1.0a over plain http.

Sources: WooCommerce recordings 01 to 04 and 91; RFC 5849 for the signature; the texts of refusals not recorded (a missing
OAuth parameter, an unknown OAuth key) follow the plugin's documentation of REST authentication.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from urllib.parse import parse_qsl, quote, unquote

from .shop import ApiKey, Shop
from .wire import ApiError, Json

NONCE_WINDOW_S = 15 * 60
_NEEDED = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
_DIGESTS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_READS = {"GET", "HEAD", "OPTIONS"}


def _refuse(text: str) -> ApiError:
    return ApiError("woocommerce_rest_authentication_error", text, 401)


def _escape(text: str) -> str:
    return quote(text, safe="-._~")


def base_string(method: str, address: str, pairs: list[tuple[str, str]]) -> str:
    """The text that OAuth 1.0a signs; ``pairs`` without the signature itself (RFC 5849 section 3.4.1)."""
    encoded = sorted((_escape(name), _escape(value)) for name, value in pairs)
    joined = "&".join(f"{name}={value}" for name, value in encoded)
    return "&".join((_escape(method.upper()), _escape(address), _escape(joined)))


def sign(text: str, secret: str, method: str) -> str:
    """Base64 signature of a base string with ``HMAC-SHA1`` or ``HMAC-SHA256`` and no token."""
    made = hmac.new(f"{_escape(secret)}&".encode(), text.encode(), _DIGESTS[method])
    return base64.b64encode(made.digest()).decode()


class Doorkeeper:
    """Finds the key behind a request and remembers nonces."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._nonces: dict[tuple[str, str], int] = {}

    def admit(self, method: str, address: str, query_text: str, headers: Json, is_https: bool) -> ApiKey | None:
        """The key that signed the request, or None for a stranger.

        Args:
            method: as sent, before any override.
            address: scheme, host and path without the query.
            query_text: the raw query.
            headers: lower-case names.
            is_https: whether the shop believes it is reached over https.

        Raises:
            ApiError: 401 for a wrong secret, signature, stamp or nonce, or for a right the key lacks.
        """
        pairs = parse_qsl(query_text, keep_blank_values=True)
        key = self._by_secret(dict(pairs), headers.get("authorization", "")) if is_https else None
        if key is None:
            key = self._by_signature(method, address, pairs, headers.get("authorization", ""))
        if key is None:
            return None
        wanted = "read" if method in _READS else "write"
        if wanted not in key.permissions.split("_"):
            raise _refuse(f"The API key provided does not have {wanted} permissions.")
        return key

    def _find(self, consumer_key: str) -> ApiKey | None:
        return next((key for key in self._shop.keys if hmac.compare_digest(key.consumer_key, consumer_key)), None)

    def _by_secret(self, query: dict[str, str], header: str) -> ApiKey | None:
        name, secret = query.get("consumer_key", ""), query.get("consumer_secret", "")
        if not (name and secret) and header[:6].lower() == "basic ":
            try:
                name, _, secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
        key = self._find(name) if name and secret and name.isascii() else None
        if key is not None and not hmac.compare_digest(key.consumer_secret.encode(), secret.encode()):
            raise _refuse("Consumer secret is invalid.")
        return key

    def _by_signature(self, method: str, address: str, pairs: list[tuple[str, str]], header: str) -> ApiKey | None:
        if header[:6].lower() == "oauth ":
            found = re.findall(r'(\w+)="([^"]*)"', header[6:])
            pairs = pairs + [(name, unquote(value)) for name, value in found if name != "realm"]
        sent = dict(pairs)
        missing = [name for name in _NEEDED if not sent.get(name)]
        if len(missing) == len(_NEEDED):
            return None
        if missing:
            noun = "parameter" if len(missing) == 1 else "parameters"
            raise ApiError(
                "woocommerce_rest_authentication_missing_parameter", f"Missing OAuth {noun} {', '.join(missing)}", 401
            )
        key = self._find(sent["oauth_consumer_key"]) if sent["oauth_consumer_key"].isascii() else None
        if key is None:
            raise _refuse("Consumer key is invalid.")
        self._check_signature(method, address, pairs, sent, key)
        self._check_nonce(key, sent)
        return key

    @staticmethod
    def _check_signature(
        method: str, address: str, pairs: list[tuple[str, str]], sent: dict[str, str], key: ApiKey
    ) -> None:
        if sent["oauth_signature_method"] not in _DIGESTS:
            raise _refuse("Invalid signature - signature method is invalid.")
        text = base_string(method, address, [pair for pair in pairs if pair[0] != "oauth_signature"])
        expected = sign(text, key.consumer_secret, sent["oauth_signature_method"])
        if not hmac.compare_digest(expected.encode(), sent["oauth_signature"].encode()):
            raise _refuse("Invalid signature - provided signature does not match.")

    def _check_nonce(self, key: ApiKey, sent: dict[str, str]) -> None:
        now = self._shop.clock.now()
        stamp = int(sent["oauth_timestamp"]) if sent["oauth_timestamp"].isdecimal() else 0
        if abs(now - stamp) > NONCE_WINDOW_S:
            raise _refuse("Invalid timestamp.")
        self._nonces = {seen: at_s for seen, at_s in self._nonces.items() if now - at_s <= NONCE_WINDOW_S}
        if (key.consumer_key, sent["oauth_nonce"]) in self._nonces:
            raise _refuse("Invalid nonce - nonce has already been used.")
        self._nonces[key.consumer_key, sent["oauth_nonce"]] = stamp

"""Names and codes: what may be called what, and the external reference of a document."""

import hashlib
import re
from base64 import b32encode

KEY_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"
"""Keys of clients, connections, sources and channels: snake case, at most 40 characters."""

_KEY = re.compile(KEY_PATTERN)


def is_key(text: str) -> bool:
    """Whether text can name a client, connection, source or channel.

    >>> is_key("karoo_outdoor"), is_key("Karoo Outdoor")
    (True, False)
    """
    return _KEY.match(text) is not None


def product_key(source: str, source_product_code: str) -> str:
    """The identity of a product inside one client: its owning source and that source's code.

    >>> product_key("erp", "0042")
    'erp:0042'
    """
    return f"{source}:{source_product_code}"


def external_reference(*, channel: str, channel_order_code: str, source: str, max_length: int) -> str:
    """The unique reference under which one order is raised in one source.

    It is the same for the same arguments for ever, distinct for distinct ones, and readable where the target's field
    is long enough: ``CHANNEL-ORDER-SOURCE``. Otherwise the order code's tail, a dash and 10 characters of a SHA-256
    over all parts keep it distinct.

    Args:
        channel: the channel's key.
        channel_order_code: the channel's own id of the order.
        source: the key of the source that gets the document.
        max_length: characters the target's field holds; at least 12 (the shortest known is Pastel's 15:
            erp-sql research, section 0.1).

    >>> external_reference(channel="shop", channel_order_code="1042", source="erp", max_length=40)
    'SHOP-1042-ERP'
    >>> len(external_reference(channel="shop", channel_order_code="1042", source="erp", max_length=12))
    12
    """
    if max_length < 12:
        raise ValueError(f"an external reference needs at least 12 characters, the target offers {max_length}")
    readable = f"{channel}-{channel_order_code}-{source}".upper()
    # A dash inside a part could make two different orders read alike; those take the hashed form.
    if len(readable) <= max_length and re.fullmatch(r"[A-Z0-9_]+-[A-Z0-9_]+-[A-Z0-9_]+", readable):
        return readable
    digest = hashlib.sha256("\x1f".join((channel, channel_order_code, source)).encode()).digest()
    short = b32encode(digest).decode()[:10]
    tail = re.sub(r"[^A-Z0-9]", "", channel_order_code.upper())[-(max_length - 11) :]
    return f"{tail}-{short}" if tail else short

"""Images: taken by address without ever asking the network.

The shop behaves as if a pretend image host answered: only hosts on the allow-list exist, and there a file whose name starts
with ``missing`` answers 404, with ``error`` 500, with ``page`` a web page. Sources: WooCommerce recordings 39 to 43.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from .html import clean_text
from .schema import whole_number
from .shop import Shop
from .wire import ApiError, Ask, Json

_EXTENSIONS = {"jpg", "jpeg", "jpe", "gif", "png", "bmp", "tiff", "tif", "webp", "avif", "ico", "heic"}
_BAD_TYPE = "Invalid image: Sorry, you are not allowed to upload this file type."


def _refuse(text: str) -> ApiError:
    return ApiError("woocommerce_product_image_upload_error", text, 400)


def _escape(address: str) -> str:
    address = address.strip()
    if not address:
        return ""
    if not re.match(r"^[a-zA-Z][a-zA-Z0-9+.-]*:", address) and not address.startswith(("/", "#", "?")):
        address = f"http://{address}"
    return quote(address, safe="%/:=&?~#+!$,;'@()*[]")


def _file_name(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return re.sub(r"-+", "-", re.sub(r"\s+", "-", re.sub(r"[^\w.\- ]", "", plain))).strip(".-_")


def _check_answer(shop: Shop, address: str) -> str:
    """File name of an image that could be fetched.

    Raises:
        ApiError: the shop would not have taken it.
    """
    shown = _escape(address)
    if not shown:
        raise _refuse("Error getting remote image . Error: No URL Provided.")
    parts = urlsplit(address.strip())
    if parts.scheme not in ("http", "https") or (parts.hostname or "") not in shop.image_hosts:
        raise _refuse(f"Error getting remote image {shown}. Error: A valid URL was not provided.")
    raw = parts.path.replace(" ", "%20")
    name = _file_name(raw)
    for prefix, reason in (("missing", "Not Found"), ("error", "Internal Server Error")):
        if name.startswith(prefix):
            raise _refuse(f"Error getting remote image {shown}. Error: {reason}")
    if name.rpartition(".")[2].lower() not in _EXTENSIONS or "." not in name or name.startswith("page"):
        raise _refuse(_BAD_TYPE)
    return name


def _add_media(shop: Shop, name: str, now: int) -> Json:
    stem, _, extension = name.rpartition(".")
    folder = datetime.fromtimestamp(now, shop.clock.zone).strftime("%Y/%m")
    file, number = name, 0
    while shop.store.one("SELECT 1 FROM files WHERE path = ?", (f"{folder}/{file}",)) is not None:
        number += 1
        file = f"{stem}-{number}.{extension}"
    shop.store.run("INSERT INTO files VALUES (?)", (f"{folder}/{file}",))
    media = {"id": shop.store.next_id("post"), "file": f"{folder}/{file}", "name": file, "alt": "", "created_s": now}
    shop.store.save_record("media", media)
    return media


def take_image(shop: Shop, sent: Any) -> int:
    """Media id for one sent image: a known id, or a new file for an address (the same address again is new media).

    Raises:
        ApiError: unknown id, or an address the shop refuses; nothing of the product is stored then.
    """
    item = sent if isinstance(sent, dict) else {}
    number = whole_number(item.get("id")) or 0
    media = shop.store.record("media", number) if number else None
    if number and media is None:
        raise ApiError("woocommerce_product_invalid_image_id", f"#{number} is an invalid image ID.", 400)
    if media is None:
        media = _add_media(shop, _check_answer(shop, str(item.get("src") or "")), shop.clock.now())
    if item.get("alt") or item.get("name"):
        media = {**media, "alt": clean_text(str(item.get("alt") or media["alt"]))}
        media["name"] = str(item.get("name") or media["name"])
        shop.store.save_record("media", media)
    return int(media["id"])


def show_image(shop: Shop, ask: Ask, number: int) -> Json | None:
    """An image; its local stamps carry the zone shift twice (recordings 39)."""
    media = shop.store.record("media", number)
    if media is None:
        return None
    twice = datetime.fromtimestamp(media["created_s"] + 2 * shop.clock.offset_s(media["created_s"]), UTC)
    local = twice.strftime("%Y-%m-%dT%H:%M:%S")
    gmt = shop.clock.gmt(media["created_s"])
    address = f"{ask.base}/wp-content/uploads/{media['file']}"
    dates = {"date_created": local, "date_created_gmt": gmt, "date_modified": local, "date_modified_gmt": gmt}
    return {"id": number, **dates, "src": address, "name": media["name"], "alt": media["alt"]}

"""Images, apart from everything else, so that a bad one keeps neither price nor stock back.

Facts: WooCommerce recordings 39 to 42 (version 10.0.2). The shop fetches an address during the request and keeps a new copy each
time it is sent one, so what it has is named by id; one bad address fails the whole list; the list is the whole truth and its
order counts; ids that are gone are refused.
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from s2s_pipelines.connectors.channels.woocommerce.api import WooApi, error_code, error_words
from s2s_pipelines.connectors.channels.woocommerce.piece import Piece, Verdict
from s2s_pipelines.errors import S2SError

_LOST_ID = "woocommerce_product_invalid_image_id"
_FAILED = "woocommerce_product_image_upload_error"
_REMEDY = "correct the address of the image, or what it answers"


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ImageSender:
    """Sends the image lists of products.

    Args:
        read_s: seconds to wait; the shop fetches each address meanwhile.
        guard: see `BatchSender.guard`.
    """

    def __init__(self, api: WooApi, read_s: float, guard: Callable[[S2SError], S2SError]) -> None:
        self._api = api
        self._read_s = read_s
        self._guard = guard

    def send(self, piece: Piece) -> None:
        """Make the product show these images in this order, as many of them as the shop can get."""
        wanted = piece.change.fields.get("images")
        addresses = list(dict.fromkeys(wanted)) if isinstance(wanted, tuple) else []
        failed = {a: "it is no web address" for a in addresses if urlsplit(a).scheme not in ("http", "https")}
        try:
            failed |= self._send(piece, [a for a in addresses if a not in failed])
        except _Refused as refusal:
            piece.product_flaw = Verdict("image_failed", str(refusal), _REMEDY)
        except S2SError as error:
            piece.product_flaw = Verdict.of_error(self._guard(error))
        else:
            if failed:
                named = "; ".join(f"{address}: {why}" for address, why in failed.items())
                piece.product_flaw = Verdict("image_failed", self._api.clean(named), _REMEDY)

    def _send(self, piece: Piece, addresses: list[str]) -> dict[str, str]:
        """Why some images are missing now, by address."""
        known = {a: number for a, number in piece.change.known_images.items() if a in addresses}
        while True:
            try:
                self._put(piece, addresses, known)
                return {}
            except _Refused as refusal:
                if refusal.code == _FAILED:
                    return self._send_singly(piece, addresses, known, str(refusal))
                left = _without_lost(known, str(refusal)) if refusal.code == _LOST_ID else known
                if len(left) == len(known):
                    raise
                known = left

    def _send_singly(self, piece: Piece, addresses: list[str], known: dict[str, str], why: str) -> dict[str, str]:
        """Add one new image after the other, so that only bad ones are missing."""
        fresh = [a for a in addresses if a not in known]
        if len(fresh) == 1:
            failed = {fresh[0]: why}
        else:
            failed = {}
            for address in fresh:
                try:
                    self._put(piece, [a for a in addresses if a in known or a == address], known)
                except _Refused as refusal:
                    failed[address] = str(refusal)
                else:
                    known = {**known, **piece.images}
        if len(failed) == len(fresh):
            self._put(piece, [a for a in addresses if a in known], known)
        return failed

    def _put(self, piece: Piece, addresses: list[str], known: dict[str, str]) -> None:
        images = [{"id": int(known[a])} if a in known else {"src": a} for a in addresses]
        answer = self._api.write(
            "PUT",
            f"products/{piece.product_id}",
            {"images": images},
            operation="push images",
            reference=piece.change.key,
            params={"_fields": "id,images"},
            read_s=self._read_s,
        )
        if answer.status >= 400:
            raise _Refused(error_code(answer.json), self._api.clean(error_words(answer.json)))
        stored = answer.json.get("images") if isinstance(answer.json, dict) else None
        if not isinstance(stored, list) or len(stored) != len(addresses):
            raise _Refused("", "the shop answered with other images than it was sent")
        piece.images = {address: str(image["id"]) for address, image in zip(addresses, stored, strict=True)}


def _without_lost(known: dict[str, str], message: str) -> dict[str, str]:
    """The known images without those the shop says it has no more; without any if it does not say which."""
    lost = set(re.findall(r"#(\d+)", message)) or set(known.values())
    return {address: number for address, number in known.items() if number not in lost}

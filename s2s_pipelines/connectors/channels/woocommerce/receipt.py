"""Tells the shop under which number each source took an order.

Facts: WooCommerce recordings 74, 76 (version 10.0.2). Meta by key updates, never doubles, but every save moves the order's
modified stamp; a note does not. Notes have no key, so the order's notes are read first and what is there is not written again:
a note can only be doubled when its first writing is carried out after we looked, and lost only when a person deletes it.
"""

from collections.abc import Mapping
from html import unescape
from typing import Any

from s2s_pipelines.connectors.channels.woocommerce.api import WooApi, error_words, rows_of
from s2s_pipelines.connectors.kit.http import Answer
from s2s_pipelines.errors import RejectedError, TransientError, UncertainOutcomeError
from s2s_pipelines.model.order import Receipt

_OPERATION = "acknowledge order"


class ReceiptWriter:
    """Writes receipts on orders, each once.

    Args:
        prefix: of the meta key; the source's key follows.
        has_note: whether people are told by a private note, too.
    """

    def __init__(self, api: WooApi, prefix: str, *, has_note: bool) -> None:
        self._api = api
        self._prefix = prefix
        self._has_note = has_note

    def write(self, order_code: str, receipts: Mapping[str, Receipt]) -> None:
        """Make the order carry these receipts; what it carries already is not written again.

        Raises:
            RejectedError: the shop has no such order, or refuses.
            TransientError: not (all) written, or nobody knows; calling again looks first.
        """
        missing = self._missing(order_code, receipts)
        if not missing:
            return
        try:
            if self._has_note:
                self._write_notes(order_code, missing)
            self._write_meta(order_code, missing)
        except UncertainOutcomeError as error:
            raise TransientError(
                error.message, operation=_OPERATION, reference=order_code, next_step="call again; it looks first"
            ).located(client=error.client, connection=error.connection) from None

    def _missing(self, code: str, receipts: Mapping[str, Receipt]) -> dict[str, Receipt]:
        answer = None
        if code.isascii() and code.isdecimal():
            answer = self._api.find(f"orders/{code}", {"_fields": "id,meta_data"}, operation=_OPERATION, reference=code)
        if answer is None:
            raise RejectedError(
                "the shop has no such order", reason="unknown_order", operation=_OPERATION, reference=code
            )
        meta = {str(m.get("key")): str(m.get("value")) for m in answer.json.get("meta_data") or ()}
        return {s: r for s, r in receipts.items() if meta.get(self._prefix + s) != _told(r)}

    def _write_notes(self, code: str, receipts: Mapping[str, Receipt]) -> None:
        answer = self._api.get(f"orders/{code}/notes", operation=_OPERATION, reference=code)
        there = {unescape(str(row.get("note"))).strip() for row in rows_of(answer)}
        for source, receipt in receipts.items():
            text = f"Raised in {source} as {receipt.source_order_code} (reference {receipt.reference})"
            if text not in there:
                self._post(f"orders/{code}/notes", code, {"note": text, "customer_note": False})

    def _write_meta(self, code: str, receipts: Mapping[str, Receipt]) -> None:
        entries = [{"key": self._prefix + source, "value": _told(receipt)} for source, receipt in receipts.items()]
        answer = self._api.write(
            "PUT",
            f"orders/{code}",
            {"meta_data": entries},
            operation=_OPERATION,
            reference=code,
            params={"_fields": "id"},
            is_idempotent=True,
        )
        self._refuse_errors(answer, code)

    def _post(self, path: str, code: str, body: Mapping[str, Any]) -> None:
        self._refuse_errors(self._api.write("POST", path, body, operation=_OPERATION, reference=code), code)

    def _refuse_errors(self, answer: Answer, code: str) -> None:
        if answer.status >= 400:
            words = self._api.clean(error_words(answer.json)) or "the shop refused the receipt"
            raise RejectedError(words, reason="refused", operation=_OPERATION, reference=code)


def _told(receipt: Receipt) -> str:
    return f"{receipt.source_order_code} {receipt.reference}"

"""Look-ups for orders in the last good snapshots: who owns a sku, and which account an e-mail address belongs to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from s2s_pipelines.cycle.port import CATALOGUE, CatalogueStore, Snapshot, feed_name
from s2s_pipelines.ports import SkuOwner

if TYPE_CHECKING:
    import pyarrow as pa

_CUSTOMER = ["customer_active", "source_customer_code", "email"]
_OWNER = ["sku", "source", "source_variant_code", "title", "is_conflict", "product_active"]
_MOST_KEPT = 8


class SnapshotDirectory:
    """``ports.Directory`` on the catalogue store. Keeps the few customer lists it used last in memory."""

    def __init__(self, store: CatalogueStore) -> None:
        self._store = store
        self._lists: dict[str, Mapping[str, str]] = {}
        self._lock = Lock()

    def sku_owners(self, client: str, skus: Sequence[str]) -> Mapping[str, SkuOwner]:
        """Owners of the given skus; unknown skus are left out.

        A source that says delete still owns its sku, unless another one offers it: goods that were sold before are still its
        goods.
        """
        snapshot = self._store.current(client, CATALOGUE)
        if snapshot is None or not skus:
            return {}
        rows = self._store.read(snapshot, columns=_OWNER, skus=sorted(set(skus))).to_pylist()
        owners: dict[str, SkuOwner] = {}
        for row in sorted(rows, key=lambda r: (r["product_active"] != "delete", r["source"]), reverse=True):
            owner = SkuOwner(
                row["sku"],
                row["source"],
                row["source_variant_code"] or "",
                row["title"] or "",
                bool(row["is_conflict"]),
            )
            owners.setdefault(row["sku"], owner)
        return owners

    def customer_codes(self, client: str, source: str, emails: Sequence[str]) -> Mapping[str, str]:
        """Source customer codes by lower-case e-mail address; addresses of several active customers are left out."""
        snapshot = self._store.current(client, feed_name(source, "customers"))
        if snapshot is None or not emails:
            return {}
        known = self._customers(snapshot)
        wanted = {email.strip().lower() for email in emails}
        return {email: known[email] for email in wanted if email in known}

    def _customers(self, snapshot: Snapshot) -> Mapping[str, str]:
        with self._lock:
            if snapshot.path not in self._lists:
                while len(self._lists) >= _MOST_KEPT:
                    self._lists.pop(next(iter(self._lists)))
                self._lists[snapshot.path] = _by_email(self._store.read(snapshot, columns=_CUSTOMER))
            return self._lists[snapshot.path]


def _by_email(customers: "pa.Table") -> Mapping[str, str]:
    """Codes of active customers by address, where exactly one has it."""
    codes: dict[str, set[str]] = defaultdict(set)
    for row in customers.to_pylist():
        email, code = (row.get("email") or "").strip().lower(), row.get("source_customer_code")
        if email and code and row.get("customer_active") != "delete":
            codes[email].add(code)
    return {email: next(iter(found)) for email, found in codes.items() if len(found) == 1}

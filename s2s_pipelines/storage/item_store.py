"""What we know of every item of a channel: its ids there, the state the channel last confirmed, and how the last attempt went.

Built for hundreds of thousands of items: reading all of them takes hashes and ids only, states are fetched for the few that
differ, and what came of a batch is written in one transaction.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from s2s_pipelines.catalogue.breaker import Listed
from s2s_pipelines.catalogue.held import DELIST_HASH, held_schema, states_schema
from s2s_pipelines.cycle.patience import is_waiting
from s2s_pipelines.cycle.port import Attempt, HeldItem, ItemKey, ItemResult
from s2s_pipelines.storage.schema import channel_item, order_line, sales_order
from s2s_pipelines.storage.transaction import reading, writing

if TYPE_CHECKING:
    import pyarrow as pa

_T = channel_item.c
_MOST_KEYS = 500
"""Keys asked for in one statement; SQLite takes no more than 32,766 parameters."""
_READ_ROWS = 20_000
_KEY = ("client", "channel", "level", "item_key")
_REASON_LIMIT = 60


class Items:
    """The item store on our database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def held(self, client: str, channel: str, now: datetime) -> "pa.Table":
        """All items of a channel, ``catalogue.held.held_schema``; which of them wait is told as of ``now``."""
        import pyarrow as pa

        is_simple = sa.case((_T.level == "product", _T.acknowledged["is_simple"].as_string() == "true"))
        names = [n for n in held_schema().names if n not in ("is_waiting", "is_simple")]
        query = sa.select(*(_T[n] for n in names), is_simple.label("is_simple")).where(_of(client, channel))
        failed = sa.select(_T.level, _T.item_key, _T.failures, _T.attempted_at, _T.is_retriable)
        with reading(self._engine, "read a channel's items") as connection:
            trouble = connection.execute(failed.where(_of(client, channel), _T.failures > 1)).all()
            waiting = {
                (r.level, r.item_key)
                for r in trouble
                if is_waiting(r.failures, r.attempted_at, now, is_retriable=bool(r.is_retriable))
            }
            # As Arrow tables batch by batch: a million items as Python's own objects would take gigabytes.
            with connection.execute(query, execution_options={"yield_per": _READ_ROWS}) as found:
                batches = [_held_batch(rows, names, waiting) for rows in found.partitions()]
        return pa.concat_tables([held_schema().empty_table(), *batches]).combine_chunks()

    def states(self, client: str, channel: str, keys: "pa.Table") -> "pa.Table":
        """Acknowledged states of some items (``level``, ``item_key``), ``catalogue.held.states_schema``."""
        import pyarrow as pa

        wanted = list(zip(keys["level"].to_pylist(), keys["item_key"].to_pylist(), strict=True))
        texts = (sa.cast(_T.acknowledged, sa.Text), sa.cast(_T.images, sa.Text))
        query = sa.select(_T.level, _T.item_key, *texts)
        with reading(self._engine, "read acknowledged states") as connection:
            rows = list(_by_keys(connection, query, client, channel, wanted))
        columns = list(zip(*rows, strict=True)) or [() for _ in states_schema()]
        return pa.table([pa.array(c, pa.string()) for c in columns], schema=states_schema())

    def listed(self, client: str, channel: str) -> Listed:
        """How much the channel shows."""
        quantity = _T.acknowledged["qty"].as_string()
        has_stock = sa.and_(quantity.is_not(None), quantity.not_in(("0", "null")))
        query = sa.select(sa.func.count(), sa.func.count(sa.case((has_stock, 1)))).where(
            _of(client, channel), _T.level == "variant", _T.is_listed.is_(sa.true())
        )
        with reading(self._engine, "count a channel's items") as connection:
            variants, with_stock = connection.execute(query).one()
        return Listed(variants, with_stock)

    def mark(self, client: str, channel: str) -> str:
        """Another text whenever anything was noted of any item: counts and newest moments, however many items there are."""
        counts = [
            sa.func.count(),
            sa.func.count(_T.acknowledged_hash),
            sa.func.count(_T.attempted_hash),
            sa.func.sum(sa.case((_T.is_listed, 1), else_=0)),
            sa.func.sum(sa.case((_T.is_uncertain, 1), else_=0)),
            sa.func.sum(_T.failures),
        ]
        moments = [sa.func.max(_T.attempted_at), sa.func.max(_T.acknowledged_at)]
        with reading(self._engine, "look whether items changed") as connection:
            row = connection.execute(sa.select(*counts, *moments).where(_of(client, channel))).one()
        return " ".join(str(value) for value in row)

    def was_written(self, client: str, channel: str) -> bool:
        """Whether anything was ever sent to the channel, whatever came of it."""
        query = sa.select(_T.id).where(_of(client, channel), _T.attempted_at.is_not(None)).limit(1)
        with reading(self._engine, "look whether a channel is new") as connection:
            return connection.execute(query).first() is not None

    def begin(self, client: str, channel: str, attempts: Sequence[Attempt], at: datetime) -> frozenset[str]:
        """Note, before anything is sent, that these items are about to be written: until told otherwise they are uncertain.

        Returns the keys of products of which any item is no longer what its plan believes; nothing is noted for these.
        """
        with writing(self._engine, "begin a batch") as connection:
            known = self._rows(connection, client, channel, [a.key for a in attempts])
            moved = frozenset(a.product_key for a in attempts if _has_moved(a, known.get(a.key)))
            rows = [
                {
                    **(known.get(attempt.key) or _blank(client, channel, attempt.level, attempt.item_key)),
                    "product_key": attempt.product_key,
                    "attempted_at": at,
                    "attempted_hash": attempt.attempted_hash,
                    "is_uncertain": True,
                }
                for attempt in attempts
                if attempt.product_key not in moved
            ]
            self._write(connection, rows)
        return moved

    def record(self, client: str, channel: str, results: Sequence[ItemResult], at: datetime) -> None:
        """Remember what came of writing items, all of them or none."""
        with writing(self._engine, "record outcomes") as connection:
            known = self._rows(connection, client, channel, [r.key for r in results])
            rows = []
            for result in results:
                row = known.get(result.key) or _blank(client, channel, result.level, result.item_key)
                rows.append(
                    row | _ids(result, row) | (_confirmed(result, at) if result.is_ok else _failed(result, row, at))
                )
            self._write(connection, rows)

    def settle(self, client: str, channel: str, items: "pa.Table", at: datetime) -> int:
        """Write acknowledged states anew (``level``, ``item_key``, ``state``, ``content_hash``, ``basis_hash``)."""
        statement = (
            sa.update(channel_item)
            .where(_of(client, channel), _T.level == sa.bindparam("at_level"), _T.item_key == sa.bindparam("at_key"))
            .where(sa.func.coalesce(_T.acknowledged_hash, "") == sa.bindparam("basis"))
            .values(acknowledged=sa.bindparam("state"), acknowledged_hash=sa.bindparam("hash"))
            .values(acknowledged_at=at, is_uncertain=False, attempted_hash=None)
        )
        written = 0
        for batch in items.to_batches(max_chunksize=5_000):
            values = [
                {
                    "at_level": row["level"],
                    "at_key": row["item_key"],
                    "basis": row["basis_hash"] or "",
                    "state": json.loads(row["state"]),
                    "hash": row["content_hash"],
                }
                for row in batch.to_pylist()
            ]
            with writing(self._engine, "settle items") as connection:
                connection.execute(statement, values)
            written += len(values)
        return written

    def forget_sold(self, client: str, channel: str) -> int:
        """Forget the quantities of skus that orders of this channel touched since we last wrote them; how many those are.

        A shop lowers its own figure when it sells and raises it when an order is cancelled, so what it confirmed before is no
        longer what it shows. Only the quantity is forgotten: the next plan sends it anew and nothing else.
        """
        touched = (
            sa.select(order_line.c.sku, sa.func.max(sales_order.c.content_at).label("at"))
            .join(sales_order, sales_order.c.id == order_line.c.order_id)
            .where(sales_order.c.client == client, sales_order.c.channel == channel)
            .group_by(order_line.c.sku)
            .subquery()
        )
        query = (
            sa.select(_T.item_key, _T.acknowledged)
            .join(touched, touched.c.sku == _T.item_key)
            .where(_of(client, channel), _T.level == "variant", _T.acknowledged_hash.is_not(None))
            .where(touched.c.at >= _T.attempted_at)
        )
        update = (
            sa.update(channel_item)
            .where(_of(client, channel), _T.level == "variant", _T.item_key == sa.bindparam("key"))
            .values(acknowledged=sa.bindparam("state"), acknowledged_hash=sa.bindparam("hash"))
        )
        with writing(self._engine, "forget quantities that were sold from") as connection:
            rows = []
            for key, state in connection.execute(query).all():
                if state and state.get("qty") is not None:
                    unsure = {**state, "qty": None}
                    text = json.dumps(unsure, sort_keys=True)
                    rows.append({"key": key, "state": unsure, "hash": hashlib.sha256(text.encode()).hexdigest()})
            if rows:
                connection.execute(update, rows)
        return len(rows)

    def doubt(self, client: str, channel: str, skus: Sequence[str]) -> frozenset[str]:
        """Treat what the channel shows of these skus as unknown, so that they are sent in full; which of them it has.

        Failures in a row are forgotten as well: a person asks for another try now.
        """
        found: set[str] = set()
        with writing(self._engine, "doubt items") as connection:
            for chunk in _chunks(sorted(set(skus)), _MOST_KEYS):
                mine = sa.and_(_of(client, channel), _T.level == "variant", _T.item_key.in_(chunk))
                rows = connection.execute(sa.select(_T.item_key, _T.product_key).where(mine)).all()
                products = sa.and_(
                    _of(client, channel), _T.level == "product", _T.item_key.in_({r.product_key for r in rows})
                )
                again = sa.update(channel_item).values(is_uncertain=True, failures=0)
                connection.execute(again.where(sa.or_(mine, products)))
                found |= {r.item_key for r in rows}
        return frozenset(found)

    def find(self, client: str, channel: str, keys: Sequence[ItemKey]) -> Sequence[HeldItem]:
        """What is known of some items."""
        names = [name for name in HeldItem.__dataclass_fields__ if name != "acknowledged"]
        query = sa.select(*(_T[n] for n in names), _T.acknowledged)
        with reading(self._engine, "look up items") as connection:
            rows = [row._mapping for row in _by_keys(connection, query, client, channel, keys)]
        return [HeldItem(**{**row, "acknowledged": row["acknowledged"] or {}}) for row in rows]

    def failing(self, client: str, channel: str, limit: int) -> tuple[int, Sequence[HeldItem]]:
        """How many items the channel did not take, and the first of them by reason and key."""
        mine = (_of(client, channel), _T.failures > 0)
        names = [name for name in HeldItem.__dataclass_fields__ if name != "acknowledged"]
        first = sa.select(*(_T[n] for n in names)).where(*mine).order_by(_T.reason, _T.item_key).limit(limit)
        with reading(self._engine, "look up failing items") as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(channel_item).where(*mine)).scalar_one()
            rows = connection.execute(first).all()
        return count, [HeldItem(**row._mapping, acknowledged={}) for row in rows]

    def _rows(
        self, connection: sa.Connection, client: str, channel: str, keys: Sequence[ItemKey]
    ) -> dict[ItemKey, dict[str, Any]]:
        query = sa.select(*(c for c in channel_item.c if c.name != "id"))
        found = _by_keys(connection, query, client, channel, keys)
        return {(r.level, r.item_key): dict(r._mapping) for r in found}

    def _write(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert or overwrite whole rows."""
        if not rows:
            return
        insert: Callable[..., Any] = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(channel_item)
        overwritten = {c.name: statement.excluded[c.name] for c in channel_item.c if c.name not in (*_KEY, "id")}
        connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=overwritten), list(rows))


def _held_batch(
    rows: Sequence[Sequence[Any]], names: Sequence[str], waiting: Collection[tuple[str, str]]
) -> "pa.Table":
    """Some items as ``catalogue.held.held_schema`` has them; ``is_simple`` is the last of their columns."""
    import pyarrow as pa

    columns = list(zip(*rows, strict=True))
    by_name: dict[str, Sequence[Any]] = dict(zip([*names, "is_simple"], columns, strict=True))
    by_name["is_waiting"] = [(level, key) in waiting for level, key in zip(*columns[:2], strict=True)]
    by_name["is_simple"] = [None if v is None else bool(v) for v in by_name["is_simple"]]
    return pa.table([pa.array(by_name[f.name], f.type) for f in held_schema()], schema=held_schema())


def _of(client: str, channel: str) -> sa.ColumnElement[bool]:
    return sa.and_(_T.client == client, _T.channel == channel)


def _by_keys(
    connection: sa.Connection, query: sa.Select[Any], client: str, channel: str, keys: Sequence[ItemKey]
) -> Iterator[sa.Row[Any]]:
    """Rows of the given items; past a few thousand keys it is cheaper to read all and choose."""
    if len(keys) > 20 * _MOST_KEYS:
        wanted = set(keys)
        for row in connection.execute(query.where(_of(client, channel))):
            if (row.level, row.item_key) in wanted:
                yield row
        return
    for level in ("product", "variant"):
        of_level = sorted({key for kind, key in keys if kind == level})
        for chunk in _chunks(of_level, _MOST_KEYS):
            yield from connection.execute(query.where(_of(client, channel), _T.level == level, _T.item_key.in_(chunk)))


def _chunks(values: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _blank(client: str, channel: str, level: str, item_key: str) -> dict[str, Any]:
    """A row of an item that the channel does not show as far as we know."""
    row: dict[str, Any] = {c.name: None for c in channel_item.c if c.name != "id"}
    names = {"client": client, "channel": channel, "level": level, "item_key": item_key}
    return row | names | {"is_listed": False, "is_uncertain": False, "failures": 0}


def _has_moved(attempt: Attempt, row: Mapping[str, Any] | None) -> bool:
    """Whether somebody changed the item since the plan was made."""
    if row is None:
        return attempt.basis_hash is not None or attempt.is_basis_listed
    return bool(row["acknowledged_hash"] != attempt.basis_hash or row["is_listed"] != attempt.is_basis_listed)


def _ids(result: ItemResult, row: Mapping[str, Any]) -> dict[str, Any]:
    """The channel's ids as told now, else as known before."""
    if result.forgets_ids:
        return {"channel_product_code": None, "channel_variant_code": None, "images": None}
    return {
        "product_key": result.product_key,
        "channel_product_code": result.channel_product_code or row["channel_product_code"],
        "channel_variant_code": result.channel_variant_code or row["channel_variant_code"],
        "images": dict(result.images) or row["images"],
    }


def _confirmed(result: ItemResult, at: datetime) -> dict[str, Any]:
    at_rest = {"attempted_hash": None, "is_uncertain": False, "failures": 0, "is_retriable": None}
    # attempted_at stays the moment before it was sent: an order that came in since may have changed what is shown.
    silent = {"reason": None, "message": None, "remedy": None, "product_key": result.product_key}
    if result.is_delist:
        gone = {"is_listed": False, "acknowledged": None, "acknowledged_hash": None, "acknowledged_at": at}
        return at_rest | silent | gone
    if result.state is None:  # only its ids were told, what it shows is as it was
        return {}
    told = {"acknowledged": json.loads(result.state), "acknowledged_hash": result.content_hash}
    return at_rest | silent | told | {"is_listed": True, "acknowledged_at": at}


def _failed(result: ItemResult, row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    lost = {"is_listed": False, "acknowledged": None, "acknowledged_hash": None} if result.forgets_ids else {}
    return lost | {
        "product_key": result.product_key,
        "attempted_at": at,
        "attempted_hash": DELIST_HASH if result.is_delist else result.content_hash,
        "is_uncertain": result.is_uncertain,
        "failures": row["failures"] + 1,
        "reason": result.reason[:_REASON_LIMIT],
        "message": result.message,
        "remedy": result.remedy,
        "is_retriable": result.is_retriable,
    }

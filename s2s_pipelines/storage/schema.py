"""The tables of our own database. It decides what is due and what was done; Dagster's storage decides nothing.

SQLite by default, PostgreSQL by environment. Times are stored as aware UTC (``Instant``), money as text (``Money``): neither
SQLite nor a driver may round either. Every change of this module comes with an Alembic migration; a test compares the two.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware UTC moment, kept as sortable text ``2026-11-21T12:00:00.000000Z``."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Aware UTC again."""
        return None if value is None else datetime.fromisoformat(value)


class Money(TypeDecorator[Decimal]):
    """A decimal amount kept as its text."""

    impl = sa.String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> str | None:
        """Plain digits, never an exponent."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Any) -> Decimal | None:
        """Decimal again."""
        return None if value is None else Decimal(value)


_names = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = sa.MetaData(naming_convention=_names)
_key = sa.String(40)
_code = sa.String(190)
_json = sa.JSON()
_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# --- catalogue ---------------------------------------------------------------------------------------------------

snapshot = sa.Table(
    "snapshot",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("client", _key, nullable=False),
    sa.Column("name", _code, nullable=False, comment="source/<source>/<feed>, catalogue"),
    sa.Column("path", sa.Text, nullable=False, comment="below the catalogue folder, written before this row"),
    sa.Column("is_current", sa.Boolean, nullable=False),
    sa.Column("rows_in", sa.Integer, nullable=False),
    sa.Column("rows_out", sa.Integer, nullable=False),
    sa.Column("rejected", sa.Integer, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("read_at", Instant, nullable=False),
    sa.Column("source_modified_at", Instant),
    sa.Column("content_since", Instant, comment="read_at of the first snapshot with this fingerprint"),
    sa.Column("is_complete", sa.Boolean, nullable=False),
    sa.Column("cursor", sa.Text),
    sa.Column("details", _json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("ix_snapshot_client_name", "client", "name", "is_current"),
    sa.Index(
        "ix_snapshot_current",
        "client",
        sqlite_where=sa.text("is_current = 1"),
        postgresql_where=sa.text("is_current"),
    ),
)

feed_state = sa.Table(
    "feed_state",
    metadata,
    sa.Column("client", _key, primary_key=True),
    sa.Column("source", _key, primary_key=True),
    sa.Column("feed", _key, primary_key=True),
    sa.Column("attempted_at", Instant),
    sa.Column("succeeded_at", Instant),
    sa.Column("full_at", Instant, comment="last complete read that stood"),
    sa.Column("failures", sa.Integer, nullable=False, default=0, comment="in a row"),
    sa.Column("error_class", sa.String(60)),
    sa.Column("error", sa.Text),
    sa.Column("retry_at", Instant),
)

channel_item = sa.Table(
    "channel_item",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("client", _key, nullable=False),
    sa.Column("channel", _key, nullable=False),
    sa.Column("level", sa.String(8), nullable=False, comment="product or variant"),
    sa.Column("item_key", _code, nullable=False, comment="product key, or sku"),
    sa.Column("product_key", _code, nullable=False),
    sa.Column("channel_product_code", _code),
    sa.Column("channel_variant_code", _code),
    sa.Column("acknowledged_hash", sa.String(64), comment="of the desired state the channel last confirmed"),
    sa.Column("acknowledged", _json, comment="that state, field by field"),
    sa.Column("acknowledged_at", Instant),
    sa.Column("images", _json, comment="image address -> the channel's id of it"),
    sa.Column("is_listed", sa.Boolean, nullable=False, default=True),
    sa.Column("attempted_at", Instant),
    sa.Column("attempted_hash", sa.String(64), comment="of the state last sent and not confirmed, or delist"),
    sa.Column(
        "is_uncertain", sa.Boolean, nullable=False, default=False, comment="sent and not heard of: channel may differ"
    ),
    sa.Column("failures", sa.Integer, nullable=False, default=0, comment="in a row"),
    sa.Column("reason", sa.String(60)),
    sa.Column("message", sa.Text),
    sa.Column("remedy", sa.Text),
    sa.Column("is_retriable", sa.Boolean),
    sa.UniqueConstraint("client", "channel", "level", "item_key"),
    sa.Index(
        "ix_channel_item_failed",
        "client",
        "channel",
        sqlite_where=sa.text("failures > 0"),
        postgresql_where=sa.text("failures > 0"),
    ),
)

plan = sa.Table(
    "plan",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("client", _key, nullable=False),
    sa.Column("channel", _key, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, comment="of the changes, so that equal plans are recognised"),
    sa.Column("catalogue_fingerprint", sa.String(64), nullable=False),
    sa.Column("counts", _json, nullable=False),
    sa.Column("verdict", sa.String(12), nullable=False, comment="clear, stopped, let_through"),
    sa.Column("breakers", _json, nullable=False, comment="name -> {measured, limit, is_tripped, message}"),
    sa.Column("let_through", _json, comment="{breakers, by, reason, at}"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("pushed_at", Instant),
    sa.Column("outcome", _json),
    sa.Column("approval", _json, comment="{by, reason, at, digest}"),
    sa.Column("confirmed_at", Instant, comment="when it was last found to be what the channel needs"),
    sa.Column("recipe", sa.String(64), comment="of all it was made from; null where its quantities depend on orders"),
    sa.Index("ix_plan_client_channel", "client", "channel", "id"),
)

# --- orders ------------------------------------------------------------------------------------------------------

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("client", _key, nullable=False),
    sa.Column("channel", _key, nullable=False),
    sa.Column("channel_order_code", _code, nullable=False),
    sa.Column("body_hash", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("modified_at", Instant, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("taken_at", Instant, comment="when the ledger took it in; null is work to do"),
    sa.Column("problem", sa.Text, comment="why it could not be understood"),
    sa.UniqueConstraint("client", "channel", "channel_order_code", "body_hash"),
    sa.Index("ix_inbox_taken_at", "client", "taken_at"),
    sa.Index(
        "ix_inbox_waiting",
        "client",
        sqlite_where=sa.text("taken_at IS NULL"),
        postgresql_where=sa.text("taken_at IS NULL"),
    ),
    sa.Index(
        "ix_inbox_problem",
        "client",
        sqlite_where=sa.text("problem IS NOT NULL"),
        postgresql_where=sa.text("problem IS NOT NULL"),
    ),
)

sales_order = sa.Table(
    "sales_order",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("client", _key, nullable=False),
    sa.Column("channel", _key, nullable=False),
    sa.Column("channel_order_code", _code, nullable=False),
    sa.Column("number", _code, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("status", sa.String(60), nullable=False, comment="the channel's own word"),
    sa.Column("reason", sa.String(60), comment="why it is held"),
    sa.Column("message", sa.Text),
    sa.Column("remedy", sa.Text),
    sa.Column("order", _json, nullable=False, comment="the translated order"),
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("total", Money, nullable=False),
    sa.Column("is_reserving", sa.Boolean, nullable=False, default=False),
    sa.Column("inbox_id", _id, sa.ForeignKey("inbox.id")),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("due_at", Instant, comment="when work on it is next due; null means none"),
    sa.Column("ordered_at", Instant, nullable=False),
    sa.Column("modified_at", Instant, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("content_at", Instant, comment="when we learnt of the newest change that was not our own write-back"),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, default=0),
    sa.UniqueConstraint("client", "channel", "channel_order_code"),
    sa.Index("ix_sales_order_due", "client", "state", "due_at"),
    sa.Index("ix_sales_order_newest", "client", "channel", "ordered_at"),
    sa.Index("ix_sales_order_changed", "client", "changed_at"),
    sa.Index(
        "ix_sales_order_open",
        "due_at",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_sales_order_held",
        "client",
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    ),
)

order_document = sa.Table(
    "order_document",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("order_id", _id, sa.ForeignKey("sales_order.id"), nullable=False),
    sa.Column("client", _key, nullable=False),
    sa.Column("source", _key, nullable=False),
    sa.Column("external_reference", _code, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("document", _json, nullable=False, comment="complete and decided; the same on every attempt"),
    sa.Column("source_customer_code", _code, nullable=False),
    sa.Column("total", Money, nullable=False),
    sa.Column("source_order_code", _code),
    sa.Column("raised_total", Money),
    sa.Column("raised_at", Instant),
    sa.Column("was_found", sa.Boolean),
    sa.Column("told_at", Instant),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("fence", sa.BigInteger, comment="token of the lease under which it was last touched"),
    sa.Column("reason", sa.String(60)),
    sa.Column("message", sa.Text),
    sa.Column("remedy", sa.Text),
    sa.Column("changed_at", Instant, nullable=False),
    sa.UniqueConstraint("order_id", "source"),
    sa.UniqueConstraint("client", "source", "external_reference"),
)

order_line = sa.Table(
    "order_line",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("order_id", _id, sa.ForeignKey("sales_order.id"), nullable=False),
    sa.Column("client", _key, nullable=False),
    sa.Column("sku", _code, nullable=False),
    sa.Column("qty", sa.Integer, nullable=False),
    sa.Column("source", _key, comment="the primary source that owns the sku, once routed"),
    sa.Index("ix_order_line_client_sku", "client", "sku"),
    sa.Index("ix_order_line_order_id", "order_id"),
)

order_event = sa.Table(
    "order_event",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("order_id", _id, sa.ForeignKey("sales_order.id"), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("event", sa.String(40), nullable=False),
    sa.Column("from_state", sa.String(20)),
    sa.Column("to_state", sa.String(20)),
    sa.Column("source", _key),
    sa.Column("details", _json, nullable=False),
    sa.Index("ix_order_event_order_id", "order_id"),
    comment="append only: nothing here is ever changed or deleted",
)

poll_state = sa.Table(
    "poll_state",
    metadata,
    sa.Column("client", _key, primary_key=True),
    sa.Column("channel", _key, primary_key=True),
    sa.Column("cursor", sa.Text),
    sa.Column("attempted_at", Instant),
    sa.Column("succeeded_at", Instant),
    sa.Column("failures", sa.Integer, nullable=False, default=0),
    sa.Column("error", sa.Text),
    sa.Column("retry_at", Instant),
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", _code, primary_key=True, comment="connection/<client>/<connection> and the like"),
    sa.Column("holder", sa.String(120), nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False, comment="grows by one with every change of hands"),
    sa.Column("expires_at", Instant, nullable=False),
)

# --- operation ---------------------------------------------------------------------------------------------------

pause = sa.Table(
    "pause",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("client", _key, nullable=False, comment="a client's key, or * for all of them"),
    sa.Column("scope", sa.String(8), nullable=False, comment="all, source, channel, orders, pushes"),
    sa.Column("target", _key, comment="the source or channel; null for the other scopes"),
    sa.Column("until", Instant, nullable=False, comment="ends by itself then"),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant, comment="when a person ended it before its time"),
    sa.Column("ended_by", sa.String(120)),
    sa.Index("ix_pause_until", "until"),
)

cycle_claim = sa.Table(
    "cycle_claim",
    metadata,
    sa.Column("client", _key, primary_key=True),
    sa.Column(
        "token", sa.String(40), nullable=False, comment="of the run request that is to take the client's cycle up"
    ),
    sa.Column("claimed_at", Instant, nullable=False),
    sa.Column("begun_at", Instant),
    sa.Column("done_at", Instant),
    sa.Column("seconds", sa.Float, comment="how long the last finished cycle took"),
    sa.Column("holder", sa.String(120), comment="the process that took the run's clients up"),
    sa.Column("alive_until", Instant, comment="pushed on while that process lives"),
)

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("cause", sa.String(250), nullable=False, comment="the same for as long as the same thing is wrong"),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("client", _key, comment="null where no client is concerned"),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    sa.Column("link", sa.Text),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False, comment="when it was last found to be so"),
    sa.Column("closed_at", Instant),
    sa.Column("told", _json, nullable=False, comment="by receiver: {opened: moment, closed: moment}"),
    sa.Index("ix_alert_cause", "cause", "closed_at"),
)

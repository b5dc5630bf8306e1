"""The tables as they were first shipped."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "channel_item",
        sa.Column("id", _ID, nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("level", sa.String(8), nullable=False, comment="product or variant"),
        sa.Column("item_key", sa.String(190), nullable=False, comment="product key, or sku"),
        sa.Column("product_key", sa.String(190), nullable=False),
        sa.Column("channel_product_code", sa.String(190), nullable=True),
        sa.Column("channel_variant_code", sa.String(190), nullable=True),
        sa.Column(
            "acknowledged_hash", sa.String(64), nullable=True, comment="of the desired state the channel last confirmed"
        ),
        sa.Column("acknowledged", sa.JSON(), nullable=True, comment="that state, field by field"),
        sa.Column("acknowledged_at", sa.String(27), nullable=True),
        sa.Column("images", sa.JSON(), nullable=True, comment="image address -> the channel's id of it"),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("attempted_at", sa.String(27), nullable=True),
        sa.Column(
            "attempted_hash",
            sa.String(64),
            nullable=True,
            comment="of the state last sent and not confirmed, or delist",
        ),
        sa.Column("is_uncertain", sa.Boolean(), nullable=False, comment="sent and not heard of: channel may differ"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row"),
        sa.Column("reason", sa.String(60), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("is_retriable", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_item")),
        sa.UniqueConstraint(
            "client", "channel", "level", "item_key", name=op.f("uq_channel_item_client_channel_level_item_key")
        ),
    )
    op.create_table(
        "feed_state",
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("feed", sa.String(40), nullable=False),
        sa.Column("attempted_at", sa.String(27), nullable=True),
        sa.Column("succeeded_at", sa.String(27), nullable=True),
        sa.Column("full_at", sa.String(27), nullable=True, comment="last complete read that stood"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row"),
        sa.Column("error_class", sa.String(60), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("retry_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("client", "source", "feed", name=op.f("pk_feed_state")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", _ID, nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("channel_order_code", sa.String(190), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.String(27), nullable=False),
        sa.Column("received_at", sa.String(27), nullable=False),
        sa.Column("taken_at", sa.String(27), nullable=True, comment="when the ledger took it in; null is work to do"),
        sa.Column("problem", sa.Text(), nullable=True, comment="why it could not be understood"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint(
            "client",
            "channel",
            "channel_order_code",
            "body_hash",
            name=op.f("uq_inbox_client_channel_channel_order_code_body_hash"),
        ),
    )
    op.create_index("ix_inbox_taken_at", "inbox", ["client", "taken_at"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", sa.String(190), nullable=False, comment="connection/<client>/<connection> and the like"),
        sa.Column("holder", sa.String(120), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False, comment="grows by one with every change of hands"),
        sa.Column("expires_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "plan",
        sa.Column("id", _ID, nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column(
            "digest", sa.String(64), nullable=False, comment="of the changes, so that equal plans are recognised"
        ),
        sa.Column("catalogue_fingerprint", sa.String(64), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False, comment="clear, stopped, let_through"),
        sa.Column("breakers", sa.JSON(), nullable=False, comment="name -> {measured, limit, is_tripped, message}"),
        sa.Column("let_through", sa.JSON(), nullable=True, comment="{breakers, by, reason, at}"),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("pushed_at", sa.String(27), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
    )
    op.create_index("ix_plan_client_channel", "plan", ["client", "channel", "id"], unique=False)
    op.create_table(
        "poll_state",
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("attempted_at", sa.String(27), nullable=True),
        sa.Column("succeeded_at", sa.String(27), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("retry_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("client", "channel", name=op.f("pk_poll_state")),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", _ID, nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("name", sa.String(190), nullable=False, comment="source/<source>/<feed>, catalogue"),
        sa.Column("path", sa.Text(), nullable=False, comment="below the catalogue folder, written before this row"),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("rows_in", sa.Integer(), nullable=False),
        sa.Column("rows_out", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("read_at", sa.String(27), nullable=False),
        sa.Column("source_modified_at", sa.String(27), nullable=True),
        sa.Column(
            "content_since", sa.String(27), nullable=True, comment="read_at of the first snapshot with this fingerprint"
        ),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
    )
    op.create_index("ix_snapshot_client_name", "snapshot", ["client", "name", "is_current"], unique=False)
    op.create_table(
        "sales_order",
        sa.Column("id", _ID, nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("channel_order_code", sa.String(190), nullable=False),
        sa.Column("number", sa.String(190), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("status", sa.String(60), nullable=False, comment="the channel's own word"),
        sa.Column("reason", sa.String(60), nullable=True, comment="why it is held"),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("order", sa.JSON(), nullable=False, comment="the translated order"),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total", sa.String(40), nullable=False),
        sa.Column("is_reserving", sa.Boolean(), nullable=False),
        sa.Column("inbox_id", _ID, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.String(27), nullable=True, comment="when work on it is next due; null means none"),
        sa.Column("ordered_at", sa.String(27), nullable=False),
        sa.Column("modified_at", sa.String(27), nullable=False),
        sa.Column("received_at", sa.String(27), nullable=False),
        sa.Column(
            "content_at",
            sa.String(27),
            comment="when we learnt of the newest change that was not our own write-back",
        ),
        sa.Column("changed_at", sa.String(27), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name=op.f("fk_sales_order_inbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_order")),
        sa.UniqueConstraint(
            "client", "channel", "channel_order_code", name=op.f("uq_sales_order_client_channel_channel_order_code")
        ),
    )
    op.create_index("ix_sales_order_due", "sales_order", ["client", "state", "due_at"], unique=False)
    op.create_table(
        "order_document",
        sa.Column("id", _ID, nullable=False),
        sa.Column("order_id", _ID, nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("external_reference", sa.String(190), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False, comment="complete and decided; the same on every attempt"),
        sa.Column("source_customer_code", sa.String(190), nullable=False),
        sa.Column("total", sa.String(40), nullable=False),
        sa.Column("source_order_code", sa.String(190), nullable=True),
        sa.Column("raised_total", sa.String(40), nullable=True),
        sa.Column("raised_at", sa.String(27), nullable=True),
        sa.Column("was_found", sa.Boolean(), nullable=True),
        sa.Column("told_at", sa.String(27), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "fence", sa.BigInteger(), nullable=True, comment="token of the lease under which it was last touched"
        ),
        sa.Column("reason", sa.String(60), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_document_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_document")),
        sa.UniqueConstraint(
            "client", "source", "external_reference", name=op.f("uq_order_document_client_source_external_reference")
        ),
        sa.UniqueConstraint("order_id", "source", name=op.f("uq_order_document_order_id_source")),
    )
    op.create_table(
        "order_event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("order_id", _ID, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("from_state", sa.String(20), nullable=True),
        sa.Column("to_state", sa.String(20), nullable=True),
        sa.Column("source", sa.String(40), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_event_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_event")),
        comment="append only: nothing here is ever changed or deleted",
    )
    op.create_index("ix_order_event_order_id", "order_event", ["order_id"], unique=False)
    op.create_table(
        "order_line",
        sa.Column("id", _ID, nullable=False),
        sa.Column("order_id", _ID, nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("sku", sa.String(190), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(40), nullable=True, comment="the primary source that owns the sku, once routed"),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_line_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_line")),
    )
    op.create_index("ix_order_line_client_sku", "order_line", ["client", "sku"], unique=False)
    op.create_index("ix_order_line_order_id", "order_line", ["order_id"], unique=False)
    # ### end Alembic commands ###


def downgrade() -> None:
    op.drop_index("ix_order_line_order_id", table_name="order_line")
    op.drop_index("ix_order_line_client_sku", table_name="order_line")
    op.drop_table("order_line")
    op.drop_index("ix_order_event_order_id", table_name="order_event")
    op.drop_table("order_event")
    op.drop_table("order_document")
    op.drop_index("ix_sales_order_due", table_name="sales_order")
    op.drop_table("sales_order")
    op.drop_index("ix_snapshot_client_name", table_name="snapshot")
    op.drop_table("snapshot")
    op.drop_table("poll_state")
    op.drop_index("ix_plan_client_channel", table_name="plan")
    op.drop_table("plan")
    op.drop_table("lease")
    op.drop_index("ix_inbox_taken_at", table_name="inbox")
    op.drop_table("inbox")
    op.drop_table("feed_state")
    op.drop_table("channel_item")
    # ### end Alembic commands ###

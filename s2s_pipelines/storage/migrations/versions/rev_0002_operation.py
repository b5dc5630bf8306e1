"""Pauses, approvals, claims of cycles and alerts, and indexes for questions about the whole fleet."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("plan", sa.Column("approval", sa.JSON(), nullable=True, comment="{by, reason, at, digest}"))
    said = "when it was last found to be what the channel needs"
    op.add_column("plan", sa.Column("confirmed_at", sa.String(27), nullable=True, comment=said))
    made = "of all it was made from; null where its quantities depend on orders"
    op.add_column("plan", sa.Column("recipe", sa.String(64), nullable=True, comment=made))
    _partial("ix_channel_item_failed", "channel_item", ["client", "channel"], "failures > 0")
    _partial("ix_inbox_waiting", "inbox", ["client"], "taken_at IS NULL")
    _partial("ix_sales_order_open", "sales_order", ["due_at"], "due_at IS NOT NULL")
    _partial("ix_sales_order_held", "sales_order", ["client"], "state = 'held'")
    _partial("ix_snapshot_current", "snapshot", ["client"], "is_current", sqlite="is_current = 1")
    _partial("ix_inbox_problem", "inbox", ["client"], "problem IS NOT NULL")
    op.create_index("ix_sales_order_newest", "sales_order", ["client", "channel", "ordered_at"])
    op.create_index("ix_sales_order_changed", "sales_order", ["client", "changed_at"])
    op.create_table(
        "pause",
        sa.Column("id", _ID, nullable=False),
        sa.Column("client", sa.String(40), nullable=False, comment="a client's key, or * for all of them"),
        sa.Column("scope", sa.String(8), nullable=False, comment="all, source, channel, orders, pushes"),
        sa.Column("target", sa.String(40), nullable=True, comment="the source or channel; null for the other scopes"),
        sa.Column("until", sa.String(27), nullable=False, comment="ends by itself then"),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27), nullable=True, comment="when a person ended it before its time"),
        sa.Column("ended_by", sa.String(120), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_pause"),
    )
    op.create_index("ix_pause_until", "pause", ["until"])
    op.create_table(
        "cycle_claim",
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column(
            "token",
            sa.String(40),
            nullable=False,
            comment="of the run request that is to take the client's cycle up",
        ),
        sa.Column("claimed_at", sa.String(27), nullable=False),
        sa.Column("begun_at", sa.String(27), nullable=True),
        sa.Column("done_at", sa.String(27), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True, comment="how long the last finished cycle took"),
        sa.Column("holder", sa.String(120), nullable=True, comment="the process that took the run's clients up"),
        sa.Column("alive_until", sa.String(27), nullable=True, comment="pushed on while that process lives"),
        sa.PrimaryKeyConstraint("client", name="pk_cycle_claim"),
    )
    op.create_table(
        "alert",
        sa.Column("id", _ID, nullable=False),
        sa.Column("cause", sa.String(250), nullable=False, comment="the same for as long as the same thing is wrong"),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("client", sa.String(40), nullable=True, comment="null where no client is concerned"),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.String(27), nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=False, comment="when it was last found to be so"),
        sa.Column("closed_at", sa.String(27), nullable=True),
        sa.Column("told", sa.JSON(), nullable=False, comment="by receiver: {opened: moment, closed: moment}"),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    op.create_index("ix_alert_cause", "alert", ["cause", "closed_at"])


def _partial(name: str, table: str, columns: list[str], where: str, *, sqlite: str = "") -> None:
    """An index on the few rows that a question about the whole fleet looks for."""
    op.create_index(name, table, columns, sqlite_where=sa.text(sqlite or where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for table in ("alert", "cycle_claim", "pause"):
        op.drop_table(table)
    for name, table in (
        ("ix_sales_order_changed", "sales_order"),
        ("ix_sales_order_newest", "sales_order"),
        ("ix_inbox_problem", "inbox"),
        ("ix_snapshot_current", "snapshot"),
        ("ix_sales_order_held", "sales_order"),
        ("ix_sales_order_open", "sales_order"),
        ("ix_inbox_waiting", "inbox"),
        ("ix_channel_item_failed", "channel_item"),
    ):
        op.drop_index(name, table)
    for name in ("recipe", "confirmed_at", "approval"):
        op.drop_column("plan", name)

"""Run configuration: what the launchpad shows, prefilled and described."""

import dagster as dg
from pydantic import Field


class RefreshConfig(dg.Config):
    """How sources are read."""

    full: bool = Field(
        default=False,
        description="Read every selected feed whole, ignoring its cursor. Nothing is deleted by it: absent is not deleted.",
    )
    accept: list[str] = Field(
        default=[],
        description="Checks of fitness (empty, all_rejected, shrink, absent) to accept for this one read.",
    )


class PublishConfig(dg.Config):
    """How a channel is planned and pushed."""

    skus: list[str] = Field(
        default=[],
        description="Skus to send even if nothing changed since the channel last acknowledged them, for example ['0012'].",
    )
    let_through: list[str] = Field(
        default=[],
        description="Breakers (vanish, to_zero, price_change) to let through once, for the newest plan as it stands.",
    )
    reason: str = Field(
        default="", description="Why a breaker is let through; kept with the plan. Needed with let_through."
    )
    by: str = Field(default="", description="Who lets it through; kept with the plan. Needed with let_through.")


class CycleConfig(dg.Config):
    """Which clients go through their cycle together."""

    clients: list[str] = Field(
        default=[], description="Clients whose cycle is run, for example ['karoo_outdoor']; none named: every client."
    )
    sources: list[str] = Field(
        default=[],
        description="Sources to read with all their feeds, due or not, by their key at the client; none named: what is due.",
    )
    channels: list[str] = Field(
        default=[], description="Channels to plan and push, by their key at the client; none named: all of them."
    )
    full: bool = Field(
        default=False,
        description="Read whole, ignoring cursors; without named sources that is every feed, due or not. Nothing is deleted "
        "by it: absent is not deleted.",
    )
    threads: int = Field(
        default=3,
        ge=1,
        le=16,
        description="Clients side by side; one that waits for somebody outside for long does not count.",
    )
    token: str = Field(default="", description="Filled in by the sensor for the clients it claimed; leave it empty.")


class OrdersConfig(dg.Config):
    """Which orders are taken up."""

    clients: list[str] = Field(
        default=[], description="Clients whose orders are taken up; none named: every client that takes orders."
    )
    orders: list[str] = Field(
        default=[],
        description=(
            "Channel order codes (or channel:code) to fetch and judge again, such as ['1042']. A held order that is named is "
            "released. Nothing is raised twice. Needs exactly one client."
        ),
    )
    first_day: str = Field(
        default="",
        description="First day, YYYY-MM-DD in the client's time zone, to read again from its channels; empty: none.",
    )
    last_day: str = Field(default="", description="Last day of that range, included; empty: the first day alone.")
    poll: bool = Field(default=True, description="Also ask the channels for what changed since the last poll.")


_CLIENT = "The client's key, for example karoo_outdoor."
_CHANNEL = "One of its channels, by its key, for example shop."
_DOWNLOAD = "to this run's output: on the run's page choose stdout, then the step, then Download."
_SCOPES = (
    "What: all (everything of the client), source (reading that source and raising documents in it), channel (planning for it, "
    "pushing to it, asking it for orders), orders (asking for orders and raising them), pushes (plans are still made)."
)
_TARGET = "The source or channel by its key, for those two scopes; empty for the others."


class PauseConfig(dg.Config):
    """What stands still, until when, and why."""

    client: str = Field(default="", description=f"{_CLIENT} '*' (in quotes): every client.")
    scope: str = Field(default="pushes", description=_SCOPES)
    target: str = Field(default="", description=_TARGET)
    until: str = Field(
        default="1h",
        description="When it ends by itself: a distance (30m, 2h, 3d), a time of day (18:00) or a day and a time "
        "(2026-11-21 18:00) in the client's time zone.",
    )
    why: str = Field(default="", description="The reason; shown on the assets, in fleet and in the history. Needed.")
    by: str = Field(default="", description="Who pauses it. Needed.")


class ResumeConfig(dg.Config):
    """What goes on before its time."""

    client: str = Field(default="", description=f"{_CLIENT} '*' (in quotes): the pauses of every client.")
    scope: str = Field(
        default="",
        description="As it was paused: all, source, channel, orders, pushes. Empty: all pauses of this client.",
    )
    target: str = Field(default="", description=_TARGET)
    by: str = Field(default="", description="Who resumes it. Needed.")


class ApproveConfig(dg.Config):
    """Which plan may be pushed as its channel's first."""

    client: str = Field(default="", description=_CLIENT)
    channel: str = Field(default="", description=_CHANNEL)
    plan: int = Field(
        default=0,
        description="The number of the plan you looked at; another one is refused. 0: whatever is the newest now.",
    )
    by: str = Field(default="", description="Who approves it; kept with the plan. Needed.")
    reason: str = Field(default="", description="Why it is right; kept with the plan. Needed.")
    push: bool = Field(
        default=True, description="Push it at once; else the channel's next cycle does, if nothing changed."
    )


class LetThroughConfig(dg.Config):
    """Which breakers are let through, once."""

    client: str = Field(default="", description=_CLIENT)
    channel: str = Field(default="", description=_CHANNEL)
    breakers: list[str] = Field(
        default=[],
        description="All breakers that stop the newest plan: vanish, to_zero, price_change, for example ['to_zero'].",
    )
    by: str = Field(default="", description="Who lets it through; kept with the plan. Needed.")
    reason: str = Field(default="", description="Why it is right; kept with the plan. Needed.")


class ExplainConfig(dg.Config):
    """What is to be explained: a sku or an order."""

    client: str = Field(default="", description=_CLIENT)
    sku: str = Field(default="", description="The sku, for example '0012'. Leave it empty to explain an order.")
    order: str = Field(
        default="", description="The order's code or number in the shop. Leave it empty to explain a sku."
    )
    channel: str = Field(default="", description=f"{_CHANNEL} Empty: all of them. For a sku.")
    field: str = Field(
        default="", description="One field, for example price or variants.qty. Empty: all of them. For a sku."
    )


class PlanConfig(dg.Config):
    """Which plan is shown."""

    client: str = Field(default="", description=_CLIENT)
    channel: str = Field(default="", description=_CHANNEL)
    csv: bool = Field(
        default=False,
        description=f"Also write the whole plan as CSV {_DOWNLOAD}",
    )


class RejectsConfig(dg.Config):
    """Whose rejected rows are shown."""

    client: str = Field(default="", description=_CLIENT)
    source: str = Field(default="", description="One of its sources, by its key. Empty: all of them.")
    csv: bool = Field(
        default=False,
        description=f"Also write all rows as CSV, by reason, {_DOWNLOAD}",
    )


class ResyncConfig(dg.Config):
    """Which skus are sent again."""

    client: str = Field(default="", description=_CLIENT)
    channel: str = Field(default="", description=f"{_CHANNEL} Empty: all of them.")
    skus: list[str] = Field(
        default=[],
        description="Skus to send although nothing changed since they were last acknowledged, for example ['0012', '0013'].",
    )
    read_sources: bool = Field(
        default=False, description="Read the client's sources first, so that their newest state is sent."
    )

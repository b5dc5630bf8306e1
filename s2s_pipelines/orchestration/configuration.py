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


class ResyncConfig(dg.Config):
    """Which skus are sent again."""

    client: str = Field(description="The client, for example karoo_outdoor.")
    channel: str = Field(default="", description="One of its channels; empty: all of them.")
    skus: list[str] = Field(description="Skus to send although nothing changed, for example ['0012', '0013'].")
    read_sources: bool = Field(
        default=False, description="Read the client's sources first, so that their newest state is sent."
    )

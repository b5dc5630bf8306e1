"""What a client declares, in the words of the cycle."""

from typing import TYPE_CHECKING

from s2s_pipelines.bootstrap.choice import demand_known
from s2s_pipelines.config.fleet import Client

if TYPE_CHECKING:
    from s2s_pipelines.cycle.client_plan import ChannelPlan, ClientPlan


def client_plan(client: Client) -> "ClientPlan":
    """What the cycle is to do for one client, from its declarations."""
    from s2s_pipelines.cycle.client_plan import ClientPlan, FeedPlan, SourcePlan

    declaration = client.declaration
    sources = []
    for key, source in declaration.sources.items():
        feeds = tuple(
            FeedPlan(feed, d.every, d.full_at, d.ignore, d.absent, d.absent_limit, d.shrink_limit, d.stale_after)
            for feed, d in source.feeds.items()
        )
        fields = tuple(row for feed, rows in client.fields[key].items() if feed != "orders" for row in rows)
        sources.append(
            SourcePlan(
                source=key,
                role=source.role,
                basis=source.basis,
                fields=fields,
                feeds=feeds,
                of=source.of,
                precedence=source.precedence or 1,
                match=source.match,
                numbers=source.numbers,
                flags=source.flags,
                is_incremental="incremental" in client.kinds[source.connection].manifest.capabilities,
                rhythm=source.rhythm,
            )
        )
    return ClientPlan(client.name, declaration.timezone, declaration.terms, tuple(sources))


def channel_plan(client: Client, channel: str) -> "ChannelPlan":
    """How one channel is to be filled.

    Raises:
        ConfigurationError: the client has no such channel.
    """
    from s2s_pipelines.cycle.client_plan import ChannelPlan

    demand_known(channel, client.declaration.channels, "channel", client=client.name)
    declared = client.declaration.channels[channel]
    return ChannelPlan(channel, declared.policy, is_first_approved=declared.first_push == "approve")

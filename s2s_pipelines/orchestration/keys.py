"""Asset keys that read as a path, and the names of groups, ops and checks made from them."""

from dagster import AssetKey


def source_key(client: str, source: str, feed: str) -> AssetKey:
    """One feed of a primary source: ``<client>/source/<source>/<feed>``."""
    return AssetKey([client, "source", source, feed])


def linked_key(client: str, source: str) -> AssetKey:
    """All feeds of a linked source: ``<client>/linked/<source>``."""
    return AssetKey([client, "linked", source])


def catalogue_key(client: str) -> AssetKey:
    """The merged catalogue: ``<client>/catalogue``."""
    return AssetKey([client, "catalogue"])


def plan_key(client: str, channel: str) -> AssetKey:
    """What would be sent to a channel: ``<client>/plan/<channel>``."""
    return AssetKey([client, "plan", channel])


def push_key(client: str, channel: str) -> AssetKey:
    """What was sent to a channel: ``<client>/push/<channel>``."""
    return AssetKey([client, "push", channel])


def orders_key(client: str) -> AssetKey:
    """The order sweep by day: ``<client>/orders``."""
    return AssetKey([client, "orders"])


def declaration_key(client: str) -> AssetKey:
    """A client whose declarations do not load: ``<client>/declaration``."""
    return AssetKey([client, "declaration"])


def orders_group(client: str) -> str:
    """Partitioned and plain assets in one group make "Materialize all" a backfill; apart it is one run at once."""
    return f"{client}_orders"


def refresh_op(client: str) -> str:
    """The op that reads sources and merges the catalogue."""
    return f"{client}__refresh"


def publish_op(client: str, channel: str) -> str:
    """The op that plans and pushes one channel."""
    return f"{client}__publish__{channel}"


def sweep_op(client: str) -> str:
    """The op that sweeps orders by day."""
    return f"{client}__orders"


BREAKERS = ("vanish", "to_zero", "price_change")
"""Names of the checks on a plan, equal to the breakers of ``catalogue.policy.Breakers``."""

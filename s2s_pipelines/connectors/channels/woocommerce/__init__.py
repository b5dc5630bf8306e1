"""WooCommerce over REST ``wc/v3``: the port is in ``channel``, each of its jobs in a module of its own."""

from s2s_pipelines.connectors.channels.woocommerce.channel import CONNECTOR

__all__ = ["CONNECTOR"]

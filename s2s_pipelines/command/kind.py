"""The table of kinds that commands hand to the loader."""

from collections.abc import Mapping

from s2s_pipelines.ports import Connector


def all_kinds() -> Mapping[str, Connector]:
    """Every connector that is installed, by kind."""
    from s2s_pipelines.connectors import registry

    return registry.connectors()

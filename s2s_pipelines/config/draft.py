"""A client whose files could each be read: what the checks between them look at."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from s2s_pipelines.config.declaration import ClientDeclaration, SourceDeclaration
from s2s_pipelines.config.explanation import spell_path
from s2s_pipelines.config.field_map import FieldMap
from s2s_pipelines.config.fleet import FieldMaps
from s2s_pipelines.config.problem import Problem, Severity
from s2s_pipelines.config.yaml_file import Path, Tree
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.ports import Capability, Connector


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything declared for one client, valid by itself and not yet as a whole.

    Attributes:
        connections: settings of those connections that could be read.
        named: keys of all connections in the file, readable or not.
        own_maps: the client's own rows, by source.
        fields: effective maps, by source.
        bad_maps: sources whose own map has errors, and is not judged as a whole.
        queries: names of the client's query files.
    """

    declaration: ClientDeclaration
    client_file: str
    client_tree: Tree
    resource_file: str
    resource_tree: Tree
    connections: Mapping[str, Declared]
    kinds: Mapping[str, Connector]
    named: Collection[str]
    own_maps: Mapping[str, FieldMap]
    fields: FieldMaps
    bad_maps: frozenset[str]
    queries: tuple[str, ...]

    def problem(
        self,
        path: Path,
        message: str,
        fix: str,
        *,
        near: str | None = None,
        severity: Severity = "error",
    ) -> Problem:
        """A problem at a place of ``client.yaml``."""
        return Problem(self.client_file, self.client_tree.line_of(path), spell_path(path), message, near, fix, severity)

    @property
    def primaries(self) -> list[str]:
        """Keys of the primary sources."""
        return [key for key, source in self.declaration.sources.items() if source.role == "primary"]

    def has_capability(self, connection: str, capability: Capability) -> bool | None:
        """Whether the connection's kind can do it; None when the connection could not be read."""
        kind = self.kinds.get(connection)
        return None if kind is None else capability in kind.manifest.capabilities

    def takes_orders(self, source: SourceDeclaration) -> bool:
        """Whether documents can be raised in the source; unreadable connections get the benefit of the doubt."""
        return (
            source.role == "primary"
            and source.orders is not None
            and source.orders.raised_here == "yes"
            and self.has_capability(source.connection, "orders") is not False
        )

    def mapped_targets(self, source: str) -> set[str]:
        """Targets that any feed map of a source reaches."""
        return {row.target for rows in self.fields.get(source, {}).values() for row in rows if row.feed != "orders"}

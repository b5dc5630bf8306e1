"""The clients as loaded: those that are ready, and those whose declarations must be mended first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from s2s_pipelines.config.declaration import ClientDeclaration
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.field import FieldRow, MapFeed
from s2s_pipelines.model.money import PriceTerms
from s2s_pipelines.ports import BuildContext, Connector

FieldMaps = Mapping[str, Mapping[MapFeed, tuple[FieldRow, ...]]]
"""The effective field maps: source key -> feed -> rows."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client, declared without error.

    Attributes:
        name: the client's key.
        declaration: what is made.
        connections: connection key -> its settings, an instance of its kind's own model.
        kinds: connection key -> the connector of its kind.
        fields: effective field maps by source; every source has an entry.
        folder: ``assets/<client>``, against which paths of queries are read.
        fingerprint: the same for the same declarations, byte for byte, queries and field maps included.
        warnings: what ``s2s check`` warns of.
    """

    name: str
    declaration: ClientDeclaration
    connections: Mapping[str, Declared]
    kinds: Mapping[str, Connector]
    fields: FieldMaps
    folder: Path
    fingerprint: str
    warnings: tuple[Problem, ...] = ()

    def context_of(self, connection: str, source: str | None = None) -> BuildContext:
        """What the connector of a connection may know; ``source`` names the source read through it, if any."""
        return BuildContext(
            client=self.name,
            connection=connection,
            folder=str(self.folder),
            timezone=self.declaration.timezone,
            fields=self.fields.get(source, {}) if source else {},
            price_terms=self._price_terms(connection),
        )

    def _price_terms(self, connection: str) -> PriceTerms | None:
        """What prices sent through this connection mean; None where no channel uses it."""
        terms = self.declaration.terms
        for channel in self.declaration.channels.values():
            if channel.connection == connection:
                return PriceTerms(terms.currency, channel.policy.basis, terms.tax_rate)
        return None


@dataclass(frozen=True, slots=True)
class BrokenClient:
    """One client whose declarations do not load; the others are not affected.

    Attributes:
        name: the name of its folder or resource file.
        problems: what is wrong, errors and warnings, by file and line.
    """

    name: str
    problems: tuple[Problem, ...]

    def text(self) -> str:
        """All its problems as ``s2s check`` prints them."""
        return "\n".join(p.text() for p in self.problems)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All clients of one root folder, by name."""

    clients: tuple[Client, ...]
    broken: tuple[BrokenClient, ...]

"""What every part of the workshop stands on: declarations, our own database, ports and stores."""

import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self, cast

from s2s_pipelines.bootstrap.process import LocalProcesses
from s2s_pipelines.config.environment import Environment, is_postgres
from s2s_pipelines.config.fleet import Client, Fleet
from s2s_pipelines.config.fleet_cache import load_fleet_cached
from s2s_pipelines.config.operations import Operations, load_operations
from s2s_pipelines.config.share import Share
from s2s_pipelines.connectors.registry import connectors
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import near_miss
from s2s_pipelines.ports import Channel, Clock, Source

if TYPE_CHECKING:
    import sqlalchemy as sa

    from s2s_pipelines.model.pause import Activity, Pause
    from s2s_pipelines.storage.catalogue_store import ParquetCatalogue
    from s2s_pipelines.storage.lease import Leases
    from s2s_pipelines.storage.ledger import OrderLedger
    from s2s_pipelines.storage.pause_store import Pauses


_MOST_NAMED = 12


EVERYTHING = Share()


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)


class Foundation:
    """All clients of one environment, and what can be done for one of them.

    Args:
        environment: where declarations are read and everything is written.
        clock: tells the time.
        share: which clients are served; the others are only known of.
    """

    def __init__(self, environment: Environment, *, clock: Clock | None = None, share: Share = EVERYTHING) -> None:
        self.environment = environment
        self.share = share
        self.clock: Clock = clock or SystemClock()
        self._opening = threading.Lock()
        self._engine: sa.Engine | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """The workshop that this program's environment variables describe."""
        return cls(Environment.from_mapping(os.environ))

    @classmethod
    def for_code_server(cls) -> Self:
        """The same for a code server and the workers of its runs: it serves the clients of its share alone.

        Raises:
            ConfigurationError: ``S2S_SHARD`` is no share.
        """
        return cls(Environment.from_mapping(os.environ), share=Share.from_mapping(os.environ))

    @cached_property
    def fleet(self) -> Fleet:
        """The declared clients that are served here; loads declarations and contacts nothing."""
        if self.share.is_all:
            return self.declared
        return Fleet(
            tuple(client for client in self.declared.clients if self.share.holds(client.name)),
            tuple(client for client in self.declared.broken if self.share.holds(client.name)),
        )

    @cached_property
    def declared(self) -> Fleet:
        """All declared clients, whoever serves them."""
        return load_fleet_cached(self.environment.root, connectors(), self.environment.home / "cache")

    @cached_property
    def _clients(self) -> Mapping[str, Client]:
        return {client.name: client for client in self.fleet.clients}

    @cached_property
    def operations(self) -> Operations:
        """What concerns all clients: who is told, what is kept."""
        return load_operations(self.environment.root)

    def client(self, name: str) -> Client:
        """One client by its key.

        Raises:
            ConfigurationError: there is none of this name, or its declarations do not load.
        """
        client = self._clients.get(name)
        if client is not None:
            return client
        for broken in self.fleet.broken:
            if broken.name == name:
                raise ConfigurationError(f"its declarations do not load: {broken.text()}", client=name)
        if name in {client.name for client in self.declared.clients}:
            raise ConfigurationError(
                f"another code server serves this client; this one has share {self.share}",
                client=name,
                next_step="use the code location that shows the client's assets",
            )
        close = near_miss(name, list(self._clients))
        some = ", ".join(list(self._clients)[:_MOST_NAMED]) or "none"
        hint = f"did you mean {close}?" if close else f"use one of those that s2s status lists, such as: {some}"
        raise ConfigurationError("no such client is declared", client=name, next_step=hint)

    @property
    def engine(self) -> "sa.Engine":
        """Our own database, brought to the newest tables at its first use."""
        with self._opening:
            if self._engine is None:
                from s2s_pipelines.storage.engine import make_engine
                from s2s_pipelines.storage.moved import check_not_moved
                from s2s_pipelines.storage.revision import is_newest

                if not is_postgres(self.environment.database_url):
                    check_not_moved(self.environment.home)
                self.environment.home.mkdir(parents=True, exist_ok=True)
                engine = make_engine(self.environment.database_url)
                if not is_newest(engine):
                    from s2s_pipelines.storage.migration import migrate

                    migrate(engine)
                self._engine = engine
        return self._engine

    @property
    def holder(self) -> str:
        """Who holds a lease that this program takes: for people who look at one, and to know a lease of the dead by."""
        return LocalProcesses().signature()

    @cached_property
    def leases(self) -> "Leases":
        """One writer at a time, by name."""
        from s2s_pipelines.storage.lease import Leases

        return Leases(self.engine, self.clock)

    @cached_property
    def pauses(self) -> "Pauses":
        """What people stopped for a while."""
        from s2s_pipelines.storage.pause_store import Pauses

        return Pauses(self.engine, self.clock)

    def pause_of(
        self, name: str, activity: "Activity", *, source: str | None = None, channel: str | None = None
    ) -> "Pause | None":
        """What stops an activity of a client now; see ``model.pause.stopping``."""
        from s2s_pipelines.model.pause import stopping

        live, now = self.pauses.live(), self.clock.now()
        return stopping(live, client=name, activity=activity, now=now, source=source, channel=channel)

    def close(self) -> None:
        """Let go of the database."""
        if self._engine is not None:
            self._engine.dispose()

    # -- ports ----------------------------------------------------------------------------------------------------

    def source_port(self, client: Client, source: str) -> Source:
        """The port through which a source is read."""
        return cast("Source", self._port(client, client.declaration.sources[source].connection, source))

    def channel_port(self, client: Client, channel: str) -> Channel:
        """The port of a channel."""
        return cast("Channel", self._port(client, client.declaration.channels[channel].connection, None))

    def _port(self, client: Client, connection: str, source: str | None) -> object:
        connector = client.kinds[connection]
        return connector.build(client.connections[connection], client.context_of(connection, source))

    @cached_property
    def catalogues(self) -> "ParquetCatalogue":
        """Snapshots of sources and catalogues."""
        from s2s_pipelines.storage.catalogue_store import ParquetCatalogue

        return ParquetCatalogue(self.engine, self.environment.home / "catalogue", self.clock)

    @cached_property
    def ledger(self) -> "OrderLedger":
        """The ledger of orders."""
        from s2s_pipelines.storage.ledger import OrderLedger

        return OrderLedger(self.engine, self.clock)

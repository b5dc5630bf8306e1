"""The composition root: declarations and environment become ports, stores and the work of one client.

Everything is built when first used, so that loading definitions reads the declarations and nothing else. No rule of the
trade stands here.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeout
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from s2s_pipelines.config.environment import Environment
from s2s_pipelines.config.fleet import Client, Fleet
from s2s_pipelines.config.loader import load_fleet
from s2s_pipelines.connectors.registry import connectors
from s2s_pipelines.cycle.due import is_due
from s2s_pipelines.errors import ConfigurationError, S2SError
from s2s_pipelines.ports import Channel, Clock, OrderSink, Source

if TYPE_CHECKING:
    import sqlalchemy as sa

    from s2s_pipelines.cycle.order_desk import OrderDesk, SweepResult
    from s2s_pipelines.storage.ledger import OrderLedger

_BUCKET_S = 60
"""Run keys change at least this often, for a run key launches once even if that run failed (Dagster issue 15982)."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Polled:
    """What asking the due channels came to.

    Attributes:
        channels: how many were asked.
        problems: by client, what went wrong.
    """

    channels: int
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OrderWork:
    """A client with orders to work on.

    Attributes:
        due: orders and raw bodies waiting.
        token: changes whenever that work changes, and at least once a minute.
    """

    client: str
    due: int
    token: str


class Workshop:
    """All clients of one environment, and what can be done for one of them.

    Args:
        environment: where declarations are read and everything is written.
        clock: tells the time.
    """

    def __init__(self, environment: Environment, *, clock: Clock | None = None) -> None:
        self.environment = environment
        self.clock: Clock = clock or SystemClock()
        self._opening = threading.Lock()
        self._engine: sa.Engine | None = None

    @classmethod
    def from_environment(cls) -> "Workshop":
        """The workshop that this program's environment variables describe."""
        return cls(Environment.from_mapping(os.environ))

    @cached_property
    def fleet(self) -> Fleet:
        """All declared clients; loads declarations and contacts nothing."""
        return load_fleet(self.environment.root, connectors())

    def client(self, name: str) -> Client:
        """One client by its key.

        Raises:
            ConfigurationError: there is none of this name, or its declarations do not load.
        """
        for client in self.fleet.clients:
            if client.name == name:
                return client
        for broken in self.fleet.broken:
            if broken.name == name:
                raise ConfigurationError(f"its declarations do not load: {broken.text()}", client=name)
        known = ", ".join(c.name for c in self.fleet.clients) or "none"
        raise ConfigurationError("no such client is declared", client=name, next_step=f"use one of: {known}")

    @property
    def engine(self) -> "sa.Engine":
        """Our own database, brought to the newest tables at its first use."""
        with self._opening:
            if self._engine is None:
                from s2s_pipelines.storage.engine import make_engine
                from s2s_pipelines.storage.migration import migrate

                self.environment.home.mkdir(parents=True, exist_ok=True)
                engine = make_engine(self.environment.database_url)
                migrate(engine)
                self._engine = engine
        return self._engine

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

    # -- orders ---------------------------------------------------------------------------------------------------

    @cached_property
    def ledger(self) -> "OrderLedger":
        """The ledger of orders."""
        from s2s_pipelines.storage.ledger import OrderLedger

        return OrderLedger(self.engine, self.clock)

    def clients_with_orders(self) -> list[str]:
        """Clients with a channel whose orders are read."""
        return [c.name for c in self.fleet.clients if any(ch.orders for ch in c.declaration.channels.values())]

    def today(self, client: str) -> date:
        """The date at the client."""
        return self.clock.now().astimezone(ZoneInfo(self.client(client).declaration.timezone)).date()

    def order_desk(self, name: str, *, holder: str | None = None) -> "OrderDesk":
        """Everything a sweep of one client needs."""
        from s2s_pipelines.cycle.order_desk import ChannelDesk, OrderDesk, SourceDesk
        from s2s_pipelines.orders.policy import SourceOrders
        from s2s_pipelines.storage.directory import CatalogueDirectory
        from s2s_pipelines.storage.lease import Leases

        client = self.client(name)
        channels = {
            key: ChannelDesk(key, self.channel_port(client, key), channel.orders)
            for key, channel in client.declaration.channels.items()
            if channel.orders
        }
        sources = {}
        for key, source in client.declaration.sources.items():
            if source.role != "primary":
                continue
            manifest = client.kinds[source.connection].manifest
            takes = source.orders is not None and "orders" in manifest.capabilities
            sink = cast("OrderSink", self._port(client, source.connection, key)) if takes else None
            sources[key] = SourceDesk(
                key,
                source.connection,
                sink,
                source.orders or SourceOrders(),
                manifest.reference_length,
                manifest.document_kinds,
            )
        return OrderDesk(
            client=name,
            timezone=client.declaration.timezone,
            currency=client.declaration.terms.currency,
            channels=channels,
            sources=sources,
            ledger=self.ledger,
            leases=Leases(self.engine, self.clock),
            directory=CatalogueDirectory(self.catalogues),
            clock=self.clock,
            holder=holder or f"{socket.gethostname()}:{os.getpid()}",
        )

    def sweep(
        self, name: str, *, only_orders: Sequence[str] | None, days: tuple[date, date] | None, poll: bool
    ) -> "SweepResult":
        """Take in and raise one client's orders, batch after batch until none is due."""
        from s2s_pipelines.cycle.order_desk import joined
        from s2s_pipelines.cycle.sweep import sweep_client

        desk = self.order_desk(name)
        results = [sweep_client(desk, only_orders=only_orders, days=days, poll=poll)]
        while results[-1].worked == desk.batch and only_orders is None:
            results.append(sweep_client(desk, days=days, poll=False))
        return joined(results)

    def poll_due(self, *, budget_s: float) -> Polled:
        """Ask every channel whose poll is due for changed orders and take them in, longest unasked first.

        Args:
            budget_s: seconds after which no further channel is asked; those left come first the next time.
        """
        now = self.clock.now()
        waiting = []
        for name in self.clients_with_orders():
            states = self.ledger.poll_states(name)
            for key, channel in self.client(name).declaration.channels.items():
                state = states.get(key)
                last = state.attempted_at if state else None
                held_back = state is not None and state.retry_at is not None and state.retry_at > now
                if channel.orders and not held_back and is_due(last, channel.orders.poll_every, now):
                    waiting.append((last or datetime.min.replace(tzinfo=UTC), name, key))
        problems: dict[str, str] = {}
        pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="poll")
        started = {pool.submit(self._poll, name, key): name for _, name, key in sorted(waiting)}
        deadline = time.monotonic() + budget_s
        for future, name in started.items():
            try:
                problem = future.result(timeout=max(0.0, deadline - time.monotonic()))
            except FuturesTimeout:
                problem = "the channel did not answer within the time of one tick; it is asked again at the next"
            except S2SError as error:
                problem = str(error)
            if problem:
                problems[name] = problem
        # A shop that hangs is left to its own time-out; the tick must not wait for it.
        pool.shutdown(wait=False, cancel_futures=True)
        return Polled(len(waiting), problems)

    def _poll(self, name: str, channel: str) -> str | None:
        from dataclasses import replace

        from s2s_pipelines.cycle.order_desk import Tally
        from s2s_pipelines.cycle.order_intake import poll_channels, take_in
        from s2s_pipelines.model.record import Scope

        desk = self.order_desk(name)
        tally = Tally()
        poll_channels(replace(desk, channels={channel: desk.channels[channel]}), tally)
        take_in(desk, tally, forced=frozenset(), scope=Scope())
        return "; ".join(e.message for e in tally.errors) or None

    def order_work(self) -> list[OrderWork]:
        """Clients with orders to work on now, as the ledger says."""
        bucket = int(self.clock.now().timestamp() // _BUCKET_S)
        found = []
        for name in self.clients_with_orders():
            due, waiting = self.ledger.work(name)
            if due or waiting:
                seen = [(record.id, record.version) for record in self.ledger.due_orders(name, 500)]
                text = repr((name, seen, waiting, bucket))
                found.append(OrderWork(name, due + waiting, hashlib.sha256(text.encode()).hexdigest()[:20]))
        return found

"""The composition root: declarations and environment become ports, stores and the work of one client.

Everything is built when first used, so that loading definitions reads the declarations and nothing else. No rule of the
trade stands here.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeout
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from s2s_pipelines.config.environment import Environment
from s2s_pipelines.config.fleet import Client, Fleet
from s2s_pipelines.config.loader import load_client, load_fleet
from s2s_pipelines.connectors.registry import connectors
from s2s_pipelines.cycle.due import DueFeed, due_feeds, has_passed
from s2s_pipelines.cycle.export import REJECT_COLUMNS
from s2s_pipelines.cycle.port import CATALOGUE, Snapshot, StoredPlan, feed_name
from s2s_pipelines.errors import ConfigurationError, DataError, S2SError
from s2s_pipelines.model.field import Feed
from s2s_pipelines.ports import Channel, Clock, OpenQuantity, OrderSink, Source

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

    from s2s_pipelines.cycle.client_plan import ChannelPlan, ClientPlan
    from s2s_pipelines.cycle.explain import Explanation
    from s2s_pipelines.cycle.order_desk import OrderDesk, SweepResult
    from s2s_pipelines.cycle.publish import PlanResult, Stores
    from s2s_pipelines.cycle.push import PushResult
    from s2s_pipelines.cycle.refresh import ClientResult
    from s2s_pipelines.storage.catalogue_store import ParquetCatalogue
    from s2s_pipelines.storage.lease import Leases
    from s2s_pipelines.storage.ledger import OrderLedger

REFRESH_LEASE_S = 1800.0
"""The longest a refresh of one client may take before another one may begin beside it."""

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


@dataclass(frozen=True, slots=True)
class CycleWork:
    """A client whose feeds or channels are due.

    Attributes:
        feeds: to be read.
        channels: to be planned and pushed.
        token: changes with every attempt, and at least every five minutes.
    """

    client: str
    feeds: tuple[DueFeed, ...]
    channels: tuple[str, ...]
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
                from s2s_pipelines.storage.revision import is_newest

                self.environment.home.mkdir(parents=True, exist_ok=True)
                engine = make_engine(self.environment.database_url)
                if not is_newest(engine):
                    from s2s_pipelines.storage.migration import migrate

                    migrate(engine)
                self._engine = engine
        return self._engine

    @property
    def holder(self) -> str:
        """Who holds a lease that this program takes, for people who look at one."""
        return f"{socket.gethostname()}:{os.getpid()}"

    @cached_property
    def _leases(self) -> "Leases":
        from s2s_pipelines.storage.lease import Leases

        return Leases(self.engine, self.clock)

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

    # -- catalogue ------------------------------------------------------------------------------------------------

    @cached_property
    def catalogues(self) -> "ParquetCatalogue":
        """Snapshots of sources and catalogues."""
        from s2s_pipelines.storage.catalogue_store import ParquetCatalogue

        return ParquetCatalogue(self.engine, self.environment.home / "catalogue", self.clock)

    @cached_property
    def stores(self) -> "Stores":
        """The memory a publication works with."""
        from s2s_pipelines.cycle.publish import Stores
        from s2s_pipelines.storage.item_store import Items
        from s2s_pipelines.storage.plan_store import Plans

        return Stores(self.catalogues, Items(self.engine), Plans(self.engine, self.environment.home / "plans"))

    def refresh(
        self, name: str, *, asked: Mapping[str, Collection[Feed]] | None, is_full: bool, accept: Collection[str] = ()
    ) -> "ClientResult":
        """Read a client's feeds and merge its catalogue; see ``cycle.refresh.refresh_client``."""
        from s2s_pipelines.cycle.refresh import refresh_client

        client = self.client(name)
        ports = {key: partial(self.source_port, client, key) for key in client.declaration.sources}
        plan = client_plan(client)
        with self._leases.take(f"refresh/{name}", self.holder, REFRESH_LEASE_S):
            return refresh_client(plan, ports, self.catalogues, self.clock, asked=asked, is_full=is_full, accept=accept)

    def plan(self, name: str, channel: str, *, skus: Collection[str] = ()) -> "PlanResult":
        """Plan one channel and keep the plan with its verdict; nothing is sent."""
        from s2s_pipelines.cycle.publish import make_plan

        client = self.client(name)
        waiting = partial(self._open_orders, name)
        return make_plan(
            client_plan(client), channel_plan(client, channel), self.stores, waiting, self.clock, again=skus
        )

    def push(
        self, name: str, channel: str, *, names: Collection[str] = (), by: str = "", reason: str = ""
    ) -> "PushResult":
        """Send the newest plan of a channel if its verdict allows, letting breakers through first if any are named.

        Raises:
            DataError: there is no plan yet.
        """
        from s2s_pipelines.cycle.publish import let_through
        from s2s_pipelines.cycle.push import push_plan

        client = self.client(name)
        stored = self.stores.plans.newest(name, channel)
        if stored is None:
            raise DataError(
                "there is no plan yet",
                client=name,
                connection=channel,
                operation="push",
                next_step="materialise the plan",
            )
        if names:
            let_through(stored, self.stores.plans, names=names, by=by, reason=reason, clock=self.clock)
        port = self.channel_port(client, channel)
        return push_plan(name, channel, stored.id, port, self.stores, self._leases, self.clock, holder=self.holder)

    def newest_plan(self, name: str, channel: str) -> "StoredPlan | None":
        """The newest plan of a channel, with its verdict."""
        return self.stores.plans.newest(name, channel)

    def rejects(self, name: str, source: str, feeds: Sequence[str], *, limit: int) -> list[dict[str, object]]:
        """The first rejected rows of the feeds' newest reads, with row, sku, field, reason, value, message and remedy."""
        found: list[dict[str, object]] = []
        for feed in feeds:
            snapshot = self._newest_read(name, feed_name(source, feed))
            if snapshot is not None and snapshot.rejected and len(found) < limit:
                found += self.catalogues.read(snapshot, "rejects").slice(0, limit - len(found)).to_pylist()
        return found

    def _newest_read(self, name: str, feed: str) -> "Snapshot | None":
        """The snapshot of a feed's newest read: the one that stands, unless a newer one was refused as unfit to stand."""
        stands = self.catalogues.current(name, feed)
        newest = next(iter(self.catalogues.history(name, feed, 1)), None)
        if stands is not None and (newest is None or newest.read_at <= stands.read_at):
            return stands
        return newest

    def reads(self, name: str) -> "list[Snapshot]":
        """The snapshot that stands of every feed."""
        feeds = [(s, f) for s, declared in self.client(name).declaration.sources.items() for f in declared.feeds]
        found = [self.catalogues.current(name, feed_name(source, feed)) for source, feed in feeds]
        return [snapshot for snapshot in found if snapshot is not None]

    def all_rejects(self, name: str) -> list[dict[str, object]]:
        """Every rejected row of the newest reads, with the name of its ``feed``."""
        feeds = [(s, f) for s, declared in self.client(name).declaration.sources.items() for f in declared.feeds]
        newest = [self._newest_read(name, feed_name(source, feed)) for source, feed in feeds]
        return [
            {"feed": snapshot.name, **row}
            for snapshot in newest
            if snapshot is not None and snapshot.rejected
            for row in self.catalogues.read(snapshot, "rejects").to_pylist()
        ]

    def rejects_table(self, name: str) -> "pa.Table":
        """Every rejected row of the newest reads, with its source and feed, for export."""
        import pyarrow as pa

        parts = []
        for snapshot in self.reads(name):
            if snapshot.rejected:
                _, source, feed = snapshot.name.split("/")
                part = self.catalogues.read(snapshot, "rejects")
                for place, text in enumerate((source, feed)):
                    part = part.add_column(
                        place, ("source", "feed")[place], pa.array([text] * part.num_rows, pa.string())
                    )
                parts.append(part)
        empty = pa.table({column: pa.array([], pa.string()) for column in REJECT_COLUMNS})
        return pa.concat_tables(parts, promote_options="permissive") if parts else empty

    def explain(self, name: str, channel: str, sku: str, field: str | None) -> "Explanation":
        """Where a sku's values come from on one channel, or why it is not there."""
        from s2s_pipelines.cycle.explain import explain

        client = self.client(name)
        waiting = partial(self._open_orders, name)
        return explain(
            client_plan(client), channel_plan(client, channel), self.stores, waiting, self.clock, sku=sku, field=field
        )

    def enriched(self, name: str) -> int:
        """Skus of the catalogue with at least one value from a linked source."""
        from s2s_pipelines.catalogue.lineage import enriched_rows

        snapshot = self.catalogues.current(name, CATALOGUE)
        linked = [key for key, source in self.client(name).declaration.sources.items() if source.role == "linked"]
        return enriched_rows(self.catalogues.read(snapshot), linked) if snapshot else 0

    def problem_of(self, name: str) -> str | None:
        """Why a client's declarations do not load as they are now; None when they do."""
        found = load_client(self.environment.root, name, connectors())
        return None if isinstance(found, Client) else found.text()

    def _open_orders(self, name: str, known_until: datetime | None) -> "Sequence[OpenQuantity]":
        return self.ledger.open_quantities(name, raised_after=known_until)

    def cycles_due(self) -> list[CycleWork]:
        """Clients whose feeds are due to be read, or whose channels are due to be pushed."""
        now = self.clock.now()
        bucket = int(now.timestamp() // (5 * _BUCKET_S))
        found = []
        for client in self.fleet.clients:
            feeds = due_feeds(client_plan(client), self.catalogues.feed_states(client.name), now)
            channels = [key for key in client.declaration.channels if feeds or self._is_push_due(client, key, now)]
            if feeds or channels:
                seen = [(feed.source, feed.feed, str(feed.attempted_at)) for feed in feeds]
                plans = [getattr(self.stores.plans.newest(client.name, key), "id", None) for key in channels]
                text = repr((client.name, seen, channels, plans, bucket))
                token = hashlib.sha256(text.encode()).hexdigest()[:20]
                found.append(CycleWork(client.name, tuple(feeds), tuple(channels), token))
        return found

    def _is_push_due(self, client: Client, channel: str, now: datetime) -> bool:
        """Whether time has passed since the newest plan was made or confirmed, and there is anything to plan from."""
        if self.catalogues.current(client.name, CATALOGUE) is None:
            return False
        newest = self.stores.plans.newest(client.name, channel)
        return has_passed(newest.created_at if newest else None, client.declaration.channels[channel].push_every, now)

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

    def order_desk(self, name: str) -> "OrderDesk":
        """Everything a sweep of one client needs."""
        from s2s_pipelines.cycle.order_desk import ChannelDesk, OrderDesk, SourceDesk
        from s2s_pipelines.orders.policy import SourceOrders
        from s2s_pipelines.storage.directory import SnapshotDirectory

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
            leases=self._leases,
            directory=SnapshotDirectory(self.catalogues),
            clock=self.clock,
            holder=self.holder,
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
                if channel.orders and not held_back and has_passed(last, channel.orders.poll_every, now):
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


def client_plan(client: Client) -> "ClientPlan":
    """What the cycle is to do for one client, from its declarations."""
    from s2s_pipelines.cycle.client_plan import ClientPlan, FeedPlan, SourcePlan

    declaration = client.declaration
    sources = []
    for key, source in declaration.sources.items():
        feeds = tuple(
            FeedPlan(feed, d.every, d.full_at, d.ignore, d.absent, d.absent_limit, d.shrink_limit)
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

    declared = client.declaration.channels.get(channel)
    if declared is None:
        known = ", ".join(client.declaration.channels) or "none"
        raise ConfigurationError(f"there is no channel {channel}", client=client.name, next_step=f"use one of: {known}")
    return ChannelPlan(channel, declared.policy)

"""The catalogue's side of the workshop: refresh, plan, push, and what is due of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from s2s_pipelines.bootstrap.declared import channel_plan, client_plan
from s2s_pipelines.bootstrap.foundation import Foundation
from s2s_pipelines.config.fleet import Client
from s2s_pipelines.config.loader import load_client
from s2s_pipelines.connectors.registry import connectors
from s2s_pipelines.cycle.export import REJECT_COLUMNS
from s2s_pipelines.cycle.port import CATALOGUE, Snapshot, StoredPlan, feed_name
from s2s_pipelines.errors import DataError
from s2s_pipelines.model.field import Feed
from s2s_pipelines.model.pause import Activity
from s2s_pipelines.ports import OpenQuantity

if TYPE_CHECKING:
    import pyarrow as pa

    from s2s_pipelines.cycle.explain import Explanation
    from s2s_pipelines.cycle.publish import PlanResult, Stores
    from s2s_pipelines.cycle.push import PushResult
    from s2s_pipelines.cycle.refresh import ClientResult


REFRESH_LEASE_S = 1800.0
"""The longest a refresh of one client may take before another one may begin beside it."""


class CatalogueWork(Foundation):
    """Refresh, plan and push."""

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
        from s2s_pipelines.cycle.client_memory import ClientMemory
        from s2s_pipelines.cycle.refresh import refresh_client

        client = self.client(name)
        ports = {key: partial(self.source_port, client, key) for key in client.declaration.sources}
        plan = client_plan(client)
        pause_of = partial(self.pause_of, name)
        with self.leases.take(f"refresh/{name}", self.holder, REFRESH_LEASE_S):
            memory = ClientMemory(self.catalogues, name)
            try:
                return refresh_client(
                    plan, ports, memory, self.clock, asked=asked, is_full=is_full, accept=accept, pause_of=pause_of
                )
            finally:
                memory.flush()

    def plan(self, name: str, channel: str, *, skus: Collection[str] = ()) -> "PlanResult":
        """Plan one channel and keep the plan with its verdict; nothing is sent.

        Raises:
            PausedError: a person stopped everything of the client, or this channel.
        """
        from s2s_pipelines.cycle.publish import make_plan

        client = self.client(name)
        self._demand_open(name, "plan", channel)
        waiting = partial(self._open_orders, name)
        return make_plan(
            client_plan(client), channel_plan(client, channel), self.stores, waiting, self.clock, again=skus
        )

    def resting_plan(self, name: str, channel: str) -> "StoredPlan | None":
        """The newest plan, if it sends nothing and a new one would say the same; see ``cycle.publish.resting_plan``."""
        from s2s_pipelines.cycle.publish import resting_plan

        client = self.client(name)
        has_moved = partial(self.ledger.has_moved, name)
        return resting_plan(client_plan(client), channel_plan(client, channel), self.stores, has_moved, self.clock)

    def push(
        self, name: str, channel: str, *, names: Collection[str] = (), by: str = "", reason: str = ""
    ) -> "PushResult":
        """Send the newest plan of a channel if its verdict allows, letting breakers through first if any are named.

        Raises:
            DataError: there is no plan yet.
            PausedError: there is none, and none is made while a person stopped it.
        """
        from s2s_pipelines.cycle.publish import let_through, needs_approval
        from s2s_pipelines.cycle.push import push_plan

        client = self.client(name)
        stored = self.stores.plans.newest(name, channel)
        if stored is None:
            self._demand_open(name, "push", channel)
            raise DataError(
                "there is no plan yet",
                client=name,
                connection=channel,
                operation="push",
                next_step="materialise the plan",
            )
        if names:
            let_through(
                stored,
                self.stores.plans,
                names=names,
                by=by,
                reason=reason,
                clock=self.clock,
                is_first=needs_approval(name, channel_plan(client, channel), self.stores.items),
            )
        port = self.channel_port(client, channel)
        return push_plan(
            name,
            channel,
            stored.id,
            port,
            self.stores,
            self.leases,
            self.clock,
            holder=self.holder,
            pause_of=partial(self.pause_of, name),
        )

    def _demand_open(self, name: str, activity: Activity, channel: str) -> None:
        pause = self.pause_of(name, activity, channel=channel)
        if pause is not None:
            from s2s_pipelines.cycle.pausing import paused_error

            raise paused_error(pause, client=name, connection=channel, operation=activity)

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

    def _newest_reads(self, name: str) -> "list[Snapshot]":
        feeds = [(s, f) for s, declared in self.client(name).declaration.sources.items() for f in declared.feeds]
        found = [self._newest_read(name, feed_name(source, feed)) for source, feed in feeds]
        return [snapshot for snapshot in found if snapshot is not None]

    def reads(self, name: str) -> "list[Snapshot]":
        """The snapshot that stands of every feed."""
        feeds = [(s, f) for s, declared in self.client(name).declaration.sources.items() for f in declared.feeds]
        found = [self.catalogues.current(name, feed_name(source, feed)) for source, feed in feeds]
        return [snapshot for snapshot in found if snapshot is not None]

    def all_rejects(self, name: str) -> list[dict[str, object]]:
        """Every rejected row of the newest reads, with the name of its ``feed``."""
        return [
            {"feed": snapshot.name, **row}
            for snapshot in self._newest_reads(name)
            if snapshot.rejected
            for row in self.catalogues.read(snapshot, "rejects").to_pylist()
        ]

    def rejects_table(self, name: str) -> "pa.Table":
        """Every rejected row of the newest reads, with its source and feed, for export."""
        import pyarrow as pa

        parts = []
        for snapshot in self._newest_reads(name):
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
            client_plan(client),
            channel_plan(client, channel),
            self.stores,
            waiting,
            self.clock,
            sku=sku,
            field=field,
            pause_of=partial(self.pause_of, name),
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

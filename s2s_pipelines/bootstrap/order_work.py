"""The orders' side of the workshop: poll, sweep, and what is due of them."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from s2s_pipelines.bootstrap.abreast import abreast
from s2s_pipelines.bootstrap.foundation import Foundation
from s2s_pipelines.cycle.due import has_passed
from s2s_pipelines.errors import S2SError
from s2s_pipelines.model.pause import stopping
from s2s_pipelines.ports import OrderSink

if TYPE_CHECKING:
    from s2s_pipelines.cycle.order_desk import OrderDesk, SweepResult


_BUCKET_S = 60
"""Run keys change at least this often, for a run key launches once even if that run failed (Dagster issue 15982)."""

_POLLS_ABREAST = 8
POLL_PATIENCE_S = 3.0
"""A channel that takes longer to answer is left to itself, and not asked again before it is done: the others are due."""


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


class OrderRoom(Foundation):
    """Poll and sweep."""

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
            leases=self.leases,
            directory=SnapshotDirectory(self.catalogues),
            clock=self.clock,
            holder=self.holder,
            pause_of=partial(self.pause_of, name),
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
        due = {f"{name}/{key}": (name, key) for _, name, key in sorted(self._polls_due())}
        waiting = [place for place in due if place not in self._being_asked]
        problems: dict[str, str] = {}
        deadline = time.monotonic() + budget_s

        def ask(place: str) -> str | None:
            self._being_asked.add(place)
            try:
                return self._poll(*due[place])
            except S2SError as error:
                return str(error)
            finally:
                self._being_asked.discard(place)

        for told in abreast(ask, waiting, count=_POLLS_ABREAST, patience_s=POLL_PATIENCE_S, is_leaving=True):
            if isinstance(told.error, TimeoutError):
                problems[due[told.name][0]] = "the channel takes long to answer; the others are not kept waiting"
            elif told.error is not None:
                raise told.error
            elif told.value:
                problems[due[told.name][0]] = told.value
            if time.monotonic() > deadline:
                break
        return Polled(len(waiting), problems)

    @cached_property
    def _being_asked(self) -> set[str]:
        """Channels that this process asks at this moment."""
        return set()

    def _polls_due(self) -> list[tuple[datetime, str, str]]:
        """When it was last asked, client and channel of every poll that is due and that nobody paused."""
        now = self.clock.now()
        states, live = self.ledger.poll_states(), self.pauses.live()
        waiting = []
        for name in self.clients_with_orders():
            for key, channel in self.client(name).declaration.channels.items():
                state = states.get((name, key))
                last = state.attempted_at if state else None
                held_back = state is not None and state.retry_at is not None and state.retry_at > now
                is_due = channel.orders and not held_back and has_passed(last, channel.orders.poll_every, now)
                if is_due and stopping(live, client=name, activity="orders", channel=key, now=now) is None:
                    waiting.append((last or datetime.min.replace(tzinfo=UTC), name, key))
        return waiting

    def _poll(self, name: str, channel: str) -> str | None:
        from dataclasses import replace

        from s2s_pipelines.cycle.order_desk import Tally
        from s2s_pipelines.cycle.order_intake import poll_channels, take_in
        from s2s_pipelines.model.record import Scope

        desk = self.order_desk(name)
        tally = Tally()
        poll_channels(replace(desk, channels={channel: desk.channels[channel]}), tally)
        if desk.pause_of("orders") is None:
            take_in(desk, tally, forced=frozenset(), scope=Scope())
        return "; ".join(e.message for e in tally.errors) or None

    def order_work(self) -> list[OrderWork]:
        """Clients with orders to work on now, as the ledger says; those whose orders are paused wait."""
        now = self.clock.now()
        bucket = int(now.timestamp() // _BUCKET_S)
        found = []
        busy = self.ledger.clients_with_work()
        live = self.pauses.live() if busy else ()
        busy = {name for name in busy if stopping(live, client=name, activity="orders", now=now) is None}
        for name in self.clients_with_orders() if busy else ():
            due, waiting = self.ledger.work(name) if name in busy else (0, 0)
            if due or waiting:
                seen = [(record.id, record.version) for record in self.ledger.due_orders(name, 500)]
                text = repr((name, seen, waiting, bucket))
                found.append(OrderWork(name, due + waiting, hashlib.sha256(text.encode()).hexdigest()[:20]))
        return found

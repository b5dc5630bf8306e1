"""The cycle of clients: which are due, which run takes up whom, and one client's way from its sources to its shops."""

import functools
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

from s2s_pipelines.bootstrap.abreast import abreast
from s2s_pipelines.bootstrap.catalogue_work import CatalogueWork
from s2s_pipelines.bootstrap.declared import client_plan
from s2s_pipelines.bootstrap.process import LocalProcesses
from s2s_pipelines.bootstrap.upkeep import Upkeep
from s2s_pipelines.config.fleet import Client
from s2s_pipelines.cycle.claim import SLOW_S, is_free, shares
from s2s_pipelines.cycle.due import DueFeed, due_feeds, has_passed
from s2s_pipelines.cycle.port import CATALOGUE
from s2s_pipelines.errors import BusyError, PausedError, S2SError
from s2s_pipelines.model.field import Feed
from s2s_pipelines.model.pause import Activity, Pause, concerning, stopping

if TYPE_CHECKING:
    from s2s_pipelines.cycle.client_cycle import ChannelCycle, ClientCycle
    from s2s_pipelines.cycle.client_plan import ClientPlan
    from s2s_pipelines.cycle.feed_read import Fault
    from s2s_pipelines.storage.cycle_claim import CycleClaims
    from s2s_pipelines.storage.due_facts import DueFacts

KEPT_BACK = timedelta(minutes=1)
"""How long a plan that was made and not begun rests before it is looked at again."""

PULSE_S = 30.0
"""How often a process that has clients in hand says that it lives."""


@dataclass(frozen=True, slots=True)
class CycleWork:
    """A client whose feeds or channels are due.

    Attributes:
        feeds: to be read.
        channels: to be planned and pushed.
    """

    client: str
    feeds: tuple[DueFeed, ...]
    channels: tuple[str, ...]

    @property
    def is_nightly(self) -> bool:
        """Whether the hour of a feed's full read has passed."""
        return any(feed.is_nightly for feed in self.feeds)


@dataclass(frozen=True, slots=True)
class CycleShare:
    """Clients that were claimed for one run.

    Attributes:
        token: of that run; whoever has it may take them up.
        is_slow: it is one client that takes long, or whose last cycle did not come to its end.
    """

    token: str
    clients: tuple[str, ...]
    is_slow: bool


class CycleRoom(CatalogueWork, Upkeep):
    """Due clients, claimed and taken up."""

    @cached_property
    def claims(self) -> "CycleClaims":
        """Who is asked for, taken up, begun and done."""
        from s2s_pipelines.storage.cycle_claim import CycleClaims

        return CycleClaims(self.engine, self.clock)

    @cached_property
    def _planned(self) -> "list[tuple[Client, ClientPlan]]":
        return [(client, client_plan(client)) for client in self.fleet.clients]

    def cycles_due(self) -> list[CycleWork]:
        """Clients whose feeds are due to be read, or whose channels are due to be pushed, without what is paused."""
        from s2s_pipelines.storage.due_facts import read_due_facts

        now, live = self.clock.now(), self.pauses.live()
        facts = read_due_facts(self.engine)
        found = []
        for client, plan in self._planned:
            pauses = concerning(live, client.name)
            feeds = [
                feed
                for feed in due_feeds(plan, facts.feeds.get(client.name, {}), now)
                if _is_open(pauses, client.name, now, "read", source=feed.source)
            ]
            channels = [
                key
                for key in client.declaration.channels
                if _is_open(pauses, client.name, now, "plan", channel=key)
                and (feeds or _is_push_due(client, key, facts, now) or _is_kept_back(client, key, facts, pauses, now))
            ]
            if feeds or channels:
                found.append(CycleWork(client.name, tuple(feeds), tuple(channels)))
        return found

    def claim_cycles(self, clients: Sequence[str], *, waiting: Collection[str]) -> list[CycleShare]:
        """Divide due clients into runs and claim them; those that another run has in hand are left to it.

        Args:
            clients: those that are due.
            waiting: tokens of runs that were asked for and wait for their turn.
        """
        claims, now = self.claims.all(), self.clock.now()
        is_gone = functools.cache(LocalProcesses().has_ended)
        free = [c for c in clients if is_free(claims.get(c), now, waiting=waiting, is_gone=is_gone)]
        if any((claim := claims.get(c)) is not None and claim.begun_at and not claim.done_at for c in free):
            # Whoever had them in hand is gone: what it read is let go of as well, or the next run would find it locked.
            self.shorten_leases_of_the_dead()
        made = []
        for share in shares(free, claims):
            token = uuid4().hex[:20]
            mine = self.claims.claim(share.clients, token, claims)
            if mine:
                made.append(CycleShare(token, mine, share.is_slow))
        return made

    def cycle_clients(
        self,
        clients: Sequence[str],
        *,
        token: str = "",
        sources: Collection[str] | None = None,
        channels: Collection[str] | None = None,
        is_full: bool = False,
        count: int = 3,
    ) -> "Iterator[ClientCycle]":
        """One cycle of each client, a few side by side, each handed out as it ends; none of them stops another.

        Args:
            clients: their keys.
            token: of the run that they were claimed for; those that are no longer its own are left out. Empty: nobody claimed
                them, a person names them.
            sources: see ``cycle_client``.
            channels: see ``cycle_client``.
            is_full: see ``cycle_client``.
            count: clients side by side.
        """
        ask = functools.partial(self.cycle_client, sources=sources, channels=channels, is_full=is_full)
        if not token:
            for result in abreast(ask, clients, count=count, patience_s=SLOW_S):
                yield result.value or _broken_off(result.name, result.error)
            return
        with self._taken_up(token) as (taken, holder):

            def work(client: str) -> "ClientCycle | None":
                if not self.claims.begin(client, token, holder):
                    return None
                began = time.monotonic()
                try:
                    return ask(client)
                finally:
                    self.claims.finish(client, token, holder, time.monotonic() - began)

            mine = [client for client in clients if client in taken]
            for outcome in abreast(work, mine, count=count, patience_s=SLOW_S):
                if outcome.error is not None:
                    yield _broken_off(outcome.name, outcome.error)
                elif outcome.value is not None:
                    yield outcome.value

    @contextmanager
    def _taken_up(self, token: str) -> Iterator[tuple[frozenset[str], str]]:
        """The run's clients that are free, held with a sign of life until the end."""
        processes = LocalProcesses()
        holder = processes.signature()
        taken = self.claims.take_up(token, holder, is_gone=processes.has_ended)
        is_over = threading.Event()

        def pulse() -> None:
            while not is_over.wait(PULSE_S):
                try:
                    self.claims.push_on(token, holder)
                except S2SError:  # the next beat tries again; a run that nobody hears of for long is taken over
                    continue

        threading.Thread(target=pulse, name=f"pulse {token}", daemon=True).start()
        try:
            yield taken, holder
        finally:
            is_over.set()
            self.claims.let_go(token, holder)

    def cycle_client(
        self,
        name: str,
        *,
        sources: Collection[str] | None = None,
        channels: Collection[str] | None = None,
        is_full: bool = False,
    ) -> "ClientCycle":
        """Read a client's sources, merge its catalogue, plan its channels and push what changed.

        Nothing our own classes of errors describe is raised: what broke off says so in the result. A channel that breaks off
        stops no other.

        Args:
            name: the client.
            sources: those to be read, all their feeds, due or not; None: every feed that is due.
            channels: those to be planned and pushed; None: all.
            is_full: read whole, whatever was read before, and planned anew; without ``sources`` that is every feed.
        """
        from s2s_pipelines.cycle.client_cycle import ClientCycle

        began = time.monotonic()
        try:
            refreshed = self.refresh(name, asked=self._asked(name, sources, is_full), is_full=is_full)
            declared = self.client(name).declaration.channels
            chosen = list(declared) if channels is None else list(channels)
            has_catalogue = self.catalogues.current(name, CATALOGUE) is not None
            seen = tuple(self._cycle_channel(name, key, is_full) for key in chosen if has_catalogue)
        except S2SError as error:
            is_busy = isinstance(error, BusyError)
            return ClientCycle(name, time.monotonic() - began, fault=_fault(error), is_busy=is_busy)
        return ClientCycle(name, time.monotonic() - began, refreshed, seen)

    def _asked(self, name: str, sources: Collection[str] | None, is_full: bool) -> Mapping[str, list[Feed]] | None:
        """What is to be read; None: what is due."""
        declared = self.client(name).declaration.sources
        if sources is None:
            return {key: list(source.feeds) for key, source in declared.items()} if is_full else None
        return {key: list(declared[key].feeds) if key in declared else [] for key in sources}

    def _cycle_channel(self, name: str, channel: str, is_full: bool) -> "ChannelCycle":
        from s2s_pipelines.cycle.client_cycle import ChannelCycle

        pause = self.pause_of(name, "plan", channel=channel)
        before = self.newest_plan(name, channel)
        if pause is not None:
            return ChannelCycle(channel, before, pause=pause)
        plan, push = None, None
        try:
            resting = None if is_full else self.resting_plan(name, channel)
            if resting is not None:
                return ChannelCycle(channel, resting)
            plan = self.plan(name, channel)
            push = self.push(name, channel)
        except PausedError:  # paused since it was asked for
            return ChannelCycle(channel, before)
        except S2SError as error:
            return ChannelCycle(channel, before, plan=plan, fault=_fault(error))
        is_other = before is None or plan.stored.id != before.id
        # That nothing is left to be sent after everything was sent is no news.
        is_settled = before is not None and before.pushed_at is not None and plan.stored.is_at_rest
        stored = self.newest_plan(name, channel) if is_other or push.sent else plan.stored
        return ChannelCycle(channel, stored, is_other and not is_settled, plan, push, push.pause)


def _is_open(
    pauses: Sequence[Pause],
    client: str,
    now: datetime,
    activity: Activity,
    *,
    source: str | None = None,
    channel: str | None = None,
) -> bool:
    return stopping(pauses, client=client, activity=activity, now=now, source=source, channel=channel) is None


def _is_kept_back(client: Client, channel: str, facts: "DueFacts", pauses: Sequence[Pause], now: datetime) -> bool:
    """Whether a plan that may go was not begun, and nothing is in its way any more; its rhythm may be a day.

    Not sooner than a minute after it was last looked at: what cannot begin must not be tried at every tick.
    """
    key = (client.name, channel)
    is_open = _is_open(pauses, client.name, now, "push", channel=channel)
    return key in facts.unsent and is_open and has_passed(facts.planned_at.get(key), KEPT_BACK, now)


def _is_push_due(client: Client, channel: str, facts: "DueFacts", now: datetime) -> bool:
    """Whether time has passed since the channel was last planned, and there is anything to plan from."""
    if client.name not in facts.with_catalogue:
        return False
    return has_passed(
        facts.planned_at.get((client.name, channel)), client.declaration.channels[channel].push_every, now
    )


def _fault(error: S2SError) -> "Fault":
    from s2s_pipelines.cycle.feed_read import Fault

    return Fault(type(error).__name__, error.message, error.next_step)


def _broken_off(name: str, error: BaseException | None) -> "ClientCycle":
    """An error as it is shown; of one that is none of ours its class and place, for its text may hold anything."""
    from s2s_pipelines.cycle.client_cycle import ClientCycle
    from s2s_pipelines.cycle.feed_read import Fault

    if isinstance(error, S2SError):
        return ClientCycle(name, 0.0, fault=_fault(error))
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else ""
    return ClientCycle(
        name, 0.0, fault=Fault(type(error).__name__, f"this is a defect{place}", "report it with the run's id")
    )

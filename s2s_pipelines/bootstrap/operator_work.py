"""The operator's side of the workshop: pause and resume, look at a plan and decide about it, explain a sku or an order."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, get_args

from s2s_pipelines.bootstrap.catalogue_work import CatalogueWork
from s2s_pipelines.bootstrap.choice import demand_known
from s2s_pipelines.bootstrap.declared import channel_plan
from s2s_pipelines.cycle.port import CATALOGUE
from s2s_pipelines.errors import ConfigurationError, DataError, RejectedError
from s2s_pipelines.model.field import near_miss
from s2s_pipelines.model.moment import HOW, read_moment
from s2s_pipelines.model.pause import EVERYONE, SCOPES, Pause, Scope, concerning

if TYPE_CHECKING:
    import pyarrow as pa

    from s2s_pipelines.catalogue.diff import Plan
    from s2s_pipelines.cycle.explain import Explanation
    from s2s_pipelines.cycle.order_story import OrderStory
    from s2s_pipelines.cycle.port import StoredPlan

_NAMED: tuple[Scope, ...] = ("source", "channel")
_MOST_COMPARED = 20_000
"""Skus among which a near miss is looked for."""


@dataclass(frozen=True, slots=True)
class PlanView:
    """A channel's newest plan, to be looked at.

    Attributes:
        why: what keeps it from being pushed, and the next step; empty where nothing does.
        decisions: plans about which a person decided, the newest first.
    """

    stored: "StoredPlan"
    plan: "Plan"
    why: str
    decisions: "tuple[StoredPlan, ...]"

    @property
    def decided(self) -> tuple[str, ...]:
        """The decisions in a line each, the newest first."""
        lines = []
        for stored in self.decisions:
            for word, what in (
                (
                    stored.let_through,
                    f"let through: {', '.join(stored.let_through.breakers if stored.let_through else ())}",
                ),
                (stored.approval, "approved"),
            ):
                if word is not None:
                    lines.append(f"plan {stored.id} {what} by {word.by} at {word.at:%Y-%m-%d %H:%M} UTC: {word.reason}")
        return tuple(lines)


class OperatorRoom(CatalogueWork):
    """What people do by hand. Every name is checked, and a wrong one refused with the near miss."""

    def pause(self, client: str, scope: str, target: str, *, until: str, why: str, by: str) -> Pause:
        """Stop some work of a client for a while.

        Args:
            client: its key, or ``*`` for every client.
            scope: ``all``, ``source``, ``channel``, ``orders`` or ``pushes``.
            target: the source or channel; empty for the other scopes.
            until: when it ends by itself; see ``model.moment``.
            why: the reason.
            by: who pauses it.

        Raises:
            ConfigurationError: a name is not known, or something is missing.
        """
        chosen = self._chosen_scope(client, scope, target)
        if not why.strip() or not by.strip():
            raise ConfigurationError(
                "work is paused by a person and for a reason", client=client, next_step="name both: by, why"
            )
        now = self.clock.now()
        timezone = "UTC" if client == EVERYONE else self.client(client).declaration.timezone
        try:
            end = read_moment(until, now=now, timezone=timezone)
        except ValueError as error:
            raise ConfigurationError(str(error), client=client, operation="pause", next_step=HOW) from None
        if end <= now:
            raise ConfigurationError(
                f"{until} has passed already", client=client, operation="pause", next_step="name a later moment"
            )
        return self.pauses.begin(client, chosen, target or None, until=end, why=why, by=by)

    def resume(self, client: str, scope: str, target: str, *, by: str) -> tuple[Pause, ...]:
        """End pauses of a client before their time; what waited is due at once.

        Args:
            client: its key, or ``*`` for the pauses of every client.
            scope: as it was paused; empty: everything that is paused under this client's name.
            target: the source or channel, where one was paused.
            by: who resumes it.

        Raises:
            ConfigurationError: nothing of that name is paused, or nobody is named.
        """
        if not by.strip():
            raise ConfigurationError("work is resumed by a person", client=client, next_step="name yourself: by")
        if scope:
            chosen = self._chosen_scope(client, scope, target)
            ended = self.pauses.end(client, chosen, target or None, by=by)
        else:
            self._demand_client(client)
            mine = [pause for pause in self.pauses.live() if pause.client == client]
            ended = tuple(p for m in mine for p in self.pauses.end(m.client, m.scope, m.target, by=by))
        if not ended:
            live = "; ".join(pause.message for pause in concerning(self.pauses.live(), client)) or "nothing is paused"
            raise ConfigurationError(
                "nothing of that name is paused", client=client, operation="resume", next_step=f"look again: {live}"
            )
        return ended

    def demand_named(self, client: str, *, sources: Collection[str] = (), channels: Collection[str] = ()) -> None:
        """Refuse names that a client does not have.

        Raises:
            ConfigurationError: it says which, and the near miss.
        """
        declared = self.client(client).declaration
        for source in sources:
            demand_known(source, declared.sources, "source", client=client)
        for channel in channels:
            demand_known(channel, declared.channels, "channel", client=client)

    def demand_skus(self, client: str, skus: Collection[str]) -> None:
        """Refuse skus that the client's catalogue does not have: nothing of them could be sent.

        Raises:
            ConfigurationError: it says which, and the near miss.
        """
        stands = self.catalogues.current(client, CATALOGUE)
        if stands is None:
            return
        known = set(self.catalogues.read(stands, columns=["sku"]).column("sku").to_pylist())
        for sku in skus:
            if sku not in known:
                alike = [other for other in known if other and other[:1] == sku[:1] and len(other) == len(sku)]
                close = near_miss(sku, sorted(alike)[:_MOST_COMPARED])
                raise ConfigurationError(
                    f"the catalogue has no sku {sku}; nothing is sent",
                    client=client,
                    next_step=f"did you mean {close}?" if close else "look why: job explain, or s2s explain",
                )

    def _demand_client(self, client: str) -> None:
        if client != EVERYONE:
            self.client(client)

    def _chosen_scope(self, client: str, scope: str, target: str) -> Scope:
        self._demand_client(client)
        demand_known(scope, SCOPES, "scope")
        chosen: Scope = next(known for known in get_args(Scope) if known == scope)
        if chosen not in _NAMED:
            if target:
                raise ConfigurationError(
                    f"{chosen} names no {target}", client=client, next_step="leave the target empty, or name its scope"
                )
            return chosen
        clients = self.fleet.clients if client == EVERYONE else [self.client(client)]
        known = {
            key
            for found in clients
            for key in (found.declaration.sources if chosen == "source" else found.declaration.channels)
        }
        demand_known(target, known, chosen, client=client)
        return chosen

    def look_at_plan(self, client: str, channel: str) -> PlanView:
        """What a channel would be sent from the catalogue that stands. Nothing is sent, and no source is read.

        Where planning is paused it is the newest plan as it was made.

        Raises:
            ConfigurationError: there is no such client or channel.
            PausedError: planning is paused, and there is no plan yet.
        """
        self._demand_channel(client, channel)
        pause = self.pause_of(client, "plan", channel=channel)
        newest = self.newest_plan(client, channel)
        if pause is not None and newest is not None:
            stored, plan = newest, self.stores.plans.read(newest)
        else:
            made = self.plan(client, channel)
            stored, plan = made.stored, made.plan
        decisions = tuple(self.stores.plans.decisions(client, channel, 20))
        return PlanView(stored, plan, self._why_unsent(stored), decisions)

    def _why_unsent(self, stored: "StoredPlan") -> str:
        from s2s_pipelines.cycle.approval import why_awaiting

        pause = self.pause_of(stored.client, "push", channel=stored.channel)
        if pause is not None:
            return f"{pause.message}; {pause.remedy}"
        if stored.verdict == "stopped":
            told = "; ".join(str(stored.breakers[name]["message"]) for name in stored.tripped)
            return f"stopped by {', '.join(stored.tripped)}: {told}; mend the cause, or let it through: job let_through"
        if stored.verdict == "awaiting":
            return why_awaiting(stored, self.stores.plans.approved(stored.client, stored.channel))
        return ""

    def approve(self, client: str, channel: str, *, by: str, reason: str, looked_at: int | None) -> "StoredPlan":
        """Approve a channel's newest plan by name; see ``cycle.approval``. Nothing is sent by it.

        Raises:
            ConfigurationError: a name is not known, or nobody or no reason is named.
            DataError: there is no plan yet.
            RejectedError: another plan was looked at, or this one waits for nobody's approval.
        """
        from s2s_pipelines.cycle.approval import approve
        from s2s_pipelines.cycle.publish import needs_approval

        stored = self._newest(client, channel, "approve a plan")
        is_first = needs_approval(client, channel_plan(self.client(client), channel), self.stores.items)
        said = approve(
            stored,
            self.stores.plans,
            by=by,
            reason=reason,
            clock=self.clock,
            is_first=is_first,
            looked_at=looked_at,
        )
        if said.approval is None:
            why = "it sends nothing" if is_first else f"{channel} was written before, or declares first_push: free"
            raise RejectedError(
                f"plan {stored.id} waits for nobody's approval: {why}",
                reason="needs_no_approval",
                client=client,
                connection=channel,
                operation="approve a plan",
                next_step="nothing; it is pushed like any other",
            )
        return said

    def let_through(self, client: str, channel: str, names: Collection[str], *, by: str, reason: str) -> "StoredPlan":
        """Let breakers through for a channel's newest plan, once. Nothing is sent by it.

        Raises:
            ConfigurationError: a name is not known, or nobody or no reason is named.
            DataError: there is no plan yet.
            RejectedError: no breaker stops the plan, or another one does as well.
        """
        from s2s_pipelines.cycle.publish import let_through, needs_approval

        stored = self._newest(client, channel, "let a plan through")
        places = {"client": client, "connection": channel, "operation": "let a plan through"}
        if stored.verdict != "stopped":
            raise RejectedError(
                f"no breaker stops plan {stored.id}",
                reason="not_stopped",
                next_step="look at the plan again: it may have been made anew since",
                **places,
            )
        if not names:
            raise ConfigurationError(
                "no breaker is named",
                next_step=f"plan {stored.id} is stopped by: {', '.join(stored.tripped)}",
                **places,
            )
        is_first = needs_approval(client, channel_plan(self.client(client), channel), self.stores.items)
        return let_through(
            stored, self.stores.plans, names=names, by=by, reason=reason, clock=self.clock, is_first=is_first
        )

    def _newest(self, client: str, channel: str, operation: str) -> "StoredPlan":
        self._demand_channel(client, channel)
        stored = self.newest_plan(client, channel)
        if stored is None:
            raise DataError(
                "there is no plan yet",
                client=client,
                connection=channel,
                operation=operation,
                next_step="look at the plan first: job show_plan, or s2s plan",
            )
        return stored

    def _demand_channel(self, client: str, channel: str) -> None:
        demand_known(channel, self.client(client).declaration.channels, "channel", client=client)

    def rejects_by_reason(self, client: str, *, source: str = "") -> "pa.Table":
        """The rejected rows of the newest reads, sorted by reason, then feed and row."""
        if source:
            demand_known(source, self.client(client).declaration.sources, "source", client=client)
        found = self.rejects_table(client)
        if source:
            import pyarrow.compute as pc

            found = found.filter(pc.equal(found["source"], source))
        order = ("reason", "source", "feed", "row")
        return found.sort_by([(name, "ascending") for name in order])

    def explain_sku(self, client: str, sku: str, *, channel: str = "", field: str = "") -> "list[Explanation]":
        """Where a sku's values come from, channel by channel, or why it is not there; see ``cycle.explain``."""
        if channel:
            self._demand_channel(client, channel)
        channels = [channel] if channel else list(self.client(client).declaration.channels)
        return [self.explain(client, key, sku, field or None) for key in channels]

    def explain_order(self, client: str, code: str) -> "list[OrderStory]":
        """What became of the orders whose code or human number this is; none where nobody knows it."""
        from s2s_pipelines.cycle.order_story import order_story

        self.client(client)
        pause_of, now = partial(self.pause_of, client), self.clock.now()
        return [
            order_story(record, self.ledger.history(record.id), now=now, pause_of=pause_of)
            for record in self.ledger.find_orders(client, code)
        ]

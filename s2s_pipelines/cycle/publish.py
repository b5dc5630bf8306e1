"""Plans what a channel must be sent, and sends exactly that.

The plan is kept with its verdict; ``push_plan`` obeys what is kept there, whoever calls it and however. It refuses a plan that

- a breaker stopped and nobody let through;
- is the first of a channel that waits for approval, and that nobody approved as it is (``cycle.approval``);
- is not the newest one of its channel, or was made from a catalogue that no longer stands: newer truth is never overwritten;
- was pushed already.

Within a plan each product is sent only if every item of it still is what the plan was made against. Before a batch is sent its
items are noted as uncertain, after it each outcome is kept; a crash in between leaves items that the next plan sends again in
full.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from s2s_pipelines import __version__
from s2s_pipelines.catalogue.breaker import BREAKERS, judge
from s2s_pipelines.catalogue.channel_field import channel_fields
from s2s_pipelines.catalogue.desired import Desired, desired
from s2s_pipelines.catalogue.diff import Plan, diff, state_keys
from s2s_pipelines.catalogue.flight import deductions
from s2s_pipelines.catalogue.held import shown
from s2s_pipelines.catalogue.portion import compared
from s2s_pipelines.cycle.approval import named
from s2s_pipelines.cycle.client_plan import ChannelPlan, ClientPlan
from s2s_pipelines.cycle.figure import OpenOrders, figures_of, inputs_of, known_until
from s2s_pipelines.cycle.port import (
    CATALOGUE,
    CatalogueStore,
    ItemStore,
    LetThrough,
    PlanStore,
    Snapshot,
    StoredPlan,
)
from s2s_pipelines.errors import ConfigurationError, DataError, RejectedError
from s2s_pipelines.model.field import near_miss
from s2s_pipelines.ports import Clock

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Stores:
    """The memory a publication works with."""

    catalogue: CatalogueStore
    items: ItemStore
    plans: PlanStore


@dataclass(frozen=True, slots=True)
class PlanResult:
    """A plan as it was kept, and what it says.

    Attributes:
        deducted: units per sku that open orders took off.
    """

    stored: StoredPlan
    plan: Plan
    deducted: Mapping[str, int]


def make_plan(
    client: ClientPlan,
    channel: ChannelPlan,
    stores: Stores,
    orders: OpenOrders,
    clock: Clock,
    *,
    again: Collection[str] = (),
) -> PlanResult:
    """Plan what the channel must be sent, judge it, and keep it with the verdict. Nothing is written to the channel.

    Args:
        client: whose catalogue.
        channel: which channel.
        stores: snapshots, items and plans.
        orders: open quantities of the client, all channels together. Asked after the catalogue was read, so that an order that
            comes in meanwhile is deducted rather than missed.
        clock: the time.
        again: skus that a person wants sent in full, whatever the channel confirmed.

    Raises:
        DataError: there is no catalogue yet, or its file is damaged.
        ConfigurationError: the policy names what no source delivers.
    """
    catalogue = standing_catalogue(client, stores.catalogue)
    recipe = plan_recipe(client, channel, stores, catalogue)
    values = [name for name in stores.catalogue.columns(catalogue) if not name.startswith("_")]
    deducted = _deducted(client, channel, stores.catalogue, catalogue, orders)
    stores.items.forget_sold(client.client, channel.channel)
    if again:
        stores.items.doubt(client.client, channel.channel, sorted(again))
    held = stores.items.held(client.client, channel.channel, clock.now())
    with _placed(client, channel):
        wanted, candidates = compared(
            partial(stores.catalogue.pieces, catalogue),
            values,
            catalogue.rows_out,
            held,
            channel.policy,
            client.terms,
            deducted,
        )
    states = stores.items.states(client.client, channel.channel, state_keys(candidates, held))
    plan = diff(wanted, candidates, held, states, channel.policy.delist)
    listed = stores.items.listed(client.client, channel.channel)
    stored = stores.plans.keep(
        client.client,
        channel.channel,
        plan,
        catalogue_fingerprint=catalogue.fingerprint,
        breakers=judge(plan, listed, channel.policy.breakers),
        at=clock.now(),
        needs_approval=needs_approval(client.client, channel, stores.items),
        recipe=None if deducted or plan.items.num_rows else recipe,
    )
    return PlanResult(stored, plan, deducted)


def resting_plan(
    client: ClientPlan, channel: ChannelPlan, stores: Stores, has_moved: Callable[[datetime], bool], clock: Clock
) -> StoredPlan | None:
    """The newest plan of a channel at rest, if a new one would say the same: there is nothing to do. None: plan.

    It sends nothing and deducts nothing for open orders, and nothing that it was made from changed since it was last looked at:
    not the catalogue, nor what is known of any item, nor the declaration; and no order came in or changed. The catalogue's
    figures have only become newer, and a figure that knew of all orders still does. ``make_plan`` would find the same at many
    times the price.

    Args:
        client: whose catalogue.
        channel: which channel.
        stores: snapshots, items and plans.
        has_moved: whether any order of the client came in or changed since a moment.
        clock: the time.
    """
    newest = stores.plans.newest(client.client, channel.channel)
    if newest is None or newest.recipe is None or newest.pushed_at is None or not newest.is_at_rest:
        return None
    now = clock.now()
    catalogue = stores.catalogue.current(client.client, CATALOGUE)
    if catalogue is None or plan_recipe(client, channel, stores, catalogue) != newest.recipe:
        return None
    if has_moved(newest.looked_at - _UNDER_WAY):
        return None
    return stores.plans.confirm(newest, now)


_UNDER_WAY = timedelta(minutes=5)
"""What is noted of an order is seen by others when its transaction ends, and that takes less."""


def plan_recipe(client: ClientPlan, channel: ChannelPlan, stores: Stores, catalogue: Snapshot) -> str:
    """Of everything a plan depends on but open orders, and the moments at which a source made what it says now."""
    inputs = inputs_of(stores.catalogue, catalogue)
    stamps = sorted((label, str(snapshot.source_modified_at)) for label, snapshot in inputs.items())
    mark = stores.items.mark(client.client, channel.channel)
    declared = (client.terms.model_dump_json(), channel.policy.model_dump_json(), channel.is_first_approved)
    told = (catalogue.id, catalogue.fingerprint, stamps, mark, declared, __version__)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def needs_approval(client: str, channel: ChannelPlan, items: ItemStore) -> bool:
    """Whether the next push would be the channel's first, and a person wants to see it before."""
    return channel.is_first_approved and not items.was_written(client, channel.channel)


def standing_catalogue(client: ClientPlan, store: CatalogueStore) -> Snapshot:
    """The catalogue that stands.

    Raises:
        DataError: there is none yet.
    """
    found = store.current(client.client, CATALOGUE)
    if found is None:
        raise DataError(
            "there is no catalogue yet",
            client=client.client,
            operation="plan",
            next_step="refresh the client's sources",
        )
    return found


def _deducted(
    client: ClientPlan, channel: ChannelPlan, store: CatalogueStore, catalogue: Snapshot, orders: OpenOrders
) -> Mapping[str, int]:
    """The same from the few columns that tell, for a catalogue that is not in memory."""
    names = store.columns(catalogue)
    column = channel_fields(channel.policy, names).quantity_column
    times = [name for name in names if name.startswith("_read_at.")]
    told = store.read(catalogue, columns=["sku", "source", f"_from.{column}", *times])
    return _taken_off(column, store, catalogue, told, orders)


def deducted_units(
    client: ClientPlan,
    channel: ChannelPlan,
    store: CatalogueStore,
    catalogue: Snapshot,
    merged: "pa.Table",
    orders: OpenOrders,
) -> Mapping[str, int]:
    """Units per sku that the channel's quantities do not show yet."""
    column = channel_fields(channel.policy, merged.column_names).quantity_column
    return _taken_off(column, store, catalogue, merged, orders)


def _taken_off(
    column: str | None, store: CatalogueStore, catalogue: Snapshot, merged: "pa.Table", orders: OpenOrders
) -> Mapping[str, int]:
    if column is None:
        return {}
    inputs = inputs_of(store, catalogue)
    waiting = orders(known_until(merged, column, inputs))
    return deductions(waiting, figures_of(merged, column, inputs, {order.sku for order in waiting}))


def wanted_state(
    client: ClientPlan, channel: ChannelPlan, merged: "pa.Table", deducted: Mapping[str, int], held: "pa.Table"
) -> Desired:
    """The channel's desired state; errors say whose it is."""
    with _placed(client, channel):
        return desired(merged, channel.policy, client.terms, deducted, shown(held))


@contextmanager
def _placed(client: ClientPlan, channel: ChannelPlan) -> Iterator[None]:
    """Errors of a declaration say whose it is."""
    try:
        yield
    except ConfigurationError as error:
        raise error.located(client=client.client, connection=channel.channel) from None


def let_through(
    stored: StoredPlan,
    plans: PlanStore,
    *,
    names: Collection[str],
    by: str,
    reason: str,
    clock: Clock,
    is_first: bool = False,
) -> StoredPlan:
    """Let a stopped plan through, for this plan only. A plan that nothing stops is returned as it is.

    Args:
        stored: the plan.
        plans: where it is kept.
        names: the breakers that are let through; all that stop the plan must be among them.
        by: who decides.
        reason: why.
        clock: the time.
        is_first: the plan needs approval besides, see ``cycle.approval``.

    Raises:
        ConfigurationError: a name is none of a breaker, or nobody or no reason is named.
        RejectedError: another breaker stops the plan as well.
    """
    places = {"client": stored.client, "connection": stored.channel, "operation": "let a plan through"}
    for name in names:
        if name not in BREAKERS:
            close = near_miss(name, list(BREAKERS))
            hint = f"did you mean {close}?" if close else f"breakers: {', '.join(BREAKERS)}"
            raise ConfigurationError(f"there is no breaker called {name}", reference=name, next_step=hint, **places)
    by, reason = named(by, reason, places)
    if stored.verdict != "stopped":
        return stored
    others = [name for name in stored.tripped if name not in names]
    if others:
        raise RejectedError(
            f"the plan is also stopped by {', '.join(others)}",
            reason="stopped_by_others",
            next_step="look at those as well, and name all that may be let through",
            **places,
        )
    word = LetThrough(tuple(sorted(names)), by, reason, clock.now())
    return plans.let_through(stored, word, needs_approval=is_first)

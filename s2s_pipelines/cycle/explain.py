"""Explains a sku on a channel: the chain from what the channel shows back to the cell it was read from, or why it is not there.

Reads only. The desired state of the one product is worked out anew from the catalogue that stands, so the answer fits what the
next plan would do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from s2s_pipelines.catalogue.channel_field import Fields, channel_fields
from s2s_pipelines.catalogue.desired import Desired
from s2s_pipelines.catalogue.held import held_schema
from s2s_pipelines.cycle.absence import Absence, why_unknown
from s2s_pipelines.cycle.approval import why_awaiting
from s2s_pipelines.cycle.client_plan import ChannelPlan, ClientPlan
from s2s_pipelines.cycle.derivation import derivation, frame_column, state_field
from s2s_pipelines.cycle.figure import OpenOrders, inputs_of
from s2s_pipelines.cycle.origin import Cell, origin
from s2s_pipelines.cycle.pausing import PauseOf, never_paused
from s2s_pipelines.cycle.port import CATALOGUE, HeldItem, ItemKey, Snapshot, StoredPlan
from s2s_pipelines.cycle.publish import Stores, deducted_units, wanted_state
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import near_miss
from s2s_pipelines.ports import Clock

if TYPE_CHECKING:
    import pyarrow as pa

Stage = Literal["channel", "plan", "desired", "catalogue", "cell"]


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a chain, from the channel (first) to the cell (last)."""

    stage: Stage
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of a sku.

    Attributes:
        is_listed: the channel shows it, as far as it ever confirmed.
        reason: None while it is listed and nothing is in its way; else the one reason: ``never_read``, ``ignored``,
            ``rejected``, ``conflict``, ``rule`` or another reason of being left out, ``breaker``, ``paused``,
            ``awaiting_approval``, ``push_failed``, ``not_pushed``.
        message: that reason in a sentence.
        remedy: what a person can do about it.
        fields: per field (our words of a desired state) its chain.
    """

    client: str
    channel: str
    sku: str
    is_listed: bool
    reason: str | None
    message: str
    remedy: str
    fields: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)

    def text(self) -> str:
        """The explanation for a screen."""
        lines = [f"{self.client} / {self.channel} / {self.sku}: {'listed' if self.is_listed else 'not listed'}"]
        if self.reason is not None:
            lines += [
                f"  reason: {self.reason}: {self.message}",
                *([f"  remedy: {self.remedy}"] if self.remedy else []),
            ]
        for name, steps in self.fields.items():
            lines += [f"  {name}", *(f"    {step.stage:<9} {step.text}" for step in steps)]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything known of the sku and its product."""

    client: ClientPlan
    channel: ChannelPlan
    stores: Stores
    sku: str
    inputs: Mapping[str, Snapshot]
    family: Sequence[Mapping[str, Any]]
    fields: Fields
    wanted: Desired
    deducted: Mapping[str, int]
    items: Mapping[ItemKey, HeldItem]
    plan: StoredPlan | None
    planned: Sequence[Mapping[str, Any]]
    pause_of: PauseOf

    @property
    def own(self) -> Mapping[str, Any]:
        """The catalogue's row of the sku; with several, the one whose product the channel has, else an offered one."""
        mine = [row for row in self.family if row["sku"] == self.sku]
        item = self.items.get(("variant", self.sku))
        held = [row for row in mine if item is not None and row["product_key"] == item.product_key]
        offered = [row for row in mine if row["product_active"] != "delete"]
        return [*held, *offered, *mine][0]


def explain(
    client: ClientPlan,
    channel: ChannelPlan,
    stores: Stores,
    orders: OpenOrders,
    clock: Clock,
    *,
    sku: str,
    field: str | None = None,
    pause_of: PauseOf = never_paused,
) -> Explanation:
    """Why a sku looks on a channel as it does, or why it is not there.

    Args:
        client: whose.
        channel: where.
        stores: snapshots, items and plans.
        orders: open quantities of the client.
        clock: the time.
        sku: the variant.
        field: only this field, in the vocabulary's or the channel state's word; None: all.
        pause_of: tells what a person stopped for a while.

    Raises:
        ConfigurationError: no such field.
        DataError: a snapshot's file is damaged.
    """
    catalogue = stores.catalogue.current(client.client, CATALOGUE)
    found = {item.level: item for item in stores.items.find(client.client, channel.channel, [("variant", sku)])}
    rows = None if catalogue is None else stores.catalogue.read(catalogue)
    if catalogue is None or rows is None or not _mentions(rows, sku):
        absence = why_unknown(client, stores.catalogue, sku)
        if absence.reason == "never_read":
            absence = _unread(client, pause_of) or absence
        is_listed = "variant" in found and found["variant"].is_listed
        return Explanation(
            client.client, channel.channel, sku, is_listed, absence.reason, absence.message, absence.remedy
        )
    case = _case(client, channel, stores, orders, sku, catalogue, rows, pause_of)
    item = case.items.get(("variant", sku))
    verdict = _verdict(case)
    names = [_known_field(case, field)] if field is not None else [*case.fields.variant, *case.fields.product]
    return Explanation(
        client.client,
        channel.channel,
        sku,
        item is not None and item.is_listed,
        None if verdict is None else verdict.reason,
        "" if verdict is None else verdict.message,
        "" if verdict is None else verdict.remedy,
        {name: _chain(case, name) for name in names},
    )


def _unread(client: ClientPlan, pause_of: PauseOf) -> Absence | None:
    """A primary source that may have the sku by now and is not read for a while."""
    for source in client.sources:
        pause = pause_of("read", source=source.source) if source.role == "primary" else None
        if pause is not None:
            return Absence("paused", f"no primary source delivered it yet, and {pause.message}", pause.remedy)
    return None


def _mentions(rows: "pa.Table", sku: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.equal(rows["sku"], sku)).as_py())


def _case(
    client: ClientPlan,
    channel: ChannelPlan,
    stores: Stores,
    orders: OpenOrders,
    sku: str,
    catalogue: Snapshot,
    rows: "pa.Table",
    pause_of: PauseOf,
) -> _Case:
    import pyarrow.compute as pc

    keys = pc.unique(rows.filter(pc.equal(rows["sku"], sku))["product_key"])
    family = rows.filter(pc.is_in(rows["product_key"], value_set=keys))
    deducted = deducted_units(client, channel, stores.catalogue, catalogue, family, orders)
    skus = family["sku"].to_pylist()
    asked: list[ItemKey] = [("variant", s) for s in skus]
    variants = stores.items.find(client.client, channel.channel, asked)
    products: list[ItemKey] = [
        ("product", k) for k in sorted({v.product_key for v in variants} | set(keys.to_pylist()))
    ]
    known = [*variants, *stores.items.find(client.client, channel.channel, products)]
    plan = stores.plans.newest(client.client, channel.channel)
    return _Case(
        client=client,
        channel=channel,
        stores=stores,
        sku=sku,
        inputs=inputs_of(stores.catalogue, catalogue),
        family=family.to_pylist(),
        fields=channel_fields(channel.policy, family.column_names),
        wanted=wanted_state(client, channel, family, deducted, _held(known)),
        deducted=deducted,
        items={(item.level, item.item_key): item for item in known},
        plan=plan,
        planned=_planned(stores, plan, sku),
        pause_of=pause_of,
    )


def _held(items: Sequence[HeldItem]) -> "pa.Table":
    """What the channel has of this product, in the shape ``held.shown`` reads."""
    import pyarrow as pa

    rows = []
    for item in items:
        simple = item.acknowledged.get("is_simple") if item.level == "product" else None
        known = {name: getattr(item, name, None) for name in held_schema().names}
        rows.append({**known, "is_simple": None if simple is None else simple == "true", "is_waiting": False})
    return pa.Table.from_pylist(rows, held_schema())


def _planned(stores: Stores, plan: StoredPlan | None, sku: str) -> Sequence[Mapping[str, Any]]:
    """What the newest plan changes of the sku and its product."""
    import pyarrow.compute as pc

    if plan is None or plan.pushed_at is not None:
        return []
    kept = stores.plans.read(plan)
    items = kept.items.filter(pc.equal(kept.items["sku"], sku)).to_pylist()
    if not items:
        return []
    of_product = pc.and_(
        pc.equal(kept.changes["product_key"], items[0]["product_key"]), pc.is_null(kept.changes["sku"])
    )
    changes = kept.changes.filter(pc.or_kleene(pc.equal(kept.changes["sku"], sku), of_product)).to_pylist()
    return [change for change in changes if change["sku"] in (sku, None)]


def _verdict(case: _Case) -> Absence | None:
    """The one thing in the way, or None."""
    left = [row for row in case.wanted.left_out.to_pylist() if row["sku"] == case.sku]
    is_wanted = case.sku in case.wanted.variants["sku"].to_pylist()
    if left and not is_wanted:
        own = next((row for row in left if row["product_key"] == case.own["product_key"]), left[0])
        return Absence(own["reason"], own["message"], "")
    if case.plan is not None and case.plan.verdict == "stopped" and case.planned:
        names = ", ".join(case.plan.tripped)
        told = "; ".join(str(case.plan.breakers[name]["message"]) for name in case.plan.tripped)
        return Absence(
            "breaker", f"plan {case.plan.id} is stopped by {names}: {told}", "let it through, or mend the cause"
        )
    waiting = _waiting(case)
    if waiting is not None:
        return waiting
    product = case.items.get(("product", str(case.own["product_key"])))
    for item in (case.items.get(("variant", case.sku)), product):
        if item is not None and item.failures > 0:
            return Absence("push_failed", f"{item.reason}: {item.message}", item.remedy or "")
    listed = case.items.get(("variant", case.sku))
    if listed is None or not listed.is_listed:
        return Absence("not_pushed", "it is to be shown and was not pushed yet", "push the channel")
    return None


def _waiting(case: _Case) -> Absence | None:
    """What people keep back: a paused channel, or a first plan that nobody approved."""
    listed = case.items.get(("variant", case.sku))
    if listed is not None and listed.is_listed and not case.planned:
        return None
    pause = case.pause_of("push", channel=case.channel.channel)
    if pause is not None:
        return Absence("paused", pause.message, pause.remedy)
    if case.plan is not None and case.plan.verdict == "awaiting":
        approved = case.stores.plans.approved(case.client.client, case.channel.channel)
        message, _, remedy = why_awaiting(case.plan, approved).partition("; ")
        return Absence("awaiting_approval", message, remedy)
    return None


def _known_field(case: _Case, name: str) -> str:
    """The state's word for a field, however the asker calls it."""
    found = state_field(name, case.fields)
    known = [*case.fields.variant, *case.fields.product]
    if found is None:
        close = near_miss(name, known)
        raise ConfigurationError(
            f"{name} is not a field that this channel is sent",
            client=case.client.client,
            connection=case.channel.channel,
            operation="explain",
            reference=name,
            next_step=f"did you mean {close}?" if close else f"fields: {', '.join(known)}",
        )
    return found


def _chain(case: _Case, name: str) -> tuple[Step, ...]:
    """One field, from the channel back to the cell."""
    level: Literal["product", "variant"] = "variant" if name in case.fields.variant else "product"
    key = case.sku if level == "variant" else str(case.own["product_key"])
    item = case.items.get((level, key))
    steps = [_on_channel(item, name)]
    steps += [
        Step("plan", f"plan {case.plan.id} ({case.plan.verdict}): {_shown(c['before'])} -> {_shown(c['after'])}", c)
        for c in case.planned
        if case.plan is not None and c["field"] == name and (c["sku"] is None) == (level == "product")
    ]
    table = case.wanted.variants if level == "variant" else case.wanted.products
    wanted = [row for row in table.to_pylist() if row["sku" if level == "variant" else "product_key"] == key]
    if wanted:
        how = derivation(case.channel.policy, case.client.terms, case.fields, case.own, case.deducted, name)
        steps.append(Step("desired", f"{_shown(wanted[0][name])}{how}", {"value": wanted[0][name]}))
    for column in frame_column(name, case.fields, case.own):
        steps += _in_catalogue(case, column)
    return tuple(steps)


def _on_channel(item: HeldItem | None, name: str) -> Step:
    if item is None:
        return Step("channel", "never confirmed")
    told = item.acknowledged.get(name)
    text = (
        f"{_shown(told)}, confirmed {item.acknowledged_at:%Y-%m-%d %H:%M:%S %Z}"
        if item.acknowledged_at
        else "never confirmed"
    )
    if item.failures:
        text += f"; failed {item.failures} times since: {item.reason}: {item.message}"
    if item.is_uncertain:
        text += "; something was sent and not heard of"
    return Step("channel", text, {"value": told, "reason": item.reason})


def _in_catalogue(case: _Case, column: str) -> list[Step]:
    own = case.own
    label = own.get(f"_from.{column}")
    if label is None:
        return [Step("catalogue", f"{column}: no source has a value", {"column": column})]
    steps = [Step("catalogue", f"{column} = {_shown(own[column])}, from {label}", {"column": column, "from": label})]
    mine = [row for row in case.family if row["product_key"] == own["product_key"]]
    cells = origin(case.client, case.stores.catalogue, case.inputs, mine, case.sku, column)
    return [
        *steps,
        *(
            Step(
                "cell",
                f"{_cell(cell)}{_unread_now(case, cell)}",
                {"column": cell.column, "raw": cell.raw, "row": cell.row},
            )
            for cell in cells
        ),
    ]


def _unread_now(case: _Case, cell: Cell) -> str:
    pause = case.pause_of("read", source=cell.source)
    return "" if pause is None else f"; not read now: {pause.message}"


def _cell(cell: Cell) -> str:
    where = f"{cell.source}/{cell.feed} row {cell.row}, read {cell.read_at:%Y-%m-%d %H:%M:%S %Z}"
    if cell.row is None:
        return f"{cell.source}/{cell.feed}: absent from the full read of {cell.read_at:%Y-%m-%d %H:%M:%S %Z}, so 0"
    if cell.column is None:
        return f"{where}: a constant of the field map"
    if not cell.is_kept:
        return f"{where}, column {cell.column}: that read is no longer kept"
    return f"{where}, column {cell.column}: {_shown(cell.raw)}"


def _shown(value: Any) -> str:
    """A value for people; long texts are cut."""
    if value is None:
        return "nothing"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{text!r}" if len(text) <= 80 else f"{text[:79]!r}…"

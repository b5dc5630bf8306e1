"""What must be true between the keys of a channel, its connection, and the sources behind it."""

import re
from collections.abc import Iterator, Mapping

from s2s_pipelines.catalogue.policy import Condition
from s2s_pipelines.config.declaration import ChannelDeclaration
from s2s_pipelines.config.draft import Draft
from s2s_pipelines.config.problem import Problem
from s2s_pipelines.config.source_check import ANY_FIELD, check_named_connection, is_flag, unknown_field
from s2s_pipelines.config.yaml_file import Path
from s2s_pipelines.model.field import ValueType, find_target, flag_name, near_miss
from s2s_pipelines.orders.policy import ChannelOrders

_OPTIONS = "options"
"""A channel may own all options of its products under one flag (``catalogue.channel_field``)."""
_VALUELESS = ("is_empty", "is_not_empty")
_NUMERIC = ("less_than", "greater_than")
_ON_NUMBERS = ("equals", "not_equals", "one_of", "less_than", "greater_than", "is_empty", "is_not_empty")
_ON_LISTS = ("contains", "not_contains", "one_of", "is_empty", "is_not_empty")
_ON_SWITCHES = ("equals", "not_equals", "is_empty", "is_not_empty")
_OPS: Mapping[ValueType | None, tuple[str, ...]] = {
    ValueType.PRICE: _ON_NUMBERS,
    ValueType.QUANTITY: _ON_NUMBERS,
    ValueType.WEIGHT: _ON_NUMBERS,
    ValueType.TAGS: _ON_LISTS,
    ValueType.URL: _ON_LISTS,
    ValueType.BOOL: _ON_SWITCHES,
}
"""What can be asked of a field, by its type; of text, anything."""


def check_channels(draft: Draft) -> Iterator[Problem]:
    """Problems of all channels."""
    connected: dict[str, str] = {}
    if not draft.declaration.channels:
        yield draft.problem(
            (), "no channel is declared, so nothing is published", "add one under `channels:`", severity="warning"
        )
    for key, channel in draft.declaration.channels.items():
        path: Path = ("channels", key)
        yield from check_named_connection(draft, path, channel.connection, "channel")
        first = connected.setdefault(channel.connection, key)
        if first != key:
            yield draft.problem(
                (*path, "connection"),
                f"`{first}` publishes through the connection `{channel.connection}` already",
                "give each channel a connection of its own, or they undo each other's work",
            )
        yield from _check_policy(draft, path, channel)
        if channel.orders is not None:
            yield from _check_orders(draft, path, channel, channel.orders)


def _check_policy(draft: Draft, path: Path, channel: ChannelDeclaration) -> Iterator[Problem]:
    policy, at = channel.policy, (*path, "policy")
    yield from _check_choice(draft, (*at, "price_tier"), policy.price_tier, "price_", "price tier")
    yield from _check_choice(draft, (*at, "compare_at_tier"), policy.compare_at_tier, "price_", "price tier")
    yield from _check_choice(draft, (*at, "quantity", "warehouse"), policy.quantity.warehouse, "qty_", "warehouse")
    for name in policy.flags:
        if not is_flag(name) and name != _OPTIONS:
            yield unknown_field(draft, (*at, "flags", name), name)
    for part in ("include", "exclude"):
        for i, condition in enumerate(getattr(policy.rules, part)):
            yield from _check_condition(draft, (*at, "rules", part, i), condition)


def _check_choice(draft: Draft, path: Path, name: str | None, prefix: str, what: str) -> Iterator[Problem]:
    if name is None:
        return
    mapped = {target for source in draft.declaration.sources for target in draft.mapped_targets(source)}
    offered = sorted(t.removeprefix(prefix) for t in mapped if t.startswith(prefix))
    if name in offered or (prefix == "price_" and "csv_price_tiers" in mapped):
        return
    listed = f"; mapped are: {', '.join(offered)}" if offered else ""
    yield draft.problem(
        path,
        f"no source maps the {what} `{name}`",
        f"map a column to {prefix}{name}{listed}",
        near=near_miss(name, offered),
    )


def _check_condition(draft: Draft, path: Path, condition: Condition) -> Iterator[Problem]:
    at = (*path, "field")
    if condition.field == ANY_FIELD or not is_flag(condition.field):
        yield unknown_field(draft, at, condition.field)
        return
    mapped = {flag_name(t) for source in draft.declaration.sources for t in draft.mapped_targets(source)}
    if condition.field not in mapped and not (condition.field.startswith("price_") and "csv_price_tiers" in mapped):
        yield draft.problem(at, f"no source maps `{condition.field}`", "map a column to it, or take the condition out")
    fault = _judge_op(condition) or _judge_value(condition)
    if fault:
        yield draft.problem(path, *fault)


def _judge_op(condition: Condition) -> tuple[str, str] | None:
    allowed = _OPS.get(_type_of(condition.field))
    if allowed is None or condition.op in allowed:
        return None
    return f"`{condition.op}` cannot be asked of `{condition.field}`", f"use one of: {', '.join(allowed)}"


def _judge_value(condition: Condition) -> tuple[str, str] | None:
    op, value = condition.op, condition.value
    is_list = isinstance(value, tuple)
    if op in _VALUELESS:
        return (f"`{op}` compares with nothing", "take `value` out") if value is not None else None
    if value is None:
        return f"`{op}` needs a value", "add `value:`"
    if op == "one_of":
        return None if is_list else ("`one_of` compares with a list", "write `value: [one, two]`")
    if is_list:
        return f"`{op}` compares with one text", "write one value, or use one_of"
    if (op in _NUMERIC or _OPS.get(_type_of(condition.field)) is _ON_NUMBERS) and not _is_number(str(value)):
        return f"`{op}` compares numbers here", "write the number in quotes, with a point before decimals"
    return None


def _type_of(name: str) -> ValueType | None:
    target = find_target("image1" if name == "images" else name)
    return target.type if target else None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", text.strip()) is not None


def _check_orders(draft: Draft, path: Path, channel: ChannelDeclaration, orders: ChannelOrders) -> Iterator[Problem]:
    at = (*path, "orders")
    if draft.has_capability(channel.connection, "orders") is False:
        label = draft.kinds[channel.connection].manifest.label
        yield draft.problem(at, f"{label} delivers no orders", "take `orders` out of this channel")
    if not orders.statuses or not all(s.strip() for s in orders.statuses):
        yield draft.problem(
            (*at, "statuses"),
            "no status means that no order is ever due",
            "list the channel's words, such as [processing]",
        )
    for key in orders.default_customers:
        yield from _check_default(draft, (*at, "default_customers", key), key)
    for key in draft.primaries:
        yield from _warn_of_untaken(draft, at, key)


def _check_default(draft: Draft, path: Path, key: str) -> Iterator[Problem]:
    if key in draft.primaries:
        return
    what = "is linked and takes no orders" if key in draft.declaration.sources else "is not a source of this client"
    yield draft.problem(
        path,
        f"`{key}` {what}",
        f"name a primary source: {', '.join(draft.primaries)}",
        near=near_miss(key, draft.primaries),
    )


def _warn_of_untaken(draft: Draft, path: Path, key: str) -> Iterator[Problem]:
    source = draft.declaration.sources[key]
    if draft.takes_orders(source) or (source.orders is not None and source.orders.raised_here == "not_here"):
        return
    if draft.has_capability(source.connection, "orders") is False:
        label = draft.kinds[source.connection].manifest.label
        why = f"{label} takes no orders"
    else:
        why = "it declares no `orders`"
    yield draft.problem(
        path,
        f"order lines that `{key}` owns will be held: {why}",
        f"declare `orders` on sources.{key}; `orders: {{raised_here: not_here}}` if they need no document",
        severity="warning",
    )

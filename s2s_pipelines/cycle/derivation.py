"""How a channel's value comes of the catalogue's, in words; and which names fields go by on the way."""

from collections.abc import Mapping
from typing import Any

from s2s_pipelines.catalogue.channel_field import OPTIONS, Fields
from s2s_pipelines.catalogue.column import IMAGES
from s2s_pipelines.catalogue.policy import ChannelPolicy, Terms
from s2s_pipelines.model.field import find_target, flag_name

_OPTION_COLUMNS = tuple(f"option{i}_value" for i in (1, 2, 3))


def frame_column(name: str, fields: Fields, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The catalogue's columns behind a field of a state."""
    columns = {
        "price": fields.price_column,
        "compare_at_price": fields.compare_column,
        "qty": fields.quantity_column,
    }
    if name == OPTIONS:
        return tuple(c for c in _OPTION_COLUMNS if row.get(c) is not None)
    column = columns.get(name, name)
    return () if column is None else (column,)


def state_field(name: str, fields: Fields) -> str | None:
    """The state's word for a field that is called by it, by the vocabulary's name, or by its column."""
    known = (*fields.variant, *fields.product)
    target = find_target(name)
    column = name if target is None else target.column
    if target is not None and flag_name(target.name) == IMAGES:
        column = IMAGES
    by_column: dict[str | None, str] = {
        fields.price_column: "price",
        fields.compare_column: "compare_at_price",
        fields.quantity_column: "qty",
    }
    by_column |= dict.fromkeys(_OPTION_COLUMNS, OPTIONS)
    for found in (name, by_column.get(column), column):
        if found in known:
            return found
    return None


def derivation(
    policy: ChannelPolicy, terms: Terms, fields: Fields, row: Mapping[str, Any], deducted: Mapping[str, int], name: str
) -> str:
    """How the value was reached; empty where it is the catalogue's own."""
    if name == "qty" and fields.quantity_column is not None:
        taken = deducted.get(row["sku"], 0)
        parts = [f"{row[fields.quantity_column]} in {fields.quantity_column}"]
        parts += [f"minus {taken} of open orders"] if taken else []
        parts += [f"minus a buffer of {policy.quantity.buffer}"] if policy.quantity.buffer else []
        parts += ["not below 0"]
        parts += [f"at most {policy.quantity.cap}"] if policy.quantity.cap is not None else []
        return f" = {', '.join(parts)}"
    if name in ("price", "compare_at_price"):
        column = fields.price_column if name == "price" else fields.compare_column
        same = terms.basis == policy.basis
        basis = (
            f"{policy.basis}usive of tax, as it is"
            if same
            else f"from {terms.basis} to {policy.basis} at {terms.tax_rate} %"
        )
        return f" = {column}, {basis}, in cents"
    return ""

"""States as text: how the fields of a desired state are written down, compared, hashed and read back.

A state is a JSON object of the fields we own: numbers, amounts and switches as text (so that neither JSON nor a database rounds
them), lists as lists, and null for a field that is ours and empty. A field that is not ours is not in it.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from s2s_pipelines.model.change import FieldValue

AMOUNTS = frozenset({"price", "compare_at_price"})
COUNTS = frozenset({"qty", "weight_g"})
SWITCHES = frozenset({"inventory_management"})
LISTS = frozenset({"tags", "images", "options", "option_names"})
SHAPE_FIELDS = frozenset({"option_names", "is_simple"})
"""Part of a product's state, but no fields of a change: they travel beside them."""


def field_value(field: str, written: Any) -> FieldValue:
    """A field as a change carries it.

    >>> field_value("price", "11.50"), field_value("qty", "7"), field_value("tags", ["a"]), field_value("title", None)
    (Decimal('11.50'), 7, ('a',), None)
    """
    if field in LISTS:
        return tuple(written or ())
    if written is None:
        return None
    if field in AMOUNTS:
        return Decimal(written)
    if field in COUNTS:
        return int(written)
    return written == "true" if field in SWITCHES else str(written)


def field_values(state: str, fields: Iterable[str]) -> Mapping[str, FieldValue]:
    """The named fields of a state, as a change carries them.

    >>> field_values('{"qty":"7","title":null}', ["qty"])
    {'qty': 7}
    """
    written = json.loads(state)
    return {field: field_value(field, written.get(field)) for field in fields}


def written_sql(field: str, expression: str) -> str:
    """How a field's SQL value is written into a state."""
    if field in LISTS:
        return f"coalesce({expression}, [])"
    if field in AMOUNTS:
        return f"CAST(CAST({expression} AS DECIMAL(18, 2)) AS VARCHAR)"
    return f"CAST({expression} AS VARCHAR)"


def state_sql(fields: Mapping[str, str]) -> str:
    """An SQL expression for the state of these fields, given each field's SQL value.

    >>> state_sql({})
    "'{}'"
    """
    if not fields:
        return "'{}'"
    members = ", ".join(f"'{field}': {written_sql(field, sql)}" for field, sql in fields.items())
    return f"CAST(to_json({{{members}}}) AS VARCHAR)"

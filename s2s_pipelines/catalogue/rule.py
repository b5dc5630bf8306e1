"""Which rows of the merged catalogue a channel's rules select.

How several rules combine is not documented by the trade (domain research 9.2 and gap 4 of section 20); ours: ``include`` holds
for a row when all (or, if declared, any) of its conditions do, then any single ``exclude`` condition takes the row off.

What a comparison means:

- Text is compared without regard to letter case. ``equals`` and ``one_of`` do not hold for an empty field; ``not_equals`` and
  ``not_contains`` do.
- Numbers (prices, quantities, weights) are compared as numbers, prices in the terms of the catalogue. ``less_than`` and
  ``greater_than`` also work on text that is a plain decimal number; other text does not meet them.
- Lists (tags, images): ``contains``, ``not_contains`` and ``one_of`` look for whole elements.
- Empty is null, an empty text or an empty list. Zero is not empty.
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

from s2s_pipelines.catalogue.column import IMAGES, target_of
from s2s_pipelines.catalogue.policy import Condition, Rules
from s2s_pipelines.catalogue.query import quoted
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import find_target, flag_name, near_miss

if TYPE_CHECKING:
    import pyarrow as pa

Shape = Literal["text", "number", "switch", "list"]
Clause = tuple[str, list[Any]]

_ON_LISTS = {"contains", "not_contains", "one_of", "is_empty", "is_not_empty"}
_ON_NUMBERS = {"equals", "not_equals", "one_of", "less_than", "greater_than", "is_empty", "is_not_empty"}
_ON_SWITCHES = {"equals", "not_equals", "is_empty", "is_not_empty"}


def reason_of_rules(rules: Rules, schema: "pa.Schema") -> Clause:
    """An SQL expression over the merged catalogue: null for a selected row, else the sentence that says why not.

    Args:
        rules: as declared for the channel.
        schema: of the table that the expression will be used on; its columns are frame columns.

    Returns:
        The expression, and the values of its ``?`` in order.

    Raises:
        ConfigurationError: a field that no source delivers, or a comparison that its kind of value does not know.
    """
    excluded = [(c, condition_clause(c, schema)) for c in rules.exclude]
    included = [(c, condition_clause(c, schema)) for c in rules.include]
    arms: list[str] = []
    values: list[Any] = []
    for condition, (sql, parameters) in excluded:
        arms.append(f"WHEN {sql} THEN ?")
        values += [*parameters, f"excluded by the rule: {spell(condition)}"]
    if rules.match == "all":
        for condition, (sql, parameters) in included:
            arms.append(f"WHEN NOT {sql} THEN ?")
            values += [*parameters, f"not included by the rule: {spell(condition)}"]
    elif included:
        arms.append(f"WHEN NOT ({' OR '.join(sql for _, (sql, _) in included)}) THEN ?")
        wanted = " or ".join(spell(c) for c, _ in included)
        values += [*(v for _, (_, p) in included for v in p), f"not included by any of the rules: {wanted}"]
    return (f"CASE {' '.join(arms)} ELSE NULL END" if arms else "NULL", values)


def spell(condition: Condition) -> str:
    """A condition in words.

    >>> spell(Condition(field="product_type", op="one_of", value=("Shoes", "Hats")))
    'product_type one of Shoes, Hats'
    """
    value = ", ".join(condition.value) if isinstance(condition.value, tuple) else (condition.value or "")
    return f"{condition.field} {condition.op.replace('_', ' ')} {value}".rstrip()


def condition_clause(condition: Condition, schema: "pa.Schema") -> Clause:
    """An SQL expression that is true where the condition is met, and never null.

    Raises:
        ConfigurationError: see ``reason_of_rules``.
    """
    column = _column(condition, schema)
    shape = _shape(schema.field(column).type)
    name = quoted(column)
    wanted = _wanted(condition)
    if condition.op in ("is_empty", "is_not_empty"):
        return _emptiness(name, shape, is_wanted=condition.op == "is_empty")
    allowed = {"list": _ON_LISTS, "number": _ON_NUMBERS, "switch": _ON_SWITCHES, "text": None}[shape]
    if allowed is not None and condition.op not in allowed:
        raise _wrong(condition, f"{condition.op} cannot be asked of a {shape}", f"use {', '.join(sorted(allowed))}")
    if condition.op in ("less_than", "greater_than") or shape == "number":
        return _numeric(condition, name, wanted, shape)
    if shape == "list":
        return _on_list(condition.op, name, wanted)
    return _on_text(condition.op, f"lower(CAST({name} AS VARCHAR))", wanted)


def _column(condition: Condition, schema: "pa.Schema") -> str:
    target = find_target(condition.field)
    is_images = condition.field == IMAGES
    column = (
        IMAGES if is_images or (target and flag_name(target.name) == IMAGES) else (target.column if target else None)
    )
    if column is not None and column in schema.names:
        return column
    known = [target_of(n).name if n != IMAGES else IMAGES for n in schema.names if _is_value(n)]
    close = near_miss(condition.field, known)
    what = "is not delivered by any source" if column else "is not a field"
    hint = f"did you mean {close}?" if close else f"fields of this catalogue: {', '.join(known)}"
    raise ConfigurationError(
        f"the rule on {condition.field} cannot be used: {condition.field} {what}",
        operation="apply channel rules",
        reference=condition.field,
        next_step=hint,
    )


def _is_value(column: str) -> bool:
    try:
        return bool(target_of(column).name)
    except KeyError:
        return False


def _shape(type_: "pa.DataType") -> Shape:
    import pyarrow.types as kinds

    if kinds.is_list(type_) or kinds.is_large_list(type_):
        return "list"
    if kinds.is_boolean(type_):
        return "switch"
    return "number" if kinds.is_decimal(type_) or kinds.is_integer(type_) else "text"


def _wanted(condition: Condition) -> tuple[str, ...]:
    has_value = condition.value is not None
    if condition.op in ("is_empty", "is_not_empty"):
        if has_value:
            raise _wrong(condition, f"{condition.op} takes no value", "leave the value out")
        return ()
    if not has_value:
        raise _wrong(condition, f"{condition.op} needs a value", "add the value to compare with")
    if isinstance(condition.value, tuple):
        if condition.op != "one_of" or not condition.value:
            raise _wrong(condition, f"{condition.op} takes one value", "give one value, or use one_of with a list")
        return condition.value
    return (str(condition.value),)


def _emptiness(name: str, shape: Shape, *, is_wanted: bool) -> Clause:
    test = {
        "list": f"({name} IS NULL OR len({name}) = 0)",
        "text": f"({name} IS NULL OR trim(CAST({name} AS VARCHAR)) = '')",
    }.get(shape, f"({name} IS NULL)")
    return (test if is_wanted else f"(NOT {test})", [])


def _numeric(condition: Condition, name: str, wanted: Sequence[str], shape: Shape) -> Clause:
    try:
        numbers = [Decimal(text.strip()) for text in wanted]
    except InvalidOperation:
        raise _wrong(condition, f"{', '.join(wanted)} is not a number", "write a plain number such as 12.50") from None
    number = name if shape == "number" else f"TRY_CAST(trim(CAST({name} AS VARCHAR)) AS DECIMAL(28, 6))"
    if condition.op in ("less_than", "greater_than"):
        sign = "<" if condition.op == "less_than" else ">"
        return (f"coalesce({number} {sign} CAST(? AS DECIMAL(28, 6)), false)", [str(numbers[0])])
    marks = ", ".join("CAST(? AS DECIMAL(28, 6))" for _ in numbers)
    inside = f"coalesce({number} IN ({marks}), false)"
    return (f"(NOT {inside})" if condition.op == "not_equals" else inside, [str(n) for n in numbers])


def _on_list(op: str, name: str, wanted: Sequence[str]) -> Clause:
    lowered = f"list_transform({name}, lambda element: lower(element))"
    found = f"coalesce({' OR '.join(f'list_contains({lowered}, lower(?))' for _ in wanted)}, false)"
    return (f"(NOT {found})" if op == "not_contains" else found, list(wanted))


def _on_text(op: str, text: str, wanted: Sequence[str]) -> Clause:
    if op in ("contains", "not_contains"):
        found = f"coalesce(contains({text}, lower(?)), false)"
    else:
        found = f"coalesce({text} IN ({', '.join('lower(?)' for _ in wanted)}), false)"
    return (f"(NOT {found})" if op in ("not_contains", "not_equals") else found, list(wanted))


def _wrong(condition: Condition, why: str, next_step: str) -> ConfigurationError:
    return ConfigurationError(
        f"the rule '{spell(condition)}' cannot be used: {why}",
        operation="apply channel rules",
        reference=condition.field,
        next_step=next_step,
    )

"""What a channel should look like: the merged catalogue seen through the channel's policy.

Rules select, flags filter, price tier and warehouse choose, open orders and the buffer lower the quantity, the cap bounds it.
What is left out is listed with its reason. Two kinds of being left out differ in what happens to an item that the channel already
shows:

- *frozen*: something about the data must be settled by a person first, so the item stays exactly as it is;
- the rest: the item should not be shown, so it is taken off as the channel's ``delist`` says.

A sku that the catalogue does not mention at all is neither: absent is not deleted (domain research 5.5).
"""

# ruff: noqa: S608 - names in these statements come from the vocabulary and are quoted; values are parameters

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.channel_field import Fields, channel_fields
from s2s_pipelines.catalogue.column import IMAGES, is_product_level, target_of
from s2s_pipelines.catalogue.policy import ChannelPolicy, Terms
from s2s_pipelines.catalogue.query import Desk, desk, quoted
from s2s_pipelines.catalogue.rule import reason_of_rules
from s2s_pipelines.catalogue.state import state_sql
from s2s_pipelines.model.money import to_basis, to_cents

if TYPE_CHECKING:
    import pyarrow as pa

FROZEN = ("conflict", "regrouped", "shape_changed", "no_title", "missing_options", "duplicate_options")
"""Reasons that leave an item of the channel as it is."""

# Moving a sku or adding options to what is on the channel orphans variants: domain research 4, rule 6.
_REASONS = {
    "conflict": "more than one primary source delivers this sku; until only one does, the channel keeps what it has",
    "deleted": "its source says delete",
    "regrouped": "the channel has this sku under another product; delete it there first, then move it",
    "shape_changed": "the channel has this product without options; delete it there first, then add variants",
    "no_title": "it has no title",
    "no_price": "it has no price in the price list of this channel, and empty is not zero",
    "no_quantity": "it has no quantity in the warehouse of this channel, and empty is not zero",
    "missing_options": "variants of one product need a name and a value for every option the product has",
    "duplicate_options": "another variant of this product has the same option values",
}


@dataclass(frozen=True, slots=True)
class Desired:
    """A channel's desired state.

    Attributes:
        products: one row per product: ``product_key``, our product fields, ``option_names``, ``is_simple``, ``all_skus``,
            ``state`` (JSON of the fields we own) and ``content_hash`` (md5 of the state).
        variants: one row per variant: ``product_key``, ``sku``, our variant fields, ``state``, ``content_hash``.
        left_out: one row per variant that is not in it: ``sku``, ``product_key``, ``reason``, ``message``, ``is_frozen``.
    """

    products: "pa.Table"
    variants: "pa.Table"
    left_out: "pa.Table"


def desired(
    merged: "pa.Table",
    policy: ChannelPolicy,
    terms: Terms,
    deductions: Mapping[str, int],
    held: "pa.Table | None" = None,
) -> Desired:
    """The channel's desired state.

    Args:
        merged: the merged catalogue, one row per source and sku.
        policy: the channel's.
        terms: what the catalogue's prices mean.
        deductions: units per sku to take off, see ``flight.deductions``.
        held: what the channel shows now: ``sku``, ``product_key``, ``is_simple``; None before first contact.

    Raises:
        ConfigurationError: the policy names a field, tier or warehouse that no source delivers.
    """
    fields = channel_fields(policy, merged.column_names)
    with desk() as table:
        _lay_rows(table, merged, policy, terms, fields)
        _lay_small(table, deductions, held)
        _share_product_values(table, fields)
        _judge(table, policy, fields)
        _check_options(table, fields)
        _shape(table)
        variants, products = _variants(table, policy, fields), _products(table, fields)
        return Desired(products, variants, _left_out(table))


def _lay_rows(table: Desk, merged: "pa.Table", policy: ChannelPolicy, terms: Terms, fields: Fields) -> None:
    """The catalogue's values, with the channel's prices beside them; provenance stays behind."""
    import pyarrow as pa

    kept = merged.select([name for name in merged.column_names if not name.startswith("_")])
    for name, column in (("our_price", fields.price_column), ("our_compare", fields.compare_column)):
        if column is None:
            values = pa.nulls(merged.num_rows, pa.decimal128(18, 2))
        else:
            values = _in_cents(merged[column], policy, terms)
        kept = kept.append_column(name, values)
    for name in _EXPECTED:
        if name not in kept.column_names:
            kept = kept.append_column(name, pa.nulls(kept.num_rows, _EXPECTED_TYPES.get(name, "string")))
    table.lay(catalogue=kept)


_OPTIONS = (1, 2, 3)
_EXPECTED = (
    *(f"option{i}_{part}" for i in _OPTIONS for part in ("name", "value")),
    "inventory_management",
    "product_active",
)
_EXPECTED_TYPES = {"inventory_management": "bool"}


def _in_cents(column: "pa.ChunkedArray", policy: ChannelPolicy, terms: Terms) -> "pa.Array":
    """The channel's prices: its tax basis, then cents, each distinct price converted once, exactly."""
    import pyarrow as pa
    import pyarrow.compute as pc

    distinct = pc.unique(column)
    converted = [_to_channel(value, policy, terms) for value in distinct.to_pylist()]
    return pa.array(converted, pa.decimal128(18, 2)).take(pc.index_in(column.combine_chunks(), distinct))


def _to_channel(amount: Decimal | None, policy: ChannelPolicy, terms: Terms) -> Decimal | None:
    if amount is None:
        return None
    return to_cents(to_basis(amount, have=terms.basis, want=policy.basis, tax_rate=terms.tax_rate))


def _lay_small(table: Desk, deductions: Mapping[str, int], held: "pa.Table | None") -> None:
    import pyarrow as pa

    taken = pa.table(
        {"sku": pa.array(list(deductions), pa.string()), "units": pa.array(list(deductions.values()), pa.int64())}
    )
    empty = pa.schema([("sku", pa.string()), ("product_key", pa.string()), ("is_simple", pa.bool_())]).empty_table()
    table.lay(taken=taken, shown=empty if held is None else held)


def _share_product_values(table: Desk, fields: Fields) -> None:
    """One value per product and product field: that of the smallest sku that has one, so that row order means nothing.

    Images are the exception: each variant may bring its own, so all of them are the product's, in order of sku.
    """
    names = _shared_columns(table)
    picks = [f"arg_min({quoted(n)}, sku) FILTER ({quoted(n)} IS NOT NULL) AS {quoted(n)}" for n in names if n != IMAGES]
    live = "product_active IS DISTINCT FROM 'delete' AND NOT is_conflict"
    chosen = f"SELECT {', '.join(['product_key', *picks])} FROM catalogue WHERE {live} GROUP BY product_key"
    if not fields.has_images:
        table.make("shared", chosen)
        return
    table.make(
        "shared",
        f"""WITH single AS (
            SELECT product_key, sku, unnest(images) AS url, generate_subscripts(images, 1) AS place
            FROM catalogue WHERE {live}
        ), ranked AS (SELECT product_key, url, min((sku, place)) AS rank FROM single GROUP BY ALL
        ), pictures AS (SELECT product_key, list(url ORDER BY rank) AS images FROM ranked GROUP BY product_key)
        SELECT chosen.*, images FROM ({chosen}) chosen LEFT JOIN pictures USING (product_key)""",
    )


def _shared_columns(table: Desk) -> list[str]:
    return [name for name in table.ask("SELECT * FROM catalogue LIMIT 0").column_names if _is_shared(name)]


def _is_shared(column: str) -> bool:
    try:
        return is_product_level(column) and bool(target_of(column).name)
    except KeyError:
        return False  # a column of the frame itself, such as ``source`` or ``product_key``


def _judge(table: Desk, policy: ChannelPolicy, fields: Fields) -> None:
    """Give each row the first reason that keeps it from the channel, or none; product fields stay behind in ``shared``."""
    shared = _shared_columns(table)
    replaced = ", ".join(f"s.{quoted(name)} AS {quoted(name)}" for name in shared)
    rows = f"SELECT c.* REPLACE ({replaced}) FROM catalogue c LEFT JOIN shared s USING (product_key)"
    rule, values = reason_of_rules(policy.rules, table.ask(f"{rows} LIMIT 0").schema)
    arms = " ".join(f"WHEN {test} THEN '{reason}'" for reason, test in _tests(fields))
    behind = ", ".join(quoted(name) for name in shared if not name.startswith("option"))
    table.make(
        "judged",
        f"""SELECT r.* {f"EXCLUDE ({behind})" if behind else ""},
                   coalesce(b.is_simple, false) AS is_held_simple, b.product_key IS NOT NULL AS is_held,
                   CASE {arms} ELSE NULL END AS reason
            FROM (SELECT *, {rule} AS rule FROM ({rows})) r
            LEFT JOIN shown h USING (sku)
            LEFT JOIN (SELECT product_key, bool_or(is_simple) AS is_simple FROM shown GROUP BY product_key) b
                 ON b.product_key = r.product_key""",
        values,
    )


def _tests(fields: Fields) -> list[tuple[str, str]]:
    """Reasons and their SQL tests; the first that holds counts."""
    tests = [
        ("conflict", "r.is_conflict"),
        ("deleted", "r.product_active = 'delete'"),
        ("regrouped", "h.product_key <> r.product_key"),
        ("rule", "r.rule IS NOT NULL"),
        ("shape_changed", "b.is_simple AND h.sku IS NULL"),
    ]
    if fields.has_title:
        tests.append(("no_title", "coalesce(trim(r.title), '') = ''"))
    if fields.price_column is not None:
        tests.append(("no_price", "r.our_price IS NULL"))
    if fields.quantity_column is not None:
        quantity = quoted(fields.quantity_column)
        tests.append(("no_quantity", f"coalesce(r.inventory_management, true) AND r.{quantity} IS NULL"))
    return tests


def _check_options(table: Desk, fields: Fields) -> None:
    """Variants of one product need distinct values for all its options (domain research 4, rule 5)."""
    used = ", ".join(f"max({_option(i)}) OVER product IS NOT NULL AS used{i}" for i in _OPTIONS)
    lacks = " OR ".join(f"(used{i} AND ({_option(i)} IS NULL OR {_name(i)} IS NULL))" for i in _OPTIONS)
    has_any = " OR ".join(f"used{i}" for i in _OPTIONS)
    missing = f"(({lacks}) OR (siblings > 1 AND NOT ({has_any})))" if fields.has_options else "false"
    table.make(
        "counted",
        f"""SELECT *, count(*) OVER product AS siblings, {used} FROM judged
            WHERE reason IS NULL WINDOW product AS (PARTITION BY product_key)""",
    )
    combination = ", ".join(f"lower({_option(i)})" for i in _OPTIONS)
    table.make(
        "lacking",
        f"SELECT sku, product_key, 'missing_options' AS reason FROM counted WHERE NOT is_held_simple AND {missing}",
    )
    is_repeated = "count(*) OVER (PARTITION BY product_key, " + combination + ") > 1"
    table.make(
        "repeated",
        f"""SELECT sku, product_key, 'duplicate_options' AS reason
            FROM (SELECT *, {is_repeated} AS is_repeated FROM counted
                  WHERE siblings > 1 AND sku NOT IN (SELECT sku FROM lacking))
            WHERE is_repeated AND {str(fields.has_options).lower()}""",
    )


def _option(i: int) -> str:
    return f"nullif(trim(option{i}_value), '')"


def _name(i: int) -> str:
    return f"nullif(trim(option{i}_name), '')"


def _shape(table: Desk) -> None:
    """The rows that are published, with their options; and per product whether it is a simple one."""
    used = ", ".join(f"max({_option(i)}) OVER product IS NOT NULL AS used{i}" for i in _OPTIONS)
    values = ", ".join(f"CASE WHEN used{i} THEN {_option(i)} END" for i in _OPTIONS)
    names = ", ".join(f"CASE WHEN used{i} THEN {_name(i)} END" for i in _OPTIONS)
    has_any = " OR ".join(f"used{i}" for i in _OPTIONS)
    table.make(
        "published",
        f"""WITH kept AS (
            SELECT * EXCLUDE (used1, used2, used3, siblings), count(*) OVER product AS siblings, {used}
            FROM counted ANTI JOIN lacking USING (sku, product_key) ANTI JOIN repeated USING (sku, product_key)
            WINDOW product AS (PARTITION BY product_key)
        ) SELECT * EXCLUDE (used1, used2, used3),
            CASE WHEN is_held_simple THEN [] ELSE list_filter([{values}], lambda v: v IS NOT NULL) END AS options,
            CASE WHEN is_held_simple THEN [] ELSE list_filter([{names}], lambda v: v IS NOT NULL) END AS option_names,
            is_held_simple OR (siblings = 1 AND NOT is_held AND NOT ({has_any})) AS is_simple
        FROM kept""",
    )


def _variants(table: Desk, policy: ChannelPolicy, fields: Fields) -> "pa.Table":
    sql = {
        "price": "our_price",
        "compare_at_price": "CASE WHEN our_compare > our_price THEN our_compare END",
        "qty": _quantity(policy, fields),
        "barcode": "barcode",
        "weight_g": "weight_g",
        "inventory_management": "coalesce(inventory_management, true)",
        "options": "options",
    }
    owned = {field: sql[field] for field in fields.variant}
    shown = "".join(f", {expression} AS {field}" for field, expression in owned.items())
    return table.ask(
        f"""SELECT product_key, sku{shown}, {state_sql(owned)} AS state, md5(state) AS content_hash
            FROM published LEFT JOIN taken USING (sku) ORDER BY product_key, sku"""
    )


def _quantity(policy: ChannelPolicy, fields: Fields) -> str:
    """Open orders and the buffer come off what the owner has, nothing goes below zero, and only then the cap bounds it."""
    if fields.quantity_column is None:
        return "NULL"
    left = f"greatest({quoted(fields.quantity_column)} - coalesce(units, 0) - {int(policy.quantity.buffer)}, 0)"
    capped = left if policy.quantity.cap is None else f"least({left}, {int(policy.quantity.cap)})"
    return f"CASE WHEN coalesce(inventory_management, true) THEN {capped} END"


def _products(table: Desk, fields: Fields) -> "pa.Table":
    owned = {field: quoted(field) for field in fields.product}
    whole = {**owned, "option_names": "option_names", "is_simple": "is_simple"}
    shown = "".join(f", shared.{column}" for column in owned.values())
    return table.ask(
        f"""SELECT *, {state_sql(whole)} AS state, md5(state) AS content_hash
            FROM (SELECT p.product_key{shown}, p.option_names, is_simple, all_skus
                  FROM (SELECT product_key, any_value(option_names) AS option_names, bool_or(is_simple) AS is_simple,
                               list(sku ORDER BY sku) AS all_skus
                        FROM published GROUP BY product_key) p
                  JOIN shared USING (product_key))
            ORDER BY product_key"""
    )


def _left_out(table: Desk) -> "pa.Table":
    messages = " ".join(f"WHEN '{reason}' THEN '{text}'" for reason, text in _REASONS.items())
    frozen = ", ".join(f"'{reason}'" for reason in FROZEN)
    return table.ask(
        f"""SELECT sku, product_key, reason, CASE reason WHEN 'rule' THEN rule {messages} END AS message,
                   reason IN ({frozen}) AS is_frozen
            FROM (SELECT sku, product_key, reason, rule FROM judged WHERE reason IS NOT NULL
                  UNION ALL SELECT sku, product_key, reason, NULL FROM lacking
                  UNION ALL SELECT sku, product_key, reason, NULL FROM repeated)
            ORDER BY sku, product_key"""
    )

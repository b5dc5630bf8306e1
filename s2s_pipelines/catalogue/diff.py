"""The plan: what must be sent so that a channel shows what it should, and nothing else.

A plan is complete by itself. It holds, per item, the state to reach, the fields that differ from the last acknowledged state, the
channel's ids and the hash of the state it was made against; a push needs nothing more and looks at no newer catalogue.
"""

# ruff: noqa: S608 - names in these statements come from the vocabulary and are quoted; values are parameters

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from s2s_pipelines.catalogue.desired import Desired
from s2s_pipelines.catalogue.query import Desk, desk, pointer
from s2s_pipelines.catalogue.state import AMOUNTS, SHAPE_FIELDS, field_values
from s2s_pipelines.catalogue.touched import Delist
from s2s_pipelines.model.change import Action, ProductChange, VariantChange

if TYPE_CHECKING:
    import pyarrow as pa

SENT = ("create", "update", "delist")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one push may do.

    Attributes:
        changes: for people and for breakers, one row per field that changes (creates: per field set; delists: one row):
            ``level, product_key, sku, action, field, before, after, reason``; before and after as text.
        items: one row per item with its ``action`` (create, update, delist; none for a product of which only variants change;
            settle where the acknowledged state is only written anew; wait after a failure) and all a push needs of it.
        left_out: variants that are not in the desired state, see ``Desired.left_out``.
        delist: how the channel takes things off.
        digest: sha256 of the changes; equal plans have equal digests.
    """

    changes: "pa.Table"
    items: "pa.Table"
    left_out: "pa.Table"
    delist: Delist
    digest: str
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be sent."""
        return bool(self.changes.num_rows == 0)


def state_keys(candidates: "pa.Table", held: "pa.Table") -> "pa.Table":
    """The items whose acknowledged states ``diff`` needs: ``level``, ``item_key``.

    These are the candidates, their products, and those of their products' listed variants that are not candidates, because a
    parent product lists the option values of all of them.
    """
    with desk(candidates=candidates, held=held) as table:
        return table.ask(
            """WITH keys AS (SELECT DISTINCT product_key FROM candidates WHERE action <> 'wait')
               SELECT h.level, h.item_key FROM held h JOIN keys USING (product_key)
               WHERE h.level = 'product' OR h.is_listed OR h.is_uncertain"""
        )


def diff(wanted: Desired, candidates: "pa.Table", held: "pa.Table", states: "pa.Table", delist: Delist) -> Plan:
    """The plan that leads from the acknowledged to the desired state.

    Args:
        wanted: the desired state.
        candidates: from ``touched``.
        held: what we know of the channel's items, ``held.held_schema``.
        states: acknowledged states of the items of ``state_keys``, ``held.states_schema``.
        delist: how the channel takes things off.
    """
    if candidates.num_rows == 0:
        return _nothing(wanted, delist)
    with desk(wanted_products=wanted.products, wanted_variants=wanted.variants, held=held) as table:
        table.lay(candidates=candidates, states=states)
        table.make(
            "compared",
            """SELECT c.*, s.acknowledged FROM candidates c
               LEFT JOIN states s ON s.level = c.level AND s.item_key = coalesce(c.sku, c.product_key)
               WHERE c.action <> 'wait'""",
        )
        _changes(table, wanted)
        _items(table)
        _families(table, "options" in wanted.variants.column_names)
        changes = table.ask("SELECT * FROM changes ORDER BY product_key, level, sku, field").cast(changes_schema())
        items = _finished(table).select(items_schema().names).cast(items_schema())
        return Plan(changes, items, wanted.left_out, delist, _digest(table, delist), _counts(table, wanted))


def changes_schema() -> "pa.Schema":
    """The columns of ``Plan.changes``, all text."""
    import pyarrow as pa

    names = ("level", "product_key", "sku", "action", "field", "before", "after", "reason")
    return pa.schema([(name, pa.string()) for name in names])


def items_schema() -> "pa.Schema":
    """The columns of ``Plan.items``."""
    import pyarrow as pa

    texts, axes = pa.list_(pa.string()), pa.list_(pa.list_(pa.string()))
    names = ("level", "product_key", "sku", "action", "reason", "state", "content_hash", "basis_hash")
    switches = ("is_basis_listed", "is_uncertain")
    codes = ("channel_product_code", "channel_variant_code")
    return pa.schema(
        [
            *((name, pa.string()) for name in names),
            *((name, pa.bool_()) for name in switches),
            *((name, pa.string()) for name in codes),
            ("fields", texts),
            ("is_simple", pa.bool_()),
            ("option_names", texts),
            ("option_values", axes),
            ("all_skus", texts),
            ("known_images", pa.string()),
        ]
    )


def _nothing(wanted: Desired, delist: Delist) -> Plan:
    """The plan of a channel at rest."""
    with desk(changes=changes_schema().empty_table(), candidates=items_schema().empty_table()) as table:
        table.make("chosen", "SELECT level, action FROM candidates")
        digest, counts = _digest(table, delist), _counts(table, wanted)
    return Plan(changes_schema().empty_table(), items_schema().empty_table(), wanted.left_out, delist, digest, counts)


def _changes(table: Desk, wanted: Desired) -> None:
    """One row per field that differs, and one per item that is taken off."""
    parts = [
        "SELECT level, product_key, sku, action, '' AS field, '' AS before, '' AS after, reason FROM compared LIMIT 0"
    ]
    for level, rows in (("product", wanted.products), ("variant", wanted.variants)):
        fields = json.loads(rows["state"][0].as_py()) if rows.num_rows else {}
        parts += [_field_changes(level, name) for name in fields]
    parts.append(
        """SELECT level, product_key, sku, action, NULL, NULL, NULL, reason FROM compared WHERE action = 'delist'"""
    )
    table.make("changes", " UNION ALL ".join(f"({part})" for part in parts))


def _field_changes(level: str, name: str) -> str:
    after = f"nullif(json_extract_string(state, {pointer(name)}), '[]')"
    before = f"nullif(json_extract_string(acknowledged, {pointer(name)}), '[]')"
    # An untracked variant has no quantity; that says nothing about the one the channel shows.
    is_said = "AND after IS NOT NULL" if name == "qty" else ""
    return f"""SELECT level, product_key, sku, action, '{name}' AS field, before, after, reason
        FROM (SELECT *, {before} AS before, {after} AS after FROM compared
              WHERE level = '{level}' AND action IN ('create', 'update'))
        WHERE CASE WHEN action = 'create' THEN after IS NOT NULL
                   WHEN is_uncertain THEN before IS NOT NULL OR after IS NOT NULL
                   ELSE before IS DISTINCT FROM after END {is_said}"""


def _items(table: Desk) -> None:
    """Each candidate with the names of its fields, and the products of which only variants change."""
    table.make(
        "listed_fields",
        """SELECT level, product_key, sku, list(field ORDER BY field) FILTER (field IS NOT NULL) AS fields
           FROM changes GROUP BY level, product_key, sku""",
    )
    table.make(
        "chosen",
        """SELECT c.* EXCLUDE (acknowledged), coalesce(f.fields, []) AS fields FROM (
               SELECT * REPLACE (CASE WHEN action = 'update' AND NOT has_fields THEN 'settle' ELSE action END AS action)
               FROM (SELECT c.*, f.level IS NOT NULL AS has_fields FROM compared c LEFT JOIN listed_fields f
                     ON f.level = c.level AND f.product_key = c.product_key AND f.sku IS NOT DISTINCT FROM c.sku)
           ) c LEFT JOIN listed_fields f
               ON f.level = c.level AND f.product_key = c.product_key AND f.sku IS NOT DISTINCT FROM c.sku""",
    )
    table.make(
        "parents",
        """SELECT 'product' AS level, v.product_key, NULL AS sku, 'none' AS action, NULL AS reason, NULL AS state,
                  NULL AS content_hash, h.acknowledged_hash AS basis_hash, coalesce(h.is_listed, false) AS is_basis_listed,
                  coalesce(h.is_uncertain, false) AS is_uncertain,
                  coalesce(h.channel_product_code, v.code) AS channel_product_code, NULL AS channel_variant_code,
                  false AS has_fields, [] AS fields
           FROM (SELECT product_key, any_value(channel_product_code) AS code FROM chosen
                 WHERE level = 'variant' AND action IN ('create', 'update', 'delist') GROUP BY product_key) v
           LEFT JOIN held h ON h.level = 'product' AND h.item_key = v.product_key
           WHERE v.product_key NOT IN (SELECT product_key FROM chosen WHERE level = 'product' AND action <> 'settle')""",
    )


def _families(table: Desk, has_options: bool) -> None:
    """What a parent must know of all its variants after the plan: their skus and option values, changed here or not."""
    table.make(
        "staying",
        """SELECT h.product_key, h.item_key AS sku, s.acknowledged FROM held h
           JOIN (SELECT DISTINCT product_key FROM chosen) USING (product_key)
           LEFT JOIN states s ON s.level = 'variant' AND s.item_key = h.item_key
           WHERE h.level = 'variant' AND h.is_listed AND h.item_key NOT IN (SELECT sku FROM wanted_variants)
                 AND h.item_key NOT IN (SELECT sku FROM chosen WHERE level = 'variant' AND action = 'delist')""",
    )
    kept = "coalesce(CAST(json_extract(acknowledged, '/options') AS VARCHAR[]), [])"
    options = "options" if has_options else "CAST([] AS VARCHAR[])"
    table.make(
        "relatives",
        f"""SELECT product_key, sku, {options} AS options FROM wanted_variants
                   SEMI JOIN (SELECT DISTINCT product_key FROM chosen) USING (product_key)
            UNION ALL SELECT product_key, sku, {kept} FROM staying""",
    )
    table.make(
        "option_values",
        """WITH single AS (SELECT product_key, sku, unnest(options) AS value, generate_subscripts(options, 1) AS place
                           FROM relatives),
                ranked AS (SELECT product_key, place, value, min(sku) AS first FROM single GROUP BY ALL),
                axes AS (SELECT product_key, place, list(value ORDER BY first, value) AS axis FROM ranked GROUP BY ALL)
           SELECT product_key, list(axis ORDER BY place) AS option_values FROM axes GROUP BY product_key""",
    )
    table.make("families", "SELECT product_key, list(sku ORDER BY sku) AS all_skus FROM relatives GROUP BY product_key")


def _finished(table: Desk) -> "pa.Table":
    """The items as they are kept: products carry what their whole family needs."""
    return table.ask(
        """WITH all_items AS (
               SELECT * EXCLUDE (has_fields) FROM chosen
               UNION ALL BY NAME SELECT * EXCLUDE (has_fields) FROM parents
               UNION ALL BY NAME SELECT *, [] AS fields FROM candidates WHERE action = 'wait'
           )
           SELECT i.* EXCLUDE (fields), CAST(i.fields AS VARCHAR[]) AS fields,
               CASE WHEN i.level = 'product' THEN coalesce(p.is_simple,
                    json_extract_string(s.acknowledged, '/is_simple') = 'true', false) END AS is_simple,
               CASE WHEN i.level = 'product' THEN coalesce(p.option_names,
                    CAST(json_extract(s.acknowledged, '/option_names') AS VARCHAR[]), []) END AS option_names,
               CASE WHEN i.level = 'product' THEN coalesce(o.option_values, []) END AS option_values,
               CASE WHEN i.level = 'product' THEN coalesce(f.all_skus, []) END AS all_skus,
               CASE WHEN i.level = 'product' THEN s.images END AS known_images
           FROM all_items i
           LEFT JOIN wanted_products p ON i.level = 'product' AND p.product_key = i.product_key
           LEFT JOIN states s ON i.level = 'product' AND s.level = 'product' AND s.item_key = i.product_key
           LEFT JOIN option_values o ON i.level = 'product' AND o.product_key = i.product_key
           LEFT JOIN families f ON i.level = 'product' AND f.product_key = i.product_key
           ORDER BY i.product_key, i.level, i.sku, i.action"""
    )


def _counts(table: Desk, wanted: Desired) -> Mapping[str, int]:
    found = table.ask("SELECT level, action, count(*) AS n FROM chosen GROUP BY ALL").to_pylist()
    by_item = {(row["level"], row["action"]): row["n"] for row in found}
    counts = {
        f"{level}s_{action}": by_item.get((level, action), 0) for level in ("product", "variant") for action in SENT
    }
    counted = table.ask(
        "SELECT field, count(*) AS n FROM changes WHERE action = 'update' AND field IN ('price', 'qty') GROUP BY field"
    )
    by_field = {row["field"]: row["n"] for row in counted.to_pylist()}
    return {
        **counts,
        "price_changes": by_field.get("price", 0),
        "quantity_changes": by_field.get("qty", 0),
        "waiting": table.count("SELECT count(*) FROM candidates WHERE action = 'wait'"),
        "left_out": wanted.left_out.num_rows,
    }


def _digest(table: Desk, delist: Delist) -> str:
    columns = ", ".join(
        f"coalesce({c}, chr(30))" for c in ("level", "product_key", "sku", "action", "field", "before", "after")
    )
    found = table.ask(
        f"""SELECT sha256(coalesce(string_agg(row_hash, '' ORDER BY row_hash), '') || ?) AS digest
            FROM (SELECT md5(concat_ws(chr(31), {columns})) AS row_hash FROM changes)""",
        [delist],
    )
    return str(found["digest"][0].as_py())


def product_changes(plan: Plan) -> Iterator[ProductChange]:
    """The plan's changes as a channel takes them, product by product, in order of their keys."""
    return (change for change, _ in sent_changes(plan))


def sent_changes(plan: Plan) -> Iterator[tuple[ProductChange, list[dict[str, Any]]]]:
    """Each change with the rows of ``Plan.items`` it is made of, the product's first."""
    for _, rows in groupby(_sent_rows(plan), key=lambda row: row["product_key"]):
        family = list(rows)
        head = next(row for row in family if row["level"] == "product")
        variants = [row for row in family if row["level"] == "variant"]
        yield _product_change(head, variants, plan.delist), [head, *variants]


def _sent_rows(plan: Plan) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    sent = plan.items.filter(pc.is_in(plan.items["action"], value_set=pa.array([*SENT, "none"])))
    for batch in sent.to_batches(max_chunksize=2000):
        yield from batch.to_pylist()


def _product_change(row: Mapping[str, Any], variants: list[dict[str, Any]], delist: Delist) -> ProductChange:
    mode: Literal["delete", "hide"] = "delete" if delist == "delete" else "hide"
    names = tuple(row["option_names"])
    return ProductChange(
        action=Action(row["action"]),
        key=row["product_key"],
        fields=_fields(row),
        variants=tuple(
            VariantChange(Action(v["action"]), v["sku"], _fields(v), v["channel_variant_code"]) for v in variants
        ),
        is_simple=row["is_simple"],
        option_names=names,
        option_values={name: tuple(axis) for name, axis in zip(names, row["option_values"], strict=False)},
        channel_product_code=row["channel_product_code"],
        known_images=json.loads(row["known_images"] or "{}") or {},
        delist_mode=mode,
        all_skus=tuple(row["all_skus"]),
    )


def _fields(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if row["state"] is None:
        return {}
    named = [f for f in row["fields"] if f not in SHAPE_FIELDS]
    if AMOUNTS.intersection(named):
        # A shop keeps one price as "regular" and one as "sale": which is which depends on both, so they travel together.
        named += sorted(AMOUNTS.intersection(json.loads(row["state"])).difference(named))
    return field_values(row["state"], named)

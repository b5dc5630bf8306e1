from decimal import Decimal

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.policy import Condition, Rules
from s2s_pipelines.catalogue.query import desk
from s2s_pipelines.catalogue.rule import condition_clause, reason_of_rules
from s2s_pipelines.errors import ConfigurationError

FRAME = pa.table(
    {
        "sku": ["A", "B", "C", "D"],
        "product_type": ["Shoes", "shoes ", None, ""],
        "vendor": ["Acme 50% (Pty)", "ACME", "Zulu's", None],
        "qty": pa.array([0, 5, 10, None], pa.int64()),
        "retail_price": pa.array([Decimal("9.99"), Decimal("10"), Decimal("100"), None], pa.decimal128(18, 4)),
        "inventory_management": pa.array([True, False, True, None]),
        "tags": pa.array([["Sale", "New"], ["Presale"], [], None], pa.list_(pa.string())),
        "images": pa.array([["https://example.com/a.jpg"], [], None, None], pa.list_(pa.string())),
        "meta_web": ["TRUE", "false", None, "true"],
        "meta_size.cm": ["12", "9.5", "wide", None],
        "meta_it's": ["x", None, None, None],
    }
)


def met(**declared):
    sql, values = condition_clause(Condition(**declared), FRAME.schema)
    with desk(frame=FRAME) as table:
        rows = table.ask(f"SELECT sku, {sql} AS is_met FROM frame ORDER BY sku", values).to_pylist()
    assert all(isinstance(row["is_met"], bool) for row in rows), "a condition is never unknown"
    return "".join(row["sku"] for row in rows if row["is_met"])


@pytest.mark.parametrize(
    "declared, expected",
    [
        ({"field": "product_type", "op": "equals", "value": "SHOES"}, "A"),
        ({"field": "product_type", "op": "not_equals", "value": "shoes"}, "BCD"),
        ({"field": "product_type", "op": "is_empty"}, "CD"),
        ({"field": "product_type", "op": "is_not_empty"}, "AB"),
        ({"field": "vendor", "op": "contains", "value": "acme"}, "AB"),
        ({"field": "vendor", "op": "contains", "value": "%"}, "A"),
        ({"field": "vendor", "op": "contains", "value": "_"}, ""),
        ({"field": "vendor", "op": "not_contains", "value": "acme"}, "CD"),
        ({"field": "vendor", "op": "equals", "value": "zulu's"}, "C"),
        ({"field": "vendor", "op": "one_of", "value": ("acme", "ZULU'S")}, "BC"),
        ({"field": "variants.qty", "op": "greater_than", "value": "4"}, "BC"),
        ({"field": "variants.qty", "op": "less_than", "value": "5"}, "A"),
        ({"field": "variants.qty", "op": "equals", "value": "5.0"}, "B"),
        ({"field": "variants.qty", "op": "not_equals", "value": "5"}, "ACD"),
        ({"field": "variants.qty", "op": "is_empty"}, "D"),
        ({"field": "variants.retail_price", "op": "less_than", "value": "10"}, "A"),
        ({"field": "variants.retail_price", "op": "one_of", "value": ("10", "100.00")}, "BC"),
        ({"field": "variants.inventory_management", "op": "equals", "value": "true"}, "AC"),
        ({"field": "variants.inventory_management", "op": "not_equals", "value": "true"}, "BD"),
        ({"field": "tags", "op": "contains", "value": "sale"}, "A"),
        ({"field": "tags", "op": "not_contains", "value": "sale"}, "BCD"),
        ({"field": "tags", "op": "one_of", "value": ("presale", "new")}, "AB"),
        ({"field": "tags", "op": "is_empty"}, "CD"),
        ({"field": "images", "op": "is_empty"}, "BCD"),
        ({"field": "image1", "op": "is_not_empty"}, "A"),
        ({"field": "meta_web", "op": "equals", "value": "True"}, "AD"),
        ({"field": "meta_size.cm", "op": "greater_than", "value": "9.4"}, "AB"),
    ],
)
def test_condition_means_what_the_module_says(declared, expected):
    assert met(**declared) == expected


def reasons(rules):
    sql, values = reason_of_rules(rules, FRAME.schema)
    with desk(frame=FRAME) as table:
        return table.ask(f"SELECT {sql} AS reason FROM frame ORDER BY sku", values)["reason"].to_pylist()


SHOES = Condition(field="product_type", op="equals", value="shoes")
STOCKED = Condition(field="variants.qty", op="greater_than", value="4")


def test_no_rules_select_everything():
    assert reasons(Rules()) == [None] * 4


def test_all_conditions_must_hold_and_the_first_unmet_one_is_named():
    assert reasons(Rules(include=(SHOES, STOCKED))) == [
        "not included by the rule: variants.qty greater than 4",
        *["not included by the rule: product_type equals shoes"] * 3,
    ]


def test_any_condition_is_enough_when_declared_so():
    found = reasons(Rules(match="any", include=(SHOES, STOCKED)))
    assert [reason is None for reason in found] == [True, True, True, False]
    assert found[3] == "not included by any of the rules: product_type equals shoes or variants.qty greater than 4"


def test_exclusion_wins_over_inclusion():
    found = reasons(Rules(include=(SHOES,), exclude=(Condition(field="tags", op="contains", value="new"),)))
    assert found[0] == "excluded by the rule: tags contains new"


@pytest.mark.parametrize(
    "declared, part, hint",
    [
        ({"field": "product_typ", "op": "is_empty"}, "is not a field", "did you mean product_type?"),
        ({"field": "qty", "op": "is_empty"}, "is not a field", "fields of this catalogue: variants.sku"),
        ({"field": "meta_wep", "op": "is_empty"}, "not delivered by any source", "did you mean meta_web?"),
        ({"field": "collection", "op": "is_empty"}, "not delivered by any source", "fields of this catalogue"),
        ({"field": "_from.qty", "op": "is_empty"}, "is not a field", ""),
        ({"field": "variants.qty", "op": "contains", "value": "5"}, "cannot be asked of a number", "less_than"),
        ({"field": "tags", "op": "equals", "value": "5"}, "cannot be asked of a list", "contains"),
        ({"field": "variants.qty", "op": "less_than", "value": "few"}, "few is not a number", "12.50"),
        ({"field": "vendor", "op": "equals"}, "needs a value", "add"),
        ({"field": "vendor", "op": "is_empty", "value": "x"}, "takes no value", "leave"),
        ({"field": "vendor", "op": "equals", "value": ("a", "b")}, "takes one value", "one_of"),
        ({"field": "vendor", "op": "one_of", "value": ()}, "takes one value", "one_of"),
    ],
)
def test_unusable_condition_is_refused_with_a_way_out(declared, part, hint):
    with pytest.raises(ConfigurationError) as caught:
        reason_of_rules(Rules(include=(Condition(**declared),)), FRAME.schema)
    assert part in caught.value.message
    assert hint in (caught.value.next_step or "")

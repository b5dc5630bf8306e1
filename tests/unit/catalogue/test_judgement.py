from decimal import Decimal

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue import mapping
from s2s_pipelines.catalogue.judgement import Failure, judge
from s2s_pipelines.errors import ContractViolation
from tests.unit.catalogue.feed import goods, mapped, reasons


def frame(**changed):
    columns = {
        "product_active": pa.array(["active", "delete"]),
        "sku": pa.array(["1", "2"]),
        "qty": pa.array([0, None], pa.int64()),
        "retail_price": pa.array([Decimal("0"), None], pa.decimal128(18, 4)),
        "tags": pa.array([["a"], None], pa.list_(pa.string())),
        "_row": pa.array([2, 3], pa.int64()),
    }
    return pa.table({**columns, **changed})


def test_sound_frame_has_no_failures():
    assert judge(frame()) == []
    assert judge(frame().slice(0, 0)) == []


@pytest.mark.parametrize(
    "column, cells, at, check",
    [
        ("qty", pa.array([1, -1], pa.int64()), 1, "between 0 and 999999999"),
        ("retail_price", pa.array([Decimal("-1"), None], pa.decimal128(18, 4)), 0, "not negative"),
        ("product_active", pa.array(["active", "ignore"]), 1, "active or delete"),
        ("sku", pa.array(["1", ""]), 1, "1 to 140 characters"),
        ("sku", pa.array([None, "2"]), 0, "not_nullable"),
    ],
)
def test_failing_cell_is_named_by_place_column_and_check(column, cells, at, check):
    assert [(f.at, f.column, f.check) for f in judge(frame(**{column: cells}))] == [(at, column, check)]


def test_all_failures_show_at_once():
    bad = frame(qty=pa.array([-1, -2], pa.int64()), sku=pa.array(["1", "1"]))
    assert {(f.at, f.column) for f in judge(bad)} == {(0, "qty"), (1, "qty"), (0, "sku"), (1, "sku")}


@pytest.mark.parametrize(
    "bad",
    [
        frame().drop_columns(["_row"]),
        frame().select(["sku", "product_active", "qty", "retail_price", "_row", "tags"]),
        frame(qty=pa.array(["1", "2"])),
        frame(retail_price=pa.array([1.5, 2.5])),
        frame(tags=pa.array(["a", "b"])),
        frame(colour=pa.array(["a", "b"])),
    ],
    ids=["no row number", "row number not last", "text quantity", "float price", "text tags", "unknown column"],
)
def test_misshapen_frame_is_our_own_defect(bad):
    with pytest.raises(ContractViolation):
        judge(bad)


def test_row_that_fails_a_check_moves_to_the_rejects(monkeypatch):
    monkeypatch.setattr(mapping, "judge", lambda table: [Failure(1, "qty", "not so many", "7")])
    lines = goods("A | 1 | T | I | 5 | 1", "B | 2 | T | A | 6 | 1", "C | 3 | T | A | 7 | 1")
    result = mapped(lines)
    assert result.table["sku"].to_pylist() == ["2"]
    assert reasons(result) == [(4, "variants.qty", "failed_check")]
    (reject,) = result.rejects
    assert (reject.sku, reject.value) == ("3", "7")
    assert "It should be: not so many." in reject.message

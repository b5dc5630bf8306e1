from datetime import datetime

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.overlay import fold
from s2s_pipelines.errors import ContractViolation
from tests.unit.catalogue.feed import FULL, LATER, NOON, goods, mapped, snapshot

STOCK = {"variants.sku": "sku", "variants.qty": "qty", "qty_cpt": "cpt"}


def stock(*lines):
    return mapped(goods(*lines, columns="sku,qty,cpt"), STOCK, feed="stock")


def by_sku(table, *names):
    return {row["sku"]: tuple(row[n] for n in names) for row in table.to_pylist()}


def test_first_extract_becomes_the_snapshot_with_row_and_read_time():
    table = fold(None, stock("B | 5 | 1", "A | 7 | ").table, read_at=NOON, is_complete=False)
    assert table.to_pylist() == [
        {"sku": "A", "qty": 7, "qty_cpt": None, "_row": 3, "_read_at": NOON},
        {"sku": "B", "qty": 5, "qty_cpt": 1, "_row": 2, "_read_at": NOON},
    ]
    assert table.schema.field("_read_at").type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize("is_complete", [True, False])
def test_absent_row_stays_as_it_was(is_complete):
    first = fold(None, stock("A | 5 | 1", "B | 6 | 2").table, read_at=NOON, is_complete=True)
    then = fold(first, stock("B | 9 | 3", "C | 1 | 1").table, read_at=LATER, is_complete=is_complete)
    assert by_sku(then, "qty", "_row", "_read_at") == {"A": (5, 2, NOON), "B": (9, 2, LATER), "C": (1, 3, LATER)}


def test_absent_means_zero_only_where_declared_and_only_in_a_full_read():
    first = fold(None, stock("A | 5 | ", "B | 6 | 2").table, read_at=NOON, is_complete=True)
    part = fold(first, stock("B | 9 | 3").table, read_at=LATER, is_complete=False, absent="zero")
    assert by_sku(part, "qty") == {"A": (5,), "B": (9,)}
    whole = fold(first, stock("B | 9 | 3").table, read_at=LATER, is_complete=True, absent="zero")
    assert by_sku(whole, "qty", "qty_cpt", "_row", "_read_at") == {"A": (0, None, None, LATER), "B": (9, 3, 2, LATER)}


def test_rejected_or_ignored_row_is_not_absent():
    first = fold(None, stock("A | 5 | 1", "B | 6 | 2", "C | 7 | 3").table, read_at=NOON, is_complete=True)
    result = stock("B | 2.5 | 1", "C | 8 | 1")
    then = fold(first, result.table, read_at=LATER, is_complete=True, absent="zero", withheld=result.withheld)
    assert by_sku(then, "qty", "_read_at") == {"A": (0, LATER), "B": (6, NOON), "C": (8, LATER)}


def test_meta_merges_by_key_and_everything_else_is_replaced():
    wide = {**FULL, "vendor": "brand", "meta_web": "web", "meta_size": "size"}
    before = snapshot({**goods("P | 1 | T | A | 5 | 9"), "brand": ["Acme"], "web": ["yes"], "size": ["L"]}, wide)
    columns = {**goods("P | 1 | T | A | 5 | 9"), "brand": [""], "web": [""], "fit": ["slim"]}
    now = mapped(columns, {**FULL, "vendor": "brand", "meta_web": "web", "meta_fit": "fit"})
    row = fold(before, now.table, read_at=LATER, is_complete=True).to_pylist()[0]
    assert (row["vendor"], row["meta_web"], row["meta_size"], row["meta_fit"]) == (None, "yes", "L", "slim")


def test_meta_key_that_changed_its_letter_case_stays_one_key():
    before = snapshot({**goods("P | 1 | T | A | 5 | 9"), "web": ["yes"]}, {**FULL, "meta_Web": "web"})
    now = mapped({**goods("P | 1 | T | A | 5 | 9"), "web": [""]}, {**FULL, "meta_web": "web"})
    table = fold(before, now.table, read_at=LATER, is_complete=True)
    assert [n for n in table.column_names if n.casefold() == "meta_web"] == ["meta_web"]
    assert table["meta_web"].to_pylist() == ["yes"]


def test_columns_may_come_and_go():
    before = snapshot(
        {**goods("P | 1 | T | A | 5 | 9", "Q | 2 | U | A | 5 | 9"), "brand": ["x", "y"]}, {**FULL, "vendor": "brand"}
    )
    now = mapped({**goods("P | 1 | T | A | 5 | 9"), "kind": ["k"]}, {**FULL, "product_type": "kind"})
    table = fold(before, now.table, read_at=LATER, is_complete=True)
    assert by_sku(table, "vendor", "product_type") == {"1": (None, "k"), "2": ("y", None)}
    assert table.column_names[-2:] == ["_row", "_read_at"]


def test_snapshot_under_another_key_makes_way():
    codes = mapped({"c": ["7"], "q": ["5"]}, {"source_variant_code": "c", "variants.qty": "q"}, feed="stock")
    before = fold(None, codes.table, read_at=NOON, is_complete=True)
    then = fold(before, stock("A | 5 | 1").table, read_at=LATER, is_complete=True)
    assert then["sku"].to_pylist() == ["A"]


def test_row_to_be_deleted_stays_known():
    before = snapshot(goods("P | 1 | T | A | 5 | 9"))
    then = fold(before, mapped(goods("P | 1 | | D | | ")).table, read_at=LATER, is_complete=False)
    assert by_sku(then, "product_active", "qty") == {"1": ("delete", None)}
    assert fold(
        then, mapped(goods(columns="Prod,SKU,WebName,Web,qty,price")).table, read_at=LATER, is_complete=True
    ).equals(then)


def test_naive_time_is_refused():
    with pytest.raises(ContractViolation, match="aware"):
        fold(None, stock("A | 1 | 1").table, read_at=datetime(2026, 1, 1), is_complete=True)  # noqa: DTZ001

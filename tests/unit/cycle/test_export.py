import csv
import io

import pyarrow as pa
import pytest

from s2s_pipelines.catalogue.diff import Plan, changes_schema, items_schema
from s2s_pipelines.cycle.export import PLAN_COLUMNS, guarded, plan_csv, rejects_csv


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+A1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=cmd", '=HYPERLINK("x")', "＝1", "-", "+27 21"],
)
def test_what_a_spreadsheet_would_calculate_is_defused(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "-5.50", "0042", "", "a=b", "115.00", "é"])
def test_ordinary_cells_stay_as_they_are(text):
    assert guarded(text) == text


def rows_of(pieces):
    return list(csv.reader(io.StringIO("".join(pieces), newline="")))


def test_plan_is_exported_whole_with_codes_intact(tmp_path):
    change = {"level": "variant", "product_key": "erp:0042", "sku": "0042", "action": "update", "field": "title"}
    change |= {"before": None, "after": '=HYPERLINK("http://example.com"),"x"\nnext', "reason": "changed"}
    changes = pa.Table.from_pylist([change] * 6_000, changes_schema())
    plan = Plan(changes, items_schema().empty_table(), pa.table({}), "hide", "d")
    rows = rows_of(plan_csv(plan))
    assert (tuple(rows[0]), len(rows)) == (PLAN_COLUMNS, 6_001)
    assert rows[1][1] == "0042"
    assert rows[1][6] == "'" + change["after"]


def test_rejects_are_exported_with_the_columns_they_have():
    row = {"row": 3, "sku": "A", "reason": "not_a_number", "value": "=1+1", "remedy": "write digits"}
    header, first = rows_of(rejects_csv(pa.Table.from_pylist([row])))
    assert header == ["row", "sku", "reason", "value", "remedy"]
    assert first == ["3", "A", "not_a_number", "'=1+1", "write digits"]

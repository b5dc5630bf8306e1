from hypothesis import given
from hypothesis import strategies as st

from s2s_pipelines.catalogue.transform import TRANSFORMS
from s2s_pipelines.config.field_map import MAX_ROWS, overlay, read_field_map
from s2s_pipelines.model.field import FieldRow

HEADER = "feed,target,column,constant,transform,note\n"


def read(body, header=HEADER):
    return read_field_map(header + body, "fields/erp.csv", TRANSFORMS)


def test_row_carries_its_line_past_blank_lines_and_broken_cells():
    found, problems = read('\nproducts,title,"Web\nName",,,\nproducts,vendor,Brand,,,\n')
    assert problems == []
    assert {row.target: line for row, line in found.lines.items()} == {"title": 3, "vendor": 5}
    assert found.rows[0].column == "Web\nName"


def test_columns_may_stand_in_any_order_and_be_left_out():
    found, problems = read("Name,title,products\n", header="column,target,feed\n")
    assert (found.rows, problems) == ((FieldRow("products", "title", "Name"),), [])


def test_one_column_may_feed_several_targets():
    _, problems = read("products,variants.sku,SKU,,,\nproducts,source_variant_code,SKU,,,\n")
    assert problems == []


def test_columns_that_add_up_may_share_a_target():
    found, problems = read("products,variants.qty,OnHand,,sum,\nproducts,variants.qty,OnOrder,,subtract,\n")
    assert (len(found.rows), problems) == (2, [])


def test_column_added_twice_is_refused():
    _, problems = read("products,variants.qty,OnHand,,sum,\nproducts,variants.qty,OnHand,,subtract,\n")
    assert [p.message for p in problems] == ["`variants.qty` is already fed on line 2"]


def test_one_row_in_error_leaves_the_others():
    found, problems = read("products,titel,Name,,,\nproducts,vendor,Brand,,,\n")
    assert [row.target for row in found.rows] == ["vendor"]
    assert [(p.line, p.near_miss) for p in problems] == [(2, "title")]


def test_rows_are_bounded():
    found, problems = read("".join(f"products,meta_k{i},C{i},,,\n" for i in range(MAX_ROWS + 5)))
    assert len(found.rows) == MAX_ROWS
    assert problems[-1].line == MAX_ROWS + 2


def test_bad_rows_are_bounded_too():
    _, problems = read("products,titel,Name,,,\n" * (MAX_ROWS + 500))
    assert len(problems) == MAX_ROWS + 1


def test_client_rows_lie_over_the_connectors():
    defaults = {"products": (FieldRow("products", "title", "A"), FieldRow("products", "vendor", "B"))}
    own = [FieldRow("products", "title", "C"), FieldRow("stock", "variants.qty", "Q")]
    effective = overlay(defaults, own, ["products", "stock"])
    assert [r.column for r in effective["products"]] == ["B", "C"]
    assert [r.column for r in effective["stock"]] == ["Q"]


def test_default_map_of_a_feed_not_used_is_left_out():
    assert overlay({"customers": (FieldRow("customers", "email", "M"),)}, [], ["products"]) == {}


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    found, problems = read_field_map(text, "fields/erp.csv", TRANSFORMS)
    assert problems or text.replace(" ", "").startswith(("feed,target,column", "target,feed,column"))
    assert all(p.line >= 1 for p in problems)
    assert found.rows == () or not problems


@given(
    st.lists(
        st.sampled_from(["products", "stock", "title", "variants.qty", "SKU", "sum", "", " ", '"', ","]), max_size=30
    )
)
def test_any_cells_are_read_or_refused(cells):
    found, problems = read(",".join(cells) + "\n")
    assert len(found.rows) + len(problems) >= (1 if any(c.strip(" ,") for c in cells) else 0)

"""What the workshop tells of rejected rows when the read they came with was refused as a whole."""

from pathlib import Path

import pytest

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment

HEADER = "SKU,Name,Price,Qty\n"
CLIENT = """client: corner
label: Corner shop
timezone: Africa/Johannesburg
sources:
  file:
    role: primary
    connection: file
    basis: incl
    feeds:
      products: {every: P1D}
"""
FIELDS = """feed,target,column,constant,transform,note
products,source_product_code,SKU,,,
products,source_variant_code,SKU,,,
products,variants.sku,SKU,,,
products,title,Name,,,
products,product_active,,true,,
products,variants.retail_price,Price,,,
products,variants.qty,Qty,,,
products,variants.inventory_management,,true,,
"""


@pytest.fixture
def corner(tmp_path: Path):
    (tmp_path / "assets/corner/fields").mkdir(parents=True)
    (tmp_path / "resources").mkdir()
    (tmp_path / "assets/corner/client.yaml").write_text(CLIENT)
    (tmp_path / "assets/corner/fields/file.csv").write_text(FIELDS)
    location = (tmp_path / "list.csv").as_uri()
    (tmp_path / "resources/corner.yaml").write_text(
        f'connections:\n  file: {{kind: flat_file, location: "{location}", settle_s: 0}}\n'
    )
    workshop = Workshop(Environment(tmp_path, tmp_path / "var", f"sqlite:///{tmp_path / 's2s.db'}", None))

    def read(rows: str) -> str:
        (tmp_path / "list.csv").write_text(HEADER + rows)
        result = workshop.refresh("corner", asked={"file": ["products"]}, is_full=True)
        return result.sources["file"].feeds[0].outcome

    yield workshop, read
    workshop.close()


def reasons(workshop: Workshop) -> list[tuple[object, object]]:
    told = [(r["row"], r["reason"]) for r in workshop.all_rejects("corner")]
    assert told == [(r["row"], r["reason"]) for r in workshop.rejects("corner", "file", ["products"], limit=10)]
    assert told == [(r["row"], r["reason"]) for r in workshop.rejects_table("corner").to_pylist()]
    return told


def test_rows_of_a_first_read_that_was_refused_are_told_with_their_reasons(corner) -> None:
    workshop, read = corner
    assert read(",Tent,100,1\n,Mug,20,2\n") == "refused"
    assert reasons(workshop).count((2, "missing_sku")) == 1
    assert {row for row, _ in reasons(workshop)} == {2, 3}


def test_rows_of_a_refused_read_are_told_until_a_good_read_takes_its_place(corner) -> None:
    workshop, read = corner
    good = "T1,Tent,100,1\nM1,Mug,,2\n"
    assert read(good) == "kept"
    assert reasons(workshop) == [(3, "empty_price")]
    assert read(",Tent,100,1\n,Mug,20,2\n") == "refused"
    assert (2, "missing_sku") in reasons(workshop)
    assert read(good) == "unchanged"
    assert reasons(workshop) == [(3, "empty_price")]

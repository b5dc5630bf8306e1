import random

import pytest

from s2s_pipelines.catalogue.diff import diff, product_changes, state_keys
from s2s_pipelines.catalogue.policy import ChannelPolicy, Terms
from s2s_pipelines.catalogue.portion import compared
from tests.unit.catalogue.merged_frame import merged
from tests.unit.catalogue.shop_model import Records, ShopModel, push

COLOURS = ("Black", "Olive", "Sand")


def plan_in(rows, records, portion_rows, delist="hide"):
    table, held = merged(*rows), records.held()
    pieces = [table.slice(at, 7) for at in range(0, table.num_rows, 7)]
    policy = ChannelPolicy(delist=delist)

    def read(names):
        return [piece.select(names) for piece in pieces]

    wanted, candidates = compared(
        read, table.column_names, table.num_rows, held, policy, Terms(), {}, portion_rows=portion_rows
    )
    return diff(wanted, candidates, held, records.states(state_keys(candidates, held)), delist)


def same(one, other):
    return all(
        getattr(one, name) == getattr(other, name) for name in ("changes", "items", "left_out", "digest", "counts")
    )


def catalogue(seed, count=25):
    """Products of one to three variants; every few runs one of them moves, is told twice, or is taken off."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        for place in range(draw.choice((1, 1, 2, 3))):
            row = {"sku": f"{number:03d}-{place}", "code": f"P{number:03d}", "qty": draw.randrange(3)}
            row |= {"option1_name": "Colour", "option1_value": COLOURS[place]}
            if draw.random() < 0.1:
                row["code"] = f"P{draw.randrange(count):03d}"
            if draw.random() < 0.1:
                row |= {"product_active": "delete"}
            rows.append(row)
            if draw.random() < 0.05:
                row["is_conflict"] = True
                rows.append({**row, "source": "other", "product_key": f"other:{row['code']}"})
    return rows


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("delist", ["hide", "delete"])
def test_a_plan_made_in_portions_is_the_plan_made_in_one_piece(seed, delist):
    shop, records = ShopModel(), Records()
    for turn in range(2):
        rows = catalogue(seed * 10 + turn)
        whole = plan_in(rows, records, 10_000, delist)
        for portion_rows in (9, 23):
            assert same(whole, plan_in(rows, records, portion_rows, delist)), portion_rows
        push(whole, shop, records, list(product_changes(whole)))


def test_a_sku_that_moves_ties_its_products_together():
    shop, records = ShopModel(), Records()
    rows = [{"sku": f"{n}", "code": f"P{n}"} for n in range(9)]
    first = plan_in(rows, records, 2)
    push(first, shop, records, list(product_changes(first)))
    rows[0]["code"] = "P8"
    moved = plan_in(rows, records, 2)
    assert moved.left_out.to_pylist()[0]["reason"] == "regrouped"
    assert same(moved, plan_in(rows, records, 100))

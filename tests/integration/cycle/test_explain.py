from dataclasses import replace
from datetime import time, timedelta

import pytest

from s2s_pipelines.catalogue.policy import Condition, Quantity, Rules
from s2s_pipelines.cycle.approval import approve
from s2s_pipelines.cycle.client_plan import FeedPlan
from s2s_pipelines.cycle.explain import explain
from s2s_pipelines.errors import ConfigurationError, TransientError
from s2s_pipelines.model.pause import Pause, stopping
from s2s_pipelines.ports import OpenQuantity
from tests.integration.cycle.world import field_rows


def told(world, sku, field=None):
    return explain(world.plan, world.channel, world.stores, lambda _: world.orders, world.clock, sku=sku, field=field)


def chain(world, sku, field):
    """Texts of one field's chain, by stage."""
    steps = told(world, sku, field).fields
    assert len(steps) == 1
    return [(step.stage, step.text) for step in next(iter(steps.values()))]


def test_chain_leads_from_the_channel_to_the_cell(world):
    world.declare_policy(quantity=Quantity(buffer=1, cap=50))
    world.erp({"SKU": "B"}, {"SKU": "0042", "ONHAND": " 9 "})
    world.orders = [OpenQuantity("0042", 2, "erp", world.clock.now(), None)]
    world.cycle()
    found = chain(world, "0042", "variants.qty")
    assert [stage for stage, _ in found] == ["channel", "desired", "catalogue", "cell"]
    assert found[0][1] == "'6', confirmed 2026-03-01 12:05:00 UTC"
    assert found[1][1] == "'6' = 9 in qty, minus 2 of open orders, minus a buffer of 1, not below 0, at most 50"
    assert found[2][1] == "qty = '9', from erp/products"
    assert found[3][1] == "erp/products row 3, read 2026-03-01 12:05:00 UTC, column ONHAND: ' 9 '"
    assert told(world, "0042").reason is None


def test_price_says_how_its_basis_was_changed(world):
    world.declare_policy(basis="excl")
    world.erp({"SKU": "A"})
    world.cycle()
    found = chain(world, "A", "price")
    assert found[1] == ("desired", "'100.00' = retail_price, from incl to excl at 15 %, in cents")
    assert found[-1][1].endswith("column PRICE: '115.00'")


def test_every_name_of_a_field_is_understood_and_a_wrong_one_is_not(world):
    world.erp({"SKU": "A", "BRAND": "Acme"})
    world.cycle()
    names = {"variants.retail_price": "price", "price": "price", "retail_price": "price", "vendor": "vendor"}
    for asked, known in names.items():
        assert list(told(world, "A", asked).fields) == [known]
    with pytest.raises(ConfigurationError, match="did you mean vendor"):
        told(world, "A", "vender")
    assert {"qty", "price", "title", "vendor", "inventory_management"} <= set(told(world, "A").fields)


def test_constant_and_empty_value_are_told_as_such(world):
    world.erp({"SKU": "A"})
    world.cycle()
    assert chain(world, "A", "inventory_management")[-1][1].endswith("a constant of the field map")
    assert chain(world, "A", "vendor")[-1] == ("catalogue", "vendor: no source has a value")


def test_value_of_a_linked_source_leads_to_its_own_cell_and_read(world):
    sheet = world.add("sheet", "stock", {}, flags={"variants.qty": "source"})
    world.declare("sheet", fields=field_rows("stock", {"variants.sku": "sku", "variants.qty": "stock"}))
    sheet.tell("stock", [{"sku": "A", "stock": "7"}])
    world.erp({"SKU": "A"})
    world.cycle()
    world.erp({"SKU": "A", "ONHAND": "1"})
    world.cycle()
    found = chain(world, "A", "qty")
    assert found[-2][1] == "qty = '7', from sheet/stock"
    assert found[-1][1] == "sheet/stock row 2, read 2026-03-01 12:05:00 UTC, column stock: '7'"


def test_shared_value_leads_to_the_sibling_that_has_it(world):
    sizes = [
        {"SKU": s, "CODE": "P", "NAME": "T", "OPT": "Size", "OPTVAL": s, "BRAND": b}
        for s, b in (("M", None), ("L", "Acme"))
    ]
    world.erp(*sizes)
    world.cycle()
    found = chain(world, "M", "vendor")
    assert found[-1][1] == "erp/products row 3, read 2026-03-01 12:05:00 UTC, column BRAND: 'Acme'"


def test_row_of_an_earlier_read_is_found_in_that_read(world):
    world.declare("erp", is_incremental=True, feeds=(FeedPlan("products", timedelta(minutes=3), full_at=time(2)),))
    world.erp({"SKU": "A", "ONHAND": "4"}, {"SKU": "B"})
    world.cycle()
    world.sources["erp"].increment = {"B"}
    world.erp({"SKU": "A", "ONHAND": "4"}, {"SKU": "B", "ONHAND": "1"})
    world.cycle()
    assert chain(world, "A", "qty")[-1][1] == "erp/products row 2, read 2026-03-01 12:05:00 UTC, column ONHAND: '4'"
    assert chain(world, "B", "qty")[-1][1] == "erp/products row 2, read 2026-03-01 12:10:00 UTC, column ONHAND: '1'"


def test_zero_of_an_absent_row_says_so(world):
    feed = FeedPlan("stock", timedelta(minutes=3), absent="zero", absent_limit=1)
    sheet = world.add("sheet", "stock", {}, flags={"variants.qty": "source"}, feed_plan=feed)
    world.declare("sheet", fields=field_rows("stock", {"variants.sku": "sku", "variants.qty": "stock"}))
    sheet.tell("stock", [{"sku": s, "stock": "7"} for s in "AB"])
    world.erp({"SKU": "A"}, {"SKU": "B"})
    world.cycle()
    sheet.tell("stock", [{"sku": "B", "stock": "7"}])
    world.cycle()
    assert chain(world, "A", "qty")[-1][1] == "sheet/stock: absent from the full read of 2026-03-01 12:10:00 UTC, so 0"


# --- the one reason ----------------------------------------------------------------------------------------------------


def reason(world, sku):
    found = told(world, sku)
    return found.reason, found.is_listed


def test_sku_that_nobody_delivered_was_never_read(world):
    assert told(world, "Z").message == "no primary source delivered it; there is no catalogue yet"
    world.erp({"SKU": "A"})
    sheet = world.add("sheet", "stock", {}, flags={"variants.qty": "source"})
    world.declare("sheet", fields=field_rows("stock", {"variants.sku": "sku", "variants.qty": "stock"}))
    sheet.tell("stock", [{"sku": "Z", "stock": "7"}])
    world.cycle()
    found = told(world, "Z")
    assert (found.reason, found.is_listed) == ("never_read", False)
    assert found.message == "no primary source delivered it; it is mentioned by sheet/stock row 2"


def test_ignored_and_rejected_rows_are_told_with_their_number(world):
    world.erp({"SKU": "A"}, {"SKU": "G", "WEB": "ignore"}, {"SKU": "R", "PRICE": "dear"})
    world.cycle()
    assert reason(world, "G") == ("ignored", False)
    assert told(world, "G").message == "erp/products row 3 says ignore, or nothing"
    found = told(world, "R")
    assert (found.reason, "row 4" in found.message, "'dear'" in found.message) == ("rejected", True, True)
    assert found.remedy


def test_sku_of_a_refused_read_is_told_as_rejected(world):
    world.erp({"SKU": "A"})
    world.cycle()
    world.erp({"SKU": "A", "PRICE": "?"}, {"SKU": "N", "PRICE": "?"})
    world.refresh_all()
    assert reason(world, "N") == ("rejected", False)
    assert reason(world, "A") == (None, True)


def test_conflict_rule_and_deletion_are_told(world):
    world.erp({"SKU": "A"}, {"SKU": "B", "BRAND": "Zulu"}, {"SKU": "C", "WEB": "delete"}, {"SKU": "D"})
    world.cycle()
    world.declare_policy(rules=Rules(exclude=(Condition(field="vendor", op="equals", value="zulu"),)))
    branch = world.add("branch", "products", {}, role="primary")
    world.declared[1] = replace(world.declared[0], source="branch")
    branch.tell("products", world.sources["erp"].feeds["products"].slice(0, 1).to_pylist())
    world.cycle()
    assert [reason(world, s) for s in "ABCD"] == [("conflict", True), ("rule", False), ("deleted", False), (None, True)]
    assert told(world, "B").message == "excluded by the rule: vendor equals zulu"


def test_stopped_plan_is_told_with_what_stopped_it(world):
    rows = [{"SKU": f"S{i}"} for i in range(10)]
    world.erp(*rows)
    world.cycle()
    world.erp(*({**row, "ONHAND": "0"} for row in rows))
    world.refresh_all()
    world.make_plan()
    found = told(world, "S3")
    assert (found.reason, found.is_listed) == ("breaker", True)
    assert "10 of 10 variants in stock would go to zero" in found.message
    assert [s.text for s in found.fields["qty"] if s.stage == "plan"] == ["plan 2 (stopped): '5' -> '0'"]


def test_failed_push_is_told_in_the_channels_own_words(world):
    world.erp({"SKU": "A"}, {"SKU": "B"})
    world.refresh_all()
    assert reason(world, "A") == ("not_pushed", False)
    world.shop.refuse["A"] = ("duplicate_sku", False)
    world.publish()
    found = told(world, "A")
    assert (found.reason, found.message) == ("push_failed", "duplicate_sku: the shop's own words")
    assert reason(world, "B") == (None, True)
    assert "failed 1 times since" in found.text()


def test_unheard_push_is_told(world):
    world.erp({"SKU": "A"})
    world.refresh_all()
    world.shop.error_after = (0, TransientError("no route"))
    world.publish()
    assert told(world, "A").message == "unreachable: no route"


def test_text_is_for_people(world):
    world.erp({"SKU": "A"})
    world.cycle()
    lines = told(world, "A", "qty").text().splitlines()
    assert lines[0] == "karoo / shop / A: listed"
    assert [line.split()[0] for line in lines[1:]] == ["qty", "channel", "desired", "catalogue", "cell"]


def with_pause(world, scope, target=None):
    now = world.clock.now()
    pause = Pause(1, "karoo", scope, target, now + timedelta(hours=1), "stock take", "Ops", now)

    def pause_of(activity, **where):
        return stopping([pause], client="karoo", activity=activity, now=world.clock.now(), **where)

    return pause, pause_of


def paused(world, pause_of, sku, field=None):
    values = {"sku": sku, "field": field, "pause_of": pause_of}
    return explain(world.plan, world.channel, world.stores, lambda _: world.orders, world.clock, **values)


@pytest.mark.parametrize(("scope", "target"), [("pushes", None), ("channel", "shop"), ("all", None)])
def test_what_is_to_be_sent_while_pushes_are_paused_is_told_as_paused(world, scope, target):
    world.erp({"SKU": "A"}, {"SKU": "B"})
    world.cycle()
    world.erp({"SKU": "A", "ONHAND": "4"}, {"SKU": "B"}, {"SKU": "C"})
    world.refresh_all()
    world.make_plan()
    pause, pause_of = with_pause(world, scope, target)
    for sku, is_listed in (("A", True), ("C", False)):
        found = paused(world, pause_of, sku)
        assert (found.reason, found.message, found.is_listed) == ("paused", pause.message, is_listed)
        assert "resume" in found.remedy
    assert paused(world, pause_of, "B").reason is None, "nothing of it waits"


def test_a_value_of_a_source_that_is_not_read_now_says_so(world):
    world.erp({"SKU": "A"})
    world.cycle()
    pause, pause_of = with_pause(world, "source", "erp")
    found = paused(world, pause_of, "A", "qty")
    assert found.reason is None
    assert found.fields["qty"][-1].text.endswith(f"column ONHAND: '5'; not read now: {pause.message}")
    unknown = paused(world, pause_of, "Z")
    assert (unknown.reason, unknown.message) == ("paused", f"no primary source delivered it yet, and {pause.message}")
    assert told(world, "Z").reason == "never_read"


def test_a_first_plan_that_nobody_approved_is_told_as_awaiting_approval(world):
    world.channel = replace(world.channel, is_first_approved=True)
    world.erp({"SKU": "A"})
    world.refresh_all()
    world.make_plan()
    found = told(world, "A")
    assert (found.reason, found.is_listed) == ("awaiting_approval", False)
    assert found.message == "plan 1 is the first push of shop, and nobody approved it yet"
    assert found.remedy.startswith("look at it (s2s plan karoo shop) and approve it by name")
    approve(world.make_plan().stored, world.stores.plans, by="Ops", reason="r", clock=world.clock, is_first=True)
    assert told(world, "A").reason == "not_pushed"

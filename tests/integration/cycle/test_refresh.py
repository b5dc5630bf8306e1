from dataclasses import replace
from datetime import time, timedelta

import pytest

from s2s_pipelines.catalogue.policy import Rhythm
from s2s_pipelines.cycle.client_plan import FeedPlan
from s2s_pipelines.errors import AccessError, ConfigurationError, TransientError

SHEET = {"variants.sku": "sku", "variants.qty": "stock"}


def skus(world):
    return world.catalogue()["sku"].to_pylist()


def feed(result, source="erp"):
    return result.sources[source].feeds[0]


def test_rows_are_accounted_for_and_rejects_are_kept(world):
    world.erp(
        {"SKU": "0042"},
        {"SKU": "42"},
        {"SKU": "X"},
        {"SKU": "X"},
        {"SKU": "B", "WEB": "ignore"},
        {"SKU": None, "CODE": "N"},
    )
    result = world.refresh_all()
    found = feed(result)
    assert (found.outcome, found.rows_in, found.rows_out, found.rejected, found.ignored) == ("kept", 6, 2, 3, 1)
    assert skus(world) == ["0042", "42"]
    snapshot = world.stores.catalogue.current("karoo", "source/erp/products")
    rejects = world.stores.catalogue.read(snapshot, "rejects").to_pylist()
    reasons = {(r["row"], r["reason"]) for r in rejects}
    assert {(4, "duplicate_sku"), (5, "duplicate_sku"), (7, "missing_sku")} <= reasons
    assert {row for row, _ in reasons} == {4, 5, 7}
    assert (result.catalogue.is_new, result.catalogue.rows) == (True, 2)


def test_unchanged_content_writes_nothing_and_counts_as_read(world):
    world.erp({"SKU": "A"})
    first = world.refresh_all()
    again = world.refresh_all()
    assert (feed(again).outcome, again.catalogue.is_new) == ("unchanged", False)
    assert feed(again).snapshot_id == feed(first).snapshot_id
    assert feed(again).stands_since == feed(first).stands_since + timedelta(minutes=5)
    assert (feed(again).rows_in, feed(again).rows_out) == (1, 1)
    assert len(world.stores.catalogue.history("karoo", "source/erp/products")) == 1
    assert len(world.stores.catalogue.history("karoo", "catalogue")) == 1


def test_changed_declaration_reads_the_same_content_anew(world):
    world.erp({"SKU": "A", "PRICE": "100.00"})
    world.refresh_all()
    world.declare("erp", basis="excl")
    result = world.refresh_all()
    assert (feed(result).outcome, str(world.catalogue()["retail_price"][0].as_py())) == ("kept", "115.0000")


@pytest.mark.parametrize("error", [TransientError("no route to host"), AccessError("wrong password")])
def test_unreachable_source_leaves_the_last_good_one_and_says_how_old_it_is(world, error):
    branch = world.add("branch", "products", {}, role="primary")
    world.declared[1] = replace(world.declared[0], source="branch")
    world.erp({"SKU": "A"})
    branch.feeds = dict(world.sources["erp"].feeds)
    branch.tell("products", [r | {"SKU": "B", "CODE": "B", "ITEM": "B"} for r in branch.feeds["products"].to_pylist()])
    world.refresh_all()
    world.sources["erp"].error = error
    branch.tell("products", [r | {"ONHAND": "1"} for r in branch.feeds["products"].to_pylist()])
    result = world.refresh_all()
    found = feed(result)
    assert (found.outcome, found.fault.error_class, found.age_s) == ("failed", type(error).__name__, 300.0)
    assert feed(result, "branch").outcome == "kept"
    assert (skus(world), result.is_ok, result.catalogue.is_new) == (["A", "B"], False, True)
    assert result.catalogue.ages_s == {"erp/products": 300.0, "branch/products": 0.0}


def test_failed_feed_is_left_in_peace_longer_each_time_and_asked_again_then(world):
    world.erp({"SKU": "A"})
    world.sources["erp"].error = TransientError("down")
    outcomes = []
    for _ in range(9):
        outcomes.append(feed(world.refresh()).outcome)
        world.clock.move(minutes=3)
    assert outcomes[:3] == ["failed", "failed", "failed"]
    assert outcomes.count("failed") == 5, "after a while every third tick or so"
    world.sources["erp"].error = None
    assert feed(world.refresh_all()).outcome == "kept"
    assert world.stores.catalogue.feed_states("karoo")["erp", "products"].failures == 0


def test_feed_is_due_after_its_distance_only(world):
    world.erp({"SKU": "A"})
    world.refresh()
    world.clock.move(minutes=2)
    assert feed(world.refresh()).outcome == "not_due"
    world.clock.move(minutes=1)
    assert feed(world.refresh()).outcome == "unchanged"


def many(count, **values):
    return [{"SKU": f"S{i:03d}", **values} for i in range(count)]


def test_read_that_lost_too_much_is_refused_and_can_be_accepted_by_name(world):
    world.erp(*many(100))
    world.refresh_all()
    world.erp(*many(49))
    for _ in range(2):
        result = world.refresh_all()
        assert (feed(result).outcome, [u.check for u in feed(result).unfit]) == ("refused", ["shrink"])
        assert feed(result).unfit[0].message == "51 of 100 rows are gone; the limit is 50%"
    assert len(skus(world)) == 100
    history = world.stores.catalogue.history("karoo", "source/erp/products")
    assert [s.is_current for s in history] == [False, True], "the same refused read is kept once"
    assert feed(world.refresh_all(accept=["shrink"])).outcome == "kept"
    assert len(skus(world)) == 100, "absent is not deleted"
    assert feed(world.refresh_all()).outcome == "unchanged"
    world.erp(*many(30))
    assert feed(world.refresh_all()).outcome == "kept", "rows that were gone before are not missed again"


def test_empty_feed_where_rows_were_is_refused(world):
    world.erp(*many(3))
    world.refresh_all()
    world.erp()
    world.declare("erp", feeds=(FeedPlan("products", timedelta(minutes=3), shrink_limit=1),))
    result = world.refresh_all()
    assert [u.check for u in feed(result).unfit] == ["empty"]


def test_feed_of_rejects_only_is_refused_and_its_rejects_can_be_looked_at(world):
    world.erp(*many(3))
    world.refresh_all()
    world.erp(*many(3, PRICE="no price"))
    result = world.refresh_all()
    assert (feed(result).outcome, feed(result).rejected) == ("refused", 3)
    newest = world.stores.catalogue.history("karoo", "source/erp/products")[0]
    assert world.stores.catalogue.read(newest, "rejects").num_rows == 3
    assert len(skus(world)) == 3


def with_stock_feed(world, **declared):
    plan = FeedPlan("stock", timedelta(minutes=3), absent="zero", **declared)
    sheet = world.add("sheet", "stock", SHEET, feed_plan=plan, flags={"variants.qty": "source"})
    world.erp(*many(20))
    return sheet


def stock(count, qty="9"):
    return [{"sku": f"S{i:03d}", "stock": qty} for i in range(count)]


def test_absent_means_zero_only_where_declared_and_within_its_limit(world):
    sheet = with_stock_feed(world)
    sheet.tell("stock", stock(20))
    world.refresh_all()
    sheet.tell("stock", stock(16))
    assert feed(world.refresh_all(), "sheet").outcome == "kept"
    assert sorted(world.catalogue()["qty"].to_pylist()) == [0] * 4 + [9] * 16
    sheet.tell("stock", stock(12))
    result = world.refresh_all()
    assert [u.check for u in feed(result, "sheet").unfit] == ["absent"]
    assert feed(result, "sheet").unfit[0].message.startswith("4 of 16 rows with stock would be zeroed by silence")
    assert world.catalogue()["qty"].to_pylist().count(9) == 16
    assert feed(world.refresh_all(accept=["absent"]), "sheet").outcome == "kept"
    sheet.tell("stock", stock(11))
    assert feed(world.refresh_all(), "sheet").outcome == "kept"


def test_incremental_reads_carry_the_cursor_and_nightly_ones_are_full(world):
    world.declare("erp", is_incremental=True, feeds=(FeedPlan("products", timedelta(minutes=3), full_at=time(2)),))
    erp = world.sources["erp"]
    world.erp({"SKU": "A"}, {"SKU": "B"}, {"SKU": "R", "PRICE": "?"})
    world.refresh_all()
    erp.increment = {"B"}
    world.erp({"SKU": "A", "ONHAND": "1"}, {"SKU": "B", "ONHAND": "2"})
    result = world.refresh_all()
    assert (feed(result).rows_in, feed(result).is_complete) == (1, False)
    assert world.catalogue()["qty"].to_pylist() == [5, 2]
    snapshot = world.stores.catalogue.current("karoo", "source/erp/products")
    assert world.stores.catalogue.read(snapshot, "rejects")["sku"].to_pylist() == ["R"], "it is still rejected"
    erp.increment = set()
    assert feed(world.refresh_all()).outcome == "unchanged"
    assert [since is None for _, since in erp.asked] == [True, False, False]
    world.clock.move(hours=15)
    world.refresh_all()
    assert erp.asked[-1][1] is None
    assert world.catalogue()["qty"].to_pylist() == [1, 2]
    assert feed(world.refresh_all()).outcome == "unchanged"
    assert erp.asked[-1][1] is not None


def test_overdue_source_is_warned_about_then_held_or_zeroed(world):
    rhythm = Rhythm(every=timedelta(days=7), grace=timedelta(days=1), overdue="zero")
    sheet = world.add("sheet", "stock", SHEET, flags={"variants.qty": "source"}, rhythm=rhythm)
    world.erp({"SKU": "A"}, {"SKU": "B"})
    assert world.refresh(asked={"erp": ["products"]}).sources["sheet"].punctuality == "never"
    sheet.tell("stock", [{"sku": "A", "stock": "9"}])
    said = []
    for _ in range(10):
        result = world.refresh_all()
        said.append((result.sources["sheet"].punctuality, *world.catalogue()["qty"].to_pylist()))
        world.clock.move(days=1)
    assert said[6] == ("in_time", 9, 5)
    assert said[7][0] == "late"
    assert said[9] == ("overdue", 0, 5)
    assert "the source is overdue with its next delivery" in result.sources["sheet"].warnings
    world.declare("sheet", rhythm=rhythm.model_copy(update={"overdue": "hold"}))
    world.refresh_all()
    assert world.catalogue()["qty"].to_pylist() == [9, 5]
    sheet.tell("stock", [{"sku": "A", "stock": "8"}])
    assert world.refresh_all().sources["sheet"].punctuality == "in_time"


def test_merge_that_fails_leaves_the_last_good_catalogue(world):
    world.erp({"SKU": "A"})
    world.refresh_all()
    sheet = world.add("sheet", "stock", SHEET, match="code", flags={"variants.qty": "source"})
    sheet.tell("stock", [{"sku": "A", "stock": "9"}])
    result = world.refresh_all()
    assert result.catalogue.fault.error_class == "ConfigurationError"
    assert (result.catalogue.rows, result.is_ok, skus(world)) == (1, False, ["A"])


def test_unknown_source_or_feed_is_refused_with_the_near_miss(world):
    with pytest.raises(ConfigurationError, match="did you mean erp"):
        world.refresh(asked={"erpp": ["products"]})
    with pytest.raises(ConfigurationError, match="there are: products"):
        world.refresh(asked={"erp": ["stock"]})

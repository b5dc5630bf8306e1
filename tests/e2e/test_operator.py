"""What operators do from the launchpad, each job as the UI launches it; the oracle is what the shops and our database have."""

from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from s2s_pipelines.demo.stage import CLIENTS
from s2s_pipelines.orchestration.keys import orders_key, plan_key, push_key
from s2s_pipelines.storage.schema import channel_item, plan
from tests.e2e.test_in_process import RANGE, documents_of, in_stock, place, rows_of, take_up, tripped  # noqa: F401

TWIN, STOKVEL = "twin_branches", "stokvel_direct"
OPS = {
    "pause": "begin_pause",
    "resume": "end_pause",
    "approve_plan": "approve_and_push",
    "let_through": "let_through_and_push",
    "show_plan": "look_at_plan",
    "show_rejects": "look_at_rejects",
    "explain": "tell",
    "resync_skus": "send_again",
    "orders": "take_up_orders",
    "cycle": None,
}


def launch(floor, job, **config):
    return floor.launch(job, {"ops": {OPS[job]: {"config": config}}})


def refused(floor, job, **config):
    seen = launch(floor, job, **config)
    assert not seen.is_ok
    return seen.failures


# -- launchpads -----------------------------------------------------------------------------------------------------


def test_every_launchpad_is_prefilled_and_every_field_is_described(floor):
    for job, op in OPS.items():
        made = floor.definitions.resolve_job_def(job)
        (node,) = made.graph.nodes if op is None else [n for n in made.graph.nodes if n.name == op]
        assert made.description
        fields = node.definition.config_schema.config_type.fields
        assert fields
        for name, field in fields.items():
            assert field.description, f"{job}: {name}"
            assert field.default_provided, f"{job}: {name}"


@pytest.mark.parametrize(
    ("job", "config", "said"),
    [
        ("pause", {"client": "karoo_outdor", "why": "w", "by": "b"}, "did you mean karoo_outdoor?"),
        ("pause", {"client": TWIN, "scope": "pushs", "why": "w", "by": "b"}, "did you mean pushes?"),
        ("pause", {"client": TWIN, "scope": "source", "target": "nort", "why": "w", "by": "b"}, "did you mean north?"),
        ("pause", {"client": TWIN, "scope": "channel", "target": "shpo", "why": "w", "by": "b"}, "did you mean shop?"),
        ("pause", {"client": TWIN, "scope": "channel", "why": "w", "by": "b"}, "no channel is named"),
        (
            "pause",
            {"client": TWIN, "scope": "orders", "target": "north", "why": "w", "by": "b"},
            "orders names no north",
        ),
        ("pause", {"client": TWIN, "until": "tomorrow", "why": "w", "by": "b"}, "'tomorrow' is no moment"),
        ("pause", {"client": TWIN, "until": "2020-01-01 10:00", "why": "w", "by": "b"}, "has passed already"),
        ("pause", {"client": TWIN, "by": "b"}, "by a person and for a reason"),
        ("pause", {}, "no such client is declared"),
        ("resume", {"client": TWIN, "scope": "orders", "by": "b"}, "nothing of that name is paused"),
        ("resume", {"client": TWIN, "scope": "orders"}, "by a person"),
        ("approve_plan", {"client": TWIN, "channel": "shpo", "by": "b", "reason": "r"}, "did you mean shop?"),
        ("approve_plan", {"client": TWIN, "channel": "shop", "reason": "r"}, "by a person and for a reason"),
        ("approve_plan", {"client": TWIN, "channel": "shop", "by": "b", "reason": "r"}, "waits for nobody's approval"),
        ("let_through", {"client": TWIN, "channel": "shop", "by": "b", "reason": "r"}, "no breaker stops plan"),
        ("show_plan", {"client": "twin_branchs", "channel": "shop"}, "did you mean twin_branches?"),
        ("show_plan", {"client": TWIN}, "no channel is named"),
        ("show_rejects", {"client": TWIN, "source": "souht"}, "did you mean south?"),
        ("explain", {"client": TWIN}, "name a sku or an order"),
        ("explain", {"client": TWIN, "sku": "1", "order": "2"}, "name a sku or an order"),
        ("explain", {"client": TWIN, "order": "987654"}, "knows no order 987654"),
        ("explain", {"client": TWIN, "sku": "1", "channel": "shpo"}, "did you mean shop?"),
        ("resync_skus", {"client": TWIN}, "no sku is named"),
        ("resync_skus", {"client": TWIN, "channel": "shpo", "skus": ["1"]}, "did you mean shop?"),
        ("resync_skus", {"client": TWIN, "channel": "shop", "skus": ["nobody sells this"]}, "look why: job explain"),
    ],
)
def test_wrong_input_is_refused_with_the_near_miss_or_the_next_step(floor, job, config, said):
    assert said in refused(floor, job, **config)
    assert floor.workshop.pauses.live() == ()


def test_a_sku_that_is_typed_wrong_is_refused_with_the_near_miss(floor):
    sku = in_stock(floor, TWIN)[0]
    marks = floor.marks()
    said = refused(floor, "resync_skus", client=TWIN, channel="shop", skus=[sku[:-1] + "X"])
    assert f"the catalogue has no sku {sku[:-1]}X; nothing is sent" in said
    assert f"did you mean {sku[:6]}" in said
    assert floor.writes(marks) == 0


# -- pause and resume -----------------------------------------------------------------------------------------------


def test_a_pause_begins_and_ends_from_the_launchpad(floor):
    seen = launch(floor, "pause", client=TWIN, scope="source", target="north", until="2h", why="stock take", by="Ops")
    assert seen.is_ok, seen.failures
    (pause,) = floor.workshop.pauses.live()
    assert (pause.client, pause.scope, pause.target, pause.why, pause.by) == (
        TWIN,
        "source",
        "north",
        "stock take",
        "Ops",
    )
    assert timedelta(minutes=119) < pause.until - floor.workshop.clock.now() <= timedelta(hours=2)
    assert seen.op_page["paused"] == pause.message
    launch(floor, "pause", client="*", scope="pushes", until="30m", why="shops move", by="Ops")
    assert "nothing of that name is paused" in refused(floor, "resume", client=TWIN, scope="pushes", by="Ops")
    ended = launch(floor, "resume", client=TWIN, by="Ops")
    assert [row["target"] for row in rows_of(ended.op_page["resumed"])] == ["north"]
    assert [row["client"] for row in rows_of(ended.op_page["still_paused"])] == ["*"]
    assert launch(floor, "resume", client="*", scope="pushes", by="Ops").is_ok
    assert floor.workshop.pauses.live() == ()


# -- plans ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def new_channel(floor, monkeypatch):
    """The shop of one client as if nothing had ever been sent to it, and first pushes wait for approval."""
    client = floor.workshop.client(STOKVEL)
    channel = client.declaration.channels["shop"].model_copy(update={"first_push": "approve"})
    declaration = client.declaration.model_copy(update={"channels": {"shop": channel}})
    object.__setattr__(client, "declaration", declaration)
    mine = (channel_item.c.client == STOKVEL, channel_item.c.channel == "shop")
    with floor.workshop.engine.begin() as connection:
        kept = connection.execute(channel_item.select().where(*mine)).mappings().all()
        connection.execute(channel_item.delete().where(*mine))
        # Nobody ever approved one of its plans, whatever other tests of this floor had approved.
        connection.execute(plan.update().where(plan.c.client == STOKVEL).values(approval=sa.null()))
    yield STOKVEL
    with floor.workshop.engine.begin() as connection:
        connection.execute(channel_item.delete().where(*mine))
        connection.execute(channel_item.insert(), [dict(row) for row in kept])
        connection.execute(plan.update().where(plan.c.client == STOKVEL).values(pushed_at=None))
    free = channel.model_copy(update={"first_push": "free"})
    object.__setattr__(client, "declaration", declaration.model_copy(update={"channels": {"shop": free}}))
    floor.materialise([plan_key(STOKVEL, "shop"), push_key(STOKVEL, "shop")])


def test_the_first_push_to_a_new_channel_waits_until_its_plan_is_approved_by_name(floor, new_channel):
    keys = [plan_key(new_channel, "shop"), push_key(new_channel, "shop")]
    marks = floor.marks()
    seen = floor.materialise(keys)
    shown = launch(floor, "show_plan", client=new_channel, channel="shop")
    number = shown.op_page["plan"]

    assert seen.is_ok, seen.failures
    told = seen.checks[f"{new_channel}/push/shop:allowed"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told.description.startswith(f"plan {number} is the first push of shop, and nobody approved it yet")
    assert f"{new_channel}/push/shop" not in seen.pages
    assert (shown.op_page["verdict"], shown.op_page["changes"] > 500) == ("awaiting", True)
    assert len(shown.op_page["changes_table"].records) == 50
    assert "nobody approved it yet" in shown.op_page["waits"]
    alone = floor.materialise(keys[1:], has_checks=False)
    assert alone.is_ok
    assert floor.writes(marks) == 0
    sku = in_stock(floor, new_channel)[0]
    answer = launch(floor, "explain", client=new_channel, sku=sku).op_page
    assert (answer["shop_listed"], answer["shop_reason"]) == ("no", "awaiting_approval")

    other = {"client": new_channel, "channel": "shop", "by": "Ops", "reason": "looked at fifty rows"}
    assert "is not the newest any more" in refused(floor, "approve_plan", **other, plan=number + 1)
    assert floor.writes(marks) == 0
    approved = launch(floor, "approve_plan", **other, plan=number)

    assert approved.is_ok, approved.failures
    assert (approved.op_page["status"], approved.op_page["failed"]) == ("pushed", 0)
    assert approved.op_page["sent"] > 100
    decided = rows_of(launch(floor, "show_plan", client=new_channel, channel="shop").op_page["decisions_table"])
    assert [(row["plan"], row["what"], row["by"], row["reason"]) for row in decided] == [
        (str(number), "approved", "Ops", "looked at fifty rows")
    ]


def test_a_breaker_is_let_through_once_by_name_and_its_reason_stays(floor, tripped):  # noqa: F811
    tripped(2)
    marks = floor.marks()
    word = {"client": TWIN, "channel": "shop", "by": "Ops", "reason": "new price list"}
    assert "is stopped by: price_change" in refused(floor, "let_through", **word)
    assert "did you mean price_change" in refused(floor, "let_through", **word, breakers=["prize_change"])
    assert "also stopped by price_change" in refused(floor, "let_through", **word, breakers=["vanish"])
    assert floor.writes(marks) == 0
    shown = launch(floor, "show_plan", client=TWIN, channel="shop").op_page
    assert shown["waits"].startswith("stopped by price_change: 150 of 300")

    through = launch(floor, "let_through", **word, breakers=["price_change"])

    assert through.is_ok, through.failures
    assert through.op_page["acknowledged"] == 150
    assert "no breaker stops plan" in refused(floor, "let_through", **word, breakers=["price_change"])
    decided = rows_of(launch(floor, "show_plan", client=TWIN, channel="shop").op_page["decisions_table"])
    assert (decided[0]["what"], decided[0]["by"], decided[0]["reason"]) == (
        "let through: price_change", "Ops", "new price list"
    )  # fmt: skip


def test_the_whole_plan_is_written_to_the_runs_output(floor, capsys):
    floor.workshop.stores.items.doubt(TWIN, "shop", in_stock(floor, TWIN)[:40])
    seen = launch(floor, "show_plan", client=TWIN, channel="shop", csv=True)
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("product_key,sku,level,action,field,before,after,reason")
    assert len([line for line in lines[start + 1 :] if line.count(",") >= 7]) == seen.op_page["changes"] > 50
    assert launch(floor, "show_plan", client=TWIN, channel="shop").is_ok
    assert "product_key,sku," not in capsys.readouterr().out
    floor.materialise([plan_key(TWIN, "shop"), push_key(TWIN, "shop")])


# -- explain --------------------------------------------------------------------------------------------------------


def test_a_sku_is_explained_from_the_shop_back_to_the_cell(floor):
    sku = in_stock(floor, TWIN, of="twin_north")[0]
    page = launch(floor, "explain", client=TWIN, sku=sku, field="price").op_page
    assert page["shop_listed"] == "yes"
    chain = rows_of(page["chain_table"])
    assert [row["stage"] for row in chain] == ["channel", "desired", "catalogue", "cell"]
    assert "column price_incl" in chain[-1]["text"]
    assert sku in page["answer"]


def test_an_order_is_explained_with_documents_and_history_and_without_its_buyer(floor):
    order = place(floor, STOKVEL, in_stock(floor, STOKVEL)[0], email="buyer1@example.com")
    take_up(floor)
    (document,) = documents_of(floor, "stokvel_erp", order.number)
    page = launch(floor, "explain", client=STOKVEL, order=order.number).op_page
    assert page["state"] == "complete"
    (shown,) = rows_of(page["documents_table"])
    assert (shown["source"], shown["state"], shown["total"]) == ("erp", "raised", order.total)
    assert [row["event"] for row in rows_of(page["history_table"])][-1] == "told"
    assert document.account
    assert "example.com" not in repr(page)


def test_a_held_order_is_explained_with_reason_and_remedy(floor):
    order = place(floor, STOKVEL, in_stock(floor, STOKVEL)[0], email="somebody.new@example.com")
    take_up(floor)
    page = launch(floor, "explain", client=STOKVEL, order=order.number).op_page
    assert (page["state"], page["reason"]) == ("held", "no_customer")
    assert page["remedy"]
    assert "somebody" not in repr(page)


def test_rejects_are_shown_by_reason(floor, capsys):
    page = launch(floor, "show_rejects", client="karoo_outdoor", source="erp", csv=True).op_page
    reasons = {row["reason"]: int(row["rows"]) for row in rows_of(page["reasons_table"])}
    assert sum(reasons.values()) == page["rejected"] >= 19
    shown = [row["reason"] for row in rows_of(page["rejects_table"])]
    assert shown == sorted(shown)
    assert capsys.readouterr().out.count("\n") >= page["rejected"]


# -- backfills ------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated:DeprecationWarning")
def test_a_backfill_over_days_reads_the_orders_of_several_clients(floor):
    from dagster._core.execution.asset_backfill import AssetBackfillData

    graph = floor.definitions.resolve_asset_graph()
    keys = [orders_key(client) for client in CLIENTS]
    today = floor.workshop.today(TWIN).isoformat()
    planned = AssetBackfillData.from_asset_partitions(
        graph, [today], keys, floor.instance, floor.workshop.clock.now().timestamp(), all_partitions=False
    )
    assert planned.target_subset.asset_keys == set(keys)
    twin = place(floor, TWIN, in_stock(floor, TWIN, of="twin_south")[0])
    stokvel = place(floor, STOKVEL, in_stock(floor, STOKVEL)[0])

    seen = floor.materialise(keys, tags=dict(zip(RANGE, ("2026-01-01", today), strict=True)))

    assert seen.is_ok, seen.failures
    assert set(seen.pages) == {f"{client}/orders" for client in CLIENTS}
    assert len(documents_of(floor, "twin_south", twin.number)) == 1
    assert len(documents_of(floor, "stokvel_erp", stokvel.number)) == 1
    assert take_up(floor).op_page["documents"] == 0

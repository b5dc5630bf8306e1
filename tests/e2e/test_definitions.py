"""What the shipped definitions consist of, and what loading them may not do."""

import json
import shutil
import subprocess
import sys

import dagster as dg
import pytest
import yaml

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.orchestration.factory import build_definitions
from tests.e2e.floor import ROOT

SOURCE_CHECKS = {"read", "rows", "in_time"}
KAROO = {
    "source/erp/products": ("sql", SOURCE_CHECKS),
    "source/erp/customers": ("sql", SOURCE_CHECKS),
    "linked/supplier": ("flat_file", SOURCE_CHECKS),
    "linked/texts": ("xml_feed", SOURCE_CHECKS),
    "linked/sheet": ("google_sheet", SOURCE_CHECKS),
    "catalogue": ("parquet", {"merged", "one_owner"}),
    "plan/shop": ("woocommerce", {"vanish", "to_zero", "price_change"}),
    "push/shop": ("woocommerce", {"allowed", "delivered"}),
    "orders": ("orders", {"taken_up"}),
}

# Runs in a process of its own: refuses the network, databases and writing, then loads what Dagster loads.
LOADING = """
import os, sys
refused = []
def watch(event, args):
    is_write = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if event in ("socket.connect", "socket.getaddrinfo", "sqlite3.connect") or is_write:
        refused.append(event)
        raise PermissionError(event, args[0])
sys.addaudithook(watch)
from s2s_pipelines.definitions import defs
graph = defs.resolve_asset_graph()
repository = defs.get_repository_def()
loaded = {
    "assets": len(graph.get_all_asset_keys()), "sensors": sorted(s.name for s in repository.sensor_defs),
    "refused": list(refused), "folder": sorted(os.listdir(".")),
    "heavy": sorted({"pandas", "pandera", "duckdb", "pyarrow", "gspread", "pyodbc", "matplotlib"} & set(sys.modules)),
}
from s2s_pipelines.bootstrap import Workshop
bitten = []
for attempt in (lambda: Workshop.from_environment().engine, lambda: __import__("socket").create_connection(("127.0.0.1", 9))):
    try:
        attempt()
    except Exception as error:
        bitten.append(type(error).__name__)
import json
print(json.dumps({**loaded, "bitten": bitten}))
"""


@pytest.fixture
def root(tmp_path):
    """A folder with the demo declarations and nothing else."""
    for name in ("assets", "resources"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def loaded(root):
    workshop = Workshop(Environment.from_mapping({"S2S_ROOT": str(root)}))
    return workshop, build_definitions(workshop)


def asset_of(definitions, *path):
    return definitions.resolve_asset_graph().get(dg.AssetKey(list(path)))


def test_assets_of_a_client_have_their_keys_groups_kinds_owners_and_checks(root):
    _, definitions = loaded(root)
    graph = definitions.resolve_asset_graph()
    mine = {
        "/".join(key.path[1:]): graph.get(key) for key in graph.get_all_asset_keys() if key.path[0] == "karoo_outdoor"
    }
    assert set(mine) == set(KAROO)
    for name, (kind, checks) in KAROO.items():
        assert mine[name].kinds == {kind}, name
        assert {check.name for check in mine[name].check_keys} == checks, name
        assert mine[name].group_name == ("karoo_outdoor_orders" if name == "orders" else "karoo_outdoor")
        assert list(mine[name].owners) == ["team:ops"]
        assert mine[name].tags["client"] == "karoo_outdoor"
        assert mine[name].description
    ancestors = {"/".join(key.path[1:]) for key in mine["push/shop"].parent_keys}
    assert ancestors == {"plan/shop"}
    assert {"/".join(k.path[1:]) for k in mine["catalogue"].parent_keys} == {
        n for n in KAROO if n[:6] in ("source", "linked")
    }


def test_only_the_order_sweep_is_partitioned_and_a_range_of_its_days_is_one_run(root):
    _, definitions = loaded(root)
    graph = definitions.resolve_asset_graph()
    partitioned = {key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def is not None}
    assert {key.path[-1] for key in partitioned} == {"orders"}
    assert len(partitioned) == 3
    for key in partitioned:
        node = graph.get(key)
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        assert node.partitions_def.get_first_partition_key() == "2026-01-01"
        assert (
            node.partitions_def.get_last_partition_key()
            == Workshop.from_environment()
            .clock.now()
            .astimezone(node.partitions_def.get_first_partition_window().start.tzinfo)
            .date()
            .isoformat()
        )


def test_no_asset_relies_on_dagsters_own_freshness_which_is_off(root):
    _, definitions = loaded(root)
    specs = definitions.resolve_all_asset_specs()
    assert len(specs) > 20
    assert [
        spec.key for spec in specs if spec.freshness_policy is not None or spec.legacy_freshness_policy is not None
    ] == []
    for name in ("dagster.yaml", "deploy/dagster.celery.yaml", "deploy/dagster.k8s.yaml"):
        assert yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["freshness"] == {"enabled": False}, name


def test_jobs_sensors_and_schedules_are_shared_few_and_running(root):
    _, definitions = loaded(root)
    repository = definitions.get_repository_def()
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "orders_due",
        "cycle_due",
        "declarations",
        "failures",
        "dead_runs",
        "pauses",
        "fleet",
        "alerts",
    }
    assert {schedule.name for schedule in repository.schedule_defs} == {"full_reads", "daily_housekeeping"}
    assert {sensor.default_status for sensor in repository.sensor_defs} == {dg.DefaultSensorStatus.RUNNING}
    assert {schedule.default_status for schedule in repository.schedule_defs} == {dg.DefaultScheduleStatus.RUNNING}
    assert {job.name for job in definitions.jobs} == {
        "cycle", "orders", "resync_skus", "housekeeping", "pause", "resume", "approve_plan", "let_through", "show_plan",
        "show_rejects", "explain",
    }  # fmt: skip
    ops = {node.name for node in definitions.resolve_implicit_global_asset_job_def().graph.nodes}
    assert {op for op in ops if op.startswith("karoo")} == {
        "karoo_outdoor__refresh", "karoo_outdoor__publish__shop", "karoo_outdoor__orders"
    }  # fmt: skip
    assert len(ops) == 3 * 3 + len({"fleet_report"})


@pytest.mark.parametrize("job", ["cycle", "orders", "resync_skus", "housekeeping"])
def test_every_setting_of_the_launchpad_is_described(root, job):
    _, definitions = loaded(root)
    op = definitions.resolve_job_def(job).nodes[0].definition
    for name, field in op.config_schema.config_type.fields.items():
        assert field.description, name


def test_definitions_load_without_environment_network_database_or_writing(root):
    done = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", "-c", LOADING],
        cwd=root,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["assets"] == 26
    assert told["sensors"] == [
        "alerts", "cycle_due", "dead_runs", "declarations", "failures", "fleet", "orders_due", "pauses"
    ]  # fmt: skip
    assert told["refused"] == []
    assert told["heavy"] == [], "every run pays for what loading imports"
    assert len(told["bitten"]) == 2, "the refusal itself must bite"
    assert told["folder"] == ["assets", "resources"]


def test_broken_client_shows_as_broken_and_the_others_load(root):
    (root / "assets" / "twin_branches" / "client.yaml").write_text("client: twin_branches\nlable: Twin\n")
    workshop, definitions = loaded(root)
    graph = definitions.resolve_asset_graph()
    keys = {"/".join(key.path) for key in graph.get_all_asset_keys()}
    assert {key for key in keys if key.startswith("twin_branches")} == {"twin_branches/declaration"}
    assert len([key for key in keys if key.startswith("karoo_outdoor")]) == len(KAROO)
    node = asset_of(definitions, "twin_branches", "declaration")
    message = workshop.problem_of("twin_branches")
    assert "lable" in message
    assert "label" in message
    assert message in node.description
    assert (node.group_name, node.is_executable) == ("twin_branches", False)
    check = dg.AssetCheckKey(node.key, "loads")
    assert set(node.check_keys) == {check}
    with dg.DagsterInstance.ephemeral(tempdir=str(root / "instance")) as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        subset = job.get_subset(asset_selection=set(), asset_check_selection={check})
        (verdict,) = subset.execute_in_process(instance=instance).get_asset_check_evaluations()
        assert (verdict.passed, verdict.description) == (False, message)
        shutil.copy(ROOT / "assets" / "twin_branches" / "client.yaml", root / "assets" / "twin_branches")
        (verdict,) = subset.execute_in_process(instance=instance).get_asset_check_evaluations()
        assert (verdict.passed, verdict.description) == (True, "They load now: reload the code location.")


def test_broken_client_is_reported_once_for_each_message(root):
    (root / "assets" / "twin_branches" / "client.yaml").write_text("client: twin_branches\nlable: Twin\n")
    workshop, definitions = loaded(root)

    def tick(cursor):
        repository = definitions.get_repository_def()
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository)
            return repository.get_sensor_def("declarations").evaluate_tick(context)

    first = tick(None)
    (event,) = first.asset_events
    assert (event.asset_key.path, event.check_name, event.passed) == (["twin_branches", "declaration"], "loads", False)
    assert event.description == workshop.problem_of("twin_branches")
    again = tick(first.cursor)
    assert (list(again.asset_events), again.skip_message) == ([], "every declaration loads, or is reported already")
    changed = tick(first.cursor.replace("lable", "labell"))
    assert len(changed.asset_events) == 1


def test_no_client_at_all_still_loads(tmp_path):
    for name in ("assets", "resources"):
        (tmp_path / name).mkdir()
    _, definitions = loaded(tmp_path)
    repository = definitions.get_repository_def()
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "orders_due", "declarations", "failures", "dead_runs", "pauses", "fleet", "alerts"
    }  # fmt: skip
    assert definitions.resolve_asset_graph().get_all_asset_keys() == {dg.AssetKey("fleet")}

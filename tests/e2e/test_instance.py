"""One dagster.yaml for SQLite and PostgreSQL, by environment alone; everything that is written lies under one folder."""

import os
import shutil
import subprocess
import sys

import pytest
import sqlalchemy as sa

from tests.e2e.floor import ROOT

CYCLE = """
import sys
import dagster as dg
from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.orchestration.factory import build_definitions
from s2s_pipelines.orchestration.keys import catalogue_key, plan_key, source_key
workshop = Workshop.from_environment()
if sys.argv[1] == "ours":
    workshop.engine
with dg.DagsterInstance.get() as instance:
    definitions = build_definitions(workshop)
    client = "stokvel_direct"
    keys = {source_key(client, "erp", "products"), source_key(client, "erp", "customers"), catalogue_key(client),
            dg.AssetKey([client, "linked", "garden"]), plan_key(client, "shop")}
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection=keys)
    assert job.execute_in_process(instance=instance).success
    assert instance.get_latest_materialization_event(plan_key(client, "shop")) is not None
    assert len(instance.get_runs()) == 1
    kind = type(instance.run_storage).__name__
    if kind == "PostgresRunStorage":  # one pool for all three, where Dagster as shipped connects anew for every statement
        parts = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
        assert {type(part._engine.pool).__name__ for part in parts} == {"QueuePool"}
        assert len({id(part._engine) for part in parts}) == 1
    print(kind)
workshop.close()
"""


@pytest.fixture
def root(tmp_path):
    """A checkout's worth of declarations and settings."""
    made = tmp_path / "root"
    made.mkdir()
    for name in ("assets", "resources"):
        shutil.copytree(ROOT / name, made / name)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, made)
    return made


def cycle(floor, root, home, first, **more):
    environment = {
        **os.environ, **floor.stage.environment, "DAGSTER_HOME": str(root), "S2S_ROOT": str(root), "S2S_HOME": str(home), **more
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", "-c", CYCLE, first], cwd=root, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_embedded_default_writes_below_its_one_folder(floor, root, tmp_path):
    before, home = files(root), tmp_path / "home"
    assert cycle(floor, root, home, "dagster") == "SqliteRunStorage"
    assert files(root) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "root"]
    assert {"s2s.db", "dagster", "catalogue", "plans"} <= {path.name for path in home.iterdir()}


@pytest.mark.server("postgres")
@pytest.mark.parametrize("first", ["ours", "dagster"])
def test_our_tables_and_dagsters_live_in_one_postgres_database(floor, root, tmp_path, postgres_url, first):
    before, home = files(root), tmp_path / "home"
    assert cycle(floor, root, home, first, S2S_DATABASE_URL=postgres_url) == "PostgresRunStorage"
    assert files(root) == before
    engine = sa.create_engine(postgres_url)
    try:
        tables = set(sa.inspect(engine).get_table_names())
        assert {
            "s2s_alembic_version",
            "alembic_version",
            "snapshot",
            "plan",
            "sales_order",
            "runs",
            "event_logs",
        } <= tables
        with engine.connect() as connection:
            versions = {
                name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar()
                for name in ("s2s_alembic_version", "alembic_version", "runs", "plan")
            }
        assert versions == {"s2s_alembic_version": 1, "alembic_version": 1, "runs": 1, "plan": 1}
    finally:
        engine.dispose()
    assert not [name for name in files(home) if name.endswith(".db")]
    assert cycle_again(floor, root, home, postgres_url)


def cycle_again(floor, root, home, url):
    """A second program finds both sets of tables as they should be: no migration, no complaint, Dagster's run kept."""
    code = (
        "import dagster as dg\nfrom s2s_pipelines.bootstrap import Workshop\nw = Workshop.from_environment()\n"
        "assert w.newest_plan('stokvel_direct', 'shop') is not None\n"
        "with dg.DagsterInstance.get() as i: print(len(i.get_runs()))\nw.close()\n"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(root), "S2S_HOME": str(home), "S2S_DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", "-c", code],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() == "1"

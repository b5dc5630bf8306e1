"""A worker builds the assets of its run's clients alone; everybody else builds all of them."""

import importlib
import sys

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._grpc.impl import core_execute_run

from s2s_pipelines.orchestration.errand import clients_of_this_process
from s2s_pipelines.orchestration.factory import build_definitions

LOCATION = "tests.e2e.errand_location"
ACME, ZETA = dg.AssetKey(["acme", "catalogue"]), dg.AssetKey(["zeta", "catalogue"])
CHECK = dg.AssetCheckKey(ACME, "merged")


@pytest.fixture
def loaded():
    """Load the location as a worker of the run does; for whom it then knows that it was loaded."""
    instance = dg.DagsterInstance.ephemeral()

    def load(job_name, **selected):
        whole = importlib.import_module(LOCATION).defs
        run = instance.create_run_for_job(whole.resolve_job_def(job_name))._replace(**selected)
        del sys.modules[LOCATION]
        for remembered in (ReconstructableJob.get_repository_definition, ReconstructableJob.get_definition):
            remembered.cache_clear()
        job = ReconstructableRepository.for_module(LOCATION, "defs").get_reconstructable_job(job_name)
        events = list(core_execute_run(job, run, instance, inject_env_vars=False))
        assert events[-1].event_type_value == "PIPELINE_SUCCESS"
        return sys.modules[LOCATION].LOADED_FOR

    yield load
    sys.modules.pop(LOCATION, None)
    instance.dispose()


@pytest.mark.parametrize(
    ("job", "selected", "clients"),
    [
        ("__ASSET_JOB", {"asset_selection": frozenset({ACME})}, {"acme"}),
        ("__ASSET_JOB", {"asset_selection": frozenset({ACME, ZETA})}, {"acme", "zeta"}),
        ("__ASSET_JOB", {"asset_check_selection": frozenset({CHECK})}, {"acme"}),
        ("__ASSET_JOB", {}, None),
        ("chores", {}, set()),
    ],
)
def test_worker_knows_whose_assets_its_run_needs(loaded, job, selected, clients):
    assert loaded(job, **selected) == clients


def test_who_is_no_worker_is_asked_for_any():
    assert clients_of_this_process() is None


def test_worker_has_what_its_run_needs_and_no_more(floor):
    whole = {key.path[0] for key in floor.definitions.resolve_asset_graph().get_all_asset_keys()}
    assert whole == {"karoo_outdoor", "stokvel_direct", "twin_branches", "fleet"}

    few = build_definitions(floor.workshop, frozenset({"twin_branches"}))
    assert {key.path[0] for key in few.resolve_asset_graph().get_all_asset_keys()} == {"twin_branches", "fleet"}
    assert {job.name for job in few.jobs} == {job.name for job in floor.definitions.jobs}
    assert {s.name for s in few.sensors} == {s.name for s in floor.definitions.sensors}

    def steps(definitions):
        keys = floor.keys_of("twin_branches")
        job = definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection=set(keys))
        return {node.name: sorted(node.output_dict) for node in job.graph.node_defs}

    assert steps(few) == steps(floor.definitions)


def test_clients_of_one_pattern_share_nothing_that_is_one_clients_own(floor):
    """Names, keys, texts and checks of each are its own, though their ops were made once."""
    for made in floor.definitions.assets:
        if not isinstance(made, dg.AssetsDefinition) or made.keys == {dg.AssetKey("fleet")}:
            continue
        (client,) = {key.path[0] for key in made.keys}
        checks = {key.asset_key.path[0] for key in made.check_keys}
        inputs = {key.path[0] for key in made.keys_by_input_name.values()}
        groups = set(made.group_names_by_key.values())
        assert checks | inputs | {client} == {client}
        assert groups <= {client, f"{client}_orders"}
        assert made.op.name.startswith(f"{client}__")
        others = {"karoo_outdoor", "stokvel_direct", "twin_branches"} - {client}
        texts = " ".join(str(spec) for spec in made.specs)
        assert not [other for other in others if other in texts]

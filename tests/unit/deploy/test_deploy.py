"""What deploy/ holds fits the project. None of it is started here; all of it is held against what it refers to."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster import Field
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster_celery.launcher import CeleryRunLauncher
from dagster_k8s import K8sRunLauncher

from s2s_pipelines.config.environment import Environment
from s2s_pipelines.config.share import Share

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
COMPOSE = ("compose.yaml", "compose.celery.yaml")
LAUNCHERS = {"dagster.celery.yaml": CeleryRunLauncher, "dagster.k8s.yaml": K8sRunLauncher}


def read(name):
    return yaml.safe_load((DEPLOY / name).read_text())


def services():
    return read("compose.yaml")["services"]


def lint(path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files_keep_to_the_compose_specification(name):
    done = lint(DEPLOY / name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lint_sees_what_is_wrong(tmp_path):
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("restart:", "restrat:"))
    assert lint(wrong).returncode == 1


def test_every_share_of_the_clients_has_one_code_server_and_all_of_them_stand_in_the_workspace():
    servers = {name: service for name, service in services().items() if "grpc" in service.get("command", ())}
    shares = [Share.from_mapping(service["environment"]) for service in servers.values()]
    assert [share.number for share in shares] == list(range(1, shares[0].of + 1))
    assert {share.of for share in shares} == {len(servers)}
    assert all(service["command"][-1] == "4266" for service in servers.values())
    listed = [entry["grpc_server"] for entry in read("workspace.yaml")["load_from"]]
    assert [(entry["host"], entry["port"]) for entry in listed] == [(name, 4266) for name in servers]
    assert len({entry["location_name"] for entry in listed}) == len(servers)
    hosts = [service["hostname"] for service in services().values() if "hostname" in service]
    assert len(set(hosts)) == len(hosts), "processes are told apart by host and number"


def test_services_speak_of_what_the_environment_knows():
    known = {
        line.split("``")[1] for line in sys.modules[Environment.__module__].__doc__.splitlines() if "``S2S_" in line[:8]
    }
    for name in COMPOSE:
        for service in read(name)["services"].values():
            ours = {key for key in service.get("environment", {}) if key.startswith("S2S_")}
            assert ours <= known


def test_services_start_commands_that_there_are():
    scripts = Path(sys.executable).parent
    for name in COMPOSE:
        for service in read(name)["services"].values():
            if "command" in service:
                assert (scripts / service["command"][0]).exists()


@pytest.mark.parametrize("name", LAUNCHERS)
def test_another_launcher_is_all_that_differs_in_dagster_yaml(name):
    own, plain = read(name), yaml.safe_load((ROOT / "dagster.yaml").read_text())
    launcher = own.pop("run_launcher")
    places = own["concurrency"]["runs"]
    assert places.pop("max_concurrent_runs") > plain["concurrency"]["runs"].pop("max_concurrent_runs")
    for limits in (places, plain["concurrency"]["runs"]):
        for limit in limits["tag_concurrency_limits"]:
            limit.pop("limit")
    assert own == plain
    made = LAUNCHERS[name]
    assert made.__module__.startswith(launcher["module"])
    assert made.__name__ == launcher["class"]
    judged = process_config(Field(made.config_type()).config_type, launcher["config"])
    assert judged.success, judged.errors


@pytest.mark.parametrize("name", LAUNCHERS)
def test_dagster_takes_the_whole_file(name):
    judged = process_config(dagster_instance_config_schema(), read(name))
    assert judged.success, judged.errors


def test_the_worker_is_told_of_the_launchers_broker():
    assert read("celery.yaml") == read("dagster.celery.yaml")["run_launcher"]["config"]
    broker = read("compose.celery.yaml")["services"]["broker"]
    assert f"@{broker['hostname']}/" in read("celery.yaml")["broker"]


def test_the_image_copies_what_there_is():
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []

"""Every command that the docs show is executed: here, or in a test or Make target that this module names and looks for.

``EXECUTED`` is the one table. A command of README.md, CONTRIBUTING.md or docs/*.md that no row of it matches fails, and so does
one that two rows match, and a row that points at a test which is not there.
"""

import json
import re
import signal
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.cli import COMMANDS
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.connectors.registry import channels, sources
from s2s_pipelines.demo.dagster_client import free_port
from s2s_pipelines.demo.stage import CLIENTS, Stage
from tests.e2e.checkout import ROOT, Checkout, end, wait_until

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
SERVICES = ("dagster api grpc", "dagster-webserver", "dagster-daemon run")

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
_SPAN = re.compile(r"`((?:\.venv/bin/)?(?:make|s2s|dagster|dagster-[a-z]+) [^`\n]+)`")


def commands_of(text: str) -> Iterator[str]:
    """Commands of one page: lines after ``$`` in console blocks, services in text blocks, spans of code in sentences."""
    for language, body in _BLOCK.findall(text):
        for line in body.splitlines():
            if language == "console" and line.startswith("$ "):
                yield line[2:].strip()
            elif language == "text" and line.startswith("dagster"):
                yield line.strip()
    yield from (found.strip() for found in _SPAN.findall(_BLOCK.sub("", text)))


def plain(command: str) -> str:
    """The command without the folder that its program is in."""
    return command.removeprefix(".venv/bin/")


# --- how each is executed --------------------------------------------------------------------------------------------

Execute = Callable[[Checkout, str], None]


@dataclass(frozen=True)
class Elsewhere:
    """Executed by a test (``file::function``) or by a line of another file."""

    file: str
    says: str

    def __call__(self, copy: Checkout, command: str) -> None:
        text = (ROOT / self.file).read_text(encoding="utf-8")
        assert re.search(self.says, text, re.M), f"{self.file} no longer executes {command}"


def succeeded(copy: Checkout, command: str, **how) -> str:
    done = copy.run(command, **how)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


def make_help(copy: Checkout, command: str) -> None:
    """It lists every target; the Makefile's own list of phony targets says which there are."""
    makefile = (copy.path / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.M)
    assert targets is not None
    listed = {line.split()[0] for line in succeeded(copy, command).splitlines() if line.strip()}
    assert listed == set(targets.group(1).split())
    assert listed >= set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.M))


def make_docs(copy: Checkout, command: str) -> None:
    """It writes the generated pages as they are in the repository."""
    page = copy.path / "docs" / "connectors.md"
    page.unlink()
    succeeded(copy, command)
    for path in sorted((copy.path / "docs").glob("*.md")):
        assert path.read_text() == (ROOT / "docs" / path.name).read_text(), f"{path.name} is not what make docs writes"


def make_dialects(copy: Checkout, command: str) -> None:
    counts = json.loads(succeeded(copy, command, timeout_s=300).splitlines()[-1])
    assert set(counts) == {"exact", "refused", "wrong", "ordinary_refused"}
    assert counts["wrong"] == 0


def contract_of_a_kind(copy: Checkout, command: str) -> None:
    """Any kind will do to see that the line works; ``make test`` runs the suites of all. This one needs no server."""
    out = succeeded(copy, re.sub(r"k=\w+", "k=xml_feed", command), timeout_s=400)
    assert re.search(r"\d+ passed, \d+ deselected", out), out[-500:]


def contract_of_a_scaffold(copy: Checkout, command: str) -> None:
    """The suite finds a new module without registration, and holds it to be unfinished."""
    kind = command.rpartition("=")[2]
    succeeded(copy, f"s2s new source {kind}")
    done = copy.run(command, timeout_s=300)
    assert done.returncode != 0
    assert re.search(rf"^(FAILED|ERROR) tests/contract/.*{kind}", done.stdout, re.M), done.stdout[-2000:]


def new_client(copy: Checkout, command: str) -> None:
    name = command.split()[-1]
    told = succeeded(copy, command)
    assert f"s2s check {name}" in told
    for file in (f"assets/{name}/client.yaml", f"assets/{name}/fields/erp.csv", f"resources/{name}.yaml"):
        assert (copy.path / file).is_file()
    assert copy.run(command).returncode != 0, "a second one writes over the first"


def check_client(copy: Checkout, command: str) -> None:
    """Fresh from the template it says where something is to be filled in; the demo's clients are ready."""
    name = command.split()[-1]
    succeeded(copy, f"s2s new client {name}")
    done = copy.run(command)
    assert done.returncode == 1
    assert f"{name}: broken" in done.stdout
    assert re.search(rf"^resources/{name}\.yaml:\d+: ", done.stdout, re.M), done.stdout


def check_all(copy: Checkout, command: str) -> None:
    told = succeeded(copy, command)
    assert {f"{client}: ready" for client in CLIENTS} <= {line.split(" (")[0] for line in told.splitlines()}


def new_source(copy: Checkout, command: str) -> None:
    kind = command.split()[-1]
    succeeded(copy, command)
    assert (copy.path / f"s2s_pipelines/connectors/sources/{kind}.py").is_file()
    assert (copy.path / f"tests/fixtures/sources/{kind}/subject.py").is_file()
    assert kind in succeeded(copy, "s2s sources")


def schema_page(copy: Checkout, command: str) -> None:
    page = copy.path / command.split()[-1]
    before = page.read_text()
    page.unlink()
    succeeded(copy, command)
    assert page.read_text() == before


def schema(copy: Checkout, command: str) -> None:
    succeeded(copy, command)
    made = sorted((copy.path / "var/schema").glob("*.json"))
    assert [path.name for path in made] == ["client.schema.json", "operations.schema.json", "resources.schema.json"]
    assert all(json.loads(path.read_text())["$schema"] for path in made)


def listed_sources(copy: Checkout, command: str) -> None:
    told = succeeded(copy, command)
    assert all(re.search(rf"^{kind}: ", told, re.M) for kind in sources())


def listed_channels(copy: Checkout, command: str) -> None:
    told = succeeded(copy, command)
    assert all(re.search(rf"^{kind}: ", told, re.M) for kind in channels())


def check_connect(copy: Checkout, command: str) -> None:
    """Every connection of the demo answers; with one shop gone, that one is named and the exit code tells."""
    with Stage(copy.path, copy.path.parent / "demo", lambda _: None, has_dagster=False) as stage:
        told = succeeded(copy, command, more=stage.environment)
        assert told.count(": answers") >= 12
        stage.shops["karoo_outdoor"].stop()
        done = copy.run(command, more=stage.environment)
    assert done.returncode == 1
    faults = [line for line in done.stdout.splitlines() if " (channel shop): " in line and "answers" not in line]
    assert len(faults) == 1
    assert faults[0].startswith("karoo_outdoor: shop")


def on_a_read_client(arguments: str, says: str) -> Execute:
    """A command that looks at a client whose sources have been read once."""

    def execute(copy: Checkout, command: str) -> None:
        with Stage(copy.path, copy.path.parent / "demo", lambda _: None, has_dagster=False) as stage:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in stage.environment.items():
                    patch.setenv(name, value)
                workshop = Workshop(Environment.from_mapping(stage.environment))
                workshop.refresh("twin_branches", asked=None, is_full=True)
                sku = sorted(stage.world.erps["twin_north"].available())[0]
                workshop.close()
            words = command.split()[:2] + arguments.format(sku=sku).split()
            mark = stage.shops["twin_branches"].tables.mark()
            told = succeeded(copy, " ".join(words), more=stage.environment)
            assert re.search(says.format(sku=re.escape(sku)), told, re.M), told[:2000]
            assert stage.shops["twin_branches"].tables.write_count(mark) == 0

    return execute


def upkeep(copy: Checkout, command: str) -> None:
    """What is backed up from one environment is there when another, empty one is filled with it; nothing else is deleted."""
    with Stage(copy.path, copy.path.parent / "demo", lambda _: None, has_dagster=False) as stage:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in stage.environment.items():
                patch.setenv(name, value)
            workshop = Workshop(Environment.from_mapping(stage.environment))
            workshop.refresh("twin_branches", asked=None, is_full=True)
            workshop.close()
        here = {**stage.environment, "DAGSTER_HOME": str(copy.path)}
        kept, other = copy.path.parent / "kept.tar", {**here, "S2S_HOME": str(copy.path.parent / "other")}
        assert "every run that seems to run has its worker" in succeeded(copy, "s2s sweep-runs", more=here)
        succeeded(copy, "s2s housekeeping --dry-run", more=here)
        succeeded(copy, f"s2s backup {kept}", more=here)
        assert copy.run(f"s2s backup {kept}", more=here).returncode != 0, "a second one writes over the first"
        succeeded(copy, f"s2s restore {kept}", more=other)
        shown = succeeded(copy, "s2s rejects twin_branches", more=other)
        assert shown == succeeded(copy, "s2s rejects twin_branches", more=here)
        assert copy.run(f"s2s restore {kept}", more=other).returncode != 0, "it fills what is not empty"


def by_operators(name: str) -> Elsewhere:
    """Executed on the demo clients, where what it does is looked up in shops, ERPs and our database."""
    return Elsewhere("tests/e2e/test_operate_command.py", rf's2s\("{name}", ')


def sandbox(copy: Checkout, command: str) -> None:
    port, log = free_port(), copy.path.parent / "sandbox.log"
    shop = copy.start(f"{re.sub(r' --port [0-9]+', '', command)} --port {port}", log)
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/wp-json/"), shop, log, 60)
    finally:
        end(shop, signal.SIGINT)
    assert not _answers(f"http://127.0.0.1:{port}/wp-json/")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def dagster_services(copy: Checkout, command: str) -> None:
    """All three as the page has them, on free ports: each answers, they find each other, and a signal stops each."""
    page = (ROOT / "docs/operations.md").read_text()
    lines = [line for line in commands_of(page) if line.startswith(SERVICES)]
    assert [line for line, word in zip(lines, SERVICES, strict=True) if line.startswith(word)] == lines
    code, ui = free_port(), free_port()
    lines = [re.sub(r"-p 3000\b", f"-p {ui}", re.sub(r"\b4266\b", str(code), line)) for line in lines]
    more = {"DAGSTER_HOME": str(copy.path), "S2S_HOME": str(copy.path.parent / "home")}
    health = f"dagster api grpc-health-check -p {code}"
    started = []
    try:
        for line, is_up in zip(
            lines,
            (
                lambda: copy.run(health, more=more).returncode == 0,
                lambda: _loaded(f"http://127.0.0.1:{ui}") == [f"grpc:127.0.0.1:{code}"],
                lambda: copy.run("dagster-daemon liveness-check", more=more).returncode == 0,
            ),
            strict=True,
        ):
            log = copy.path.parent / f"{len(started)}.log"
            started.append(copy.start(line, log, more))
            wait_until(is_up, started[-1], log, 240)
    finally:
        codes = [end(process, signal.SIGINT, 30) for process in reversed(started)]
    assert all(number != -signal.SIGKILL for number in codes), codes
    assert not _answers(f"http://127.0.0.1:{ui}/server_info")


def _loaded(url: str) -> list[str]:
    """Names of the code locations that a webserver has loaded; none while it does not answer."""
    query = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError { __typename } } } } }"
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    except OSError:
        return []
    loaded = {"loadStatus": "LOADED", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    return [entry["name"] for entry in entries if loaded.items() <= entry.items()]


def dagster_dev(copy: Checkout, command: str) -> None:
    port, log = free_port(), copy.path.parent / "dev.log"
    more = {"DAGSTER_HOME": str(copy.path), "S2S_HOME": str(copy.path.parent / "home")}
    started = copy.start(f"{command} -p {port}", log, more)
    try:
        wait_until(lambda: _loaded(f"http://127.0.0.1:{port}") == ["s2s"], started, log, 240)
        wait_until(lambda: copy.run("dagster-daemon liveness-check", more=more).returncode == 0, started, log, 180)
    finally:
        end(started, signal.SIGINT, 30)
    assert not _answers(f"http://127.0.0.1:{port}/server_info")


EXECUTED: tuple[tuple[str, Execute], ...] = (
    (r"make help", make_help),
    (r"make demo ONCE=1", Elsewhere("tests/e2e/test_demo.py", r'\.run\("make demo ONCE=1"')),
    (r"make demo", Elsewhere("tests/e2e/test_demo.py", r'\.start\("make demo"')),
    (r"make test", Elsewhere(".ci/run", r"^make test$")),
    (r"make check", Elsewhere("Makefile", r"^test: check\b")),
    (r"make kills", Elsewhere("tests/kills/test_kill_rig.py", r"tests\.kills")),
    (r"make docs", make_docs),
    (r"make dialects", make_dialects),
    (r"make bench( SKUS=\d+)?", Elsewhere("tests/bench/test_generated_client.py", r"bench\.live\(generator\)")),
    (r"make bench-fleet( CLIENTS=\d+)?", Elsewhere("tests/bench/test_fleet.py", r"measure\(")),
    (r"make storm", Elsewhere("tests/storm/test_storm.py", r"with Storm\(")),
    (r"make test-contract k=acme_erp", contract_of_a_scaffold),
    (r"make test-contract k=(?!acme)\w+", contract_of_a_kind),
    (r"s2s new client \w+", new_client),
    (r"s2s new source \w+", new_source),
    (r"s2s check acme_tools", check_client),
    (r"s2s check", check_all),
    (r"s2s check --connect", check_connect),
    (r"s2s schema --page \S+", schema_page),
    (r"s2s schema", schema),
    (r"s2s sources", listed_sources),
    (r"s2s channels", listed_channels),
    (r"s2s plan( .*)?", on_a_read_client("twin_branches shop", r"^plan \d+: clear")),
    (r"s2s explain( .*)?", on_a_read_client("twin_branches {sku} variants.qty", r"{sku}")),
    (r"s2s rejects( .*)?", on_a_read_client("twin_branches", r"reasons in all")),
    (r"s2s orders( .*)?", on_a_read_client("", r"^twin_branches: no orders")),
    (r"s2s status( .*)?", on_a_read_client("twin_branches", r"^twin_branches \(Twin Branches\): (ok|warning)$")),
    (r"s2s failures( .*)?", on_a_read_client("twin_branches shop", r"^0 in all")),
    (r"s2s alerts", Elsewhere("tests/integration/notify/test_telling.py", r'main, \["alerts"\]')),
    (r"s2s alerts --test", Elsewhere("tests/integration/notify/test_telling.py", r'main, \["alerts", "--test"\]')),
    (r"s2s (backup|restore|housekeeping|sweep-runs)( .*)?", upkeep),
    (r"s2s move \w+", Elsewhere("tests/e2e/test_move.py", r'main, \["move", ')),
    (r"s2s cycle( .*)?", by_operators("cycle")),
    (r"s2s resync-skus( .*)?", by_operators("resync-skus")),
    (r"s2s resync-orders( .*)?", by_operators("resync-orders")),
    (r"s2s approve( .*)?", by_operators("approve")),
    (r"s2s let-through( .*)?", by_operators("let-through")),
    (r"s2s pause( .*)?", by_operators("pause")),
    (r"s2s pauses( .*)?", by_operators("pauses")),
    (r"s2s resume( .*)?", by_operators("resume")),
    (r"s2s sandbox woocommerce( .*)?", sandbox),
    (r"dagster dev", dagster_dev),
    (r"dagster api grpc .*", dagster_services),
    (r"dagster-webserver .*", Elsewhere("docs/operations.md", r"^dagster api grpc")),
    (r"dagster-daemon run .*", Elsewhere("docs/operations.md", r"^dagster api grpc")),
)
"""Pattern of the whole command -> what executes it. The webserver and the daemon run in the test of their code server."""

ALWAYS = (
    "make dialects", "s2s schema", "s2s sources", "s2s channels", "s2s rejects", "s2s explain", "s2s status", "s2s failures",
    "s2s backup",
)  # fmt: skip
"""Executed though no page shows them."""

SHOWN = sorted({plain(command) for page in PAGES for command in commands_of(page.read_text(encoding="utf-8"))})


def executions_of(command: str) -> list[Execute]:
    return [execute for pattern, execute in EXECUTED if re.fullmatch(pattern, command)]


# --- tests -----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", sorted({*SHOWN, *ALWAYS}))
def test_every_command_of_the_docs_does_what_the_page_says(command: str, tmp_path: Path) -> None:
    found = executions_of(command)
    assert len(found) == 1, f"{len(found)} rows of EXECUTED say how `{command}` is executed; there has to be one"
    if isinstance(found[0], Elsewhere):
        found[0](None, command)
    else:
        found[0](Checkout(tmp_path), command)


def test_every_command_of_s2s_is_executed_by_a_test() -> None:
    named = {pattern.split()[1] for pattern, _ in EXECUTED if pattern.startswith("s2s ")} | {"demo"}
    listed = {part for name in named for part in re.findall(r"[\w-]+", name.split("( ")[0])}
    assert listed == set(COMMANDS)


def test_a_command_that_nothing_executes_is_found() -> None:
    page = "Type `make coffee` or:\n\n```console\n$ .venv/bin/s2s brew --strong\nready\n```\n\n```text\ndagster serve\n```\n"
    found = [plain(command) for command in commands_of(page)]
    assert found == ["s2s brew --strong", "dagster serve", "make coffee"]
    assert [executions_of(command) for command in found] == [[], [], []]


def test_files_and_settings_named_like_a_program_are_no_commands() -> None:
    assert list(commands_of("The folder of `dagster.yaml`; in `make`; `s2s/cycle`; ```dagster```.")) == []


def test_a_pointer_to_a_test_that_is_gone_fails() -> None:
    with pytest.raises(AssertionError, match="no longer executes"):
        Elsewhere("tests/e2e/test_demo.py", r"never written there by anybody at all!")(None, "make demo")

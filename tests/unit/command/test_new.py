import re
import sys
from importlib import util

import pytest
from click.testing import CliRunner

from s2s_pipelines.cli import main
from s2s_pipelines.command import kind
from s2s_pipelines.command.new import client_files, connector_files
from s2s_pipelines.config.fleet import BrokenClient, Client
from s2s_pipelines.config.loader import load_client
from s2s_pipelines.connectors import registry
from s2s_pipelines.errors import ContractViolation
from s2s_pipelines.ports import BuildContext, Channel, Source
from tests.unit.config.fake_kind import KINDS

MARKED = re.compile(r'"?<fill in: ([^>]*)>"?')


@pytest.fixture(autouse=True)
def fake_kinds(monkeypatch):
    monkeypatch.setattr(kind, "all_kinds", lambda: KINDS)


def run(*words):
    return CliRunner().invoke(main, ["new", *map(str, words)])


def begin(root, source="fake_erp", channel="fake_shop"):
    result = run("client", "acme", "--source", source, "--channel", channel, "--root", root)
    assert result.exit_code == 0, result.output
    return result


def answer(match):
    """What a person would write into a marked place."""
    hint = match[1]
    column = re.search(r"column for (\S+)", hint)
    if column:
        return {"variants.qty": "OnHand", "variants.retail_price": "SellPrice"}.get(column[1], "Col_" + column[1])
    words = {"incl or excl": "incl", "IANA": "Africa/Johannesburg", "ISO 4217": "ZAR", "rate": '"15"'}
    words |= {
        "a mapping of": "{table: items, columns: [Code, Name]}",
        "address": "https://shop.example.com",
        "Address": "files/items.csv",
    }
    return next((value for word, value in words.items() if word in hint), "Acme")


def fill(root):
    places = 0
    for path in (*root.rglob("*.yaml"), *root.rglob("*.csv")):
        text, count = MARKED.subn(answer, path.read_text())
        path.write_text(text)
        places += count
    return places


def test_marked_places_fail_the_check_and_say_what_belongs_there(tmp_path):
    begin(tmp_path)
    client = load_client(tmp_path, "acme", KINDS)
    assert isinstance(client, BrokenClient)
    marked = sum(len(MARKED.findall(path.read_text())) for path in tmp_path.rglob("*.yaml"))
    told = [p for p in client.problems if p.message == "this place is still to be filled in"]
    assert len(told) == marked == len(client.problems)
    assert all(p.fix for p in told)


def test_marked_columns_fail_the_check_too(tmp_path):
    begin(tmp_path)
    for path in tmp_path.rglob("*.yaml"):
        path.write_text(MARKED.sub(answer, path.read_text()))
    client = load_client(tmp_path, "acme", KINDS)
    assert isinstance(client, BrokenClient)
    assert {p.file for p in client.problems} == {"assets/acme/fields/erp.csv"}
    assert len(client.problems) == 7


@pytest.mark.parametrize("source", ["fake_erp", "fake_ledger", "fake_sheet"])
def test_filled_client_passes_the_check(tmp_path, source):
    begin(tmp_path, source)
    assert fill(tmp_path) > 10
    client = load_client(tmp_path, "acme", KINDS)
    assert isinstance(client, Client), client.text()
    assert client.warnings == ()


def test_connector_with_its_own_map_leaves_no_columns_to_fill(tmp_path):
    begin(tmp_path, "fake_preset")
    assert (tmp_path / "assets/acme/fields/erp.csv").read_text().splitlines() == [
        "feed,target,column,constant,transform,note"
    ]
    fill(tmp_path)
    assert isinstance(load_client(tmp_path, "acme", KINDS), Client)


@pytest.mark.parametrize("source", ["sql", "flat_file"])
def test_client_of_real_kinds_passes_when_filled(tmp_path, source):
    kinds = registry.connectors()
    for path, text in client_files("acme", kinds[source], kinds["woocommerce"]).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert isinstance(load_client(tmp_path, "acme", kinds), BrokenClient)
    fill(tmp_path)
    client = load_client(tmp_path, "acme", kinds)
    assert isinstance(client, Client), client.text()


def test_nothing_is_written_over(tmp_path):
    begin(tmp_path)
    (tmp_path / "resources/acme.yaml").write_text("mine")
    (tmp_path / "assets/acme/client.yaml").unlink()
    result = run("client", "acme", "--source", "fake_erp", "--channel", "fake_shop", "--root", tmp_path)
    assert result.exit_code == 1
    assert "is there already" in result.output
    assert (tmp_path / "resources/acme.yaml").read_text() == "mine"
    assert not (tmp_path / "assets/acme/client.yaml").exists()


@pytest.mark.parametrize("name", ["Acme", "acme-shop", "1st", "../x", "a b"])
def test_name_that_is_no_key_is_refused(tmp_path, name):
    for what in ("client", "source", "channel"):
        assert run(what, name, "--root", tmp_path).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_unknown_kind_is_answered_with_the_near_miss(tmp_path):
    result = run("client", "acme", "--source", "fake_epr", "--root", tmp_path)
    assert result.exit_code == 2
    assert "Did you mean fake_erp?" in result.output


def module_of(text, tmp_path, name):
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    spec = util.spec_from_file_location(name, path)
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


@pytest.mark.parametrize("room, port", [("sources", Source), ("channels", Channel)])
def test_new_connector_is_found_and_fails_until_it_is_written(tmp_path, room, port):
    text = connector_files("acme_erp", room)[f"s2s_pipelines/connectors/{room}/acme_erp.py"]
    module = module_of(text, tmp_path, "acme_erp")
    connector = registry._checked(module, (room.removesuffix("s"),))
    assert connector.manifest.verified_against == ()
    key = "url" if room == "sources" else "api_key"
    settings = {"kind": "acme_erp", "url": "https://acme.example.com", key: {"env": "ACME"}}
    built = connector.build(connector.settings.model_validate(settings), BuildContext("c", "x", ".", "UTC"))
    assert isinstance(built, port)
    with pytest.raises(ContractViolation):
        built.check()


@pytest.mark.parametrize("room", ["sources", "channels"])
def test_new_subject_fails_until_it_is_written(tmp_path, monkeypatch, room):
    files = connector_files("acme_erp", room)
    module = module_of(files[f"s2s_pipelines/connectors/{room}/acme_erp.py"], tmp_path, "acme_erp")
    monkeypatch.setitem(sys.modules, f"s2s_pipelines.connectors.{room}.acme_erp", module)
    subject = module_of(files[f"tests/fixtures/{room}/acme_erp/subject.py"], tmp_path, "acme_subject").SUBJECTS[0]
    assert subject.ports == (room.removesuffix("s"),)
    assert subject.connector is module.CONNECTOR
    with pytest.raises(AssertionError, match="fresh system"), subject.open(None):
        pass


@pytest.mark.parametrize("what, room", [("source", "sources"), ("channel", "channels")])
def test_new_connector_is_written_where_it_belongs(tmp_path, what, room):
    assert run(what, "acme_erp", "--root", tmp_path).exit_code == 1
    (tmp_path / "s2s_pipelines/connectors" / room).mkdir(parents=True)
    assert run(what, "acme_erp", "--root", tmp_path).exit_code == 0
    assert (tmp_path / f"s2s_pipelines/connectors/{room}/acme_erp.py").is_file()
    assert (tmp_path / f"tests/fixtures/{room}/acme_erp/subject.py").is_file()
    assert run(what, "acme_erp", "--root", tmp_path).exit_code == 1

import shutil
import time

import pytest

from s2s_pipelines.config.fleet import BrokenClient, Client
from s2s_pipelines.config.loader import load_client, load_fleet
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.field import FieldRow, minimum_targets
from s2s_pipelines.ports import BuildContext
from tests.unit.config.bad_declaration import BAD, GOOD, lay_out
from tests.unit.config.fake_kind import KINDS, _kind


def good(name: str) -> Client:
    client = load_client(GOOD / name, name, KINDS)
    assert isinstance(client, Client), client.text()
    return client


@pytest.mark.parametrize("name", ["small", "every_key"])
def test_good_declaration_loads_without_a_warning(name):
    assert good(name).warnings == ()


def test_corrected_template_loads_with_the_real_kinds():
    from s2s_pipelines.connectors import registry

    client = load_client(GOOD / "getting_started", "getting_started", registry.connectors())
    assert isinstance(client, Client), client.text()
    rows = client.fields["erp"]["products"]
    assert {row.target for row in rows} == set(minimum_targets("products"))
    assert FieldRow("products", "variants.qty", "qty") in rows


def test_corrected_template_differs_from_the_printed_one_by_the_swap_alone():
    folder = next(case for case in BAD.iterdir() if case.name.endswith("_getting_started_template_as_printed"))
    printed = (folder / "fields.csv").read_text().splitlines()
    corrected = (GOOD / "getting_started/assets/getting_started/fields/erp.csv").read_text().splitlines()
    assert set(printed) - set(corrected) == {
        "products,variants.retail_price,qty,,,",
        "products,variants.qty,price,,,",
    }


def test_codes_keep_their_zeros_and_decimals_their_digits():
    declaration = good("every_key").declaration
    erp, shop = declaration.sources["erp"], declaration.channels["shop"]
    assert erp.orders.tax_codes == {"15": "01", "0": "02"}
    assert shop.orders.default_customers == {"erp": "0042"}
    assert str(erp.feeds["products"].shrink_limit) == "0.25"
    assert str(shop.policy.breakers.vanish) == "0.2"


def test_client_rows_replace_the_connectors_rows_of_the_same_target():
    rows = good("every_key").fields["books"]["products"]
    assert [row.column for row in rows if row.target == "title"] == ["WebDescription"]
    assert {row.target for row in rows} == set(minimum_targets("products"))
    assert len(rows) == 8


def test_connectors_map_of_a_feed_that_is_not_used_is_left_out():
    """The preset kind also knows an orders map; these books take no orders here."""
    client = good("every_key")
    assert client.declaration.sources["books"].orders.raised_here == "not_here"
    assert "stock" not in client.fields["books"]


def test_context_names_client_connection_and_maps():
    client = good("every_key")
    context = client.context_of("erp", "erp")
    assert context == BuildContext(
        "every_key", "erp", str(GOOD / "every_key/assets/every_key"), "Africa/Johannesburg", client.fields["erp"]
    )
    assert client.context_of("shop").fields == {}


def test_broken_client_leaves_the_others_alone(tmp_path):
    for name in ("every_key", "small"):
        shutil.copytree(GOOD / name, tmp_path, dirs_exist_ok=True)
    before = load_fleet(tmp_path, KINDS)
    assert [c.name for c in before.clients] == ["every_key", "small"]
    (tmp_path / "assets/small/client.yaml").write_bytes(b"\xff\xfe{{{")
    after = load_fleet(tmp_path, KINDS)
    assert [c.name for c in after.clients] == ["every_key"]
    assert [c.name for c in after.broken] == ["small"]
    assert after.clients[0].fingerprint == before.clients[0].fingerprint


@pytest.mark.parametrize("defect", [AttributeError("no"), TypeError("no"), KeyError("no"), ZeroDivisionError("no")])
def test_defect_of_one_kinds_settings_breaks_only_its_clients(tmp_path, defect):
    from typing import Literal

    from pydantic import field_validator

    from s2s_pipelines.model.declared import Declared

    class DefectiveSettings(Declared):
        kind: Literal["defective"]
        url: str

        @field_validator("url")
        @classmethod
        def _fail(cls, value):
            raise defect

    shutil.copytree(GOOD / "every_key", tmp_path, dirs_exist_ok=True)
    shutil.copytree(GOOD / "small", tmp_path, dirs_exist_ok=True)
    (tmp_path / "resources/small.yaml").write_text(
        "connections:\n  erp: {kind: defective, url: x}\n  shop: {kind: defective, url: y}\n"
    )
    fleet = load_fleet(tmp_path, {**KINDS, "defective": _kind(DefectiveSettings, "source", ["products"])})
    assert [c.name for c in fleet.clients] == ["every_key"]
    assert "defect of the connector" in fleet.broken[0].text()


def test_folder_that_cannot_be_read_breaks_only_its_client(tmp_path, monkeypatch):
    import os

    for name in ("every_key", "small"):
        shutil.copytree(GOOD / name, tmp_path, dirs_exist_ok=True)
    real = os.scandir

    def scandir(path):
        if str(path).endswith("assets/small"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("s2s_pipelines.config.folder.os.scandir", scandir)
    fleet = load_fleet(tmp_path, KINDS)
    assert [c.name for c in fleet.clients] == ["every_key"]
    assert "this folder cannot be read: Permission denied" in fleet.broken[0].text()


@pytest.mark.parametrize(
    "file", ["client.yaml", "fields/erp.csv", "queries/erp.products.sql", "../../resources/every_key.yaml"]
)
def test_every_file_moves_the_fingerprint(tmp_path, file):
    shutil.copytree(GOOD / "every_key", tmp_path, dirs_exist_ok=True)
    first = load_client(tmp_path, "every_key", KINDS)
    with (tmp_path / "assets/every_key" / file).open("a") as stream:
        stream.write("\n")
    second = load_client(tmp_path, "every_key", KINDS)
    assert isinstance(second, Client)
    assert first.fingerprint != second.fingerprint


def test_fingerprint_does_not_depend_on_where_the_root_is(tmp_path):
    shutil.copytree(GOOD / "every_key", tmp_path, dirs_exist_ok=True)
    assert load_client(tmp_path, "every_key", KINDS).fingerprint == good("every_key").fingerprint


def test_unknown_client_is_answered_with_the_near_miss():
    with pytest.raises(ConfigurationError) as caught:
        load_client(GOOD / "small", "smal", KINDS)
    assert caught.value.next_step == "did you mean small?"


@pytest.mark.parametrize("name", ["../resources", "..", "/etc", ""])
def test_name_that_leads_elsewhere_is_no_client(name):
    with pytest.raises(ConfigurationError):
        load_client(GOOD / "small", name, KINDS)


def test_missing_assets_are_not_an_empty_fleet(tmp_path):
    with pytest.raises(ConfigurationError):
        load_fleet(tmp_path, KINDS)


def test_empty_assets_are_an_empty_fleet(tmp_path):
    (tmp_path / "assets").mkdir()
    fleet = load_fleet(tmp_path, KINDS)
    assert (fleet.clients, fleet.broken) == ((), ())


def test_of_very_many_problems_the_first_are_told(tmp_path):
    shutil.copytree(GOOD / "small", tmp_path, dirs_exist_ok=True)
    with (tmp_path / "assets/small/fields/erp.csv").open("a") as stream:
        stream.writelines(f"products,titel{i},Name,,,\n" for i in range(300))
    client = load_client(tmp_path, "small", KINDS)
    assert isinstance(client, BrokenClient)
    assert len(client.problems) == 101
    assert client.problems[-1].message == "200 more problems are not shown"


@pytest.mark.parametrize("file", ["assets/small/client.yaml", "resources/small.yaml", "assets/small/fields/erp.csv"])
def test_oversized_file_is_refused(tmp_path, file):
    shutil.copytree(GOOD / "small", tmp_path, dirs_exist_ok=True)
    with (tmp_path / file).open("a") as stream:
        stream.write("#" + "x" * 600_000)
    client = load_client(tmp_path, "small", KINDS)
    assert isinstance(client, BrokenClient)
    assert any(p.file == file and "larger than" in p.message for p in client.problems)


def test_environment_is_not_read(monkeypatch):
    import os

    asked = []

    class Recording(dict):
        def __getitem__(self, name):
            asked.append(name)
            return super().__getitem__(name)

        def get(self, name, default=None):
            asked.append(name)
            return super().get(name, default)

    good("every_key")  # the time zone database may look for its own place once
    with monkeypatch.context() as patch:
        patch.setattr(os, "environ", Recording(os.environ))
        client = load_client(GOOD / "every_key", "every_key", KINDS)
        os.environ.get("CONTROL")
    assert isinstance(client, Client)
    assert asked == ["CONTROL"]


def test_fleet_is_frozen_and_sorted(tmp_path):
    lay_out(BAD / "001_not_yaml", tmp_path)
    shutil.copytree(GOOD / "every_key", tmp_path, dirs_exist_ok=True)
    fleet = load_fleet(tmp_path, KINDS)
    with pytest.raises(AttributeError):
        fleet.clients = ()
    assert [c.name for c in fleet.broken] == ["small"]


def test_a_thousand_clients_load_in_seconds(tmp_path):
    """2,000 declaration files and 1,000 field maps; about 2 s on a quiet core, the bound allows for a busy machine."""
    (tmp_path / "resources").mkdir()
    base = GOOD / "small"
    for i in range(1000):
        name = f"client_{i:04d}"
        folder = tmp_path / "assets" / name
        (folder / "fields").mkdir(parents=True)
        text = (base / "assets/small/client.yaml").read_text().replace("client: small", f"client: {name}")
        (folder / "client.yaml").write_text(text)
        shutil.copy(base / "assets/small/fields/erp.csv", folder / "fields/erp.csv")
        shutil.copy(base / "resources/small.yaml", tmp_path / "resources" / f"{name}.yaml")
    begun = time.perf_counter()
    fleet = load_fleet(tmp_path, KINDS)
    assert time.perf_counter() - begun < 20
    assert (len(fleet.clients), len(fleet.broken)) == (1000, 0)

"""``s2s status`` on the demo's declarations and a database of its own; no source and no shop is there to be asked."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from s2s_pipelines.cli import main
from s2s_pipelines.storage import schema
from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.migration import migrate

ROOT = Path(__file__).parents[3]
NOW = datetime.now(UTC)


@pytest.fixture
def home(tmp_path, monkeypatch):
    for folder in ("assets", "resources"):
        shutil.copytree(ROOT / folder, tmp_path / "root" / folder)
    (tmp_path / "root" / "operations.yaml").write_text("ui_url: https://dagster.example.com/\n")
    for name in ("S2S_DATABASE_URL", "S2S_DAGSTER_DATABASE_URL", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("S2S_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def database(home):
    engine = make_engine(f"sqlite:///{home / 'home' / 's2s.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


def run(*words):
    return CliRunner().invoke(main, ["status", *words])


def refuse(engine, client="karoo_outdoor", source="supplier"):
    """The source refuses our credentials."""
    with engine.begin() as connection:
        connection.execute(
            sa.insert(schema.feed_state).values(
                client=client,
                source=source,
                feed="products",
                attempted_at=NOW,
                failures=1,
                error_class="AccessError",
                error="the server refused the login",
                retry_at=NOW + timedelta(hours=1),
            )
        )


def test_before_anything_was_read_there_are_only_warnings(home):
    result = run()
    assert result.exit_code == 0, result.output
    first, head, *rows = result.output.splitlines()
    assert first.startswith("3 clients: 0 error, 3 warning, 0 paused, 0 ok (as of ")
    assert first.endswith("; pages are below https://dagster.example.com/")
    assert head.split()[:2] == ["STATE", "CLIENT"]
    assert [row.split()[:2] for row in rows] == [
        ["warning", name] for name in ("karoo_outdoor", "stokvel_direct", "twin_branches")
    ]
    assert all("was never read" in row for row in rows)


def test_what_is_wrong_comes_first_and_makes_the_exit_code_one(database):
    refuse(database, "twin_branches", "north")
    result = run()
    assert result.exit_code == 1
    worst = result.output.splitlines()[2]
    assert worst.split()[:2] == ["error", "twin_branches"]
    assert "source north cannot be read (products)" in worst
    assert worst.endswith("/assets/twin_branches/source/north/products")
    assert run("karoo_outdoor").exit_code == 0


def test_a_client_is_shown_with_what_to_do_and_where(database):
    refuse(database)
    result = run("karoo_outdoor")
    assert result.exit_code == 1
    assert "karoo_outdoor (Karoo Outdoor): error" in result.output
    assert "the server refused the login" in result.output
    assert "next: restore the credentials or rights of this connection" in result.output
    assert "https://dagster.example.com/assets/karoo_outdoor/linked/supplier" in result.output
    assert "sheet/products: never read" in result.output
    assert "twin_branches" not in result.output


def test_json_says_all_of_it(database):
    refuse(database)
    result = run("--json")
    assert result.exit_code == 1
    told = json.loads(result.output)
    assert (told["is_well"], told["counts"]["error"]) == (False, 1)
    worst = told["clients"][0]
    assert worst["client"] == "karoo_outdoor"
    assert worst["causes"][0]["cause"] == "unreadable_source/karoo_outdoor/supplier"
    assert worst["link"] == "https://dagster.example.com/assets/karoo_outdoor/linked/supplier"
    assert {feed["feed"] for feed in worst["feeds"]} == {"products", "customers"}


def test_broken_declarations_are_a_row_and_can_be_asked_for(home):
    file = home / "root" / "assets" / "stokvel_direct" / "client.yaml"
    file.write_text(file.read_text().replace("timezone: Africa/Johannesburg", "timezone: Africa/Joburg"))
    result = run()
    assert result.exit_code == 1
    assert result.output.splitlines()[2].split()[:2] == ["error", "stokvel_direct"]
    alone = run("stokvel_direct")
    assert alone.exit_code == 1
    assert "Africa/Joburg" in alone.output


def test_a_client_that_nobody_declares_is_an_error(home):
    result = run("karoo")
    assert result.exit_code == 1
    assert "no such client is declared" in result.output

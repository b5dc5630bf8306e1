import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from s2s_pipelines.cli import main
from s2s_pipelines.command import kind
from s2s_pipelines.command.check import redacted
from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.model.declared import Declared
from tests.unit.config.bad_declaration import BAD, GOOD, lay_out
from tests.unit.config.fake_kind import KINDS


@pytest.fixture(autouse=True)
def fake_kinds(monkeypatch):
    monkeypatch.setattr(kind, "all_kinds", lambda: KINDS)


def run(*words):
    return CliRunner().invoke(main, ["check", *map(str, words)])


def test_good_client_is_ready():
    result = run("--root", GOOD / "small")
    assert (result.exit_code, result.output) == (0, "small: ready\n")


def test_error_is_told_as_it_is_shown_everywhere_and_exits_with_one(tmp_path):
    case = BAD / "001_not_yaml"
    lay_out(case, tmp_path)
    result = run("small", "--root", tmp_path)
    expected = (case / "expected.txt").read_text()
    assert (result.exit_code, result.output) == (1, expected + "\nsmall: broken (1 error)\n")


def test_warnings_alone_exit_with_zero(tmp_path):
    lay_out(next(c for c in BAD.iterdir() if c.name.endswith("_connection_unused")), tmp_path)
    result = run("--root", tmp_path)
    assert result.exit_code == 0
    assert result.output.endswith("small: ready (1 warning)\n")


def test_one_broken_client_among_good_ones_is_told_apart(tmp_path):
    shutil.copytree(GOOD / "every_key", tmp_path, dirs_exist_ok=True)
    lay_out(BAD / "001_not_yaml", tmp_path)
    result = run("--root", tmp_path)
    assert result.exit_code == 1
    assert result.output.splitlines()[-2:] == ["every_key: ready", "small: broken (1 error)"]
    assert run("every_key", "--root", tmp_path).exit_code == 0


def test_unknown_client_is_answered_with_the_near_miss():
    result = run("smal", "--root", GOOD / "small")
    assert result.exit_code == 1
    assert "did you mean small?" in result.output


def test_folder_without_assets_is_an_error(tmp_path):
    assert run("--root", tmp_path).exit_code == 1


def test_connections_answer_one_by_one(monkeypatch):
    monkeypatch.setenv("SMALL_ERP_URL", "postgresql://reader:hunter2-wrong@erp.example.com/db")
    monkeypatch.setenv("SMALL_SHOP_SECRET", "right")
    result = run("--root", GOOD / "small", "--connect")
    assert result.exit_code == 1
    erp, shop = result.output.splitlines()[1:]
    assert shop == "small: shop (channel shop): answers"
    assert erp.startswith("small: erp (source erp): AccessError: login with *** was refused")
    assert "Next: renew the password" in erp
    assert "hunter2" not in result.output


def test_missing_secret_is_named_by_its_variable(monkeypatch):
    monkeypatch.delenv("SMALL_ERP_URL", raising=False)
    monkeypatch.setenv("SMALL_SHOP_SECRET", "right")
    result = run("--root", GOOD / "small", "--connect")
    assert result.exit_code == 1
    assert "environment variable SMALL_ERP_URL is missing" in result.output


def test_all_connections_answer(monkeypatch):
    monkeypatch.setenv("SMALL_ERP_URL", "sqlite:///erp.db")
    monkeypatch.setenv("SMALL_SHOP_SECRET", "right")
    assert run("--root", GOOD / "small", "--connect").exit_code == 0


def test_password_inside_an_address_is_masked_wherever_it_shows(monkeypatch):
    class Deep(Declared):
        url: SecretRef

    class Settings(Declared):
        orders: Deep
        several: dict[str, tuple[SecretRef, ...]]

    monkeypatch.setenv("A_URL", "mysql://u:p%40ss-one@h/db")
    monkeypatch.setenv("A_KEY", "key-two-long")
    settings = Settings(orders={"url": {"env": "A_URL"}}, several={"x": [{"env": "A_KEY"}]})
    text = redacted("tried p@ss-one and p%40ss-one and key-two-long at mysql://u:p%40ss-one@h/db", settings)
    assert "ss-one" not in text
    assert "key-two" not in text


CLOSED = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("a network was touched")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from s2s_pipelines.cli import main
try:
    main(["check", "--root", sys.argv[1]])
except SystemExit as end:
    heavy = [m for m in ("dagster", "sqlalchemy", "pandas", "duckdb", "pyarrow", "gspread", "pyodbc") if m in sys.modules]
    print(end.code, heavy)
"""


def test_check_with_the_real_kinds_needs_neither_dagster_nor_a_network():
    command = [sys.executable, "-c", CLOSED, str(GOOD / "getting_started")]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, timeout=120, check=False
    )
    assert done.stdout == "getting_started: ready\n0 []\n", done.stderr


def test_operations_are_judged_with_all_clients_and_not_with_one(tmp_path):
    shutil.copytree(GOOD / "small", tmp_path, dirs_exist_ok=True)
    file = tmp_path / "operations.yaml"
    file.write_text("ui_url: http://127.0.0.1:3000\n")
    well = run("--root", tmp_path)
    assert (well.exit_code, well.output) == (0, "small: ready\noperations.yaml: ready\n")
    file.write_text("ui_ulr: http://127.0.0.1:3000\n")
    wrong = run("--root", tmp_path)
    assert wrong.exit_code == 1
    assert "operations.yaml:1" in wrong.output
    assert wrong.output.endswith("\noperations.yaml: broken\n")
    assert run("small", "--root", tmp_path).exit_code == 0

"""The page about the sandbox: its example runs, its tables are complete."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import yaml

from s2s_pipelines.sandboxes.woocommerce import ShopTables
from s2s_pipelines.sandboxes.woocommerce.fault import KINDS

from .conftest import OWNER, Caller

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sandbox-woocommerce.md").read_text(encoding="utf-8")
COVERAGE = yaml.safe_load((Path(__file__).parent / "coverage.yaml").read_text(encoding="utf-8"))


def test_example_on_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    assert len(blocks) == 1
    exec(compile(blocks[0], "sandbox-woocommerce.md", "exec"), {})


def test_page_names_every_fault_and_the_number_of_replayed_recordings() -> None:
    assert {kind for kind in KINDS if f"`{kind}`" not in PAGE} == set()
    replayed = [name for name, row in COVERAGE.items() if row == "replayed"]
    assert len(COVERAGE) == 98
    assert f"{len(replayed)} are replayed in full, the other {98 - len(replayed)}" in PAGE
    assert all(len(row["reason"]) > 20 and row["exempt"] for row in COVERAGE.values() if row != "replayed")


def test_serve_blocks_until_stopped_and_keeps_its_shop(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "shop.sqlite"
    code = (
        "from s2s_pipelines.sandboxes.woocommerce import serve;"
        f"serve('127.0.0.1', {port}, {str(path)!r}, consumer_key={OWNER[0]!r}, consumer_secret={OWNER[1]!r})"
    )
    server = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                requests.get(f"{address}/sandbox/counters", timeout=1)
                break
            except requests.exceptions.ConnectionError:
                time.sleep(0.1)
        made = requests.post(
            f"{address}/wp-json/wc/v3/products", json={"name": "Mug", "sku": "MUG"}, auth=OWNER, timeout=5,
            headers={"X-Forwarded-Proto": "https"},
        )  # fmt: skip
        assert made.status_code == 201
        assert server.poll() is None
    finally:
        server.kill()
        server.wait()
    assert list(ShopTables(path).products()) == ["MUG"]


def test_importing_the_package_opens_nothing() -> None:
    code = "import sys; import s2s_pipelines.sandboxes.woocommerce; print('uvicorn' in sys.modules, 'sqlite3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_caller_of_the_tests_sees_refusals(caller: Caller) -> None:
    """The helper that most tests lean on fails when the shop refuses."""
    with pytest.raises(AssertionError):
        caller.get("products/999")

"""Where a server is missing its tests are left out and counted in one line, or fail where they are required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RUN = """
import sys, pytest
from tests import servers
servers.missing = lambda need: f"the server of {need} is not installed"
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/integration/sql/test_servers.py"]))
"""


def run(required: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "S2S_REQUIRE_SERVERS": required}
    return subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_missing_servers_are_named_in_one_line():
    done = run("0")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    lines = [line for line in done.stdout.splitlines() if line.startswith("left out:")]
    assert len(lines) == 1
    assert "5 tests" in lines[0]
    assert "1 because the server of mariadb is not installed" in lines[0]
    assert "skipped" not in done.stdout


def test_missing_servers_are_failures_where_they_are_required():
    done = run("1")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "S2S_REQUIRE_SERVERS=1, but the server of postgres is not installed" in done.stdout
    assert "passed" not in done.stdout.splitlines()[-1]

"""``make demo`` as a reader of the README types it: once to its end, and once until Ctrl-C."""

import json
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.checkout import Checkout, end, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_one_demo_raises_every_order_once_and_a_second_cycle_finds_nothing_to_do(tmp_path: Path) -> None:
    done = Checkout(tmp_path).run("make demo ONCE=1", timeout_s=600)
    assert done.returncode == 0, done.stdout[-4000:]
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert seen["settle_writes"] >= 1
    assert seen["second_cycle_writes"] == 0
    assert (seen["lost"], seen["doubled"]) == (0, 0)
    assert seen["pushed"] > 0
    assert seen["rejected"] > 0
    assert seen["held"] > 0
    assert seen["documents_raised"] >= 30
    assert seen["orders_placed"] >= 36
    assert seen["order_to_document_p50_s"] > 0
    told = re.search(r"(\d+) skus in \d+ ERPs", done.stdout)
    assert told is not None
    assert int(told.group(1)) >= 1500
    # For each of the three cycles the run of each client, by its id.
    assert len(re.findall(r"^\[.*\] run [0-9a-f-]{36}.*: SUCCESS$", done.stdout, re.M)) >= 9


def test_a_demo_stays_up_with_its_ui_until_ctrl_c(tmp_path: Path) -> None:
    copy, log = Checkout(tmp_path), tmp_path / "demo.log"
    demo = copy.start("make demo", log)
    try:
        wait_until(lambda: "Ctrl-C stops everything" in log.read_text(), demo, log, 400)
        url = re.search(r"open (http://127\.0\.0\.1:\d+)", log.read_text())
        assert url is not None
        with urllib.request.urlopen(f"{url.group(1)}/server_info", timeout=20) as answer:
            assert answer.status == 200
    finally:
        end(demo, signal.SIGINT, 60)
    assert "stopping" in log.read_text()
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{url.group(1)}/server_info", timeout=5)

"""Faults on demand, counters, clock and control routes."""

import json
import time
from pathlib import Path

import pytest
import requests

from s2s_pipelines.sandboxes.woocommerce import WooSandbox
from s2s_pipelines.sandboxes.woocommerce.fault import Fault, FaultBoard

from .conftest import OWNER, Caller

CREATE = {"name": "Kettle", "sku": "KETTLE"}


def count(caller: Caller) -> int:
    return len(caller.get("products", sku="KETTLE"))


@pytest.mark.parametrize(
    ("kind", "status", "content"),
    [
        ("rate_limit", 429, "text/html"),
        ("error_json", 500, "application/json"),
        ("error_html", 500, "text/html"),
        ("fatal", 500, "application/json"),
        ("database_down", 500, "text/html"),
        ("maintenance", 503, "text/html"),
        ("forbidden", 403, "application/json"),
    ],
)
def test_refusing_faults_do_nothing(sandbox: WooSandbox, caller: Caller, kind: str, status: int, content: str) -> None:
    sandbox.arm(kind, retry_after_s=7)
    answer = caller.ask("POST", "products", CREATE)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content)
    assert answer.headers.get("retry-after") == ("7" if status in (429, 503) else None)
    assert count(caller) == 0
    assert caller.ask("POST", "products", CREATE).status_code == 201


def test_fatal_is_a_page_for_a_reader_without_an_accept_header(sandbox: WooSandbox, caller: Caller) -> None:
    sandbox.arm("fatal")
    assert caller.ask("GET", "products").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(("kind", "is_done"), [("reset_before", False), ("reset_after", True)])
def test_reset_breaks_the_connection_before_or_after_the_work(
    sandbox: WooSandbox, caller: Caller, kind: str, is_done: bool
) -> None:
    sandbox.arm(kind)
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.ask("POST", "products", CREATE)
    assert count(caller) == int(is_done)


@pytest.mark.parametrize(("kind", "is_done"), [("timeout_before", False), ("timeout_after", True)])
def test_timeout_leaves_the_caller_waiting_before_or_after_the_work(
    sandbox: WooSandbox, caller: Caller, kind: str, is_done: bool
) -> None:
    sandbox.arm(kind, stall_s=0.8)
    started = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.session.post(f"{sandbox.url}/wp-json/wc/v3/products", json=CREATE, timeout=0.3)
    assert time.monotonic() - started < 0.8
    assert count(caller) == int(is_done)
    time.sleep(0.8)
    assert count(caller) == int(is_done)


def test_delay_does_the_work_late_for_a_caller_who_has_left(sandbox: WooSandbox, caller: Caller) -> None:
    sandbox.arm("delay", stall_s=0.6)
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.session.post(f"{sandbox.url}/wp-json/wc/v3/products", json=CREATE, timeout=0.2)
    assert count(caller) == 0
    time.sleep(0.8)
    assert count(caller) == 1


def test_truncated_json_arrives_whole_in_length_but_not_in_sense(sandbox: WooSandbox, caller: Caller) -> None:
    sandbox.arm("truncated")
    answer = caller.ask("POST", "products", CREATE)
    assert answer.status_code == 201
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)
    sandbox.arm("truncated", cuts_connection=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        caller.ask("GET", "products")
    assert count(caller) == 1


def test_polluted_json_starts_with_a_byte_order_mark_and_a_warning(sandbox: WooSandbox, caller: Caller) -> None:
    sandbox.arm("polluted")
    answer = caller.ask("POST", "products", CREATE)
    assert answer.status_code == 201
    assert answer.content.startswith(b"\xef\xbb\xbf<br />\n<b>Warning</b>")
    assert count(caller) == 1


def test_fault_picks_its_requests_by_method_path_and_turn() -> None:
    board = FaultBoard()
    board.arm(Fault("rate_limit", times=2, skip=1, method="write", path="/wc/v3/orders*"))
    calls = [("GET", "/wc/v3/orders"), ("POST", "/wc/v3/products")] + [("PUT", "/wc/v3/orders/5")] * 4
    assert [board.draw(*call) is not None for call in calls] == [False, False, False, True, True, False]
    board.arm(Fault("maintenance", times=None))
    assert all(board.draw("GET", "/x") for _ in range(5))
    board.clear()
    assert board.draw("GET", "/x") is None


def test_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="known: rate_limit"):
        FaultBoard().arm(Fault("earthquake"))
    with pytest.raises(ValueError, match="at least 1"):
        FaultBoard().arm(Fault("delay", times=0))


def test_control_routes_arm_count_and_move_the_clock(sandbox: WooSandbox, caller: Caller) -> None:
    control = f"{sandbox.url}/sandbox"
    made = requests.post(f"{control}/faults", json={"kind": "maintenance", "path": "*/orders*"}, timeout=5)
    assert made.status_code == 201
    assert caller.ask("GET", "orders").status_code == 503
    assert requests.get(f"{control}/faults", timeout=5).json()["armed"] == []
    for wrong in ({"kind": "nonsense"}, {"kind": "delay", "typo": 1}, ["x"], {"times": 1}):
        assert requests.post(f"{control}/faults", json=wrong, timeout=5).status_code == 400
    requests.post(f"{control}/faults", json={"kind": "maintenance", "times": None}, timeout=5)
    assert requests.delete(f"{control}/faults", timeout=5).json() == {"armed": []}
    before = requests.get(f"{control}/clock", timeout=5).json()["now_s"]
    assert requests.post(f"{control}/clock", json={"advance_s": 90}, timeout=5).json()["now_s"] == before + 90


def test_counters_count_every_write_and_no_read(sandbox: WooSandbox, caller: Caller) -> None:
    caller.post("products", CREATE)
    mark = sandbox.tables.mark()
    caller.get("products")
    caller.ask("POST", "products", CREATE)
    sandbox.arm("rate_limit")
    caller.ask("POST", "products", CREATE)
    sandbox.arm("reset_before")
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.ask("DELETE", "products/1")
    counters = requests.get(f"{sandbox.url}/sandbox/counters", params={"since": mark}, timeout=5).json()
    assert (counters["writes"], counters["writes_since_mark"]) == (4, 3)
    assert counters["writes_by_route"] == {"POST /wc/v3/products": 2, "DELETE /wc/v3/products/1": 1}
    assert counters["reads_by_route"] == {"/wc/v3/products": 1}
    assert sandbox.tables.write_count(mark) == 3


def test_control_routes_ask_for_the_token_they_were_given(tmp_path: Path) -> None:
    options = {"consumer_key": OWNER[0], "consumer_secret": OWNER[1], "control_token": "open-sesame"}
    with WooSandbox(tmp_path / "shop.sqlite", **options) as sandbox:
        address = f"{sandbox.url}/sandbox/counters"
        assert requests.get(address, timeout=5).status_code == 403
        assert requests.get(address, headers={"X-Sandbox-Token": "open-sesame"}, timeout=5).status_code == 200


def test_state_survives_a_restart(tmp_path: Path) -> None:
    options = {"consumer_key": OWNER[0], "consumer_secret": OWNER[1]}
    with WooSandbox(tmp_path / "shop.sqlite", **options, prices_include_tax=False) as first:
        made = Caller(first).post("products", CREATE)
    with WooSandbox(tmp_path / "shop.sqlite", **options, prices_include_tax=True) as second:
        again = Caller(second)
        assert again.get("products", sku="KETTLE")[0]["id"] == made["id"]
        assert again.get("settings/tax/woocommerce_prices_include_tax")["value"] == "no"
        assert again.post("products", {"name": "Next"})["id"] > made["id"]

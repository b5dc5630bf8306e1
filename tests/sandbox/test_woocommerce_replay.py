"""Every recorded exchange with a real WooCommerce 10.0.2, sent again to the sandbox and compared field by field.

The recordings are not part of the project. They are read from the folder ``woocommerce`` below ``S2S_RECORDINGS``.
"""

import copy
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from s2s_pipelines.sandboxes.woocommerce import ApiKey, WooSandbox
from tests.sandbox import prelude
from tests.sandbox.replay import Comparison, Player, Receiver

if "S2S_RECORDINGS" not in os.environ:
    pytest.skip("S2S_RECORDINGS is not set: the recorded shop is not replayed", allow_module_level=True)

RECORDINGS = Path(os.environ["S2S_RECORDINGS"]) / "woocommerce"
COVERAGE: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "coverage.yaml").read_text(encoding="utf-8"))
OWNER, READER = ("ck_replay_owner", "cs_replay_owner"), ("ck_replay_reader", "cs_replay_reader")
FAULTS = {"93": "maintenance", "94": "fatal", "95": "polluted", "96": "database_down", "98": "forbidden"}
LEAST_REPLAYED = 90


def exchanges_of(name: str) -> list[dict[str, Any]]:
    held = json.loads((RECORDINGS / name).read_text(encoding="utf-8"))
    return held if isinstance(held, list) else [held]


def buyer() -> dict[str, Any]:
    """Addresses and payment of the recorded buyer, who also placed the orders that were not recorded."""
    body = exchanges_of("54-order-create-incl-two-lines.json")[0]["request"]["body"]
    return {name: body[name] for name in ("billing", "shipping", "payment_method", "payment_method_title")}


class Replay:
    """All differences by file and exchange, and the pairs of bodies that were compared."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.differences: dict[str, dict[int, list[str]]] = {}
        self.pairs: list[tuple[str, Any, Any]] = []

    def play(self, name: str) -> None:
        found = self.differences.setdefault(name, {})
        for place, exchange in enumerate(exchanges_of(name)):
            found[place] = self._play_one(f"{name[:2]}[{place}]", exchange)
        leftover = [path for path, _, _ in self.player.receiver.taken] if name[:2] in ("84", "85", "86", "87") else []
        if leftover:
            found[-1] = [f"deliveries that were not recorded: {leftover}"]

    def _play_one(self, key: str, exchange: dict[str, Any]) -> list[str]:
        if key in prelude.STEPS:
            prelude.STEPS[key](self.player)
        if "body_text" in exchange["request"]:
            return self.player.delivery_differences(exchange)
        self.player.set_clock(exchange["response"]["body"])
        if key[:2] in FAULTS:
            self.player.sandbox.arm(FAULTS[key[:2]], retry_after_s=600)
        answer = self.player.send(exchange)
        if isinstance(exchange["response"]["body"], (dict, list)) and "json" in answer.headers["content-type"]:
            self.pairs.append((exchange["request"]["path"], exchange["response"]["body"], answer.json()))
        return self.player.differences(exchange, answer, key in prelude.TIES)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    receiver = Receiver()
    sandbox = WooSandbox(
        tmp_path_factory.mktemp("shop") / "shop.sqlite", consumer_key=OWNER[0], consumer_secret=OWNER[1], name="Scratch shop",
        more_keys=(ApiKey(*READER, "read"),),
    )  # fmt: skip
    sandbox.clock.freeze(prelude.MIDDAY)
    with sandbox:
        played = Replay(Player(sandbox, {"owner": OWNER, "reader": READER}, receiver))
        played.player.buyer = buyer()
        for name in sorted(COVERAGE):
            played.play(name)
        yield played
    receiver.close()


def test_table_lists_every_recording_once() -> None:
    names = {path.name for path in RECORDINGS.glob("[0-9][0-9]-*.json")}
    assert names == set(COVERAGE)
    assert len(names) == 98


def test_at_least_ninety_are_replayed_in_full() -> None:
    assert sum(1 for row in COVERAGE.values() if row == "replayed") >= LEAST_REPLAYED


@pytest.mark.parametrize("name", sorted(COVERAGE))
def test_recording_is_answered_as_recorded(replay: Replay, name: str) -> None:
    row = COVERAGE[name]
    exempt = set() if row == "replayed" else set(row["exempt"])
    wrong = {place: found for place, found in replay.differences[name].items() if found and place not in exempt}
    assert not wrong, json.dumps(wrong, indent=1, ensure_ascii=False)
    needless = {place for place in exempt if not replay.differences[name][place]}
    assert not needless, f"these exchanges pass and need no exemption: {sorted(needless)}"


def leaves(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(body, dict):
        for key, value in body.items():
            if key != "related_ids":
                yield from leaves(value, (*path, key))
    elif isinstance(body, list):
        for place, value in enumerate(body):
            yield from leaves(value, (*path, place))
    else:
        yield path, body


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 100_003
    if isinstance(value, float):
        return value + 0.01
    return "changed" if value is None else f"{value}~"


def test_one_changed_value_in_a_recording_is_noticed(replay: Replay) -> None:
    """Change one recorded value per exchange, ids included, and compare with the same answer again."""
    chance = random.Random(20261121)
    noticed = missed = 0
    for path, recorded, ours in replay.pairs:
        places = [place for place, value in leaves(recorded) if not (isinstance(value, str) and value[:4] == "2026")]
        whole = Comparison(copy.deepcopy(replay.player.ids), replay.player.host, path)
        whole.compare(recorded, ours)
        if not places or whole.differences:
            continue
        place = chance.choice(places)
        mutant = copy.deepcopy(recorded)
        holder = mutant
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = changed(holder[place[-1]])
        comparison = Comparison(copy.deepcopy(replay.player.ids), replay.player.host, path)
        comparison.compare(mutant, ours)
        if comparison.differences:
            noticed += 1
        else:
            missed += 1
            print(path, place, holder[place[-1]])
    assert noticed > 350
    assert missed == 0

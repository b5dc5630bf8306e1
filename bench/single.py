"""One client, side by side in one run: our extract beside its peers and the wire, our merge beside DuckDB alone, the re-check.

Every contender and step is a process of its own on a PostgreSQL that this bench starts; contenders take turns, A B A B. The last
line is JSON. What has to be true is checked, and ends the bench with 1: nothing is written when nothing changed, what changed is
written and nothing else, and both merges made the same table.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.client import (
    URL_VARIABLE,
    change,
    load_extract,
    load_items,
    write_declarations,
)
from bench.generator import Generator, Shape
from bench.measure import alone, timed
from s2s_pipelines.sandboxes.database_server import postgres

EXTRACT_ROWS = 1_000_000
PUSHED_IN_EARNEST = 20_000
"""Skus up to which the first publication is really pushed; a larger client is put where its first push would have left it."""

PEERS = ("wire", "ours", "pandas", "dlt_pyarrow", "dlt", "ours_kept")
LABELS = {
    "wire": r"psql \copy to nothing",
    "ours": "ours, as the sql source hands it on",
    "ours_kept": "ours, written as Parquet too",
    "pandas": "pandas read_sql",
    "dlt_pyarrow": "dlt, pyarrow backend, to Parquet",
    "dlt": "dlt, default backend, to Parquet",
}
RESULTS = (
    "skus", "extract_vs_dlt", "extract_vs_dlt_pyarrow", "extract_vs_pandas", "extract_vs_wire", "extract_s", "merge_s",
    "merge_vs_duckdb_floor", "merge_peak_mb", "recheck_s", "recheck_peak_mb", "recheck_writes", "cycle_s", "changed1pct_s",
    "changed1pct_peak_mb", "changes_expected", "changes_written", "first_s",
)  # fmt: skip

Told = list[dict[str, Any]]


def say(text: str) -> None:
    """One line for people, before the last."""
    print(f"[{datetime.now(UTC):%H:%M:%S}] {text}", flush=True)


class Bench:
    """One generated client and everything that is measured on it.

    Args:
        shape: of the client.
        folder: everything is written below it.
        server: the address of an empty PostgreSQL database for the ERP.
        own: the same for our own tables.
        turns: how often each contender of the extract has its turn.
    """

    def __init__(self, shape: Shape, folder: Path, server: str, own: str, turns: int) -> None:
        self.shape, self.folder, self.turns = shape, folder, turns
        self.files = folder / "files"
        self.engine = sa.create_engine(server, poolclass=sa.NullPool)
        self.environment = {
            URL_VARIABLE: server,
            "BENCH_KEY": "unused",
            "BENCH_FOLDER": str(folder),
            "S2S_ROOT": str(folder / "root"),
            "S2S_HOME": str(folder / "home"),
            "S2S_DATABASE_URL": own,
        }
        self.found: dict[str, float] = {"skus": shape.skus}
        self.wrong: list[str] = []

    def step(self, name: str) -> dict[str, Any]:
        """One step of the client's life."""
        told = alone("bench.step", [name], self.environment, timeout_s=1200)
        parts = ", ".join(f"{key} {told[key]:.1f}" for key in ("refresh_s", "plan_s", "push_s") if key in told)
        took = f"{told['seconds']:8.2f} s " if "seconds" in told else ""
        say(f"{name:10}{took}{told['peak_mb']:7.0f} MB  {parts}")
        return told

    def extract(self, generator: Generator) -> None:
        """All contenders in turn; medians and ratios."""
        load_extract(self.engine, generator, self.folder, EXTRACT_ROWS)
        told: dict[str, Told] = {name: [] for name in PEERS}
        for _ in range(self.turns):
            for name in PEERS:
                told[name].append(alone("bench.extract", [name], self.environment))
        short = [
            name for name, turns in told.items() if any(t.get("rows", EXTRACT_ROWS) != EXTRACT_ROWS for t in turns)
        ]
        self.wrong += [f"{name} brought another number of rows" for name in short]
        seconds = {name: median(turns, "seconds") for name, turns in told.items()}
        print(f"\n{EXTRACT_ROWS} rows of 12 columns out of PostgreSQL, medians of {self.turns}")
        for name in sorted(PEERS, key=seconds.__getitem__):
            ratio = seconds[name] / seconds["ours"]
            spread = " ".join(f"{t['seconds']:.1f}" for t in told[name])
            print(
                f"  {LABELS[name]:36}{seconds[name]:8.2f} s {median(told[name], 'peak_mb'):7.0f} MB {ratio:6.2f} x  ({spread})"
            )
        print(flush=True)
        self.found["extract_s"] = seconds["ours"]
        self.found["extract_vs_wire"] = seconds["ours"] / seconds["wire"]
        for name in ("dlt", "dlt_pyarrow", "pandas"):
            self.found[f"extract_vs_{name}"] = seconds[name] / seconds["ours"]

    def live(self, generator: Generator) -> None:
        """The client from its first publication to a change and back to rest."""
        is_pushed = self.shape.skus <= PUSHED_IN_EARNEST
        first = self.step("publish" if is_pushed else "seed")
        self.found["first_s"] = first["seconds"]
        self.expect("rejected rows", first["rejected"], generator.rejected())
        self.expect(
            "rows of the catalogue", first["rows"], self.shape.skus - generator.rejected() - generator.ignored()
        )
        self.merge()
        checks = [self.step("recheck") for _ in range(2)]
        cycles = [self.step("cycle")]
        change(self.engine, generator, self.folder, self.files)
        changed = self.step("cycle")
        self.found |= {"changes_expected": generator.expected_changes(), "changes_written": changed["writes"]}
        self.expect("changed skus", changed["skus"], generator.expected_changes())
        self.expect("items written for them", changed["writes"], generator.expected_changes())
        rest = [self.step("recheck"), *cycles]
        self.found["recheck_s"] = median(checks, "seconds")
        self.found["recheck_peak_mb"] = max(t["peak_mb"] for t in checks)
        self.found["recheck_writes"] = sum(t["writes"] for t in (*checks, *rest))
        self.found["cycle_s"] = median(cycles, "seconds")
        self.found["changed1pct_s"], self.found["changed1pct_peak_mb"] = changed["seconds"], changed["peak_mb"]
        self.expect("writes while nothing changed", int(self.found["recheck_writes"]), 0)

    def merge(self) -> None:
        """Our merge and the bare statement in turn, and whether they made the same."""
        told: dict[str, Told] = {"merge": [], "floor": []}
        for _ in range(3):
            for name, turns in told.items():
                turns.append(self.step(name))
        self.wrong += [f"the bare statement made {name} otherwise" for name in self.step("same")["wrong"]]
        self.found["merge_s"] = median(told["merge"], "seconds")
        self.found["merge_peak_mb"] = median(told["merge"], "peak_mb")
        self.found["merge_vs_duckdb_floor"] = self.found["merge_s"] / median(told["floor"], "seconds")

    def expect(self, what: str, found: int, expected: int) -> None:
        """Note what is not as the generator made it."""
        if found != expected:
            self.wrong.append(f"{what}: {found}, expected {expected}")


def median(turns: Sequence[Mapping[str, Any]], name: str) -> float:
    """The median of what the turns told under a name."""
    return float(statistics.median(turn[name] for turn in turns))


def measure(skus: int, folder: Path, turns: int) -> Bench:
    """Everything, in order."""
    with ExitStack() as opened:
        server = opened.enter_context(postgres(is_durable=True))
        shape = Shape(skus)
        generator = Generator(shape)
        opened.callback(generator.close)
        bench = Bench(shape, folder, server.url(server.new_database()), server.url(server.new_database()), turns)
        write_declarations(folder / "root", bench.files, shape)
        seconds, _ = timed(lambda: load_items(bench.engine, generator, folder))
        generator.write_linked(bench.files)
        say(f"{skus} skus in PostgreSQL after {seconds:.0f} s; three linked files beside them")
        bench.live(generator)
        bench.extract(generator)
        return bench


def main() -> int:
    """The whole bench; 1 when something was wrong, whatever the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skus", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3, help="turns of each contender of the extract")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="s2s-bench-"))
    try:
        bench = measure(chosen.skus, folder, chosen.turns)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for problem in bench.wrong:
        print(f"NOT AS IT MUST BE: {problem}")
    print(json.dumps({name: round(bench.found[name], 2) for name in RESULTS}), flush=True)
    return 1 if bench.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

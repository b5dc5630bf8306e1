"""Drives the demo: one full cycle through the Dagster daemon, orders, settling, and a second cycle that finds nothing to do."""

import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s2s_pipelines.bootstrap import Workshop
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.config.loader import load_fleet
from s2s_pipelines.connectors.registry import connectors
from s2s_pipelines.demo.dagster_client import RunSeen
from s2s_pipelines.demo.evidence import OrderEvidence, gather
from s2s_pipelines.demo.shopper import Placed
from s2s_pipelines.demo.stage import CLIENTS, Stage
from s2s_pipelines.demo.wish import UNKNOWN_SKU, choose_wishes

CYCLE_TIMEOUT_S = 400
ORDERS_TIMEOUT_S = 240
_IN_STOCK = 8


@dataclass
class Demo:
    """What has been seen so far."""

    stage: Stage
    workshop: Workshop
    begun_at: float = field(default_factory=time.time)
    runs: list[RunSeen] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    pushed: int = 0
    settle_writes: int = 0
    second_cycle_writes: int = 0

    def say(self, text: str) -> None:
        """One line, with the seconds since the beginning."""
        print(f"[{time.time() - self.begun_at:6.1f} s] {text}", flush=True)

    def expect(self, holds: bool, what: str) -> None:
        """Note what is off; the demo goes on, and its exit code tells."""
        if not holds:
            self.wrong.append(what)
            self.say(f"NOT AS IT SHOULD BE: {what}")

    # -- the steps ------------------------------------------------------------------------------------------------

    def first_cycle(self) -> None:
        """Wait until the daemon's own sensor has refreshed and published every client, few clients in one run."""
        self.say("waiting for the daemon to run each client's first cycle")
        deadline = time.monotonic() + CYCLE_TIMEOUT_S
        told: set[str] = set()
        while time.monotonic() < deadline:
            is_published = all(self._is_published(client) for client in CLIENTS)
            runs = self.stage.dagster.runs(created_after=self.begun_at)
            for run in runs:
                if run.run_id not in told and run.is_ended:
                    told.add(run.run_id)
                    for who in run.tags.get("s2s/clients", run.job).split(","):
                        self.say(f"run {run.run_id} {who}: {run.status}")
            if is_published and all(run.is_ended for run in runs):
                break
            time.sleep(1)
        for client in CLIENTS:
            self.expect(self._is_published(client), f"{client} was not published within {CYCLE_TIMEOUT_S} s")
            self._tell_catalogue(client)

    def _is_published(self, client: str) -> bool:
        plan = self.workshop.newest_plan(client, "shop")
        return plan is not None and plan.pushed_at is not None

    def _tell_catalogue(self, client: str) -> None:
        reads = self.workshop.reads(client)
        products = [r for r in reads if r.name.endswith("/products") or r.name.endswith("/stock")]
        for read in products:
            self.say(
                f"  {client} {read.name.removeprefix('source/')}: {read.rows_in} rows in, {read.rejected} rejected"
            )
        reasons = Counter(str(r["reason"]) for r in self.workshop.all_rejects(client))
        for reason, count in reasons.most_common():
            self.say(f"  {client} rejected: {count} x {reason}")
        enriched = self.workshop.enriched(client)
        shown = len(self.stage.shops[client].tables.products())
        self.pushed += shown
        self.say(f"  {client}: {enriched} skus enriched by linked sources; {shown} products and variations in the shop")

    def place_orders(self) -> None:
        """Place all orders, and wait until each is raised or held."""
        self.stage.shoppers["karoo_outdoor"].add_product(UNKNOWN_SKU, "Gift wrap", "25.00")
        for wish in choose_wishes(self._on_show()):
            self.placed.append(self.stage.shoppers[wish.client].place(wish))
        self.say(f"{len(self.placed)} orders placed; the order sensor has not been told")
        deadline = time.monotonic() + ORDERS_TIMEOUT_S
        while time.monotonic() < deadline and not self._all_dealt_with():
            time.sleep(0.5)
        self.expect(self._all_dealt_with(), f"some orders were neither raised nor held after {ORDERS_TIMEOUT_S} s")
        evidence = self.evidence()
        for erp, document in evidence.documents:
            self.say(
                f"  order {document.web_number} -> {erp} {document.number} for {document.account}, R {document.total}"
            )
        for client in CLIENTS:
            for order in self.workshop.ledger.held(client):
                if order.hold is not None:
                    self.say(f"  held: {client} {order.number}: {order.hold.reason}, {order.hold.message}")

    def _on_show(self) -> dict[str, list[str]]:
        show: dict[str, list[str]] = {}
        for client in CLIENTS:
            products = self.stage.shops[client].tables.products()
            show[client] = sorted(
                sku for sku, p in products.items() if (p.stock_quantity or 0) >= _IN_STOCK and p.type != "variable"
            )
        for branch in ("north", "south"):
            owned = self.stage.world.erps[f"twin_{branch}"].available()
            show[branch] = [sku for sku in show["twin_branches"] if sku in owned]
        return show

    def _all_dealt_with(self) -> bool:
        counted: Counter[str] = Counter()
        for client in CLIENTS:
            counted.update(self.workshop.ledger.counts(client))
        return counted["complete"] + counted["held"] >= len(self.placed)

    def evidence(self) -> OrderEvidence:
        """What stands in the shops and ERPs."""
        return gather(self.placed, self.stage.world.erps)

    def cycle(self, name: str) -> int:
        """Refresh, plan and push every client in runs of its own; the shops' count of writes meanwhile."""
        self.say(f"{name}: reading every source and publishing every shop again")
        marks = {client: shop.tables.mark() for client, shop in self.stage.shops.items()}
        run_ids = [self.stage.dagster.launch_assets(self._cycle_keys(client)) for client in CLIENTS]
        for run in self.stage.dagster.wait_for(run_ids, timeout_s=CYCLE_TIMEOUT_S):
            self.say(f"run {run.run_id}: {run.status}")
            self.expect(run.status == "SUCCESS", f"run {run.run_id} of the {name} ended as {run.status}")
        writes = sum(shop.tables.write_count(marks[client]) for client, shop in self.stage.shops.items())
        self.say(f"{name}: {writes} writing requests reached the shops")
        return writes

    def _cycle_keys(self, client: str) -> list[tuple[str, ...]]:
        keys: list[tuple[str, ...]] = [(client, "catalogue"), (client, "plan", "shop"), (client, "push", "shop")]
        for source, declared in self.workshop.client(client).declaration.sources.items():
            if declared.role == "linked":
                keys.append((client, "linked", source))
            else:
                keys += [(client, "source", source, feed) for feed in declared.feeds]
        return keys

    def check_quantities(self) -> None:
        """What the shops show now against what the ERPs and the suppliers have."""
        for client, buffer, cap in (("karoo_outdoor", 1, 50), ("twin_branches", 0, None)):
            products = self.stage.shops[client].tables.products()
            for erp in ("karoo_erp",) if client == "karoo_outdoor" else ("twin_north", "twin_south"):
                for sku, units in self.stage.world.erps[erp].available().items():
                    shown = products[sku].stock_quantity if sku in products else None
                    held = self._held_units(client, sku)
                    wanted = max(0, units - held - buffer) if cap is None else min(cap, max(0, units - held - buffer))
                    if shown is not None and products[sku].status == "publish":
                        self.expect(shown == wanted, f"{client} {sku} shows {shown}, the ERP would promise {wanted}")

    def _held_units(self, client: str, sku: str) -> int:
        without = {number for who, number in self.evidence_without if who == client}
        return sum(
            units
            for order in self.placed
            if order.wish.client == client and order.number in without
            for wished, units in order.wish.lines
            if wished == sku
        )

    @property
    def evidence_without(self) -> tuple[tuple[str, str], ...]:
        """Orders without a document, by client and number; kept, for it is asked for every sku."""
        if not hasattr(self, "_without"):
            self._without = self.evidence().without
        return self._without

    def summary(self) -> dict[str, Any]:
        """The last line of ``ONCE=1``."""
        evidence = self.evidence()
        held = {(client, o.number) for client in CLIENTS for o in self.workshop.ledger.held(client)}
        lost = [order for order in evidence.without if order not in held]
        runs = self.stage.dagster.runs(created_after=self.begun_at)
        found = {
            "runs": len(runs),
            "products_in": sum(
                r.rows_in for c in CLIENTS for r in self.workshop.reads(c) if r.name.endswith("/products")
            ),
            "rejected": sum(r.rejected for c in CLIENTS for r in self.workshop.reads(c)),
            "pushed": self.pushed,
            "settle_writes": self.settle_writes,
            "second_cycle_writes": self.second_cycle_writes,
            "orders_placed": len(self.placed),
            "documents_raised": len(evidence.documents),
            "held": len(held),
            "lost": len(lost),
            "doubled": len(evidence.doubled) + evidence.strays,
            "order_to_document_p50_s": evidence.median_wait_s,
        }
        self.expect(not lost, f"orders without a document that nobody holds: {lost}")
        self.expect(not evidence.doubled and not evidence.strays, f"documents that should not be: {evidence.doubled}")
        self.expect(not evidence.wrong_totals, f"totals that differ: {evidence.wrong_totals}")
        self.expect(self.second_cycle_writes == 0, "the second cycle wrote although nothing had changed")
        self.expect(self.settle_writes >= 1, "settling pushed nothing")
        bad = [run.run_id for run in runs if run.status == "FAILURE"]
        self.expect(not bad, f"failed runs: {', '.join(bad)}")
        return found


def run_demo(root: Path, home: Path, *, once: bool, port: int) -> int:
    """The whole demo; its exit code."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    begun = time.time()
    broken = load_fleet(root, connectors()).broken
    if broken:
        print("\n".join(client.text() for client in broken), flush=True)
        return 1
    # Ctrl-C and a polite kill both end in the same place: everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Stage(
        root, home, lambda text: print(f"[{time.time() - begun:6.1f} s] {text}", flush=True), port=port
    ) as stage:
        os.environ.update(stage.environment)
        workshop = Workshop(Environment.from_mapping(stage.environment))
        demo = Demo(stage, workshop, begun)
        demo.say(f"the UI answers at {stage.dagster.url}")
        demo.first_cycle()
        demo.place_orders()
        if once:
            demo.settle_writes = demo.cycle("settling")
            demo.check_quantities()
            demo.second_cycle_writes = demo.cycle("second cycle")
        found = demo.summary() if once else None
        if found is not None:
            print(json.dumps(found), flush=True)
            workshop.close()
            return 1 if demo.wrong else 0
        demo.say(f"open {stage.dagster.url} and look around; Ctrl-C stops everything")
        try:
            signal.pause()
        except KeyboardInterrupt:
            demo.say("stopping")
    return 1 if demo.wrong else 0

"""Puts a fleet where its first cycle would have left it.

One client really goes through it: sources read, catalogue merged, a thousand products made in its shop over HTTP, and every page
told to Dagster by a run. What that left in our database, in Dagster's and below ``S2S_HOME`` is then copied for the others,
under their own names and with their own numbers; the first cycle of a million items would take an hour and measure nothing here.
The clients that change later get copies of the shop; the others share an empty one, which is asked for nothing but orders.
"""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.fleet_world import SHOP_KEY, SHOP_SECRET, Rhythms, build_goods, client_name, declare, deliver
from s2s_pipelines.bootstrap import Workshop, channel_plan, client_plan
from s2s_pipelines.config.environment import Environment
from s2s_pipelines.config.fleet_cache import STEADY_S
from s2s_pipelines.cycle.catalogue_merge import merge_recipe
from s2s_pipelines.cycle.port import CATALOGUE
from s2s_pipelines.cycle.publish import plan_recipe
from s2s_pipelines.sandboxes.woocommerce import WooSandbox
from s2s_pipelines.storage.schema import channel_item, feed_state, plan, poll_state, snapshot

ROOT = Path(__file__).parents[1]
FIRST = client_name(1)


@dataclass
class SeededFleet:
    """A fleet at rest.

    Attributes:
        folder: everything is below it.
        environment: for every process that works with it.
        changing: numbers of the clients whose shop stands behind their declaration.
        shops: those shops, by client.
    """

    folder: Path
    count: int
    environment: dict[str, str]
    changing: tuple[int, ...]
    shops: dict[str, WooSandbox]

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def outside(self) -> Path:
        return self.folder / "outside"

    def workshop(self) -> Workshop:
        return Workshop(Environment.from_mapping(self.environment))

    @property
    def clients(self) -> list[str]:
        return [client_name(number) for number in range(1, self.count + 1)]


def seed(
    folder: Path, count: int, skus: int, url: str, rhythms: Rhythms, changed: float, opened: ExitStack
) -> SeededFleet:
    """The fleet, its shops answering until ``opened`` is closed.

    Args:
        folder: an empty one.
        count: clients.
        skus: of each client.
        url: an empty PostgreSQL database, for our tables and Dagster's.
        rhythms: how often things are due.
        changed: share of clients that are going to change.
        opened: closes what is opened here.
    """
    changing = tuple(range(1, max(1, round(count * changed)) + 1))
    environment = {
        "S2S_ROOT": str(folder / "root"),
        "S2S_HOME": str(folder / "home"),
        "S2S_DATABASE_URL": url,
        "S2S_DAGSTER_DATABASE_URL": "",
        "DAGSTER_HOME": str(folder / "root"),
        "BENCH_SHOP_KEY": SHOP_KEY,
        "BENCH_SHOP_SECRET": SHOP_SECRET,
    }
    fleet = SeededFleet(folder, count, environment, changing, {})
    goods = folder / "goods"
    build_goods(goods, skus)
    fleet.root.mkdir()
    shutil.copy(ROOT / "dagster.yaml", fleet.root)
    fleet.shops[FIRST] = opened.enter_context(_shop(folder, FIRST))
    declare(fleet.root, fleet.outside, 1, shop=fleet.shops[FIRST].url, rhythms=rhythms)
    deliver(goods, fleet.outside, 1)
    first_cycle(fleet)
    for number in changing[1:]:
        fleet.shops[client_name(number)] = opened.enter_context(_copied_shop(fleet, client_name(number)))
    quiet = opened.enter_context(_shop(folder, "quiet"))
    for number in range(2, count + 1):
        shop = fleet.shops.get(client_name(number), quiet)
        declare(fleet.root, fleet.outside, number, shop=shop.url, rhythms=rhythms)
        deliver(goods, fleet.outside, number)
    _Copies(fleet).make()
    time.sleep(STEADY_S)  # files that changed a moment ago are not remembered, and those of a fleet at rest are
    assert len(fleet.workshop().fleet.clients) == count
    return fleet


def _shop(folder: Path, name: str) -> WooSandbox:
    path = folder / "shops" / f"{name}.db"
    return WooSandbox(path, consumer_key=SHOP_KEY, consumer_secret=SHOP_SECRET, name=name)


def _copied_shop(fleet: SeededFleet, client: str) -> WooSandbox:
    path = fleet.folder / "shops" / f"{client}.db"
    with closing(sqlite3.connect(fleet.shops[FIRST].path)) as full, closing(sqlite3.connect(path)) as copy:
        full.backup(copy)
    return _shop(fleet.folder, client)


def first_cycle(fleet: SeededFleet) -> None:
    """The first client's first cycle, and a second one that finds nothing to do and leaves its channel at rest."""
    import os

    import dagster as dg

    from s2s_pipelines.orchestration.factory import build_definitions

    os.environ.update(fleet.environment)
    workshop = fleet.workshop()
    with dg.DagsterInstance.get() as instance:
        job = build_definitions(workshop).resolve_job_def("cycle")
        for _ in range(2):
            chosen = {"cycle_clients": {"config": {"clients": [FIRST], "full": True}}}
            config = {"ops": chosen, "loggers": {"console": {"config": {"log_level": "ERROR"}}}}
            done = job.execute_in_process(instance=instance, run_config=config)
            assert done.success
    newest = workshop.newest_plan(FIRST, "shop")
    assert newest is not None
    assert newest.pushed_at is not None
    assert newest.is_at_rest
    workshop.close()


class _Copies:
    """The first client's state under the names of all others."""

    def __init__(self, fleet: SeededFleet) -> None:
        self._fleet = fleet
        self._home = fleet.folder / "home"
        self._workshop = fleet.workshop()
        self._others = fleet.clients[1:]

    def make(self) -> None:
        with self._workshop.engine.begin() as connection:
            self._feed_states(connection)
            self._snapshots(connection)
            self._plans(connection)
            self._items(connection)
            self._told(connection)
        self._recipes()
        with self._workshop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ANALYZE"))
        self._workshop.close()

    def _rows(self, connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
        found = connection.execute(sa.select(table).where(table.c.client == FIRST, *where)).all()
        return [dict(row._mapping) for row in found]

    def _feed_states(self, connection: sa.Connection) -> None:
        rows = self._rows(connection, feed_state)
        self._insert(connection, feed_state, ({**row, "client": c} for c in self._others for row in rows))
        now = self._workshop.clock.now()
        asked = (
            {"client": c, "channel": "shop", "attempted_at": now, "succeeded_at": now} for c in self._fleet.clients
        )
        self._insert(connection, poll_state, ({**row, "failures": 0} for row in asked))

    def _snapshots(self, connection: sa.Connection) -> None:
        """Feeds first: the catalogue's row names their numbers, and so does the recipe by which it is known to be up to date."""
        rows = self._rows(connection, snapshot, snapshot.c.is_current)
        feeds = [row for row in rows if row["name"] != CATALOGUE]
        merged = next(row for row in rows if row["name"] == CATALOGUE)
        labels = {row["id"]: row["name"].removeprefix("source/") for row in feeds}
        for client in self._others:
            shutil.copytree(self._home / "catalogue" / FIRST, self._home / "catalogue" / client)
        made = [self._renamed(row, client) for client in self._others for row in feeds]
        ids: dict[str, dict[str, int]] = {client: {} for client in self._others}
        for some in _pieces(made, 500):
            insert = sa.insert(snapshot).returning(snapshot.c.client, snapshot.c.name, snapshot.c.id)
            for client, name, number in connection.execute(insert, some):
                ids[client][name.removeprefix("source/")] = number
        plans = {client.name: client_plan(client) for client in self._workshop.fleet.clients}
        catalogues = []
        for client in self._others:
            inputs = {label: ids[client][label] for label in merged["details"]["inputs"] if label in labels.values()}
            recipe = merge_recipe(plans[client], inputs, frozenset())
            details = {**merged["details"], "inputs": inputs, "recipe": recipe}
            catalogues.append({**self._renamed(merged, client), "details": details})
        self._insert(connection, snapshot, catalogues)

    def _plans(self, connection: sa.Connection) -> None:
        rows = sorted(self._rows(connection, plan), key=lambda row: row["id"])
        for client in self._others:
            shutil.copytree(self._home / "plans" / FIRST, self._home / "plans" / client)
        self._insert(connection, plan, (self._renamed(row, client) for client in self._others for row in rows))

    def _items(self, connection: sa.Connection) -> None:
        names = [column.name for column in channel_item.c if column.name not in ("id", "client")]
        columns = ", ".join(f'"{name}"' for name in names)
        picked = ", ".join(f'i."{name}"' for name in names)
        statement = f"""INSERT INTO channel_item (client, {columns})
                        SELECT c.client, {picked} FROM channel_item i, unnest(CAST(:clients AS text[])) AS c(client)
                        WHERE i.client = :first"""
        connection.execute(sa.text(statement), {"clients": self._others, "first": FIRST})

    def _recipes(self) -> None:
        """What each copied plan was made from, so that it is known to be up to date."""
        recipes = []
        for client in self._workshop.fleet.clients:
            catalogue = self._workshop.catalogues.current(client.name, CATALOGUE)
            assert catalogue is not None
            made = plan_recipe(client_plan(client), channel_plan(client, "shop"), self._workshop.stores, catalogue)
            recipes.append({"of": client.name, "made": made})
        update = sa.update(plan).where(plan.c.client == sa.bindparam("of"), plan.c.recipe.is_not(None))
        with self._workshop.engine.begin() as connection:
            connection.execute(update.values(recipe=sa.bindparam("made")), recipes)

    def _told(self, connection: sa.Connection) -> None:
        """The verdicts that Dagster knows of every client, as a run of its own would have told them."""
        names = [
            "check_name",
            "run_id",
            "execution_status",
            "evaluation_event_timestamp",
            "evaluation_event_storage_id",
        ]
        columns = ", ".join(names)
        picked = ", ".join(f"e.{name}" for name in names)
        statement = f"""INSERT INTO asset_check_executions (asset_key, evaluation_event, {columns})
                        SELECT replace(e.asset_key, :first, c.client), replace(e.evaluation_event, :first, c.client), {picked}
                        FROM asset_check_executions e, unnest(CAST(:clients AS text[])) AS c(client)
                        WHERE e.asset_key LIKE :mine"""
        mine = f'["{FIRST}"%'
        connection.execute(sa.text(statement), {"clients": self._others, "first": FIRST, "mine": mine})

    def _renamed(self, row: dict[str, Any], client: str) -> dict[str, Any]:
        return {
            **{k: v for k, v in row.items() if k != "id"},
            "client": client,
            "path": row["path"].replace(FIRST, client),
        }

    def _insert(self, connection: sa.Connection, table: sa.Table, rows: Any) -> None:
        for some in _pieces(list(rows), 1000):
            connection.execute(sa.insert(table), some)


def _pieces(rows: Sequence[dict[str, Any]], size: int) -> Iterator[Sequence[dict[str, Any]]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def checks_told(url: str, client: str) -> list[str]:
    """Names of checks that Dagster knows of a client, for tests of the seed."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT asset_key, check_name FROM asset_check_executions")).all()
    engine.dispose()
    return sorted(f"{'/'.join(json.loads(key))}:{name}" for key, name in rows if json.loads(key)[0] == client)

"""Ten ways in which a client breaks, each at its time, some of which are mended again."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from s2s_pipelines.storage.engine import make_engine
from s2s_pipelines.storage.schema import cycle_claim
from tests.storm.world import Merchant

_WRITE_VERSION_AT = 18
"""In the head of a SQLite file; a version above 2 lets it be read and not be written (sqlite.org, file format 1.3.3)."""

Reload = Callable[[], None]


@dataclass
class Scene:
    """A merchant and what a breakage may use besides.

    Attributes:
        reload: what an operator does after editing a declaration: the UI's button on the code location.
        is_over: set when the storm ends; whatever still waits gives up.
    """

    merchant: Merchant
    database_url: str
    reload: Reload
    is_over: threading.Event


@dataclass(frozen=True, slots=True)
class Breakage:
    """One way to break.

    Attributes:
        at, until: minutes of compressed time; ``until`` None: to the end.
        kinds: what people may be told of it as, see ``cycle.cause``; of other kinds nothing belongs to it.
        is_shared: the alert may name no client, for it is about a run of many.
        is_passing: it ends by itself.
    """

    name: str
    at: float
    until: float | None
    kinds: tuple[str, ...]
    begin: Callable[[Scene], None]
    end: Callable[[Scene], None] | None = None
    is_shared: bool = False
    is_passing: bool = False


def _mistype(scene: Scene) -> None:
    file = scene.merchant.declaration
    file.write_text(file.read_text().replace("push_every:", "push_evry:"))
    scene.reload()


def _correct(scene: Scene) -> None:
    file = scene.merchant.declaration
    file.write_text(file.read_text().replace("push_evry:", "push_every:"))
    scene.reload()


def _supplier(manner: str) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        scene.merchant.suppliers.shelves[scene.merchant.name].manner = manner

    return change


def _slow_shop(scene: Scene) -> None:
    scene.merchant.shop.arm("delay", times=None, stall_s=30.0)


def _garbage(scene: Scene) -> None:
    scene.merchant.shop.arm("error_html", times=None)


def _heal_shop(scene: Scene) -> None:
    scene.merchant.shop.site.faults.clear()


def _refuse_writes(scene: Scene) -> None:
    with scene.merchant.erp.path.open("r+b") as file:
        file.seek(_WRITE_VERSION_AT)
        file.write(b"\x03")
    scene.merchant.order()


def _misprice(scene: Scene) -> None:
    scene.merchant.erp.execute("UPDATE item SET price_incl = price_incl * 10")


def _stop_delivering(scene: Scene) -> None:
    scene.merchant.is_delivering = False


def _order_unknown(scene: Scene) -> None:
    scene.merchant.order_unknown()


def _kill_worker(scene: Scene) -> None:
    """SIGKILL to the process that reads this client's file at that moment, with everybody else it has in hand."""
    merchant = scene.merchant
    shelf = merchant.suppliers.shelves[merchant.name]
    asked = len(shelf.asked_at)
    shelf.manner = "dawdles"
    while len(shelf.asked_at) == asked:
        if scene.is_over.wait(0.1):
            return
    pid = _reader_of(merchant.name, scene.database_url)
    os.kill(pid, signal.SIGKILL)
    shelf.manner = "delivers"


def _reader_of(client: str, database_url: str) -> int:
    engine = make_engine(database_url)
    try:
        with engine.connect() as connection:
            query = sa.select(cycle_claim.c.holder).where(cycle_claim.c.client == client)
            holder = connection.execute(query).scalar_one()
    finally:
        engine.dispose()
    # <host>:<pid>@<mark>, see bootstrap.process
    return int(holder.rpartition("@")[0].rpartition(":")[2])


BREAKAGES: tuple[Breakage, ...] = (
    Breakage("source_hangs", 1, None, ("unreadable_source",), _supplier("hangs")),
    Breakage("source_gone", 2, 10, ("unreadable_source",), _supplier("gone"), _supplier("delivers")),
    Breakage("shop_answers_garbage", 3, 11, ("unpolled_channel", "stopped_push", "failed_items"), _garbage, _heal_shop),
    Breakage("supplier_overdue", 4, None, ("overdue_source",), _stop_delivering),
    Breakage("declaration", 5, 13, ("broken_declaration",), _mistype, _correct),
    Breakage("shop_answers_after_30_s", 6, None, ("unpolled_channel", "stopped_push", "failed_items"), _slow_shop),
    Breakage("worker_killed", 7, None, ("killed_worker",), _kill_worker, is_shared=True, is_passing=True),
    Breakage("erp_refuses_orders", 9, None, ("failed_run", "waiting_orders"), _refuse_writes),
    Breakage("order_of_unknown_sku", 11, None, ("held_orders",), _order_unknown),
    Breakage("breaker", 13, None, ("breaker",), _misprice),
)
"""In the order in which they begin. What is mended is so in time for its all-clear, which comes minutes after its end."""

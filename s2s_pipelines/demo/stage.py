"""Everything that runs during a demo: three shops, the suppliers' files and sheets, and Dagster."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from s2s_pipelines.demo.dagster_client import DagsterServer, free_port
from s2s_pipelines.demo.shopper import Shopper
from s2s_pipelines.demo.world import SHOP_KEY, SHOP_SECRET, World, build_world
from s2s_pipelines.sandboxes.serving import LocalServer
from s2s_pipelines.sandboxes.woocommerce import WooSandbox

CLIENTS = ("karoo_outdoor", "twin_branches", "stokvel_direct")

Say = Callable[[str], None]


class Stage:
    """A context manager that builds the world, serves it, and starts Dagster last.

    Args:
        root: the folder of ``dagster.yaml``, ``assets/`` and ``resources/``.
        home: everything is written below this folder.
        say: shows progress.
        port: where Dagster's UI answers; 0 for any free port.
        more: further environment variables for Dagster.
        has_dagster: whether Dagster is started; without it the world alone is served.
    """

    def __init__(
        self,
        root: Path,
        home: Path,
        say: Say,
        *,
        port: int = 0,
        more: dict[str, str] | None = None,
        has_dagster: bool = True,
    ) -> None:
        self._root, self._home, self._say = root, home, say
        self._has_dagster = has_dagster
        self._port = port or free_port()
        self._more = more or {}
        self._open = ExitStack()
        self.shops: dict[str, WooSandbox] = {}
        self.shoppers: dict[str, Shopper] = {}
        self.environment: dict[str, str] = {}
        self.world: World
        self.dagster: DagsterServer

    def __enter__(self) -> Self:
        try:
            self._build()
            if self._has_dagster:
                self._say("starting the Dagster webserver and daemon")
                self.dagster.start()
                self._open.callback(self.dagster.stop)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _build(self) -> None:
        from starlette.applications import Starlette
        from starlette.routing import Mount
        from starlette.staticfiles import StaticFiles

        outside = self._home / "outside"
        self._say("building ERPs, suppliers' files and sheets")
        self.world = build_world(outside)
        for client in CLIENTS:
            shop = WooSandbox(
                outside / f"{client}.shop.db",
                consumer_key=SHOP_KEY,
                consumer_secret=SHOP_SECRET,
                name=f"{client} web shop",
            )
            self._open.enter_context(shop)
            self.shops[client] = shop
            self.shoppers[client] = Shopper(shop.url)
        files = Starlette(routes=[Mount("/", StaticFiles(directory=outside / "files"))])
        file_server = self._open.enter_context(LocalServer(files))
        sheet_server = self._open.enter_context(LocalServer(self.world.sheets.app()))
        self._say(
            f"3 shops, a file server and a sheet service answer on this machine; {self.world.skus} skus in 4 ERPs"
        )
        self.environment = {
            **self.world.environment(
                shops={client: shop.url for client, shop in self.shops.items()},
                sheets_url=sheet_server.url,
                files_url=file_server.url,
            ),
            # What this shell may have set for a production system must not reach the demo.
            "S2S_DATABASE_URL": "",
            "S2S_DAGSTER_DATABASE_URL": "",
            "S2S_ROOT": str(self._root),
            "S2S_HOME": str(self._home / "s2s"),
            **self._more,
        }
        self.dagster = DagsterServer(self._root, self.environment, port=self._port, log=self._home / "dagster.log")

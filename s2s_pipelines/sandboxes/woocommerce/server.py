"""Running the shop: in a thread for tests and the demo, or blocking for the command line."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from pathlib import Path
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import Site, build_app
from .auth import Doorkeeper
from .fault import Fault, FaultBoard
from .oracle import ShopTables
from .shop import ApiKey, Shop, open_shop
from .webhook import Courier

DEFAULT_IMAGE_HOSTS = frozenset({"images.example", "127.0.0.1", "localhost"})
DEFAULT_HOOK_HOSTS = frozenset({"127.0.0.1", "localhost"})
START_TIMEOUT_S = 20


class _Switchboard:
    """Knows the transport behind every client address, so that a fault can cut it."""

    def __init__(self) -> None:
        self.transports: dict[tuple[str, int], asyncio.Transport] = {}

    def hang_up(self, client: Any, is_reset: bool) -> None:
        transport = self.transports.get(tuple(client)) if client else None
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if is_reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()

    def protocol(self) -> type[asyncio.Protocol]:
        """HTTP protocol class whose connections are listed here."""
        transports = self.transports

        class ListedProtocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
                self._peer = transport.get_extra_info("peername")
                if self._peer:
                    transports[tuple(self._peer[:2])] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                if self._peer:
                    transports.pop(tuple(self._peer[:2]), None)
                super().connection_lost(exc)

        return ListedProtocol


def _build(shop: Shop, control_token: str, hook_hosts: frozenset[str]) -> tuple[Site, uvicorn.Config]:
    switchboard = _Switchboard()
    site = Site(shop, FaultBoard(), Doorkeeper(shop), Courier(shop, hook_hosts), control_token, switchboard.hang_up)
    config = uvicorn.Config(
        build_app(site), http=switchboard.protocol(), log_config=None, access_log=False, lifespan="off",
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=2, ws="none",
    )  # fmt: skip
    return site, config


class WooSandbox:
    """A local WooCommerce shop for tests and the demo; a context manager.

    Starting twice on the same file finds the same shop. Calls arrive on a free port of 127.0.0.1 unless one is named.

    Args:
        path: SQLite file of the shop.
        consumer_key: key with read and write rights.
        consumer_secret: its secret.
        currency: ISO code, for a new file.
        prices_include_tax: whether prices are typed with tax, for a new file.
        timezone: IANA zone of the shop.
        tax_rate: percent of the one VAT rate of the base country (ZA), for a new file.
        name: name of the site.
        more_keys: further keys, e.g. a read-only one.
        image_hosts: hosts whose images are taken as existing.
        hook_hosts: hosts webhooks may be delivered to.
        control_token: token the control routes ask for; without one they answer only this machine.
        host: address to listen on.
        port: port to listen on, 0 for any free one.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        consumer_key: str,
        consumer_secret: str,
        currency: str = "ZAR",
        prices_include_tax: bool = True,
        timezone: str = "Africa/Johannesburg",
        tax_rate: str = "15",
        name: str = "Sandbox shop",
        more_keys: tuple[ApiKey, ...] = (),
        image_hosts: frozenset[str] = DEFAULT_IMAGE_HOSTS,
        hook_hosts: frozenset[str] = DEFAULT_HOOK_HOSTS,
        control_token: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.path = Path(path)
        keys = [ApiKey(consumer_key, consumer_secret), *more_keys]
        self.shop = open_shop(
            self.path, keys, currency=currency, prices_include_tax=prices_include_tax, timezone=timezone, name=name,
            tax_rate=tax_rate, image_hosts=image_hosts,
        )  # fmt: skip
        self.site, config = _build(self.shop, control_token, hook_hosts)
        self._server = uvicorn.Server(config)
        # asyncio switches off Nagle's delay only where the protocol is named; without it every answer waits 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="woo-sandbox", daemon=True)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    @property
    def url(self) -> str:
        """Address of the shop, plain http."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def tables(self) -> ShopTables:
        """The shop's own tables, for oracles."""
        return ShopTables(self.path)

    @property
    def clock(self) -> Any:
        """The shop's clock, see :class:`.clock.ShopClock`."""
        return self.shop.clock

    def start(self) -> Self:
        """Serve in a background thread; returns when the shop answers.

        Raises:
            RuntimeError: the server did not come up.
        """
        self._thread.start()
        waited = threading.Event()
        for _ in range(START_TIMEOUT_S * 100):
            if self._server.started:
                return self
            if not self._thread.is_alive():
                break
            waited.wait(0.01)
        raise RuntimeError("the WooCommerce sandbox did not start")

    def stop(self) -> None:
        """Stop serving and close the file; a second call does nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self.site.courier.close()
        self._socket.close()
        self.shop.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def settle_webhooks(self) -> None:
        """Wait until every webhook queued so far has been delivered."""
        self.site.courier.settle()

    def arm(self, kind: str, **fields: Any) -> int:
        """Arm a fault, see :class:`.fault.Fault`."""
        return self.site.faults.arm(Fault(kind, **fields))


def serve(host: str, port: int, path: str | Path, **options: Any) -> None:
    """Serve a shop until interrupted; options as for :class:`WooSandbox`.

    Raises:
        OSError: the port is taken.
    """
    sandbox = WooSandbox(path, host=host, port=port, **options)
    try:
        sandbox._run()
    finally:
        sandbox.site.courier.close()
        sandbox.shop.store.close()

"""A WooCommerce shop that runs on this machine, keeps its state in one file and behaves as the recordings show.

It knows no connector. ``WooSandbox`` runs it in a thread, ``serve`` blocks for the command line, ``ShopTables`` reads its
tables past the interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .oracle import ShopLine, ShopOrder, ShopProduct, ShopTables
    from .server import WooSandbox, serve
    from .shop import ApiKey

__all__ = ["ApiKey", "ShopLine", "ShopOrder", "ShopProduct", "ShopTables", "WooSandbox", "serve"]

_HOME = {"ApiKey": "shop", "WooSandbox": "server", "serve": "server"}


def __getattr__(name: str) -> Any:
    """Load on first use, so that importing the package costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME.get(name, 'oracle')}", __name__), name)

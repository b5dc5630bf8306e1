"""Where in the Dagster UI a thing is looked at: paths below ``ui_url``, without a driver or Dagster itself.

The asset paths are those of ``orchestration.keys``; a test holds the two together.
"""

import functools
from urllib.parse import quote

_quoted = functools.lru_cache(functools.partial(quote, safe=""))

FLEET = "fleet"
"""The asset that shows what is wrong now."""


def asset_page(*parts: str) -> str:
    """The page of an asset.

    >>> asset_page("karoo_outdoor", "plan", "shop")
    '/assets/karoo_outdoor/plan/shop'
    """
    return "/assets/" + "/".join(map(_quoted, parts))


def source_page(client: str, role: str, source: str, feed: str) -> str:
    """The page of a feed of a primary source, or of a linked source as a whole.

    >>> source_page("karoo_outdoor", "primary", "erp", "stock"), source_page("karoo_outdoor", "linked", "sheet", "stock")
    ('/assets/karoo_outdoor/source/erp/stock', '/assets/karoo_outdoor/linked/sheet')
    """
    if role == "linked":
        return asset_page(client, "linked", source)
    return asset_page(client, "source", source, feed)


def run_page(run_id: str) -> str:
    """The page of a run."""
    return f"/runs/{quote(run_id, safe='')}"


def link(ui_url: str, path: str) -> str:
    """The whole address.

    >>> link("http://127.0.0.1:3000/", "/assets/fleet")
    'http://127.0.0.1:3000/assets/fleet'
    """
    return ui_url.rstrip("/") + path

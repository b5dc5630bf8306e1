"""Lists: paging headers, date bounds and the order of rows that share a stamp.

Sources: WooCommerce recordings 35, 37, 70 (paging, bounds, ties), 33 and 36 (default order).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .clock import ShopClock
from .schema import DATE, FLAG, TEXT, WHOLE, WHOLES, Arg, one_of
from .wire import Answer, Ask, Json, build_query

PAGING: dict[str, Arg] = {
    "context": one_of("view", "edit"),
    "page": Arg("integer", minimum=1),
    "per_page": Arg("integer", minimum=1, maximum=100),
    "offset": WHOLE,
    "search": TEXT,
    "exclude": WHOLES,
    "include": WHOLES,
    "order": one_of("asc", "desc"),
}
DATES: dict[str, Arg] = {
    "after": DATE,
    "before": DATE,
    "modified_after": DATE,
    "modified_before": DATE,
    "dates_are_gmt": FLAG,
}


@dataclass
class Page:
    """The window of a list that was asked for."""

    number: int
    size: int
    offset: int

    @classmethod
    def of(cls, ask: Ask) -> Page:
        """Window of a request, ten rows from the start by default."""
        number = ask.params.get("page") or 1
        size = ask.params.get("per_page") or 10
        offset = ask.params["offset"] if ask.has("offset") else (number - 1) * size
        return cls(number, size, max(0, offset))


@dataclass
class Where:
    """Conditions of a query with their values."""

    clauses: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, clause: str, *values: Any) -> None:
        """One more condition that must hold."""
        self.clauses.append(clause)
        self.values.extend(values)

    def among(self, column: str, values: list[Any], negate: bool = False) -> None:
        """The column is one of the values, or none of them."""
        marks = ", ".join("?" * len(values))
        self.add(f"{column} {'NOT ' if negate else ''}IN ({marks})", *values)

    @property
    def text(self) -> str:
        """The conditions joined."""
        return " AND ".join(self.clauses) or "1"


def add_dates(where: Where, ask: Ask, clock: ShopClock) -> None:
    """Bounds on created and modified stamps; all of them exclude the stamp itself (recordings 37, 70)."""
    is_gmt = bool(ask.params.get("dates_are_gmt"))
    for name, clause in (
        ("after", "created_s > ?"),
        ("before", "created_s < ?"),
        ("modified_after", "modified_s > ?"),
        ("modified_before", "modified_s < ?"),
    ):
        if ask.params.get(name):
            second = clock.bound(ask.params[name], is_gmt)
            where.add(clause, -1 if second is None else second)


def add_ids(where: Where, ask: Ask) -> None:
    """``include`` and ``exclude``."""
    if ask.params.get("include"):
        where.among("id", ask.params["include"])
    if ask.params.get("exclude"):
        where.among("id", ask.params["exclude"], negate=True)


def order_clause(column: str, ask: Ask, page: Page, total: int, default: str = "desc") -> str:
    """``ORDER BY … LIMIT …`` for one page.

    Rows with equal sort values have no fixed order: as soon as the rows do not all fit the page, their order depends on the
    page asked for, so that walking the pages may show a row twice and another never (WooCommerce recordings 37, 70).
    """
    direction = "DESC" if (ask.params.get("order") or default) == "desc" else "ASC"
    fits = page.offset == 0 and total <= page.size
    tie = "id" if fits else f"((id + {page.offset}) * 48271) % 65537"
    order = f"id {direction}" if column == "id" else f"{column} {direction}, {tie}"
    return f"ORDER BY {order} LIMIT {page.size} OFFSET {page.offset}"


def answer_list(ask: Ask, total: int, rows: list[Json], page: Page, *, more: Json | None = None) -> Answer:
    """Rows with total headers and ``Link``; ``more`` are query members the shop adds to the links (orders do)."""
    pages = -(-total // page.size)
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    links = []
    if page.number > 1:
        links.append(_page_link(ask, min(page.number - 1, pages), more, "prev"))
    if page.number < pages:
        links.append(_page_link(ask, page.number + 1, more, "next"))
    if links:
        headers["Link"] = ", ".join(links)
    return Answer(rows, headers=headers)


def _page_link(ask: Ask, number: int, more: Json | None, relation: str) -> str:
    cleaned = {name: ask.params.get(name, value) for name, value in ask.query.items()}
    if "page" in cleaned:
        cleaned["page"] = number
    for name, value in (more or {}).items():
        cleaned.setdefault(name, value)
    cleaned["page"] = number
    return f'<{ask.base}/wp-json{ask.route}?{build_query(cleaned)}>; rel="{relation}"'

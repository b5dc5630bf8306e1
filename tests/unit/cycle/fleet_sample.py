"""One declared client and facts about it, as small as a test needs them."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from s2s_pipelines.bootstrap.declared import client_plan
from s2s_pipelines.config.declaration import ClientDeclaration
from s2s_pipelines.config.fleet import Client
from s2s_pipelines.cycle.fleet_fact import FleetFacts, NewestPlan, Polling, Standing
from s2s_pipelines.cycle.fleet_report import report
from s2s_pipelines.cycle.port import FeedState
from s2s_pipelines.model.field import FieldRow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP = ("acme", "shop")


def ago(**span):
    return NOON - timedelta(**span)


def client(name="acme", *, feed=None, source=None, channel=None, orders=None):
    """A client with one ERP that reads stock, one supplier with a rhythm, and one shop."""
    declaration = ClientDeclaration.model_validate(
        {
            "client": name,
            "label": name.title(),
            "timezone": "Africa/Johannesburg",
            "sources": {
                "erp": {
                    "role": "primary",
                    "connection": "erp",
                    "basis": "incl",
                    "feeds": {"stock": {"every": timedelta(minutes=3), **(feed or {})}},
                },
                "supplier": {
                    "role": "linked",
                    "of": "erp",
                    "precedence": 1,
                    "connection": "supplier",
                    "basis": "incl",
                    "feeds": {"products": {"every": timedelta(days=1)}},
                    "rhythm": {"every": timedelta(days=7), "grace": timedelta(days=1)},
                    **(source or {}),
                },
            },
            "channels": {
                "shop": {
                    "connection": "shop",
                    "orders": {"from": date(2026, 1, 1), "quiet_after": timedelta(days=2), **(orders or {})},
                    **(channel or {}),
                }
            },
        }
    )
    kind = SimpleNamespace(manifest=SimpleNamespace(capabilities=frozenset()))
    fields = {
        "erp": {"stock": (FieldRow("stock", "variants.qty", "QTY", None),)},
        "supplier": {"products": (FieldRow("products", "variants.qty", "QTY", None),)},
    }
    kinds = dict.fromkeys(("erp", "supplier", "shop"), kind)
    return Client(name, declaration, {}, kinds, fields, Path(), "")


def standing(**values):
    recent = {"read_at": ago(minutes=2), "content_since": ago(hours=1), "created_at": ago(hours=1)}
    return Standing(**{"rows_in": 100, "rows_out": 100, "rejected": 0, "source_modified_at": None, **recent, **values})


def read(source, feed, **values):
    good = {"attempted_at": ago(minutes=2), "succeeded_at": ago(minutes=2), "full_at": ago(minutes=2)}
    return {(source, feed): FeedState(source, feed, **{**good, **values})}


def plan(**values):
    made = {"counts": {"variant_update": 1}, "breakers": {}, "created_at": ago(minutes=2), "pushed_at": ago(minutes=1)}
    return NewestPlan(**{"id": 7, "verdict": "clear", "outcome": {"status": "pushed", "fault": None}, **made, **values})


def poll(**values):
    good = {"attempted_at": ago(seconds=30), "succeeded_at": ago(seconds=30), "failures": 0, "error": None}
    return Polling(**{**good, "retry_at": None, "newest_order_at": ago(hours=3), **values})


def facts(name="acme", *, snapshots=None, feeds=None, plans=None, **values):
    """A client at which all is well, but for what is given."""
    stands = {"source/erp/stock": standing(), "source/supplier/products": standing(), "catalogue": standing()}
    states = read("erp", "stock") | read("supplier", "products")
    return FleetFacts(
        at=NOON,
        standing={name: {k: v for k, v in {**stands, **(snapshots or {})}.items() if v is not None}},
        feeds={name: {k: v for k, v in {**states, **(feeds or {})}.items() if v is not None}},
        plans={(name, "shop"): plan()} if plans is None else plans,
        **{"polls": {(name, "shop"): poll()}, **values},
    )


def report_of(known, *, clients=None, broken=()):
    made = clients or [client()]
    return report([(c, client_plan(c)) for c in made], broken, known)


def row_of(known, **declared):
    """The one row of the report on a client."""
    return report_of(known, clients=[client(**declared)]).rows[0]

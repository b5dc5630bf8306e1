"""What a worker needs, imported once in the server that forks them."""

import importlib

for name in (
    "duckdb",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "requests",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "authlib.oauth1.rfc5849.client_auth",
    "s2s_pipelines.bootstrap",
    "s2s_pipelines.connectors.kit.database_order",
    "s2s_pipelines.connectors.sources.flat_file",
    "s2s_pipelines.connectors.sources.google_sheet",
    "s2s_pipelines.connectors.sources.sql",
    "s2s_pipelines.connectors.sources.xml_feed",
    "s2s_pipelines.connectors.channels.woocommerce",
    "s2s_pipelines.cycle.sweep",
    "s2s_pipelines.storage.catalogue_store",
    "s2s_pipelines.storage.directory",
    "s2s_pipelines.storage.ledger",
    "s2s_pipelines.storage.migration",
    "tests.kills.subject",
    "tests.kills.world",
):
    importlib.import_module(name)

importlib.import_module("pydantic.dataclasses")
_rows = importlib.import_module("s2s_pipelines.storage.ledger_row")
for adapter in (_rows._orders, _rows._documents):
    adapter()  # built once for all; the first order of every worker would wait for it otherwise

"""What a worker needs, imported once in the server that forks them."""

import importlib

for name in (
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "tests.plug.act",
):
    importlib.import_module(name)

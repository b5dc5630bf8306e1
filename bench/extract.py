"""The contenders of the extract, one each time: a million rows of twelve columns out of PostgreSQL.

``ours`` ends with what the shipped sql source hands on, order, tidying and fingerprint included; ``ours_kept`` also writes it as
snapshots are written. ``wire`` throws everything away. The peers end where they usually end: dlt with Parquet files in a folder,
pandas with a frame.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.client import URL_VARIABLE
from bench.generator import EXTRACT
from bench.measure import tell, timed

TABLE = "extract_item"
_FOLDER = "BENCH_FOLDER"


def _extract() -> Any:
    from s2s_pipelines.config.secret import SecretRef
    from s2s_pipelines.connectors.sources.sql import FeedSettings, Settings, build
    from s2s_pipelines.ports import BuildContext

    feed = FeedSettings(table=TABLE, columns=tuple(name for name, _ in EXTRACT), key=("item_id",))
    settings = Settings(kind="sql", url=SecretRef(env=URL_VARIABLE), feeds={"products": feed})
    return build(settings, BuildContext("bench", "erp", ".", "UTC"))


def ours() -> None:
    import pyarrow
    import sqlalchemy
    from pyarrow import compute, csv  # noqa: F401 - what every contender imports is not what it is timed by

    source = _extract()
    seconds, extract = timed(lambda: source.read("products"))
    tell(seconds=seconds, rows=extract.table.num_rows, by=[pyarrow.__version__, sqlalchemy.__version__])


def ours_kept() -> None:
    from pyarrow import parquet  # noqa: F401

    from s2s_pipelines.storage.parquet_file import write_table

    source = _extract()
    path = Path(os.environ[_FOLDER]) / "kept.parquet"

    def work() -> int:
        extract = source.read("products")
        write_table(path, extract.table)
        return int(extract.table.num_rows)

    seconds, rows = timed(work)
    path.unlink()
    tell(seconds=seconds, rows=rows)


def wire() -> None:
    import sqlalchemy as sa

    url = sa.make_url(os.environ[URL_VARIABLE])
    columns = ", ".join(name for name, _ in EXTRACT)
    environment = {**os.environ, "PGPASSWORD": str(url.password)}
    words = ["psql", "-X", "-q", "-h", str(url.host), "-p", str(url.port), "-U", str(url.username), str(url.database)]
    copy = rf"\copy (SELECT {columns} FROM {TABLE} ORDER BY item_id) TO '/dev/null'"
    seconds, _ = timed(lambda: subprocess.run([*words, "-c", copy], env=environment, check=True, stdout=sys.stderr))
    tell(seconds=seconds)


def pandas() -> None:
    import pandas as pd
    import sqlalchemy as sa

    engine = sa.create_engine(os.environ[URL_VARIABLE])
    columns = ", ".join(name for name, _ in EXTRACT)
    query = f"SELECT {columns} FROM {TABLE} ORDER BY item_id"
    seconds, frame = timed(lambda: pd.read_sql(query, engine))
    tell(seconds=seconds, rows=len(frame))


def _dlt(backend: str) -> None:
    folder = Path(os.environ[_FOLDER]) / f"dlt-{backend}"
    shutil.rmtree(folder, ignore_errors=True)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    os.environ["DLT_DATA_DIR"] = str(folder / "data")
    import dlt
    from dlt.sources.sql_database import sql_table

    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.filesystem(bucket_url=(folder / "out").as_uri()),
        dataset_name="extract",
        pipelines_dir=str(folder / "pipelines"),
        progress=None,
    )
    columns = [name for name, _ in EXTRACT]

    def work() -> None:
        table = sql_table(os.environ[URL_VARIABLE], table=TABLE, backend=backend, included_columns=columns)
        pipeline.run(table, loader_file_format="parquet").raise_on_failed_jobs()

    seconds, _ = timed(work)
    rows = pipeline.last_trace.last_normalize_info.row_counts[TABLE]
    shutil.rmtree(folder, ignore_errors=True)
    tell(seconds=seconds, rows=rows, by=[dlt.__version__])


CONTENDERS = {
    "ours": ours,
    "ours_kept": ours_kept,
    "wire": wire,
    "pandas": pandas,
    "dlt_pyarrow": lambda: _dlt("pyarrow"),
    "dlt": lambda: _dlt("sqlalchemy"),
}

if __name__ == "__main__":
    CONTENDERS[sys.argv[1]]()

"""Parquet files that are either whole or not there: written under another name, brought to disk, then renamed."""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from s2s_pipelines.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_GROUP = 50_000


def write_table(path: Path, table: "pa.Table") -> None:
    """Write one table (zstd). When this returns, the file survives a power cut; before that it has another name."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            pq.write_table(table, file, compression="zstd", row_group_size=_ROW_GROUP)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    settle(path.parent)


def write_tables(folder: Path, tables: "Mapping[str, pa.Table]") -> None:
    """Write several tables into a new folder that appears only when all of them are on disk."""
    unfinished = folder.with_name(f".{folder.name}.part")
    for name, table in tables.items():
        write_table(unfinished / f"{name}.parquet", table)
    unfinished.replace(folder)
    settle(folder.parent)


def read_table(path: Path, *, columns: Sequence[str] | None = None, skus: Sequence[str] | None = None) -> "pa.Table":
    """Read a table, or only some columns and skus of it.

    Raises:
        DataError: the file is gone or damaged.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        if columns is not None:
            present = set(pq.read_schema(path).names)
            columns = [name for name in columns if name in present]
        chosen = pc.field("sku").isin(pa.array(skus, pa.string())) if skus is not None else None
        return pq.read_table(path, columns=columns, filters=chosen)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def column_names(path: Path) -> list[str]:
    """Names of a table's columns, without reading a row.

    Raises:
        DataError: the file is gone or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def read_pieces(path: Path, columns: Sequence[str]) -> "Iterator[pa.Table]":
    """Some columns of a table, row group by row group; at least one piece, if only an empty one.

    Raises:
        DataError: the file is gone or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield pa.schema([file.schema_arrow.field(name) for name in columns]).empty_table()
            for number in range(file.num_row_groups):
                yield file.read_row_group(number, columns=list(columns))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def read_head(path: Path, *, columns: Sequence[str] | None = None, limit: int) -> "pa.Table":
    """The first rows of a table, or only some columns of them, without reading the rest.

    Raises:
        DataError: the file is gone or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            chosen = [name for name in columns if name in schema.names] if columns is not None else schema.names
            batches = file.iter_batches(batch_size=limit, row_groups=[0] if file.num_row_groups else [], columns=chosen)
            first = list(islice(batches, 1))
            return pa.Table.from_batches(first, pa.schema([schema.field(name) for name in chosen])).slice(0, limit)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"a kept table cannot be read ({type(error).__name__})",
        operation="read a snapshot",
        reference=path.name,
        next_step="restore the file from a backup, or read the feed in full again",
    )


def settle(path: Path) -> None:
    """Bring a file's content, or a folder's list of names, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

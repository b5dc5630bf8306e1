"""A stable hash of columns: the same for the same cells in the same order, however they are cut into chunks.

Each column is three streams of bytes, hashed as they come: per cell its length or whether it is there, the same of the members
of lists, and the cells' own bytes one after the other. Together they say all and nothing twice. An engine's own hash may change
with its version; sha256 does not.
"""

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


_Bytes = memoryview | bytes


class Digest:
    """The hash of some columns, taken batch by batch.

    >>> import pyarrow as pa
    >>> table = pa.table({"sku": ["A", None], "qty": [1, 2]})
    >>> digest_of(table) == digest_of(pa.concat_tables([table.slice(0, 1), table.slice(1)]))
    True
    >>> digest_of(table) == digest_of(table.set_column(0, "sku", pa.array(["A", ""])))
    False
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._rows = 0
        self._streams = {name: tuple(hashlib.sha256() for _ in range(3)) for name in names}

    def add(self, rows: "pa.RecordBatch | pa.Table") -> None:
        """Take in further rows; columns of other names do not count."""
        import pyarrow as pa

        self._rows += rows.num_rows
        for name, streams in self._streams.items():
            column = rows.column(name)
            for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
                for stream, part in zip(streams, _bytes_of(chunk), strict=True):
                    stream.update(part)

    def text(self) -> str:
        """The hash so far, 64 characters."""
        whole = hashlib.sha256()
        for name, streams in self._streams.items():
            whole.update(f"{len(name)}:{name}:{self._rows}:".encode())
            whole.update(b"".join(stream.digest() for stream in streams))
        return whole.hexdigest()


def digest_of(table: "pa.Table", names: Sequence[str] | None = None) -> str:
    """The hash of a table's columns, or of some of them."""
    digest = Digest(table.column_names if names is None else names)
    digest.add(table)
    return digest.text()


def _bytes_of(chunk: "pa.Array") -> tuple[_Bytes, _Bytes, _Bytes]:
    """A chunk's three streams."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = chunk.type
    if len(chunk) == 0:
        return b"", b"", b""
    if pa.types.is_dictionary(kind) or pa.types.is_null(kind):
        return _bytes_of(chunk.cast(pa.string()))
    if pa.types.is_list(kind):
        members, _, content = _bytes_of(chunk.flatten().cast(pa.string()))
        return _lengths(pc.list_value_length(chunk)), members, content
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        content = _characters(pc.fill_null(chunk, "") if chunk.null_count else chunk)
        return _lengths(pc.binary_length(chunk)), b"", content
    there = _fixed(pc.cast(pc.is_valid(chunk), pa.uint8()))
    if pa.types.is_boolean(kind):
        chunk, kind = pc.cast(chunk, pa.uint8()), pa.uint8()
    zero = pa.scalar(Decimal(0), kind) if pa.types.is_decimal(kind) else pa.scalar(0, pa.int64()).cast(kind)
    return there, b"", _fixed(pc.fill_null(chunk, zero) if chunk.null_count else chunk)


def _lengths(lengths: "pa.Array") -> memoryview:
    """Lengths as bytes, -1 where there is nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _fixed(pc.fill_null(pc.cast(lengths, pa.int64()), -1))


def _fixed(values: "pa.Array") -> memoryview:
    """The bytes of values of one width, none of them null."""
    width = values.type.bit_width // 8
    return memoryview(values.buffers()[1])[values.offset * width : (values.offset + len(values)) * width]


def _characters(texts: "pa.Array") -> _Bytes:
    """The bytes of texts, none of them null, one after the other."""
    import pyarrow as pa

    _, offsets, content = texts.buffers()
    if content is None:
        return b""
    width = 8 if pa.types.is_large_string(texts.type) else 4
    ends = [
        int.from_bytes(memoryview(offsets)[at * width : (at + 1) * width], "little")
        for at in (texts.offset, texts.offset + len(texts))
    ]
    return memoryview(content)[ends[0] : ends[1]]

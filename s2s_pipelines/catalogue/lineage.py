"""Counts over the origins that a merged catalogue keeps for its values."""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FROM = "_from."
"""Prefix of the columns that name the ``<source>/<feed>`` a value came from."""


def enriched_rows(merged: "pa.Table", linked: Collection[str]) -> int:
    """Rows of the merged catalogue with at least one value from one of the named sources."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = None
    for name in merged.column_names:
        if not name.startswith(FROM):
            continue
        origins = merged[name].cast(pa.string())
        for source in linked:
            from_it = pc.fill_null(pc.starts_with(origins, f"{source}/"), fill_value=False)
            found = from_it if found is None else pc.or_(found, from_it)
    return 0 if found is None else int(pc.sum(found.cast(pa.int64())).as_py() or 0)

"""The last look at a mapped frame before anyone relies on it: types, ranges and uniqueness, by pandera.

Mapping refuses what it cannot read; this room refuses what mapping should not have let through. Rows that fail are
named, never dropped in silence; a frame of the wrong shape is our own defect and raises.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s2s_pipelines.catalogue.column import ROW, arrow_type, key_column, target_of
from s2s_pipelines.catalogue.reading import LIMITS, QUANTITY_LIMIT
from s2s_pipelines.errors import ContractViolation
from s2s_pipelines.model.field import ValueType

if TYPE_CHECKING:
    import pandera.pandas as pandera
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Failure:
    """One cell that failed a check.

    Attributes:
        at: the row's position in the judged frame.
        column: the frame's column.
        check: the check in words.
        value: the offending value as text.
    """

    at: int
    column: str
    check: str
    value: str


def _checks(column: str) -> "list[pandera.Check]":
    import pandera.pandas as pandera

    kind = target_of(column).type
    if kind is ValueType.PRICE:
        return [pandera.Check.ge(0, error="not negative")]
    if kind in {ValueType.QUANTITY, ValueType.WEIGHT}:
        return [pandera.Check.in_range(0, QUANTITY_LIMIT, error=f"between 0 and {QUANTITY_LIMIT}")]
    if kind is ValueType.TRISTATE:
        return [pandera.Check.isin(["active", "delete"], error="active or delete")]
    if kind is ValueType.CODE:
        return [pandera.Check.str_length(1, LIMITS[kind], error=f"1 to {LIMITS[kind]} characters")]
    return []


def schema_of(columns: list[str]) -> "pandera.DataFrameSchema":
    """The schema of a mapped frame with these columns, ``_row`` last: strict, ordered, nothing coerced."""
    import pandas as pd
    import pandera.pandas as pandera
    import pyarrow as pa

    key = key_column(columns)
    described = {
        name: pandera.Column(
            pd.ArrowDtype(arrow_type(name)),
            checks=_checks(name),
            nullable=name != key,
            unique=name == key,
        )
        for name in columns
        if name != ROW
    }
    described[ROW] = pandera.Column(pd.ArrowDtype(pa.int64()), nullable=False)
    return pandera.DataFrameSchema(described, strict=True, ordered=True, coerce=False)


def judge(table: "pa.Table") -> list[Failure]:
    """Every cell of a mapped frame that fails a check, all of them at once; none for a sound frame.

    Raises:
        ContractViolation: columns, order or types are not those of a mapped frame.
    """
    import pandas as pd
    import pandera.errors

    _check_types(table)
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    try:
        schema_of(table.column_names).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        return _failures(error.failure_cases)
    return []


def _check_types(table: "pa.Table") -> None:
    """Refuse a column of another type. Not left to pandera, whose 0.35 takes an Arrow double for an Arrow decimal."""
    import pyarrow as pa

    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        try:
            wanted = pa.int64() if name == ROW else arrow_type(name)
        except KeyError as error:
            raise ContractViolation(
                f"a mapped frame has a column {name!r}", operation="judge a mapped frame"
            ) from error
        if kind != wanted:
            raise ContractViolation(
                f"a mapped frame is misshapen: {name} is {kind}, not {wanted}", operation="judge a mapped frame"
            )


def _is_place(index: object) -> bool:
    """Whether a failure belongs to a row; one that does not concerns the frame as a whole."""
    return isinstance(index, int | float) and index == index


def _failures(cases: Any) -> list[Failure]:
    found = []
    for case in cases.to_dict("records"):
        index = case["index"]
        if not _is_place(index):
            raise ContractViolation(
                f"a mapped frame is misshapen: {case['check']} at {case['column']}", operation="judge a mapped frame"
            )
        found.append(Failure(int(index), str(case["column"]), str(case["check"]), str(case["failure_case"])))
    return sorted(found, key=lambda f: (f.at, f.column, f.check))

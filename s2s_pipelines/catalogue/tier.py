"""Price tiers that arrive in one column, as ``tier:price`` pairs (domain research, sections 5.1 and 16)."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s2s_pipelines.catalogue.fault import Flaw
from s2s_pipelines.catalogue.reading import Manner, flawed, read_price
from s2s_pipelines.model.field import find_target

if TYPE_CHECKING:
    import pyarrow as pa

TIER_LIMIT = 50
"""Tiers one feed may name; the rows of rarer ones are refused."""
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_ -]*?"


@dataclass(frozen=True, slots=True)
class Tiers:
    """Columns ``price_<tier>`` with one amount per row, and the rows that could not be read."""

    columns: "dict[str, pa.Array]"
    flaws: tuple[Flaw, ...]


def read_tiers(texts: "pa.Array", manner: Manner) -> Tiers:
    """Split ``retail:100,trade:80.50`` into one price column per tier, in the catalogue's tax basis.

    The decimal comma is understood where it is declared, since a pair only begins at a comma that a name and a colon
    follow. Names become small letters with underscores. One unreadable pair refuses its whole row.

    >>> import pyarrow as pa
    >>> from s2s_pipelines.catalogue.number import Spelling
    >>> from s2s_pipelines.catalogue.policy import NumberFormat, Terms
    >>> comma = Manner(Spelling(NumberFormat(decimal_mark=",")), "incl", Terms())
    >>> tiers = read_tiers(pa.array(["Retail:100,50,trade 2:80", None, "trade 2"]), comma)
    >>> {name: [str(v) for v in column] for name, column in tiers.columns.items()}
    {'price_retail': ['100.5000', 'None', 'None'], 'price_trade_2': ['80.0000', 'None', 'None']}
    >>> [flaw.reason for flaw in tiers.flaws]
    ['unreadable_tiers']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.replace_substring_regex(pc.fill_null(texts, ""), r"[\s,]+$", "")
    marked = pc.replace_substring_regex(texts, rf",\s*({_NAME})\s*:", "\n\\1:")
    has_any = pc.not_equal(pc.utf8_trim_whitespace(marked), "")
    lists = pc.split_pattern(pc.if_else(has_any, marked, pa.scalar(None, pa.string())), "\n")
    at, pairs = pc.list_parent_indices(lists), pc.list_flatten(lists)
    cut = pc.extract_regex(pairs, rf"(?s)^\s*(?P<tier>{_NAME})\s*:(?P<amount>.*\S.*)$")
    names = pc.struct_field(cut, "tier")
    names = pc.replace_substring_regex(pc.utf8_lower(names), r"[ -]+", "_")
    read = read_price(pc.struct_field(cut, "amount"), manner)
    is_cut = pc.is_valid(names)
    kept, odd = _kept_names(names)
    is_known = pc.fill_null(pc.is_in(names, value_set=pa.array(kept, pa.string())), fill_value=False)
    flaws = [
        Flaw("unreadable_tiers", pc.or_(pc.invert(is_cut), _is_in(names, odd))),
        Flaw("too_many_tiers", pc.and_not(pc.and_(is_cut, pc.invert(is_known)), _is_in(names, odd))),
        Flaw("repeated_tier", _repeated(at, names)),
        *read.flaws,
    ]
    columns = {f"price_{n}": _column(len(texts), at, names, read.values, n) for n in kept}
    return Tiers(columns, flawed(*(Flaw(f.reason, _rows(len(texts), at, f.mask)) for f in flaws)))


def _kept_names(names: "pa.Array") -> tuple[list[str], list[str]]:
    """The names that become columns, in order, and those that cannot be a tier's name."""
    import pyarrow.compute as pc

    counts = Counter({e["values"]: e["counts"] for e in pc.value_counts(names.drop_null()).to_pylist()})
    odd = [n for n in counts if find_target(f"price_{n}") is None]
    good = sorted((n for n in counts if n not in set(odd)), key=lambda n: (-counts[n], n))
    return sorted(good[:TIER_LIMIT]), odd


def _is_in(names: "pa.Array", some: list[str]) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.fill_null(pc.is_in(names, value_set=pa.array(some, pa.string())), fill_value=False)


def _repeated(at: "pa.Array", names: "pa.Array") -> "pa.Array":
    """Pairs whose row names the same tier twice."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = pc.binary_join_element_wise(pc.cast(at, pa.string()), names, ":")
    counts = pc.value_counts(keys.drop_null())
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    return pc.fill_null(pc.is_in(keys, value_set=twice), fill_value=False)


def _rows(length: int, at: "pa.Array", mask: "pa.Array") -> "pa.Array":
    """The rows to which marked pairs belong."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(pa.array(range(length), pa.int64()), value_set=pc.cast(at, pa.int64()).filter(mask))


def _column(length: int, at: "pa.Array", names: "pa.Array", amounts: "pa.Array", tier: str) -> "pa.Array":
    """One tier's amounts, one per row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mine = pc.fill_null(pc.equal(names, tier), fill_value=False)
    places = pc.index_in(pa.array(range(length), pa.int64()), value_set=pc.cast(at, pa.int64()).filter(mine))
    return amounts.filter(mine).take(places)

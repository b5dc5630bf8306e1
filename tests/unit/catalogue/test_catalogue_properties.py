"""What holds for every feed: nothing is lost, order decides nothing, and laying things on can be undone."""

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from s2s_pipelines.catalogue.merge import SourceFrames, merge
from s2s_pipelines.catalogue.number import Spelling, read_decimals
from s2s_pipelines.catalogue.overlay import fold
from s2s_pipelines.catalogue.policy import NumberFormat, Terms
from s2s_pipelines.model.money import to_basis
from tests.unit.catalogue.feed import FULL, LATER, NOON, mapped

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
COLUMNS = ("Prod", "SKU", "WebName", "Web", "qty", "price", "brand", "img", "size")
TARGETS = {**FULL, "meta_brand": "brand", "image1": "img", "option1_name": "=Size", "variants.option1_value": "size"}

hostile = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "0", "007", "5", "2.5", "-1", "1,234", "R 9.90", "Active", "D", "I", "https://a.example/x"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
codes = st.from_regex(r"0{0,3}[A-Z0-9]{1,3}", fullmatch=True)
sound_row = st.fixed_dictionaries(
    {
        "WebName": st.sampled_from(["Tent", "Stove", "Lamp"]),
        "Web": st.sampled_from(["Active", "Delete", "yes"]),
        "qty": st.integers(-5, 500).map(str),
        "price": st.decimals(0, 9999, places=2).map(str),
        "brand": st.sampled_from(["", "Acme", "Best"]),
        "img": st.sampled_from(["", "https://example.com/a.jpg", "https://example.com/b.jpg"]),
    }
)


@st.composite
def sound_feeds(draw, min_size=0):
    """Unique skus, some of them variants of one product, as columns of text."""
    skus = draw(st.lists(codes, unique=True, min_size=min_size, max_size=8))
    rows = [
        {**draw(sound_row), "Prod": draw(st.sampled_from(["0P", "Q", sku])), "SKU": sku, "size": sku} for sku in skus
    ]
    return columns_of(rows)


@st.composite
def hostile_feeds(draw):
    rows = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, hostile)), max_size=6))
    return columns_of(rows)


def columns_of(rows):
    return {name: [row[name] for row in rows] for name in COLUMNS}


def part(columns, places):
    return {name: [cells[at] for at in places] for name, cells in columns.items()}


def mapped_at(columns, places, **more):
    """The rows at these places, each under the row number it has in the whole feed."""
    return mapped(part(columns, places), TARGETS, rows=[at + 2 for at in places], **more)


def snapshot(columns, *, read_at=NOON):
    whole = mapped_at(columns, range(len(columns["SKU"])))
    return fold(None, whole.table, read_at=read_at, is_complete=True)


def linked(columns, flags, source="sup", precedence=1):
    frames = {"products": snapshot(columns, read_at=LATER)}
    return SourceFrames(source, "linked", "erp", precedence, "sku", flags, frames)


def primary(columns):
    return SourceFrames("erp", "primary", None, 0, "sku", {}, {"products": snapshot(columns)})


@few
@given(hostile_feeds())
def test_every_row_ends_in_exactly_one_place(columns):
    result = mapped(columns, TARGETS)  # counts rows in and out
    places = [
        *result.table["_row"].to_pylist(),
        *result.rejected["_row"].to_pylist(),
        *result.ignored["_row"].to_pylist(),
    ]
    assert sorted(places) == list(range(2, len(columns["SKU"]) + 2))


@few
@given(hostile_feeds(), st.randoms(use_true_random=False))
def test_row_order_of_a_feed_decides_nothing(columns, random):
    places = list(range(len(columns["SKU"])))
    there = mapped_at(columns, places)
    random.shuffle(places)
    back = mapped_at(columns, places)
    assert back.table.sort_by("_row").equals(there.table.sort_by("_row"))
    assert {(r.row, r.field, r.reason) for r in back.rejects} == {(r.row, r.field, r.reason) for r in there.rejects}
    assert back.ignored.sort_by("_row").equals(there.ignored.sort_by("_row"))


@few
@given(sound_feeds(min_size=1))
def test_sound_rows_are_all_taken_and_codes_keep_their_zeros(columns):
    result = mapped(columns, TARGETS)
    assert result.rejects == ()
    assert result.table["sku"].to_pylist() == columns["SKU"]
    assert result.table["source_product_code"].to_pylist() == columns["Prod"]


@few
@given(sound_feeds(), sound_feeds())
def test_folding_twice_is_folding_once(before, after):
    old, new = snapshot(before), mapped(after, TARGETS).table
    for absent in ("keep", "zero"):
        once = fold(old, new, read_at=LATER, is_complete=True, absent=absent)
        assert fold(once, new, read_at=LATER, is_complete=True, absent=absent).equals(once)
        assert once["sku"].to_pylist() == sorted({*before["SKU"], *after["SKU"]})


@few
@given(sound_feeds(), st.data())
def test_splitting_a_feed_changes_nothing(columns, data):
    whole = snapshot(columns)
    places = list(range(len(columns["SKU"])))
    first = data.draw(st.lists(st.sampled_from(places), unique=True)) if places else []
    rest = [at for at in places if at not in first]
    folded = fold(None, mapped_at(columns, first).table, read_at=NOON, is_complete=False)
    folded = fold(folded, mapped_at(columns, rest).table, read_at=NOON, is_complete=False)
    assert folded.equals(whole)


@few
@given(sound_feeds(), sound_feeds())
def test_what_an_extract_does_not_mention_stays(before, after):
    old = {row["sku"]: row for row in snapshot(before).to_pylist()}
    now = fold(snapshot(before), mapped(after, TARGETS).table, read_at=LATER, is_complete=True)
    for row in now.to_pylist():
        if row["sku"] not in after["SKU"]:
            assert row == old[row["sku"]]


@few
@given(sound_feeds(), sound_feeds(), sound_feeds(), st.randoms(use_true_random=False))
def test_order_of_sources_and_rows_decides_nothing(base, one, two, random):
    flags = {"variants.qty": "source", "title": "source"}
    sources = [primary(base), linked(one, flags, "one", 1), linked(two, flags, "two", 2)]
    there = merge(sources)
    turned = [replace(s, feeds={f: shuffled(t, random) for f, t in s.feeds.items()}) for s in sources]
    random.shuffle(turned)
    back = merge(turned)
    assert back.table.equals(there.table)
    assert back.unmatched.sort_by([("source", "ascending"), ("key", "ascending")]).equals(
        there.unmatched.sort_by([("source", "ascending"), ("key", "ascending")])
    )


def shuffled(table, random):
    places = list(range(table.num_rows))
    random.shuffle(places)
    return table.take(pa.array(places, pa.int64()))


@few
@given(sound_feeds(min_size=1), sound_feeds(min_size=1))
def test_removing_an_overlay_restores_the_base(base, over):
    alone = merge([primary(base)]).table
    flags = {"variants.qty": "source", "meta_brand": "source"}
    laid = merge([primary(base), linked(over, flags)]).table
    assert laid["sku"].to_pylist() == alone["sku"].to_pylist()
    products = dict(zip(base["SKU"], base["Prod"], strict=True))
    shared = {products[sku] for sku in over["SKU"] if sku in products}
    for before, after in zip(alone.to_pylist(), laid.to_pylist(), strict=True):
        touched = {"qty", "qty_source", "_from.qty"} if before["sku"] in over["SKU"] else set()
        if before["source_product_code"] in shared:  # a product's brand is that of all its variants
            touched |= {"meta_brand", "_from.meta_brand"}
        assert {k: v for k, v in after.items() if k in before and k not in touched} == {
            k: v for k, v in before.items() if k not in touched
        }
    owns_nothing = merge([primary(base), linked(over, {})]).table
    assert owns_nothing.select(alone.column_names).to_pylist() == alone.to_pylist()


@few
@given(sound_feeds(min_size=1), sound_feeds(min_size=1))
def test_every_value_of_the_merge_can_be_led_back_to_its_cell(base, over):
    flags = {"*": "source"}
    sources = [primary(base), linked(over, flags)]
    cells = {f"{s.source}/{f}": {r["sku"]: r for r in t.to_pylist()} for s in sources for f, t in s.feeds.items()}
    merged = merge(sources).table.to_pylist()
    siblings = {row["sku"]: {r["sku"] for r in merged if r["product_key"] == row["product_key"]} for row in merged}
    for row in merged:
        for name in ("title", "qty", "retail_price", "meta_brand", "images", "product_active"):
            label = row[f"_from.{name}"]
            assert (label is None) == (row[name] is None)
            if label is None:
                continue
            is_shared = name in {"title", "meta_brand", "images"}
            origins = [
                cells[label][sku]
                for sku in (siblings[row["sku"]] if is_shared else [row["sku"]])
                if sku in cells[label]
            ]
            assert row[name] in [origin[name] for origin in origins]
            own = cells[label].get(row["sku"])
            found = (row[f"_row.{label}"], row[f"_read_at.{label}"])
            assert found == ((own["_row"], own["_read_at"]) if own else (None, None))


@few
@given(
    st.decimals(0, 10**9, places=4),
    st.sampled_from(["incl", "excl"]),
    st.sampled_from(["incl", "excl"]),
    st.sampled_from([Decimal(0), Decimal(15), Decimal("15.5"), Decimal("7.25")]),
)
def test_columns_of_prices_convert_as_single_prices_do(amount, have, want, rate):
    rows = columns_of([{**dict.fromkeys(COLUMNS, ""), "Prod": "A", "SKU": "A", "WebName": "T", "Web": "A", "qty": "1"}])
    result = mapped({**rows, "price": [str(amount)]}, TARGETS, basis=have, terms=Terms(basis=want, tax_rate=rate))
    assert result.table["retail_price"].to_pylist() == [to_basis(amount, have=have, want=want, tax_rate=rate)]


formats = st.sampled_from([(".", ""), (".", ","), (".", " "), (".", "'"), (",", ""), (",", "."), (",", " ")])


@given(st.decimals(-(10**11), 10**11, places=3), formats, st.sampled_from(["", "R", "R ", "ZAR "]))
def test_number_written_as_declared_is_read_back(amount, marks, currency):
    point, group = marks
    text = f"{abs(amount):,.3f}".replace(",", "\0").replace(".", point).replace("\0", group)
    text = f"{'-' if amount < 0 else ''}{currency}{text}"
    spelling = Spelling(NumberFormat(decimal_mark=point, thousands_mark=group))
    reading = read_decimals(pa.array([text]), spelling)
    assert reading.flaws == ()
    assert reading.values[0].as_py() == amount


@given(st.text(max_size=15), formats)
def test_text_is_read_or_refused_and_never_both(text, marks):
    assume(not any(0xD800 <= ord(c) <= 0xDFFF for c in text))
    reading = read_decimals(pa.array([text]), Spelling(NumberFormat(decimal_mark=marks[0], thousands_mark=marks[1])))
    refused = sum(flaw.mask[0].as_py() for flaw in reading.flaws)
    assert refused <= 1
    assert not (refused and reading.values[0].as_py() is not None)

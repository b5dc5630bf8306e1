"""What every `Source` promises."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_args

import pyarrow as pa
import pytest

from s2s_pipelines.errors import AccessError, ConfigurationError, S2SError, TransientError
from s2s_pipelines.model.field import FEEDS, Feed
from s2s_pipelines.ports import Evidence, Extract, Source
from tests.contract.suite import SeedRow, SourceHarness, claims, requires

ROWS: list[SeedRow] = [
    {"code": "0007", "title": "Tent, two persons", "price": "1299.90", "note": "sale"},
    {"code": "00123", "title": "Ünïcode ✓ 'quoted' \"twice\"", "price": "0.10", "note": None},
    {"code": "12E4", "title": "Rope 10 m", "price": "19.99", "note": "x"},
    {"code": "1.50", "title": "Stove", "price": "1234567.89", "note": "two"},
]


def error_texts(error: BaseException) -> Iterator[str]:
    """All that a log would show of an error: its own words and those of the errors behind it."""
    seen: BaseException | None = error
    while seen is not None:
        yield str(seen)
        yield repr(seen)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def assert_keeps_secrets(error: BaseException, secrets: tuple[str, ...]) -> None:
    """No secret shows up in an error or in what it was raised from."""
    assert secrets, "a harness without secrets proves nothing here: name at least one text that must not show"
    for text in error_texts(error):
        for secret in secrets:
            assert secret not in text, "a secret shows in an error"


def column(harness: SourceHarness, extract: Extract, name: str, feed: Feed | None = None) -> list[str | None]:
    """One column of an extract by the suite's name of it."""
    spelling = harness.column(feed or harness.feeds[0], name)
    assert spelling in extract.table.column_names, f"no column {spelling} in {extract.table.column_names}"
    return extract.table.column(spelling).to_pylist()


def price_of(harness: SourceHarness, extract: Extract, code: str) -> Decimal | None:
    """The price an extract has for a code; None when the row or its price is missing."""
    found = dict(zip(column(harness, extract, "code"), column(harness, extract, "price"), strict=True))
    text = found.get(code)
    return None if text is None else Decimal(text)


def read(harness: SourceHarness, source: Source | None = None, since: str | None = None) -> Extract:
    """The first feed."""
    return (source or harness.source()).read(harness.feeds[0], since)


class SourceContract:
    """One method per promise; each takes the harness and nothing else."""

    def test_check_is_quiet_and_may_be_repeated(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        source = harness.source()
        assert [source.check(), source.check()] == [None, None]

    def test_check_raises_when_unreachable(self, harness: SourceHarness) -> None:
        with pytest.raises(TransientError):
            harness.unreachable().check()

    def test_unreachable_raises_and_is_never_empty(self, harness: SourceHarness) -> None:
        for feed in harness.feeds:
            with pytest.raises(TransientError):
                harness.unreachable().read(feed)

    @requires("refuses")
    def test_refused_credentials_are_an_access_error(self, harness: SourceHarness) -> None:
        for call in (lambda: harness.refused().check(), lambda: read(harness, harness.refused())):
            with pytest.raises(AccessError):
                call()

    @requires("misdeclares")
    def test_what_is_not_there_is_named_and_not_empty(self, harness: SourceHarness) -> None:
        for call in (lambda: harness.misdeclared().check(), lambda: read(harness, harness.misdeclared())):
            with pytest.raises(ConfigurationError):
                call()

    def test_undeclared_feed_is_a_configuration_error(self, harness: SourceHarness) -> None:
        feed = harness.undeclared
        if feed is None:
            assert set(harness.feeds) == set(FEEDS)
            return
        with pytest.raises(ConfigurationError):
            harness.without_feed().read(feed)

    def test_errors_say_where_and_keep_secrets(self, harness: SourceHarness) -> None:
        with pytest.raises(S2SError) as caught:
            read(harness, harness.unreachable())
        error = caught.value
        assert error.client
        assert error.connection
        assert error.operation
        assert_keeps_secrets(error, harness.secrets)

    @requires("refuses")
    def test_refusal_keeps_secrets(self, harness: SourceHarness) -> None:
        with pytest.raises(S2SError) as caught:
            read(harness, harness.refused())
        assert_keeps_secrets(caught.value, harness.secrets)

    def test_empty_means_empty(self, harness: SourceHarness) -> None:
        for feed in harness.feeds:
            harness.seed(feed, [])
            extract = harness.source().read(feed)
            assert (extract.table.num_rows, len(extract.rows), extract.rejects) == (0, 0, ())
            assert extract.is_complete

    def test_every_claimed_feed_is_read(self, harness: SourceHarness) -> None:
        assert set(harness.feeds) == harness.manifest.capabilities & set(FEEDS), (
            "the harness must offer what is claimed"
        )
        for feed in harness.feeds:
            harness.seed(feed, ROWS[:2])
            extract = harness.source().read(feed)
            assert extract.feed == feed
            assert column(harness, extract, "code", feed) == ["0007", "00123"]

    def test_every_cell_is_text(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        extract = read(harness)
        kinds = set(extract.table.schema.types)
        assert extract.table.num_columns >= 4
        assert kinds <= {pa.string(), pa.large_string()}

    def test_codes_keep_every_character(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        assert column(harness, read(harness), "code") == ["0007", "00123", "12E4", "1.50"]

    def test_amounts_are_exact_and_plain(self, harness: SourceHarness) -> None:
        amounts = ["0.10", "19.99", "0.07", "1234567.89", "100.00", "0.00", "-5.25", "4.35"]
        rows = [{"code": f"A{i}", "title": "t", "price": a, "note": "n"} for i, a in enumerate(amounts)]
        harness.seed(harness.feeds[0], rows)
        cells = column(harness, read(harness), "price")
        for cell, amount in zip(cells, amounts, strict=True):
            assert cell is not None
            assert re.fullmatch(r"-?\d+(\.\d+)?", cell), f"{cell!r} is not plain digits"
            assert Decimal(cell) == Decimal(amount)

    def test_text_keeps_letters_quotes_and_marks(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        assert column(harness, read(harness), "title") == [row["title"] for row in ROWS]

    @requires("nulls")
    def test_null_is_not_empty_text(self, harness: SourceHarness) -> None:
        rows = [dict(ROWS[0], note=None), dict(ROWS[1], note=""), dict(ROWS[2], note="0")]
        harness.seed(harness.feeds[0], rows)
        assert column(harness, read(harness), "note") == [None, "", "0"]

    def test_rows_carry_the_sources_own_numbers(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        extract = read(harness)
        assert extract.rows.type == pa.int64()
        assert extract.rows.to_pylist() == list(harness.row_numbers(len(ROWS)))

    def test_repeated_rows_are_all_kept(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], [ROWS[0], ROWS[0], ROWS[1], ROWS[0]])
        assert column(harness, read(harness), "code") == ["0007", "0007", "00123", "0007"]

    def test_no_row_is_lost_or_doubled_among_many(self, harness: SourceHarness) -> None:
        rows = [{"code": f"{i:06}", "title": f"Item {i}", "price": f"{i}.50", "note": None} for i in range(2503)]
        harness.seed(harness.feeds[0], rows)
        extract = read(harness)
        assert column(harness, extract, "code") == [row["code"] for row in rows]
        assert extract.rows.to_pylist() == list(harness.row_numbers(len(rows)))

    def test_same_content_comes_in_the_same_order_with_the_same_fingerprint(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        source = harness.source()
        first, second, third = read(harness, source), read(harness, source), read(harness)
        assert first.table.equals(second.table)
        assert first.table.equals(third.table)
        assert first.fingerprint
        assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 1

    def test_other_content_has_another_fingerprint(self, harness: SourceHarness) -> None:
        variants = [
            ROWS,
            ROWS[:3],
            [dict(ROWS[0], price="1299.91"), *ROWS[1:]],
            [dict(ROWS[0], code="0007T", title="ent, two persons"), *ROWS[1:]],
            [ROWS[0], dict(ROWS[1], code="00124"), *ROWS[2:]],
        ]
        prints = []
        for rows in variants:
            harness.seed(harness.feeds[0], rows)
            prints.append(read(harness).fingerprint)
        assert len(set(prints)) == len(variants)

    def test_read_time_is_when_the_read_began(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        before = datetime.now(UTC)
        extract = read(harness)
        after = datetime.now(UTC)
        assert extract.read_at.tzinfo is not None
        assert before <= extract.read_at <= after
        assert extract.modified_at is None or extract.modified_at.tzinfo is not None

    def test_full_read_is_complete(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        assert read(harness).is_complete is True

    def test_cursor_is_given_exactly_where_claimed(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        assert (read(harness).cursor is not None) == ("incremental" in harness.manifest.capabilities)

    @claims("incremental")
    def test_what_changed_comes_since_the_cursor(self, harness: SourceHarness) -> None:
        feed = harness.feeds[0]
        harness.seed(feed, ROWS)
        first = read(harness)
        harness.touch(feed, [dict(ROWS[2], price="20.49")])
        changed = read(harness, since=first.cursor)
        assert price_of(harness, changed, "12E4") == Decimal("20.49")
        assert changed.is_complete is False
        assert changed.cursor is not None

    @claims("incremental")
    def test_equal_stamps_lose_nothing(self, harness: SourceHarness) -> None:
        feed = harness.feeds[0]
        harness.seed(feed, ROWS)
        first = read(harness)
        harness.touch(feed, [dict(ROWS[0], price="1.00"), dict(ROWS[3], price="2.00")], is_same_moment=True)
        changed = read(harness, since=first.cursor)
        assert [price_of(harness, changed, code) for code in ("0007", "1.50")] == [Decimal("1.00"), Decimal("2.00")]

    @claims("incremental")
    def test_a_quiet_read_leaves_a_cursor_that_loses_nothing(self, harness: SourceHarness) -> None:
        feed = harness.feeds[0]
        harness.seed(feed, ROWS)
        first = read(harness)
        second = read(harness, since=first.cursor)
        harness.touch(feed, [dict(ROWS[1], price="3.00")])
        third = read(harness, since=second.cursor)
        assert price_of(harness, third, "00123") == Decimal("3.00")

    @claims("incremental")
    def test_a_strange_cursor_is_refused_or_read_in_full(self, harness: SourceHarness) -> None:
        harness.seed(harness.feeds[0], ROWS)
        try:
            extract = read(harness, since="not a cursor '; --")
        except ConfigurationError:
            return
        assert extract.is_complete
        assert extract.table.num_rows == len(ROWS)

    def test_manifest_says_what_it_was_tried_against(self, harness: SourceHarness) -> None:
        manifest = harness.manifest
        assert manifest.role == "source"
        assert manifest.verified_against
        for seen in manifest.verified_against:
            assert seen.evidence in get_args(Evidence)
            assert seen.version
            date.fromisoformat(seen.checked_on)
        source = harness.source()
        takes_orders = hasattr(source, "raise_order") and hasattr(source, "find")
        assert takes_orders == ("orders" in manifest.capabilities)

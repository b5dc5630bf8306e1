"""Sources that tell one lie each. ``LIARS`` says which clause must catch which."""

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from s2s_pipelines.errors import AccessError, ConfigurationError, DataError, S2SError, TransientError
from s2s_pipelines.model.field import Feed
from s2s_pipelines.ports import Extract
from tests.contract.broken.honest_source import PLACES, SECRET, HonestSource


def nothing(feed: Feed) -> Extract:
    """An extract that looks like a good one."""
    table = pa.table({name: pa.array([], pa.string()) for name in ("code", "title", "price", "note")})
    return Extract(feed, table, pa.array([], pa.int64()), datetime.now(UTC), True, "empty")


class ChecksOnce(HonestSource):
    asked = False

    def check(self) -> None:
        super().check()
        if self.asked:
            raise TransientError("busy", **PLACES)
        self.asked = True


class AlwaysGlad(HonestSource):
    def check(self) -> None:
        return None


class EmptyOnFailure(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        try:
            return super().read(feed, since)
        except TransientError:
            return nothing(feed)


class RefusalLooksTransient(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        try:
            return super().read(feed, since)
        except AccessError as error:
            raise TransientError("try again", **PLACES) from error


class EmptyWhenMissing(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        return nothing(feed) if self.state == "misdeclared" else super().read(feed, since)


class EmptyWhenUndeclared(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        return super().read(feed, since) if feed in self.declared else nothing(feed)


class SaysNowhere(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        try:
            return super().read(feed, since)
        except TransientError as error:
            raise TransientError(error.message) from None


class TellsThePassword(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        try:
            return super().read(feed, since)
        except S2SError as error:
            raise type(error)(f"postgresql://erp:{SECRET}@host failed", **PLACES) from None


class TellsThePasswordBehindIt(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        try:
            return super().read(feed, since)
        except S2SError as error:
            raise type(error)(error.message, **PLACES) from ValueError(SECRET)


class FaultWhenEmpty(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        extract = super().read(feed, since)
        if not extract.table.num_rows:
            raise DataError("no rows", **PLACES)
        return extract


class ReadsProductsOnly(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        return super().read("products", since)


class Changed(HonestSource):
    """Tells its lie about an extract that was right."""

    def lie(self, extract: Extract) -> Extract:
        raise AssertionError("a liar says its lie")

    def read(self, feed: Feed, since: str | None = None) -> Extract:
        return self.lie(super().read(feed, since))


def with_column(extract: Extract, name: str, change: Callable[[str | None], str | None]) -> Extract:
    """The extract with one column's cells changed."""
    table = extract.table
    cells = pa.array([change(cell) for cell in table.column(name).to_pylist()], pa.string())
    return replace(extract, table=table.set_column(table.column_names.index(name), name, cells))


class TypesItsCells(Changed):
    def lie(self, extract: Extract) -> Extract:
        prices = extract.table.column("price").cast(pa.float64())
        return replace(extract, table=extract.table.set_column(2, "price", prices))


class DropsLeadingZeros(Changed):
    def lie(self, extract: Extract) -> Extract:
        return with_column(extract, "code", lambda cell: cell and cell.lstrip("0"))


class ReadsPricesAsFloats(Changed):
    def lie(self, extract: Extract) -> Extract:
        return with_column(
            extract, "price", lambda cell: cell and str(struct.unpack("f", struct.pack("f", float(cell)))[0])
        )


class WritesExponents(Changed):
    def lie(self, extract: Extract) -> Extract:
        return with_column(extract, "price", lambda cell: cell and f"{float(cell):.12e}")


class KnowsAsciiOnly(Changed):
    def lie(self, extract: Extract) -> Extract:
        return with_column(extract, "title", lambda cell: cell and cell.encode("ascii", "replace").decode())


class NullsAreEmpty(Changed):
    def lie(self, extract: Extract) -> Extract:
        return with_column(extract, "note", lambda cell: cell or "")


class EmptyIsNull(Changed):
    def lie(self, extract: Extract) -> Extract:
        return with_column(extract, "note", lambda cell: cell or None)


class CountsFromZero(Changed):
    def lie(self, extract: Extract) -> Extract:
        return replace(extract, rows=pc.subtract(extract.rows, 1))


class DropsRepeats(Changed):
    def lie(self, extract: Extract) -> Extract:
        codes = extract.table.column("code").to_pylist()
        first = [i for i, code in enumerate(codes) if code not in codes[:i]] if len(codes) < 100 else range(len(codes))
        return replace(extract, table=extract.table.take(list(first)), rows=extract.rows.take(pa.array(list(first))))


class LosesTheLastPage(Changed):
    def lie(self, extract: Extract) -> Extract:
        kept = extract.table.num_rows // 500 * 500 if extract.table.num_rows > 500 else extract.table.num_rows
        return replace(extract, table=extract.table.slice(0, kept), rows=extract.rows.slice(0, kept))


class DoublesAtPageEnds(Changed):
    def lie(self, extract: Extract) -> Extract:
        count = extract.table.num_rows
        order = [i for i in range(count) for _ in range(2 if i and i % 500 == 0 else 1)]
        return replace(extract, table=extract.table.take(order), rows=extract.rows.take(pa.array(order, pa.int64())))


class ComesInAnyOrder(Changed):
    def lie(self, extract: Extract) -> Extract:
        order = list(range(extract.table.num_rows))
        self.dice.shuffle(order)
        return replace(extract, table=extract.table.take(order))

    dice = random.Random(7)


class FingerprintsTheClock(Changed):
    def lie(self, extract: Extract) -> Extract:
        return replace(extract, fingerprint=extract.read_at.isoformat())


class FingerprintsTheCount(Changed):
    def lie(self, extract: Extract) -> Extract:
        return replace(extract, fingerprint=str(extract.table.num_rows))


class FingerprintsTheLetters(Changed):
    def lie(self, extract: Extract) -> Extract:
        letters = "".join(cell or "" for row in extract.table.to_pylist() for cell in row.values())
        return replace(extract, fingerprint=letters)


class ReadLater(Changed):
    def lie(self, extract: Extract) -> Extract:
        return replace(extract, read_at=extract.read_at + timedelta(seconds=5))


class NaiveReadTime(Changed):
    def lie(self, extract: Extract) -> Extract:
        return replace(extract, read_at=extract.read_at.replace(tzinfo=None))


class NeverComplete(Changed):
    def lie(self, extract: Extract) -> Extract:
        return replace(extract, is_complete=False)


class ForgetsTheCursor(Changed):
    def lie(self, extract: Extract) -> Extract:
        return replace(extract, cursor=None)


class CallsChangesComplete(Changed):
    def lie(self, extract: Extract) -> Extract:
        return replace(extract, is_complete=True)


class StrictlyAfter(HonestSource):
    def floor(self, since: str | None) -> datetime | None:
        floor = super().floor(since)
        return floor and floor + timedelta(microseconds=1)


class CursorJumpsToNow(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        extract = super().read(feed, since)
        return replace(
            extract, cursor=(datetime.now(UTC) + timedelta(days=999)).isoformat() if since else extract.cursor
        )


class NothingForStrangeCursors(HonestSource):
    def read(self, feed: Feed, since: str | None = None) -> Extract:
        try:
            return super().read(feed, since)
        except ConfigurationError:
            if since is None or self.state != "ok":
                raise
            return replace(nothing(feed), is_complete=False)


class ClaimsOrders(HonestSource):
    manifest = replace(HonestSource.manifest, capabilities=HonestSource.manifest.capabilities | {"orders"})


class NeverTried(HonestSource):
    manifest = replace(HonestSource.manifest, verified_against=())


LIARS: dict[str, list[type[HonestSource]]] = {
    "test_check_is_quiet_and_may_be_repeated": [ChecksOnce],
    "test_check_raises_when_unreachable": [AlwaysGlad],
    "test_unreachable_raises_and_is_never_empty": [EmptyOnFailure],
    "test_refused_credentials_are_an_access_error": [RefusalLooksTransient, AlwaysGlad],
    "test_what_is_not_there_is_named_and_not_empty": [EmptyWhenMissing],
    "test_undeclared_feed_is_a_configuration_error": [EmptyWhenUndeclared],
    "test_errors_say_where_and_keep_secrets": [SaysNowhere, TellsThePassword, TellsThePasswordBehindIt],
    "test_refusal_keeps_secrets": [TellsThePassword, TellsThePasswordBehindIt],
    "test_empty_means_empty": [FaultWhenEmpty],
    "test_every_claimed_feed_is_read": [ReadsProductsOnly],
    "test_every_cell_is_text": [TypesItsCells],
    "test_codes_keep_every_character": [DropsLeadingZeros],
    "test_amounts_are_exact_and_plain": [ReadsPricesAsFloats, WritesExponents],
    "test_text_keeps_letters_quotes_and_marks": [KnowsAsciiOnly],
    "test_null_is_not_empty_text": [NullsAreEmpty, EmptyIsNull],
    "test_rows_carry_the_sources_own_numbers": [CountsFromZero],
    "test_repeated_rows_are_all_kept": [DropsRepeats],
    "test_no_row_is_lost_or_doubled_among_many": [LosesTheLastPage, DoublesAtPageEnds],
    "test_same_content_comes_in_the_same_order_with_the_same_fingerprint": [ComesInAnyOrder, FingerprintsTheClock],
    "test_other_content_has_another_fingerprint": [FingerprintsTheCount, FingerprintsTheLetters],
    "test_read_time_is_when_the_read_began": [ReadLater, NaiveReadTime],
    "test_full_read_is_complete": [NeverComplete],
    "test_cursor_is_given_exactly_where_claimed": [ForgetsTheCursor],
    "test_what_changed_comes_since_the_cursor": [CallsChangesComplete],
    "test_equal_stamps_lose_nothing": [StrictlyAfter],
    "test_a_quiet_read_leaves_a_cursor_that_loses_nothing": [CursorJumpsToNow],
    "test_a_strange_cursor_is_refused_or_read_in_full": [NothingForStrangeCursors],
    "test_manifest_says_what_it_was_tried_against": [ClaimsOrders, NeverTried],
}

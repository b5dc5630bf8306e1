"""Content that stands is known by a glance: nothing is made sense of twice, and nothing else is different."""

from dataclasses import replace

import pytest

from s2s_pipelines.errors import DataError, TransientError
from s2s_pipelines.ports import Glance
from tests.integration.cycle.test_publish import many
from tests.integration.cycle.world import ToldSource


class Glancing(ToldSource):
    """Made sense of only when asked; counts how often."""

    made, unreadable, notes = 0, None, ("the encoding was guessed",)

    def read(self, feed, since=None):
        return self.glance(feed).extract()

    def glance(self, feed):
        extract = replace(super().read(feed), notes=self.notes)

        def make():
            self.made += 1
            if self.unreadable is not None:
                raise self.unreadable
            return extract

        return Glance(extract.fingerprint, extract.read_at, extract.modified_at, make)


@pytest.fixture
def erp(world):
    world.sources["erp"] = Glancing(world.clock)
    world.erp(*many(3), {"SKU": "BAD", "PRICE": "much"})
    return world.sources["erp"]


def products(result):
    (feed,) = result.sources["erp"].feeds
    return feed


def test_same_content_is_made_sense_of_once_and_confirmed_after(world, erp):
    first = products(world.refresh_all())
    assert (first.outcome, first.notes[0], erp.made) == ("kept", "the encoding was guessed", 1)
    again = products(world.refresh_all())
    assert (again.outcome, erp.made) == ("unchanged", 1)
    for name in ("rows_in", "rows_out", "rejected", "ignored", "is_complete", "notes", "snapshot_id"):
        assert getattr(again, name) == getattr(first, name), name
    assert (again.rejected, again.rows_in) == (1, 4)
    assert again.stands_since > first.stands_since
    stands = world.stores.catalogue.current("karoo", "source/erp/products")
    assert stands.details["confirmed_at"] == stands.read_at.isoformat()
    assert world.stores.catalogue.feed_states("karoo")["erp", "products"].full_at == stands.read_at


def test_other_content_and_another_declaration_are_made_sense_of_anew(world, erp):
    world.refresh_all()
    world.erp(*many(4))
    assert (products(world.refresh_all()).outcome, erp.made) == ("kept", 2)
    world.declare("erp", basis="excl")
    assert (products(world.refresh_all()).outcome, erp.made) == ("kept", 3)


def test_content_that_was_refused_is_judged_again_each_time(world, erp):
    world.refresh_all()
    world.erp()
    assert [products(world.refresh_all()).outcome for _ in range(2)] == ["refused", "refused"]
    assert erp.made == 3


def test_error_of_the_glance_and_of_the_reading_leave_what_stands(world, erp):
    world.refresh_all()
    erp.error = TransientError("away")
    assert products(world.refresh_all()).outcome == "failed"
    erp.error, erp.unreadable = None, DataError("two tables")
    world.erp(*many(2))
    told = products(world.refresh_all())
    assert (told.outcome, told.fault.message) == ("failed", "two tables")
    stands = world.stores.catalogue.current("karoo", "source/erp/products")
    assert stands.rows_in == 4

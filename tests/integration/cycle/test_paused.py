"""What a person paused is neither read nor pushed, and is done after, once."""

from datetime import timedelta

from s2s_pipelines.model.pause import stopping
from s2s_pipelines.storage.pause_store import Pauses


def pauses_of(world):
    return Pauses(world.engine, world.clock)


def pause_of(world):
    def found(activity, **where):
        return stopping(pauses_of(world).live(), client="karoo", activity=activity, now=world.clock.now(), **where)

    return found


def begin(world, scope, target=None):
    until = world.clock.now() + timedelta(hours=1)
    return pauses_of(world).begin("karoo", scope, target, until=until, why="stock take", by="Ops")


def with_sheet(world):
    fields = {"variants.sku": "SKU", "variants.qty": "ONHAND"}
    sheet = world.add("sheet", "stock", fields, flags={"variants.qty": "source"})
    sheet.tell("stock", [{"SKU": "S1", "ONHAND": "7"}])
    return sheet


def test_a_paused_source_is_not_read_even_when_asked_for_and_what_stands_stays(world):
    sheet = with_sheet(world)
    world.erp({"SKU": "S1"}, {"SKU": "S2"})
    world.cycle()
    asked = len(sheet.asked)
    assert world.qty("S1") == 7
    pause = begin(world, "source", "sheet")
    sheet.tell("stock", [{"SKU": "S1", "ONHAND": "3"}])
    world.erp({"SKU": "S1"}, {"SKU": "S2", "ONHAND": "4"})

    result = world.refresh_all(pause_of=pause_of(world))

    (feed,) = result.sources["sheet"].feeds
    assert (feed.outcome, feed.stands_since is not None) == ("paused", True)
    assert feed.notes[0].startswith(pause.message)
    assert result.sources["erp"].feeds[0].outcome == "kept"
    assert (len(sheet.asked), result.is_ok) == (asked, True)
    assert world.publish(pause_of=pause_of(world)).status == "pushed"
    assert (world.qty("S1"), world.qty("S2")) == (7, 4), "the paused one's quantity stays, the other's moves on"

    world.clock.move(hours=1)
    assert world.refresh(pause_of=pause_of(world)).sources["sheet"].feeds[0].outcome == "kept"
    assert world.publish().sent == 1
    assert world.qty("S1") == 3


def test_a_paused_push_says_so_and_writes_nothing_and_what_changed_is_pushed_once_after(world):
    world.erp({"SKU": "S1"}, {"SKU": "S2"})
    world.cycle()
    for _ in range(2):
        pause = begin(world, "pushes")
        for quantity in ("4", "3", "2"):
            world.erp({"SKU": "S1", "ONHAND": quantity}, {"SKU": "S2"})
            world.refresh_all(pause_of=pause_of(world))
            told = world.publish(pause_of=pause_of(world))
            assert (told.status, told.pause, told.sent) == ("paused", pause, 0)
        begun = len(world.shop.pushes)
        pauses_of(world).end("karoo", "pushes", None, by="Ops")
        assert world.publish(pause_of=pause_of(world)).sent == 1
        assert world.publish(pause_of=pause_of(world)).sent == 0
        assert len(world.shop.pushes) == begun + 1
        assert world.qty("S1") == 2
        world.erp({"SKU": "S1", "ONHAND": "9"}, {"SKU": "S2"})
        world.refresh_all()
        world.publish()


def test_a_pause_of_another_channel_or_source_stops_no_push(world):
    world.erp({"SKU": "S1"})
    world.refresh_all()
    begin(world, "channel", "other")
    begin(world, "source", "erp")
    begin(world, "orders")
    assert world.publish(pause_of=pause_of(world)).status == "pushed"


def test_a_pause_that_begins_during_a_push_stops_it_before_the_next_batch(world):
    world.erp(*({"SKU": f"S{i}"} for i in range(6)))
    world.refresh_all()
    push = world.shop.push

    def pausing(changes):
        begin(world, "channel", "shop")
        return push(changes)

    world.shop.push = pausing
    told = world.publish(pause_of=pause_of(world), batch_items=4)
    assert (told.status, told.pause.scope, told.fault) == ("partial", "channel", None)
    assert (told.sent, told.acknowledged, told.remaining) == (4, 4, 8)
    assert len(world.shop.skus) == 2

    world.shop.push = push
    pauses_of(world).end("karoo", "channel", "shop", by="Ops")
    rest = world.publish(pause_of=pause_of(world))
    assert (rest.status, rest.sent) == ("pushed", 8)
    assert len(world.shop.skus) == 6

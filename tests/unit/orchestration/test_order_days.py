"""The days of all clients' orders are one definition, or a backfill over several clients is refused."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

from s2s_pipelines.orchestration.order_job import order_days


def client(start, timezone):
    orders = None if start is None else SimpleNamespace(from_on=date.fromisoformat(start))
    channels = {"shop": SimpleNamespace(orders=orders), "other": SimpleNamespace(orders=None)}
    return SimpleNamespace(declaration=SimpleNamespace(timezone=timezone, channels=channels))


def keys(days, at):
    return days.get_partition_keys(current_time=at)


def test_days_begin_with_the_first_client_and_are_there_for_all_as_soon_as_they_begin_for_one():
    days = order_days([
        client("2026-03-01", "Europe/London"),
        client("2026-01-05", "Africa/Johannesburg"),
        client(None, "Pacific/Auckland"),
    ])  # fmt: skip
    midnight_in_johannesburg = datetime(2026, 4, 1, 22, 0, 1, tzinfo=UTC)
    found = keys(days, midnight_in_johannesburg)
    assert (found[0], found[-1]) == ("2026-01-05", "2026-04-02")


def test_the_order_in_which_clients_are_declared_changes_nothing():
    clients = [client("2026-03-01", zone) for zone in ("Africa/Johannesburg", "Africa/Harare", "Europe/London")]
    assert order_days(clients) == order_days(clients[::-1])


def test_without_orders_there_are_no_days():
    assert order_days([client(None, "UTC")]) is None

"""Who is told what: once for each cause, a summary when there are many, a digest of the rest, an all-clear at the end."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from s2s_pipelines.cycle.alert_text import payload, subject, text
from s2s_pipelines.cycle.alerting import Alert, Manner, Message, digest_moment, messages, reconcile, retry_at
from s2s_pipelines.cycle.cause import Cause
from tests.unit.cycle.fleet_sample import NOON, ago

UI = "https://dagster.example.com"


def cause(kind="breaker", client="acme", name="shop"):
    return Cause(
        kind, (client, name), client, f"{kind} at {name}", "It is so.", "mend it", f"/assets/{client}/plan/{name}"
    )


def alert(number=1, kind="breaker", client="acme", name="shop", *, told=None, **values):
    made = cause(kind, client, name)
    said = (made.subject, made.message, made.remedy, made.path)
    times = {"opened_at": ago(minutes=1), "seen_at": ago(minutes=1)}
    return Alert(number, made.key, kind, client, *said, **{**times, **values}, told=told or {})


def told(event, minutes=0, receiver="ops"):
    return {receiver: {event: ago(minutes=minutes).isoformat()}}


def said(alerts, *, now=NOON, most_at_once=20, digest=None, receiver="ops"):
    return [(m.event, [a.id for a in m.alerts]) for m in messages(receiver, alerts, now, Manner(most_at_once, digest))]


# -- opening and closing ----------------------------------------------------------------------------------------------


def test_a_new_cause_is_opened_and_one_that_is_known_is_not():
    changes = reconcile([cause(), cause(name="outlet")], [alert()], NOON)
    assert [c.key for c in changes.opened] == ["breaker/acme/outlet"]
    assert [(a.id, c.key) for a, c in changes.seen] == [(1, "breaker/acme/shop")]
    assert changes.closed == ()


def test_a_cause_that_is_named_twice_is_opened_once():
    assert len(reconcile([cause(), cause()], [], NOON).opened) == 1


@pytest.mark.parametrize(("minutes", "is_over"), [(2, False), (3, True)])
def test_an_alert_closes_when_its_cause_has_been_gone_for_three_minutes(minutes, is_over):
    changes = reconcile([], [alert(seen_at=ago(minutes=minutes))], NOON)
    assert bool(changes.closed) is is_over


def test_after_a_standstill_age_alone_opens_nothing_and_closes_nothing():
    stale, breaker = cause("stale_feed"), cause()
    changes = reconcile([stale, breaker], [], NOON, is_settling=True)
    assert changes.opened == (breaker,)
    known = alert(kind="stale_feed", seen_at=ago(hours=9))
    changes = reconcile([stale], [known], NOON, is_settling=True)
    assert ([a.id for a, _ in changes.seen], changes.closed) == ([1], ())


# -- telling ----------------------------------------------------------------------------------------------------------


def test_each_new_cause_is_told_in_a_message_of_its_own_the_oldest_first():
    young, old = alert(1, opened_at=ago(minutes=1)), alert(2, name="outlet", opened_at=ago(minutes=5))
    assert said([young, old]) == [("opened", [2]), ("opened", [1])]


def test_what_was_told_is_not_told_again_however_long_it_lasts():
    for days in (0, 1, 100):
        assert said([alert(told=told("opened"))], now=NOON + timedelta(days=days)) == []


def test_each_receiver_is_told_for_itself():
    half = alert(told=told("opened", receiver="ops"))
    assert said([half], receiver="ops") == []
    assert said([half], receiver="night") == [("opened", [1])]


def test_warnings_are_left_to_the_digest():
    warning = alert(kind="rejected_rows", opened_at=ago(hours=5))
    assert said([warning]) == []
    assert said([warning], digest=ago(hours=1)) == [("digest", [1])]


def test_more_than_so_many_at_once_come_as_one_summary():
    many = [alert(n, name=f"c{n}") for n in range(1, 8)]
    assert said(many, most_at_once=2) == [("opened", [1]), ("opened", [2]), ("summary", [3, 4, 5, 6, 7])]


def test_while_many_go_on_coming_there_is_no_more_than_one_summary_in_a_quarter_of_an_hour():
    first = [alert(1, told=told("opened", 5)), alert(2, told=told("opened", 5)), alert(3, told=told("summary", 5))]
    more = [alert(n, name=f"c{n}") for n in (4, 5)]
    assert said([*first, *more], most_at_once=2) == []
    later = NOON + timedelta(minutes=10)
    assert said([*first, *more], now=later, most_at_once=2) == [("opened", [4]), ("opened", [5])]


def test_the_quarter_of_an_hour_counts_what_is_over_as_well():
    over = [alert(n, told=told("opened", 5), closed_at=ago(minutes=1)) for n in (1, 2)]
    events = [event for event, _ in said([*over, alert(3, name="new")], most_at_once=2)]
    assert events == ["summary", "all_clear"]


@pytest.mark.parametrize("event", ["opened", "summary"])
def test_whoever_was_told_gets_an_all_clear_once(event):
    over = alert(told=told(event, 60), closed_at=ago(minutes=1))
    assert said([over]) == [("all_clear", [1])]
    assert said([replace(over, told={"ops": {**over.told["ops"], "closed": NOON.isoformat()}})]) == []


def test_what_was_never_told_and_is_over_is_not_told():
    assert said([alert(closed_at=ago(minutes=1))]) == []
    warned = alert(kind="rejected_rows", told=told("digest", 60), closed_at=ago(minutes=1))
    assert said([warned]) == []


def test_all_clears_of_one_moment_come_together():
    over = [alert(n, told=told("opened", 60), closed_at=NOON) for n in (1, 2, 3)]
    assert said(over) == [("all_clear", [1, 2, 3])]


def test_a_receiver_that_cannot_be_reached_is_told_of_by_the_others():
    lost = replace(alert(), cause="failed_receiver/ops", kind="failed_receiver", client=None)
    assert said([lost], receiver="ops") == []
    assert said([lost], receiver="night") == [("opened", [1])]


# -- digest -----------------------------------------------------------------------------------------------------------


def test_the_digest_holds_everything_that_was_wrong_then_the_urgent_first():
    open_ones = [
        alert(1, "rejected_rows", opened_at=ago(days=3)),
        alert(2, told=told("opened", 300), opened_at=ago(hours=5)),
        alert(3, name="young", told=told("opened"), opened_at=ago(minutes=5)),
        alert(4, name="over", told=told("opened", 300), opened_at=ago(hours=5), closed_at=ago(hours=2)),
    ]
    events = said(open_ones, digest=ago(hours=1))
    assert events[-1] == ("digest", [2, 1])


def test_the_digest_comes_once_a_day():
    old = alert(told={"ops": {"opened": ago(days=1).isoformat()}}, opened_at=ago(days=1))
    eight = digest_moment(NOON, time(8), "UTC")
    assert said([old], digest=eight) == [("digest", [1])]
    sent = replace(old, told={"ops": {**old.told["ops"], "digest": ago(hours=3).isoformat()}})
    assert said([sent], digest=eight) == []
    tomorrow = NOON + timedelta(days=1)
    assert said([sent], now=tomorrow, digest=digest_moment(tomorrow, time(8), "UTC")) == [("digest", [1])]


def test_there_is_no_digest_when_nothing_is_wrong_or_nobody_wants_one():
    assert said([], digest=ago(hours=1)) == []
    assert said([alert(told=told("opened", 600), opened_at=ago(hours=10))]) == []


def test_the_wait_for_a_receiver_that_cannot_be_reached_grows_to_half_an_hour():
    def wait(lasting):
        return retry_at(alert(opened_at=NOON - lasting, seen_at=NOON)) - NOON

    spans = [wait(timedelta(minutes=m)).total_seconds() for m in (0, 1, 8, 300)]
    assert spans == [30, 60, 480, 1800]


# -- words ------------------------------------------------------------------------------------------------------------


def test_a_message_says_what_whose_what_to_do_and_where():
    message = Message("opened", (alert(),))
    assert subject(message) == "[s2s] acme: breaker at shop"
    body = text(message, UI)
    for part in (
        "acme: breaker at shop",
        "It is so.",
        "What to do: mend it",
        f"{UI}/assets/acme/plan/shop",
        f"{UI}/assets/fleet",
    ):
        assert part in body


def test_other_messages_say_how_many_and_list_them():
    some = (alert(1), alert(2, client="bolt"), alert(3, name="outlet"))
    assert subject(Message("summary", some)) == "[s2s] 3 more causes at 2 clients"
    assert subject(Message("digest", some)) == "[s2s] digest: 3 causes at 2 clients"
    assert subject(Message("all_clear", some[:1])) == "[s2s] all clear: acme: breaker at shop"
    over = Message("all_clear", tuple(replace(a, closed_at=NOON) for a in some))
    assert subject(over) == "[s2s] all clear: 3 causes"
    assert "from 2026-03-01 11:59 UTC to 2026-03-01 12:00 UTC" in text(over, UI)
    assert "What to do" in text(Message("digest", some), UI)


def test_a_message_of_thousands_is_cut():
    many = Message("digest", tuple(alert(n, name=f"c{n}") for n in range(1000)))
    assert "... and 800 more" in text(many, UI)
    assert len(text(many, UI)) < 40_000


def test_no_message_holds_an_email_address():
    leaking = replace(alert(), subject="no account for ann@example.com", message="mail bob.b@shop.example.com now")
    message = Message("opened", (leaking,))
    for said_text in (subject(message), text(message, UI), str(payload(message, UI, NOON))):
        assert "@" not in said_text
        assert "(address)" in said_text


def test_references_tell_repeated_messages_from_new_ones():
    some = tuple(alert(n) for n in range(1, 6))
    assert Message("opened", some[:1]).reference == "opened-1"
    assert Message("digest", some, "20260301").reference != Message("digest", some, "20260302").reference
    assert Message("summary", some).reference == "summary-1-5-5"

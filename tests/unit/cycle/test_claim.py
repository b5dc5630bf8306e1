from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from s2s_pipelines.cycle.claim import LEAST_CLIENTS, MOST_CLIENTS, MOST_RUNS, Claim, is_free, is_slow, shares

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIM = Claim("a", "t1", NOON)
TAKEN = replace(CLAIM, holder="here:1", alive_until=NOON + timedelta(seconds=120))
BEGUN = replace(TAKEN, begun_at=NOON)
DONE = replace(BEGUN, done_at=NOON, seconds=0.2)


def after(claim, *, waiting=(), gone=(), **later):
    return is_free(claim, NOON + timedelta(**later), waiting=waiting, is_gone=lambda holder: holder in gone)


@pytest.mark.parametrize("claim", [None, DONE])
def test_client_without_a_cycle_in_hand_is_free(claim):
    assert after(claim, seconds=0)


def test_claim_that_nobody_took_up_counts_for_two_minutes_unless_its_run_waits_for_its_turn():
    assert not after(CLAIM, seconds=119)
    assert after(CLAIM, seconds=120)
    assert not after(CLAIM, hours=3, waiting={"t1"})
    assert after(CLAIM, hours=3, waiting={"t2"})


@pytest.mark.parametrize("claim", [TAKEN, BEGUN])
def test_claim_that_was_taken_up_counts_as_long_as_its_process_lives(claim):
    assert not after(claim, seconds=119)
    assert after(claim, seconds=120)
    assert after(claim, seconds=1, gone={"here:1"})
    assert not after(replace(claim, alive_until=NOON + timedelta(hours=2)), minutes=119)


def test_slow_is_who_took_long_or_never_came_to_the_end():
    assert [is_slow(claim) for claim in (None, CLAIM, TAKEN, DONE)] == [False] * 4
    assert is_slow(BEGUN)
    assert is_slow(replace(DONE, seconds=31))
    assert is_slow(replace(CLAIM, seconds=31)), "of the last cycle that ended, though it is claimed anew"


@pytest.mark.parametrize(("due", "sizes"), [(0, []), (1, [1]), (3, [3]), (25, [25]), (26, [13, 13]), (1000, [250] * 4)])
def test_due_clients_share_few_runs(due, sizes):
    clients = [f"c{n}" for n in range(due)]
    made = shares(clients, {})
    assert [len(share.clients) for share in made] == sizes
    assert [client for share in made for client in share.clients] == clients


@pytest.mark.parametrize("due", [LEAST_CLIENTS * MOST_RUNS, 999, 1001, 5000])
def test_no_run_has_more_clients_than_may_be_lost_at_once(due):
    made = shares([str(n) for n in range(due)], {})
    assert max(len(share.clients) for share in made) <= MOST_CLIENTS
    assert len(made) <= max(MOST_RUNS, -(-due // MOST_CLIENTS))


def test_slow_clients_run_alone():
    claims = {"b": BEGUN, "d": replace(DONE, seconds=300)}
    made = shares(list("abcde"), claims)
    assert [(share.clients, share.is_slow) for share in made] == [
        (("a", "c", "e"), False),
        (("b",), True),
        (("d",), True),
    ]

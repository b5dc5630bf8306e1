"""The state machine is one table, and the page shows that table."""

import os
import re
from pathlib import Path

import pytest

from s2s_pipelines.errors import ContractViolation
from s2s_pipelines.model.record import DocumentState, OrderState
from s2s_pipelines.orders.hold import REMEDIES
from s2s_pipelines.orders.state import DOCUMENT_MOVES, ORDER_MOVES, document_after, drawing, order_after

PAGE = Path(__file__).parents[3] / "docs" / "orders.md"


def reasons():
    rows = [f"| `{reason}` | {remedy} |" for reason, remedy in sorted(REMEDIES.items())]
    return "\n".join(["| reason | what a person can do |", "| --- | --- |", *rows])


def with_part(text, name, part):
    return re.sub(
        rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _: f"<!-- {name} -->\n{part}\n<!-- /{name} -->", text, flags=re.S
    )


def test_the_page_shows_the_table_as_it_is():
    fresh = with_part(with_part(PAGE.read_text(), "states", drawing().strip()), "reasons", reasons())
    if os.environ.get("S2S_UPDATE_DOCS"):
        PAGE.write_text(fresh)
    assert PAGE.read_text() == fresh


def test_every_state_is_reached_and_only_the_last_ones_are_left_by_nothing():
    for moves, states, last in (
        (ORDER_MOVES, OrderState, {OrderState.COMPLETE, OrderState.CLOSED}),
        (DOCUMENT_MOVES, DocumentState, {DocumentState.RAISED}),
    ):
        assert {move.target for move in moves} == set(states)
        assert set(states) - {move.origin for move in moves} == last


def test_an_event_always_leads_to_the_same_state():
    for moves in (ORDER_MOVES, DOCUMENT_MOVES):
        targets = {}
        for move in moves:
            assert targets.setdefault(move.event, move.target) == move.target
        assert len({(move.origin, move.event) for move in moves}) == len(moves)


def test_nothing_leads_from_a_document_that_may_exist_to_a_second_write():
    # From unknown only the look-up follows; begun starts only where nothing was sent.
    assert [move.event for move in DOCUMENT_MOVES if move.origin is DocumentState.UNKNOWN] == ["taken_up"]
    assert [move.origin for move in DOCUMENT_MOVES if move.event == "begun"] == [DocumentState.PLANNED]


def test_a_move_the_table_does_not_have_is_our_own_bug():
    with pytest.raises(ContractViolation, match="complete"):
        order_after(OrderState.COMPLETE, "due")
    with pytest.raises(ContractViolation, match="raised"):
        document_after(DocumentState.RAISED, "begun")
    assert order_after(None, "stored") is OrderState.STORED

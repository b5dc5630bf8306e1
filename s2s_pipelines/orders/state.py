"""The state machine of orders and their documents: one table, and a drawing made from it.

Nothing else decides which move is legal. ``docs/orders.md`` holds the drawing; a test fails when it is stale.
"""

from dataclasses import dataclass

from s2s_pipelines.errors import ContractViolation
from s2s_pipelines.model.record import DocumentState, OrderState

_O, _D = OrderState, DocumentState


@dataclass(frozen=True, slots=True)
class Move:
    """One legal move.

    Attributes:
        origin: the state before; None for something the ledger has never seen.
        event: the name it has in the history.
        target: the state after.
        meaning: what happened, for people.
    """

    origin: OrderState | DocumentState | None
    event: str
    target: OrderState | DocumentState
    meaning: str


def _moves(
    event: str, origins: tuple[OrderState | DocumentState | None, ...], target: OrderState | DocumentState, meaning: str
) -> tuple[Move, ...]:
    return tuple(Move(origin, event, target, meaning) for origin in origins)


_BEFORE_RAISING = (_O.STORED, _O.DUE, _O.HELD, _O.RAISING, _O.CANCELLED)

ORDER_MOVES: tuple[Move, ...] = (
    *_moves(
        "stored", (None, *_BEFORE_RAISING), _O.STORED, "kept, but neither its status nor its date asks for a document"
    ),
    *_moves("due", (None, *_BEFORE_RAISING), _O.DUE, "its status and date ask for a document; it waits for routing"),
    *_moves("held", (None, *_BEFORE_RAISING), _O.HELD, "a person must decide; reason and remedy are on the order"),
    *_moves("cancelled", (None, *_BEFORE_RAISING), _O.CANCELLED, "cancelled in the shop before anything was sent"),
    *_moves("planned", (_O.DUE,), _O.RAISING, "routed, customers known, documents decided and tied out"),
    *_moves("nothing_to_raise", (_O.DUE,), _O.COMPLETE, "every line belongs to a source declared as not raised here"),
    *_moves("document_held", (_O.RAISING,), _O.HELD, "a document was refused or differs; the others are raised"),
    *_moves("released", (_O.HELD,), _O.DUE, "a person lets it try again; its documents are decided anew"),
    *_moves("resumed", (_O.HELD,), _O.RAISING, "a person lets it try again; documents that may exist stay as they are"),
    *_moves("all_raised", (_O.RAISING,), _O.RAISED, "every document stands in its source; the channel is not told yet"),
    *_moves("told", (_O.RAISED,), _O.COMPLETE, "the channel knows every number"),
    *_moves("closed", (_O.HELD,), _O.CLOSED, "a person settled it by hand; it is never raised"),
)

DOCUMENT_MOVES: tuple[Move, ...] = (
    *_moves("planned", (None, _D.PLANNED, _D.HELD, _D.VOID), _D.PLANNED, "decided; nothing was sent"),
    *_moves("dropped", (_D.PLANNED, _D.HELD), _D.VOID, "never sent, and the order no longer asks for it"),
    *_moves("begun", (_D.PLANNED,), _D.RAISING, "the intent stands in the ledger before anything is sent"),
    *_moves(
        "taken_up", (_D.RAISING, _D.UNKNOWN), _D.RAISING, "somebody before us may have sent it; only a look-up follows"
    ),
    *_moves("found", (_D.RAISING,), _D.RAISED, "the look-up showed it in the source with our total; adopted"),
    *_moves("written", (_D.RAISING,), _D.RAISED, "the look-up missed, it was sent once and the receipt came back"),
    *_moves("not_written", (_D.RAISING,), _D.PLANNED, "certainly nothing was written; tried again later"),
    *_moves("unheard", (_D.RAISING,), _D.UNKNOWN, "it may have been written; only a look-up follows"),
    *_moves("refused", (_D.RAISING,), _D.HELD, "the source said no and wrote nothing"),
    *_moves("differs", (_D.RAISING,), _D.HELD, "a document stands under our reference with another total"),
    *_moves("retried", (_D.HELD,), _D.PLANNED, "refused before, a person lets it try again; the reference stays"),
    *_moves("checked_again", (_D.HELD,), _D.UNKNOWN, "it differed, a person mended that; only a look-up follows"),
)

_TABLE = {(type(move.target), move.origin, move.event): move for move in (*ORDER_MOVES, *DOCUMENT_MOVES)}


def order_after(state: OrderState | None, event: str) -> OrderState:
    """The order's next state.

    Raises:
        ContractViolation: the table has no such move.

    >>> order_after(OrderState.DUE, "planned").value
    'raising'
    """
    move = _TABLE.get((OrderState, state, event))
    if move is None:
        raise ContractViolation(f"an order that is {state or 'new'} has no move {event}", operation="move an order")
    return OrderState(move.target)


def document_after(state: DocumentState | None, event: str) -> DocumentState:
    """The document's next state.

    Raises:
        ContractViolation: the table has no such move.

    >>> document_after(DocumentState.RAISING, "unheard").value
    'unknown'
    """
    move = _TABLE.get((DocumentState, state, event))
    if move is None:
        raise ContractViolation(f"a document that is {state or 'new'} has no move {event}", operation="move a document")
    return DocumentState(move.target)


def drawing() -> str:
    """The whole machine as markdown: per kind a Mermaid diagram and a table of moves."""
    parts = []
    for title, moves in (("Orders", ORDER_MOVES), ("Documents", DOCUMENT_MOVES)):
        parts += [f"### {title}", "", _diagram(moves), "", _rows(moves), ""]
    return "\n".join(parts)


def _diagram(moves: tuple[Move, ...]) -> str:
    joined: dict[tuple[str, str], list[str]] = {}
    for move in moves:
        edge = (move.origin.value if move.origin else "[*]", move.target.value)
        if edge[0] != edge[1] or move.event == "taken_up":
            joined.setdefault(edge, []).append(move.event)
    lines = [f"    {origin} --> {target}: {', '.join(events)}" for (origin, target), events in joined.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _rows(moves: tuple[Move, ...]) -> str:
    lines = ["| event | from | to | meaning |", "| --- | --- | --- | --- |"]
    for event in dict.fromkeys(move.event for move in moves):
        same = [move for move in moves if move.event == event]
        origins = ", ".join(move.origin.value if move.origin else "new" for move in same)
        lines.append(f"| `{event}` | {origins} | {same[0].target.value} | {same[0].meaning} |")
    return "\n".join(lines)

from typing import Any

import pytest

from s2s_pipelines.connectors.channels.woocommerce.batch import BatchSender, Write
from s2s_pipelines.connectors.channels.woocommerce.link import Linker
from s2s_pipelines.connectors.channels.woocommerce.piece import Piece
from s2s_pipelines.connectors.kit.http import Answer
from s2s_pipelines.connectors.kit.http_error import BrokenAnswerError
from s2s_pipelines.errors import RejectedError, TransientError, UncertainOutcomeError
from s2s_pipelines.model.change import Action, ProductChange, VariantChange
from tests.unit.connectors.woocommerce.recording import needs_recordings, raw_exchange


class RecordedApi:
    """Answers what it was given, in order; errors are raised."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.sent: list[dict] = []

    def write(self, method: str, path: str, body: dict, **options: Any) -> Answer:
        self.sent.append(body)
        return self._next()

    def get(self, path: str, params: dict, **options: Any) -> Answer:
        self.sent.append({"path": path, **params})
        return self._next()

    def clean(self, text: str) -> str:
        return text

    def _next(self) -> Answer:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, *headers = answer
        return Answer(status, dict(headers[0]) if headers else {}, b"x", body)


def sender(api: RecordedApi, size: int = 100, created: dict | None = None) -> BatchSender:
    return BatchSender(api, size, lambda skus: {s: v for s, v in (created or {}).items() if s in skus})


def writes_of(body: dict) -> list[Write]:
    return [
        *(Write("create", item, item.get("sku", "")) for item in body.get("create", ())),
        *(Write("update", item) for item in body.get("update", ())),
        *(Write("delete", {"id": number}) for number in body.get("delete", ())),
    ]


def creates(*skus: str) -> list[Write]:
    return [Write("create", {"sku": sku}, sku) for sku in skus]


def stored(*skus: str) -> tuple[int, dict]:
    return 200, {"create": [{"id": 10 + n, "sku": sku} for n, sku in enumerate(skus)]}


@needs_recordings
def test_recorded_product_batch_is_told_apart_item_by_item() -> None:
    request, response = raw_exchange(29)
    body = dict(request["body"])
    body["update"] = [item for item in body["update"] if "id" in item]
    answer = dict(response["body"])
    answer["update"] = [item for item in answer["update"] if item["id"] is not None]
    replies = sender(RecordedApi((200, answer))).send("products", writes_of(body))
    assert [(r.item or {}).get("id") for r in replies] == [26, None, 27, 28, 29, 30, None, 10, None, None, None]
    assert [(r.code, r.resource_id) for r in replies if r.item is None] == [
        ("product_invalid_sku", 10),
        ("product_invalid_sku", 30),
        ("woocommerce_rest_product_invalid_id", None),
        ("woocommerce_rest_invalid_product_id", None),
        ("woocommerce_rest_product_invalid_id", None),
    ]
    assert replies[1].message == "Invalid or duplicated SKU."


@needs_recordings
def test_recorded_variation_batch_is_told_apart_item_by_item() -> None:
    request, response = raw_exchange(18)
    replies = sender(RecordedApi((200, response["body"]))).send("products/16/variations", writes_of(request["body"]))
    assert [(r.item or {}).get("id") for r in replies] == [None, 20, 21, 22, 23, 17, None, None]
    assert replies[-1].code == "woocommerce_rest_product_variation_invalid_id"


@needs_recordings
def test_recorded_refusal_of_many_items_halves_the_batch() -> None:
    too_many = RejectedError("413", reason="too_large")
    api = RecordedApi(too_many, stored("A", "B"), stored("C", "D"), stored("E", "F"))
    batch = sender(api, 4)
    replies = batch.send("products", creates("A", "B", "C", "D"))
    replies += batch.send("products", creates("E", "F"))
    assert all(r.item for r in replies)
    assert [len(body["create"]) for body in api.sent] == [4, 2, 2, 2]


def test_item_that_breaks_the_shop_ends_up_alone_and_the_others_are_stored() -> None:
    broken = BrokenAnswerError("500")
    api = RecordedApi(broken, stored("A", "B"), broken, broken, stored("D"))
    replies = sender(api).send("products", creates("A", "B", "BAD", "D"))
    assert [r.item is not None for r in replies] == [True, True, False, True]
    assert isinstance(replies[2].error, BrokenAnswerError)


def test_what_was_created_before_the_shop_broke_is_not_sent_again() -> None:
    api = RecordedApi(BrokenAnswerError("500"), stored("B"))
    replies = sender(api, created={"A": {"id": 9, "sku": "A"}}).send("products", creates("A", "B"))
    assert [(r.item or {})["id"] for r in replies] == [9, 10]
    assert [r.was_found for r in replies] == [True, False]
    assert api.sent[1] == {"create": [{"sku": "B"}]}


def test_silence_is_not_answered_by_sending_again() -> None:
    api = RecordedApi(UncertainOutcomeError("silence"))
    replies = sender(api).send("products", creates("A", "B"))
    assert [type(r.error) for r in replies] == [UncertainOutcomeError] * 2
    assert len(api.sent) == 1


def test_shop_that_always_breaks_is_left_alone_in_the_end() -> None:
    api = RecordedApi(*[BrokenAnswerError("500")] * 500)
    replies = sender(api).send("products", creates(*(f"S{n}" for n in range(100))))
    assert all(r.error is not None for r in replies)
    assert len(api.sent) <= 61


def test_nothing_written_and_no_shop_is_raised() -> None:
    with pytest.raises(TransientError):
        sender(RecordedApi(TransientError("429"))).send("products", creates("A"))


def test_no_shop_after_a_first_batch_becomes_replies() -> None:
    api = RecordedApi(stored("A"), TransientError("429"))
    replies = sender(api, 1).send("products", creates("A", "B", "C"))
    assert [r.item is not None for r in replies] == [True, False, False]
    assert len(api.sent) == 2


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"create": []},
        {"create": [{"id": 1}]},
        {"create": [{"id": 1}, {"id": 2}, {"id": 3}]},
        {"update": [{"id": 1}]},
    ],
)
def test_answer_that_does_not_cover_every_item_is_an_unknown_outcome(answer: Any) -> None:
    replies = sender(RecordedApi((200, answer))).send("products", creates("A", "B"))
    assert [type(r.error) for r in replies] == [UncertainOutcomeError] * 2


def test_answer_for_another_id_is_an_unknown_outcome() -> None:
    api = RecordedApi((200, {"update": [{"id": 8}]}))
    (reply,) = sender(api).send("products", [Write("update", {"id": 7})])
    assert isinstance(reply.error, UncertainOutcomeError)


@needs_recordings
def test_recorded_look_up_takes_only_exactly_the_sku() -> None:
    _, other_case = raw_exchange(33, 1)
    assert Linker(RecordedApi((200, other_case["body"]))).items(["mug-1"]) == {}
    request, response = raw_exchange(33, 4)
    found = Linker(RecordedApi((200, response["body"]))).items(request["query"]["sku"].split(","))
    assert {sku: item["id"] for sku, item in found.items()} == {"MUG-1": 10, "TEE-R-S": 17, "BAT-A": 26}


def test_many_skus_are_asked_for_in_lots_and_one_with_a_comma_alone() -> None:
    api = RecordedApi(*[(200, [])] * 20)
    skus = [f"SKU-{n:04}" for n in range(250)] + ["A,B"]
    Linker(api).items(skus)
    asked = [call["sku"] for call in api.sent]
    assert "A,B" in asked
    assert sorted(sku for text in asked if text != "A,B" for sku in text.split(",")) == skus[:250]
    assert all(len(text) <= 1500 and text.count(",") < 100 for text in asked)


def test_sku_on_two_items_is_not_linked_by_guessing() -> None:
    rows = [{"id": 1, "sku": "A", "type": "simple"}, {"id": 2, "sku": "A", "type": "simple"}]
    change = ProductChange(Action.CREATE, "erp:A", {}, (VariantChange(Action.CREATE, "A", {}),), is_simple=True)
    piece = Piece.of(change)
    Linker(RecordedApi((200, rows))).link([piece])
    assert [(o.is_ok, o.reason) for o in piece.outcomes()] == [(False, "ambiguous_sku")] * 2

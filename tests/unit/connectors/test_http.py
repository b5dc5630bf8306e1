import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import DecodeError, MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from s2s_pipelines.connectors.kit.http import Call, HttpClient, Limits, retry_after_s
from s2s_pipelines.connectors.kit.http_error import (
    STATUSES,
    TRANSPORT,
    BrokenAnswerError,
    status_error,
    transport_error,
)
from s2s_pipelines.errors import (
    AccessError,
    ConfigurationError,
    DataError,
    RejectedError,
    S2SError,
    TransientError,
    UncertainOutcomeError,
)

JSON = "Content-Type: application/json; charset=UTF-8"
SECRET = "cs_0123456789abcdef0123456789"
Script = list[bytes | Callable[[socket.socket], None]]


def answer(status: int = 200, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *(headers or (JSON,))]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def far_side(script: Script) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one scripted answer per connection, and what it was asked."""
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for step in script:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(_request(connection))
                if callable(step):
                    step(connection)
                else:
                    connection.sendall(step)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api", asked
    finally:
        listener.close()


def _request(connection: socket.socket) -> bytes:
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(65536)
    head, _, body = text.partition(b"\r\n\r\n")
    lengths = [int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")]
    while lengths and len(body) < lengths[0]:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def client_of(url: str, **options: Any) -> HttpClient:
    limits = options.pop("limits", Limits(connect_s=2, read_s=2))
    return HttpClient(
        url,
        auth=HTTPBasicAuth("ck_key", SECRET),
        secrets=("ck_key", SECRET),
        client="karoo",
        connection="shop",
        pause=options.pop("pause", lambda seconds: None),
        limits=limits,
        **options,
    )


def a_write(**options: Any) -> Call:
    return Call("POST", "things", json={"a": 1}, operation="push", reference="SKU-1", **options)


# -- what is sent and read


def test_reads_json_with_decimals_and_sends_credentials() -> None:
    with far_side([answer(200, b'[{"price": 86.9565215}]')]) as (url, asked):
        found = client_of(url).get("things", {"sku": "A,B c"})
    assert found.json == [{"price": Decimal("86.9565215")}]
    assert asked[0].startswith(b"GET /api/things?sku=A%2CB+c HTTP/1.1")
    assert b"Authorization: Basic " in asked[0]
    assert b"Accept: application/json" in asked[0]


def test_writes_json() -> None:
    with far_side([answer(201, b'{"id": 7}')]) as (url, asked):
        assert client_of(url).call(a_write()).json == {"id": 7}
    assert asked[0].endswith(b'{"a": 1}')


def test_accepted_statuses_are_answers() -> None:
    with far_side([answer(404, b'{"code": "gone"}')]) as (url, _):
        found = client_of(url).get("things/9", accept=(404,))
    assert (found.status, found.json) == (404, {"code": "gone"})


def test_warnings_printed_before_the_json_are_cut_away() -> None:
    body = (
        b"\xef\xbb\xbf<br />\n<b>Warning</b>:  Undefined [x] in <b>p.php</b> on line <b>1</b><br />\n" + b'[{"id":125}]'
    )
    with far_side([answer(200, body)]) as (url, _):
        found = client_of(url).get("things")
    assert (found.json, found.json_text, found.is_polluted) == ([{"id": 125}], '[{"id":125}]', True)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Please log in</html>",
        b'<br />\n{"id": 1, "list": [1, 2]',  # polluted and cut short: the inner list proves nothing
        b'{"id": 1, "list":\n[1, 2]',
        b'[{"id": 1}]\n[2]',
        b"\xff\xfe[1]",
        b"[NaN]",
        b"",
    ],
)
def test_what_is_no_json_is_transient_when_read_and_unknown_when_written(body: bytes) -> None:
    with far_side([answer(200, body)] * 4) as (url, _):
        with pytest.raises(TransientError):
            client_of(url).get("things")
        with pytest.raises(UncertainOutcomeError):
            client_of(url).call(a_write())


def test_page_for_people_with_status_200_is_not_searched_for_json() -> None:
    page = answer(200, b"<p>x</p>\n[1]", "Content-Type: text/html")
    with far_side([page] * 3) as (url, _), pytest.raises(TransientError, match="text/html instead of JSON"):
        client_of(url).get("things")


# -- statuses


@pytest.mark.parametrize("status", [*STATUSES, 418, 599])
@pytest.mark.parametrize("is_repeatable", [True, False])
def test_every_status_becomes_the_error_of_its_row(status: int, is_repeatable: bool) -> None:
    expected = {
        **dict.fromkeys((400, 404, 406, 409, 410, 413, 414, 415, 418, 422, 501), RejectedError),
        **dict.fromkeys((401, 402, 403, 407), AccessError),
        405: ConfigurationError,
        **dict.fromkeys((408, 423, 425, 429), TransientError),
        **dict.fromkeys((500, 502, 503, 504, 599), TransientError if is_repeatable else BrokenAnswerError),
    }
    error = status_error("POST", "things", status, is_repeatable=is_repeatable)
    assert type(error) is expected[status]
    assert str(status) in error.message
    assert error.next_step
    if isinstance(error, RejectedError):
        assert error.reason


def test_unavailable_with_a_date_of_return_was_certainly_not_done() -> None:
    page = answer(503, b"<h1>Maintenance</h1>", "Content-Type: text/html", "Retry-After: 600")
    with far_side([page]) as (url, _), pytest.raises(TransientError) as caught:
        client_of(url).call(a_write())
    assert caught.value.retry_after_s == 600


def test_unavailable_without_one_may_have_been_done() -> None:
    with far_side([answer(503, b"x", "Content-Type: text/html")]) as (url, _), pytest.raises(BrokenAnswerError):
        client_of(url).call(a_write())


def test_the_far_sides_own_words_are_told() -> None:
    body = json.dumps({"message": "Consumer secret is invalid."}).encode()
    with far_side([answer(401, body)]) as (url, _), pytest.raises(AccessError, match="Consumer secret is invalid"):
        client_of(url).get("things")


@pytest.mark.parametrize(
    "value, seconds",
    [("600", 600.0), ("0", 0.0), ("-5", 0.0), ("1e9", 86_400.0), ("soon", None), ("nan", None), (None, None)],
)
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value) == seconds


def test_retry_after_as_a_date() -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
    assert retry_after_s("Sat, 21 Nov 2026 10:01:30 GMT", now) == 90
    assert retry_after_s("Sat, 21 Nov 2026 09:00:00 GMT", now) == 0


# -- trying again


def test_reading_is_tried_again_with_growing_pauses() -> None:
    pauses: list[float] = []
    with far_side([answer(500), answer(502), answer(200, b"[1]")]) as (url, asked):
        assert client_of(url, pause=pauses.append).get("things").json == [1]
    assert len(asked) == 3
    assert 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1


def test_reading_gives_up_in_the_end() -> None:
    with far_side([answer(500)] * 5) as (url, asked), pytest.raises(TransientError):
        client_of(url).get("things")
    assert len(asked) == 3


def test_short_retry_after_is_waited_for_and_a_long_one_is_handed_on() -> None:
    pauses: list[float] = []
    with far_side([answer(429, b"{}", JSON, "Retry-After: 3"), answer(200, b"[]")]) as (url, _):
        client_of(url, pause=pauses.append).get("things")
    assert pauses == [3.0]
    busy = answer(429, b"{}", JSON, "Retry-After: 120")
    with far_side([busy] * 2) as (url, asked), pytest.raises(TransientError) as caught:
        client_of(url, pause=pauses.append).get("things")
    assert (caught.value.retry_after_s, len(asked), pauses) == (120.0, 1, [3.0])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_writes_are_never_sent_twice(status: int) -> None:
    with far_side([answer(status)] * 3) as (url, asked), pytest.raises(S2SError):
        client_of(url).call(a_write())
    assert len(asked) == 1


def test_idempotent_write_with_unknown_outcome_is_transient_and_still_sent_once() -> None:
    with far_side([answer(500)] * 2) as (url, asked), pytest.raises(TransientError):
        client_of(url).call(a_write(is_idempotent=True))
    assert len(asked) == 1


# -- the line


def wrapped(cause: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(cause)


@pytest.mark.parametrize(
    "foreign, when_read, when_written",
    [
        (requests.exceptions.InvalidURL(), ConfigurationError, ConfigurationError),
        (requests.exceptions.MissingSchema(), ConfigurationError, ConfigurationError),
        (requests.exceptions.InvalidSchema(), ConfigurationError, ConfigurationError),
        (requests.exceptions.InvalidHeader(), ConfigurationError, ConfigurationError),
        (requests.exceptions.SSLError(), AccessError, AccessError),
        (requests.exceptions.ConnectTimeout(), TransientError, TransientError),
        (requests.exceptions.ProxyError(), TransientError, TransientError),
        (requests.exceptions.ReadTimeout(), TransientError, UncertainOutcomeError),
        (ReadTimeoutError(None, "/x", "late"), TransientError, UncertainOutcomeError),
        (ProtocolError("broken"), TransientError, UncertainOutcomeError),
        (DecodeError("gzip"), TransientError, UncertainOutcomeError),
        (wrapped(ProtocolError("aborted")), TransientError, UncertainOutcomeError),
        (wrapped(MaxRetryError(None, "/x", NewConnectionError(None, "refused"))), TransientError, TransientError),
        (requests.RequestException("anything"), TransientError, UncertainOutcomeError),
    ],
)
def test_every_foreign_error_becomes_one_of_ours(foreign: Exception, when_read: type, when_written: type) -> None:
    assert type(transport_error("GET", "x", foreign, is_repeatable=True)) is when_read
    assert type(transport_error("POST", "x", foreign, is_repeatable=False)) is when_written


def test_the_table_above_has_a_case_for_each_row() -> None:
    cases = test_every_foreign_error_becomes_one_of_ours.pytestmark[0].args[1]
    seen = {next((at for at, row in enumerate(TRANSPORT) if isinstance(case[0], row[0])), None) for case in cases}
    assert seen >= set(range(len(TRANSPORT)))


def test_nobody_listening_is_transient_for_a_write_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransientError, match="cannot be reached"):
        client_of(f"http://127.0.0.1:{port}").call(a_write())


def test_unknown_host_is_transient_for_a_write_too() -> None:
    with pytest.raises(TransientError):
        client_of("http://no-such-host.invalid").call(a_write())


def test_silence_after_a_write_is_an_unknown_outcome() -> None:
    with far_side([lambda connection: time.sleep(1)]) as (url, _), pytest.raises(UncertainOutcomeError) as caught:
        client_of(url, limits=Limits(connect_s=1, read_s=0.2)).call(a_write())
    assert not isinstance(caught.value, BrokenAnswerError)


def test_hanging_up_after_a_write_is_an_unknown_outcome() -> None:
    with far_side([b""]) as (url, _), pytest.raises(UncertainOutcomeError):
        client_of(url).call(a_write())


def test_answer_cut_short_is_an_unknown_outcome_and_never_half_an_answer() -> None:
    cut = answer(200, b'{"id": 1, "more": "' + b"x" * 500 + b'"}')[:-200]
    with far_side([cut] * 4) as (url, _):
        with pytest.raises(UncertainOutcomeError):
            client_of(url).call(a_write())
        with pytest.raises(TransientError):
            client_of(url).get("things")


def test_answer_beyond_the_bound_is_not_read_on() -> None:
    sent = [0]

    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n[")
        try:
            for _ in range(10_000):
                sent[0] += connection.send(b"1," * 5_000)
        except OSError:
            return

    limits = Limits(connect_s=1, read_s=2, body_bytes=100_000)
    with far_side([pour]) as (url, _), pytest.raises(DataError):
        client_of(url, limits=limits).get("things")
    assert sent[0] < 50_000_000


def test_packed_answer_is_bounded_unpacked() -> None:
    import gzip

    packed = gzip.compress(b"[" + b" " * 5_000_000 + b"]")
    page = answer(200, packed, JSON, "Content-Encoding: gzip")
    with far_side([page]) as (url, _), pytest.raises(DataError):
        client_of(url, limits=Limits(connect_s=1, read_s=2, body_bytes=100_000)).get("things")


def test_dribbling_answer_ends_at_the_total_bound() -> None:
    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            return

    limits = Limits(connect_s=1, read_s=1, total_s=0.3, attempts=1)
    began = time.monotonic()
    with far_side([dribble]) as (url, _), pytest.raises(TransientError):
        client_of(url, limits=limits).get("things")
    assert time.monotonic() - began < 2


# -- redirects


def test_reading_follows_a_redirect_on_the_same_server() -> None:
    moved = b"HTTP/1.1 301 X\r\nLocation: /api/there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with far_side([moved, answer(200, b"[1]")]) as (url, asked):
        assert client_of(url).get("here").json == [1]
    assert asked[1].startswith(b"GET /api/there")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_credentials_do_not_follow_a_redirect_to_another_server(method: str) -> None:
    moved = (
        b"HTTP/1.1 302 X\r\nLocation: https://evil.example/x?token=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    with (
        far_side([moved] * 3) as (url, asked),
        pytest.raises(ConfigurationError, match=r"https://evil\.example") as caught,
    ):
        client_of(url).call(Call(method, "here", json=None))
    assert len(asked) == 1
    assert "token" not in str(caught.value)


def test_writes_follow_no_redirect() -> None:
    moved = b"HTTP/1.1 307 X\r\nLocation: /api/there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with far_side([moved, answer()]) as (url, asked), pytest.raises(ConfigurationError):
        client_of(url).call(a_write())
    assert len(asked) == 1


def test_circle_of_redirects_ends() -> None:
    moved = b"HTTP/1.1 301 X\r\nLocation: /api/here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with far_side([moved] * 8) as (url, _), pytest.raises(ConfigurationError, match="circle"):
        client_of(url).get("here")


# -- secrets


@pytest.mark.parametrize(
    "script",
    [
        [answer(401, json.dumps({"message": f"the key {SECRET} is bad"}).encode())],
        [answer(500, SECRET.encode(), "Content-Type: text/html")] * 3,
        [b""] * 3,
        [answer(200, b"<html>")] * 3,
    ],
)
def test_no_error_shows_or_carries_a_secret(script: Script) -> None:
    with far_side(script) as (url, _), pytest.raises(S2SError) as caught:
        client_of(url).get("things", {"consumer_secret": SECRET}, operation="read", reference="R1")
    seen: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None and error not in seen:
        seen.append(error)
        assert SECRET not in f"{error} {error.args} {vars(error)}"
        assert not hasattr(error, "request")
        error = error.__cause__ or error.__context__
    places = caught.value
    assert (places.client, places.connection, places.operation, places.reference) == ("karoo", "shop", "read", "R1")


def test_certificates_are_verified_whatever_the_session_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def fake(self: requests.Session, method: str, url: str, **options: Any) -> None:
        seen.update(options)
        raise requests.exceptions.SSLError("untrusted")

    monkeypatch.setattr(requests.Session, "request", fake)
    with pytest.raises(AccessError):
        client_of("https://shop.example").get("things")
    assert seen["verify"] is True
    assert seen["allow_redirects"] is False
    assert all(seconds > 0 for seconds in seen["timeout"])

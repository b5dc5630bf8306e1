"""Files over HTTP from a real server: what is fetched, what is refused, and what never leaks."""

import contextlib
import gzip
import socket
import ssl
import threading
import time
from datetime import UTC, datetime

import pytest

from s2s_pipelines.connectors.kit import address
from s2s_pipelines.connectors.kit.fetch import Access, Errand, fetch, probe
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.errors import AccessError, ConfigurationError, S2SError, TransientError
from tests.integration.fetch.servers import HOST, PASSWORD, USER, aged, answer, free_port, packed, web_server

BODY = b"sku,price\nA1,10.00\n"


@pytest.fixture
def web(tmp_path):
    (tmp_path / "a.csv").write_bytes(BODY)
    aged(tmp_path / "a.csv")
    with web_server(tmp_path) as server:
        yield server


def errand(url, **changes):
    return Errand(**{"url": url, "allow_private": (HOST, "localhost"), "timeout_s": 3.0, "settle_s": 0.0, **changes})


def redirect(target, status=302):
    return lambda handler: answer(handler, status, b"", {"Location": target})


def test_body_and_stamp_are_fetched(web):
    fetched = fetch(errand(web.url("a.csv")))
    assert fetched.body == BODY
    assert fetched.modified_at is not None
    assert 3000 < (datetime.now(UTC) - fetched.modified_at).total_seconds() < 4000


def test_probe_reads_no_body(web):
    probe(errand(web.url("a.csv")))
    assert [method for method, _, _ in web.seen] == ["HEAD"]


def test_probe_asks_again_where_head_is_not_allowed(web):
    web.answers["/a.csv"] = lambda handler: answer(handler, 405 if handler.command == "HEAD" else 200, b"x")
    probe(errand(web.url("a.csv")))
    assert [method for method, _, _ in web.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_private_address_is_refused_unless_declared(web, host):
    with pytest.raises(ConfigurationError, match="private address"):
        fetch(errand(web.url("a.csv", host), allow_private=()))
    assert web.seen == []


def test_a_declared_host_does_not_open_the_others(web):
    with pytest.raises(ConfigurationError, match="private address"):
        fetch(errand(web.url("a.csv", "localhost"), allow_private=(HOST,)))
    assert web.seen == []


def test_redirect_to_a_private_address_is_refused(web):
    web.answers["/a.csv"] = redirect(f"http://localhost:{web.port}/b.csv")
    with pytest.raises(ConfigurationError, match="private address"):
        fetch(errand(web.url("a.csv"), allow_private=(HOST,)))
    assert [path for _, path, _ in web.seen] == ["/a.csv"]


def test_the_address_that_was_checked_is_the_one_connected_to(web, monkeypatch):
    """A name that turns private between check and connection (DNS rebinding) is looked up only once."""
    asked = []

    def resolve(host, port, **kwargs):
        asked.append(host)
        where = "127.0.0.1" if len(asked) > 1 else "203.0.113.9"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (where, port))]

    connected = []

    class Line(socket.socket):
        def connect(self, where):
            connected.append(where[0])
            raise OSError("nobody there")

    monkeypatch.setattr(address.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(address.socket, "socket", Line)
    monkeypatch.setattr(address, "is_public", lambda text: text == "203.0.113.9")
    with pytest.raises(TransientError):
        fetch(errand(f"http://supplier.example.com:{web.port}/a.csv", allow_private=()))
    assert asked == ["supplier.example.com"]
    assert connected == ["203.0.113.9"]


def test_one_private_address_among_public_ones_is_refused(monkeypatch):
    found = [(socket.AF_INET, 1, 6, "", (a, 80)) for a in ("8.8.8.8", "10.0.0.7")]
    monkeypatch.setattr(address.socket, "getaddrinfo", lambda *a, **k: found)
    with pytest.raises(ConfigurationError, match="private address"):
        address.checked_addresses("supplier.example.com", 80, ())


def test_redirects_are_followed_and_the_password_stays_at_home(web, tmp_path):
    with web_server(tmp_path) as other:
        web.answers["/a.csv"] = redirect(other.url("a.csv"))
        fetched = fetch(errand(web.url("a.csv"), access=Access(username=USER, password=PASSWORD)))
    assert fetched.body == BODY
    assert web.seen[0][2] is not None
    assert [authorization for _, _, authorization in other.seen] == [None]


def test_redirects_in_circles_end(web):
    web.answers["/a.csv"] = redirect("/a.csv")
    with pytest.raises(ConfigurationError, match="circles"):
        fetch(errand(web.url("a.csv")))
    assert len(web.seen) == 6


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"])
def test_redirect_to_another_scheme_is_refused(web, target):
    web.answers["/a.csv"] = redirect(target)
    with pytest.raises(ConfigurationError, match="leads elsewhere"):
        fetch(errand(web.url("a.csv")))


@pytest.mark.parametrize(
    "status, kind",
    [
        (401, AccessError),
        (403, AccessError),
        (404, ConfigurationError),
        (410, ConfigurationError),
        (418, ConfigurationError),
    ]
    + [(s, TransientError) for s in (408, 429, 500, 502, 503, 504)],
)
def test_statuses_become_our_errors(web, status, kind):
    web.answers["/a.csv"] = lambda handler: answer(handler, status, b"sku,price\nA1,1\n")
    with pytest.raises(kind):
        fetch(errand(web.url("a.csv")))


def test_retry_after_is_passed_on(web):
    web.answers["/a.csv"] = lambda handler: answer(handler, 503, b"", {"Retry-After": "120"})
    with pytest.raises(TransientError) as caught:
        fetch(errand(web.url("a.csv")))
    assert caught.value.retry_after_s == 120


def test_nobody_listening_is_transient():
    with pytest.raises(TransientError):
        fetch(errand(f"http://{HOST}:{free_port()}/a.csv"))


def test_unknown_name_is_transient():
    with pytest.raises(TransientError, match="is not known"):
        fetch(errand("http://no-such-host.invalid/a.csv"))


def test_answer_that_breaks_off_is_transient(web):
    def broken(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(BODY)
        handler.close_connection = True

    web.answers["/a.csv"] = broken
    with pytest.raises(TransientError):
        fetch(errand(web.url("a.csv")))


def test_body_beyond_the_bound_is_refused_before_it_is_read(web, tmp_path):
    (tmp_path / "b.csv").write_bytes(BODY * 1000)
    with pytest.raises(UnreadableFile, match="larger than"):
        fetch(errand(web.url("b.csv"), max_bytes=100))


def test_body_of_unknown_length_is_bounded_while_it_streams(web):
    sent = []

    def endless(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(100_000):
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(BODY) * 100, BODY * 100))
                sent.append(1)
        handler.close_connection = True

    web.answers["/a.csv"] = endless
    with pytest.raises(UnreadableFile, match="larger than"):
        fetch(errand(web.url("a.csv"), max_bytes=1_000_000))
    assert len(sent) < 50_000


def test_body_that_drips_ends_after_the_time_allowed(web):
    def dripping(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(100):
                handler.wfile.write(b"x" * 1000)
                handler.wfile.flush()
                time.sleep(0.05)
        handler.close_connection = True

    web.answers["/a.csv"] = dripping
    with pytest.raises(TransientError, match="took longer"):
        fetch(errand(web.url("a.csv"), total_s=0.5))


def test_packed_body_is_unpacked_within_the_bound(web, tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(BODY))
    web.answers["/b.csv"] = lambda handler: answer(handler, 200, packed(BODY), {"Content-Encoding": "gzip"})
    assert fetch(errand(web.url("a.csv.gz"))).body == BODY
    assert fetch(errand(web.url("b.csv"))).body == BODY


@pytest.mark.parametrize("header", [{}, {"Content-Encoding": "gzip"}])
def test_gzip_bomb_is_refused(web, header):
    bomb = packed(b"\x00" * 50_000_000)
    assert len(bomb) < 100_000
    web.answers["/a.csv"] = lambda handler: answer(handler, 200, bomb, header)
    with pytest.raises(UnreadableFile, match="larger than 1000000 bytes"):
        fetch(errand(web.url("a.csv"), max_bytes=1_000_000))


def test_unknown_packing_is_refused(web):
    web.answers["/a.csv"] = lambda handler: answer(handler, 200, BODY, {"Content-Encoding": "br"})
    with pytest.raises(UnreadableFile, match="packed as br"):
        fetch(errand(web.url("a.csv")))


def test_password_is_not_sent_in_the_clear():
    access = Access(username=USER, password=PASSWORD)
    with pytest.raises(ConfigurationError, match="plain http"):
        fetch(errand("http://supplier.example.com/a.csv", access=access, allow_private=()))


def test_errors_keep_query_strings_and_passwords_to_themselves(web):
    for status in (401, 404, 500):
        web.answers["/a.csv?apikey=tell-nobody"] = lambda handler, status=status: answer(handler, status)
        with pytest.raises(S2SError) as caught:
            fetch(errand(web.url("a.csv?apikey=tell-nobody"), access=Access(username=USER, password=PASSWORD)))
        seen, texts = caught.value, []
        while seen is not None:
            texts += [str(seen), repr(seen)]
            seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
        assert not any(secret in text for text in texts for secret in ("tell-nobody", PASSWORD))


def test_certificate_is_checked_against_the_name(tmp_path, certificate):
    (tmp_path / "a.csv").write_bytes(BODY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with web_server(tmp_path, context=context) as web:
        trusted = f"https://localhost:{web.port}/a.csv"
        assert fetch(errand(trusted, access=Access(ca_file=str(certificate)))).body == BODY
        with pytest.raises(AccessError, match="certificate"):
            fetch(errand(trusted))
        with pytest.raises(AccessError, match="certificate"):
            fetch(errand(f"https://{HOST}:{web.port}/a.csv", access=Access(ca_file=str(certificate))))


def test_redirect_from_https_to_http_is_refused(tmp_path, certificate, web):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with web_server(tmp_path, context=context) as secure:
        secure.answers["/a.csv"] = redirect(web.url("a.csv"))
        with pytest.raises(ConfigurationError, match="leads elsewhere"):
            fetch(errand(f"https://localhost:{secure.port}/a.csv", access=Access(ca_file=str(certificate))))
    assert web.seen == []


def test_proxies_of_the_environment_are_not_used(web, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://{HOST}:{free_port()}")
    assert fetch(errand(web.url("a.csv"))).body == BODY


def test_silence_is_transient():
    with socket.create_server((HOST, 0)) as listener:
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(listener.accept()), daemon=True)
        thread.start()
        with pytest.raises(TransientError):
            fetch(errand(f"http://{HOST}:{listener.getsockname()[1]}/a.csv", timeout_s=0.3))
        thread.join(timeout=5)
        accepted[0][0].close()

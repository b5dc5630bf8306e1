"""Files over FTP and FTPS from a real server."""

import threading
import time

import pytest

from s2s_pipelines.connectors.kit.fetch import Access, Errand, fetch, probe
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.errors import AccessError, ConfigurationError, TransientError
from tests.integration.fetch.servers import HOST, PASSWORD, USER, aged, free_port, ftp_server

BODY = b"sku,price\r\nA1,10.00\r\n"
LOGIN = Access(username=USER, password=PASSWORD)


def errand(port, name="a.csv", scheme="ftp", host=HOST, **changes):
    made = {"url": f"{scheme}://{host}:{port}/{name}", "access": LOGIN, "allow_private": (HOST, "localhost")}
    return Errand(**{**made, "timeout_s": 3.0, "settle_s": 0.0, **changes})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.csv").write_bytes(BODY)
    aged(tmp_path / "a.csv")
    (tmp_path / "price list.csv").write_bytes(BODY)
    return tmp_path


@pytest.fixture
def port(folder):
    with ftp_server(folder) as port:
        yield port


def test_file_comes_byte_for_byte_with_its_stamp(port, folder):
    fetched = fetch(errand(port))
    assert fetched.body == BODY
    assert int(fetched.modified_at.timestamp()) == int((folder / "a.csv").stat().st_mtime)


def test_blanks_in_names_work(port):
    assert fetch(errand(port, "price%20list.csv")).body == BODY


def test_probe_finds_the_file_and_reads_nothing(port):
    probe(errand(port))
    with pytest.raises(ConfigurationError, match="there is no file"):
        probe(errand(port, "b.csv"))


def test_missing_file_is_named(port):
    with pytest.raises(ConfigurationError, match=r"there is no file b\.csv"):
        fetch(errand(port, "b.csv"))


def test_wrong_password_is_an_access_error_without_it(port):
    with pytest.raises(AccessError) as caught:
        fetch(errand(port, access=Access(username=USER, password="another-password")))
    assert "another-password" not in str(caught.value)


def test_private_address_is_refused_unless_declared(port):
    with pytest.raises(ConfigurationError, match="private address"):
        fetch(errand(port, allow_private=()))


def test_nobody_listening_is_transient():
    with pytest.raises(TransientError):
        fetch(errand(free_port()))


def test_file_beyond_the_bound_is_refused(port, folder):
    (folder / "b.csv").write_bytes(BODY * 100_000)
    with pytest.raises(UnreadableFile, match="larger than"):
        fetch(errand(port, "b.csv", max_bytes=1000))


def test_file_that_grows_between_two_looks_is_transient(port, folder):
    path = folder / "growing.csv"
    path.write_bytes(BODY)
    is_over = threading.Event()

    def grow():
        while not is_over.is_set():
            with path.open("ab") as stream:
                stream.write(b"A2,11.00\r\n")
            time.sleep(0.02)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        with pytest.raises(TransientError, match="still being written"):
            fetch(errand(port, "growing.csv", settle_s=0.3))
    finally:
        is_over.set()
        thread.join()


def test_ftps_checks_the_certificate(folder, certificate):
    trusting = Access(username=USER, password=PASSWORD, ca_file=str(certificate))
    with ftp_server(folder, certificate=certificate) as port:
        assert fetch(errand(port, scheme="ftps", host="localhost", access=trusting)).body == BODY
        with pytest.raises(AccessError, match="certificate"):
            fetch(errand(port, scheme="ftps", host="localhost"))
        with pytest.raises(AccessError, match="certificate"):
            fetch(errand(port, scheme="ftps", access=trusting))


def test_ftps_does_not_fall_back_to_plain_text(folder, certificate):
    """A server that only speaks plain FTP gets no password from an ftps location."""
    with ftp_server(folder) as port, pytest.raises((TransientError, AccessError)):
        fetch(errand(port, scheme="ftps", host="localhost", access=Access(USER, PASSWORD, ca_file=str(certificate))))

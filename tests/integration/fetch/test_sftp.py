"""Files over SFTP from a real server: only from the host whose key is pinned."""

import hashlib
import io
import threading
import time
from base64 import b64encode

import paramiko
import pytest

from s2s_pipelines.connectors.kit.fetch import Access, Errand, fetch, probe
from s2s_pipelines.connectors.kit.refusal import UnreadableFile
from s2s_pipelines.errors import AccessError, ConfigurationError, TransientError
from tests.integration.fetch.servers import HOST, PASSWORD, USER, aged, free_port, sftp_server

BODY = b"sku,price\nA1,10.00\n"
HOST_KEY = paramiko.ECDSAKey.generate()
OTHER_KEY = paramiko.ECDSAKey.generate()
CLIENT_KEY = paramiko.ECDSAKey.generate()


def fingerprint(key):
    return "SHA256:" + b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def spelled(key):
    return f"{key.get_name()} {key.get_base64()} host-comment"


def errand(port, name="a.csv", *, host_key=None, **changes):
    access = Access(username=USER, password=PASSWORD, host_key=fingerprint(HOST_KEY) if host_key is None else host_key)
    made = {"url": f"sftp://{HOST}:{port}/{name}", "access": access, "allow_private": (HOST,)}
    return Errand(**{**made, "timeout_s": 5.0, "settle_s": 0.0, **changes})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.csv").write_bytes(BODY)
    aged(tmp_path / "a.csv")
    return tmp_path


@pytest.fixture
def port(folder):
    with sftp_server(folder, HOST_KEY, client_key=CLIENT_KEY) as port:
        yield port


@pytest.mark.parametrize("pinned", [fingerprint(HOST_KEY), spelled(HOST_KEY)], ids=["fingerprint", "whole"])
def test_file_comes_from_the_pinned_host_with_its_stamp(port, folder, pinned):
    fetched = fetch(errand(port, host_key=pinned))
    assert fetched.body == BODY
    assert int(fetched.modified_at.timestamp()) == int((folder / "a.csv").stat().st_mtime)


@pytest.mark.parametrize("pinned", [fingerprint(OTHER_KEY), spelled(OTHER_KEY)], ids=["fingerprint", "whole"])
def test_another_host_key_is_refused_before_the_password_is_sent(port, pinned):
    for call in (fetch, probe):
        with pytest.raises(AccessError, match="host key"):
            call(errand(port, host_key=pinned))


def test_no_host_key_is_never_accepted(port):
    with pytest.raises(ConfigurationError, match="host_key"):
        fetch(errand(port, host_key=""))


@pytest.mark.parametrize("pinned", ["anything", "ssh-ed25519 not-base64!", "MD5:aa:bb"])
def test_a_host_key_that_is_none_is_named(port, pinned):
    with pytest.raises(ConfigurationError, match="host_key"):
        fetch(errand(port, host_key=pinned))


def test_private_key_opens_the_door(port):
    stream = io.StringIO()
    CLIENT_KEY.write_private_key(stream)
    access = Access(username=USER, private_key=stream.getvalue(), host_key=fingerprint(HOST_KEY))
    assert fetch(errand(port, access=access)).body == BODY


def test_unreadable_private_key_is_an_access_error(port):
    access = Access(username=USER, private_key="nonsense", host_key=fingerprint(HOST_KEY))
    with pytest.raises(AccessError, match="private key"):
        fetch(errand(port, access=access))


def test_wrong_password_is_an_access_error_without_it(port):
    access = Access(username=USER, password="another-password", host_key=fingerprint(HOST_KEY))
    with pytest.raises(AccessError) as caught:
        fetch(errand(port, access=access))
    assert "another-password" not in str(caught.value)


def test_probe_finds_the_file_and_missing_ones_are_named(port):
    probe(errand(port))
    for call in (fetch, probe):
        with pytest.raises(ConfigurationError, match=r"there is no file b\.csv"):
            call(errand(port, "b.csv"))


def test_private_address_is_refused_unless_declared(port):
    with pytest.raises(ConfigurationError, match="private address"):
        fetch(errand(port, allow_private=()))


def test_nobody_listening_is_transient():
    with pytest.raises(TransientError):
        fetch(errand(free_port()))


def test_file_beyond_the_bound_is_refused(port, folder):
    (folder / "b.csv").write_bytes(BODY * 10_000)
    with pytest.raises(UnreadableFile, match="larger than"):
        fetch(errand(port, "b.csv", max_bytes=1000))


def test_large_file_comes_whole(port, folder):
    body = b"".join(b"A%06d,10.00\n" % n for n in range(200_000))
    (folder / "c.csv").write_bytes(body)
    assert fetch(errand(port, "c.csv")).body == body


def test_file_that_grows_between_two_looks_is_transient(port, folder):
    path = folder / "growing.csv"
    path.write_bytes(BODY)
    is_over = threading.Event()

    def grow():
        while not is_over.is_set():
            with path.open("ab") as stream:
                stream.write(b"A2,11.00\n")
            time.sleep(0.02)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        with pytest.raises(TransientError, match="still being written"):
            fetch(errand(port, "growing.csv", settle_s=0.3))
    finally:
        is_over.set()
        thread.join()

"""A code server answers all who ask for its description from one."""

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

from dagster._grpc.server import DagsterApiServer

from s2s_pipelines.orchestration import description
from s2s_pipelines.orchestration.description import Answers, describe_once


class Request:
    def __init__(self, words):
        self.words = words

    def SerializeToString(self):  # noqa: N802 - as protobuf spells it
        return self.words


class Server:
    def __init__(self):
        self._loaded_repositories = object()


def counting(made):
    def make(server, request, *context):
        time.sleep(0.05)
        made.append(request.words)
        return f"{request.words} {len(made)}"

    return Answers(make).method()


def test_those_who_ask_at_once_get_one_answer():
    made, server, told = [], Server(), []
    ask = counting(made)
    threads = [threading.Thread(target=lambda: told.append(ask(server, Request(b"all"), None))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [b"all"]
    assert len(set(told)) == 1


def test_another_question_another_server_and_other_definitions_are_answered_anew():
    made, server = [], Server()
    ask = counting(made)
    assert ask(server, Request(b"all")) != ask(server, Request(b"one job"))
    assert ask(Server(), Request(b"all")) != ask(server, Request(b"all"))
    before = ask(server, Request(b"all"))
    server._loaded_repositories = object()
    assert ask(server, Request(b"all")) != before


def test_an_answer_is_let_go_of(monkeypatch):
    monkeypatch.setattr(description, "KEPT_S", 0.01)
    made, server = [], Server()
    ask = counting(made)
    ask(server, Request(b"all"))
    time.sleep(0.2)
    ask(server, Request(b"all"))
    assert len(made) == 2


def test_what_is_not_found_is_left_as_it_is(monkeypatch):
    changed = SimpleNamespace(DagsterApiServer=type("DagsterApiServer", (), {"ExternalJob": lambda self: 1}))
    monkeypatch.setitem(description.sys.modules, description._SERVER, changed)
    describe_once()
    describe_once()
    assert not hasattr(changed.DagsterApiServer, description._METHODS[0])
    assert changed.DagsterApiServer.ExternalJob.answers.make(None) == 1
    monkeypatch.delitem(description.sys.modules, description._SERVER)
    describe_once()


def test_this_dagster_has_them():
    assert all(callable(getattr(DagsterApiServer, name)) for name in description._METHODS)


LOADED = """
import gc
from dagster._grpc.server import DagsterApiServer
import s2s_pipelines.definitions
from s2s_pipelines.orchestration.description import _METHODS, Answers
assert all(isinstance(getattr(getattr(DagsterApiServer, name), "answers", None), Answers) for name in _METHODS)
assert gc.get_threshold() == (50_000, 20, 50)
"""


def test_a_code_server_that_loads_the_definitions_has_them_and_collects_seldom(tmp_path):
    (tmp_path / "assets").mkdir()
    environment = {"PATH": "", "S2S_ROOT": str(tmp_path), "S2S_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADED], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]

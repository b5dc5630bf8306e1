from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from s2s_pipelines.demo.stage import CLIENTS
from s2s_pipelines.orchestration import sensors
from tests.e2e.floor import Floor, Seen, floor_in


@pytest.fixture(scope="package")
def _built(tmp_path_factory) -> Iterator[tuple[Floor, dict[str, Seen]]]:
    """The demo world after each client's first cycle; built once, for it takes half a minute."""
    with floor_in(tmp_path_factory.mktemp("floor")) as floor:
        with pytest.MonkeyPatch.context() as patch:
            _declare(floor, patch)
            first = {client: floor.materialise(floor.keys_of(client)) for client in CLIENTS}
        yield floor, first


@pytest.fixture
def floor(_built, monkeypatch) -> Floor:
    """The demo world, with the environment its declarations refer to. Leave it as you found it."""
    made, _ = _built
    _declare(made, monkeypatch)
    return made


@pytest.fixture
def first_cycle(_built) -> dict[str, Seen]:
    """What each client's first run reported."""
    return _built[1]


def _declare(floor: Floor, patch: pytest.MonkeyPatch) -> None:
    for name, value in floor.stage.environment.items():
        patch.setenv(name, value)


@pytest.fixture
def astray(floor) -> Callable[..., AbstractContextManager[None]]:
    """Leads a declared address to nowhere for a while; after that all is read again: the next test finds no failure."""

    @contextmanager
    def lead(variable: str, address: str, client: str) -> Iterator[None]:
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(variable, address)
                yield
        finally:
            assert floor.materialise(floor.keys_of(client)).is_ok
            assert floor.launch("orders", {}).is_ok

    return lead


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """A tick called by hand asks once; only the daemon's own ticks go on listening."""
    monkeypatch.setattr(sensors, "LISTEN_S", 0.0)

"""Every connector the registry finds keeps every promise of its port."""

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2s_pipelines.connectors import registry
from tests.contract.suite import Subject, Workplace, applies, clauses
from tests.contract.suite.channel import ChannelContract
from tests.contract.suite.order_sink import OrderSinkContract
from tests.contract.suite.source import SourceContract

FIXTURES = Path(__file__).parents[1] / "fixtures"
SUITES = {"source": SourceContract, "order_sink": OrderSinkContract, "channel": ChannelContract}
KINDS = {
    **{kind: ("sources", connector) for kind, connector in registry.sources().items()},
    **{kind: ("channels", connector) for kind, connector in registry.channels().items()},
}


def subjects(kind: str) -> tuple[Subject, ...]:
    """The subjects of a kind; none where its fixture folder is missing, which a test below reports."""
    room = KINDS[kind][0]
    if not (FIXTURES / room / kind / "subject.py").is_file():
        return ()
    found: tuple[Subject, ...] = importlib.import_module(f"tests.fixtures.{room}.{kind}.subject").SUBJECTS
    return found


def cases() -> Iterator["pytest.ParameterSet"]:
    """Every clause on every subject that takes it."""
    for kind in KINDS:
        for subject in subjects(kind):
            for port in subject.ports:
                for clause in clauses(SUITES[port]):
                    if applies(SUITES[port], clause, subject.connector.manifest, subject.traits):
                        marks = [pytest.mark.server(*subject.needs)] if subject.needs else []
                        yield pytest.param(
                            SUITES[port], clause, subject, marks=marks, id=f"{kind}-{subject.name}-{clause}"
                        )


@pytest.mark.parametrize("suite, clause, subject", list(cases()))
def test_keeps_its_promise(suite, clause, subject, tmp_path, request):
    def server(need: str) -> object:
        assert need in subject.needs, f"{need} is not among the subject's needs"
        return request.getfixturevalue(f"{need}_server")

    with contextlib.ExitStack() as stack:
        harness = stack.enter_context(subject.open(Workplace(tmp_path, server)))
        getattr(suite(), clause)(harness)


@pytest.mark.parametrize("kind", list(KINDS))
def test_has_a_fixture_folder(kind):
    """No fixture folder is a failure, not a skip."""
    assert subjects(kind), f"write tests/fixtures/{KINDS[kind][0]}/{kind}/subject.py with SUBJECTS"


@pytest.mark.parametrize("kind", list(KINDS))
def test_its_subjects_cover_every_port_it_claims(kind):
    connector = KINDS[kind][1]
    claimed = {"channel"} if connector.manifest.role != "source" else {"source"}
    if connector.manifest.role == "source" and "orders" in connector.manifest.capabilities:
        claimed.add("order_sink")
    covered = {port for subject in subjects(kind) for port in subject.ports}
    assert covered == claimed
    assert all(subject.connector is connector for subject in subjects(kind))


def test_there_are_connectors():
    """An empty registry would make everything above pass."""
    assert "sql" in KINDS

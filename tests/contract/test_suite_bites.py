"""The contract suites themselves on trial: every clause passes an honest fake and catches the lie told to it."""

import pytest

from s2s_pipelines.errors import S2SError
from tests.contract.broken import lying_channel, lying_order_sink, lying_source
from tests.contract.broken.honest_channel import ChannelStage, HonestChannel
from tests.contract.broken.honest_order_sink import HonestSink, SinkStage
from tests.contract.broken.honest_source import HonestSource, SourceStage
from tests.contract.suite import clauses
from tests.contract.suite.channel import ChannelContract
from tests.contract.suite.order_sink import OrderSinkContract
from tests.contract.suite.source import SourceContract

TRIALS = (
    (SourceContract, SourceStage, HonestSource, lying_source.LIARS),
    (OrderSinkContract, SinkStage, HonestSink, lying_order_sink.LIARS),
    (ChannelContract, ChannelStage, HonestChannel, lying_channel.LIARS),
)


def all_clauses():
    return [
        pytest.param(suite, clause, stage, honest, id=f"{suite.__name__}-{clause}")
        for suite, stage, honest, _ in TRIALS
        for clause in clauses(suite)
    ]


def all_lies():
    return [
        pytest.param(suite, clause, stage, liar, id=f"{clause}-{liar.__name__}")
        for suite, stage, _, liars in TRIALS
        for clause, told in liars.items()
        for liar in told
    ]


@pytest.mark.parametrize("suite, clause, stage, honest", all_clauses())
def test_honest_fake_keeps_every_promise(suite, clause, stage, honest):
    getattr(suite(), clause)(stage(honest))


@pytest.mark.parametrize("suite, clause, stage, liar", all_lies())
def test_clause_catches_its_liar(suite, clause, stage, liar):
    # A lie shows as a failed assertion, as a raise that did not come, or as our error where none or another was promised;
    # any other exception would be a fault of the liar or of the suite and is not accepted here.
    with pytest.raises((AssertionError, pytest.fail.Exception, S2SError)):
        getattr(suite(), clause)(stage(liar))


@pytest.mark.parametrize("suite, liars", [(suite, liars) for suite, _, _, liars in TRIALS])
def test_every_clause_has_a_liar_and_every_liar_a_clause(suite, liars):
    assert set(liars) == set(clauses(suite))
    assert all(liars.values())

"""The contract suites' own harness of the ``sql`` source, for tests about one engine."""

import contextlib

import pytest

from tests.contract.suite import Workplace
from tests.fixtures.sources.sql.subject import SUBJECTS

NAMES = tuple(subject.name for subject in SUBJECTS)


def on(*names):
    """Parametrise a test with ``harness`` on the subjects of these names."""
    found = [subject for subject in SUBJECTS if subject.name in names]
    assert len(found) == len(names)
    params = [pytest.param(s, id=s.name, marks=[pytest.mark.server(*s.needs)] if s.needs else []) for s in found]
    return pytest.mark.parametrize("harness", params, indirect=True)


@pytest.fixture
def harness(request, tmp_path):
    """A prepared system of one subject."""
    with contextlib.ExitStack() as stack:
        place = Workplace(tmp_path, lambda need: request.getfixturevalue(f"{need}_server"))
        yield stack.enter_context(request.param.open(place))

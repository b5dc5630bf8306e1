import pytest
from pydantic import ValidationError

from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.errors import ConfigurationError


def test_secret_is_read_when_it_is_used(monkeypatch, tmp_path):
    reference = SecretRef(env="S2S_TEST_SECRET")
    assert not reference.is_present()
    monkeypatch.setenv("S2S_TEST_SECRET", "one")
    assert reference.reveal() == "one"
    (tmp_path / "secret").write_text(" two \n")
    assert SecretRef(file=str(tmp_path / "secret")).reveal() == "two"


@pytest.mark.parametrize("given", [{"env": "NO_SUCH_SECRET_HERE"}, {"file": "/no/such/secret"}])
def test_missing_secret_names_its_place(given):
    with pytest.raises(ConfigurationError) as caught:
        SecretRef(**given).reveal()
    assert next(iter(given.values())) in str(caught.value)


@pytest.mark.parametrize("name", ["a-b", "two words", "1st", "", "x" * 200, "pg://u:p@h", "NAME\n"])
def test_name_of_a_variable_is_no_place_for_a_secret(name):
    with pytest.raises(ValidationError):
        SecretRef(env=name)

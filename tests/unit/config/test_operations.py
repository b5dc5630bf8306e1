"""``operations.yaml``: the defaults where there is none, and what is wrong with one by line, near miss and fix."""

from datetime import time, timedelta

import pytest

from s2s_pipelines.config.editor_schema import operations_schema
from s2s_pipelines.config.operations import Operations, load_operations
from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.config.yaml_file import read_yaml
from s2s_pipelines.errors import ConfigurationError
from tests.unit.config.test_editor_schema import faults

WHOLE = """\
ui_url: https://dagster.example.com
retention: {runs: P14D}
alerts:
  timezone: Africa/Johannesburg
  digest_at: "07:30"
  most_at_once: 5
  receivers:
    ops:
      kind: email
      host: {env: ALERT_MAIL_HOST}
      user: {env: ALERT_MAIL_USER}
      password: {file: /run/secrets/mail}
      sender: S2S <s2s@example.com>
      to: [ops@example.com, night@example.com]
    desk: {kind: webhook, url: "https://desk.example.com/hook", secret: {env: HOOK_SECRET}}
"""
MAIL = "alerts:\n  receivers:\n    ops: {{kind: email, host: h, sender: s2s@example.com, to: [ops@example.com]{}}}\n"


def loaded(folder, text):
    (folder / "operations.yaml").write_text(text)
    return load_operations(folder)


def refused(folder, text):
    with pytest.raises(ConfigurationError) as told:
        loaded(folder, text)
    return told.value.message


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n"])
def test_where_nothing_is_said_the_defaults_hold(tmp_path, text):
    found = load_operations(tmp_path) if text is None else loaded(tmp_path, text)
    assert found == Operations()
    assert found.alerts.receivers == {}


def test_the_whole_file_is_read_as_it_is_written(tmp_path):
    found = loaded(tmp_path, WHOLE)
    assert (found.retention.runs, found.retention.ticks) == (timedelta(days=14), timedelta(days=7))
    assert (found.alerts.digest_at, found.alerts.most_at_once) == (time(7, 30), 5)
    ops, desk = found.alerts.receivers["ops"], found.alerts.receivers["desk"]
    assert (ops.port, ops.security, ops.host) == (587, "starttls", SecretRef(env="ALERT_MAIL_HOST"))
    assert ops.to == ("ops@example.com", "night@example.com")
    assert (desk.url, desk.secret) == ("https://desk.example.com/hook", SecretRef(env="HOOK_SECRET"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ui_ur: http://x\n", ("operations.yaml:1", "ui_ur", "ui_url")),
        ("alerts:\n  recievers: {}\n", ("operations.yaml:2", "recievers", "receivers")),
        ("alerts: {timezone: Africa/Joburg}\n", ("alerts.timezone", "Africa/Joburg")),
        ("alerts: {digest_at: 7:30}\n", ("alerts.digest_at", "time of day")),
        ("alerts: {most_at_once: 0}\n", ("alerts.most_at_once",)),
        ("alerts:\n  receivers:\n    ops: {kind: pager}\n", ("alerts.receivers.ops", "pager", "email")),
        (MAIL.format(", password: hunter2"), ("must not be written here", "env: NAME")),
        (MAIL.format(", user: {env: A}"), ("user and password belong together",)),
        (MAIL.format("").replace("ops@example.com", "nobody"), ("this is not an e-mail address",)),
        ("alerts: [\n", ("operations.yaml",)),
    ],
)
def test_what_is_wrong_is_told_with_place_and_fix(tmp_path, text, says):
    message = refused(tmp_path, text)
    for part in says:
        assert part in message, message
    assert "hunter2" not in message


def test_a_secret_in_an_address_is_refused_and_not_repeated(tmp_path):
    text = 'alerts:\n  receivers:\n    desk: {kind: webhook, url: "https://u:hunter2@desk.example.com/"}\n'
    message = refused(tmp_path, text)
    assert "a password stands inside this address" in message
    assert "hunter2" not in message


def test_an_editor_knows_the_keys(tmp_path):
    schema = operations_schema()
    assert faults(schema, read_yaml(WHOLE).value) == []
    assert faults(schema, {"ui_ur": "x"}) != []
    assert faults(schema, {"alerts": {"receivers": {"ops": {"kind": "email"}}}}) != []
    assert schema["properties"]["ui_url"]["description"].startswith("Where people reach the Dagster UI")

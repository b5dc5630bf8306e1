import pytest

from s2s_pipelines.config.secrecy import find_written_secrets
from s2s_pipelines.config.yaml_file import read_yaml

SECRETS = [
    "url: postgresql://reader:hunter2@erp.example.com/db",
    "url: 'mysql+pymysql://reader:hunter2@erp.example.com/db'",
    "url: https://shop.example.com/api?key=1&access_token=abc",
    "url: https://files.example.com/x.csv?sig=abc",
    "dsn: 'Driver=X;Server=y;Pwd=hunter2;'",
    "dsn: 'Password = hunter2'",
    "password: hunter2",
    "api_key: abc",
    "apikey: abc",
    "deep: {list: [{client_secret: abc}]}",
    "pin_token: 123456",
    "text: '-----BEGIN RSA PRIVATE KEY-----'",
]
NONE = [
    "url: postgresql://reader@erp.example.com/db",
    "url: https://shop.example.com/a:b@c",
    "url: https://shop.example.com?page=2&order=asc",
    "password: {env: SHOP_PASSWORD}",
    "password:",
    "timeout_s: 30",
    "key: doc_id",
    "token_url: https://login.example.com/token",
    "note: 'pay at 10:30 @ the door'",
]


def found(text, **how):
    return list(find_written_secrets(read_yaml(text), "resources/x.yaml", **{"is_by_key": True, **how}))


@pytest.mark.parametrize("text", SECRETS)
def test_written_secret_is_found_and_not_repeated(text):
    problems = found(text)
    assert len(problems) == 1
    assert "hunter2" not in problems[0].text()
    assert "abc" not in problems[0].text()


@pytest.mark.parametrize("text", NONE)
def test_ordinary_setting_is_no_secret(text):
    assert found(text) == []


def test_names_of_fields_are_no_secrets():
    assert found("flags: {meta_token: system}", is_by_key=False) == []

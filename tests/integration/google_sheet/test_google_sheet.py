"""The real gspread client against the stand-in for Google's services."""

import json

import pytest

from s2s_pipelines.connectors.sources.google_sheet import CONNECTOR, Settings
from s2s_pipelines.errors import AccessError, ConfigurationError, DataError, TransientError
from s2s_pipelines.model.field import FieldRow
from s2s_pipelines.ports import BuildContext
from s2s_pipelines.sandboxes.google_sheets import GoogleSheetsSandbox
from s2s_pipelines.sandboxes.serving import LocalServer

SHEET = "sheet_0123456789"


@pytest.fixture
def world(tmp_path, monkeypatch):
    sandbox = GoogleSheetsSandbox(tmp_path / "sheets")
    with LocalServer(sandbox.app()) as server:
        monkeypatch.setenv("SHEET_KEY", sandbox.service_account(server.url))
        yield sandbox, server


def source(server, **more):
    settings = Settings.model_validate(
        {
            "kind": "google_sheet",
            "spreadsheet": SHEET,
            "credentials": {"env": "SHEET_KEY"},
            "api_url": server.url,
            "feeds": {"products": {"tab": "My 'Tab'"}},
            **more,
        }
    )
    fields = {"products": (FieldRow("products", "variants.sku", "SKU"),)}
    return CONNECTOR.build(settings, BuildContext("acme", "sheet", ".", "UTC", fields))


def test_cells_arrive_as_exact_text_with_blanks_as_null_and_rows_numbered(world):
    sandbox, server = world
    sandbox.write(
        SHEET,
        "My 'Tab'",
        [["SKU", "Price", "Qty", "Live"], ["0012", 12.5, 3, True], [], ["0013", 0.1, 1000000, False], ["0014"]],
    )
    extract = source(server).read("products")
    assert extract.table.to_pydict() == {
        "SKU": ["0012", "0013", "0014"],
        "Price": ["12.5", "0.1", None],
        "Qty": ["3", "1000000", None],
        "Live": ["true", "false", None],
    }
    assert extract.rows.to_pylist() == [2, 4, 5]
    assert extract.is_complete
    assert not extract.notes


def test_one_read_is_one_request_and_the_fingerprint_follows_the_content(world):
    sandbox, server = world
    sandbox.write(SHEET, "My 'Tab'", [["SKU"], ["A"]])
    first, second = source(server).read("products"), source(server).read("products")
    assert sandbox.reads == 2
    assert first.fingerprint == second.fingerprint
    sandbox.write(SHEET, "My 'Tab'", [["SKU"], ["B"]])
    assert source(server).read("products").fingerprint != first.fingerprint


def test_numeric_codes_are_noted_because_their_zeros_are_gone(world):
    sandbox, server = world
    sandbox.write(SHEET, "My 'Tab'", [["SKU"], [12], ["0013"]])
    assert "1 cells of column SKU are numbers" in source(server).read("products").notes[0]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["SKU", "SKU"], ["A", "B"]], "repeated column name"),
        ([["SKU", "", "Qty"], ["A", "B", 1]], "blank"),
        ([], "no header"),
        ([["SKU"], ["A", "stray"]], "row 2"),
    ],
)
def test_a_sheet_without_a_clean_header_is_refused(world, rows, words):
    sandbox, server = world
    sandbox.write(SHEET, "My 'Tab'", rows)
    with pytest.raises(DataError, match=words):
        source(server).read("products")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ((429, "RESOURCE_EXHAUSTED"), TransientError),
        ((503, "UNAVAILABLE"), TransientError),
        ((401, "UNAUTHENTICATED"), AccessError),
    ],
)
def test_a_failing_service_raises_and_is_never_an_empty_feed(world, fault, error):
    sandbox, server = world
    sandbox.write(SHEET, "My 'Tab'", [["SKU"], ["A"]])
    # google-auth itself repeats a 401 twice with a fresh token
    sandbox.answer_next = [fault] * 4
    with pytest.raises(error) as caught:
        source(server).read("products")
    assert "acme" in str(caught.value)
    if fault[0] == 429:
        assert caught.value.retry_after_s == 7


def test_missing_tab_unshared_and_unknown_sheet_are_told_apart(world):
    sandbox, server = world
    with pytest.raises(ConfigurationError, match="no spreadsheet"):
        source(server).read("products")
    sandbox.write(SHEET, "Other", [["SKU"]])
    with pytest.raises(ConfigurationError, match="tab does not exist"):
        source(server).read("products")
    sandbox.write(SHEET, "My 'Tab'", [["SKU"]], shared=False)
    with pytest.raises(AccessError, match="share the sheet"):
        source(server).read("products")


def test_a_foreign_key_is_refused_by_the_token_endpoint(world, tmp_path, monkeypatch):
    sandbox, server = world
    other = GoogleSheetsSandbox(tmp_path / "other").service_account(server.url)
    monkeypatch.setenv("SHEET_KEY", other)
    sandbox.write(SHEET, "My 'Tab'", [["SKU"], ["A"]])
    with pytest.raises(AccessError):
        source(server).check()


def test_an_unreachable_service_is_transient_and_hides_the_key(world, monkeypatch):
    sandbox, server = world
    key = json.loads(sandbox.service_account("http://127.0.0.1:9"))
    monkeypatch.setenv("SHEET_KEY", json.dumps(key))
    with pytest.raises(TransientError) as caught:
        source(server).read("products")
    assert "PRIVATE" not in str(caught.value)


def test_an_answer_beyond_the_bound_is_refused(world):
    sandbox, server = world
    sandbox.write(SHEET, "My 'Tab'", [["SKU"], *[["x" * 100]] * 100])
    with pytest.raises(DataError, match="larger than 1000"):
        source(server, max_bytes=1000).read("products")
